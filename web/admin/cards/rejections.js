// Rejections: which fields visitors get wrong, and how.
import { bar, box, card, table } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { count } from '../ui/format.js';

export function rejectionsCard({ rejections }) {
  const all = Object.entries(rejections).flatMap(([field, codes]) =>
    Object.entries(codes).map(([code, number]) => [field || '(whole submission)', code, number]),
  );
  all.sort(([, , one], [, , other]) => other - one);
  const most = all[0]?.[2] ?? 0;
  const rows = all.map(([field, code, number]) => [
    field,
    h('code', {}, code),
    bar(count(number), number / most, 'shade-bad'),
  ]);
  return card(
    'Rejections',
    { note: 'By field and error code; one submission can have several' },
    rows.length
      ? box('Rejections', table('Rejections', ['Field', 'Code', 'Submissions'], rows, { numbersFrom: 2 }))
      : h('p', { class: 'quiet' }, 'No rejections in this period.'),
  );
}
