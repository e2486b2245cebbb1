// Numbers, times and the API's names, in words. The page is English, so numbers and times are too.
import { h } from './dom.js';
import { theirs } from './components.js';

const whole = new Intl.NumberFormat('en-GB');
const percent = new Intl.NumberFormat('en-GB', { style: 'percent', maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const browserZone = moment.resolvedOptions().timeZone;
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export const count = (number) => whole.format(number);
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A part of a whole; of nothing there is none. What is not all is not 100 %, nor is something nothing. */
export function share(part, of) {
  if (of <= 0) return '–';
  return percent.format(part > 0 && part < of ? Math.min(0.999, Math.max(0.001, part / of)) : part / of);
}

export const signed = (points) => (points < 0 ? `−${count(-points)}` : `+${count(points)}`);
export const clockTime = (ms) => clock.format(ms);

/** A time in the browser's zone, with UTC and the zone's name for those who hover; a dash where there is none. */
export function time(iso) {
  const ms = Date.parse(iso ?? '');
  if (!Number.isFinite(ms)) return '–';
  return h(
    'time',
    {
      datetime: iso,
      title: `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC; shown by the clock of ${browserZone}`,
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

/** How long something takes, in its two largest units. */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const at = UNITS.findIndex(([, unit]) => ms >= unit);
  const [name, unit] = UNITS[at];
  const smaller = UNITS[at + 1];
  const rest = smaller ? Math.floor((ms % unit) / smaller[1]) : 0;
  const said = (number, of) => (of === 'day' ? plural(number, 'day') : `${number} ${of}`);
  return rest > 0
    ? `${said(Math.floor(ms / unit), name)} ${said(rest, smaller[0])}`
    : said(Math.floor(ms / unit), name);
}

/** `honeypot_filled` as people write it. */
export const plain = (name) => name.replaceAll('_', ' ');

/** The states of a submission, and what each means to whoever reads it. */
export const STATES = {
  delivered: 'Every destination has confirmed it',
  pending: 'A destination has yet to confirm it',
  dead: 'A destination was given up; it can be replayed',
  held: 'Does not qualify yet',
  duplicate: 'The person is known, or a later post was taken in its place',
  unconfirmed: 'Waits for its double opt-in',
  suppressed: 'The person is on a suppression list',
  quarantined: 'Looks like junk and waits for you',
  discarded: 'Was junk and is thrown away',
  withdrawn: 'Its consent was withdrawn first',
  expired: 'Waited for longer than it may',
  erased: 'The person was erased',
};

const OUTCOMES = {
  timed_out: 'no answer in time',
  unreachable: 'no connection',
  secret_missing: 'the secret is missing or malformed',
  secret_unbound: 'its secret is not bound to that host',
  secret_signs: 'a secret that signs is never sent',
  public_url_missing: 'LEADHOOK_PUBLIC_URL is not set',
  destination_refused: 'nothing may be sent to its address',
  unreadable: 'campaign or payload could not be read',
  destination_removed: 'the campaign has no such destination any more',
  consent_missing: 'it needs a consent that the lead lacks',
};

/** What became of an attempt. A name that is not known here is shown as it is. */
export const outcome = (name) =>
  name ? (OUTCOMES[name] ?? name.replace(/^status (\d+)$/, 'answered $1')) : '–';

const HELD = {
  below_forward_at: "below the campaign's threshold",
  below_forward_at_of_destination: 'below the threshold of each destination',
  no_destination_wants_it: 'no destination wants it',
  consent_missing: 'it lacks a consent that the destinations need',
  would_be_forwarded: "the campaign has changed; it goes with the person's next post",
  unreadable: 'its key is gone; it cannot be read',
};

/** Why a lead is held. */
export const heldBecause = (name) => HELD[name] ?? plain(name ?? '');

const ACTS = {
  publish: 'published a campaign',
  replay: 'replayed a delivery',
  replay_all: 'replayed all dead deliveries',
  enable: 'enabled a destination',
  access: 'asked what is held about a person',
  erase: 'erased a person',
  list_add: 'added to a list',
  list_remove: 'removed from a list',
  list_clear: 'cleared a list',
  quarantine_show: 'looked at a quarantined submission',
  quarantine_release: 'released from quarantine',
  quarantine_discard: 'discarded from quarantine',
};

/** What a publication changed: where events go and by which secrets, and whose it is. */
export function changesOf({ changes }) {
  if (!changes) return [];
  const side = (one) =>
    one === null ? 'none' : typeof one === 'string' ? one : `${one.origin ?? '–'} by ${one.secret}`;
  const line = (name, { from, to }) => [`${name}: `, theirs(side(from)), ' → ', theirs(side(to))];
  const { destinations = [], more_destinations: more, turnstile_secret: turnstile, controller } = changes;
  return [
    ...destinations.map((one) => line(one.destination, one)),
    more && `and ${plural(more, 'destination')} more`,
    turnstile && line('Turnstile', turnstile),
    controller && line('controller', controller),
  ].filter(Boolean);
}

export const act = (name) => ACTS[name] ?? name.replaceAll('_', ' ');
