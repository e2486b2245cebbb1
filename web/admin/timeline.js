// Leads over time: a bar for each hour or day, also where nothing came.
import { h } from './dom.js';
import { plotPlace } from './plots.js';
import { box, card, table } from './parts.js';
import { count, plural } from './words.js';

const STEP_S = { hour: 3_600, day: 86_400 };
/** Bars of a plot: fourteen years of days. */
const MOST_STEPS = 5_000;
/** From what came in to what arrived; each holds the next. */
export const MILESTONES = [
  ['accepted', 'shade-1'],
  ['new', 'shade-2'],
  ['qualified', 'shade-3'],
  ['delivered', 'shade-4'],
];

/** The steps from one time to another, or the last of them, with what happened in each; zero where the API names none. */
export function filled({ timeline, step, from, to }) {
  const length = STEP_S[step];
  const known = new Map(Object.entries(timeline).map(([at, counts]) => [Date.parse(at) / 1_000, counts]));
  const begin = Math.floor(Math.min(Date.parse(from) / 1_000, ...known.keys()) / length) * length;
  const all = Math.max(1, Math.ceil((Date.parse(to) / 1_000 - begin) / length));
  const steps = Math.min(MOST_STEPS, all);
  const first = begin + (all - steps) * length;
  return Array.from({ length: steps }, (_, at) => {
    const second = first + at * length;
    return { second, ...Object.fromEntries(MILESTONES.map(([name]) => [name, known.get(second)?.[name] ?? 0])) };
  });
}

export function timelineCard(overview) {
  const { step } = overview;
  const length = STEP_S[step];
  const steps = filled(overview);
  const isCut = steps.length === MOST_STEPS;
  const zone = step === 'day' ? { timeZone: 'UTC' } : {};
  const words = (options) => {
    const format = new Intl.DateTimeFormat('en-GB', { ...options, ...zone });
    return (second) => format.format(second * 1_000);
  };
  const [day, hour] = [words({ day: 'numeric', month: 'short' }), words({ hour: '2-digit', minute: '2-digit' })];
  const full = words(step === 'day' ? { dateStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'short' });
  const sum = (name) => steps.reduce((total, at) => total + at[name], 0);
  const most = steps.reduce((best, at) => (at.accepted > best.accepted ? at : best));
  const told = MILESTONES.map(([name]) => `${count(sum(name))} ${name}`).join(', ');
  const peak = most.accepted ? ` Most in one ${step}: ${count(most.accepted)}, ${full(most.second)}.` : '';
  const summary = `Leads by ${step}: ${told}.${peak}`;
  const shows = {
    summary,
    xs: steps.map(({ second }) => second),
    range: [steps[0].second, steps.at(-1).second + length],
    series: MILESTONES.map(([name, shade]) => ({ name, shade, values: steps.map((at) => at[name]) })),
    isTime: true,
    shiftS: (second) => (step === 'day' ? 0 : -60 * new Date(second * 1_000).getTimezoneOffset()),
    tick: (second, apart) => (apart >= 86_400 || hour(second) === '00:00' ? day(second) : hour(second)),
    point: full,
  };
  const rows = steps.map((at) => [full(at.second), ...MILESTONES.map(([name]) => count(at[name]))]).reverse();
  const name = `Leads by ${step}`;
  return card(
    'Leads over time',
    { class: 'wide', note: `By ${step}${step === 'day' ? ' (UTC)' : ''}${isCut ? `, the last ${count(MOST_STEPS)}` : ''}` },
    plotPlace('timeline', shows),
    h(
      'details',
      {},
      h('summary', {}, `The ${plural(steps.length, step)} as a table`),
      box(name, table(name, [step === 'day' ? 'Day' : 'Hour', ...MILESTONES.map(([title]) => title)], rows, { numbersFrom: 1 })),
    ),
  );
}
