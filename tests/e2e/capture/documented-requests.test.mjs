// The requests of docs/forms.md, sent as they stand there: the answers are those that stand there.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { exampleCampaign } from '../support/examples.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { ROOT, World } from '../support/world.mjs';

const PAGE = fs.readFileSync(path.join(ROOT, 'docs/forms.md'), 'utf8');
const DEV = 'http://127.0.0.1:8787';

describe('the contract for chatbots', { timeout: 60_000 }, () => {
  let world, crm;

  before(async () => {
    crm = await Receiver.start();
    world = await World.start();
    await world.publish(exampleCampaign('chatbot-contact', { crm }));
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  const run = async (command) =>
    JSON.parse((await promisify(execFile)('bash', ['-c', command.replaceAll(DEV, world.url)])).stdout);
  /** Each request of the page with the answer that follows it. */
  const exchanges = () =>
    [...PAGE.matchAll(/```sh\n(curl[\s\S]*?)```[\s\S]*?```json\n([\s\S]*?)```/g)].map(
      ([, request, answer]) => [request, JSON.parse(answer)],
    );

  test('is answered as it says', async () => {
    const all = exchanges();
    assert.equal(all.length, 2);
    for (const [request, expected] of all) {
      const answer = await run(request);
      if (answer.submission_id) answer.submission_id = answer.submission_id.replace(/_.*/, '_…');
      assert.deepEqual(answer, expected);
    }
  });

  test('its example becomes a lead with what it said', async () => {
    const { answers, contact, consent, attribution, signals } = await until(
      'the lead',
      () => crm.to('anna@example.com')[0]?.payload.data,
    );
    assert.deepEqual(answers, { question: 'Do you ship to Gotland?' });
    assert.equal(contact.phone, '+46701740605');
    assert.deepEqual(
      consent.map(({ purpose, granted, version_shown }) => [purpose, granted, version_shown]),
      [
        ['contact', true, '2026-11'],
        ['call', false, 'unstated'],
      ],
    );
    assert.deepEqual(attribution, { page_url: 'https://www.example.com/prices', utm_source: 'newsletter' });
    assert.equal(signals, undefined);
  });

  test('the names that it explains are in what the endpoint says', async () => {
    const [, request] = PAGE.match(/\n {4}(curl .*chatbot-contact)\n/);
    const criteria = await run(request);
    const [, table] = PAGE.match(/\| in the response \|.*\n\|---\|---\|\n([\s\S]*?)\n\n/);
    const named = [...table.matchAll(/`([a-z_]+)(\[\])?`/g)].map(([, name]) => name);
    const known = new Set([
      ...Object.keys(criteria),
      ...[...criteria.fields, ...criteria.purposes].flatMap(Object.keys),
      'min',
      'max',
      'choices',
      'true',
    ]);
    assert.ok(named.length >= 12);
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    );
  });
});
