// The operators' own host: nothing of theirs is answered elsewhere, and nothing of visitors' there. On the
// compiled Worker, and with wrangler.toml as wrangler reads it, which serves the files.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { campaign } from '../support/campaigns.mjs';
import { freePort, send, until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { ROOT, World, consentVars, newKey } from '../support/world.mjs';

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
});

test('the platform serves the dashboard at that host alone', { timeout: 120_000 }, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-host-'));
  const port = await freePort();
  const vars = {
    LEADHOOK_PEPPERS: `k1:${newKey()}`,
    LEADHOOK_SEALING_KEYS: `k1:${newKey()}`,
    LEADHOOK_ADMIN_HOST: ADMIN,
  };
  const wrangler = spawn(
    path.join(ROOT, 'node_modules/.bin/wrangler'),
    [
      'dev',
      '--ip',
      '127.0.0.1',
      '--port',
      port,
      '--persist-to',
      folder,
      '--show-interactive-dev-session=false',
      ...Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`]),
    ],
    {
      cwd: ROOT,
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    },
  );
  let output = '';
  for (const stream of [wrangler.stdout, wrangler.stderr])
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = new Promise((done) => wrangler.once('exit', done));
  const ask = (host, name) => send(`http://127.0.0.1:${port}`, 'GET', name, { headers: { Host: host } });
  try {
    await until('wrangler serves', async () => (await ask(PUBLIC, '/healthz')).status === 200, 90);
    for (const name of FILES) {
      assert.equal((await ask(PUBLIC, name)).status, 404, name);
      const { status, headers } = await ask(ADMIN, name);
      assert.equal(status, 200, name);
      assert.match(headers['content-security-policy'], /default-src 'none'/, 'the headers of web/_headers');
    }
    for (const name of OTHERWISE) {
      const { status, headers, text } = await ask(PUBLIC, name);
      assert.ok(status === 404 || FILES.includes(headers.location), `${name}: ${status}`);
      assert.doesNotMatch(text, /admin\.js/, name);
    }
    for (const host of [PUBLIC, ADMIN])
      assert.equal((await ask(host, '/leadhook.js')).status, 200, 'a script of pages is everywhere');
  } catch (error) {
    error.message += `\n--- wrangler ---\n${output.slice(-3000)}`;
    throw error;
  } finally {
    try {
      process.kill(-wrangler.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
    await ended;
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
