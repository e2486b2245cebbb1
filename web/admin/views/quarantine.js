// What looks like junk: its signs, what it says, and what becomes of it.
import { askOne, page, pages } from '../api.js';
import { h } from '../ui/dom.js';
import { confirm, show } from '../ui/dialog.js';
import { decide } from '../jobs.js';
import { listView } from '../ui/pager.js';
import { button, code, reasons } from '../ui/components.js';
import { count, plain, plural, time } from '../ui/format.js';

/** Counted before a bulk act; beyond it, it is told as more than that. */
const MOST_COUNTED = 10_000;

/** What is chosen on this page. */
const chosen = new Set();
/** What is being released or discarded: it is not shown, so that nobody decides it twice. */
const deciding = new Set();

const undecided = ({ submissions }) => submissions.filter(({ submission_id: id }) => !deciding.has(id));

const load = ({ campaign, after }, signal) =>
  page('quarantine', 'submissions', { query: { campaign, after, limit: 50 }, signal });

function draw({ next, ...shown }, app) {
  const submissions = undecided(shown);
  const here = submissions.map(({ submission_id: id }) => id);
  for (const id of chosen) if (!here.includes(id)) chosen.delete(id);
  const all = check('choose-page', null, chosen.size === here.length, 'Choose all of this page');
  const list = {
    title: 'Quarantine',
    note: 'Released, it is judged and delivered like any other',
    actions: actionsOf(app),
    heads: [all, 'When', 'Campaign', 'Source', 'Weight', 'Signs', 'Kept until', 'Act'],
    nothing: [
      'Nothing is in quarantine',
      'A post whose signs weigh too much is put aside here, until you release or discard it.',
    ],
    keys: here,
    class: 'tall',
  };
  return listView({ ...list, rows: submissions.map(rowOf), next }, app);
}

function actionsOf(app) {
  const some = chosen.size ? null : 'Choose submissions first.';
  const whole = app.place.campaign
    ? null
    : 'Choose a campaign first: only one campaign is decided as a whole.';
  return h(
    'div',
    { class: 'row-buttons' },
    button(`Release ${count(chosen.size)} chosen`, 'release-chosen', { why: some }),
    button(`Discard ${count(chosen.size)} chosen`, 'discard-chosen', { why: some, kind: 'danger' }),
    button('Release all', 'release-all', { why: whole }),
    button('Discard all', 'discard-all', { why: whole, kind: 'danger' }),
  );
}

function rowOf(one) {
  const { submission_id: id } = one;
  const act = (name, doing, kind = '') =>
    button(name, doing, { value: id, kind: `small ${kind}`, label: `${name} ${id}` });
  return [
    check('choose', id, chosen.has(id), `Choose ${id}`),
    time(one.at),
    one.campaign,
    one.source,
    h('b', {}, one.weight === null ? '–' : count(one.weight)),
    signsOf(one),
    time(one.kept_until),
    h(
      'div',
      { class: 'row-buttons' },
      act('Show', 'show'),
      act('Release', 'release'),
      act('Discard', 'discard', 'danger'),
    ),
  ];
}

const check = (act, id, checked, label) =>
  h('input', {
    type: 'checkbox',
    class: 'check',
    'data-act': act,
    'data-value': id,
    'data-key': `${act}-${id}`,
    checked,
    'aria-label': label,
  });

const signsOf = ({ signals }) =>
  reasons(
    (signals ?? []).map(({ signal, weight, because }) => [count(weight), plain(signal), because ?? '']),
  );

/** A value that a visitor has filled in, as text: of several each in a line. */
function textOf(value) {
  if (Array.isArray(value)) return value.map(textOf).join('\n');
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value);
}
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

const releasing = {
  kind: 'release',
  doing: 'Release',
  text: 'Each is judged by its campaign as if it had come just now, and goes out where it qualifies.',
};
const discarding = {
  kind: 'discard',
  doing: 'Discard',
  text: 'What they say is thrown away for good.',
  isDanger: true,
};

/** Decides those of these ids. One release needs no question: it is what would have happened anyhow. */
async function decideThese({ kind, doing, text, isDanger }, ids, isAsked) {
  if (
    isAsked &&
    !(await confirm({ title: `${doing} ${plural(ids.length, 'submission')}?`, text, yes: doing, isDanger }))
  )
    return;
  for (const id of ids) deciding.add(id);
  decide({ kind, ids }).finally(() => ids.forEach((id) => deciding.delete(id)));
}

async function decideAll({ kind, doing, text, isDanger }, app) {
  const { campaign } = app.place;
  const { entries, isAll } = await pages('quarantine', 'submissions', {
    query: { campaign },
    most: MOST_COUNTED,
  });
  const many = `${isAll ? 'all' : 'more than'} ${plural(entries.length, 'submission')}`;
  if (
    !(await confirm({
      title: `${doing} ${many} of ${campaign}?`,
      text: `${text} It is done 100 at a time.`,
      yes: `${doing} all`,
      isDanger,
    }))
  )
    return;
  decide({ kind, campaign, total: entries.length });
}

const acts = {
  choose(id, app) {
    if (!chosen.delete(id)) chosen.add(id);
    app.redraw();
  },
  'choose-page'(value, app, shown) {
    const submissions = undecided(shown);
    const all = chosen.size === submissions.length;
    for (const { submission_id: id } of submissions) all ? chosen.delete(id) : chosen.add(id);
    app.redraw();
  },
  async show(id, app, { submissions }) {
    const { campaign } = submissions.find(({ submission_id: known }) => known === id);
    const one = await askOne('GET', `quarantine/${encodeURIComponent(id)}`, { campaign });
    const consent = Object.fromEntries(
      (one.consent ?? []).map(({ purpose, granted }) => [purpose, granted ? 'given' : 'not given']),
    );
    const answer = await show(
      'What it says',
      [
        h('p', { class: 'quiet' }, 'That you have looked is in the audit log.'),
        code(one.submission_id),
        list('Contact', one.contact),
        list('Answers', one.answers),
        list('Attribution', one.attribution),
        list('Consent', consent),
        h('h3', {}, 'Signs'),
        signsOf(one),
      ]
        .flat(2)
        .filter(Boolean),
      [
        { text: 'Discard', value: 'discard', kind: 'danger' },
        { text: 'Release', value: 'release', kind: 'primary' },
      ],
    );
    if (answer === 'release') await decideThese(releasing, [id], false);
    if (answer === 'discard') await decideThese(discarding, [id], true);
  },
  release: (id) => decideThese(releasing, [id], false),
  discard: (id) => decideThese(discarding, [id], true),
  'release-chosen': () => decideThese(releasing, [...chosen], true),
  'discard-chosen': () => decideThese(discarding, [...chosen], true),
  'release-all': (value, app) => decideAll(releasing, app),
  'discard-all': (value, app) => decideAll(discarding, app),
};

function forget() {
  chosen.clear();
  deciding.clear();
}

export const quarantine = { title: 'Quarantine', scope: 'operate', load, draw, acts, forget };
