// Where a visitor came from: the first visit and the last one that came from somewhere. It stays with the
// page's own site: for the visit in sessionStorage, beyond it in a cookie, where the campaign asks for one.

const CLICK_IDS = ['gclid', 'gbraid', 'wbraid', 'fbclid', 'msclkid', 'ttclid', 'twclid', 'li_fat_id'];
const NAME = 'leadhook';
/** More than a campaign uses. */
const MAX_NAMES = 12;
/** Click ids are shorter; what is longer is cut by the server too. */
const MAX_LENGTH = 200;
/** Browsers keep a cookie of 4,096 bytes with its name and attributes. */
const MAX_COOKIE = 3500;
const DAY_S = 86_400;

/** An address without its query and fragment, which may hold anything. */
const plain = (address) => address.split(/[?#]/)[0].slice(0, MAX_LENGTH);

function thisVisit() {
  const told = [...new URLSearchParams(location.search)].filter(([name, value]) => value && (/^utm_\w+$/.test(name) || CLICK_IDS.includes(name)));
  const visit = Object.fromEntries(told.slice(0, MAX_NAMES).map(([name, value]) => [name, value.slice(0, MAX_LENGTH)]));
  const isForeign = document.referrer && !document.referrer.startsWith(`${location.origin}/`);
  if (isForeign) visit.referrer = plain(document.referrer);
  const isTouch = Object.keys(visit).length > 0;
  visit.landing_page = plain(location.href);
  return { visit, isTouch };
}

/** What `read` finds; nothing where storage is denied or holds something else. */
function tried(read) {
  try {
    const { first, last } = JSON.parse(read());
    return first && last ? { first, last } : undefined;
  } catch {
    return undefined;
  }
}

const inCookie = () => tried(() => decodeURIComponent(document.cookie.match(new RegExp(`(?:^|; )${NAME}=([^;]*)`))[1]));

let touches;

/** Notes this visit: on every page that has the script. */
export function note() {
  const known = tried(() => sessionStorage.getItem(NAME));
  const { visit, isTouch } = thisVisit();
  touches = { first: known?.first ?? visit, last: isTouch || !known ? visit : known.last };
  try {
    sessionStorage.setItem(NAME, JSON.stringify(touches));
  } catch {
    // It is known for this page alone.
  }
}

/** Takes up what a cookie says of earlier visits, and keeps it for so many days; nothing for none. */
export function remember(days) {
  if (!days) return;
  const earlier = inCookie();
  // Beside where it landed, a visit that came from somewhere says from where.
  const isTouch = Object.keys(touches.last).length > 1;
  if (earlier) touches = { first: earlier.first, last: isTouch ? touches.last : earlier.last };
  const value = encodeURIComponent(JSON.stringify(touches));
  if (value.length > MAX_COOKIE) return;
  try {
    document.cookie = `${NAME}=${value}; Max-Age=${days * DAY_S}; Path=/; SameSite=Lax${location.protocol === 'https:' ? '; Secure' : ''}`;
  } catch {
    // Frames in a sandbox may keep none.
  }
}

/** As a post says it: [name, value]. */
export function attribution() {
  const first = Object.entries(touches.first).map(([name, value]) => [`first_${name}`, value]);
  return [...Object.entries(touches.last), ...first, ['page_url', plain(location.href)]];
}
