// Navigation: from route to route, and what is focused there.
import { read } from './reader.js';
import { isDay, routeOf } from './route.js';
import { hrefOf, state, update } from './store.js';

/** Goes where a link leads, unless the browser should open it elsewhere. */
export function follow(link, event) {
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!isPlain) return;
  event.preventDefault();
  go(link.getAttribute('href'));
}

/** Shows a campaign or a period that was chosen. */
export const filter = (parts) => go(hrefOf(parts), { isControl: true });

/** Shows the days of a custom period, in whichever order they were typed. */
export function filterDays({ elements }) {
  const [from, to] = [elements.from.value, elements.to.value].sort();
  if (isDay(from) && isDay(to)) filter({ from, to });
}

/** Goes to a route; the title is read out, unless one is using a control that stays. */
function go(search, { isControl = false } = {}) {
  history.pushState(null, '', search);
  arrive({ isControl });
}

/** Shows the route of the address. */
export function arrive({ isControl = false } = {}) {
  const { view } = state.route;
  update({ route: routeOf(location.search), error: null, message: null });
  read();
  if (isControl || !state.user) return;
  const isSameView = view === state.route.view;
  focusTitle({ preventScroll: isSameView });
  if (isSameView) return;
  scrollTo(0, 0);
  showTab();
}

export const focusTitle = (options) => document.getElementById('title')?.focus(options);

/** Shows the name of the view where there is no room for all names. */
export function showTab() {
  document.querySelector('.views [aria-current]').scrollIntoView({ block: 'nearest', inline: 'nearest' });
}
