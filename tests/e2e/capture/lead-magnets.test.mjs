// Lead magnets: a link in the answer, a page with a button, and one event for whoever has the lead.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { PUBLIC_URL, ROOT, World } from '../support/world.mjs';

const GUIDE = 'https://www.example.com/spring.pdf';
const KINDS = ['lead.qualified', 'lead.engaged'];

describe('a lead magnet behind an address', { timeout: 120_000 }, () => {
  let world, crm;

  before(async () => {
    crm = await Receiver.start();
    world = await World.start({ vars: { LEADHOOK_PUBLIC_URL: PUBLIC_URL } });
    await world.publish(campaign('guide', crm, { magnet: { title: 'The spring guide', url: GUIDE } }));
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  const posted = async (who) => {
    const { status, json } = await world.postJson('guide', who);
    assert.equal(status, 202);
    return json.download.url;
  };
  const kinds = (lead_id) =>
    crm.deliveries
      .map(({ payload }) => payload)
      .filter(({ data }) => data.lead_id === lead_id)
      .map(({ type }) => type);
  const qualified = (email) => until('the lead', () => crm.to(email)[0]?.payload.data.lead_id);

  test('it is given as often as it is asked for, and told once', async () => {
    const who = person();
    const link = await posted(who);
    const lead = await qualified(who.email);
    const page = await world.open(link);
    assert.equal(page.status, 200);
    assert.match(page.text, /The spring guide/);
    for (let n = 0; n < 3; n += 1) {
      const { status, headers } = await world.open(link, 'POST');
      assert.deepEqual([status, headers.location], [303, GUIDE]);
    }
    await until('the event', () => kinds(lead).length === 2);
    assert.deepEqual(kinds(lead), KINDS);
    const { data } = crm.deliveries.at(-1).payload;
    assert.deepEqual(data, {
      lead_id: lead,
      campaign: 'guide',
      engagement: { ...data.engagement, kind: 'download', title: 'The spring guide' },
    });
  });

  test('ten at once are one event', async () => {
    const who = person();
    const link = await posted(who);
    const lead = await qualified(who.email);
    const answers = await Promise.all(Array.from({ length: 10 }, () => world.open(link, 'POST')));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [303]);
    await until('the event', () => kinds(lead).length === 2);
    await world.settled('guide');
    assert.deepEqual(kinds(lead), KINDS);
  });

  test('a power cut after the download loses no event', async () => {
    const who = person();
    const link = await posted(who);
    const lead = await qualified(who.email);
    crm.answer = { status: 503 };
    assert.equal((await world.open(link, 'POST')).status, 303);
    await world.restart('SIGKILL');
    crm.answer = { status: 204 };
    await until(
      'the event',
      () => kinds(lead).at(-1) === 'lead.engaged' && crm.deliveries.at(-1).status === 204,
    );
  });

  test('a link that nobody wrote opens nothing', async () => {
    const link = await posted(person());
    for (const wrong of [
      `${link.slice(0, -1)}${link.endsWith('A') ? 'B' : 'A'}`,
      link.slice(0, -4),
      `${PUBLIC_URL}/d/guide/x`,
      `${PUBLIC_URL}/d/guide/..%2f..%2fx`,
    ]) {
      for (const method of ['GET', 'POST'])
        assert.equal((await world.open(wrong, method)).status, 410, wrong);
    }
  });
});

describe('a lead magnet in the bucket', { timeout: 120_000 }, () => {
  let crm, world, folder;
  const PDF = fs.readFileSync(path.join(ROOT, 'examples/files/guides/spring.pdf'));

  before(async () => {
    crm = await Receiver.start();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-bucket-'));
    fs.mkdirSync(path.join(folder, 'guides/folder'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'guides/Vårguiden.pdf'), PDF);
    fs.writeFileSync(path.join(folder, 'secret.pdf'), 'nobody gets this');
    fs.writeFileSync(path.join(folder, 'odd.pdf'), 'x');
    const around = path.join(ROOT, 'tests/e2e/support/platforms/odd-bucket.mjs');
    world = await World.start({ vars: { LEADHOOK_PUBLIC_URL: PUBLIC_URL }, files: folder, around });
    for (const [id, file] of [
      ['guide', 'guides/Vårguiden.pdf'],
      ['missing', 'guides/gone.pdf'],
      ['folder', 'guides/folder'],
      ['odd', 'odd.pdf'],
    ])
      await world.publish(campaign(id, crm, { magnet: { title: 'The guide', file } }));
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  /** Asks for the file of a campaign, and gives the response. */
  const given = async (id, query = '') => {
    const { json } = await world.postJson(id, person());
    return fetch(new URL(json.download.url.slice(PUBLIC_URL.length) + query, world.url), { method: 'POST' });
  };

  test('the file arrives byte for byte, under its name', async () => {
    const answer = await given('guide', '?file=secret.pdf');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'application/pdf');
    assert.equal(
      answer.headers.get('content-disposition'),
      `attachment; filename="V_rguiden.pdf"; filename*=UTF-8''V%C3%A5rguiden.pdf`,
    );
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.ok(Buffer.from(await answer.arrayBuffer()).equals(PDF));
  });

  test('a file that is not there is said to be, and nothing is recorded as given', async () => {
    for (const id of ['missing', 'folder']) {
      const answer = await given(id);
      assert.deepEqual(
        [answer.status, answer.headers.get('content-type')],
        [503, 'text/html; charset=utf-8'],
      );
      assert.match(await answer.text(), /This file is not there just now/);
    }
  });

  test('a file whose type no header can carry is not available now', async () => {
    const answer = await given('odd');
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '5']);
    await answer.text();
  });
});
