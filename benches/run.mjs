// Measures Leadhook beside its peer and the floors, and writes its section of benches/RESULTS.md.
//
//   node benches/run.mjs [--quick] [--only fresh,repeat] [--targets peer,leadhook]
//
// Only a whole run writes. --quick: two short rounds, without conformance and without what is not
// built.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { Receiver } from '../tests/e2e/receiver.mjs';
import { World } from '../tests/e2e/world.mjs';
import { PACES, wrkVersion } from './load.mjs';
import { machine, versions } from './machine.mjs';
import { acquaint, measure } from './measure.mjs';
import { coldStartMs, sizeKb } from './once.mjs';
import { memoryMb } from './processes.mjs';
import { startServices } from './remote.mjs';
import { aimTable, onceTable, operationTable, ratioTable, runLine, speedSection } from './report.mjs';
import { writeSection } from './results.mjs';
import { weigh } from './weights.mjs';
import { aligned } from './tables.mjs';
import { CAMPAIGN, conformanceModule, FRESH, OPERATIONS, TARGETS } from './targets.mjs';

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean' }, only: { type: 'string' }, targets: { type: 'string' } },
});
const plan = options.quick
  ? { rounds: 2, latencySeconds: 1, starts: 3 }
  : { rounds: 5, latencySeconds: 3, starts: 5 };
const WARM_UP_SECONDS = 1;

process.on('SIGINT', () => process.exit(1));
if (process.platform !== 'linux') fail('This needs Linux: it reads /proc.');
const startedAtMs = Date.now();
const operations = chosen(OPERATIONS, options.only);
const targets = chosen(TARGETS, options.targets).filter(isBuilt);
const wrk = wrkVersion() ?? fail('wrk is missing. On Debian and Ubuntu: apt-get install wrk');
const place = { versions: versions(wrk), machine: machine() };

if (!options.quick) {
  for (const target of targets.filter(({ floor, again }) => !floor && !again)) await conforms(target);
}

const services = startServices();
const subjects = [];
for (const target of targets) subjects.push({ target, services, ...(await services.start(target.name)) });

const measured = {};
for (const operation of operations) measured[operation.name] = await compare(operation);
const once = await measureOnce();
for (const { target } of subjects) await services.stop(target.name);
services.end();

const minutes = (Date.now() - startedAtMs) / 60_000;
console.log(aligned(onceTable(once)));
const complete = operations.length === OPERATIONS.length && targets.length === TARGETS.length;
if (complete) console.log(aligned(aimTable({ measured, once })));
console.log(`\n${minutes.toFixed(1)} minutes`);
if (complete && !options.quick) {
  writeSection('speed', speedSection({ measured, once, plan, minutes, ...place }));
  await weigh();
  console.log('Written: benches/RESULTS.md');
}

/** Those of a list whose names an option gives; all where it gives none. */
function chosen(all, option) {
  const names = option?.split(',') ?? all.map(({ name }) => name);
  const unknown = names.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length) fail(`unknown: ${unknown.join(', ')}. There are ${all.map(({ name }) => name).join(', ')}`);
  return all.filter(({ name }) => names.includes(name));
}

function isBuilt({ name, main }) {
  if (fs.existsSync(main)) return true;
  if (!options.quick) fail(`${name} is not built: ${main} is missing. make bench builds it`);
  console.log(`${name} is not built and left out.`);
  return false;
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

/** Holds a target to what a comparison presupposes: the same answers, and the same webhooks. */
async function conforms({ name, main }) {
  const contract = await conformanceModule();
  // Without a main a world runs this repository's own build.
  const world = await World.start(name === 'leadhook' ? {} : { main });
  const receiver = await Receiver.start();
  try {
    await contract.publish(world, contract.benchCampaign(CAMPAIGN, receiver));
    await contract.conformance({ world, receiver, campaignId: CAMPAIGN });
    console.log(`${name} conforms`);
  } catch (error) {
    throw new Error(`${name} does not conform`, { cause: error });
  } finally {
    await world.stop();
    await receiver.down();
  }
}

/**
 * All targets in turn, round by round; then each once at a moderate rate, for the latency.
 * @returns by target {full, moderate}: the runs in the order of the rounds, and the one for latency
 */
async function compare(operation) {
  const taking = subjects.filter(({ target }) => !target.only || target.only === operation.name);
  const runs = Object.fromEntries(taking.map(({ target }) => [target.name, { full: [] }]));
  const run = (subject, seconds, pace) => measure(subject, subject.target.floor ? FRESH : operation, seconds, pace);

  console.log(`\n${operation.name}: ${operation.says}`);
  for (const subject of taking) {
    // A floor has only one thing to warm up for.
    if (subject.target.floor && operation !== FRESH) continue;
    if (operation.people) await acquaint(subject, operation);
    await run(subject, WARM_UP_SECONDS, PACES.full);
  }
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const subject of taking) {
      const result = await run(subject, options.quick ? 1 : operation.seconds, PACES.full);
      runs[subject.target.name].full.push(result);
      console.log(runLine(round, subject.target.name, result));
    }
  }
  const unhurried = taking.filter(({ target }) => !target.again && (!target.floor || operation === FRESH));
  for (const subject of unhurried) {
    runs[subject.target.name].moderate = await run(subject, plan.latencySeconds, PACES.moderate);
  }
  for (const table of [operationTable(runs), ratioTable(runs)]) console.log(aligned(table));
  return runs;
}

/** The same build twice has one size and one start. */
async function measureOnce() {
  const once = {};
  const starting = [];
  for (const { target, pid, folder } of subjects.filter(({ target }) => !target.again)) {
    once[target.name] = { size: sizeKb(target, folder), memory: memoryMb(pid), coldStartsMs: [] };
    starting.push({ target, ...(await services.startForColdStarts(target.name)) });
  }
  for (const { target } of starting) await services.forget(target.name);
  for (let start = 0; start < plan.starts; start += 1) {
    for (const { target, folder } of starting) {
      once[target.name].coldStartsMs.push(await coldStartMs(target, folder, FRESH.bodies(1)[0]));
      await services.forget(target.name);
    }
  }
  return once;
}
