// Report of a comparison: tables, and its section of RESULTS.md.
import { PAUSE_MS } from '../lib/lone-lead.mjs';
import { cents } from '../lib/price.mjs';
import { percentile, ratio, spread } from '../lib/statistics.mjs';
import { DISTURBING, list, markdown, percent } from '../lib/tables.mjs';
import { TARGETS } from '../lib/targets.mjs';
import { OPERATIONS } from '../lib/workload.mjs';
import { judged } from './goals.mjs';

/** The values of a run that are compared. */
const VALUES = [
  { key: 'rps', head: 'requests/s', digits: 0 },
  { key: 'cpuMs', head: 'CPU ms', digits: 3 },
  { key: 'cpuWithoutKvMs', head: 'CPU ms without KV', digits: 3 },
  { key: 'deliveredPerSecond', head: 'delivered/s', digits: 0 },
];
const HEADS = VALUES.map(({ head }) => head);

/**
 * Returns the pairs of targets whose values are divided, if both take part. A ratio is taken within a round, between
 * runs that are neighbours in time.
 */
export function ratioPairs(targets) {
  const builds = targets.filter((target) => !TARGETS.includes(target)).map(({ name }) => name);
  return [
    ['leadhook', 'peer'],
    ['leadhook', 'floor'],
    ['peer', 'floor'],
    ['leadhook', 'leadhook again'],
    ...builds.flatMap((name, at) =>
      ['leadhook', 'peer', ...builds.slice(0, at)].map((other) => [name, other]),
    ),
  ];
}

const range = ({ median, min, max }, digits) =>
  min === max
    ? median.toFixed(digits)
    : `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

/** Returns the values of one kind over the rounds; `undefined` if a target has none. */
function series({ full }, key) {
  const values = full.map((run) => run[key]);
  return values.includes(undefined) ? undefined : values;
}

export function runLine(round, name, { rps, others }) {
  const disturbed = others > DISTURBING ? `  (others took ${percent(others)} of the machine)` : '';
  return `  round ${round}  ${name.padEnd(14)} ${rps.toFixed(0).padStart(6)} requests/s${disturbed}`;
}

export function operationTable(runs) {
  const rows = Object.entries(runs).map(([name, target]) => [
    name,
    ...VALUES.map(({ key, digits }) => series(target, key) && range(spread(series(target, key)), digits)),
    ...[50, 99].map((rank) => latencyMs(rank, target.moderate)),
  ]);
  return [['', ...HEADS, 'p50 ms', 'p99 ms'], ...rows];
}

const latencyMs = (rank, run) => run && (percentile(rank, run.latencyUs) / 1000).toFixed(2);

/** Returns the ratios of these pairs. */
export function ratioTable(runs, pairs) {
  const rows = pairs
    .filter((names) => names.every((name) => runs[name]))
    .map(([one, other]) => {
      const cells = VALUES.map(({ key }) => {
        const [ones, others] = [series(runs[one], key), series(runs[other], key)];
        return ones && others && range(ratio(ones, others), 2);
      });
      return [`${one} ÷ ${other}`, ...cells];
    });
  return [['', ...HEADS], ...rows];
}

export function onceTable(once) {
  const rows = Object.entries(once).map(([name, { size, memory, coldStartsMs }]) => [
    name,
    size.all.toFixed(1),
    size.wasm > 0 ? size.wasm.toFixed(1) : '',
    range(spread(coldStartsMs), 0),
    memory.now.toFixed(0),
    memory.peak.toFixed(0),
  ]);
  return [['', 'gzip kB', 'of it wasm', 'cold start ms', 'memory MB', 'its peak'], ...rows];
}

export function loneTable(lone) {
  const rows = Object.entries(lone).map(([name, one]) => [
    name,
    one.cpuMs.toFixed(2),
    one.cpuWithoutKvMs.toFixed(2),
    one.p50Ms.toFixed(2),
    ...[one.calls, one.written, one.read, one.alarmsSet, one.kv.reads, one.kv.writes, one.webhooks].map(
      String,
    ),
    one.usdAMillion && cents(one.usdAMillion),
  ]);
  const counts = [
    'object requests',
    'rows written',
    'rows read',
    'alarms set',
    'KV reads',
    'KV writes',
    'webhooks',
  ];
  return [['', 'CPU ms', 'CPU ms without KV', 'p50 ms', ...counts, 'USD a million'], ...rows];
}

export function goalTable(results) {
  const verdict = (by, digits) => `${by < 0 ? 'missed' : 'reached'} by ${Math.abs(by).toFixed(digits)}`;
  const rows = judged(results).map(
    ({ what, least, most, aim, digits, measured, reachedBy, aimReachedBy }) => [
      what,
      most === undefined ? `at least ${least.toFixed(digits)}` : `at most ${most.toFixed(digits)}`,
      range(measured, digits),
      verdict(reachedBy, digits),
      `${aim.toFixed(digits)}: ${verdict(aimReachedBy, digits)}`,
    ],
  );
  return [['', 'required', 'measured', '', 'aim'], ...rows];
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

/** Returns the section of RESULTS.md. */
export function speedSection({ measured, once, lone, plan, minutes, machine, versions }) {
  const { rounds, latencySeconds, starts, loneLeads, warmUpSeconds } = plan;
  const all = Object.values(measured)
    .flatMap(Object.values)
    .flatMap(({ full, moderate }) => [...full, moderate ?? []].flat());
  const disturbed = all.filter(({ others }) => others > DISTURBING).length;
  const operations = OPERATIONS.map((operation) => {
    const runs = measured[operation.name];
    return `### ${operation.name}

${sentence(operation.says)} ${rounds} rounds of ${operation.seconds} s.

${markdown(operationTable(runs))}

${markdown(ratioTable(runs, ratioPairs(TARGETS)))}
`;
  });
  return `## Speed

Measured with \`make bench\` on ${new Date().toISOString().slice(0, 10)} in ${minutes.toFixed(1)} minutes.

- Versions: ${list(versions)}.
- Machine: ${list(machine)}. During ${disturbed} of ${all.length} runs something else took more than ${percent(DISTURBING)} of it.

### Goals

${markdown(goalTable({ measured, once, lone }))}

The median is judged; the lowest and the highest round stand in brackets.

### Compared Workers

${TARGETS.map(({ name, says }) => `- **${name}**: ${says}.`).join('\n')}

[README.md](README.md) says what peer and floor leave out. Each runs on plain workerd in a process of its own, with its own SQLite; its KV is a small Worker (\`lib/kv.mjs\`) in a second process of its own, over the loopback. Before anything is timed, peer and leadhook have to give the answers and webhooks that \`compare/conformance.mjs\` demands. The load is wrk with one thread and 32 connections; it shares the machine with the Workers and with the receiver of their webhooks. The targets take turns within a round, after ${warmUpSeconds} s to warm up, and a turn ends once everything is delivered.

- **CPU ms**: processor time of the runtime and of KV's process for one request; where there are webhooks, for one delivered lead. **Without KV**: of the runtime alone.
- **delivered/s**: leads from the first post to the last webhook received.
- **p50, p99**: of the answer, at about 125 requests a second with random pauses, in ${latencySeconds} s.
- **÷**: taken within a round and then the median. For CPU less than 1 is better. **leadhook ÷ leadhook again** would be 1 without noise.

${operations.join('\n')}
### A lone lead

One lead at a time, with an e-mail address and no phone number, while nothing else is under way. Processor time, waiting time and webhooks are of ${loneLeads} leads to each target, one every ${PAUSE_MS} ms or less often; they take more than leads under load, for caches and branches have gone cold in between. The rest is counted with one lead to a runtime that has just been started, on a ledger that exists, until no alarm is due. Here Worker and object are in one isolate, so that the object need not read the campaign from KV again; the list price adds that reading. Its other assumptions stand under [One ledger](#one-ledger).

${markdown(loneTable(lone))}

### Size, start and memory

A cold start is from the start of the runtime, with an empty ledger and the campaign in KV, to the 202 of its first lead; ${starts} starts in turn. Memory is that of the runtime after all rounds.

${markdown(onceTable(once))}
`;
}
