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
  const order = isPart ? 'Ledger by ledger, newest first in each' : 'Newest first';
  const list = {
    title: 'Audit log',
    note: `${order}; entries never name the person concerned`,
    heads: ['Time', 'Operator', 'Action', 'Target', 'Count', 'Outcome'],
    nothing: ['No entries yet', 'Replays, releases and publications are recorded here, with who made them.'],
  };
  return listView({ ...list, rows, next });
}

export const auditLog = { title: 'Audit log', load, draw, actions: {} };
