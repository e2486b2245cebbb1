// Faults of a ledger's object: a post gets a 503 within a bound and is sent again, the same post counts once,
// and other ledgers do not notice.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { assertNothingLost, cron, faults, startFaultWorld, Submissions } from '../support/fault-world.mjs';
import { sleep, until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';

/** The bound in src/cloudflare/effects.js, and room for a machine that is busy. */
const ANSWER_WITHIN_MS = 10_000;
const ROOM_MS = 5_000;
const MINUTE_MS = 60_000;

/**
 * Faults of the object. One that ends it after it has stored may fall between a receiver's answer and the
 * commit of it: then that webhook comes again, under its id.
 */
const ROWS = {
  'evicted before it answers': { object: 'evicted' },
  'evicted after it has stored': { object: 'evicted after' },
  overloaded: { object: 'overloaded' },
  panicking: { object: 'panicking' },
  hanging: { object: 'hanging' },
  'out of its quota of writes': { refusesWrites: true },
};

let world, crm;

describe('a ledger that is', { timeout: 280_000, concurrency: 1 }, () => {
  before(async () => {
    crm = await Receiver.start();
  });

  after(() => crm?.down());

  for (const [name, broken] of Object.entries(ROWS)) {
    test(`${name}: 503 within the bound, and nothing is lost or doubled`, async () => {
      world = await startFaultWorld();
      try {
        crm.deliveries = [];
        await world.publish(campaign('broken', crm));
        const load = new Submissions(world, 'broken');
        await load.people(3);
        await world.settled('broken');

        await faults(world, broken);
        const people = [person(), person(), person()];
        const statuses = await Promise.all(people.map((one) => load.post(one)));
        assert.deepEqual(statuses, [503, 503, 503]);
        assert.ok(load.slowestMs < ANSWER_WITHIN_MS + ROOM_MS, `${load.slowestMs} ms`);

        await faults(world, { object: 'well', refusesWrites: false });
        for (const one of people) await load.persist(one);
        await load.people(3);
        const mayComeAgain = ['evicted after', 'panicking'].includes(broken.object);
        await assertNothingLost(world, load, crm, {
          once: !mayComeAgain,
          panicked: broken.object === 'panicking',
        });
      } finally {
        await world.stop();
      }
    });
  }

  test('slow: everybody waits and is accepted', async () => {
    world = await startFaultWorld();
    try {
      crm.deliveries = [];
      await world.publish(campaign('slow', crm));
      const load = new Submissions(world, 'slow');
      await load.people(1);
      await faults(world, { object: 'slow' });
      const statuses = await Promise.all([person(), person()].map((one) => load.post(one)));
      assert.deepEqual(statuses, [202, 202]);
      assert.ok(load.slowestMs >= 3_000, 'it was slow');
      await faults(world, { object: 'well' });
      await assertNothingLost(world, load, crm, { once: true });
    } finally {
      await world.stop();
    }
  });

  test('without its alarm: the cron finds what is overdue', async () => {
    world = await startFaultWorld();
    try {
      crm.deliveries = [];
      await world.publish(campaign('lost', crm));
      const load = new Submissions(world, 'lost');
      await faults(world, { losesAlarms: true });
      // The first attempt needs no alarm, the second one does.
      crm.answer = { status: 500 };
      const people = await load.people(3);
      await until('the first attempts', () => crm.deliveries.length === people.length);
      crm.answer = { status: 204 };
      // The object looks once more what is due while its last attempts end.
      await sleep(1_000);
      await faults(world, { clockMs: 20 * MINUTE_MS });
      crm.clockMs = 20 * MINUTE_MS;
      await sleep(2_000);
      assert.equal(crm.deliveries.length, people.length, 'nothing wakes it');
      const { findings } = await world.ask('GET', 'doctor?ledger=lost');
      assert.deepEqual(
        findings.map(({ problem, count }) => [problem, count]),
        [['overdue', people.length]],
      );
      await faults(world, { losesAlarms: false });
      await cron(world);
      await world.settled('lost');
      await faults(world, { clockMs: 0 });
      crm.clockMs = 0;
      await assertNothingLost(world, load, crm, { once: true });
    } finally {
      crm.clockMs = 0;
      await world.stop();
    }
  });

  test('panicking in its alarm: leads are taken meanwhile, and all of them arrive', async () => {
    world = await startFaultWorld();
    try {
      crm.deliveries = [];
      await world.publish(campaign('alarm', crm));
      const load = new Submissions(world, 'alarm');
      await faults(world, { alarm: 'panicking' });
      await load.people(3);
      await sleep(1_000);
      await load.people(3);
      await faults(world, { alarm: 'well' });
      await load.people(3);
      await assertNothingLost(world, load, crm, { panicked: true });
    } finally {
      await world.stop();
    }
  });
});
