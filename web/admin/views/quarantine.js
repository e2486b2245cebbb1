// Quarantine: submissions with abuse signals, what they say, and what becomes of them.
import { askOne, askPage, askPages } from '../api.js';
import { decide } from '../jobs.js';
import { state, update } from '../store.js';
import { button, code, reasons } from '../ui/components.js';
import { confirm, show } from '../ui/dialog.js';
import { h } from '../ui/dom.js';
import { count, plural, time } from '../ui/format.js';
import { readable } from '../ui/labels.js';
import { listView } from '../ui/pager.js';

/** Counted before all are decided; beyond it, the question says more than that. */
const MAX_COUNTED = 10_000;

/** Those that are selected on this page. */
const selected = new Set();
/** Those that are being released or discarded: they are not shown, so that nobody decides them twice. */
const deciding = new Set();

/** Returns those that can be decided. */
const undecided = ({ submissions }) => submissions.filter(({ submission_id: id }) => !deciding.has(id));

const load = ({ campaign, after }, signal) =>
  askPage('quarantine', 'submissions', { query: { campaign, after, limit: 50 }, signal });

function draw({ next, ...data }) {
  const submissions = undecided(data);
  const here = submissions.map(({ submission_id: id }) => id);
  for (const id of selected) if (!here.includes(id)) selected.delete(id);
  const all = check('select-page', null, selected.size === here.length, 'Select all on this page');
  const list = {
    title: 'Quarantine',
    note: 'Released submissions are scored and delivered like any other',
    actions: bulkButtons(),
    heads: [all, 'Received', 'Campaign', 'Source', 'Weight', 'Signals', 'Kept until', 'Actions'],
    nothing: [
      'Quarantine is empty',
      'Submissions with too many abuse signals are kept here until you release or discard them.',
    ],
    keys: here,
    class: 'tall',
  };
  return listView({ ...list, rows: submissions.map(rowOf), next });
}

function bulkButtons() {
  const noSelection = selected.size ? null : 'Select submissions first.';
  const noCampaign = state.route.campaign
    ? null
    : 'Choose a campaign first. This applies to one campaign at a time.';
  return h(
    'div',
    { class: 'row-buttons' },
    button(`Release ${count(selected.size)} selected`, 'release-selected', { reason: noSelection }),
    button(`Discard ${count(selected.size)} selected`, 'discard-selected', {
      reason: noSelection,
      kind: 'danger',
    }),
    button('Release all', 'release-all', { reason: noCampaign }),
    button('Discard all', 'discard-all', { reason: noCampaign, kind: 'danger' }),
  );
}

function rowOf(one) {
  const { submission_id: id } = one;
  const own = (name, action, kind = '') =>
    button(name, action, { value: id, kind: `small ${kind}`, label: `${name} ${id}` });
  return [
    check('select', id, selected.has(id), `Select ${id}`),
    time(one.at),
    one.campaign,
    one.source,
    h('b', {}, one.weight === null ? '–' : count(one.weight)),
    signalsOf(one),
    time(one.kept_until),
    h(
      'div',
      { class: 'row-buttons' },
      own('Show', 'show'),
      own('Release', 'release'),
      own('Discard', 'discard', 'danger'),
    ),
  ];
}

const check = (action, id, checked, label) =>
  h('input', {
    type: 'checkbox',
    class: 'check',
    'data-action': action,
    'data-value': id,
    'data-key': `${action}-${id}`,
    checked,
    'aria-label': label,
  });

const signalsOf = ({ signals }) =>
  reasons(
    (signals ?? []).map(({ signal, weight, because }) => [count(weight), readable(signal), because ?? '']),
  );

/** Writes an answer of a visitor as text: of several each in a line. */
function textOf(value) {
  if (Array.isArray(value)) return value.map(textOf).join('\n');
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Lists names and values below a title. */
const list = (title, values) =>
  Object.keys(values ?? {}).length > 0 && [
    h('h3', {}, title),
    h(
      'dl',
      { class: 'facts' },
      Object.entries(values).map(([name, value]) => [
        h('dt', {}, name),
        h('dd', { dir: 'auto' }, textOf(value)),
      ]),
    ),
  ];

const RELEASE = {
  kind: 'release',
  verb: 'Release',
  text: 'Each is scored as if it had just arrived, and forwarded if it qualifies.',
};
const DISCARD = {
  kind: 'discard',
  verb: 'Discard',
  text: 'Their contents are deleted permanently.',
  isDanger: true,
};

/** Decides those of these ids. One release needs no question: it is what would have happened anyhow. */
async function decideThese({ kind, verb, text, isDanger }, ids, isAsked) {
  if (
    isAsked &&
    !(await confirm({ title: `${verb} ${plural(ids.length, 'submission')}?`, text, yes: verb, isDanger }))
  )
    return;
  for (const id of ids) deciding.add(id);
  decide({ kind, ids }).finally(() => {
    for (const id of ids) deciding.delete(id);
  });
}

async function decideAll({ kind, verb, text, isDanger }) {
  const { campaign } = state.route;
  const { entries, isAll } = await askPages('quarantine', 'submissions', {
    query: { campaign },
    max: MAX_COUNTED,
  });
  const many = `${isAll ? 'all' : 'more than'} ${plural(entries.length, 'submission')}`;
  if (
    !(await confirm({
      title: `${verb} ${many} of ${campaign}?`,
      text: `${text} This is done ${LIMITS.request_ids} at a time.`,
      yes: `${verb} all`,
      isDanger,
    }))
  )
    return;
  decide({ kind, campaign, total: entries.length });
}

const actions = {
  select(id) {
    if (!selected.delete(id)) selected.add(id);
    update();
  },
  'select-page'(_value, { data }) {
    const submissions = undecided(data);
    const areAll = selected.size === submissions.length;
    selected.clear();
    if (!areAll) for (const { submission_id: id } of submissions) selected.add(id);
    update();
  },
  async show(id, { data }) {
    const { campaign } = data.submissions.find(({ submission_id: known }) => known === id);
    const one = await askOne('GET', `quarantine/${encodeURIComponent(id)}`, { campaign });
    const consent = Object.fromEntries(
      (one.consent ?? []).map(({ purpose, granted }) => [purpose, granted ? 'given' : 'not given']),
    );
    const decision = await show(
      'Quarantined submission',
      [
        h('p', { class: 'quiet' }, 'The audit log records that you viewed this.'),
        code(one.submission_id),
        list('Contact', one.contact),
        list('Answers', one.answers),
        list('Attribution', one.attribution),
        list('Consent', consent),
        h('h3', {}, 'Signals'),
        signalsOf(one),
      ]
        .flat(2)
        .filter(Boolean),
      [
        { text: 'Discard', value: 'discard', kind: 'danger' },
        { text: 'Release', value: 'release', kind: 'primary' },
      ],
    );
    if (decision === 'release') await decideThese(RELEASE, [id], false);
    if (decision === 'discard') await decideThese(DISCARD, [id], true);
  },
  release: (id) => decideThese(RELEASE, [id], false),
  discard: (id) => decideThese(DISCARD, [id], true),
  'release-selected': () => decideThese(RELEASE, [...selected], true),
  'discard-selected': () => decideThese(DISCARD, [...selected], true),
  'release-all': () => decideAll(RELEASE),
  'discard-all': () => decideAll(DISCARD),
};

function forget() {
  selected.clear();
  deciding.clear();
}

export const quarantine = { title: 'Quarantine', scope: 'operate', load, draw, actions, forget };
