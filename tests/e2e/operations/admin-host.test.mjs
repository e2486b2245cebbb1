// The operators' own host: nothing of theirs is answered elsewhere, and nothing of visitors' there. On the
// compiled Worker, with its files.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign } from '../support/campaigns.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World, consentVars } from '../support/world.mjs';

const ADMIN = 'admin.example.com';
const PUBLIC = 'leads.example.com';
const FILES = ['/admin', '/admin.js', '/admin.css'];
/** Addresses that a browser asks for where somebody leads it to one written otherwise. */
const OTHERWISE = ['/%61dmin', '/%61dmin.js', '//admin', '/admin.html', '/admin/', '/ADMIN'];

describe('the host of operators', { timeout: 120_000 }, () => {
  let world, crm;
  before(async () => {
    crm = await Receiver.start();
    world = await World.start({ vars: { ...consentVars(), LEADHOOK_ADMIN_HOST: ADMIN } });
  });
  after(async () => {
    await world.stop();
    await crm.down();
  });

  const ask = (host, path_, { method = 'GET', headers = {}, ...options } = {}) =>
    world.request(method, path_, { headers: { Host: host, ...headers }, ...options });
  const token = () => ({ Authorization: `Bearer ${world.adminToken}` });

  test('answers operators alone', async () => {
    const body = JSON.stringify(campaign('hosted', crm));
    const publish = (host) =>
      ask(host, '/admin/api/campaigns/hosted', {
        method: 'PUT',
        headers: { ...token(), 'Content-Type': 'application/json' },
        body,
      });
    assert.equal((await publish(PUBLIC)).status, 404);
    assert.equal((await publish(ADMIN)).status, 200);
    for (const name of ['counters', 'overview', 'campaigns/hosted', 'whoami']) {
      assert.equal((await ask(ADMIN, `/admin/api/${name}`, { headers: token() })).status, 200, name);
      for (const host of [PUBLIC, 'leadhook.account.workers.dev', `${ADMIN}:8443`]) {
        assert.equal(
          (await ask(host, `/admin/api/${name}`, { headers: token() })).status,
          404,
          `${name} at ${host}`,
        );
      }
    }
    for (const name of FILES) {
      assert.equal((await ask(PUBLIC, name)).status, 404, name);
      const { status, headers } = await ask(ADMIN, name);
      assert.equal(status, 200, name);
      assert.match(headers['content-security-policy'], /default-src 'none'/);
    }
  });

  test('and visitors at the others', async () => {
    const fields = { headers: { 'Content-Type': 'application/json' }, method: 'POST', body: '{}' };
    for (const [name, options] of [
      ['/c/hosted'],
      ['/c/hosted', fields],
      ['/f/hosted'],
      ['/d/hosted/x'],
      ['/confirm/hosted/x'],
      ['/withdraw/hosted/x'],
      ['/withdraw/hosted/x', fields],
      ['/withdraw/hosted/x/receipt'],
      ['/openapi.json'],
      ['/.well-known/jwks.json'],
    ]) {
      assert.equal((await ask(ADMIN, name, options)).status, 404, name);
      assert.notEqual((await ask(PUBLIC, name, options)).status, 404, name);
    }
    for (const host of [ADMIN, PUBLIC]) assert.equal((await ask(host, '/healthz')).status, 200);
  });

  test('has the dashboard, however its address is written', async () => {
    for (const name of OTHERWISE) {
      const { status, headers, text } = await ask(PUBLIC, name);
      assert.ok(status === 404 || FILES.includes(headers.location), `${name}: ${status}`);
      assert.doesNotMatch(text, /admin\.js/, name);
    }
    for (const host of [PUBLIC, ADMIN])
      assert.equal((await ask(host, '/leadhook.js')).status, 200, 'a script of pages is everywhere');
  });
});
