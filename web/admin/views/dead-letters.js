// Dead letters: deliveries that were given up, and how to send them again.
import { askOne, askPage, askPages } from '../api.js';
import { MAX_FOLLOWED, replay } from '../jobs.js';
import { state, update } from '../store.js';
import { box, button, code, table } from '../ui/components.js';
import { confirm, show } from '../ui/dialog.js';
import { h } from '../ui/dom.js';
import { count, duration, plural, time } from '../ui/format.js';
import { outcome } from '../ui/labels.js';
import { listView } from '../ui/pager.js';

const load = ({ campaign, after }, signal) =>
  askPage('deliveries', 'deliveries', { query: { campaign, after, state: 'dead', limit: 50 }, signal });

function draw({ deliveries, next }) {
  const reason = state.route.campaign
    ? null
    : 'Choose a campaign first. All dead letters of one campaign are replayed together.';
  const list = {
    title: 'Dead letters',
    note: 'A replay keeps the webhook-id and starts the retry schedule over',
    actions: button('Replay all', 'replay-all', { reason, kind: 'primary' }),
    heads: ['Destination', 'Campaign', 'Event', 'Reason', 'Attempts', 'Created', 'Given up', 'Actions'],
    nothing: [
      'No dead letters',
      `Deliveries that fail ten attempts over three days end up here, and can be replayed for ${LIMITS.dead_letter_days} days.`,
    ],
    keys: deliveries.map(({ delivery_id: id }) => id),
  };
  return listView({ ...list, rows: deliveries.map(rowOf), next });
}

function rowOf(one) {
  const { delivery_id: id, campaign, destination } = one;
  const label = `Details of the delivery to ${destination}, ${id}`;
  const details = {
    type: 'button',
    class: 'link',
    'data-action': 'details',
    'data-value': id,
    'data-key': `details-${id}`,
  };
  return [
    h('button', { ...details, 'aria-label': label }, destination),
    campaign,
    code(one.event),
    outcome(one.reason),
    count(one.attempt_count),
    time(one.created_at),
    time(one.settled_at),
    button('Replay', 'replay', {
      value: `${id} ${campaign} ${destination}`,
      kind: 'small',
      label: `Replay the delivery to ${destination}, ${id}`,
    }),
  ];
}

const actions = {
  async details(id, { data }) {
    const { campaign } = data.deliveries.find(({ delivery_id: known }) => known === id);
    const one = await askOne('GET', `deliveries/${encodeURIComponent(id)}`, { campaign });
    const facts = [
      ['Delivery', code(one.delivery_id)],
      ['Lead', code(one.lead_id)],
      ['Submission', code(one.submission_id)],
      ['Campaign', one.campaign],
      ['Event', code(one.event)],
      ['State', one.state],
      ['Reason', outcome(one.reason)],
      ['Created', time(one.created_at)],
      ['Given up', time(one.settled_at)],
    ];
    const rows = one.attempts.map((attempt) => [
      count(attempt.attempt),
      time(attempt.at),
      outcome(attempt.outcome),
      duration(attempt.ms),
    ]);
    const list = facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]);
    await show(`Delivery to ${one.destination}`, [
      h('dl', { class: 'facts' }, ...list),
      h('h3', {}, plural(rows.length, 'attempt')),
      box('Attempts', table('Attempts', ['Attempt', 'Time', 'Outcome', 'Duration'], rows)),
    ]);
  },
  replay(value) {
    const [id, campaign, destination] = value.split(' ');
    replay({ campaign, ids: [id], destination });
  },
  async 'replay-all'() {
    const { campaign } = state.route;
    const { entries, isAll } = await askPages('deliveries', 'deliveries', {
      query: { campaign, state: 'dead' },
      max: MAX_FOLLOWED,
    });
    if (entries.length === 0) return update({ message: 'There is nothing to replay.' });
    const many = `${isAll ? '' : 'more than '}${plural(entries.length, 'dead letter')}`;
    const isSure = await confirm({
      title: `Replay ${many} of ${campaign}?`,
      text: 'They are sent immediately. Each keeps its webhook-id, so receivers can recognise duplicates.',
      yes: 'Replay all',
    });
    if (isSure) replay({ campaign, ids: entries.map(({ delivery_id: id }) => id) });
  },
};

export const deadLetters = { title: 'Dead letters', scope: 'operate', load, draw, actions };
