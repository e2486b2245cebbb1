// Deliveries on the free plan, which grants an event of an object fifty requests.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { ROOT, World } from '../support/world.mjs';

const LEADS = 150;
const MOST_REQUESTS = 50;
const OPTIONS = { around: path.join(ROOT, 'tests/e2e/support/platforms/free-plan-object.mjs') };

test('one call makes many deliveries due: they go out by as many events as it takes', {
  timeout: 120_000,
}, async () => {
  const crm = await Receiver.start();
  const world = await World.start(OPTIONS);
  try {
    await world.publish(campaign('many', crm));
    crm.answer = { status: 410 };
    const first = person();
    assert.equal((await world.postJson('many', first)).status, 202);
    await until(
      'the destination is paused',
      async () => (await world.ask('GET', 'deliveries?campaign=many&state=paused')).deliveries.length === 1,
    );
    await Promise.all(Array.from({ length: LEADS }, () => world.postJson('many', person())));
    crm.answer = { status: 204 };
    const before = crm.deliveries.length;
    assert.equal((await world.admin('POST', 'campaigns/many/destinations/crm/enable')).status, 200);
    const took = performance.now();
    await world.settled('many');
    assert.equal(crm.deliveries.length - before, LEADS + 1);
    assert.ok(performance.now() - took < 20_000, 'without waiting for the net');
    const { json } = await world.request('GET', '/most');
    assert.ok(json.most <= MOST_REQUESTS, `${json.most} requests`);
    assertNoLeaks(world);
  } finally {
    await world.stop();
    await crm.down();
  }
});

test('posts that keep coming leave more than their events may send: it goes out by as many more', {
  timeout: 120_000,
}, async () => {
  const crm = await Receiver.start();
  const world = await World.start(OPTIONS);
  try {
    await world.publish(campaign('steady', crm));
    let left = 2 * LEADS;
    const visitor = async () => {
      while (left-- > 0) assert.equal((await world.postJson('steady', person())).status, 202);
    };
    const started = performance.now();
    await Promise.all(Array.from({ length: 8 }, visitor));
    await world.settled('steady');
    assert.ok(performance.now() - started < 20_000, 'without waiting for the net');
    assert.equal(crm.deliveries.length, 2 * LEADS);
    const { json } = await world.request('GET', '/most');
    assert.ok(json.most > 6 && json.most <= MOST_REQUESTS, `${json.most} requests`);
    assertNoLeaks(world);
  } finally {
    await world.stop();
    await crm.down();
  }
});
