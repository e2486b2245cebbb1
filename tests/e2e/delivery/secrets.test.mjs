// Destination secrets and the scope to publish, for development and not, with a receiver that keeps whatever
// it is sent.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { bodyOf, until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { World, consentVars } from '../support/world.mjs';

const TOKENS = { operate: 'operator-0123456789-abcdef', publish: 'publisher-0123456789-abcde' };
const HOLDERS = `otto:read+operate+erase:${TOKENS.operate},petra:publish:${TOKENS.publish}`;
const BODY = { To: '{to}', Text: '{text}' };
const DOUBLE = { destination: 'mail', subject: '{title}', text: '{confirm_link} {withdraw_link}' };

/** Takes whatever comes, and keeps its headers. */
class Thief {
  headers = [];
  #server;

  static async start() {
    const thief = new Thief();
    thief.#server = http.createServer(async (request, response) => {
      await bodyOf(request);
      thief.headers.push(request.headers);
      response.end('{}');
    });
    await new Promise((done) => thief.#server.listen(0, '127.0.0.1', done));
    thief.url = `http://127.0.0.1:${thief.#server.address().port}/`;
    return thief;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(done));
  }
}

/** A campaign that asks by a provider at this address, who is told this secret. */
const asking = (id, url, secret, crm) => {
  const file = campaign(id, crm, { double_opt_in: DOUBLE });
  return {
    ...file,
    destination: [...file.destination, { name: 'mail', kind: 'email', url, secret, body: BODY }],
  };
};

/** Puts a campaign where an operator of the account can: past every check. */
async function store(world, file) {
  await world.publish({
    ...file,
    double_opt_in: undefined,
    destination: [{ name: 'crm', url: 'https://crm.example.com/', secret: 'CRM_WEBHOOK_SECRET' }],
  });
  world.kv.entries.set(`campaign/v1/${file.id}`, {
    body: Buffer.from(JSON.stringify({ format: 1, campaign: file })),
  });
}

/** The status, and `field: detail` of each problem. */
async function put(world, file, query = '', token) {
  const { status, json } = await world.admin('PUT', `campaigns/${file.id}${query}`, file, token);
  return {
    status,
    warnings: json.warnings,
    problems: (json.errors ?? []).map(({ field, detail }) => `${field}: ${detail}`),
  };
}

async function outcomes(world, id) {
  const all = await world.ask('GET', 'deliveries?limit=100');
  const [delivery] = all.deliveries.filter((one) => one.campaign === id);
  if (!delivery) return [];
  return (await world.ask('GET', `deliveries/${delivery.delivery_id}`)).attempts.map(
    ({ outcome }) => outcome,
  );
}

const attempted = (world, id, outcome) =>
  until(
    `${id} is ${outcome}`,
    async () => {
      const told = await outcomes(world, id);
      if (told.at(-1) === outcome) return told;
      throw new Error(told.join());
    },
    30,
  );

async function post(world, id) {
  const answer = await world.postJson(id, person());
  assert.equal(answer.status, 202, answer.text);
}

describe('secrets in development', { timeout: 180_000 }, () => {
  let world, thief, crm, other;

  before(async () => {
    [thief, crm, other] = [await Thief.start(), await Receiver.start(), await Receiver.start()];
    world = await World.start({
      breaksKv: true,
      vars: {
        ...consentVars(),
        LEADHOOK_ADMIN_TOKENS: HOLDERS,
        TWO_SECRETS: `token ${SECRETS.SALES_WEBHOOK_SECRET}`,
      },
    });
  });

  after(async () => {
    await world?.stop();
    await thief?.stop();
    await crm?.down();
    await other?.down();
  });

  test('no name of a campaign takes what signs to an address', async () => {
    const signs =
      'destination[1].secret: has a value that begins with whsec_: a secret that signs is never sent';
    for (const [name, problem] of [
      ['CRM_WEBHOOK_SECRET', 'destination[1].secret: signs what goes to crm, so it is never sent'],
      ['SALES_WEBHOOK_SECRET', signs],
      ['TWO_SECRETS', signs],
      ['LEADHOOK_PEPPERS', 'destination[1].secret: must not begin with LEADHOOK_'],
      ['LEADHOOK_ADMIN_TOKEN', 'destination[1].secret: must not begin with LEADHOOK_'],
    ]) {
      assert.deepEqual(
        await put(world, asking('taken', thief.url, name, crm)),
        { status: 422, warnings: undefined, problems: [problem] },
        name,
      );
    }
    // Nor past the checks.
    for (const [at, name] of ['CRM_WEBHOOK_SECRET', 'SALES_WEBHOOK_SECRET', 'TWO_SECRETS'].entries()) {
      await store(world, asking(`past-${at}`, thief.url, name, crm));
      await post(world, `past-${at}`);
      await attempted(world, `past-${at}`, 'secret_signs');
    }
    assert.deepEqual(thief.headers, []);
  });

  test('a binding that is no text is no secret', async () => {
    for (const name of ['KV', 'LEDGER', 'NOT_THERE']) {
      const id = name.toLowerCase().replace('_', '-');
      const { status, warnings } = await put(world, asking(id, thief.url, name, crm));
      assert.deepEqual(
        [status, warnings],
        [200, [`destination[1].secret: the Worker has no secret ${name}; what needs it waits`]],
      );
      await post(world, id);
      await attempted(world, id, 'secret_missing');
    }
    assert.deepEqual(thief.headers, []);
  });

  test('a token is sent, unless it is bound elsewhere', async () => {
    assert.equal((await put(world, asking('token', thief.url, 'MAIL_API_TOKEN', crm))).status, 200);
    await post(world, 'token');
    await until('the mail', () => thief.headers.length === 1);
    assert.equal(thief.headers[0].authorization, `Bearer ${SECRETS.MAIL_API_TOKEN}`);
    const { problems } = await put(world, {
      ...campaign('hook', crm),
      destination: [{ name: 'crm', url: crm.url, secret: 'MAIL_API_TOKEN' }],
    });
    assert.deepEqual(problems, [
      'destination[0].secret: is sent as it is by the campaign token, so it never signs',
    ]);
    await world.restart('SIGTERM', { LEADHOOK_SECRET_HOSTS: 'MAIL_API_TOKEN=api.mail.example' });
    assert.match(
      (await put(world, asking('token', thief.url, 'MAIL_API_TOKEN', crm))).problems.join(),
      /^destination\[1\]\.secret: is bound to another host/,
    );
    await post(world, 'token');
    await until('it is refused', async () => {
      const { deliveries } = await world.ask('GET', 'deliveries?state=pending&campaign=token');
      return deliveries.some(({ reason }) => reason === 'secret_unbound');
    });
    assert.equal(thief.headers.length, 1);
    await world.restart('SIGTERM', { LEADHOOK_SECRET_HOSTS: '' });
    await until('it heals', () => thief.headers.length === 2, 30);
  });

  test('publishing is a scope of its own, for it sends what waits elsewhere, and the log says where', async () => {
    crm.answer = { status: 500 };
    await world.publish(campaign('moved', crm));
    const waits = person();
    await world.postJson('moved', waits);
    await until('it waits', () => crm.to(waits.email).length > 0);
    assert.equal((await put(world, campaign('moved', other), '', TOKENS.operate)).status, 403);
    assert.deepEqual(await put(world, campaign('moved', other), '', TOKENS.publish), {
      status: 200,
      warnings: [],
      problems: [],
    });
    await until('it went where the publisher said', () => other.to(waits.email).length === 1, 90);
    const [done, begun] = (await world.ask('GET', 'audit?campaign=moved')).entries;
    const side = ({ url }) => ({ origin: new URL(url).origin, secret: 'CRM_WEBHOOK_SECRET' });
    for (const [entry, outcome] of [
      [done, 'done'],
      [begun, 'begun'],
    ]) {
      assert.deepEqual([entry.actor, entry.act, entry.outcome], ['petra', 'publish', outcome]);
      assert.deepEqual(entry.changes, {
        destinations: [{ destination: 'crm', from: side(crm), to: side(other) }],
      });
    }
    crm.answer = { status: 204 };
  });

  test('whoever takes double opt-in away while people wait is told, and so is the audit log', async () => {
    const asked = asking('asked', thief.url, 'MAIL_API_TOKEN', crm);
    await world.publish(asked);
    const before = thief.headers.length;
    await post(world, 'asked');
    await until('the mail', () => thief.headers.length > before);
    const { warnings } = await put(world, campaign('asked', crm));
    assert.equal(warnings.length, 1, warnings.join());
    assert.match(warnings[0], /^submissions that wait for their confirmation: 1\. /);
    assert.equal((await world.counters('asked')).states.unconfirmed, 1);
    const [{ changes }] = (await world.ask('GET', 'audit?campaign=asked')).entries;
    assert.equal(changes.destinations[0].to, null);
  });

  test('a company changes its name', async () => {
    const file = campaign('named', crm);
    const renamed = {
      ...file,
      controller: { ...file.controller, name: 'Söner & Co AB', privacy_notice_version: '2027-01' },
      purpose: file.purpose.map((purpose) => ({ ...purpose, version: '2027-01' })),
    };
    await world.publish(file);
    const owned = 'controller.name: the ledger belongs to another controller: one ledger, one controller';
    assert.deepEqual((await put(world, renamed)).problems, [owned]);
    const query = `?rename_controller=${encodeURIComponent('Example AB')}`;
    const stale = { ...renamed, purpose: file.purpose };
    assert.deepEqual(
      (await put(world, stale, query)).problems.map((problem) => problem.split(': ')[0]),
      ['purpose[0].version', 'purpose[1].version'],
    );
    assert.equal((await put(world, renamed, query)).status, 200);
    const [{ changes }] = (await world.ask('GET', 'audit?campaign=named')).entries;
    assert.deepEqual(changes, { controller: { from: 'Example AB', to: 'Söner & Co AB' } });
    assert.match((await put(world, file)).problems[0], /^controller\.name: .* was renamed/);
    const ada = person({ consent: { newsletter: '2027-01' } });
    assert.equal((await world.postJson('named', ada)).status, 202);
    await until('the lead', () => crm.to(ada.email).length === 1);
  });

  test('none of it is told, or readable where it is kept', () => assertNoLeaks(world));
});

describe('secrets outside development', { timeout: 120_000 }, () => {
  let world;
  const crm = { url: 'https://crm.example.com/hooks' };

  before(async () => {
    world = await World.start({
      breaksKv: true,
      vars: {
        ...consentVars(),
        LEADHOOK_ENV: '',
        LEADHOOK_SECRET_HOSTS: 'MAIL_API_TOKEN=api.mail.example, SALES_WEBHOOK_SECRET=api.mail.example',
        FREE_TOKEN: 'free',
      },
    });
  });

  after(() => world?.stop());

  test('what is sent as it is belongs to the host that it is bound to', async () => {
    for (const [url, name, problem] of [
      [
        'https://api.mail.example/send',
        'FREE_TOKEN',
        /is bound to no host: add FREE_TOKEN=api\.mail\.example to LEADHOOK_SECRET_HOSTS$/,
      ],
      ['https://evil.example/', 'MAIL_API_TOKEN', /is bound to another host/],
      ['https://api.mail.example.evil.example/', 'MAIL_API_TOKEN', /is bound to another host/],
      ['https://x.api.mail.example/', 'MAIL_API_TOKEN', /is bound to another host/],
      ['https://api.mail.example/send', 'SALES_WEBHOOK_SECRET', /a secret that signs is never sent$/],
      ['https://api.mail.example/send', 'KV', /is bound to no host/],
      ['https://api.mail.example/send', 'CRM_WEBHOOK_SECRET', /signs what goes to crm/],
    ]) {
      const { status, problems } = await put(world, asking('bound', url, name, crm));
      assert.deepEqual([status, problems.length], [422, 1], `${name} ${url} ${problems}`);
      assert.match(problems[0], /^destination\[1\]\.secret: /);
      assert.match(problems[0], problem);
    }
    assert.equal(world.kv.entries.has('campaign/v1/bound'), false);
    const hook = {
      ...campaign('hook', crm),
      destination: [{ name: 'crm', ...crm, secret: 'MAIL_API_TOKEN' }],
    };
    assert.deepEqual((await put(world, hook)).problems, [
      'destination[0].secret: is bound to a host by LEADHOOK_SECRET_HOSTS, so it never signs',
    ]);
    for (const url of ['https://api.mail.example/send', 'https://API.mail.example.:8443/send']) {
      assert.equal((await put(world, asking('bound', url, 'MAIL_API_TOKEN', crm))).status, 200, url);
    }
  });

  test('and what lies in KV all the same sends nothing, and heals', async () => {
    await store(world, asking('elsewhere', 'https://evil.example/', 'MAIL_API_TOKEN', crm));
    await store(world, asking('unbound', 'https://evil.example/', 'FREE_TOKEN', crm));
    await store(world, asking('signs', 'https://api.mail.example/', 'SALES_WEBHOOK_SECRET', crm));
    for (const [id, outcome] of [
      ['elsewhere', 'secret_unbound'],
      ['unbound', 'secret_unbound'],
      ['signs', 'secret_signs'],
    ]) {
      await post(world, id);
      assert.deepEqual(await attempted(world, id, outcome), [outcome]);
    }
    const { findings } = await world.ask('GET', 'doctor');
    const wrong = findings
      .filter(({ is_wrong: isWrong }) => isWrong)
      .map(({ problem, about }) => `${problem} ${about}`);
    assert.deepEqual(wrong.sort(), [
      'secret_elsewhere elsewhere/mail (MAIL_API_TOKEN)',
      'secret_unbound unbound/mail (FREE_TOKEN)',
      'signing_secret_sent signs/mail (SALES_WEBHOOK_SECRET)',
    ]);
  });

  test('a setting that is written wrongly binds nothing, keeps no lead out, and is told of', async () => {
    await world.restart('SIGTERM', { LEADHOOK_SECRET_HOSTS: 'MAIL_API_TOKEN=https://api.mail.example' });
    const told = [];
    for (let after; after !== null; ) {
      const { findings, next } = await world.ask(
        'GET',
        `doctor${after ? `?after=${encodeURIComponent(after)}` : ''}`,
      );
      told.push(...findings.map(({ problem }) => problem));
      after = next ?? null;
    }
    assert.ok(told.includes('secret_hosts_wrong'), `${told}`);
    assert.doesNotMatch(world.answers.at(-1).text, /api\.mail\.example/);
  });
});
