// Goals: a bound that Leadhook must keep (`least` or `most`), and an `aim` beyond it.
import { ratio, spread } from '../lib/statistics.mjs';

const GOALS = [
  {
    what: 'fresh: CPU of a delivered lead, leadhook ÷ peer',
    most: 0.9,
    aim: 0.65,
    of: share('fresh', 'cpuMs'),
  },
  {
    what: "fresh: CPU of a delivered lead without KV's process, leadhook ÷ peer",
    most: 1,
    aim: 0.75,
    of: share('fresh', 'cpuWithoutKvMs'),
  },
  { what: 'fresh: requests/s, leadhook ÷ peer', least: 1.05, aim: 1.4, of: share('fresh', 'rps') },
  {
    what: 'fresh: delivered/s, leadhook ÷ peer',
    least: 1.05,
    aim: 1.3,
    of: share('fresh', 'deliveredPerSecond'),
  },
  { what: 'repeat: requests/s, leadhook ÷ peer', least: 1.3, aim: 1.8, of: share('repeat', 'rps') },
  { what: 'known: requests/s, leadhook ÷ peer', least: 0.9, aim: 1.2, of: share('known', 'rps') },
  { what: 'invalid: requests/s, leadhook ÷ peer', least: 1, aim: 1.2, of: share('invalid', 'rps') },
  { what: 'criteria: requests/s, leadhook ÷ peer', least: 0.9, aim: 1.1, of: share('criteria', 'rps') },
  {
    what: 'cold start, leadhook ÷ peer',
    most: 1.25,
    aim: 1,
    of: ({ once }) => ratio(once.leadhook.coldStartsMs, once.peer.coldStartsMs),
  },
  {
    what: 'fresh: CPU of a delivered lead, leadhook ÷ floor',
    most: 2,
    aim: 1.5,
    of: share('fresh', 'cpuMs', 'floor'),
  },
  {
    what: 'rows of a lone lead, alarms included',
    most: 9,
    aim: 6,
    digits: 0,
    of: ({ lone }) => spread([lone.leadhook.written + lone.leadhook.alarmsSet]),
  },
  {
    what: 'list price of a million leads alone, KV as by default, USD',
    most: 12,
    aim: 7,
    of: ({ lone }) => spread([lone.leadhook.usdAMillion]),
  },
  {
    what: 'wasm, kB gzip',
    most: 800,
    aim: 650,
    digits: 1,
    of: ({ once }) => spread([once.leadhook.size.wasm]),
  },
];

/** Returns a function that divides Leadhook's runs by another target's, round by round. */
function share(operation, key, other = 'peer') {
  return ({ measured }) => {
    const [own, others] = ['leadhook', other].map((name) =>
      measured[operation][name].full.map((run) => run[key]),
    );
    return ratio(own, others);
  };
}

/** Returns each goal with its measurement, and by how much bound and aim were reached: below 0 if they were missed. */
export function judged(results) {
  return GOALS.map(({ of, digits = 2, ...bounds }) => {
    const measured = of(results);
    const { least, most, aim } = bounds;
    const reachedBy = (bound) => (most === undefined ? measured.median - bound : bound - measured.median);
    return { ...bounds, digits, measured, reachedBy: reachedBy(least ?? most), aimReachedBy: reachedBy(aim) };
  });
}
