// Lists, a page at a time. Each page has an address, so the browser's back is the way back.
import { hrefOf, state } from '../store.js';
import { box, card, empty, table } from './components.js';
import { h } from './dom.js';

/**
 * Shows a page of a list as a view.
 * @param {object} page `title`, `heads`, `rows`; `keys`: of the rows; `next`: where the API goes on, or null;
 * `nothing`: title and text where there is nothing at all; `note`, `actions`, `class`: the card's and the table's
 */
export function listView({ title, note, actions, heads, rows, keys, next, nothing, class: kind }) {
  if (rows.length === 0 && !next && !state.route.after) return [empty(...nothing)];
  const list = table(title, heads, rows, { keys, class: kind, isList: true });
  return [card(title, { class: 'full', note, actions }, rows.length > 0 && box(title, list), pager(next))];
}

function pager(next) {
  const { after } = state.route;
  if (!next && !after) return null;
  const link = (text, to) =>
    h(
      'a',
      { class: 'button', href: hrefOf({ after: to }), 'data-link': true, 'data-key': `page-${text}` },
      text,
    );
  const last = h('span', { class: 'quiet' }, 'End of list');
  return h(
    'nav',
    { class: 'pager', 'aria-label': 'Pagination' },
    after && link('First page', ''),
    next ? link('Next page', next) : last,
  );
}
