// Benchmark of one ledger: a lead's cost in rows, and the ledger's reach. Writes a section of benches/RESULTS.md.
//
//   node benches/ledger/run.mjs [--quick]
//
// --quick: smaller numbers, and nothing is written.
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { send } from '../../tests/e2e/support/http.mjs';
import { World } from '../../tests/e2e/support/world.mjs';
import { load, PACES, wrkVersion } from '../lib/load.mjs';
import { countLone } from '../lib/lone-lead.mjs';
import { machine, versions } from '../lib/machine.mjs';
import { calm, post } from '../lib/measure.mjs';
import { aLead, freePlan, keeping, price } from '../lib/price.mjs';
import { cpuMs, watchOthers } from '../lib/processes.mjs';
import { writeSection } from '../lib/results.mjs';
import { startServices } from '../lib/services-client.mjs';
import { spread } from '../lib/statistics.mjs';
import { aligned, DISTURBING, percent } from '../lib/tables.mjs';
import { LEADHOOK } from '../lib/targets.mjs';
import { benchCampaign, CAMPAIGN, FRESH } from '../lib/workload.mjs';
import { flood, steady } from './clients.mjs';
import { fill, FILLED } from './fill.mjs';
import { floodTable, growthTable, keepingLine, ledgerSection, rowsTable, sizeTable } from './report.mjs';
import { countRows, countSweep } from './row-costs.mjs';

const KV = fileURLToPath(new URL('../lib/kv.mjs', import.meta.url));
const FLOODED = 'flooded';
/** Requests a second to the ledger beside the flooded one. */
const QUIET = 50;
const DEAD_LETTERS = `deliveries?campaign=${CAMPAIGN}&state=dead`;

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' } } });
const plan = options.quick
  ? {
      rush: 100,
      swept: 500,
      people: [1_000, 10_000],
      starts: 1,
      rounds: 2,
      seconds: 1,
      connections: 200,
      floodSeconds: 2,
      quietSeconds: 2,
    }
  : {
      rush: 300,
      swept: 1_000,
      people: [1_000, 100_000, 1_000_000],
      starts: 3,
      rounds: 5,
      seconds: 1,
      connections: 600,
      floodSeconds: 3,
      quietSeconds: 4,
    };

process.on('SIGINT', () => process.exit(1));
const startedAtMs = Date.now();
const wrk = wrkVersion() ?? fail('wrk is missing. On Debian and Ubuntu: apt-get install wrk');
const since = () => `${((Date.now() - startedAtMs) / 1000).toFixed(0)} s`;

/** By hook: webhook-ids with their counts, and the time of the last one. */
const heard = new Map();
const sink = await startSink();

const ledgers = [];
for (const people of plan.people.slice(0, -1)) ledgers.push(await prepare(people));
// Counting takes no time of anything that is timed, and filling the largest one takes long.
const services = startServices();
const [largest, rows, sweep, lone] = await Promise.all([
  prepare(plan.people.at(-1)),
  countRows(plan.rush),
  countSweep(plan.swept),
  countLone(services, LEADHOOK),
]);
services.end();
ledgers.push(largest);
console.log(`${since()}: rows are counted and ledgers filled`);
console.log(aligned(rowsTable(rows, sweep, plan)));

await timeStarts();
console.log(aligned(sizeTable(ledgers)));
await timeRounds();
console.log(aligned(growthTable(ledgers)));
const flooded = await floodOne(ledgers[0]);
console.log(aligned(floodTable(flooded)));
for (const { world } of ledgers) await world.stop();
sink.close();
sink.closeAllConnections();

const inRounds = (value) => spread(ledgers[0].rounds.map(value)).median;
const cpu = inRounds((round) => round.cpuMs);
const alone = aLead(lone, { cpuMs: cpu, kv: lone.kv });
const kv = { reads: inRounds((round) => round.kv.reads), writes: inRounds((round) => round.kv.writes) };
const rush = aLead(rows.rush, { leads: plan.rush, cpuMs: cpu, kv });
const money = {
  price: price(alone, rush),
  freePlan: freePlan(alone, rush),
  keeping: keeping((largest.bytes / largest.people) * 1e6, sweep, plan.swept),
};
for (const table of [money.price.rows, money.freePlan.rows]) console.log(aligned(table));
console.log(`\n  ${keepingLine(money)}`);
console.log(`\n${since()}`);
if (!options.quick) {
  const seconds = (Date.now() - startedAtMs) / 1000;
  const place = { machine: machine(), versions: versions(wrk) };
  writeSection('ledger', ledgerSection({ rows, sweep, ledgers, flooded, money, plan, seconds, ...place }));
  console.log('Written: benches/RESULTS.md');
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

async function startSink() {
  const server = http.createServer((request, response) => {
    const hook = heard.get(request.url);
    const id = request.headers['webhook-id'];
    hook.ids.set(id, (hook.ids.get(id) ?? 0) + 1);
    hook.lastAtMs = Date.now();
    request.resume();
    response.writeHead(204).end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

/** Returns a campaign's receiver at the sink, and its record of webhooks. */
function receiver(name) {
  const hook = { ids: new Map(), lastAtMs: 0 };
  heard.set(`/${name}`, hook);
  return { hook, url: `http://127.0.0.1:${sink.address().port}/${name}` };
}

/** Starts a world whose ledger knows so many people, and checks that it does. */
async function prepare(people) {
  const world = await World.start({ kvModule: KV });
  const { hook, url } = receiver(`people-${people}`);
  const ledger = {
    people,
    world,
    hook,
    campaign: benchCampaign({ url }),
    openMs: [],
    deadLettersMs: [],
    rounds: [],
  };
  await world.publish(ledger.campaign);
  await postFresh(world);
  await rest(ledger, 1);
  await world.kill('SIGTERM');
  const startedAt = performance.now();
  const { bytes } = await fill(world, CAMPAIGN, people);
  Object.assign(ledger, { bytes, fillSeconds: (performance.now() - startedAt) / 1000 });
  await start(ledger);

  const { states } = await world.counters(CAMPAIGN);
  check(states.delivered === people + 1, `Leadhook counts ${states.delivered} of ${people + 1} people`);
  await expect(world, { ...FRESH.bodies(1)[0], ...FILLED });
  const { states: after } = await world.counters(CAMPAIGN);
  check(after.duplicate === 1, 'somebody who was filled in is not recognised');
  return ledger;
}

/** Starts a world's runtime again. Its KV has forgotten all. */
async function start({ world, campaign }) {
  await world.startAgain();
  await world.publish(campaign);
}

function check(holds, otherwise) {
  if (!holds) throw new Error(otherwise);
}

async function expect(world, body) {
  const { status, text } = await post(world.url, body);
  check(status === 202, `${status} instead of 202: ${text}`);
}

function postFresh(world) {
  return expect(world, FRESH.bodies(1)[0]);
}

async function timed(step) {
  const startedAt = performance.now();
  await step();
  return performance.now() - startedAt;
}

/** Times the first lead after a start of the runtime, and a search for dead letters. */
async function timeStarts() {
  for (let round = 0; round < plan.starts; round += 1) {
    for (const ledger of ledgers) {
      const { world, hook } = ledger;
      await world.kill('SIGTERM');
      await start(ledger);
      const before = hook.ids.size;
      ledger.openMs.push(await timed(() => postFresh(world)));
      await rest(ledger, before + 1);
      ledger.deadLettersMs.push(await timed(() => world.ask('GET', DEAD_LETTERS)));
    }
  }
}

/** Measures all ledgers in turn, so that other load on the machine hits each of them. */
async function timeRounds() {
  for (const ledger of ledgers) await fullRound(ledger);
  for (let round = 1; round <= plan.rounds; round += 1) {
    for (const ledger of ledgers) {
      const result = await fullRound(ledger);
      ledger.rounds.push(result);
      const { rps, deliveredPerSecond, cpuMs, others } = result;
      const busy = others > DISTURBING ? `  (others took ${percent(others)} of the machine)` : '';
      console.log(
        `  round ${round}  ${String(ledger.people).padStart(7)} people  ${rps.toFixed(0)} requests/s  ${deliveredPerSecond.toFixed(0)} delivered/s  ${cpuMs.toFixed(2)} CPU ms${busy}`,
      );
    }
  }
}

async function fullRound(ledger) {
  const { world, hook } = ledger;
  const before = hook.ids.size;
  const others = watchOthers(ledgers.map((one) => one.world.pid));
  const cpu = cpuMs(world.pid) + cpuMs(world.kvPid);
  const kvBefore = await kvCalls(world);
  const run = await load(world.url, FRESH, plan.seconds, PACES.full);
  await rest(ledger, before + run.requests);
  const delivered = hook.ids.size - before;
  const kv = await kvCalls(world);
  return {
    rps: run.requests / run.seconds,
    deliveredPerSecond: delivered / ((hook.lastAtMs - run.startedAtMs) / 1000),
    cpuMs: (cpuMs(world.pid) + cpuMs(world.kvPid) - cpu) / delivered,
    kv: { reads: (kv.reads - kvBefore.reads) / delivered, writes: (kv.writes - kvBefore.writes) / delivered },
    others: others(),
  };
}

async function kvCalls({ kvUrl }) {
  return (await send(kvUrl, 'GET', '/')).json;
}

/** Waits until so many webhooks have arrived in all, and the runtime rests. */
async function rest({ world, hook }, webhooks) {
  await calm('a ledger', [world.pid], () => ({ distinct: hook.ids.size, lastAtMs: hook.lastAtMs }), webhooks);
  // Nobody reads what a Worker logs.
  world.stdout = '';
}

/** Sends one ledger more than it can take, while another one of the same Worker gets little. */
async function floodOne({ world, hook: quietHook }) {
  const { hook, url } = receiver(FLOODED);
  await world.publish({ ...benchCampaign({ url }), id: FLOODED });
  const quietBefore = quietHook.ids.size;
  const quietly = (seconds) => steady(`${world.url}/c/${CAMPAIGN}`, QUIET, seconds);
  const before = await quietly(plan.quietSeconds);
  const [during, { lost, answers }] = await Promise.all([
    quietly(plan.floodSeconds),
    flood(`${world.url}/c/${FLOODED}`, plan.connections, plan.floodSeconds),
  ]);
  for (const { answers, lost } of [before, during]) {
    check(
      lost === 0 && Object.keys(answers).join() === '202',
      `the other ledger answers ${Object.keys(answers)}, ${lost} lost`,
    );
  }
  const unexpected = Object.keys(answers).filter((name) => !['202', '503 with Retry-After'].includes(name));
  check(unexpected.length === 0, `a flooded ledger answers ${unexpected}`);
  const admitted = answers['202']?.length ?? 0;
  const { accepted } = await world.counters(FLOODED);
  check(
    accepted >= admitted && accepted <= admitted + lost,
    `${accepted} are counted, ${admitted} got a 202, ${lost} no answer`,
  );
  const endedAtMs = Date.now();
  await rest({ world, hook }, accepted);
  await rest(
    { world, hook: quietHook },
    quietBefore + before.answers['202'].length + during.answers['202'].length,
  );
  const { states } = await world.counters(FLOODED);
  check(states.delivered === accepted, `${states.delivered} of ${accepted} are delivered`);
  check(hook.ids.size === accepted, `${hook.ids.size} webhooks for ${accepted} leads`);
  const twice = [...hook.ids.values()].filter((times) => times > 1).length;
  const drainSeconds = Math.max(0, hook.lastAtMs - endedAtMs) / 1000;
  return { answers, lost, accepted, twice, drainSeconds, before: before.answers, during: during.answers };
}
