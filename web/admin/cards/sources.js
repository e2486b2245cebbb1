// Sources: where new leads came from, and how many of them qualified.
import { bar, box, card, table } from '../ui/components.js';
import { h } from '../ui/dom.js';
import { capital, count, share } from '../ui/format.js';
import { MILESTONES } from './timeline.js';

/** Milestones of what became a lead: by source the API counts no others. */
const OF_LEADS = MILESTONES.map(([name]) => name).filter((name) => name !== 'accepted');

export function sourcesCard({ sources }) {
  const all = Object.entries(sources).sort(([, one], [, other]) => other.new - one.new);
  const most = all[0]?.[1].new ?? 0;
  const rows = all.map(([source, counts]) => [
    source,
    bar(count(counts.new), most > 0 ? counts.new / most : 0),
    count(counts.qualified),
    count(counts.delivered),
    share(counts.qualified, counts.new),
  ]);
  return card(
    'Sources',
    { note: 'By utm_source; sources with fewer than 5 submissions count as other' },
    rows.length
      ? box(
          'Sources',
          table('Sources', ['Source', ...OF_LEADS.map(capital), 'Qualified of new'], rows, {
            numbersFrom: 1,
          }),
        )
      : h('p', { class: 'quiet' }, 'No leads in this period.'),
  );
}
