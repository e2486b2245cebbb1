// The route: view, campaign, period and page. It is all in the address, so that it can be linked and the
// browser's back works.
import { beginOf, dateOf, later } from './calendar.js';

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Views, as addresses name them. */
const VIEWS = ['overview', 'dead', 'quarantine', 'held', 'acts'];
/** Periods by name, with what they are called; how many days each is. */
export const PERIODS = new Map([
  ['today', { name: 'Today', days: 1 }],
  ['7d', { name: '7 days', days: 7 }],
  ['30d', { name: '30 days', days: 30 }],
  ['90d', { name: '90 days', days: 90 }],
  ['custom', { name: 'Custom' }],
]);
/** How far a custom period goes back that does not say it. */
const DEFAULT_DAYS = 30;
const DEFAULT = { view: 'overview', campaign: '', period: '30d', from: '', to: '', after: '' };

/** Reads the route of a query string; what makes no sense is as if it were not there. */
export function routeOf(search) {
  const given = Object.fromEntries(new URLSearchParams(search));
  const route = { ...DEFAULT };
  if (VIEWS.includes(given.view)) route.view = given.view;
  if (PERIODS.has(given.period)) route.period = given.period;
  for (const name of ['from', 'to']) if (isDay(given[name])) route[name] = given[name];
  for (const name of ['campaign', 'after']) route[name] = given[name] ?? '';
  return route;
}

/** Writes the query string of a route, without what goes without saying. */
export function searchOf(route) {
  const written = Object.entries(route).filter(
    ([name, value]) =>
      value !== DEFAULT[name] && (route.period === 'custom' || !['from', 'to'].includes(name)),
  );
  return written.length ? `?${new URLSearchParams(written)}` : location.pathname;
}

/** Tells whether a text is a date of years that have leads, with room for the day after. */
export const isDay = (text) =>
  DAY.test(text ?? '') && Number.isFinite(Date.parse(text)) && text >= '1970' && text < '9999';

/** Returns the days of a custom period, and those that are meant where it names none. */
export function daysOf({ from, to }, zone, now = Date.now()) {
  const today = dateOf(now, zone);
  return { from: from || later(today, -DEFAULT_DAYS), to: to || today, today };
}

/**
 * Writes a period for the API: `from`, and `to` where it ended. Its days are the zone's. The API counts by whole
 * hours of UTC, those that begin in the period; today has also the one in which it began, so that what came just
 * now is seen.
 */
export function rangeOf(route, zone, now = Date.now()) {
  const { from, today } = daysOf(route, zone, now);
  const begin = (date) => new Date(beginOf(date, zone));
  if (route.period === 'custom')
    return { from: begin(from).toISOString(), to: route.to ? begin(later(route.to, 1)).toISOString() : '' };
  const first = begin(later(today, 1 - PERIODS.get(route.period).days));
  if (route.period === 'today') first.setUTCMinutes(0);
  return { from: first.toISOString(), to: '' };
}
