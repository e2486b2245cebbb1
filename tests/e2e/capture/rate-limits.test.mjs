// The platform's rate limits, as wrangler.jsonc binds them.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PLATFORM } from '../../../npm/lib/config.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import { Receiver } from '../support/receiver.mjs';
import { PUBLIC_URL, World } from '../support/world.mjs';

describe('the limits that wrangler.jsonc binds', { timeout: 120_000 }, () => {
  let crm, world;
  before(async () => {
    assert.deepEqual(
      PLATFORM.ratelimits.map(({ name }) => name),
      ['CAMPAIGN_LIMIT', 'NETWORK_LIMIT', 'MAIL_LIMIT'],
    );
    crm = await Receiver.start();
    // Fewer posts a minute.
    const limits = { CAMPAIGN_LIMIT: 12, NETWORK_LIMIT: 5, MAIL_LIMIT: 3 };
    world = await World.start({ vars: { LEADHOOK_PUBLIC_URL: PUBLIC_URL }, limits });
    const asked = {
      double_opt_in: { destination: 'crm', subject: 'Confirm', text: '{confirm_link} {withdraw_link}' },
    };
    for (const [id, changes] of [['rush'], ['calm'], ['asked', asked], ['asked-2', asked]])
      await world.publish(campaign(id, crm, changes));
    // All of it within one minute of the platform.
    const leftMs = 60_000 - (Date.now() % 60_000);
    if (leftMs < 20_000) await new Promise((done) => setTimeout(done, leftMs));
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  const post = async (id, address, value = person()) => {
    const { status, headers } = await world.postJson(id, value, { 'CF-Connecting-IP': address });
    return { status, wait: headers['retry-after'], type: headers['content-type'] };
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
    const states = async (id) => (await world.counters(id)).states;
    const [one, two] = [await states('asked'), await states('asked-2')];
    assert.deepEqual([one.unconfirmed + two.unconfirmed, one.quarantined + two.quarantined], [4, 1]);
  });
});
