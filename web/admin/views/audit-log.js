// Who has done what, the newest first: also the results of long acts of others.
import { ask } from '../api.js';
import { h } from '../ui/dom.js';
import { listView } from '../ui/pager.js';
import { act, changesOf, count, time } from '../ui/format.js';

/** What an act was about, of what the log names. */
const about = ({ campaign, destination, list, delivery_id: delivery }) =>
  [campaign, destination, list && `list ${list}`, delivery].filter(Boolean).join(' · ') || 'all';

/** A few acts as lines. */
export const actLines = (entries) =>
  h(
    'ul',
    { class: 'lines' },
    entries.map((entry) =>
      h(
        'li',
        {},
        h('span', { class: 'lines-time' }, time(entry.at)),
        h('span', {}, h('b', {}, entry.actor), ` ${act(entry.act)}: ${about(entry)}`, result(entry)),
      ),
    ),
  );

function result({ count: number, outcome }) {
  const said = [number === null ? null : count(number), outcome === 'done' ? null : outcome].filter(
    (word) => word !== null,
  );
  return said.length ? h('span', { class: 'quiet' }, ` (${said.join(', ')})`) : null;
}

const load = ({ campaign, after }, signal) => ask('GET', 'audit', { query: { campaign, after }, signal });

function draw({ entries, next, is_part: isPart }, app) {
  const rows = entries.map((entry) => [
    time(entry.at),
    entry.actor,
    act(entry.act),
    [about(entry), changesOf(entry).map((change) => h('div', { class: 'quiet' }, change))],
    entry.count === null ? '–' : count(entry.count),
    entry.outcome,
  ]);
  const order = isPart ? 'Some ledgers at a time, each with their newest first' : 'The newest first';
  const list = {
    title: 'Recent acts',
    note: `${order}; of whom is never written down`,
    heads: ['When', 'Who', 'What', 'About', 'How many', 'Outcome'],
    nothing: [
      'Nobody has done anything yet',
      'Replays, releases and publications stand here, with who has done them.',
    ],
  };
  return listView({ ...list, rows, next }, app);
}

export const acts = { title: 'Recent acts', load, draw, acts: {} };
