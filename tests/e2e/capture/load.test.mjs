// A minute of load with bad input and a receiver that often fails: nothing is lost or sent under a second id,
// no answer is a 5xx, and memory does not grow. Speed is not measured here.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from '../support/campaigns.mjs';
import { dice } from '../support/crowd.mjs';
import { assertNothingLost } from '../support/fault-world.mjs';
import { sleep } from '../support/http.mjs';
import { inShort, LoadGenerator, residentMb } from '../support/load-generator.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

const CONNECTIONS = 64;
const SECONDS = 60;
/** Until then the runtime compiles, and fills its caches and its heap. */
const WARM_UP_S = 20;
/** Memory is compared over so many seconds, for a heap breathes. */
const SAMPLE_S = 10;
/**
 * The most that the runtime may grow by between the two samples, some eight thousand requests apart. Its heap
 * and its database's cache fill for the first two minutes of such a load, to about 250 MB, and then
 * stay: of that about 40 MB fall between them. Ten kilobytes that stay of each request are over it.
 */
const MAX_GROWTH_MB = 100;

test('a minute at 64 connections', { timeout: 280_000 }, async (t) => {
  const crm = await Receiver.start();
  crm.remember = inShort;
  let calls = 0;
  crm.answer = () => {
    calls += 1;
    return { status: calls % 10 === 0 ? 500 : 204 };
  };
  // The memory of the Worker alone: the KV is in this process.
  const world = await World.start({ breaksKv: true });
  try {
    await world.publish(campaign('load', crm));
    const load = new LoadGenerator(world, 'load', CONNECTIONS, dice(1));
    const running = load.run();
    const memory = [];
    for (let second = 0; second < SECONDS; second += 1) {
      await sleep(1_000);
      memory.push(residentMb(world));
    }
    load.isOver = true;
    await running;

    const middle = (samples) => samples.sort((a, b) => a - b)[Math.floor(samples.length / 2)];
    const before = middle(memory.slice(WARM_UP_S, WARM_UP_S + SAMPLE_S));
    const after = middle(memory.slice(-SAMPLE_S));
    t.diagnostic(
      `${JSON.stringify(load.statuses)}, ${calls} webhooks, ${before.toFixed(0)} MB, then ${after.toFixed(0)} MB`,
    );
    assert.deepEqual(load.wrong, []);
    assert.deepEqual(
      Object.keys(load.statuses).filter((status) => !/^[24]\d\d$/.test(status)),
      [],
    );
    assert.ok(load.accepted.size > SECONDS, 'there was load');
    assert.ok(after - before < MAX_GROWTH_MB, `memory grew from ${before} to ${after} MB`);
    await assertNothingLost(world, load, crm, { once: true, seconds: 150 });
  } finally {
    await world.stop();
    await crm.down();
  }
});
