// The audit log: what operators did, the newest first.
import { ask } from '../api.js';
import { h } from '../ui/dom.js';
import { count, time } from '../ui/format.js';
import { changesOf, operation, targetOf } from '../ui/labels.js';
import { listView } from '../ui/pager.js';

const load = ({ campaign, after }, signal) => ask('GET', 'audit', { query: { campaign, after }, signal });

function draw({ entries, next, is_part: isPart }) {
  const rows = entries.map((entry) => [
    time(entry.at),
    entry.actor,
    operation(entry),
    [targetOf(entry), changesOf(entry).map((change) => h('div', { class: 'quiet' }, change))],
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
  return listView({ ...list, rows, next });
}

export const auditLog = { title: 'Recent acts', load, draw, actions: {} };
