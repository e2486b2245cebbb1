// Attention: what asks for somebody's decision, with the way there.
import { hrefOf } from '../store.js';
import { h } from '../ui/dom.js';
import { count } from '../ui/format.js';

/** Lists what waits. What is given up or paused is all there is now. */
export function attention({ states, destinations }) {
  const sum = (name) => destinations.reduce((total, destination) => total + destination[name], 0);
  const lines = [
    [sum('dead'), 'dead letter now', 'dead letters now', 'dead', 'bad'],
    [sum('paused'), 'delivery paused after a 410 now', 'deliveries paused after a 410 now', null, 'bad'],
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
            { class: `chip ${kind}`, href: view && hrefOf({ view }), 'data-link': view && true },
            h('b', {}, count(number)),
            ` ${number === 1 ? one : many}`,
          ),
        ),
      ),
    )
  );
}
