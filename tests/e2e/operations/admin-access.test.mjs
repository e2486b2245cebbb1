// Access to the admin API: scopes, throttling of wrong tokens, the audit log, and numbers that reveal nobody.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { Operator } from '../support/cli.mjs';
import { sql } from '../support/disk.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World, consentVars } from '../support/world.mjs';

const TOKENS = {
  read: 'reader-0123456789-abcdefgh',
  operate: 'operator-0123456789-abcdef',
  publish: 'publisher-0123456789-abcde',
  erase: 'eraser-0123456789-abcdefgh',
};
/** The name of each token. */
const NAMES = { read: 'rita', operate: 'otto', publish: 'petra', erase: 'edda' };
const HASH = `email.l1.${'A'.repeat(43)}`;

/** Every address with the scope that the contract names for it. */
async function routes(world) {
  const { paths } = (await world.request('GET', '/openapi.json')).json;
  return Object.entries(paths)
    .filter(([path]) => path.startsWith('/admin/'))
    .flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([method]) => method !== 'parameters')
        .map(([method, { security }]) => ({
          method: method.toUpperCase(),
          path: path.replace(/\{\w+\}/g, 'nothing'),
          scope: security[0].adminToken[0],
        })),
    );
}

describe('the admin API', () => {
  let world, receiver;
  before(async () => {
    receiver = await Receiver.start();
    const named = Object.entries(TOKENS).map(([scope, token]) => `${NAMES[scope]}:${scope}:${token}`);
    world = await World.start({ vars: { ...consentVars(), LEADHOOK_ADMIN_TOKENS: named.join(',') } });
    await world.publish(campaign('audited', receiver));
  });
  after(async () => {
    assertNoLeaks(world);
    await world.stop();
    await receiver.down();
  });

  const ask = (method, path, token, { headers = {}, ...options } = {}) =>
    world.request(method, path, {
      headers: { ...(token && { Authorization: `Bearer ${token}` }), ...headers },
      ...options,
    });

  it('lets each scope do its part alone', async () => {
    const all = await routes(world);
    assert.ok(all.length > 15);
    for (const { method, path, scope } of all) {
      for (const [held, token] of Object.entries(TOKENS)) {
        const { status, headers } = await ask(method, path, token);
        if (held === scope) {
          assert.ok(![401, 403, 405, 429, 503].includes(status), `${method} ${path}: ${status}`);
        } else {
          assert.equal(status, 403, `${method} ${path} with ${held}`);
          assert.equal(headers['www-authenticate'], `Bearer error="insufficient_scope", scope="${scope}"`);
          assert.equal(headers['content-type'], 'application/problem+json');
        }
      }
      assert.equal((await ask(method, path)).status, 401, `${method} ${path}`);
    }
  });

  it('lets nobody guess, and nobody else wait for it', async () => {
    const from = (address) => ({ headers: { 'CF-Connecting-IP': address } });
    for (let n = 0; n < 10; n += 1) {
      assert.equal((await ask('GET', '/admin/api/counters', `guess-${n}`, from('192.0.2.1'))).status, 401);
    }
    const { status, headers, json } = await ask('GET', '/admin/api/counters', TOKENS.read, from('192.0.2.1'));
    assert.equal(status, 429);
    assert.ok(Number(headers['retry-after']) > 0 && Number(headers['retry-after']) <= 60);
    assert.equal(json.title, 'Too many attempts');
    assert.equal((await ask('GET', '/admin/api/counters', TOKENS.read, from('192.0.2.2'))).status, 200);
  });

  it('writes down who has done what, and not to whom', async () => {
    const ada = person();
    assert.equal((await world.postJson('audited', ada)).status, 202);
    await world.settled('audited');
    const done = async (scope, method, path, value) => {
      const headers = { 'Content-Type': 'application/json' };
      const { status, text } = await ask(method, `/admin/api/${path}`, TOKENS[scope], {
        headers,
        body: value && JSON.stringify(value),
      });
      assert.equal(status, 200, `${path}: ${text}`);
    };
    const file = campaign('audited', receiver, { title: 'Anew' });
    await done('publish', 'PUT', 'campaigns/audited', file);
    await done('operate', 'POST', 'campaigns/audited/destinations/crm/enable');
    await done('operate', 'POST', 'deliveries/replay?campaign=audited');
    await done('operate', 'POST', 'lists/customers?ledger=audited', { add: [HASH] });
    await done('operate', 'POST', 'lists/customers?ledger=audited', { clear: true });
    await done('erase', 'POST', 'erase', { email: ada.email });
    const pages = [];
    for (let cursor = ''; cursor !== null; ) {
      const page = (await ask('GET', `/admin/api/audit?limit=3${cursor}`, TOKENS.read)).json;
      pages.push(...page.entries);
      cursor = page.next && `&after=${page.next}`;
    }
    assert.deepEqual(
      pages.map(({ actor, act, outcome, count }) => `${actor} ${act} ${outcome} ${count}`),
      [
        'edda erase done 1',
        'otto list_clear done 1',
        'otto list_add done 1',
        'otto replay_all done 0',
        'otto enable done 0',
        'petra publish done null',
        'petra publish begun null',
        'admin publish done null',
        'admin publish begun null',
      ],
    );
    const log = world.stdout
      .split('\n')
      .filter((line) => line.includes('"event":"admin"'))
      .map((line) => JSON.parse(line));
    assert.ok(log.some(({ actor, what, status }) => actor === 'edda' && what === 'erase' && status === 200));
    assert.ok(log.some(({ actor, what, status }) => actor === 'rita' && what === 'erase' && status === 403));
  });

  it('empties no objections, and lets those take one back who answer to people', async () => {
    const order = (token, value) =>
      ask('POST', '/admin/api/lists/suppressed?ledger=audited', token, {
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(value),
      });
    const entries = async () =>
      (await world.ask('GET', 'lists?ledger=audited')).lists.find(({ list }) => list === 'suppressed')
        .entries;
    const before = await entries();
    assert.deepEqual((await order(TOKENS.operate, { add: [HASH] })).json, { added: 1 });
    for (const token of [TOKENS.operate, world.adminToken]) {
      const { status, json } = await order(token, { clear: true });
      assert.deepEqual([status, json.errors[0].code], [409, 'cannot_be_undone']);
    }
    const refused = await order(TOKENS.operate, { remove: [HASH] });
    assert.deepEqual(
      [refused.status, refused.headers['www-authenticate']],
      [403, 'Bearer error="insufficient_scope", scope="erase"'],
    );
    assert.equal((await order(TOKENS.erase, { add: [HASH] })).status, 403);
    assert.equal(await entries(), before + 1);
    assert.deepEqual((await order(TOKENS.erase, { remove: [HASH] })).json, { removed: 1 });
    assert.equal(await entries(), before);
  });

  it('tells nobody who reads numbers what a person is', async () => {
    const care = { name: 'care', url: `${receiver.url}/care?key=s3cret`, secret: 'CRM_WEBHOOK_SECRET' };
    // biome-ignore lint/suspicious/noThenProperty: a key of campaigns; nobody awaits them
    const list = [{ name: 'customers', then: 'existing_customer', send_to: ['care'] }];
    const file = campaign('probed', receiver, { list });
    await world.publish({ ...file, destination: [...file.destination, care] });
    for (let n = 0; n < 12; n += 1)
      await world.postJson('probed', person({ utm_source: n < 6 ? 'google' : 'newsletter' }));
    const desk = new Operator(world);
    const [known, customer, suppressed] = [person(), person(), person()];
    await world.postJson('probed', known);
    await desk.run('suppress', '--email', suppressed.email, '--ledger', 'probed');
    await desk.run(
      'list',
      'import',
      desk.write('customers.csv', `email\n${customer.email}\n`),
      '--list',
      'customers',
      '--ledger',
      'probed',
    );
    await world.settled('probed');

    const read = async (path) => {
      const { status, text } = await ask('GET', `/admin/api/${path}`, TOKENS.read);
      return { status, text };
    };
    const probes = Object.entries({ stranger: person(), known, customer, suppressed });
    for (const [at, [what, one]] of probes.entries()) {
      const source = `probe-${'abcd'[at]}`;
      const { json } = await world.postJson('probed', { ...one, name: 'Pro Be', utm_source: source });
      await world.settled('probed');
      const hour = `from=${new Date().toISOString().slice(0, 13)}:00:00Z`;
      for (const path of [
        'counters',
        'overview',
        'doctor?ledger=probed',
        'audit',
        'lists',
        'keys',
        'campaigns',
        'campaigns/probed',
        'whoami',
        `counters?campaign=probed&${hour}`,
        `overview?campaign=probed&${hour}`,
        `deliveries?ids=${json.submission_id}`,
        'deliveries?campaign=probed',
        'held',
        'quarantine',
        `quarantine/${json.submission_id}`,
      ]) {
        const { status, text } = await read(path);
        assert.equal(status, /^(deliveries|held|quarantine)/.test(path) ? 403 : 200, path);
        for (const word of [source, json.submission_id, one.email, 'lead_', 's3cret'])
          assert.ok(!text.includes(word), `${path} tells ${word}`);
      }
      const { sources, destinations } = JSON.parse((await read('overview?campaign=probed')).text);
      assert.ok(
        sources.other &&
          Object.values(sources).every((of) => Object.keys(of).join() === 'delivered,new,qualified'),
        `${what}: ${JSON.stringify(sources)}`,
      );
      assert.deepEqual(
        destinations.map(({ destination }) => destination),
        [null],
        'where it went is not told either',
      );
    }
    const shown = JSON.parse((await read('campaigns/probed')).text).destination.map(({ url }) => url);
    assert.deepEqual(
      shown,
      [receiver, receiver].map(({ url }) => `${new URL(url).origin}/…`),
    );
    // A cursor of his own making counts nobody.
    const counts = Array(12).fill(0).join('_');
    assert.equal(
      (await read(`doctor?ledger=probed&after=leads.suppressed_.${counts}.${counts}.`)).status,
      422,
    );
  });

  it('keeps a log that the database itself refuses to change', async () => {
    await world.kill('SIGTERM');
    const entries = sql(world, 'SELECT actor, act FROM audit');
    const audited = entries.length;
    assert.ok(audited >= 9);
    for (const statement of [
      "UPDATE audit SET actor = 'bob'",
      'DELETE FROM audit',
      "INSERT OR REPLACE INTO audit (seq, at_ms, actor, act, outcome) VALUES (1, 0, 'bob', 'x', 'done')",
    ]) {
      assert.throws(
        () => sql(world, statement),
        (error) => /audit log is not (changed|deleted|replaced)/.test(error.stderr),
        statement,
      );
    }
    assert.deepEqual(sql(world, 'SELECT actor, act FROM audit'), entries);
    await world.startAgain();
  });
});
