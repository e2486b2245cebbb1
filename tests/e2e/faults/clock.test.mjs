// Clocks that jump forward and back while leads wait.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNothingLost, cron, faults, withFaultWorld } from '../support/fault-world.mjs';
import { sleep, until } from '../support/http.mjs';

const DAY_MS = 86_400_000;

for (const days of [1, -1, 90, -90]) {
  test(`the clock jumps by ${days} days while leads wait, and back`, { timeout: 120_000 }, async () => {
    await withFaultWorld('clock', async (world, crm, load) => {
      await load.people(2);
      await world.settled('clock');
      crm.answer = { status: 503 };
      await load.people(2);
      await until('attempts', () => crm.deliveries.length > 4);
      const jump = async (clockMs) => {
        // Requests that are under way meanwhile are of either time.
        crm.clocksMs.push(clockMs);
        await faults(world, { clockMs });
        await cron(world);
        crm.clockMs = clockMs;
      };
      await jump(days * DAY_MS);
      const people = await load.people(2);
      await until('attempts in the other time', () => crm.to(people[1].email).length > 0);
      await jump(0);
      await load.people(2);
      crm.answer = { status: 204 };
      // An object that nobody asks anything is put away, and the cron opens it again.
      const arrived = () => new Set(crm.confirmed.map(({ id }) => id)).size === load.accepted.size;
      for (let looks = 0; !arrived() && looks < 2; looks += 1) {
        await sleep(12_000);
        await cron(world);
      }
      // A time that is no further ahead than a wait may be is waited for.
      if (days === 1) {
        assert.ok(!arrived());
        await jump(DAY_MS + 60_000);
      }
      await until('all have arrived', arrived);
      await jump(0);
      await assertNothingLost(world, load, crm);
    });
  });
}
