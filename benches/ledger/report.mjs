// Report of the ledger's benchmark: tables, and its section of RESULTS.md.
import { ASSUMPTIONS, cents, SOURCES } from '../lib/price.mjs';
import { percentile, ratio, spread } from '../lib/statistics.mjs';
import { DISTURBING, list, markdown, percent } from '../lib/tables.mjs';

/** A fresh lead in a larger ledger may cost so much more than in the smallest one. */
const MOST_SLOWER = 0.1;

const number = (value, digits = 0) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const range = ({ median, min, max }, digits) =>
  `${number(median, digits)} (${number(min, digits)}–${number(max, digits)})`;

export function rowsTable(rows, sweep, { rush, swept }) {
  const lines = Object.entries(rows)
    .filter(([name]) => name !== 'rush')
    .map(([name, { admission, settling }]) => [
      name,
      ...[admission, settling].flatMap(({ written, read, alarmsSet }) =>
        [written, read, alarmsSet].map(String),
      ),
    ]);
  const { admission, settling } = rows.rush;
  const each = (key) => number((admission[key] + settling[key]) / rush, 2);
  lines.push([
    `one of ${rush} in a rush, both phases`,
    each('written'),
    each('read'),
    each('alarmsSet'),
    '',
    '',
    '',
  ]);
  const daily = [sweep.written, sweep.read, sweep.alarmsSet].map((count) => number(count));
  lines.push([`daily sweep of ${number(swept)} people`, '', '', '', ...daily]);
  return [['', 'written', 'read', 'alarm set', 'settling: written', 'read', 'alarm set'], ...lines];
}

export function sizeTable(ledgers) {
  const rows = ledgers.map(({ people, bytes, openMs, deadLettersMs }) => [
    `${number(people)} people`,
    number(bytes / 1e6),
    number(bytes / people),
    range(spread(openMs), 0),
    range(spread(deadLettersMs), 0),
  ]);
  return [
    ['', 'file, MB', 'bytes a person', 'first lead after a start, ms', 'a search for dead letters, ms'],
    ...rows,
  ];
}

const series = ({ rounds }, key) => rounds.map((round) => round[key]);

export function growthTable(ledgers) {
  const [smallest] = ledgers;
  const rows = ledgers.map((ledger) => [
    `${number(ledger.people)} people`,
    range(spread(series(ledger, 'rps')), 0),
    range(spread(series(ledger, 'cpuMs')), 2),
    ...['rps', 'cpuMs'].map((key) =>
      ledger === smallest ? '' : range(ratio(series(ledger, key), series(smallest, key)), 2),
    ),
  ]);
  return [['', 'requests/s', 'CPU ms a lead', 'requests/s ÷ smallest', 'CPU ÷ smallest'], ...rows];
}

function reachTable([smallest]) {
  return [
    ['', 'leads a second'],
    ['answered with 202', range(spread(series(smallest, 'rps')), 0)],
    ['to the last webhook', range(spread(series(smallest, 'deliveredPerSecond')), 0)],
  ];
}

/** Tells if a fresh lead was slower in a larger ledger than it may be. */
function verdicts([smallest, ...larger]) {
  return larger.map((ledger) => {
    const slower = (key, invert) => {
      const { median } = ratio(series(ledger, key), series(smallest, key));
      return (invert ? 1 / median : median) - 1;
    };
    const worst = Math.max(slower('rps', true), slower('cpuMs', false));
    const verdict = worst <= MOST_SLOWER ? 'kept' : 'missed';
    const by = `${number(Math.abs(worst) * 100)} % ${worst > 0 ? 'slower' : 'faster'}`;
    return `- ${number(ledger.people)} people: ${verdict}. By the worse of the two medians it is ${by}.`;
  });
}

export function floodTable({ answers, before, during }) {
  const lines = (who, answers) =>
    Object.entries(answers).map(([name, us]) => {
      const counted = us.map((one) => [one, 1]);
      return [
        `${who}: ${name}`,
        number(us.length),
        ...[50, 99].map((rank) => number(percentile(rank, counted) / 1000, 1)),
      ];
    });
  return [
    ['', 'answers', 'p50 ms', 'p99 ms'],
    ...lines('flooded ledger', answers),
    ...lines('other ledger, before', before),
    ...lines('other ledger, during', during),
  ];
}

/** Says what known people cost. */
export function keepingLine({ keeping }) {
  const { storageUsd, sweepUsd, written, read, freePeople, mostPeople } = keeping;
  const people = (count) => number(Number(count.toPrecision(2)));
  return `A million people who are known cost ${cents(storageUsd)} USD a month for storage and ${cents(sweepUsd)} USD for the daily sweep, which writes ${number(written)} rows a day, alarms included, and reads ${number(read)}. An object's 10 GB hold ${people(mostPeople)} people; the free plan's 5 GB, and the rows that a sweep may read there, are enough for ${people(freePeople)}.`;
}

export function ledgerSection({ rows, sweep, ledgers, flooded, money, plan, seconds, machine, versions }) {
  const { price, freePlan } = money;
  const [alone, rush] = freePlan.ceilings;
  const largest = ledgers.at(-1);
  const disturbed = ledgers
    .flatMap(({ rounds }) => rounds)
    .filter(({ others }) => others > DISTURBING).length;
  return `## One ledger

Measured with \`make bench-ledger\` on ${new Date().toISOString().slice(0, 10)} in ${number(seconds)} seconds.

- Versions: ${list(versions.filter(([what]) => ['Leadhook', 'workerd', 'node', 'wrk'].includes(what)))}.
- Machine: ${list(machine)}. During ${disturbed} of ${ledgers.length * plan.rounds} rounds something else took more than ${percent(DISTURBING)} of it.

### Rows

What the object's SQLite counts as written and read, which is what Cloudflare bills. An entry of an index counts as a row. On the left what is done before the answer, on the right what its alarm does until the last webhook is settled. \`tests/e2e/operations/rows-written.test.mjs\` holds the numbers of written rows.

${markdown(rowsTable(rows, sweep, plan))}

### The price of a million leads

${ASSUMPTIONS.map((line) => `- ${line}`).join('\n')}

${markdown(price.rows)}

Workers Paid includes much of it. A million leads in one month cost ${cents(price.inAMonthUsd[0])} USD alone and ${cents(price.inAMonthUsd[1])} USD in a rush, the plan's 5 USD included.

${keepingLine(money)}

List prices and limits: ${SOURCES.map((url) => `<${url}>`).join(', ')}.

### Leads a day on the free plan

${markdown(freePlan.rows)}

The end is at ${number(alone.leads)} leads alone (${alone.what}) and at ${number(rush.leads)} in a rush (${rush.what}). Beyond the soft limit no lead fails: KV then remembers no repeats, and the ledger recognises them.

### Reach

One campaign, one ledger, ${number(ledgers[0].people)} people at the beginning, 32 connections that wait for nothing but answers; ${plan.rounds} rounds of ${plan.seconds} s, the median and in brackets the lowest and the highest.

${markdown(reachTable(ledgers))}

The receiver answers at once. Since one receiver is sent two webhooks at a time, one that takes 100 ms gets 20 a second, and the rest waits in the ledger. Cloudflare names 1,000 requests a second as an object's soft limit.

### Growth

The same in ledgers that already know people. They were written straight into the file, as rows of delivered leads of the last 30 days; Leadhook's counters agree, and it recognises one of them. The ledgers take turns, and ÷ is taken within a round. The rounds add some thousand people to each.

${markdown(growthTable(ledgers))}

A fresh lead may not become more than a tenth slower:

${verdicts(ledgers).join('\n')}

${markdown(sizeTable(ledgers))}

To fill the largest one took ${number(largest.fillSeconds)} s. The first lead after a start of the runtime also finds cold code and an empty KV. A search for dead letters is \`GET /admin/api/deliveries?state=dead\` where there are none.

### Beyond its limit

${plan.connections} connections post fresh leads to one ledger for ${plan.floodSeconds} s as fast as it answers; another ledger of the same Worker gets 50 a second. Both are in one process here and share its one thread, so the other ledger's requests wait behind the flood before the Worker sees them.

${markdown(floodTable(flooded))}

- Nothing but 202 and 503 with \`Retry-After\`${flooded.lost ? `; ${flooded.lost} requests got no answer` : ', and every request got an answer'}.
- The ledger counts ${number(flooded.accepted)} leads, as many as got a 202${flooded.lost ? ', or whose answer was lost' : ''}.
- All of them were delivered, the last one ${number(flooded.drainSeconds, 1)} s after the flood. ${flooded.twice === 0 ? 'None was sent twice.' : `${number(flooded.twice)} were sent more than once, under the same \`webhook-id\`.`}
`;
}
