// Scores: how many leads have how many points, with the thresholds of the campaign drawn in.
import { chart } from '../ui/charts.js';
import { box, card, table } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { count, plural } from '../ui/format.js';

const THRESHOLDS = [
  ['warm', 'warm'],
  ['hot', 'hot'],
  ['mql', 'MQL'],
  ['sql', 'SQL'],
  ['forward_at', 'forwarded'],
];

/** Bars of a chart: more are too thin to be told apart, so neighbours are drawn as one. */
const MAX_BARS = 120;

/** Returns bins from the lowest to beyond the highest of what is shown, wide enough that there are few. */
function barsOf(bins, marks, points) {
  const all = [...bins.map(([least]) => least), ...marks.map(({ at }) => at)];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  let size = points;
  while ((high - low) / size >= MAX_BARS) size *= 2;
  const binOf = (at) => Math.floor(at / size) * size;
  const [from, to] = [binOf(low), binOf(high) + size];
  const sums = new Map();
  for (const [least, number] of bins) sums.set(binOf(least), (sums.get(binOf(least)) ?? 0) + number);
  const xs = Array.from({ length: Math.round((to - from) / size) }, (_, at) => from + at * size);
  return { xs, range: [from, to], values: xs.map((least) => sums.get(least) ?? 0), size };
}

/** Returns thresholds by their points, those of the same points together. */
function marksOf(thresholds) {
  const marks = new Map();
  for (const [key, name] of THRESHOLDS) {
    const at = thresholds?.[key];
    if (at !== null && at !== undefined) marks.set(at, [...(marks.get(at) ?? []), name]);
  }
  return [...marks]
    .sort(([one], [other]) => one - other)
    .map(([at, names]) => ({ at, name: `${names.join(', ')} ${at}` }));
}

export function scoresCard({ scores, thresholds }) {
  const points = scores.bin_points;
  const bins = Object.entries(scores.bins)
    .map(([least, number]) => [Number(least), number])
    .sort(([one], [other]) => one - other);
  const limits = THRESHOLDS.filter(([key]) => thresholds?.[key] !== null && thresholds?.[key] !== undefined)
    .map(([key, name]) => `${name} from ${thresholds[key]}`)
    .join(', ');
  const note = limits
    ? `Points of new leads; ${limits}`
    : 'Points of new leads; choose a campaign to see its thresholds';
  if (bins.length === 0)
    return card('Scores', { note }, h('p', { class: 'quiet' }, 'No leads were scored in this period.'));
  const marks = marksOf(thresholds);
  const { size, xs, range, values } = barsOf(bins, marks, points);
  const name = (least, wide = points) => (wide === 1 ? `${least}` : `${least} to ${least + wide - 1}`);
  const rows = bins.map(([least, number]) => [name(least), count(number)]);
  const total = bins.reduce((sum, [, number]) => sum + number, 0);
  const most = bins.reduce((best, bin) => (bin[1] > best[1] ? bin : best));
  return card(
    'Scores',
    { note },
    chart('scores', {
      summary: `Score distribution of ${plural(total, 'lead')}; the most common score is ${name(most[0])} points (${plural(most[1], 'lead')}).${limits ? ` Thresholds: ${limits}.` : ''}`,
      xs,
      range,
      marks,
      series: [{ name: 'leads', shade: 'shade-3', values }],
      tick: (at) => `${at}`,
      point: (least) => `${name(least, size)} points`,
    }),
    h(
      'details',
      {},
      h('summary', {}, 'Scores as a table'),
      box('Scores by points', table('Scores by points', ['Points', 'Leads'], rows, { numbersFrom: 1 })),
    ),
  );
}
