// The soak test, `make soak`: load for a long time with faults that come and go at random, and at the end the
// same audit as after each fault. SOAK_MINUTES sets its length, SEED repeats a run's faults.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { campaign } from '../support/campaigns.mjs';
import { dice } from '../support/crowd.mjs';
import { assertNothingLost, cron, faults, startFaultWorld } from '../support/fault-world.mjs';
import { sleep, until } from '../support/http.mjs';
import { inShort, LoadGenerator, residentMb } from '../support/load-generator.mjs';
import { Receiver } from '../support/receiver.mjs';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 30);
const SEED = Number(process.env.SEED ?? randomInt(2 ** 31));
const CONNECTIONS = 32;
/** Between two faults, and how long one lasts, at most. */
const LONGEST_QUIET_MS = 15_000;
const LONGEST_FAULT_MS = 8_000;
const CRON_MS = 10_000;
/** Everything that waits when the load ends must have been sent within so many seconds. */
const DRAINED_WITHIN_S = 900;

const FAULTS = {
  'KV down': () => Object.assign(world.kv, { reads: 'failing', writes: 'failing' }),
  'KV stale': () => world.kv.freeze(),
  'KV empty': () => Object.assign(world.kv, { reads: 'empty' }),
  'KV refusing': () => Object.assign(world.kv, { writes: 'refusing' }),
  'KV out of its quota': () => Object.assign(world.kv, { writes: 'spent' }),
  'KV slow': () => Object.assign(world.kv, { delayMs: 500 }),
  'ledger slow': () => faults(world, { object: 'slow' }),
  'ledger hanging': () => faults(world, { object: 'hanging' }),
  'ledger overloaded': () => faults(world, { object: 'overloaded' }),
  'ledger evicted': () => faults(world, { object: 'evicted' }),
  'ledger evicted after': () => faults(world, { object: 'evicted after' }),
  'ledger panicking': () => faults(world, { object: 'panicking' }),
  'ledger out of its quota': () => faults(world, { refusesWrites: true }),
  'alarm panicking': () => faults(world, { alarm: 'panicking' }),
  'alarm lost': () => faults(world, { losesAlarms: true }),
  'receiver failing': () => (crm.answer = { status: 500 }),
  'receiver hanging': () => (crm.answer = 'hang'),
  'receiver throttling': () => (crm.answer = { status: 429, headers: { 'Retry-After': '1' } }),
  'receiver gone': () => (crm.answer = { status: 410 }),
  'receiver down': () => crm.down(),
  'kill -9': () => world.restart('SIGKILL'),
};

const roll = dice(SEED);
let calls = 0;
const usual = () => {
  calls += 1;
  return { status: calls % 10 === 0 ? 500 : 204 };
};
const crm = await Receiver.start();
crm.remember = inShort;
crm.answer = usual;
const world = await startFaultWorld();
await world.publish(campaign('soak', crm));

async function heal(name) {
  world.kv.heal();
  crm.answer = usual;
  if (name === 'receiver down') await crm.up();
  await faults(world, { object: 'well', alarm: 'well', losesAlarms: false, refusesWrites: false });
  if (name === 'receiver gone') await enable();
}

const enable = () =>
  until(
    'it is enabled',
    async () => (await world.admin('POST', 'campaigns/soak/destinations/crm/enable')).status === 200,
  );

console.log(`SEED=${SEED} SOAK_MINUTES=${MINUTES}`);
const load = new LoadGenerator(world, 'soak', CONNECTIONS, dice(SEED + 1));
const running = load.run();
const started = Date.now();
let poked = started;
const happened = {};
while (Date.now() - started < MINUTES * 60_000) {
  await sleep(roll() * LONGEST_QUIET_MS);
  const name = Object.keys(FAULTS)[Math.floor(roll() * Object.keys(FAULTS).length)];
  happened[name] = (happened[name] ?? 0) + 1;
  await FAULTS[name]();
  await sleep(roll() * LONGEST_FAULT_MS);
  await heal(name);
  if (Date.now() - poked > CRON_MS) {
    poked = Date.now();
    await cron(world);
  }
  const said = `${load.accepted.size} accepted, ${crm.deliveries.length} webhooks, ${residentMb(world).toFixed(0)} MB`;
  console.log(`${Math.round((Date.now() - started) / 1000)} s: ${name}; ${said}`);
  // Nobody reads them, and they would grow for the whole run; what went wrong is in `load`.
  world.answers = [];
}
load.isOver = true;
await running;

// Ten attempts within one fault make a dead letter, for an operator to send again.
await until(
  'nothing waits, and nothing is dead',
  async () => {
    await enable();
    await cron(world);
    const { states } = await world.counters('soak');
    if (states.pending + states.dead === 0) return true;
    if (states.dead > 0) await world.ask('POST', 'deliveries/replay?campaign=soak');
    await sleep(2_000);
    throw new Error(JSON.stringify(states));
  },
  DRAINED_WITHIN_S,
);
console.log(JSON.stringify({ happened, statuses: load.statuses }));
assert.deepEqual(load.wrong, []);
await assertNothingLost(world, load, crm, { panicked: true });
console.log(`${load.accepted.size} leads accepted, each of them at the receiver under one id: well.`);
await world.stop();
await crm.down();
