// What the Worker's edge takes and refuses: encodings, limits, methods, and who may ask the admin API.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { audit } from './audit.mjs';
import { asForm, campaign, person } from './campaigns.mjs';
import { until } from './http.mjs';
import { Receiver } from './receiver.mjs';
import { World } from './world.mjs';

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

describe('the edge', { timeout: 180_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    world = await World.start();
    await world.publish(
      campaign('edge', crm),
      campaign('strict', crm, { unknown_fields: 'refuse' }),
    );
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  async function arrives(email) {
    const [{ payload }] = await until('the webhook', () => crm.to(email).length && crm.to(email));
    return payload.data;
  }

  test('13. urlencoded, multipart and JSON with a byte order mark all mean the same', async () => {
    const name = 'Ada Lovelace & Åsa + 100 %';
    const people = [person({ name, seats: 3 }), person({ name, seats: 3 }), person({ name, seats: 3 }), person({ name, seats: 3 })];
    const [urlencoded, multipart, bom, plus] = people;
    const answers = [
      await world.postForm('edge', asForm(urlencoded)),
      await world.postMultipart('edge', asForm(multipart)),
      await world.postJson('edge', `\uFEFF${JSON.stringify(bom)}`, { 'Content-Type': 'application/json; charset=utf-8' }),
      await world.postForm('edge', `email=${plus.email}&name=Ada+Lovelace+%26+%C3%85sa+%2B+100+%25&seats=3&consent.newsletter=on&`),
    ];
    assert.deepEqual(answers.map(({ status }) => status), [202, 202, 202, 202], answers.map(({ text }) => text).join());
    for (const { email } of people) {
      assert.deepEqual((await arrives(email)).answers, { name, seats: 3 });
    }
  });

  test('13b. unknown fields are ignored or refused as the campaign says, and never named', async () => {
    const someone = person({ favourite_colour: 'green' });
    assert.equal((await world.postJson('edge', someone)).status, 202);
    assert.deepEqual((await arrives(someone.email)).answers, { name: someone.name });
    const refused = await world.postJson('strict', { ...someone, utm_medium: 'cpc' });
    isProblem(refused, 422);
    assert.deepEqual(refused.json.errors.map(({ field, code }) => [field, code]), [['', 'unknown_field']]);
    assert.doesNotMatch(refused.text, /favourite|green/);
  });

  test('13c. what is malformed, too large or of an unknown type says so by its status', async () => {
    for (const body of ['{"email":', '', '[]', '"text"', '['.repeat(30_000)]) {
      isProblem(await world.postJson('edge', body), 400);
    }
    isProblem(await world.request('POST', '/c/edge', {
      headers: { 'Content-Type': 'multipart/form-data; boundary=x' }, body: '--y\r\nno such boundary',
    }), 400);
    isProblem(await world.postJson('edge', person({ name: 'x'.repeat(65 * 1024) })), 413);
    isProblem(await world.postForm('edge', asForm(person({ name: 'x'.repeat(65 * 1024) }))), 413);
    const chunked = await world.request('POST', '/c/edge', {
      headers: { ...FORM_TYPE, 'Transfer-Encoding': 'chunked' }, body: `email=${'x'.repeat(70 * 1024)}`,
    });
    isProblem(chunked, 413);
    isProblem(await world.request('POST', '/c/edge', { headers: { 'Content-Type': 'text/xml' }, body: '<lead/>' }), 415);
    isProblem(await world.request('POST', '/c/edge', { body: 'email=a' }), 415);
    isProblem(await world.postJson('no-such-campaign', person()), 404);
    isProblem(await world.request('GET', '/nowhere'), 404);
    isProblem(await world.request('GET', '/c/..%2f..%2fadmin'), 404);
    const crowd = await world.postForm('edge', Array.from({ length: 101 }, (_, i) => [`f${i}`, 'x']));
    assert.ok([400, 413, 422].includes(crowd.status), `more than 100 fields: ${crowd.status}`);
  });

  test('13d. a wrong method is told the right ones', async () => {
    const wrong = await world.request('PUT', '/c/edge', { headers: JSON_TYPE, body: '{}' });
    isProblem(wrong, 405);
    assert.deepEqual(wrong.headers.allow.split(/, */).filter((name) => name !== 'HEAD').sort(), ['GET', 'OPTIONS', 'POST']);
    const health = await world.request('POST', '/healthz', { body: '' });
    isProblem(health, 405);
    assert.match(health.headers.allow, /\bGET\b/);
  });

  test('13e. a form or chatbot can ask what a campaign accepts, and anybody what all of this is', async () => {
    const criteria = await world.request('GET', '/c/edge');
    assert.equal(criteria.status, 200);
    assert.match(criteria.headers['content-type'], /^application\/json\b/);
    for (const part of ['email', 'company_size', '51-200', 'Yes, send me news', '2026-11']) {
      assert.ok(criteria.text.includes(part), `${part} is not in ${criteria.text}`);
    }
    assert.doesNotMatch(criteria.text, /CRM_WEBHOOK_SECRET|127\.0\.0\.1|large company/, 'where leads go and what counts is ours');
    const contract = await world.request('GET', '/openapi.json');
    assert.equal(contract.status, 200);
    assert.match(contract.json.openapi, /^3\./);
    assert.ok(contract.json.paths['/c/{campaign}'].post);
  });

  test('16. the admin API opens to the token alone', async () => {
    const doors = [
      ['GET', 'counters'], ['GET', 'deliveries'], ['GET', 'campaigns'], ['GET', 'campaigns/edge'], ['PUT', 'campaigns/edge'],
      ['POST', 'deliveries/replay?campaign=edge'], ['POST', 'campaigns/edge/destinations/crm/enable'], ['GET', 'no-such-thing'],
    ];
    for (const [method, path] of doors) {
      for (const token of [null, '', 'wrong', world.adminToken.slice(0, -1), `${world.adminToken}x`]) {
        isProblem(await world.admin(method, path, method === 'PUT' ? campaign('edge', crm) : undefined, token), 401);
      }
    }
    const inAddress = await world.request('GET', `/admin/api/counters?token=${world.adminToken}`);
    isProblem(inAddress, 401);
    isProblem(await world.admin('GET', 'no-such-thing'), 404);
    isProblem(await world.admin('GET', 'deliveries/no-such-delivery'), 404);
    isProblem(await world.admin('GET', 'campaigns/no-such-campaign'), 404);
  });

  test('16b. campaigns are published, listed and read, and a bad one is told all its problems', async () => {
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
    for (const path of ['destination[0].url', 'destination[0].secret']) assert.ok(paths.includes(path), paths.join());
    assert.equal((await world.postJson('edge-3', person())).status, 404);

    const reworded = campaign('edge', crm);
    reworded.purpose[0].text = 'Something else under the old version.';
    isProblem(await world.admin('PUT', 'campaigns/edge', reworded), 422);
  });

  test('14. no secret in any answer, nobody recognisable in a log, in KV or on disk', async () => {
    for (const id of ['edge', 'edge-2']) await world.settled(id);
    assert.deepEqual(crm.refused, []);
    audit(world);
  });
});
