// Attention: what asks for somebody's decision, with the way there.
import { hrefOf } from '../store.js';
import { h } from '../ui/dom.js';
import { count } from '../ui/format.js';

/** Lists what waits. What is given up or paused is all there is now. */
export function attention({ states, destinations }) {
  const sum = (name) => destinations.reduce((total, destination) => total + destination[name], 0);
  const lines = [
    [sum('dead'), 'dead letter', 'dead letters', 'dead', 'bad'],
    [sum('paused'), 'delivery paused after a 410', 'deliveries paused after a 410', null, 'bad'],
    [
      states.quarantined ?? 0,
      'quarantined submission from this period',
      'quarantined submissions from this period',
      'quarantine',
      'warn',
    ],
    [states.held ?? 0, 'held lead from this period', 'held leads from this period', 'held', 'calm'],
  ].filter(([number]) => number > 0);
  return (
    lines.length > 0 &&
    h(
      'ul',
      { class: 'attention', 'aria-label': 'Needs attention', 'data-key': 'attention' },
      lines.map(([number, one, many, view, kind]) =>
        h(
          'li',
          { 'data-key': one },
          h(
            view ? 'a' : 'span',
            { class: `chip ${kind}`, href: view && hrefOf({ view }), 'data-link': view && true },
            h('b', {}, count(number)),
            ` ${number === 1 ? one : many}`,
          ),
        ),
      ),
    )
  );
}
