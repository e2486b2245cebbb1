// Lead magnets: a link in the answer, a page with a button, and one event for whoever has the lead.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createRequire } from 'node:module';
import { campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { newKey, PUBLIC_URL, ROOT, World } from '../support/world.mjs';

// It comes with wrangler.
const { Miniflare } = createRequire(createRequire(import.meta.url).resolve('wrangler'))('miniflare');
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

describe('a lead magnet in the bucket that wrangler.toml binds', { timeout: 120_000 }, () => {
  let crm, worker, base;
  const token = 'admin-token-of-a-test-and-nothing-else';
  const PDF = fs.readFileSync(path.join(ROOT, 'examples/files/guides/spring.pdf'));

  before(async () => {
    crm = await Receiver.start();
    const wrangler = fs.readFileSync(path.join(ROOT, 'wrangler.toml'), 'utf8');
    const binding = wrangler.match(/\[\[r2_buckets\]\]\nbinding = "(\w+)"/)[1];
    const build = path.join(ROOT, 'build');
    const files = fs.readdirSync(build).filter((file) => /\.(js|wasm)$/.test(file));
    files.sort((a, b) => (b === 'index.js') - (a === 'index.js'));
    worker = new Miniflare({
      modules: files.map((file) => ({
        type: file.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule',
        path: path.join(build, file),
      })),
      modulesRoot: build,
      compatibilityDate: wrangler.match(/^compatibility_date = "(.*)"$/m)[1],
      kvNamespaces: ['KV'],
      r2Buckets: [binding],
      durableObjects: { LEDGER: { className: 'Ledger', useSQLite: true } },
      bindings: {
        LEADHOOK_ENV: 'dev',
        LEADHOOK_PEPPERS: `p1:${newKey()}`,
        LEADHOOK_SEALING_KEYS: `s1:${newKey()}`,
        LEADHOOK_ADMIN_TOKEN: token,
        CRM_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      },
    });
    base = await worker.ready;
    const bucket = await worker.getR2Bucket(binding);
    await bucket.put('guides/Vårguiden.pdf', Uint8Array.from(PDF), {
      httpMetadata: { contentType: 'application/pdf' },
    });
    await bucket.put('secret.pdf', 'nobody gets this');
    await bucket.put('odd.pdf', 'x', { httpMetadata: { contentType: 'application/pdf; name=✓' } });
    for (const [id, file] of [
      ['guide', 'guides/Vårguiden.pdf'],
      ['missing', 'guides/gone.pdf'],
      ['odd', 'odd.pdf'],
    ]) {
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
      const magnet = { title: 'The guide', file };
      const published = await fetch(new URL(`/admin/api/campaigns/${id}`, base), {
        method: 'PUT',
        headers,
        body: JSON.stringify(campaign(id, crm, { magnet })),
      });
      assert.equal(published.status, 200, await published.text());
    }
  });

  after(async () => {
    await worker?.dispose();
    await crm?.down();
  });

  const linkTo = async (id) => {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await worker.dispatchFetch(new URL(`/c/${id}`, base), {
      method: 'POST',
      headers,
      body: JSON.stringify(person()),
    });
    return (await answer.json()).download.url;
  };

  test('the file arrives byte for byte, under its name', async () => {
    const link = await linkTo('guide');
    const answer = await worker.dispatchFetch(new URL(`${link}?file=secret.pdf`, base), { method: 'POST' });
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
    const answer = await worker.dispatchFetch(new URL(await linkTo('missing'), base), { method: 'POST' });
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [503, 'text/html; charset=utf-8']);
    assert.match(await answer.text(), /This file is not there just now/);
  });

  test('a file whose type no header can carry is not available now', async () => {
    const answer = await worker.dispatchFetch(new URL(await linkTo('odd'), base), { method: 'POST' });
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '5']);
    await answer.text();
  });
});
