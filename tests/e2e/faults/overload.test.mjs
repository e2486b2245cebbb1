// Overload of one ledger: some are told to come again, nothing is lost, others do not notice.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { limits } from '../../../scripts/data.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { ROOT, World } from '../support/world.mjs';

/** As many as may wait for one ledger, and half as many more. */
const MAX_WAITING = limits.waiting_requests;
const POSTS = 384;

let world, crm;

describe('more than a ledger takes', { timeout: 120_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    world = await World.start({ around: path.join(ROOT, 'tests/e2e/support/platforms/slow-ledger.mjs') });
    await world.publish(campaign('busy', crm), campaign('calm', crm));
    // The first message of a ledger that does not know its campaign is two.
    assert.equal((await world.postJson('busy', person())).status, 202);
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  test('who comes while too many wait gets 503 with Retry-After, and comes again; other ledgers go on', async () => {
    const people = Array.from({ length: POSTS }, () => person());
    const answers = Promise.all(people.map((one) => world.postJson('busy', one)));
    await until('some are told to come again', () => world.answers.some(({ status }) => status === 503));
    const started = Date.now();
    assert.equal((await world.postJson('calm', person())).status, 202);
    assert.ok(Date.now() - started < 4_000, 'the calm ledger does not wait for the busy one');

    const refused = [];
    for (const [at, answer] of (await answers).entries()) {
      if (answer.status === 202) continue;
      assert.equal(answer.status, 503, answer.text);
      assert.match(answer.headers['retry-after'], /^[1-9]\d*$/);
      refused.push(people[at]);
    }
    assert.ok(refused.length > 0 && POSTS - refused.length >= MAX_WAITING, `${refused.length} were refused`);
    const accepted = async () => (await world.counters('busy')).accepted;
    assert.equal(await accepted(), 1 + POSTS - refused.length, 'every 202 is stored, and no 503');

    const again = await Promise.all(refused.map((one) => world.postJson('busy', one)));
    assert.ok(again.every(({ status }) => status === 202));
    await world.settled('busy');
    assert.equal(await accepted(), 1 + POSTS);
    assert.equal(crm.confirmed.length, 2 + POSTS, 'each lead arrives, once');
    assertNoLeaks(world);
  });
});
