// The timeline: leads by hour or day of the campaign's zone, also where nothing came.
import { beginOf, dateOf, zoneOf } from '../calendar.js';
import { chart } from '../ui/charts.js';
import { box, card, table } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { capital, count, plural } from '../ui/format.js';
import { bucketsOf, ticksOf } from './buckets.js';

/** From what came in to what arrived; each holds the next. */
export const MILESTONES = [
  ['accepted', 'shade-1'],
  ['new', 'shade-2'],
  ['qualified', 'shade-3'],
  ['delivered', 'shade-4'],
];

/** Returns functions that write instants by the clock of a zone. */
function formatsOf(step, zone) {
  const formatOf = (options) => {
    const format = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone });
    return (second) => format.format(second * 1_000);
  };
  const date = { day: 'numeric', month: 'short', year: 'numeric' };
  const time = { hour: '2-digit', minute: '2-digit' };
  return {
    day: formatOf({ day: 'numeric', month: 'short' }),
    hour: formatOf(time),
    // One that clocks show twice is told apart by its offset.
    full: formatOf(step === 'day' ? date : { ...date, ...time, timeZoneName: 'short' }),
  };
}

export function timelineCard(report) {
  const { step } = report;
  const zone = zoneOf(report.time_zone);
  const { buckets, end, isCut } = bucketsOf(report, zone);
  const { day, hour, full } = formatsOf(step, zone);
  const isDay = (second) => beginOf(dateOf(second * 1_000, zone), zone) === second * 1_000;
  const number = (bucket, name) => bucket.counts[name] ?? 0;
  const sum = (name) => buckets.reduce((total, bucket) => total + number(bucket, name), 0);
  const most = buckets.reduce((best, bucket) =>
    number(bucket, 'accepted') > number(best, 'accepted') ? bucket : best,
  );
  const totals = MILESTONES.map(([name]) => `${count(sum(name))} ${name}`).join(', ');
  const peak = number(most, 'accepted')
    ? ` Most in one ${step}: ${count(number(most, 'accepted'))}, ${full(most.second)}.`
    : '';
  const summary = `Leads by ${step}: ${totals}.${peak}`;
  const spec = {
    summary,
    xs: buckets.map(({ second }) => second),
    range: [buckets[0].second, end],
    series: MILESTONES.map(([name, shade]) => ({
      name,
      shade,
      values: buckets.map((bucket) => number(bucket, name)),
    })),
    isTime: true,
    zone,
    ticks: (from, to, apart) => ticksOf(from, to, apart, zone),
    tick: (second) => (isDay(second) ? day(second) : hour(second)),
    point: full,
  };
  const rows = buckets
    .map((bucket) => [full(bucket.second), ...MILESTONES.map(([name]) => count(number(bucket, name)))])
    .reverse();
  const name = `Leads by ${step}`;
  return card(
    'Leads over time',
    { class: 'wide', note: `By ${step} (${zone})${isCut ? `, last ${plural(buckets.length, step)}` : ''}` },
    chart('timeline', spec),
    h(
      'details',
      {},
      h('summary', {}, `${plural(buckets.length, step)} as a table`),
      box(
        name,
        table(name, [step === 'day' ? 'Day' : 'Hour', ...MILESTONES.map(([title]) => capital(title))], rows, {
          numbersFrom: 1,
        }),
      ),
    ),
  );
}
