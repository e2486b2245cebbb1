// Held leads: those that do not qualify yet, and why.
import { askPage } from '../api.js';
import { code, reasons } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { signed, time } from '../ui/format.js';
import { heldBecause } from '../ui/labels.js';
import { listView } from '../ui/pager.js';

const load = ({ campaign, after }, signal) =>
  askPage('held', 'held', { query: { campaign, after, limit: 50 }, signal });

function draw({ held, next }) {
  const rows = held.map((lead) => [
    code(lead.lead_id),
    lead.campaign,
    scoreOf(lead),
    reasonsOf(lead),
    heldBecause(lead.because),
    time(lead.held_since),
    time(lead.until),
  ]);
  const list = {
    title: 'Held leads',
    note: 'They are forwarded once the person submits more, and expire otherwise',
    heads: ['Lead', 'Campaign', 'Score', 'Reasons', 'Held because', 'Held since', 'Expires'],
    nothing: ['No held leads', 'Leads that do not qualify yet wait here until the person submits more.'],
    keys: held.map(({ submission_id: id }) => id),
    class: 'tall',
  };
  return listView({ ...list, rows, next });
}

/** Shows a score. A lead whose key is gone has none that can be read. */
function scoreOf({ score, forward_at: threshold }) {
  if (!score) return '–';
  const { total, temperature, stage } = score;
  const part = threshold > 0 ? Math.min(1, Math.max(0, total / threshold)) : 0;
  return h(
    'div',
    { class: 'score' },
    h('b', {}, threshold === null ? `${total}` : `${total} of ${threshold}`),
    threshold !== null && h('span', { class: 'meter', vars: { part }, 'aria-hidden': 'true' }),
    h('span', { class: 'quiet' }, [temperature, stage].filter(Boolean).join(', ')),
  );
}

function reasonsOf({ score }) {
  if (!score?.reasons.length) return h('span', { class: 'quiet' }, 'No rule added points');
  return reasons(score.reasons.map(({ rule, points, because }) => [signed(points), rule, because]));
}

export const heldLeads = { title: 'Held leads', scope: 'operate', load, draw, actions: {} };
