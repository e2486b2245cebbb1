// The attack surface of the compiled Worker, over real HTTP: no method, no spelling of an address, no header
// and no content type but a valid post to a campaign writes anything.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { filesOf, sql } from '../support/disk.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World, consentVars } from '../support/world.mjs';

const JSON_TYPE = { 'Content-Type': 'application/json' };
/** Methods that Node sends, the odd ones too. TRACE and CONNECT go over a socket of their own. */
const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'LINK', 'PURGE'];
const OVERRIDES = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'];

/** Addresses that look like the door and are none. */
const spellings = (id) => [
  `/c/${id}/`,
  `//c/${id}`,
  `/c//${id}`,
  `/c/${id}//`,
  `/C/${id}`,
  `/c/${id.toUpperCase()}`,
  `/c%2F${id}`,
  `/c/${id}%2F`,
  `/c/%2e%2e/c%2f${id}`,
  `/c/${id};x=1`,
  `/c/${id}%00`,
  `/c/${id}.json`,
  `/c\\${id}x`,
  `/${id}`,
  `/api/c/${id}`,
  `/admin/api/c/${id}`,
  `/c/${id}/thanks/x`,
  `/confirm/${id}/x`,
  `/withdraw/${id}/x`,
  `/f/${id}`,
  `/d/${id}/x`,
  `/admin/api/campaigns/${id}/`,
];

describe('the only way in', () => {
  let world, receiver, file;
  before(async () => {
    receiver = await Receiver.start();
    world = await World.start({ breaksKv: true, vars: consentVars() });
    file = campaign('door', receiver);
    await world.publish(file);
    assert.equal((await world.postJson('door', person())).status, 202);
    await world.settled('door');
  });
  after(async () => {
    assertNoLeaks(world);
    await world.stop();
    await receiver.down();
  });

  const keys = () => Object.fromEntries([...world.kv.entries].map(([key, { body }]) => [key, `${body}`]));
  const TABLES = [
    'submission',
    'fingerprint',
    'delivery',
    'counter',
    'act',
    'request',
    'idempotency',
    'listed',
    'audit',
    'campaign',
    'engagement',
  ];

  /** Everything that is kept: KV, and each table of every ledger, read while the runtime stands still. */
  async function kept() {
    await world.kill('SIGTERM');
    const tables = Object.fromEntries(TABLES.map((table) => [table, sql(world, `SELECT * FROM ${table}`)]));
    const ledgers = filesOf(world).filter(
      (name) => name.endsWith('.sqlite') && !name.endsWith('metadata.sqlite'),
    ).length;
    await world.startAgain();
    return { kv: keys(), tables, ledgers };
  }

  /** The same, before and after. What is not valid is counted in `tally`, approximately and later: not here. */
  async function writesNothing(act) {
    const first = await kept();
    assert.ok(first.tables.submission.length > 0 && Object.keys(first.kv).length > 0);
    await act();
    assert.deepEqual(await kept(), first);
  }

  const raw = (text) =>
    new Promise((done, failed) => {
      const { port } = new URL(world.url);
      const socket = net.connect(port, '127.0.0.1', () => socket.end(text));
      let answer = '';
      socket
        .setEncoding('latin1')
        .on('data', (part) => (answer += part))
        .on('close', () => done(answer))
        .on('error', failed);
      setTimeout(() => socket.destroy(), 5_000).unref();
    });

  it('has no other method, also not by a header that overrides it', () =>
    writesNothing(async () => {
      const body = JSON.stringify(person());
      for (const method of METHODS) {
        const { status } = await world.request(method, '/c/door', { headers: JSON_TYPE, body });
        // The runtime itself answers methods that it does not know.
        assert.ok([200, 204, 400, 405, 501].includes(status), `${method}: ${status}`);
        assert.ok(status !== 200 || ['GET', 'HEAD'].includes(method), `${method}: ${status}`);
        for (const name of OVERRIDES) {
          const { status } = await world.request('GET', '/c/door', {
            headers: { ...JSON_TYPE, [name]: 'POST' },
            body,
          });
          assert.equal(status, 200, `${name}: it is the GET that it is`);
        }
      }
      const { status } = await world.request('GET', '/c/door?_method=POST&email=x@example.org', {});
      assert.equal(status, 200);
      for (const method of ['TRACE', 'CONNECT', 'FOO']) {
        const answer = await raw(
          `${method} /c/door HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
        );
        assert.doesNotMatch(answer, /^HTTP\/1\.1 2/, `${method}: ${answer.slice(0, 60)}`);
      }
    }));

  it('has no other address, however it is spelt', () =>
    writesNothing(async () => {
      for (const path of spellings('door')) {
        for (const method of ['POST', 'PUT']) {
          const { status } = await world.request(method, path, {
            headers: JSON_TYPE,
            body: JSON.stringify(person()),
          });
          assert.ok([400, 401, 404, 405, 410].includes(status), `${method} ${path}: ${status}`);
        }
      }
      for (const id of ['nobody', 'a'.repeat(2_000), '..', '%F0%9F%92%A9']) {
        const { status } = await world.request('POST', `/c/${id}`, {
          headers: JSON_TYPE,
          body: JSON.stringify(person()),
        });
        assert.equal(status, 404, id);
      }
    }));

  it('takes nothing that fails the checks', () =>
    writesNothing(async () => {
      const valid = JSON.stringify(person());
      const multipart = 'multipart/form-data; boundary=x';
      for (const [type, body, expected] of [
        ['text/plain', valid, 415],
        ['application/xml', '<a/>', 415],
        ['garbage', valid, 415],
        [undefined, valid, 415],
        ['application/json', valid.slice(0, -1), 400],
        ['application/json', '[]', 400],
        ['application/json', '', 400],
        ['application/json', '{}', 422],
        ['application/x-www-form-urlencoded', valid, 422],
        ['application/x-www-form-urlencoded', 'email=no', 422],
        ['multipart/form-data', valid, 400],
        [multipart, valid, 400],
        [multipart, '--x--', 422],
        ['application/json', `{"a":"${'x'.repeat(70_000)}"}`, 413],
        ['application/json', Buffer.from([0xff, 0xfe]), 400],
      ]) {
        const headers = type ? { 'Content-Type': type } : {};
        const { status } = await world.request('POST', '/c/door', { headers, body });
        assert.equal(status, expected, `${type} ${String(body).slice(0, 40)}`);
      }
    }));

  it('lets nobody act without a token, whatever the method', () =>
    writesNothing(async () => {
      const { paths } = (await world.request('GET', '/openapi.json')).json;
      let from = 0;
      for (const path of Object.keys(paths).filter((path) => path.startsWith('/admin/'))) {
        const address = path
          .replace('{campaign}', 'door')
          .replace('{destination}', 'crm')
          .replace(/\{\w+\}/g, 'x');
        for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']) {
          for (const token of [undefined, 'wrong']) {
            from += 1;
            const headers = { ...JSON_TYPE, 'CF-Connecting-IP': `10.0.${from >> 8}.${from & 255}` };
            if (token) headers.Authorization = `Bearer ${token}`;
            const { status } = await world.request(method, `${address}?campaign=door&ledger=door`, {
              headers,
              body: JSON.stringify({ ...file, clear: true }),
            });
            assert.equal(status, 401, `${method} ${address}`);
          }
        }
      }
    }));

  it('is where a valid post gets in', async () => {
    const first = await kept();
    assert.equal((await world.postJson('door', person())).status, 202);
    const then = await kept();
    assert.equal(then.tables.submission.length, first.tables.submission.length + 1);
    assert.equal(then.tables.fingerprint.length, first.tables.fingerprint.length + 1);
  });
});
