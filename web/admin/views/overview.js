// The overview: the funnel, and what it is made of.
import { ask, askAll } from '../api.js';
import { zoneOnceListed } from '../campaigns.js';
import { activityCard } from '../cards/activity.js';
import { attention } from '../cards/attention.js';
import { deliveriesCard } from '../cards/deliveries.js';
import { funnelCard } from '../cards/funnel.js';
import { rejectionsCard } from '../cards/rejections.js';
import { scoresCard } from '../cards/scores.js';
import { sourcesCard } from '../cards/sources.js';
import { statesCard } from '../cards/states.js';
import { timelineCard } from '../cards/timeline.js';
import { rangeOf } from '../route.js';
import { update } from '../store.js';
import { empty } from '../ui/components.js';
import { confirm } from '../ui/dialog.js';
import { h } from '../ui/dom.js';
import { plural } from '../ui/format.js';
import { merged } from './report.js';

/** Entries of the audit log below the numbers. */
const MAX_ENTRIES = 5;
/** Publications begin and are done: only the latter are shown here. */
const READ_ENTRIES = 2 * MAX_ENTRIES;

async function load(route, signal) {
  const { campaign } = route;
  const zone = await zoneOnceListed();
  const [reports, audit] = await Promise.all([
    askAll('overview', { query: { campaign, ...rangeOf(route, zone) }, signal }),
    ask('GET', 'audit', { query: { campaign, limit: READ_ENTRIES }, signal }),
  ]);
  const entries = audit.entries.filter(({ outcome }) => outcome !== 'begun').slice(0, MAX_ENTRIES);
  return { report: merged(reports), activity: { entries, isPart: audit.is_part } };
}

function draw({ report, activity }) {
  const isEmpty = report.funnel.received === 0 && report.accepted === 0;
  return [
    attention(report),
    isEmpty &&
      empty(
        'No submissions in this period',
        'Choose a longer period, or submit a form and select Refresh. The page refreshes by itself every five minutes.',
      ),
    funnelCard(report),
    h(
      'div',
      { class: 'grid', 'data-key': 'grid' },
      timelineCard(report),
      sourcesCard(report),
      scoresCard(report),
      rejectionsCard(report),
      statesCard(report),
    ),
    deliveriesCard(report),
    activityCard(activity),
  ];
}

const actions = {
  async enable(value, { reload }) {
    const [campaign, destination] = value.split('/');
    const isSure = await confirm({
      title: `Resume sending to ${destination}?`,
      text: 'It responded with 410 Gone, which means stop. Its paused deliveries will be sent immediately.',
      yes: 'Enable',
    });
    if (!isSure) return;
    const { resumed } = await ask(
      'POST',
      `campaigns/${encodeURIComponent(campaign)}/destinations/${encodeURIComponent(destination)}/enable`,
    );
    update({
      message: `${destination} is enabled; ${plural(resumed, 'delivery', 'deliveries')} resumed.`,
    });
    reload();
  },
};

export const overview = { title: 'Overview', load, draw, actions };
