// Labels: the API's names in words.
import { theirs } from './components.js';
import { plural } from './format.js';

/** Writes a name such as `honeypot_filled` as people do. */
export const readable = (name) => name.replaceAll('_', ' ');

/** States of a submission, with what each means. */
export const STATES = {
  delivered: 'Confirmed by every destination',
  pending: 'Not yet confirmed by every destination',
  dead: 'Delivery to a destination was given up; it can be replayed',
  held: 'Scores too few points to be forwarded yet',
  duplicate: 'From a known person, or replaced by a later submission',
  unconfirmed: 'Waiting for double opt-in',
  suppressed: 'The person is on a suppression list',
  quarantined: 'Shows abuse signals and awaits your decision',
  discarded: 'Discarded from quarantine',
  withdrawn: 'Consent was withdrawn before delivery',
  expired: 'Waited longer than it may be kept',
  erased: 'The person was erased',
};

const OUTCOMES = {
  timed_out: 'timed out',
  unreachable: 'connection failed',
  secret_missing: 'secret missing or malformed',
  secret_unbound: 'secret not bound to that host',
  secret_signs: 'signing secrets are never sent',
  public_url_missing: 'LEADHOOK_PUBLIC_URL is not set',
  destination_refused: 'sending to that address is not allowed',
  unreadable: 'campaign or payload could not be read',
  destination_removed: 'destination removed from the campaign',
  consent_missing: 'the lead lacks a required consent',
};

/** Says what came of an attempt. A name that is not known here is shown as it is. */
export const outcome = (name) => (name ? (OUTCOMES[name] ?? name.replace(/^status (\d+)$/, 'HTTP $1')) : '–');

const HELD = {
  below_forward_at: "below the campaign's threshold",
  below_forward_at_of_destination: "below every destination's threshold",
  no_destination_wants_it: 'no destination accepts it',
  consent_missing: 'it lacks a consent that the destinations require',
  would_be_forwarded: "the campaign has changed; it is forwarded with the person's next submission",
  unreadable: 'its encryption key is gone, so it cannot be read',
};

/** Says why a lead is held. */
export const heldBecause = (name) => HELD[name] ?? readable(name ?? '');

/** Operations in the audit log. */
const OPERATIONS = {
  publish: 'published a campaign',
  replay: 'replayed a delivery',
  replay_all: 'replayed all dead letters',
  enable: 'enabled a destination',
  access: 'looked up what is stored about a person',
  erase: 'erased a person',
  list_add: 'added to a list',
  list_remove: 'removed from a list',
  list_clear: 'cleared a list',
  quarantine_show: 'viewed a quarantined submission',
  quarantine_release: 'released submissions from quarantine',
  quarantine_discard: 'discarded submissions from quarantine',
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
    one === null ? 'none' : typeof one === 'string' ? one : `${one.origin ?? '–'} with ${one.secret}`;
  const line = (name, { from, to }) => [`${name}: `, theirs(side(from)), ' → ', theirs(side(to))];
  const { destinations = [], more_destinations: more, turnstile_secret: turnstile, controller } = changes;
  return [
    ...destinations.map((one) => line(one.destination, one)),
    more && `and ${plural(more, 'more destination')}`,
    turnstile && line('Turnstile', turnstile),
    controller && line('controller', controller),
  ].filter(Boolean);
}
