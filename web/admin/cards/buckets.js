// Buckets of a period: each hour or each day of a time zone, also where nothing came.
import { beginOf, dateOf, instantOf, later, wallOf } from '../calendar.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Fourteen years of days. */
const MAX_BUCKETS = 5_000;

/** Hours, by their beginning. Those of the API are UTC's, so one that clocks show twice is two. */
const HOURS = {
  of: (ms) => ms - (ms % HOUR_MS),
  begin: (hour) => hour,
  plus: (hour, more) => hour + more * HOUR_MS,
  between: (one, other) => (other - one) / HOUR_MS,
};

/** Days, by their date: of 23, 24 or 25 hours. Each has the API's hours that begin in it. */
const daysOf = (zone) => ({
  of: (ms) => dateOf(ms, zone),
  begin: (date) => beginOf(date, zone),
  plus: later,
  between: (one, other) => (Date.parse(other) - Date.parse(one)) / DAY_MS,
});

/**
 * Returns the buckets of a report, or the last of them: `{buckets: [{second, counts}], end, isCut}`. `counts` is what
 * the API says of a bucket, and empty where it names none.
 */
export function bucketsOf({ timeline, step, from, to }, zone) {
  const axis = step === 'day' ? daysOf(zone) : HOURS;
  const known = new Map(Object.entries(timeline).map(([at, counts]) => [axis.of(Date.parse(at)), counts]));
  const first = [axis.of(Date.parse(from)), ...known.keys()].reduce((one, other) =>
    // biome-ignore lint/complexity/useMathMinMax: days are texts
    other < one ? other : one,
  );
  const last = axis.of(Date.parse(to) - HOUR_MS);
  const all = Math.max(1, axis.between(first, last) + 1);
  const shown = Math.min(MAX_BUCKETS, all);
  const names = Array.from({ length: shown + 1 }, (_, at) => axis.plus(last, at + 1 - shown));
  const begins = names.map(axis.begin);
  const buckets = names
    .map((name, at) => ({ second: begins[at] / 1_000, counts: known.get(name) ?? {} }))
    // What comes after the last is no bucket, nor is a day that the zone has skipped.
    .filter((_, at) => begins[at] < begins[at + 1]);
  return { buckets, end: begins[shown] / 1_000, isCut: shown < all };
}

/** Says where a chart's ticks may stand, in seconds: whole hours and days of the zone's clock, so many seconds apart. */
export function ticksOf(from, to, apart, zone) {
  const ticks = [];
  for (let wall = Math.ceil(wallOf(from * 1_000, zone) / 1_000 / apart) * apart; ; wall += apart) {
    const at = instantOf(wall * 1_000, zone) / 1_000;
    if (!(at <= to)) return ticks;
    // What clocks skip is the same instant as what comes after.
    if (at >= from && !(at <= ticks.at(-1))) ticks.push(at);
  }
}
