// Leads over time: a bar for each hour or day of the campaign's zone, also where nothing came.
import { beginOf, dateOf, zoneOf } from '../calendar.js';
import { h } from '../ui/dom.js';
import { plotPlace } from '../ui/charts.js';
import { box, card, table } from '../ui/components.js';
import { stepsOf, ticksOf } from './buckets.js';
import { count, plural } from '../ui/format.js';

/** From what came in to what arrived; each holds the next. */
export const MILESTONES = [
  ['accepted', 'shade-1'],
  ['new', 'shade-2'],
  ['qualified', 'shade-3'],
  ['delivered', 'shade-4'],
];

/** What is said of instants, in a zone. */
function wordsOf(step, zone) {
  const words = (options) => {
    const format = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone });
    return (second) => format.format(second * 1_000);
  };
  const date = { day: 'numeric', month: 'short', year: 'numeric' };
  const time = { hour: '2-digit', minute: '2-digit' };
  return {
    day: words({ day: 'numeric', month: 'short' }),
    hour: words(time),
    // One that clocks show twice is told apart by its offset.
    full: words(step === 'day' ? date : { ...date, ...time, timeZoneName: 'short' }),
  };
}

export function timelineCard(overview) {
  const { step } = overview;
  const zone = zoneOf(overview.time_zone);
  const { steps, end, isCut } = stepsOf(overview, zone);
  const { day, hour, full } = wordsOf(step, zone);
  const isDay = (second) => beginOf(dateOf(second * 1_000, zone), zone) === second * 1_000;
  const number = (at, name) => at.counts[name] ?? 0;
  const sum = (name) => steps.reduce((total, at) => total + number(at, name), 0);
  const most = steps.reduce((best, at) => (number(at, 'accepted') > number(best, 'accepted') ? at : best));
  const told = MILESTONES.map(([name]) => `${count(sum(name))} ${name}`).join(', ');
  const peak = number(most, 'accepted')
    ? ` Most in one ${step}: ${count(number(most, 'accepted'))}, ${full(most.second)}.`
    : '';
  const summary = `Leads by ${step}: ${told}.${peak}`;
  const shows = {
    summary,
    xs: steps.map(({ second }) => second),
    range: [steps[0].second, end],
    series: MILESTONES.map(([name, shade]) => ({ name, shade, values: steps.map((at) => number(at, name)) })),
    isTime: true,
    zone,
    ticks: (from, to, apart) => ticksOf(from, to, apart, zone),
    tick: (second) => (isDay(second) ? day(second) : hour(second)),
    point: full,
  };
  const rows = steps
    .map((at) => [full(at.second), ...MILESTONES.map(([name]) => count(number(at, name)))])
    .reverse();
  const name = `Leads by ${step}`;
  return card(
    'Leads over time',
    { class: 'wide', note: `By ${step} (${zone})${isCut ? `, the last ${count(steps.length)}` : ''}` },
    plotPlace('timeline', shows),
    h(
      'details',
      {},
      h('summary', {}, `The ${plural(steps.length, step)} as a table`),
      box(
        name,
        table(name, [step === 'day' ? 'Day' : 'Hour', ...MILESTONES.map(([title]) => title)], rows, {
          numbersFrom: 1,
        }),
      ),
    ),
  );
}
