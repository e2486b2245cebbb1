// The API's names in words.
import { theirs } from './components.js';
import { plural } from './format.js';

/** Writes a name such as `honeypot_filled` as people do. */
export const readable = (name) => name.replaceAll('_', ' ');

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

/** Says what came of an attempt. A name that is not known here is shown as it is. */
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

/** Says why a lead is held. */
export const heldBecause = (name) => HELD[name] ?? readable(name ?? '');

/** What operators did, as the audit log names it. */
const OPERATIONS = {
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

/** Says what an operator did. */
export const operation = ({ act: name }) => OPERATIONS[name] ?? readable(name);

/** Says what an entry of the audit log is about, of what it names. */
export const targetOf = ({ campaign, destination, list, delivery_id: delivery }) =>
  [campaign, destination, list && `list ${list}`, delivery].filter(Boolean).join(' · ') || 'all';

/** Says what a publication changed: where events go and by which secrets, and whose it is. */
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
