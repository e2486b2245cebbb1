// What was measured, as tables and as its section of RESULTS.md.
import { judged } from './aims.mjs';
import { percentile, ratio, spread } from './statistics.mjs';
import { DISTURBING, list, markdown, percent } from './tables.mjs';
import { OPERATIONS, RATIOS, TARGETS } from './targets.mjs';

/** What a run yields that is compared. */
const VALUES = [
  { key: 'rps', head: 'requests/s', digits: 0 },
  { key: 'cpuMs', head: 'CPU ms', digits: 2 },
  { key: 'deliveredPerSecond', head: 'delivered/s', digits: 0 },
];
const HEADS = VALUES.map(({ head }) => head);

const range = ({ median, min, max }, digits) =>
  min === max ? median.toFixed(digits) : `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;

/** The values of one kind over the rounds; nothing where a target has none. */
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

export function ratioTable(runs) {
  const rows = RATIOS.filter((names) => names.every((name) => runs[name])).map(([one, other]) => {
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
    size.wasm && size.wasm.toFixed(1),
    range(spread(coldStartsMs), 0),
    memory.now.toFixed(0),
    memory.peak.toFixed(0),
  ]);
  return [['', 'gzip kB', 'of it wasm', 'cold start ms', 'memory MB', 'its peak'], ...rows];
}

export function aimTable(results) {
  const verdict = (by, digits) => `${by < 0 ? 'missed' : 'reached'} by ${Math.abs(by).toFixed(digits)}`;
  const rows = judged(results).map(({ what, least, most, aim, digits, measured, reachedBy, aimReachedBy }) => [
    what,
    most === undefined ? `at least ${least.toFixed(digits)}` : `at most ${most.toFixed(digits)}`,
    range(measured, digits),
    verdict(reachedBy, digits),
    aim && `${aim.toFixed(digits)}: ${verdict(aimReachedBy, digits)}`,
  ]);
  return [['', 'required', 'measured', '', 'aim'], ...rows];
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;

/** The section of RESULTS.md. */
export function speedSection({ measured, once, plan, minutes, machine, versions }) {
  const { rounds, latencySeconds, starts } = plan;
  const all = Object.values(measured).flatMap(Object.values).flatMap(({ full, moderate }) => [...full, moderate ?? []].flat());
  const disturbed = all.filter(({ others }) => others > DISTURBING).length;
  const operations = OPERATIONS.map((operation) => {
    const runs = measured[operation.name];
    return `### ${operation.name}

${sentence(operation.says)} ${rounds} rounds of ${operation.seconds} s.

${markdown(operationTable(runs))}

${markdown(ratioTable(runs))}
`;
  });
  return `## Speed

Measured with \`make bench\` on ${new Date().toISOString().slice(0, 10)} in ${minutes.toFixed(1)} minutes.

- Versions: ${list(versions)}.
- Machine: ${list(machine)}. During ${disturbed} of ${all.length} runs something else took more than ${percent(DISTURBING)} of it.

### Targets

${markdown(aimTable({ measured, once }))}

What is judged is the median; in brackets the lowest and the highest round.

### What was compared

${TARGETS.map(({ name, says }) => `- **${name}**: ${says}.`).join('\n')}

Each runs on plain workerd in a process of its own, with its own SQLite and its own KV, a small Worker in the same process (\`kv.mjs\`). Before anything is timed, peer and leadhook have to give the answers and webhooks that \`conformance.mjs\` demands. The load is wrk with one thread and 32 connections; it shares the machine with the Workers and with the receiver of their webhooks. The targets take turns within a round, after one round to warm up, and a turn ends once everything is delivered.

- **CPU ms**: processor time of the runtime, KV included, for one request; where there are webhooks, for one delivered lead.
- **delivered/s**: leads from the first post to the last webhook received.
- **p50, p99**: of the answer, at about 125 requests a second with random pauses, in ${latencySeconds} s.
- **÷**: taken within a round and then the median. For CPU less than 1 is better. **leadhook ÷ leadhook again** would be 1 without noise.
- The floors do one thing, whatever the operation: they store the body of a fresh lead.

${operations.join('\n')}
### Size, start and memory

A cold start is from the start of the runtime, with an empty ledger and the campaign in KV, to the 202 of its first lead; ${starts} starts in turn. Memory is that of the runtime after all rounds.

${markdown(onceTable(once))}
`;
}
