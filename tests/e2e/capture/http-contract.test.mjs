// The HTTP contract of the endpoint and of the admin API: encodings, size limits, methods, authorization and
// pages of results.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { asForm, campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const FORM_TYPE = { 'Content-Type': 'application/x-www-form-urlencoded' };
let world, crm;

/** An error that a program can read, and a person too. */
function isProblem(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['content-type'], /^application\/problem\+json\b/);
  const { type, title, detail } = answer.json;
  assert.ok(type && title && detail, answer.text);
  assert.equal(answer.json.status, status);
}

describe('the HTTP contract', { timeout: 180_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    world = await World.start();
    await world.publish(campaign('edge', crm), campaign('strict', crm, { unknown_fields: 'refuse' }));
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  async function arrives(email) {
    const [{ payload }] = await until('the webhook', () => crm.to(email).length && crm.to(email));
    return payload.data;
  }

  test('urlencoded, multipart and JSON with a byte order mark all mean the same', async () => {
    const name = 'Ada Lovelace & Åsa + 100 %';
    const people = [
      person({ name, seats: 3 }),
      person({ name, seats: 3 }),
      person({ name, seats: 3 }),
      person({ name, seats: 3 }),
    ];
    const [urlencoded, multipart, bom, plus] = people;
    const answers = [
      await world.postForm('edge', asForm(urlencoded)),
      await world.postMultipart('edge', asForm(multipart)),
      await world.postJson('edge', `\uFEFF${JSON.stringify(bom)}`, {
        'Content-Type': 'application/json; charset=utf-8',
      }),
      await world.postForm(
        'edge',
        `email=${plus.email}&name=Ada+Lovelace+%26+%C3%85sa+%2B+100+%25&seats=3&consent.newsletter=on&`,
      ),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202, 202, 202],
      answers.map(({ text }) => text).join(),
    );
    for (const { email } of people) {
      assert.deepEqual((await arrives(email)).answers, { name, seats: 3 });
    }
  });

  test('a campaign may let each accepted answer take a multiple of a time', async () => {
    const even = 400;
    await world.publish(campaign('even', crm, { even_answers_ms: even, dedupe: { remember_in_kv: true } }));
    const someone = person();
    const took = async (value) => {
      const begun = performance.now();
      const { status } = await world.postJson('even', value);
      return [status, performance.now() - begun];
    };
    // A timer of the platform may go off a millisecond early.
    for (const value of [someone, someone, { ...someone, seats: 3 }, person()]) {
      const [status, ms] = await took(value);
      assert.equal(status, 202);
      assert.ok(ms >= even - 2, `${ms} ms`);
    }
    const [status] = await took({ ...someone, seats: 'many' });
    assert.equal(status, 422);
  });

  test('unknown fields are ignored or refused as the campaign says, and never named', async () => {
    const someone = person({ favourite_colour: 'green' });
    assert.equal((await world.postJson('edge', someone)).status, 202);
    assert.deepEqual((await arrives(someone.email)).answers, { name: someone.name });
    const refused = await world.postJson('strict', { ...someone, utm_medium: 'cpc' });
    isProblem(refused, 422);
    assert.deepEqual(
      refused.json.errors.map(({ field, code }) => [field, code]),
      [['', 'unknown_field']],
    );
    assert.doesNotMatch(refused.text, /favourite|green/);
  });

  test('what is malformed, too large or of an unknown type says so by its status', async () => {
    for (const body of ['{"email":', '', '[]', '"text"', '['.repeat(30_000)]) {
      isProblem(await world.postJson('edge', body), 400);
    }
    isProblem(
      await world.request('POST', '/c/edge', {
        headers: { 'Content-Type': 'multipart/form-data; boundary=x' },
        body: '--y\r\nno such boundary',
      }),
      400,
    );
    isProblem(await world.postJson('edge', person({ name: 'x'.repeat(65 * 1024) })), 413);
    isProblem(await world.postForm('edge', asForm(person({ name: 'x'.repeat(65 * 1024) }))), 413);
    const chunked = await world.request('POST', '/c/edge', {
      headers: { ...FORM_TYPE, 'Transfer-Encoding': 'chunked' },
      body: `email=${'x'.repeat(70 * 1024)}`,
    });
    isProblem(chunked, 413);
    const ofUnknownLength = {
      headers: { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' },
      body: JSON.stringify(person()),
    };
    assert.equal((await world.request('POST', '/c/edge', ofUnknownLength)).status, 202);
    isProblem(
      await world.request('POST', '/c/edge', { headers: { 'Content-Type': 'text/xml' }, body: '<lead/>' }),
      415,
    );
    isProblem(await world.request('POST', '/c/edge', { body: 'email=a' }), 415);
    isProblem(await world.postJson('no-such-campaign', person()), 404);
    isProblem(await world.request('GET', '/nowhere'), 404);
    isProblem(await world.request('GET', '/c/..%2f..%2fadmin'), 404);
    const crowd = await world.postForm(
      'edge',
      Array.from({ length: 101 }, (_, i) => [`f${i}`, 'x']),
    );
    assert.ok([400, 413, 422].includes(crowd.status), `more than 100 fields: ${crowd.status}`);
  });

  test('whatever bytes come, the answer is one of the contract, and the next visitor is served', async () => {
    const form = 'application/x-www-form-urlencoded';
    const multipart = 'multipart/form-data; boundary=b';
    const part = (head, value = 'x') => `--b\r\n${head}\r\n\r\n${value}\r\n`;
    const bytes = [
      [form, Buffer.from([0xff, 0xfe, 0x00, 0x3d, 0x80])],
      [form, 'email=%'],
      [form, 'email=%zz&%=%'],
      [form, '&&&=&=='],
      [form, 'email=a%00b%40example.com&consent.newsletter=on'],
      [form, 'consent.=on&consent.__proto__=on'],
      [form, `email=${'%F0%9F%92%A9'.repeat(200)}`],
      ['application/json', '{"email":1e999}'],
      ['application/json', '{"email":"a","email":"b"}'],
      ['application/json', '{"__proto__":{"x":1},"constructor":1}'],
      ['application/json', '{"email":"\\ud800"}'],
      ['application/json', '{"consent":"yes"}'],
      ['application/json', '{"consent":{"newsletter":{"a":[]}}}'],
      ['application/json', `{"seats":${'9'.repeat(400)}}`],
      ['application/json', Buffer.from([0x7b, 0xff, 0x7d])],
      ['application/json', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`],
      ['application/json', 'null'],
      ['application/json; charset=utf-16', '{}'],
      ['application/json; charset=', '{}'],
      [';;;', '{}'],
      ['multipart/form-data', 'x'],
      ['multipart/form-data; boundary=', 'x'],
      [`multipart/form-data; boundary=${'b'.repeat(500)}`, 'x'],
      [multipart, ''],
      [multipart, '--b--'],
      [multipart, `--b\r\n\r\n\r\n--b--`],
      [multipart, part('Content-Disposition: form-data')],
      [multipart, part('Content-Disposition: form-data; name="email"; filename="a.exe"', 'MZ')],
      [multipart, `${part('Content-Disposition: form-data; name="em')}--b--`],
      [multipart, '--b\r\n'.repeat(2000)],
    ];
    for (const [type, body] of bytes) {
      const { status, text } = await world.request('POST', '/c/edge', {
        headers: { 'Content-Type': type },
        body,
      });
      assert.ok([400, 415, 422].includes(status), `${type} ${String(body).slice(0, 60)}: ${status} ${text}`);
    }
    for (const path of [
      '/c/',
      '/c/%00',
      `/c/${'x'.repeat(3000)}`,
      '/c/edge/',
      '/c/edge/x',
      '//c/edge',
      '/c/EDGE',
      '/c/%e2%80%ae',
      '/c/ann@example.org',
    ]) {
      isProblem(await world.request('POST', path, { headers: FORM_TYPE, body: 'email=a' }), 404);
    }
    assert.equal((await world.postJson('edge', person())).status, 202);
  });

  test('a wrong method is told the right ones', async () => {
    const wrong = await world.request('PUT', '/c/edge', { headers: JSON_TYPE, body: '{}' });
    isProblem(wrong, 405);
    assert.deepEqual(
      wrong.headers.allow
        .split(/, */)
        .filter((name) => name !== 'HEAD')
        .sort(),
      ['GET', 'OPTIONS', 'POST'],
    );
    const health = await world.request('POST', '/healthz', { body: '' });
    isProblem(health, 405);
    assert.match(health.headers.allow, /\bGET\b/);
  });

  test('a form or chatbot can ask what a campaign accepts, and anybody what all of this is', async () => {
    const criteria = await world.request('GET', '/c/edge');
    assert.equal(criteria.status, 200);
    assert.match(criteria.headers['content-type'], /^application\/json\b/);
    for (const part of ['email', 'company_size', '51-200', 'Yes, send me news', '2026-11']) {
      assert.ok(criteria.text.includes(part), `${part} is not in ${criteria.text}`);
    }
    assert.doesNotMatch(
      criteria.text,
      /CRM_WEBHOOK_SECRET|127\.0\.0\.1|large company/,
      'where leads go and what counts is ours',
    );
    const contract = await world.request('GET', '/openapi.json');
    assert.equal(contract.status, 200);
    assert.match(contract.json.openapi, /^3\./);
    assert.ok(contract.json.paths['/c/{campaign}'].post);
  });

  test('the admin API opens to the token alone', async () => {
    const doors = [
      ['GET', 'counters'],
      ['GET', 'deliveries'],
      ['GET', 'campaigns'],
      ['GET', 'campaigns/edge'],
      ['PUT', 'campaigns/edge'],
      ['POST', 'deliveries/replay?campaign=edge'],
      ['POST', 'campaigns/edge/destinations/crm/enable'],
      ['GET', 'no-such-thing'],
    ];
    // Each from an address of its own: after ten wrong tokens one has to wait.
    let address = 0;
    for (const [method, path] of doors) {
      for (const token of [null, '', 'wrong', world.adminToken.slice(0, -1), `${world.adminToken}x`]) {
        address += 1;
        const headers = {
          'CF-Connecting-IP': `192.0.2.${address}`,
          ...(token !== null && { Authorization: `Bearer ${token}` }),
        };
        const body = method === 'PUT' ? JSON.stringify(campaign('edge', crm)) : undefined;
        isProblem(await world.request(method, `/admin/api/${path}`, { headers, body }), 401);
      }
    }
    const inAddress = await world.request('GET', `/admin/api/counters?token=${world.adminToken}`);
    isProblem(inAddress, 401);
    isProblem(await world.admin('GET', 'no-such-thing'), 404);
    isProblem(await world.admin('GET', 'deliveries/no-such-delivery'), 404);
    isProblem(await world.admin('GET', 'campaigns/no-such-campaign'), 404);
  });

  test('campaigns are published, listed and read, and a bad one is told all its problems', async () => {
    const published = await world.ask('PUT', 'campaigns/edge-2', campaign('edge-2', crm));
    assert.equal(published.published, 'edge-2');
    assert.ok(published.revision);
    assert.match((await world.admin('GET', 'campaigns')).text, /edge-2/);
    assert.equal((await world.ask('GET', 'campaigns/edge-2')).id ?? 'edge-2', 'edge-2');
    assert.equal((await world.postJson('edge-2', person())).status, 202);

    const bad = campaign('edge-3', crm, {
      destination: [{ name: 'crm', url: 'http://crm.example.com/hooks', secret: 'LEADHOOK_ADMIN_TOKEN' }],
      colour: 'green',
    });
    const refused = await world.admin('PUT', 'campaigns/edge-3', bad);
    isProblem(refused, 422);
    const problems = refused.json.errors;
    assert.deepEqual(new Set(problems.map(({ code }) => code)), new Set(['campaign_invalid']));
    const paths = problems.map(({ field }) => field);
    for (const path of ['destination[0].url', 'destination[0].secret'])
      assert.ok(paths.includes(path), paths.join());
    assert.equal((await world.postJson('edge-3', person())).status, 404);

    const reworded = campaign('edge', crm);
    reworded.purpose[0].text = 'Something else under the old version.';
    isProblem(await world.admin('PUT', 'campaigns/edge', reworded), 422);
  });

  test('deliveries come in pages, counters for a span of time', async () => {
    await world.publish(campaign('pages', crm));
    for (let i = 0; i < 5; i += 1) await world.postJson('pages', person());
    const { accepted, buckets } = await world.settled('pages');
    assert.equal(accepted, 5);
    const pages = [];
    for (let after = ''; after !== null; ) {
      const page = await world.ask(
        'GET',
        `deliveries?campaign=pages&limit=2${after && `&after=${encodeURIComponent(after)}`}`,
      );
      pages.push(page.deliveries);
      after = page.next;
    }
    assert.deepEqual(
      pages.filter((page) => page.length > 0).map((page) => page.length),
      [2, 2, 1],
    );
    const all = pages.flat();
    assert.equal(new Set(all.map(({ delivery_id }) => delivery_id)).size, 5);
    for (const {
      campaign,
      destination,
      event,
      state,
      attempt_count,
      created_at,
      settled_at,
      lead_id,
      submission_id,
    } of all) {
      assert.deepEqual(
        [campaign, destination, event, state, attempt_count],
        ['pages', 'crm', 'lead.qualified', 'delivered', 1],
      );
      for (const time of [created_at, settled_at])
        assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.match(`${lead_id} ${submission_id}`, /^lead_\S+ sub_\S+$/);
    }
    const hour = Math.min(...buckets.map((bucket) => Date.parse(bucket.hour)));
    const time = (hours) => encodeURIComponent(new Date(hour + hours * 3_600_000).toISOString());
    assert.equal(
      (await world.ask('GET', `counters?campaign=pages&from=${time(0)}&to=${time(2)}`)).accepted,
      5,
    );
    assert.equal((await world.ask('GET', `counters?campaign=pages&from=${time(2)}`)).accepted, 0);
    assert.equal((await world.ask('GET', `counters?campaign=pages&to=${time(-1)}`)).accepted, 0);
    const everywhere = await world.ask('GET', 'counters');
    assert.ok(everywhere.buckets.some(({ campaign }) => campaign === 'pages') && everywhere.accepted >= 5);
  });

  test('no secret in any answer, nobody recognisable in a log, in KV or on disk', async () => {
    for (const id of ['edge', 'edge-2']) await world.settled(id);
    assert.deepEqual(crm.refused, []);
    assertNoLeaks(world);
  });
});
