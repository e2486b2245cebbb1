// Protection against abuse: signs of junk, the quarantine and an operator's decisions on it, Turnstile, and
// the limit of a campaign by the minute.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { Operator } from '../support/cli.mjs';
import { filesOf } from '../support/disk.mjs';
import { sleep, until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

const PAGE = 'https://www.example.com';
const SECRET = '0x4AAAAAAAsecret-of-the-widget';
let world, crm, operator, turnstile;

/** Stands where Turnstile does; `answer` is what it says, or a function that answers itself. */
class Siteverify {
  asked = [];

  static async start() {
    const service = new Siteverify();
    service.server = http.createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const form = Object.fromEntries(new URLSearchParams(body));
      service.asked.push(form);
      if (typeof service.answer === 'function') return service.answer(response);
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(service.answer));
    });
    await new Promise((done) => service.server.listen(0, '127.0.0.1', done));
    service.url = `http://127.0.0.1:${service.server.address().port}/turnstile/v0/siteverify`;
    return service;
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

describe('abuse signals', { timeout: 180_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    turnstile = await Siteverify.start();
    world = await World.start({ vars: { TURNSTILE_SECRET: SECRET, LEADHOOK_TURNSTILE_URL: turnstile.url } });
    operator = new Operator(world);
    await world.publish(campaign('plain', crm));
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    await turnstile?.stop();
  });

  const form = ({ email, name, consent, ...more }) => ({ email, name, 'consent.newsletter': 'on', ...more });
  const delivered = async ({ email }) => (await until('the webhook', () => crm.to(email)[0])).payload.data;
  const names = (data) => (data.signals ?? []).map(({ signal }) => signal);

  test("a form of the campaign's own page with its token shows nothing", async () => {
    const { token, honeypot } = (await world.request('GET', '/c/plain')).json;
    assert.equal(token.field, 'leadhook_token');
    assert.equal(honeypot, 'contact_website');
    await sleep(3_100);
    const ada = person();
    const sent = form({ ...ada, [token.field]: token.value, [honeypot]: '' });
    assert.equal((await world.postForm('plain', sent, { Origin: PAGE })).status, 202);
    assert.deepEqual(names(await delivered(ada)), []);

    const bo = person();
    await world.postForm('plain', form({ ...bo, [token.field]: token.value }), { Origin: PAGE });
    const data = await delivered(bo);
    assert.deepEqual(names(data), ['token_reused']);
    assert.deepEqual(data.score.reasons, [], 'a sign gives no points');
  });

  test('a token that was just made is too fast, and a foreign one is none', async () => {
    await world.publish(campaign('other', crm));
    const { token } = (await world.request('GET', '/c/plain')).json;
    const [ada, bo] = [person(), person()];
    await world.postForm('plain', form({ ...ada, leadhook_token: token.value }), { Origin: PAGE });
    assert.deepEqual(names(await delivered(ada)), ['too_fast']);
    await world.postForm('other', form({ ...bo, leadhook_token: token.value }), { Origin: PAGE });
    assert.deepEqual(names(await delivered(bo)), ['token_invalid']);
  });

  test('a program gets byte for byte what a visitor gets', async () => {
    const trap = { name: 'www.cheap.example', contact_website: 'https://cheap.example' };
    const seen = async (post) => {
      const answers = [];
      for (const headers of [
        {},
        { Accept: 'text/html' },
        { Origin: PAGE },
        { Origin: 'https://cheap.example' },
      ]) {
        const answer = await post(headers);
        const { date, ...rest } = answer.headers;
        answers.push([answer.status, rest, answer.text.replace(/sub_[\w-]{24}/, 'sub_')]);
      }
      return answers;
    };
    const junk = await seen((headers) => world.postForm('plain', form({ ...person(), ...trap }), headers));
    const real = await seen((headers) => world.postForm('plain', form(person()), headers));
    assert.deepEqual(junk, real);
    assert.equal((await world.counters('plain')).states.quarantined, 4);
  });

  test('an operator lists, looks at, releases and discards, and what is released arrives', async () => {
    await world.publish(campaign('aside', crm));
    const people = Array.from({ length: 130 }, () =>
      person({ name: 'www.cheap.example', contact_website: 'x' }),
    );
    const ids = [];
    for (const one of people) {
      const answer = await world.postForm('aside', form(one), { 'CF-Connecting-IP': '203.0.113.7' });
      ids.push(answer.json.submission_id);
    }
    const listed = await operator.run('quarantine', 'list', '--campaign', 'aside');
    assert.equal(listed.split('\n').filter((line) => line.startsWith('sub_')).length, 130);
    assert.match(listed, /^ {4}60 {2}link_in_name: a name holds a link: name$/m);
    assert.doesNotMatch(listed, /@|cheap/);
    const one = JSON.parse(await operator.run('quarantine', 'show', ids[0]));
    assert.equal(one.contact.email, people[0].email);
    assert.equal(one.answers.name, 'www.cheap.example');
    for (const file of filesOf(world)) {
      const bytes = fs.readFileSync(file, 'latin1');
      for (const text of ['203.0.113', 'cheap.example', people[5].email])
        assert.ok(!bytes.includes(text), `${text} in ${file}`);
    }

    assert.equal(await operator.run('quarantine', 'release', ids[0], ids[1]), '2 released\n');
    assert.equal((await delivered(people[0])).signals.length, 4);
    await delivered(people[1]);
    assert.equal(await operator.run('quarantine', 'discard', ids[2]), '1 discarded\n');
    const again = await operator.try('quarantine', 'release', ids[2]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, new RegExp(`not released.*${ids[2]}`));
    assert.equal(await operator.run('quarantine', 'release', '--all-of', 'aside'), '127 released\n');
    await world.settled('aside');
    const { states, accepted } = await world.counters('aside');
    assert.deepEqual([accepted, states.delivered, states.discarded, states.quarantined], [130, 129, 1, 0]);
    for (const one of people.slice(3)) assert.equal(crm.to(one.email).length, 1);
    assert.equal(
      await operator.run('quarantine', 'list', '--campaign', 'aside'),
      'Nothing is quarantined.\n',
    );
  });

  test('quarantine outlives a power cut, and a released lead the next one', async () => {
    await world.publish(campaign('dark', crm));
    const ada = person({ name: 'www.cheap.example', contact_website: 'x' });
    const { submission_id: id } = (await world.postForm('dark', form(ada))).json;
    await world.restart('SIGKILL');
    await operator.run('quarantine', 'release', id);
    await world.restart('SIGKILL');
    await delivered(ada);
  });

  test('Turnstile is asked with an idempotency key, and its host and action count', async () => {
    const widget = { site_key: '0x4AAAAAAAwidget', secret: 'TURNSTILE_SECRET', action: 'guide' };
    await world.publish(campaign('guarded', crm, { turnstile: widget }));
    const post = async (answer, more = { 'cf-turnstile-response': 'a-token' }) => {
      turnstile.answer = answer;
      const ada = person();
      const started = Date.now();
      const { status } = await world.postJson('guarded', { ...ada, ...more });
      assert.equal(status, 202);
      return { signals: names(await delivered(ada)), ms: Date.now() - started };
    };
    const passed = { success: true, hostname: 'www.example.com', action: 'guide' };
    assert.deepEqual((await post(passed)).signals, []);
    const [{ idempotency_key: key, ...asked }] = turnstile.asked;
    assert.deepEqual(asked, { secret: SECRET, response: 'a-token' });
    assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual((await post({ ...passed, hostname: 'evil.example' })).signals, ['turnstile_failed']);
    assert.deepEqual((await post({ ...passed, action: 'login' })).signals, ['turnstile_failed']);
    assert.deepEqual((await post({ success: false, 'error-codes': ['timeout-or-duplicate'] })).signals, [
      'turnstile_failed',
    ]);
    assert.deepEqual((await post(passed, {})).signals, ['turnstile_missing']);
    assert.ok(
      turnstile.asked.every((form) => form.idempotency_key === key),
      'one token, one key',
    );
  });

  test('a Turnstile that is down, slow or babbling keeps nobody out', async () => {
    const answers = {
      garbage: (response) => response.end('<html>'),
      endless: (response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write('x'.repeat(65_536)), 1);
        response.on('close', () => clearInterval(timer));
      },
      broken: (response) => response.destroy(),
      refusing: (response) => response.writeHead(500).end('{"success":true}'),
      redirecting: (response) => response.writeHead(302, { Location: turnstile.url }).end(),
      hanging: () => {},
    };
    for (const [kind, answer] of Object.entries(answers)) {
      turnstile.answer = answer;
      const ada = person({ 'cf-turnstile-response': 'a-token' });
      const started = Date.now();
      assert.equal((await world.postJson('guarded', ada)).status, 202, kind);
      assert.ok(Date.now() - started < 20_000, `${kind} is waited for within a bound`);
      assert.deepEqual(names(await delivered(ada)), [], kind);
    }
    const faults = world.stdout.split('\n').filter((line) => line.includes('"turnstile"')).length;
    assert.equal(faults, 6, 'each is logged');
  });

  test('a campaign takes so many a minute, and another is not refused meanwhile', async () => {
    await world.publish(campaign('rush', crm, { limits: { per_minute: 20 } }), campaign('calm', crm));
    // All of it falls into one minute.
    const leftMs = 60_000 - (Date.now() % 60_000);
    if (leftMs < 15_000) await sleep(leftMs + 100);
    const posts = Array.from({ length: 60 }, () => world.postJson('rush', person()));
    const calm = Array.from({ length: 20 }, () => world.postJson('calm', person()));
    const answers = await Promise.all(posts);
    assert.ok((await Promise.all(calm)).every(({ status }) => status === 202));
    const refused = answers.filter(({ status }) => status === 429);
    assert.equal(answers.filter(({ status }) => status === 202).length, 20);
    assert.equal(refused.length, 40);
    for (const { headers, json } of refused) {
      assert.equal(headers['content-type'], 'application/problem+json');
      assert.ok(Number(headers['retry-after']) >= 1 && Number(headers['retry-after']) <= 60);
      assert.equal(json.status, 429);
    }
    const known = await world.postJson('rush', person());
    assert.equal(known.status, 429);
    assert.equal((await world.counters('rush')).accepted, 20);
    await world.settled('rush');
  });

  test('no log, answer, KV value or file tells who anybody is', () => {
    assert.doesNotMatch(world.stdout + world.stderr, /203\.0\.113|panicked/);
    assertNoLeaks(world);
    assert.deepEqual(crm.refused, []);
  });
});
