// What the form and the chat can tell by themselves (web/lib), without a browser.
import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { problemOf, problemsOf } from '../../web/lib/checks.js';
import { newKey, send } from '../../web/lib/send.js';

const field = (kind, rules) => ({ name: 'a', kind, ...rules });

describe('the checks ahead of a post', () => {
  // What src/intake/rules.rs accepts.
  for (const [what, one, answers] of [
    ['addresses in letters and dots of any script', field('email'), [
      'anna@example.com', ' Anna.B+x@Example.co.uk ', 'a@例え。テスト', 'a@例え．テスト', 'a@例え｡テスト', 'info@Blåbär.example', 'a@exa\ufeffmple.com',
    ]],
    ['numbers as people write them', field('phone'), ['070-174 06 05', '800-FLOWERS', '+46 (0)70 174 06 05', '٠٧٠١٧٤٠٦٠٥', 'tel:+46-70-174-06-05;ext=2', '1800 CALL\nNOW']],
    ['choices with and without white space around them', field('choice', { choices: [' small ', 'large'] }), ['small', ' small ', 'large']],
    ['decimals that a form sends', field('number'), ['12', '12.5', '-.5', '+007.25', '1E3', '-2.5e-1', '0.0', '9223372036854775807']],
    ['numbers at their bounds', field('number', { min: 1, max: 5 }), ['1', '5', ' 5 ', '5.0']],
    ['texts by what people count as letters', field('text', { min_length: 2, max_length: 3 }), ['Åsa', 'A\u030asa', '👍👍👍', ' ab ']],
    ['web addresses', field('url', { max_length: 40 }), ['https://example.com', 'HTTP://example.com/å?x#y', 'https://[::1]:8/']],
    ['web addresses by the characters that were typed', field('url', { max_length: 21 }), ['https://example.com/\u0958']],
    ['codes of countries in any case', field('country'), ['SE', 'se', ' dk ']],
    ['words of a box, which the server reads', field('boolean'), ['on', 'true', 'NO', '0']],
  ]) {
    test(`refuse no ${what}`, () => {
      for (const answer of answers) assert.equal(problemOf(one, answer), undefined, JSON.stringify(answer));
    });
  }

  test('tell what the server would refuse too, by the same code', () => {
    for (const [one, answer, code] of [
      [field('email'), 'a@example', 'invalid_email'],
      [field('email'), 'a b@example.com', 'invalid_email'],
      [field('email'), 'a@@example.com', 'invalid_email'],
      [field('phone'), '112', 'invalid_phone'],
      [field('phone'), '+()- /', 'invalid_phone'],
      [field('choice', { choices: ['small'] }), 'Small', 'not_a_choice'],
      [field('number'), '1,5', 'invalid_number'],
      [field('number'), 'NaN', 'invalid_number'],
      [field('number'), '1e999', 'invalid_number'],
      [field('number', { min: 1 }), '0', 'too_small'],
      [field('number', { max: 5 }), '5.1', 'too_large'],
      [field('text', { min_length: 2, max_length: 3 }), 'A\u030a', 'too_short'],
      [field('text', { min_length: 2, max_length: 3 }), 'abcd', 'too_long'],
      [field('url', { max_length: 40 }), 'www.example.com', 'invalid_url'],
      [field('url', { max_length: 40 }), 'https://example.com@example.org', 'invalid_url'],
      [field('country'), 'Sweden', 'invalid_country'],
    ]) {
      assert.equal(problemOf(one, answer), code, answer);
    }
  });

  test('a field may be named like anything, and is empty where nothing was typed', () => {
    const fields = ['constructor', 'valueOf', 'hasOwnProperty'].map((name) => ({ name, kind: 'text', required: true }));
    const criteria = { fields: [{ name: 'email', kind: 'email', required: true }, ...fields], purposes: [] };
    const given = new Map([['email', 'a@example.com'], ['valueOf', 'x']]);
    assert.deepEqual(problemsOf(criteria, given, []), [
      { field: 'constructor', code: 'required' }, { field: 'hasOwnProperty', code: 'required' },
    ]);
  });

  test('somebody has to be reachable, and a required consent given', () => {
    const criteria = {
      fields: [{ name: 'email', kind: 'email' }, { name: 'phone', kind: 'phone' }],
      purposes: [{ field: 'consent.news', required: true }, { field: 'consent.calls' }],
    };
    assert.deepEqual(problemsOf(criteria, new Map(), []), [{ field: 'email', code: 'required' }, { field: 'consent.news', code: 'consent_required' }]);
    assert.deepEqual(problemsOf(criteria, new Map([['phone', '070-174 06 05']]), ['consent.news']), []);
  });
});

describe('a post', () => {
  const to = 'https://leads.example.com/c/guide';
  const answered = (status, body) => new Response(body, { status });
  /** Sends once, with what answers each try; time passes by itself. */
  async function outcome(...answers) {
    const tries = [];
    mock.timers.enable({ apis: ['setTimeout'] });
    mock.method(globalThis, 'fetch', (url, options) => {
      tries.push(options);
      return answers[Math.min(tries.length, answers.length) - 1](options);
    });
    try {
      const sending = send(to, { body: 'a=1', key: newKey(), onRetry() {} });
      let result;
      sending.then((value) => { result = value; });
      while (!result) {
        await new Promise(setImmediate);
        mock.timers.tick(500);
      }
      return { ...result, tries: tries.length };
    } finally {
      mock.timers.reset();
      mock.restoreAll();
    }
  }

  const stored = async () => answered(202, '{"submission_id":"sub_1"}');
  const broken = async () => { throw new TypeError('Failed to fetch'); };
  /** The head of an answer comes, and its body never does. */
  const stalled = async ({ signal }) => answered(202, new ReadableStream({
    start: (body) => signal.addEventListener('abort', () => body.error(signal.reason)),
  }));

  test('is stored by a 202 and by nothing else', async () => {
    assert.deepEqual(await outcome(stored), { accepted: { submission_id: 'sub_1' }, tries: 1 });
    for (const status of [200, 201, 203]) {
      assert.deepEqual(await outcome(async () => answered(status, '{"submission_id":"sub_1"}')), { isStrange: true, tries: 1 });
    }
  });

  test('is refused by a list of errors; any other refusal is not for scripts', async () => {
    const errors = [{ field: 'email', code: 'invalid_email' }];
    assert.deepEqual(await outcome(async () => answered(422, JSON.stringify({ errors }))), { errors, tries: 1 });
    for (const [status, body] of [[404, '{"title":"Not found"}'], [413, '{}'], [400, '<!doctype html>'], [415, 'null'], [422, '{"errors":[]}']]) {
      assert.deepEqual(await outcome(async () => answered(status, body)), { isStrange: true, tries: 1 });
    }
  });

  test('is sent four times at the most where a server is at fault or nothing answers', async () => {
    for (const status of [429, 500, 502, 503]) {
      assert.deepEqual(await outcome(async () => answered(status, '{}')), { isSilent: false, tries: 4 });
    }
    assert.deepEqual(await outcome(broken), { isSilent: true, tries: 4 });
    assert.deepEqual(await outcome(broken, stored), { accepted: { submission_id: 'sub_1' }, tries: 2 });
  });

  test('is sent again where an answer stops in the middle', async () => {
    assert.deepEqual(await outcome(stalled, stored), { accepted: { submission_id: 'sub_1' }, tries: 2 });
  });
});
