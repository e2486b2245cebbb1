// Deliveries: how it goes at each destination.
import { cached, state } from '../store.js';
import { bad, box, button, card, table } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { count, duration, plural } from '../ui/format.js';
import { outcome } from '../ui/labels.js';

/** As the ledger does it, so that leads need not wait for long. */
const MAX_COUNTED = LIMITS.overview_deliveries;
const HEADS = [
  'Destination',
  'Delivered',
  'Pending',
  'Dead (now)',
  'Paused (now)',
  'Expired or withdrawn',
  'Failed attempts',
  'Time to delivery',
  'Oldest pending',
  'Last failure',
];

export function deliveriesCard({ destinations, deliveries_counted: counted, deliveries_capped: isCapped }) {
  const newest = `the newest ${count(MAX_COUNTED)} deliveries of each ledger`;
  const counts = `${plural(counted, 'delivery', 'deliveries')} of leads from this period`;
  const note = `${counts}${isCapped ? `, among ${newest}` : ''}; dead and paused are current totals`;
  const keys = destinations.map(({ campaign, destination }) => `${campaign}/${destination}`);
  const name = 'Delivery by destination';
  return card(
    'Delivery',
    { class: 'full', note },
    keys.length
      ? box(name, table(name, HEADS, destinations.map(rowOf), { keys, isList: true }))
      : h('p', { class: 'quiet' }, isCapped ? `None among ${newest}.` : 'No deliveries in this period.'),
  );
}

function rowOf(of) {
  return [
    state.route.campaign ? nameOf(of) : `${nameOf(of)} · ${of.campaign}`,
    count(of.delivered),
    count(of.pending),
    bad(of.dead),
    of.paused > 0 ? [bad(of.paused), ' ', of.destination && enableButton(of)] : count(0),
    count(of.expired + of.withdrawn),
    failedOf(of),
    of.p50_ms === null ? '–' : `p50 ${duration(of.p50_ms)} · p95 ${duration(of.p95_ms)}`,
    of.oldest_pending_at
      ? h('span', {}, `${duration(Math.max(0, cached().at - Date.parse(of.oldest_pending_at)))}`)
      : '–',
    outcome(of.last_failure),
  ];
}

/** Names a destination; a token that does not see single deliveries is told of a campaign's as one. */
const nameOf = ({ destination }) => destination ?? 'all destinations';

/** Counts failed attempts at deliveries of the period, of which a destination may have none. */
function failedOf({ attempts, failed_attempts: failed }) {
  if (attempts === 0) return '–';
  return `${count(failed)} of ${count(attempts)}`;
}

const enableButton = ({ campaign, destination }) =>
  button('Enable', 'enable', {
    value: `${campaign}/${destination}`,
    kind: 'small',
    label: `Enable ${destination} of ${campaign}`,
  });
