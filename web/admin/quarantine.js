// What looks like junk: its signs, what it says, and what becomes of it.
import { ask, pages } from './api.js';
import { h } from './dom.js';
import { confirm, show } from './dialog.js';
import { decide } from './jobs.js';
import { box, button, card, code, empty, table } from './parts.js';
import { pager } from './pager.js';
import { count, plain, plural, time } from './words.js';

/** Counted before a bulk act; beyond it, it is told as more than that. */
const MOST_COUNTED = 10_000;

/** What is chosen on this page. */
const chosen = new Set();

const load = ({ campaign, after }, signal) => ask('GET', 'quarantine', { query: { campaign, after, limit: 50 }, signal });

function draw({ submissions, next }, app) {
  const here = new Set(submissions.map(({ submission_id: id }) => id));
  for (const id of chosen) if (!here.has(id)) chosen.delete(id);
  if (submissions.length === 0) return [empty('Nothing is in quarantine', 'A post whose signs weigh too much is put aside here, sealed, until you release or discard it.')];
  const not = app.whyNot('operate');
  const rows = submissions.map((one) => {
    const { submission_id: id } = one;
    return [
      h('input', { type: 'checkbox', 'data-act': 'choose', 'data-value': id, 'data-key': `choose-${id}`, checked: chosen.has(id), 'aria-label': `Choose ${id}`, class: 'check' }),
      time(one.at), one.campaign, one.source, h('b', {}, one.weight === null ? '–' : count(one.weight)), signsOf(one), time(one.kept_until),
      h('div', { class: 'row-buttons' },
        button('Show', 'show', { value: id, kind: 'small', why: not, label: `Show ${id}` }),
        button('Release', 'release', { value: id, kind: 'small', why: not, label: `Release ${id}` }),
        button('Discard', 'discard', { value: id, kind: 'small danger', why: not, label: `Discard ${id}` })),
    ];
  });
  const heads = [h('input', { type: 'checkbox', 'data-act': 'choose-page', 'data-key': 'choose-page', checked: chosen.size === here.size, 'aria-label': 'Choose all of this page', class: 'check' }),
    'When', 'Campaign', 'Source', 'Weight', 'Signs', 'Kept until', 'Act'];
  const nothing = not ?? (chosen.size ? null : 'Choose submissions first.');
  const whole = not ?? (app.place.campaign ? null : 'Choose a campaign first: only one campaign is decided as a whole.');
  const actions = h('div', { class: 'row-buttons' },
    button(`Release ${count(chosen.size)} chosen`, 'release-chosen', { why: nothing }), button(`Discard ${count(chosen.size)} chosen`, 'discard-chosen', { why: nothing, kind: 'danger' }),
    button('Release all', 'release-all', { why: whole }), button('Discard all', 'discard-all', { why: whole, kind: 'danger' }));
  return [card('Quarantine', { class: 'full', note: 'Released, it is judged and delivered like any other', actions },
    box('Quarantine', table('Quarantine', heads, rows, { keys: [...here], class: 'tall', isList: true })), pager(next, app))];
}

const signsOf = ({ signals }) => h('ul', { class: 'reasons' }, (signals ?? []).map(({ signal, weight, because }) =>
  h('li', {}, h('b', { class: 'points' }, count(weight)), h('span', {}, plain(signal), h('span', { class: 'quiet' }, ` ${because ?? ''}`)))));

/** The values of an object that a visitor has filled, as text. */
const textOf = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value));
const list = (title, values) => Object.keys(values ?? {}).length > 0 && [h('h3', {}, title),
  h('dl', { class: 'facts' }, Object.entries(values).map(([name, value]) => [h('dt', {}, name), h('dd', {}, textOf(value))]))];

const releasing = { kind: 'release', doing: 'Release', text: 'Each is judged by its campaign as if it had come just now, and goes out where it qualifies.' };
const discarding = { kind: 'discard', doing: 'Discard', text: 'What they say is thrown away for good.', isDanger: true };

/** Decides those of these ids. One release needs no question: it is what would have happened anyhow. */
async function decideThese({ kind, doing, text, isDanger }, ids, isAsked) {
  if (isAsked && !await confirm({ title: `${doing} ${plural(ids.length, 'submission')}?`, text, yes: doing, isDanger })) return;
  for (const id of ids) chosen.delete(id);
  await decide({ kind, ids });
}

async function decideAll({ kind, doing, text, isDanger }, app) {
  const { campaign } = app.place;
  const { entries, isAll } = await pages('quarantine', 'submissions', { query: { campaign }, most: MOST_COUNTED });
  const many = `${isAll ? 'all' : 'more than'} ${plural(entries.length, 'submission')}`;
  if (!await confirm({ title: `${doing} ${many} of ${campaign}?`, text: `${text} It is done 100 at a time.`, yes: `${doing} all`, isDanger })) return;
  await decide({ kind, campaign, total: entries.length });
}

const acts = {
  choose(id, app) {
    if (!chosen.delete(id)) chosen.add(id);
    app.redraw();
  },
  'choose-page'(value, app, { submissions }) {
    const all = chosen.size === submissions.length;
    for (const { submission_id: id } of submissions) all ? chosen.delete(id) : chosen.add(id);
    app.redraw();
  },
  async show(id) {
    const one = await ask('GET', `quarantine/${encodeURIComponent(id)}`);
    const consent = Object.fromEntries((one.consent ?? []).map(({ purpose, granted }) => [purpose, granted ? 'given' : 'not given']));
    const answer = await show('What it says', [
      h('p', { class: 'quiet' }, 'That you have looked is in the audit log.'), code(one.submission_id),
      list('Contact', one.contact), list('Answers', one.answers), list('Attribution', one.attribution), list('Consent', consent), h('h3', {}, 'Signs'), signsOf(one),
    ].flat(2).filter(Boolean), [{ text: 'Discard', value: 'discard', kind: 'danger' }, { text: 'Release', value: 'release', kind: 'primary' }]);
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

export const quarantine = { title: 'Quarantine', load, draw, acts };
