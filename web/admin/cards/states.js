// States: where the accepted submissions of a period are now.
import { bar, box, card, table } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { count, plural } from '../ui/format.js';
import { STATES } from '../ui/labels.js';

export function statesCard({ states, accepted, repeats, kv_repeats: kvRepeats }) {
  const rows = Object.keys({ ...STATES, ...states })
    .filter((state) => states[state] > 0)
    .map((state) => [
      h('span', { title: STATES[state] }, state),
      bar(count(states[state]), states[state] / accepted),
      STATES[state] ?? '',
    ]);
  const name = 'Accepted submissions by state';
  return card(
    'Submissions by state',
    {
      note: `${plural(accepted, 'accepted submission')}, plus ${plural(repeats + kvRepeats, 'repeat')}`,
    },
    rows.length
      ? box(name, table(name, ['State', 'Submissions', 'Meaning'], rows, { class: 'states' }))
      : h('p', { class: 'quiet' }, 'No submissions were accepted in this period.'),
  );
}
