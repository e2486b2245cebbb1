// Submissions from post to webhook: scoring, validation, answers to browsers, CORS, repeats, idempotency keys
// and counters.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { asForm, campaign, NEWSLETTER_TEXT, person, phoneNumber } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { consentVars, PUBLIC_URL, World } from '../support/world.mjs';

const HTML = { Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };
let world, crm;

describe('submissions', { timeout: 240_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    world = await World.start({ vars: consentVars() });
    await world.publish(campaign('story', crm), campaign('builtin-thanks', crm, { thanks_url: undefined }));
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  test('a good post is accepted, scored with reasons and delivered as a signed webhook', async () => {
    const phone = phoneNumber();
    const before = Date.now();
    const answer = await world.postJson('story', {
      email: ' Ada.Story@Example.ORG ',
      phone: phone.written,
      name: '  Ada Lovelace ',
      company_size: '51-200',
      seats: 12,
      wants_demo: true,
      country: 'SE',
      website: 'https://example.org/about',
      utm_source: 'google',
      page_url: 'https://www.example.com/spring?email=ada#form',
      undeclared: 'never kept',
      consent: { newsletter: '2026-11' },
    });
    assert.equal(answer.status, 202, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json\b/);
    const { submission_id, ...rest } = answer.json;
    assert.match(submission_id, /^sub_[\w-]{20,}$/);
    assert.deepEqual(rest, { status: 'accepted' });

    const [delivery] = await until(
      'the webhook',
      () => crm.to('ada.story@example.org').length && crm.to('ada.story@example.org'),
    );
    assert.match(delivery.id, /^msg_[\w-]{16,}$/);
    assert.match(delivery.headers['content-type'], /^application\/json\b/);
    const { type, timestamp, data } = delivery.payload;
    assert.equal(type, 'lead.qualified');
    assert.ok(Math.abs(Date.parse(timestamp) - before) < 60_000, timestamp);
    const { lead_id, consent, submitted_at, score, ...told } = data;
    assert.match(lead_id, /^lead_[\w-]{16,}$/);
    assert.ok(Math.abs(Date.parse(submitted_at) - before) < 60_000, submitted_at);
    assert.deepEqual(told, {
      campaign: 'story',
      contact: { email: 'ada.story@example.org', phone: phone.e164 },
      answers: {
        name: 'Ada Lovelace',
        company_size: '51-200',
        seats: 12,
        wants_demo: true,
        country: 'SE',
        website: 'https://example.org/about',
      },
      attribution: { utm_source: 'google', page_url: 'https://www.example.com/spring' },
    });
    const { reasons, ...result } = score;
    assert.deepEqual(result, { total: 55, temperature: 'hot', stage: 'SQL' });
    assert.deepEqual(
      reasons.map(({ rule, points }) => [rule, points]),
      [
        ['large company', 30],
        ['paid search', 10],
        ['left a number', 15],
      ],
    );
    assert.ok(
      reasons.every(({ because }) => because && !because.includes(phone.e164)),
      JSON.stringify(reasons),
    );

    const given = consent.find(({ purpose }) => purpose === 'newsletter');
    const { at, text_sha256, receipt, withdraw_url, ...proof } = given;
    assert.match(receipt, /^[\w-]+\.[\w-]+\.[\w-]+$/, 'receipts.test.mjs verifies it');
    assert.ok(withdraw_url.startsWith(`${PUBLIC_URL}/withdraw/story/`), withdraw_url);
    assert.ok(Math.abs(Date.parse(at) - before) < 60_000, at);
    const wording = createHash('sha256').update(NEWSLETTER_TEXT);
    assert.equal(text_sha256, wording.digest('hex'));
    assert.deepEqual(
      { ...proof, notice: { url: proof.notice.url, version: proof.notice.version } },
      {
        purpose: 'newsletter',
        granted: true,
        version: '2026-11',
        version_shown: '2026-11',
        language: 'en',
        channel: 'email',
        category: 'marketing',
        notice: { url: 'https://www.example.com/privacy', version: '2026-10' },
        page: 'https://www.example.com/spring',
        method: 'json',
      },
    );
  });

  test('points may be taken away, and the reasons still add up', async () => {
    const email = `cold.${process.pid}@gmail.com`;
    await world.postForm('story', asForm(person({ email, company_size: '201+' })));
    const [{ payload }] = await until('the webhook', () => crm.to(email).length && crm.to(email));
    const { total, temperature, stage, reasons } = payload.data.score;
    assert.deepEqual({ total, temperature, stage }, { total: 25, temperature: 'warm', stage: 'MQL' });
    assert.deepEqual(
      reasons.map(({ points }) => points),
      [30, -5],
    );
    assert.equal(payload.data.consent[0].version_shown, 'unstated');
    assert.equal(payload.data.consent[0].method, 'form');
  });

  test('a bad post is told all its problems at once, and no value comes back', async () => {
    const answer = await world.postJson('story', {
      email: 'lovelace-at-nowhere',
      phone: '12',
      name: 'A',
      company_size: 'enormous',
      seats: 9000,
      wants_demo: 'perhaps',
      country: 'Atlantis',
      website: 'javascript:alert(1)',
      consent: { calls: '1999-01' },
    });
    assert.equal(answer.status, 422);
    assert.match(answer.headers['content-type'], /^application\/problem\+json\b/);
    const { type, title, status, detail, errors } = answer.json;
    assert.ok(type && title && detail, answer.text);
    assert.equal(status, 422);
    assert.deepEqual(errors.map(({ field, code }) => `${field} ${code}`).sort(), [
      'company_size not_a_choice',
      'consent.calls wording_outdated',
      'consent.newsletter consent_required',
      'country invalid_country',
      'email invalid_email',
      'name too_short',
      'phone invalid_phone',
      'seats too_large',
      'wants_demo invalid_boolean',
      'website invalid_url',
    ]);
    for (const error of errors) assert.deepEqual(Object.keys(error).sort(), ['code', 'detail', 'field']);
    assert.doesNotMatch(answer.text, /nowhere|enormous|9000|perhaps|Atlantis|javascript|1999/);
  });

  test('what is missing, too long, repeated or of the wrong type is named by its code', async () => {
    const answer = await world.postJson('story', {
      name: 'x'.repeat(61),
      seats: { many: 1 },
      consent: { newsletter: true },
    });
    assert.equal(answer.status, 422);
    const codes = answer.json.errors.map(({ field, code }) => `${field} ${code}`).sort();
    assert.deepEqual(codes, ['email required', 'name too_long', 'seats wrong_type']);
    const twice = await world.postForm('story', [...asForm(person()), ['email', 'second@example.org']]);
    assert.equal(twice.status, 422);
    assert.deepEqual(
      twice.json.errors.map(({ field, code }) => `${field} ${code}`),
      ['email repeated'],
    );
  });

  test('a browser is sent to the thanks page, or shown a readable page of what to mend', async () => {
    const good = await world.postForm('story', asForm(person()), HTML);
    assert.equal(good.status, 303, good.text);
    assert.equal(good.headers.location, 'https://www.example.com/thanks');

    const bad = await world.postForm(
      'story',
      asForm({ email: '<script>x</script>', consent: { newsletter: true } }),
      HTML,
    );
    assert.equal(bad.status, 422);
    assert.match(bad.headers['content-type'], /^text\/html; ?charset=utf-8$/i);
    assert.match(bad.text, /<html[\s>]/i);
    assert.match(bad.text, /E-mail|email/);
    assert.doesNotMatch(bad.text, /<script>x/);

    const builtIn = await world.postForm('builtin-thanks', asForm(person()), HTML);
    const thanks = builtIn.status === 303 ? await world.request('GET', builtIn.headers.location) : builtIn;
    assert.equal(thanks.status, 200, builtIn.text);
    assert.match(thanks.headers['content-type'], /^text\/html/);
  });

  test('CORS: the one matching origin is echoed, a foreign one is accepted without a header', async () => {
    const preflight = (origin) =>
      world.request('OPTIONS', '/c/story', {
        headers: {
          Origin: origin,
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'content-type',
        },
      });
    const ours = await preflight('https://shop.example.com');
    assert.ok([200, 204].includes(ours.status), String(ours.status));
    assert.equal(ours.headers['access-control-allow-origin'], 'https://shop.example.com');
    assert.match(ours.headers.vary, /\bOrigin\b/i);
    assert.match(ours.headers['access-control-allow-methods'], /\bPOST\b/);
    assert.match(ours.headers['access-control-allow-headers'], /content-type/i);
    assert.match(ours.headers['access-control-allow-headers'], /idempotency-key/i);
    assert.equal(
      (await preflight('https://www.example.com.evil.net')).headers['access-control-allow-origin'],
      undefined,
    );

    const posted = await world.postJson('story', person(), { Origin: 'https://www.example.com' });
    assert.equal(posted.status, 202);
    assert.equal(posted.headers['access-control-allow-origin'], 'https://www.example.com');
    assert.match(posted.headers.vary, /\bOrigin\b/i);
    const invalid = await world.postJson('story', {}, { Origin: 'https://www.example.com' });
    assert.equal(
      invalid.headers['access-control-allow-origin'],
      'https://www.example.com',
      'a script must be able to read a 422',
    );
    const foreign = await world.postJson('story', person(), { Origin: 'https://elsewhere.example.net' });
    assert.equal(foreign.status, 202);
    assert.equal(foreign.headers['access-control-allow-origin'], undefined);
    assert.match(
      foreign.headers.vary ?? '',
      /\bOrigin\b/i,
      'a cache must not give this answer to our own origin',
    );
  });

  test('the same post gets the same answer, a known person an equal one, and nothing goes out twice', async () => {
    await world.publish(campaign('known', crm));
    const ada = person();
    const first = await world.postJson('known', ada);
    await until('the webhook', () => crm.to(ada.email).length);
    const repeat = await world.postForm('known', asForm(ada));
    assert.deepEqual(
      [repeat.status, repeat.json],
      [202, first.json],
      'the same content by another encoding is the same post',
    );
    const duplicate = await world.postJson('known', { ...ada, seats: 7 });
    assert.equal(duplicate.status, 202);
    assert.deepEqual(Object.keys(duplicate.json), Object.keys(first.json));
    assert.notEqual(duplicate.json.submission_id, first.json.submission_id);
    assert.deepEqual(Object.keys(duplicate.headers).sort(), Object.keys(first.headers).sort());

    await world.settled('known');
    const { accepted, repeats, states } = await world.counters('known');
    assert.deepEqual([accepted, repeats, states.delivered, states.duplicate], [2, 1, 1, 1]);
    assert.equal((await world.deliveries('known')).length, 1);
    assert.equal(crm.to(ada.email).length, 1);
  });

  test('Idempotency-Key: quoted or bare, never for another post, and claimed by valid posts only', async () => {
    await world.publish(campaign('keys', crm));
    const [ada, other] = [person(), person()];
    const post = (value, key) => world.postJson('keys', value, { 'Idempotency-Key': key });
    const problems = ({ json }) => json.errors.map(({ field, code }) => `${field} ${code}`);

    assert.equal((await post({ email: 'no' }, '"key-1"')).status, 422);
    const first = await post(ada, '"key-1"');
    assert.equal(first.status, 202, first.text);
    assert.deepEqual((await post(ada, 'key-1')).json, first.json);
    const reused = await post(other, '"key-1"');
    assert.equal(reused.status, 422);
    assert.deepEqual(problems(reused), ['Idempotency-Key idempotency_key_reused']);
    const another = await post(ada, '"key-2"');
    assert.equal(another.status, 202);
    assert.notEqual(another.json.submission_id, first.json.submission_id);
    for (const key of ['"open', '""', 'x'.repeat(2000)]) {
      const refused = await post(other, key);
      assert.equal(refused.status, 422, key.slice(0, 20));
      assert.deepEqual(problems(refused), ['Idempotency-Key idempotency_key_invalid'], key.slice(0, 20));
    }
    await world.settled('keys');
    assert.deepEqual([crm.to(ada.email).length, crm.to(other.email).length], [1, 0]);
  });

  test('at the end every counter adds up, in all and in every bucket', async () => {
    for (const id of ['story', 'known', 'keys', 'builtin-thanks']) {
      const { accepted, repeats, states, buckets } = await world.settled(id);
      const sum = (values) => Object.values(values).reduce((a, b) => a + b, 0);
      assert.equal(accepted, sum(states), id);
      assert.equal(accepted, sum(buckets.map((bucket) => bucket.accepted)), id);
      assert.equal(repeats, sum(buckets.map((bucket) => bucket.repeats)), id);
      for (const bucket of buckets) {
        assert.equal(bucket.campaign, id);
        assert.equal(bucket.accepted, sum(bucket.states), JSON.stringify(bucket));
        assert.match(bucket.hour, /^\d{4}-\d\d-\d\dT\d\d:00:00(\.000)?Z$/);
      }
    }
    const rejected = await until('the rejections', async () => {
      const { approximate } = await world.counters('story');
      return (
        approximate.rejections.some(({ field, code }) => field === 'email' && code === 'invalid_email') &&
        approximate
      );
    });
    assert.ok(
      rejected.rejections.every(({ campaign, count }) => campaign === 'story' && count > 0),
      JSON.stringify(rejected),
    );
  });

  test('no secret in any answer, nobody recognisable in a log, in KV or on disk', async () => {
    assert.deepEqual(crm.refused, []);
    assertNoLeaks(world);
  });
});
