// Conformance: the contract that Leadhook and its peer must keep before their speed means anything, checked over
// HTTP. No check is of one Worker alone.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { asForm, campaign, person, phoneNumber } from '../../tests/e2e/support/campaigns.mjs';
import { sleep, until } from '../../tests/e2e/support/http.mjs';
import { assertNoLeaks } from '../../tests/e2e/support/leaks.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** The texts of forms and chats. */
const TEXTS = Object.fromEntries(
  Object.entries(JSON.parse(fs.readFileSync(new URL('../../texts/en.json', import.meta.url), 'utf8'))).filter(
    ([key]) => /^(chat|download|error|form)\./.test(key),
  ),
);
const MINUTE_MS = 60_000;

/** Returns the campaign that {@link conformance} expects to be published under an id. */
export const benchCampaign = (id, receiver) =>
  campaign(id, receiver, {
    dedupe: { by: ['email', 'phone'] },
    qualify: { warm: 20, hot: 40, forward_at: 0 },
  });

/**
 * Throws at the first difference from the contract.
 * @param {object} target a started `world` with {@link benchCampaign} published under `campaignId`, the `receiver`
 * that is its one destination, and how to `publish` another campaign
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the contract, one case after the other.
export async function conformance({ world, receiver, publish, campaignId: id }) {
  const file = benchCampaign(id, receiver);
  const accepted = (answer) => {
    assert.equal(answer.status, 202, answer.text);
    assert.deepEqual({ ...answer.json, submission_id: '' }, { submission_id: '', status: 'accepted' });
    assert.match(answer.json.submission_id, /^sub_[\w-]{20,}$/);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    return answer.json.submission_id;
  };
  const post = async (value, headers) => accepted(await world.postJson(id, value, headers));
  const confirmed = (email) =>
    receiver.confirmed.filter(({ payload }) => payload.data.contact.email === email);
  const arrived = (email) => until(`the lead of ${email}`, () => confirmed(email)[0]);
  const refuses = async (sending, status, problems) => {
    const answer = await sending;
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(answer.json.status, status);
    const pairs = answer.json.errors?.map(({ field, code, detail }) => {
      assert.ok(detail);
      return `${field}:${code}`;
    });
    assert.deepEqual(pairs?.sort(), problems?.sort());
    return answer;
  };

  // A lead arrives whole, signed (the receiver verifies) and with the reasons of its score.
  const ada = person({
    company_size: '201+',
    seats: 12,
    wants_demo: true,
    country: 'no',
    website: 'https://example.org/a',
  });
  const phone = phoneNumber();
  const attribution = { utm_source: 'google', page_url: 'https://www.example.com/guide?secret#x' };
  const idOfAda = await post({
    ...ada,
    phone: phone.written,
    ...attribution,
    unknown: 'x',
    consent: { newsletter: '2026-11' },
  });
  const {
    payload: {
      type,
      timestamp,
      data: { lead_id, submitted_at, ...data },
    },
  } = await arrived(ada.email);
  const consent = (method, at, page) =>
    file.purpose.map(({ id: purpose, text, version, channel }) => ({
      purpose,
      granted: purpose === 'newsletter',
      version,
      version_shown: page && purpose === 'newsletter' ? version : 'unstated',
      text_sha256: sha256(text),
      language: 'en',
      channel,
      category: 'marketing',
      notice: {
        url: file.controller.privacy_notice,
        version: file.controller.privacy_notice_version,
        sha256: sha256(JSON.stringify(file.controller, Object.keys(file.controller).sort())),
      },
      at,
      ...(page && { page }),
      method,
    }));
  const page_url = 'https://www.example.com/guide';
  assert.equal(type, 'lead.qualified');
  assert.match(lead_id, /^lead_[\w-]{20,}$/);
  for (const time of [timestamp, submitted_at])
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(data, {
    campaign: id,
    contact: { email: ada.email, phone: phone.e164 },
    answers: {
      name: 'Ada Lovelace',
      company_size: '201+',
      seats: 12,
      wants_demo: true,
      country: 'NO',
      website: 'https://example.org/a',
    },
    attribution: { utm_source: 'google', page_url },
    consent: consent('json', submitted_at, page_url),
    score: {
      total: 55,
      temperature: 'hot',
      stage: 'SQL',
      reasons: [
        { rule: 'large company', points: 30, because: 'company_size is one of 51-200, 201+' },
        { rule: 'paid search', points: 10, because: 'utm_source is google' },
        { rule: 'left a number', points: 15, because: 'phone was given' },
      ],
    },
  });
  const eva = person({ seats: '007', name: '  A\u030asa +1 ' });
  accepted(
    await world.postForm(id, asForm(eva), {
      'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8',
    }),
  );
  const ofEva = (await arrived(eva.email)).payload.data;
  assert.deepEqual(ofEva.answers, { name: '\u00c5sa +1', seats: 7 });
  assert.deepEqual(ofEva.consent, consent('form', ofEva.submitted_at));
  assert.deepEqual(ofEva.score, { total: 0, temperature: 'cold', stage: 'lead', reasons: [] });

  // One person is one lead, whatever is posted, and the answer does not tell.
  const again = { ...ada, phone: phone.written, consent: { newsletter: '2026-11' } };
  assert.equal(await post({ ...again, utm_source: 'other' }), idOfAda, 'attribution is no part of the id');
  assert.notEqual(await post({ ...again, seats: 13 }), idOfAda);
  assert.notEqual(await post(again, { 'Idempotency-Key': '"k-1"' }), idOfAda, 'the key is part of the id');
  const reusing = world.postJson(id, { ...again, seats: 14 }, { 'Idempotency-Key': 'k-1' });
  await refuses(reusing, 422, ['Idempotency-Key:idempotency_key_reused']);
  const other = person({ phone: phone.e164 });
  await post(other);
  const crowd = person();
  const ids = await Promise.all(Array.from({ length: 30 }, () => post(crowd)));
  assert.equal(new Set(ids).size, 1);
  await arrived(crowd.email);

  // A lead below `forward_at` is held until the person tells more.
  const held = person();
  held.email = held.email.replace('example.org', 'gmail.com');
  await post({ ...held, seats: 3, utm_source: 'partner' });
  await sleep(300);
  assert.deepEqual(receiver.to(held.email), []);
  await post({ ...held, company_size: '51-200', seats: 5 });
  const ofHeld = (await arrived(held.email)).payload.data;
  assert.deepEqual(ofHeld.answers, { name: 'Ada Lovelace', seats: 5, company_size: '51-200' });
  assert.deepEqual(ofHeld.attribution, { utm_source: 'partner' });
  assert.deepEqual([ofHeld.score.total, ofHeld.score.reasons.map(({ points }) => points)], [25, [30, -5]]);

  // Mistakes are told all at once, without what was submitted.
  const wrong = {
    email: 'zorro@nowhere',
    phone: '12',
    name: 'Z',
    company_size: 'zillions',
    seats: 'zero',
    wants_demo: 'zonder',
    country: 'ZZ',
    website: 'zip:zap',
    consent: { newsletter: 'zeta', calls: {} },
  };
  const { text } = await refuses(world.postJson(id, wrong, { 'Idempotency-Key': 'zig zag' }), 422, [
    'email:invalid_email',
    'phone:invalid_phone',
    'name:too_short',
    'company_size:not_a_choice',
    'seats:invalid_number',
    'wants_demo:invalid_boolean',
    'country:invalid_country',
    'website:invalid_url',
    'consent.newsletter:wording_outdated',
    'consent.calls:wrong_type',
    'Idempotency-Key:idempotency_key_invalid',
  ]);
  assert.doesNotMatch(text, /zorro|zillions|zero|zonder|ZZ|zip|zeta|zig/);
  await refuses(world.postJson(id, {}), 422, ['email:required', 'consent.newsletter:consent_required']);
  const types = {
    email: 5,
    name: ['x', 'yy'],
    seats: 0,
    website: 'x'.repeat(3_000),
    consent: { newsletter: true },
  };
  await refuses(world.postJson(id, types), 422, [
    'email:wrong_type',
    'name:repeated',
    'seats:too_small',
    'website:too_long',
  ]);
  const twice = [...asForm(person({ name: 'x'.repeat(61), seats: 5001 })), ['email', 'second@example.org']];
  await refuses(world.postForm(id, twice), 422, ['email:repeated', 'name:too_long', 'seats:too_large']);
  const manyFields = JSON.stringify(Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`f${n}`, 1])));
  for (const body of ['{"email":', '[]', Buffer.from('{"\xff":1}', 'latin1'), manyFields]) {
    await refuses(
      world.request('POST', `/c/${id}`, { headers: { 'Content-Type': 'application/json' }, body }),
      400,
    );
  }
  await refuses(world.postJson('nobodys', ada), 404);
  await refuses(world.postJson(id, JSON.stringify({ ...ada, name: 'x'.repeat(65_536) })), 413);
  await refuses(
    world.request('POST', `/c/${id}`, { headers: { 'Content-Type': 'text/plain' }, body: 'x' }),
    415,
  );
  assert.equal((await refuses(world.request('DELETE', `/c/${id}`), 405)).headers.allow, 'GET, POST, OPTIONS');

  // The acceptance criteria, and the origins of scripts that may ask for them.
  const { status, headers, json } = await world.request('GET', `/c/${id}`, {
    headers: { Origin: file.origins[1] },
  });
  assert.deepEqual(
    [status, headers['access-control-allow-origin'], headers.vary],
    [200, file.origins[1], 'Origin'],
  );
  const lengths = { name: { min_length: 2, max_length: 60 }, website: { max_length: 2048 } };
  const { token, ...criteria } = json;
  assert.deepEqual(criteria, {
    campaign: id,
    title: file.title,
    language: 'en',
    endpoint: `/c/${id}`,
    default_country: 'SE',
    fields: file.field.map((field) => ({
      required: false,
      label: field.name,
      ...field,
      ...lengths[field.name],
    })),
    purposes: file.purpose.map(({ required = false, ...purpose }) => ({
      ...purpose,
      required,
      category: 'marketing',
      field: `consent.${purpose.id}`,
      text_sha256: sha256(purpose.text),
    })),
    double_opt_in: false,
    controller: file.controller.name,
    privacy_notice: file.controller.privacy_notice,
    limits: { body_bytes: 65_536, fields: 100 },
    texts: TEXTS,
    texts_language: 'en',
    honeypot: 'contact_website',
    attribution: { remember_days: null },
    thanks_url: file.thanks_url,
    thanks: null,
    magnet: null,
    turnstile: null,
  });
  // A token of its own each time: a time, a number, and a MAC over them.
  const later = (await world.request('GET', `/c/${id}`)).json.token;
  const tokens = [token, later].map(({ field, value }) => {
    assert.equal(field, 'leadhook_token');
    const [of, renderedMs, number, key, mac] = value.split('.');
    assert.deepEqual([of, key, number.length, mac.length], [id, 'p1', 16, 22]);
    assert.ok(Math.abs(Date.now() - renderedMs) < MINUTE_MS, value);
    return { number, mac };
  });
  for (const part of ['number', 'mac']) assert.notEqual(tokens[0][part], tokens[1][part]);
  const preflight = (Origin) =>
    world.request('OPTIONS', `/c/${id}`, { headers: { Origin, 'Access-Control-Request-Method': 'POST' } });
  assert.equal(
    (await preflight(file.origins[0])).headers['access-control-allow-headers'],
    'Content-Type, Idempotency-Key',
  );
  assert.equal((await preflight('https://evil.example')).headers['access-control-allow-origin'], undefined);

  // KV may fail: it is never the judge, and where nothing can be served the answer says so.
  world.kv.reads = world.kv.writes = 'failing';
  assert.ok((await refuses(world.postJson('never-read', ada), 503)).headers['retry-after']);
  assert.equal(await post({ ...again, utm_source: 'third' }), idOfAda);
  world.kv.heal();

  // A receiver that is down gets the lead later, under the same id.
  const [busy, refused, killed] = [person(), person(), person()];
  const isFirstOf = ({ email }) =>
    receiver.to(email).length === 1 && receiver.to(email)[0] === receiver.deliveries.at(-1);
  receiver.answer = () => ({ status: isFirstOf(busy) ? 503 : 204 });
  await post(busy);
  await until('the receiver said 503', () => receiver.to(busy.email).length === 1);
  await receiver.down();
  const printed = world.stdout.length;
  await post(refused);
  await until('nobody answered', () => world.stdout.slice(printed).includes('unreachable'));
  await receiver.up();
  const [{ id: idOfBusy }] = await Promise.all([arrived(busy.email), arrived(refused.email)]);
  assert.deepEqual(
    receiver.to(busy.email).map(({ id }) => id),
    [idOfBusy, idOfBusy],
  );

  // A runtime that is killed after its 202 has stored the lead, and what was under way is sent again.
  // Without KV, whose stand-in takes a request that is cut off for a fault of its own.
  const plain = { ...file, id: `${id}-plain`, dedupe: { ...file.dedupe, remember_in_kv: false } };
  await publish(plain);
  receiver.answer = 'hang';
  accepted(await world.postJson(plain.id, killed));
  await world.kill('SIGKILL');
  receiver.answer = { status: 204 };
  await world.startAgain();
  await arrived(killed.email);
  await sleep(500);

  // Once each, and what was sent again under its own id.
  for (const { email } of [ada, eva, crowd, held, busy, refused])
    assert.equal(confirmed(email).length, 1, email);
  assert.equal(new Set(receiver.to(killed.email).map(({ id }) => id)).size, 1);
  assert.equal(receiver.to(other.email).length, 0, 'a phone number that is known is the same person');
  assert.deepEqual(receiver.refused, []);
  assertNoLeaks(world);
}
