// Attribution: where a visitor came from, at the first visit and at the last one that came from somewhere. It stays
// with the page's own site: for the visit in sessionStorage, beyond it in a cookie, where the campaign asks for one.
import { tidy, tidyWord } from './answers.js';
import { page } from './members.js';

/** Parameters that campaigns and ad platforms add to the addresses that they lead to. */
const PARAMETER = /^(utm_|(gclid|gbraid|wbraid|fbclid|msclkid|ttclid|twclid|li_fat_id)$)/;
const NAME = 'leadhook';
/** More than a campaign uses. */
const MAX_NAMES = 12;
/** Click ids are shorter; what is longer is cut by the server too. */
const MAX_LENGTH = 200;
/** Browsers keep a cookie of 4,096 bytes with its name and attributes. */
const MAX_COOKIE = 3500;
const DAY_S = 86_400;

/** Cuts to whole characters, tidied as the server does. */
const cut = (text) => [...tidyWord(tidy(text))].slice(0, MAX_LENGTH).join('');

/** Returns an address without its query and fragment, which may hold anything. */
const plain = (address) => cut(address.split(/[?#]/)[0]);

function thisVisit() {
  const visit = {};
  for (const [written, text] of new URLSearchParams(location.search)) {
    const name = written.toLowerCase();
    const value = PARAMETER.test(name) && cut(text);
    // Of a name that stands there twice the first value counts that is one.
    if (value && !visit[name] && Object.keys(visit).length < MAX_NAMES) visit[name] = value;
  }
  const { referrer } = page;
  const isForeign = referrer && !referrer.startsWith(`${location.origin}/`);
  if (isForeign) visit.referrer = plain(referrer);
  visit.landing_page = plain(location.href);
  return visit;
}

/** Tells whether a visit came from somewhere: then it says more than where it landed. */
const isTouch = (visit) => Object.keys(visit).length > 1;

/** Returns what `read` finds; nothing where storage is denied or holds something else. */
function tried(read) {
  try {
    const known = JSON.parse(read());
    return known.first && known.last && known;
  } catch {
    return undefined;
  }
}

let touches;

/** Notes this visit: on every page that has the script. */
export function noteVisit() {
  const known = tried(() => sessionStorage.getItem(NAME));
  const visit = thisVisit();
  touches = { first: known?.first ?? visit, last: isTouch(visit) || !known ? visit : known.last };
  try {
    sessionStorage.setItem(NAME, JSON.stringify(touches));
  } catch {
    // It is known for this page alone.
  }
}

/** Takes up what a cookie says of earlier visits, and keeps it for so many days; nothing for none. */
export function remember(days) {
  if (!days) return;
  const earlier = tried(() => decodeURIComponent(page.cookie.match(/(?:^|; )leadhook=([^;]*)/)[1]));
  if (earlier) touches = { first: earlier.first, last: isTouch(touches.last) ? touches.last : earlier.last };
  const value = encodeURIComponent(JSON.stringify(touches));
  if (value.length > MAX_COOKIE) return;
  try {
    page.cookie = `${NAME}=${value}; Max-Age=${days * DAY_S}; Path=/; SameSite=Lax${location.protocol === 'https:' ? '; Secure' : ''}`;
  } catch {
    // Frames in a sandbox may keep none.
  }
}

/** Returns it as a post says it: [name, value]. */
export function attribution() {
  const first = Object.entries(touches.first).map(([name, value]) => [`first_${name}`, value]);
  return [...Object.entries(touches.last), ...first, ['page_url', plain(location.href)]];
}
