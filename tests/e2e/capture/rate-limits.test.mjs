// The platform's rate limits, as wrangler.toml binds them: here they are Miniflare's.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createRequire } from 'node:module';
import { campaign, person } from '../support/campaigns.mjs';
import { Receiver } from '../support/receiver.mjs';
import { newKey, ROOT } from '../support/world.mjs';

// It comes with wrangler.
const { Miniflare } = createRequire(createRequire(import.meta.url).resolve('wrangler'))('miniflare');
const OPERATOR = { Authorization: 'Bearer admin-token-of-a-test-and-nothing-else' };
const BUILD = path.join(ROOT, 'build');
let crm, worker, base;

describe('the limits that wrangler.toml binds', { timeout: 120_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    const wrangler = fs.readFileSync(path.join(ROOT, 'wrangler.toml'), 'utf8');
    const bound = [
      ...wrangler.matchAll(
        /\[\[ratelimits\]\]\nname = "(\w+)"\n.*\nsimple = \{ limit = (\d+), period = (\d+) \}/g,
      ),
    ];
    assert.deepEqual(
      bound.map(([, name]) => name),
      ['CAMPAIGN_LIMIT', 'NETWORK_LIMIT', 'MAIL_LIMIT'],
    );
    // The same bindings, with fewer posts a minute.
    const few = { CAMPAIGN_LIMIT: 12, NETWORK_LIMIT: 5, MAIL_LIMIT: 3 };
    const ratelimits = Object.fromEntries(
      bound.map(([, name, , period]) => [name, { simple: { limit: few[name], period: Number(period) } }]),
    );
    const files = fs.readdirSync(BUILD).filter((file) => /\.(js|wasm)$/.test(file));
    files.sort((a, b) => (b === 'index.js') - (a === 'index.js'));
    worker = new Miniflare({
      modules: files.map((file) => ({
        type: file.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule',
        path: path.join(BUILD, file),
      })),
      modulesRoot: BUILD,
      compatibilityDate: wrangler.match(/^compatibility_date = "(.*)"$/m)[1],
      kvNamespaces: ['KV'],
      durableObjects: { LEDGER: { className: 'Ledger', useSQLite: true } },
      ratelimits,
      bindings: {
        LEADHOOK_ENV: 'dev',
        LEADHOOK_PEPPERS: `p1:${newKey()}`,
        LEADHOOK_SEALING_KEYS: `s1:${newKey()}`,
        LEADHOOK_ADMIN_TOKEN: 'admin-token-of-a-test-and-nothing-else',
        CRM_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
        LEADHOOK_PUBLIC_URL: 'https://leads.example.com',
      },
    });
    base = await worker.ready;
    const asked = {
      double_opt_in: { destination: 'crm', subject: 'Confirm', text: '{confirm_link} {withdraw_link}' },
    };
    for (const [id, changes] of [['rush'], ['calm'], ['asked', asked], ['asked-2', asked]]) {
      const body = JSON.stringify(campaign(id, crm, changes));
      const published = await fetch(new URL(`/admin/api/campaigns/${id}`, base), {
        method: 'PUT',
        headers: { ...OPERATOR, 'Content-Type': 'application/json' },
        body,
      });
      assert.equal(published.status, 200, await published.text());
    }
  });

  after(async () => {
    await worker?.dispose();
    await crm?.down();
  });

  const post = async (id, address, value = person()) => {
    const headers = { 'Content-Type': 'application/json', 'CF-Connecting-IP': address };
    const answer = await worker.dispatchFetch(new URL(`/c/${id}`, base), {
      method: 'POST',
      headers,
      body: JSON.stringify(value),
    });
    return {
      status: answer.status,
      wait: answer.headers.get('retry-after'),
      type: answer.headers.get('content-type'),
    };
  };

  test('one network is told to wait before anything is read, and others are not', async () => {
    const mine = [];
    for (let n = 0; n < 7; n++) mine.push(await post('rush', `203.0.113.${n}`, n === 6 ? {} : undefined));
    assert.deepEqual(
      mine.map(({ status }) => status),
      [202, 202, 202, 202, 202, 429, 429],
    );
    assert.deepEqual(mine[5], { status: 429, wait: '60', type: 'application/problem+json' });
    assert.equal((await post('rush', '198.51.100.1')).status, 202);
  });

  test('one campaign is told to wait, whatever the network, and another is not', async () => {
    const more = [];
    for (let n = 0; n < 6; n++) more.push((await post('rush', `198.51.${100 + n}.1`)).status);
    assert.equal(more.at(-1), 429);
    assert.ok(more.includes(202));
    assert.equal((await post('calm', '192.0.2.1')).status, 202);
  });

  test('one network brings so many mails in whatever ledger, and what is beyond that waits for an operator', async () => {
    for (let n = 0; n < 4; n++)
      assert.equal((await post(n % 2 ? 'asked' : 'asked-2', `192.0.2.${100 + n}`)).status, 202);
    assert.equal((await post('asked', '198.51.100.7')).status, 202);
    const states = async (id) =>
      (await (await fetch(new URL(`/admin/api/counters?campaign=${id}`, base), { headers: OPERATOR })).json())
        .states;
    const [one, two] = [await states('asked'), await states('asked-2')];
    assert.deepEqual([one.unconfirmed + two.unconfirmed, one.quarantined + two.quarantined], [4, 1]);
  });
});
