// Where one is: view, campaign, period and page, all in the address, so that it can be linked and the
// browser's back works.
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;

export const VIEWS = ['overview', 'dead', 'quarantine', 'held', 'acts'];
/** Periods by name, with what they are called; of days the number. */
export const PERIODS = new Map([
  ['today', { name: 'Today' }],
  ['7d', { name: '7 days', days: 7 }],
  ['30d', { name: '30 days', days: 30 }],
  ['90d', { name: '90 days', days: 90 }],
  ['custom', { name: 'Custom' }],
]);
const DEFAULT = { view: 'overview', campaign: '', period: '30d', from: '', to: '', after: '' };

/** The place of a query string; what makes no sense is as if it were not there. */
export function placeOf(search) {
  const given = Object.fromEntries(new URLSearchParams(search));
  const place = { ...DEFAULT };
  if (VIEWS.includes(given.view)) place.view = given.view;
  if (PERIODS.has(given.period)) place.period = given.period;
  for (const name of ['from', 'to']) if (isDay(given[name])) place[name] = given[name];
  for (const name of ['campaign', 'after']) place[name] = given[name] ?? '';
  return place;
}

/** The query string of a place, without what goes without saying. */
export function searchOf(place) {
  const said = Object.entries(place).filter(
    ([name, value]) => value !== DEFAULT[name] && (place.period === 'custom' || !['from', 'to'].includes(name)),
  );
  return said.length ? `?${new URLSearchParams(said)}` : location.pathname;
}

export const isDay = (text) => DAY.test(text ?? '') && Number.isFinite(Date.parse(`${text}T00:00:00Z`));
export const dayOf = (ms) => new Date(ms).toISOString().slice(0, 10);

/**
 * What a period is to the API: `from`, and `to` where it ended. Counters are by hour, so today begins with
 * the hour in which the browser's day did; days that are shown as such are UTC's.
 */
export function rangeOf({ period, from, to }, now = Date.now()) {
  if (period === 'custom') {
    const end = to ? Date.parse(`${to}T00:00:00Z`) + DAY_MS : null;
    return { from: instant(from ? Date.parse(`${from}T00:00:00Z`) : now - 30 * DAY_MS), to: end === null ? '' : instant(end) };
  }
  if (period === 'today') {
    const midnight = new Date(now).setHours(0, 0, 0, 0);
    return { from: instant(midnight - (midnight % HOUR_MS)), to: '' };
  }
  const today = now - (now % DAY_MS);
  return { from: instant(today - (PERIODS.get(period).days - 1) * DAY_MS), to: '' };
}

const instant = (ms) => new Date(ms).toISOString();
