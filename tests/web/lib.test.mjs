// The browser modules that the form script and the chat share (web/shared): the reading of answers, the checks
// ahead of a post, and sending.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, mock, test } from 'node:test';
import { numberOf, tidy, tidyWord, truthOf, under } from '../../web/shared/answers.js';
import { problemOf, problemsOf } from '../../web/shared/validation.js';
import { newKey, submit } from '../../web/shared/submit.js';

const field = (kind, rules) => ({ name: 'a', kind, ...rules });

describe("what an answer means and what is wrong with it, by the table of the server's tests", () => {
  const CASES = JSON.parse(fs.readFileSync(new URL('../data/answers.json', import.meta.url), 'utf8'));
  /** The kinds that the script reads itself; all else is the server's to read. */
  const READ = {
    text: ([text]) => text,
    date: ([text]) => text,
    number: ([word], { language }) => numberOf(word, language),
    boolean: (words) => words.some((word) => truthOf(word)),
    consent: (words, { version }) => words.some((word) => truthOf(word, version)),
  };
  for (const kind of new Set(CASES.map((one) => one.kind))) {
    test(`of kind ${kind}`, () => {
      for (const one of CASES.filter((other) => other.kind === kind)) {
        const {
          input,
          value,
          code,
          server_only,
          language = 'en',
          version = '2026-11',
          required,
          choices,
          several,
          min,
          max,
          min_length,
          max_length,
        } = one;
        const said = JSON.stringify(one);
        const rules = { version, required, choices, several, min, max, min_length, max_length };
        assert.equal(problemOf(field(kind, rules), input, language), server_only ? undefined : code, said);
        const given = [input]
          .flat()
          .map(kind === 'text' ? tidy : tidyWord)
          .filter(Boolean);
        const isEmpty = problemOf(field(kind, { ...rules, required: true }), input, language);
        if (value === null) assert.equal(isEmpty, 'required', said);
        else if (kind === 'consent' && value === false) assert.equal(isEmpty, 'consent_required', said);
        else if (code === undefined) assert.equal(isEmpty, undefined, said);
        if (code === undefined && value !== null && READ[kind])
          assert.equal(READ[kind](given, { language, version }), value, said);
      }
    });
  }
});

describe('the checks ahead of a post', () => {
  test('a comma ahead of three digits is the point, but in English', () => {
    for (const language of ['sv', 'de-AT', 'enm']) assert.equal(numberOf('1,500', language), 1.5, language);
    for (const language of ['en', 'en-GB', 'EN'])
      assert.ok(Number.isNaN(numberOf('1,500', language)), language);
  });

  test('a field may be named like anything, and is empty where nothing was typed', () => {
    const fields = ['constructor', 'valueOf', 'hasOwnProperty'].map((name) => ({
      name,
      kind: 'text',
      required: true,
    }));
    const criteria = { fields: [{ name: 'email', kind: 'email', required: true }, ...fields], purposes: [] };
    const given = [
      ['email', 'a@example.com'],
      ['valueOf', 'x'],
    ];
    assert.deepEqual(problemsOf(criteria, given), [
      { field: 'constructor', code: 'required' },
      { field: 'hasOwnProperty', code: 'required' },
    ]);
  });

  test('somebody has to be reachable, and a required consent given', () => {
    const criteria = {
      fields: [
        { name: 'email', kind: 'email' },
        { name: 'phone', kind: 'phone' },
      ],
      purposes: [
        { field: 'consent.news', required: true, version: '2' },
        { field: 'consent.calls', version: '2' },
      ],
    };
    const codes = (...entries) =>
      problemsOf(criteria, entries).map(({ field: name, code }) => `${name} ${code}`);
    assert.deepEqual(codes(), ['email required', 'consent.news consent_required']);
    assert.deepEqual(codes(['email', '\u200b']), ['email required', 'consent.news consent_required']);
    const phone = ['phone', '070-174 06 05'];
    assert.deepEqual(codes(phone, ['consent.news', '2']), []);
    assert.deepEqual(codes(phone, ['consent.news', 'false']), ['consent.news consent_required']);
    assert.deepEqual(codes(phone, ['consent.news', 'on'], ['consent.news', '0'], ['consent.calls', '0']), []);
    assert.deepEqual(codes(phone, ['consent.news', '1'], ['consent.calls', '1']), [
      'consent.news wording_outdated',
      'consent.calls wording_outdated',
    ]);
  });

  test('a name is known in the ways that frameworks write it, and in another case where none is exact', () => {
    const entries = [
      ['size[]', 'a'],
      ['size[1]', 'b'],
      ['SIZE', 'c'],
      ['Consent[news]', 'd'],
      ['consent[news][]', 'e'],
      ['size[x]', 'f'],
      ['E-Mail', 'g'],
    ];
    assert.deepEqual(under('size', entries), ['a', 'b']);
    assert.deepEqual(under('consent.news', entries), ['e']);
    assert.deepEqual(under('consent.news', entries.slice(0, 4)), ['d']);
    assert.deepEqual(under('e-mail', entries), ['g']);
    assert.deepEqual(under('none', entries), []);
  });
});

describe('a post', () => {
  const to = 'https://leads.example.com/c/guide';
  const answered = (status, body) => new Response(body, { status });
  /** Sends once, with what answers each try; time passes by itself. */
  async function outcome(...answers) {
    const tries = [];
    mock.timers.enable({ apis: ['setTimeout'] });
    mock.method(globalThis, 'fetch', (_url, options) => {
      tries.push(options);
      return answers[Math.min(tries.length, answers.length) - 1](options);
    });
    try {
      const sending = submit(to, { body: 'a=1', key: newKey(), onRetry() {} });
      let result;
      sending.then((value) => {
        result = value;
      });
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
  const broken = async () => {
    throw new TypeError('Failed to fetch');
  };
  /** The head of an answer comes, and its body never does. */
  const stalled = async ({ signal }) =>
    answered(
      202,
      new ReadableStream({
        start: (body) => signal.addEventListener('abort', () => body.error(signal.reason)),
      }),
    );

  test('is stored by a 202 and by nothing else', async () => {
    assert.deepEqual(await outcome(stored), { accepted: { submission_id: 'sub_1' }, tries: 1 });
    for (const status of [200, 201, 203]) {
      assert.deepEqual(await outcome(async () => answered(status, '{"submission_id":"sub_1"}')), {
        isStrange: true,
        tries: 1,
      });
    }
  });

  test('is refused by a list of errors; any other refusal is not for scripts', async () => {
    const errors = [{ field: 'email', code: 'invalid_email' }];
    assert.deepEqual(await outcome(async () => answered(422, JSON.stringify({ errors }))), {
      errors,
      tries: 1,
    });
    for (const [status, body] of [
      [404, '{"title":"Not found"}'],
      [413, '{}'],
      [400, '<!doctype html>'],
      [415, 'null'],
      [422, '{"errors":[]}'],
    ]) {
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
