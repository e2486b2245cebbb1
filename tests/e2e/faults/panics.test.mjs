// Panics of the Wasm core while others wait for something: they are answered, and the next core knows nothing
// of them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { assertNothingLost, faults, startFaultWorld, Submissions } from '../support/fault-world.mjs';
import { sleep } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';

const WAITING = 20;
const KV_MS = 1_500;

test('panicking while others wait for KV: they get 503, come again, and count once', {
  timeout: 120_000,
}, async () => {
  const [crm, elsewhere] = [await Receiver.start(), await Receiver.start()];
  const world = await startFaultWorld();
  try {
    await world.publish(campaign('asks-kv', crm, { dedupe: {} }), campaign('broken', elsewhere));
    const load = new Submissions(world, 'asks-kv');
    const other = new Submissions(world, 'broken');
    await load.people(2);
    await other.people(2);

    world.kv.delayMs = KV_MS;
    const people = Array.from({ length: WAITING }, () => person());
    const waiting = people.map((one) => load.post(one));
    await sleep(KV_MS / 3);
    await faults(world, { object: 'panicking' });
    assert.equal(await other.post(person()), 503);
    await faults(world, { object: 'well' });
    // A new core, while those of the old one still wait.
    assert.equal((await world.request('GET', '/healthz')).status, 200);
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set([503]));
    assert.ok(load.slowestMs < 2 * KV_MS, `${load.slowestMs} ms`);

    world.kv.heal();
    for (const one of people) await load.persist(one);
    await load.people(3);
    await other.people(3);
    await assertNothingLost(world, load, crm, { panicked: true });
    await assertNothingLost(world, other, elsewhere, { panicked: true });
  } finally {
    await world.stop();
    await crm.down();
    await elsewhere.down();
  }
});

test('panicking while a receiver is awaited: what was on its way is sent again', {
  timeout: 120_000,
}, async () => {
  const crm = await Receiver.start();
  const world = await startFaultWorld();
  try {
    await world.publish(campaign('broken', crm));
    const load = new Submissions(world, 'broken');
    await load.people(2);
    await world.settled('broken');
    crm.answer = 'hang';
    const [first] = await load.people(1);
    await faults(world, { object: 'panicking' });
    assert.equal(await load.post(person()), 503);
    await faults(world, { object: 'well' });
    crm.answer = { status: 204 };
    await load.people(3);
    await assertNothingLost(world, load, crm, { panicked: true });
    assert.ok(crm.to(first.email).length > 0);
  } finally {
    await world.stop();
    await crm.down();
  }
});
