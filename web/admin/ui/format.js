// Numbers and times as people write them. The page is English, so they are too.
import { h } from './dom.js';

const whole = new Intl.NumberFormat('en-GB');
const percent = new Intl.NumberFormat('en-GB', { style: 'percent', maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const browserZone = moment.resolvedOptions().timeZone;
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export const count = (number) => whole.format(number);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Writes a part of a whole; of nothing there is none. What is not all is not 100 %, nor is something nothing. */
export function share(part, of) {
  if (of <= 0) return '–';
  return percent.format(part > 0 && part < of ? Math.min(0.999, Math.max(0.001, part / of)) : part / of);
}

/** Writes a name as the head of a column. */
export const capital = (name) => name[0].toUpperCase() + name.slice(1);

export const signed = (points) => (points < 0 ? `−${count(-points)}` : `+${count(points)}`);
export const clockTime = (ms) => clock.format(ms);

/** Shows a time in the browser's zone, with UTC and the zone's name for those who hover; a dash where there is none. */
export function time(iso) {
  const ms = Date.parse(iso ?? '');
  if (!Number.isFinite(ms)) return '–';
  return h(
    'time',
    {
      datetime: iso,
      title: `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC; shown in ${browserZone} time`,
    },
    moment.format(ms),
  );
}

const UNITS = [
  ['day', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** Writes how long something takes, in its two largest units. */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const at = UNITS.findIndex(([, unit]) => ms >= unit);
  const [name, unit] = UNITS[at];
  const smaller = UNITS[at + 1];
  const rest = smaller ? Math.floor((ms % unit) / smaller[1]) : 0;
  const write = (number, of) => (of === 'day' ? plural(number, 'day') : `${number} ${of}`);
  return rest > 0
    ? `${write(Math.floor(ms / unit), name)} ${write(rest, smaller[0])}`
    : write(Math.floor(ms / unit), name);
}
