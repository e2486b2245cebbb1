// Comparison of Leadhook with its peer and the floor. Writes a section of benches/RESULTS.md.
//
//   node benches/compare/run.mjs [--quick] [--only fresh,repeat] [--targets peer,leadhook] [--build NAME=FOLDER]...
//
// Only a whole run without further builds writes. --quick: two short rounds, without conformance, of the targets that
// are built. --build: another build of Leadhook, in a folder as `make build` leaves it, to see what a change does.
import fs from 'node:fs';
import { parseArgs } from 'node:util';
import { Receiver } from '../../tests/e2e/support/receiver.mjs';
import { World } from '../../tests/e2e/support/world.mjs';
import { PACES, wrkVersion } from '../lib/load.mjs';
import { measureLone } from '../lib/lone-lead.mjs';
import { machine, versions } from '../lib/machine.mjs';
import { acquaint, measure } from '../lib/measure.mjs';
import { memoryMb } from '../lib/processes.mjs';
import { writeSection } from '../lib/results.mjs';
import { startServices } from '../lib/services-client.mjs';
import { aligned } from '../lib/tables.mjs';
import { buildTarget, publish, TARGETS } from '../lib/targets.mjs';
import { CAMPAIGN, FRESH, OPERATIONS } from '../lib/workload.mjs';
import { benchCampaign as conformanceCampaign, conformance } from './conformance.mjs';
import { coldStartMs, sizeKb } from './footprint.mjs';
import { weigh } from './page-weights.mjs';
import {
  goalTable,
  loneTable,
  onceTable,
  operationTable,
  ratioPairs,
  ratioTable,
  runLine,
  speedSection,
} from './report.mjs';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean' },
    only: { type: 'string' },
    targets: { type: 'string' },
    build: { type: 'string', multiple: true, default: [] },
  },
});
const plan = {
  // V8 goes on compiling wasm for so long.
  warmUpSeconds: 3,
  ...(options.quick
    ? { rounds: 2, latencySeconds: 1, starts: 3, loneLeads: 30 }
    : { rounds: 5, latencySeconds: 3, starts: 5, loneLeads: 60 }),
};

process.on('SIGINT', () => process.exit(1));
if (process.platform !== 'linux') fail('This needs Linux: it reads /proc.');
const startedAtMs = Date.now();
const operations = chosen(OPERATIONS, options.only);
const targets = [...chosen(TARGETS, options.targets), ...builds()].filter(isBuilt);
const pairs = ratioPairs(targets);
const wrk = wrkVersion() ?? fail('wrk is missing. On Debian and Ubuntu: apt-get install wrk');
const place = { versions: versions(wrk), machine: machine() };

if (!options.quick) {
  for (const target of targets.filter(({ kind, again }) => kind !== 'floor' && !again))
    await conforms(target);
}

const services = startServices();
const subjects = [];
for (const target of targets) subjects.push({ target, services, ...(await services.start(target)) });
/** The same build twice has one size, one start, and one lone lead. */
const different = subjects.filter(({ target }) => !target.again);

const measured = {};
for (const operation of operations) measured[operation.name] = await compare(operation);
const lone = await measureLone(services, different, plan.loneLeads);
console.log(aligned(loneTable(lone)));
const once = await measureOnce();
for (const { target } of subjects) await services.stop(target.name);
services.end();

const minutes = (Date.now() - startedAtMs) / 60_000;
console.log(aligned(onceTable(once)));
const complete =
  operations.length === OPERATIONS.length && TARGETS.every((target) => targets.includes(target));
if (complete) console.log(aligned(goalTable({ measured, once, lone })));
console.log(`\n${minutes.toFixed(1)} minutes`);
if (complete && !options.quick && !options.build.length) {
  writeSection('speed', speedSection({ measured, once, lone, plan, minutes, ...place }));
  await weigh();
  console.log('Written: benches/RESULTS.md');
}

/** Returns the entries that an option names, or all if it is not given. */
function chosen(all, option) {
  const names = option?.split(',') ?? all.map(({ name }) => name);
  const unknown = names.filter((name) => !all.some((one) => one.name === name));
  if (unknown.length)
    fail(`unknown: ${unknown.join(', ')}. There are ${all.map(({ name }) => name).join(', ')}`);
  return all.filter(({ name }) => names.includes(name));
}

/** Returns the further builds as targets. */
function builds() {
  const taken = new Set(TARGETS.map(({ name }) => name));
  return options.build.map((option) => {
    const [, name, folder] = option.match(/^([^=]+)=(.+)$/) ?? fail(`not NAME=FOLDER: ${option}`);
    if (taken.has(name)) fail(`${name} is a target already`);
    taken.add(name);
    return buildTarget(name, folder);
  });
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

/** Checks that a target gives the answers and webhooks that a comparison presupposes. */
async function conforms(target) {
  const world = await World.start({ main: target.main, breaksKv: true });
  const receiver = await Receiver.start();
  const publishHere = (campaign) => publish(target, world, campaign);
  try {
    await publishHere(conformanceCampaign(CAMPAIGN, receiver));
    await conformance({ world, receiver, publish: publishHere, campaignId: CAMPAIGN });
    console.log(`${target.name} conforms`);
  } catch (error) {
    throw new Error(`${target.name} does not conform`, { cause: error });
  } finally {
    await world.stop();
    await receiver.down();
  }
}

/**
 * Measures all targets in turn, round by round; then each once at a moderate rate, for the latency.
 * @returns by target {full, moderate}: the runs in the order of the rounds, and the one for latency
 */
async function compare(operation) {
  const taking = subjects.filter(({ target }) => !target.only || target.only === operation.name);
  const runs = Object.fromEntries(taking.map(({ target }) => [target.name, { full: [] }]));

  console.log(`\n${operation.name}: ${operation.says}`);
  for (const subject of taking) {
    if (operation.people) await acquaint(subject, operation);
    await measure(subject, operation, plan.warmUpSeconds, PACES.full);
  }
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const subject of taking) {
      const result = await measure(subject, operation, options.quick ? 1 : operation.seconds, PACES.full);
      runs[subject.target.name].full.push(result);
      console.log(runLine(round, subject.target.name, result));
    }
  }
  for (const subject of taking.filter((one) => different.includes(one))) {
    runs[subject.target.name].moderate = await measure(
      subject,
      operation,
      plan.latencySeconds,
      PACES.moderate,
    );
  }
  for (const table of [operationTable(runs), ratioTable(runs, pairs)]) console.log(aligned(table));
  return runs;
}

async function measureOnce() {
  const once = {};
  for (const { target, pid, folder } of different) {
    once[target.name] = { size: sizeKb(target, folder), memory: memoryMb(pid), coldStartsMs: [] };
    await services.forget(target.name);
  }
  for (let start = 0; start < plan.starts; start += 1) {
    for (const { target, folder, vars } of different) {
      once[target.name].coldStartsMs.push(await coldStartMs(target, { folder, vars }, FRESH.bodies(1)[0]));
      await services.forget(target.name);
    }
  }
  return once;
}
