// How it goes: the funnel, and what it is made of.
import { answers, ask } from '../api.js';
import { h } from '../ui/dom.js';
import { confirm } from '../ui/dialog.js';
import { funnelCard } from '../cards/funnel.js';
import { bar, box, button, card, empty, table } from '../ui/components.js';
import { rangeOf } from '../route.js';
import { scoresCard } from '../cards/scores.js';
import { MILESTONES, timelineCard } from '../cards/timeline.js';
import { actLines } from './audit-log.js';
import { STATES, count, duration, outcome, plural, share } from '../ui/format.js';

/** Acts below the numbers; all of them have a view of their own. */
const RECENT_ACTS = 5;
/** Publications begin and are done: only the latter are shown here. */
const READ_ACTS = 2 * RECENT_ACTS;
/** As the ledger does it, so that leads need not wait for long. */
const MOST_LOOKED_AT = 20_000;

async function load(place, signal, app) {
  const { campaign } = place;
  const zone = await app.zoneToAsk();
  const [overviews, audit] = await Promise.all([
    answers('overview', { query: { campaign, ...rangeOf(place, zone) }, signal }),
    ask('GET', 'audit', { query: { campaign, limit: READ_ACTS }, signal }),
  ]);
  const entries = audit.entries.filter(({ outcome: how }) => how !== 'begun').slice(0, RECENT_ACTS);
  return { overview: addedUp(overviews), entries, isPart: audit.is_part };
}

/** Two reports as one: numbers are added, lists joined. */
function added(one, other) {
  if (Array.isArray(one)) return [...one, ...other];
  if (typeof one === 'number') return one + other;
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return Object.fromEntries(
    keys.map((key) => [
      key,
      key in one && key in other ? added(one[key], other[key]) : (one[key] ?? other[key]),
    ]),
  );
}

/** What is added up of reports about some ledgers each. */
const SUMS = [
  'funnel',
  'accepted',
  'repeats',
  'kv_repeats',
  'states',
  'refused',
  'timeline',
  'sources',
  'rejections',
  'destinations',
  'deliveries_counted',
];

const addedUp = (overviews) =>
  overviews.reduce((one, other) => ({
    ...one,
    ...Object.fromEntries(SUMS.map((key) => [key, added(one[key], other[key])])),
    scores: { ...one.scores, bins: added(one.scores.bins, other.scores.bins) },
    deliveries_capped: one.deliveries_capped || other.deliveries_capped,
  }));

function draw({ overview, entries, isPart }, app) {
  const nothing = overview.funnel.received === 0 && overview.accepted === 0;
  return [
    attention(overview, app),
    nothing &&
      empty(
        'Nothing came in this period',
        'Choose a longer period, or send a form and press Refresh to see it. By itself this page reads every five minutes.',
      ),
    funnelCard(overview),
    h(
      'div',
      { class: 'grid', 'data-key': 'grid' },
      timelineCard(overview),
      sourcesCard(overview),
      scoresCard(overview),
      rejectionsCard(overview),
      statesCard(overview),
    ),
    destinationsCard(overview, app),
    card(
      'Recent acts',
      {
        class: 'full',
        note: isPart ? 'Of some of the ledgers; choose a campaign to see all of its own' : null,
      },
      entries.length ? actLines(entries) : h('p', { class: 'quiet' }, 'Nobody has done anything yet.'),
    ),
  ];
}

/** What asks for somebody's decision, with the way there. What is given up or paused is all there is now. */
function attention({ states, destinations }, app) {
  const paused = destinations.reduce((sum, { paused: number }) => sum + number, 0);
  const dead = destinations.reduce((sum, { dead: number }) => sum + number, 0);
  const lines = [
    [dead, 'dead letter now', 'dead letters now', 'dead', 'bad'],
    [paused, 'delivery paused after a 410 now', 'deliveries paused after a 410 now', null, 'bad'],
    [
      states.quarantined ?? 0,
      'of this period in quarantine',
      'of this period in quarantine',
      'quarantine',
      'warn',
    ],
    [states.held ?? 0, 'lead of this period held', 'leads of this period held', 'held', 'calm'],
  ].filter(([number]) => number > 0);
  return (
    lines.length > 0 &&
    h(
      'ul',
      { class: 'attention', 'aria-label': 'Waiting for a decision', 'data-key': 'attention' },
      lines.map(([number, one, many, view, kind]) =>
        h(
          'li',
          { 'data-key': one },
          h(
            view ? 'a' : 'span',
            { class: `chip ${kind}`, href: view && app.addressOf({ view }), 'data-go': view && true },
            h('b', {}, count(number)),
            ` ${number === 1 ? one : many}`,
          ),
        ),
      ),
    )
  );
}

/** The milestones of what became a lead: by source no others are told. */
const NEW_ON = MILESTONES.map(([name]) => name).filter((name) => name !== 'accepted');

function sourcesCard({ sources }) {
  const all = Object.entries(sources).sort(([, one], [, other]) => other.new - one.new);
  const most = all[0]?.[1].new ?? 0;
  const rows = all.map(([source, counts]) => [
    source,
    bar(count(counts.new), most > 0 ? counts.new / most : 0),
    count(counts.qualified),
    count(counts.delivered),
    share(counts.qualified, counts.new),
  ]);
  return card(
    'Sources',
    { note: 'By utm_source, from 5 posts on; those of fewer are in other' },
    rows.length
      ? box('Sources', table('Sources', ['Source', ...NEW_ON, 'qualified of new'], rows, { numbersFrom: 1 }))
      : h('p', { class: 'quiet' }, 'No source yet.'),
  );
}

function rejectionsCard({ rejections }) {
  const all = Object.entries(rejections).flatMap(([field, codes]) =>
    Object.entries(codes).map(([why, number]) => [field || '(whole post)', why, number]),
  );
  all.sort(([, , one], [, , other]) => other - one);
  const most = all[0]?.[2] ?? 0;
  const rows = all.map(([field, why, number]) => [
    field,
    h('code', {}, why),
    bar(count(number), number / most, 'shade-bad'),
  ]);
  return card(
    'Rejections',
    { note: 'By field and reason; a post may have several' },
    rows.length
      ? box('Rejections', table('Rejections', ['Field', 'Code', 'posts'], rows, { numbersFrom: 2 }))
      : h('p', { class: 'quiet' }, 'Nothing was rejected in this period.'),
  );
}

function statesCard({ states, accepted, repeats, kv_repeats: kvRepeats }) {
  const rows = Object.keys({ ...STATES, ...states })
    .filter((state) => states[state] > 0)
    .map((state) => [
      h('span', { title: STATES[state] }, state),
      bar(count(states[state]), states[state] / accepted),
      STATES[state] ?? '',
    ]);
  return card(
    'Where they are now',
    {
      note: `${plural(accepted, 'accepted submission')}; ${plural(repeats + kvRepeats, 'repeat')} beside them`,
    },
    rows.length
      ? box(
          'Accepted submissions by state',
          table('Accepted submissions by state', ['State', 'submissions', 'What it means'], rows, {
            class: 'states',
          }),
        )
      : h('p', { class: 'quiet' }, 'Nothing was accepted in this period.'),
  );
}

function destinationsCard({ destinations, deliveries_counted: counted, deliveries_capped: capped }, app) {
  const now = app.freshAt;
  const one = app.place.campaign !== '';
  const rows = destinations.map((of) => [
    one ? nameOf(of) : `${nameOf(of)} · ${of.campaign}`,
    count(of.delivered),
    count(of.pending),
    bad(of.dead),
    of.paused > 0 ? [bad(of.paused), ' ', of.destination && enableButton(of)] : count(0),
    count(of.expired + of.withdrawn),
    failedOf(of),
    of.p50_ms === null ? '–' : `half within ${duration(of.p50_ms)}, 95 % within ${duration(of.p95_ms)}`,
    of.oldest_pending_at
      ? h('span', {}, `for ${duration(Math.max(0, now - Date.parse(of.oldest_pending_at)))}`)
      : '–',
    outcome(of.last_failure),
  ]);
  const newest = `the newest ${count(MOST_LOOKED_AT)} deliveries of each ledger`;
  const counts = `${plural(counted, 'delivery', 'deliveries')} of leads that came in this period`;
  const note = `${counts}${capped ? `, among ${newest}` : ''}; dead and paused are all there are now`;
  const heads = [
    'Destination',
    'delivered',
    'pending',
    'dead now',
    'paused now',
    'ended otherwise',
    'failed attempts',
    'Time to delivery',
    'Oldest waits',
    'Last failure',
  ];
  const keys = destinations.map(({ campaign, destination }) => `${campaign}/${destination}`);
  return card(
    'Delivery',
    { class: 'full', note },
    rows.length
      ? box('Delivery by destination', table('Delivery by destination', heads, rows, { keys, isList: true }))
      : h('p', { class: 'quiet' }, capped ? `None is among ${newest}.` : 'Nothing was sent in this period.'),
  );
}

/** A token that does not see single deliveries is told of a campaign's destinations as one. */
const nameOf = ({ destination }) => destination ?? 'all destinations';

/** Of deliveries of the period, of which a destination may have none. */
function failedOf({ attempts, failed_attempts: failed }) {
  if (attempts === 0) return '–';
  return `${failed > 0 ? count(failed) : 'none'} of ${count(attempts)}`;
}

const bad = (number) => (number > 0 ? h('b', { class: 'bad-number' }, count(number)) : count(0));

const enableButton = ({ campaign, destination }) =>
  button('Enable', 'enable', {
    value: `${campaign}/${destination}`,
    kind: 'small',
    label: `Enable ${destination} of ${campaign}`,
  });

const acts = {
  async enable(value, app) {
    const [campaign, destination] = value.split('/');
    const sure = await confirm({
      title: `Send to ${destination} again?`,
      text: 'It answered 410, which means: stop. Its paused deliveries go out at once.',
      yes: 'Enable',
    });
    if (!sure) return;
    const { resumed } = await ask(
      'POST',
      `campaigns/${encodeURIComponent(campaign)}/destinations/${encodeURIComponent(destination)}/enable`,
    );
    app.say(`${destination} is enabled: ${plural(resumed, 'delivery goes', 'deliveries go')} on.`);
    app.reload();
  },
};

export const overview = { title: 'Overview', load, draw, acts };
