// Leads that do not qualify yet, and why.
import { ask } from './api.js';
import { h } from './dom.js';
import { box, card, code, empty, table } from './parts.js';
import { pager } from './pager.js';
import { heldBecause, signed, time } from './words.js';

const load = ({ campaign, after }, signal) => ask('GET', 'held', { query: { campaign, after, limit: 50 }, signal });

function draw({ held, next }, app) {
  if (held.length === 0) return [empty('No lead is held', 'A lead that does not reach its campaign\'s threshold waits here until the person tells more.')];
  const rows = held.map((lead) => [code(lead.lead_id), lead.campaign, scoreOf(lead), reasonsOf(lead.score), heldBecause(lead.because), time(lead.held_since), time(lead.until)]);
  const heads = ['Lead', 'Campaign', 'Score', 'Rules', 'Why it is held', 'Since', 'Until'];
  return [card('Held leads', { class: 'full', note: 'They go out once the person tells more; at the end of their time they expire' },
    box('Held leads', table('Held leads', heads, rows, { keys: held.map(({ submission_id: id }) => id), class: 'tall', isList: true })), pager(next, app))];
}

/** Its payload is not readable where its key is gone. */
function scoreOf({ score, forward_at: threshold }) {
  if (!score) return '–';
  const { total, temperature, stage } = score;
  const part = threshold > 0 ? Math.min(1, Math.max(0, total / threshold)) : 0;
  return h('div', { class: 'score' },
    h('b', {}, threshold === null ? `${total}` : `${total} of ${threshold}`),
    threshold !== null && h('span', { class: 'meter', vars: { part }, 'aria-hidden': 'true' }),
    h('span', { class: 'quiet' }, [temperature, stage].filter(Boolean).join(', ')));
}

const reasonsOf = (score) => (score?.reasons.length
  ? h('ul', { class: 'reasons' }, score.reasons.map(({ rule, points, because }) => h('li', {}, h('b', { class: 'points' }, signed(points)), h('span', {}, rule, h('span', { class: 'quiet' }, ` ${because}`)))))
  : h('span', { class: 'quiet' }, 'No rule gave points'));

export const held = { title: 'Held leads', load, draw, acts: {} };
