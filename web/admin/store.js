// The state of the dashboard. `update` is the only way to change it, and draws the page anew.
import { token } from './api.js';
import { zoneOf } from './calendar.js';
import { routeOf, searchOf } from './route.js';

/** Routes whose data is shown at once when one comes back to them. */
const MAX_CACHED = 12;
const SIGNED_OUT = {
  user: null,
  campaigns: [],
  isReading: false,
  isSigningIn: false,
  error: null,
  message: null,
};

/**
 * To be read by everybody. `user`: who is signed in, as the API says; `route`: where one is, as the address says;
 * `error` and `message`: what is said above the view.
 */
export const state = { ...SIGNED_OUT, isSigningIn: token.get() !== null, route: routeOf(location.search) };

let draw;

/** Calls after every change. */
export const onUpdate = (listener) => {
  draw = listener;
};

export function update(changes = {}) {
  Object.assign(state, changes);
  draw();
}

/** Forgets whoever is signed in, and everything that was read for them. */
export function reset() {
  cache.clear();
  update(SIGNED_OUT);
}

/** What was read, by route. */
const cache = new Map();

export const cacheKey = () => JSON.stringify(state.route);

/** Returns what was read last for the route, as {data, at}; or nothing. */
export const cached = () => cache.get(cacheKey());

export function cacheData(key, data) {
  cache.delete(key);
  cache.set(key, { data, at: Date.now() });
  if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value);
}

/** Returns the address of the same route with other parts; another view or campaign begins at its first page. */
export const hrefOf = (parts) => searchOf({ ...state.route, after: '', ...parts });

/** Returns the zone whose days are shown: the campaign's, and UTC for all of them together. */
export const zone = () => zoneOf(state.campaigns.find(({ id }) => id === state.route.campaign)?.time_zone);

/** Says why something cannot be done with this token, or nothing. */
export const lacking = (scope) =>
  !scope || state.user.scopes.includes(scope) ? null : `Your token lacks the ${scope} scope.`;
