// Activity: the last entries of the audit log. All of them have a view of their own.
import { card } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { count, time } from '../ui/format.js';
import { operation, targetOf } from '../ui/labels.js';

export const activityCard = ({ entries, isPart }) =>
  card(
    'Recent activity',
    {
      class: 'full',
      note: isPart ? 'From some of the ledgers; choose a campaign to see all of its activity' : null,
    },
    entries.length
      ? h('ul', { class: 'lines' }, entries.map(lineOf))
      : h('p', { class: 'quiet' }, 'No activity yet.'),
  );

const lineOf = (entry) =>
  h(
    'li',
    {},
    h('span', { class: 'lines-time' }, time(entry.at)),
    h('span', {}, h('b', {}, entry.actor), ` ${operation(entry)}: ${targetOf(entry)}`, resultOf(entry)),
  );

function resultOf({ count: number, outcome }) {
  const parts = [number !== null && count(number), outcome !== 'done' && outcome].filter(Boolean);
  return parts.length ? h('span', { class: 'quiet' }, ` (${parts.join(', ')})`) : null;
}
