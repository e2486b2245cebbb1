// The dashboard: reads the admin API and draws what it says. State is the place in the address, what was
// read last for it, and who has signed in.
import 'uplot/dist/uPlot.min.css';
import './admin.css';
import { acts } from './views/audit-log.js';
import { Refused, answers, ask, endSession, sessionSignal, token } from './api.js';
import { zoneOf } from './calendar.js';
import { dead } from './views/dead-letters.js';
import { closeDialogs, isDialogOpen } from './ui/dialog.js';
import { h, morph } from './ui/dom.js';
import { held } from './views/held-leads.js';
import * as jobs from './jobs.js';
import { overview } from './views/overview.js';
import { empty, notice } from './ui/components.js';
import { isDay, placeOf, searchOf } from './route.js';
import { drawPlots } from './ui/charts.js';
import { quarantine } from './views/quarantine.js';
import { controls, header } from './ui/layout.js';
import { drawSignIn, signIn, tell } from './signin.js';
import { nextTheme, setTheme } from './ui/theme.js';

/**
 * A reading may be of the 20,000 newest deliveries of each ledger, beside the counters, and a free plan has five
 * million rows a day: a tab that is looked at for a working day takes about two million.
 */
const REFRESH_MS = 5 * 60_000;
/** Where there was no connection, and so nobody who says how long to wait. */
const RECONNECT_S = 30;
/** Places whose last answer is shown at once when one comes back to them. */
const MOST_REMEMBERED = 12;
const VIEWS = { overview, dead, quarantine, held, acts };

const remembered = new Map();
let reading = null;
let problem = null;
let said = '';
let retry = null;
/** The list of campaigns, once it is here: it says of which zone a campaign's days are. */
let listing = null;
let askedAt = 0;
/** Acts that are not over yet, by name and value. */
const underWay = new Set();
let isEntering = token.get() !== null;

const app = {
  who: null,
  campaigns: [],
  place: placeOf(location.search),
  views: Object.entries(VIEWS),
  get freshAt() {
    return remembered.get(placeKey())?.at ?? null;
  },
  /** The address of the same place with other parts; another view or campaign begins at its first page. */
  addressOf: (parts) => searchOf({ ...app.place, after: '', ...parts }),
  /** Of the days of what is shown: the campaign's, and UTC for all of them together. */
  get zone() {
    return zoneOf(app.campaigns.find(({ id }) => id === app.place.campaign)?.time_zone);
  },
  /** The same, once it is known. */
  async zoneToAsk() {
    if (app.place.campaign) await (listing ?? list());
    return app.zone;
  },
  /** Why something cannot be done with this token, or nothing. */
  whyNot: (scope) => (app.who.scopes.includes(scope) ? null : `Your token lacks the scope ${scope}.`),
  redraw,
  reload: () => read(),
  /** Shows what came of an act, until one goes elsewhere. */
  say(text) {
    said = text;
    redraw();
  },
  announce(text) {
    document.getElementById('spoken').textContent = text;
  },
  refused,
};

const placeKey = () => JSON.stringify(app.place);

function redraw() {
  const root = document.getElementById('app');
  const view = VIEWS[app.place.view];
  document.title = app.who ? `${view.title} · Leadhook` : 'Sign in · Leadhook';
  const outside = () =>
    isEntering
      ? h('main', { class: 'signin' }, h('p', { class: 'loading', role: 'status' }, 'Signing in…'))
      : drawSignIn();
  const hadFocus = root.contains(document.activeElement);
  const spoken = h('p', { id: 'spoken', class: 'unseen', role: 'status', 'data-keep': true });
  morph(root, h('div', { id: 'app' }, app.who ? [header(app), main(view)] : outside(), spoken));
  drawPlots();
  // What had the focus is gone, with its row perhaps: the next Tab goes on from the view's title.
  if (hadFocus && document.activeElement === document.body)
    document.getElementById('title')?.focus({ preventScroll: true });
}

/** Why this token is not shown a view, or nothing. */
const whyHidden = (view) => view.scope && app.whyNot(view.scope);

function content(view) {
  const why = whyHidden(view);
  if (why) return empty('Single leads are not for every token', `${why} The overview has the numbers.`);
  const known = remembered.get(placeKey());
  return known
    ? view.draw(known.data, app)
    : !problem && h('p', { class: 'loading', role: 'status' }, 'Reading…');
}

function main(view) {
  return h(
    'main',
    { 'data-key': 'main', 'aria-busy': reading ? 'true' : null },
    h('h1', { tabindex: -1, id: 'title' }, view.title),
    controls(app),
    problem &&
      notice(
        'error',
        h('p', {}, problem),
        h(
          'button',
          { type: 'button', class: 'button small', 'data-act': 'refresh', 'data-key': 'again' },
          'Try again',
        ),
      ),
    said && notice('info', h('p', {}, said)),
    jobs.drawJobs(),
    h('div', { class: 'view', 'data-key': `view-${app.place.view}` }, content(view)),
  );
}

/** Reads what the place shows. An answer for a place that one has left is dropped. */
async function read() {
  if (!app.who) return;
  reading?.abort();
  clearTimeout(retry);
  const mine = (reading = new AbortController());
  const key = placeKey();
  askedAt = Date.now();
  if (whyHidden(VIEWS[app.place.view])) reading = null;
  redraw();
  if (!reading) return;
  try {
    const data = await VIEWS[app.place.view].load(app.place, mine.signal, app);
    if (mine.signal.aborted) return;
    remembered.delete(key);
    remembered.set(key, { data, at: Date.now() });
    if (remembered.size > MOST_REMEMBERED) remembered.delete(remembered.keys().next().value);
    problem = null;
  } catch (error) {
    if (mine.signal.aborted) return;
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return refused();
    problem = wordsOf(error);
    if (error.passes) retry = setTimeout(read, (error.waitS ?? RECONNECT_S) * 1_000);
  }
  if (reading === mine) reading = null;
  redraw();
}

function wordsOf({ status, message, waitS }) {
  if (status === 503) return `Leadhook is busy or cannot reach its storage. It is asked again in ${waitS} s.`;
  if (status === 429) return `Leadhook asks to wait. It is asked again in ${waitS} s.`;
  if (status === 404) return 'There is no campaign of that name.';
  return message;
}

/** The token is not accepted any more: nothing that was read stays in the page. */
function refused() {
  signOut();
  tell('Your token is not accepted any more. Sign in again.');
  redraw();
}

function signOut() {
  endSession();
  jobs.forget();
  for (const [, view] of app.views) view.forget?.();
  closeDialogs();
  reading?.abort();
  clearTimeout(retry);
  remembered.clear();
  Object.assign(app, { who: null, campaigns: [] });
  [reading, listing, problem, said] = [null, null, null, ''];
}

/** Goes to a place; the title is read out, unless one is using a control that stays. */
function go(search, { isControl = false } = {}) {
  history.pushState(null, '', search);
  arrive(isControl);
}

function arrive(isControl) {
  const { view } = app.place;
  app.place = placeOf(location.search);
  [problem, said] = [null, ''];
  read();
  if (isControl || !app.who) return;
  document.getElementById('title').focus({ preventScroll: view === app.place.view });
  if (view === app.place.view) return;
  scrollTo(0, 0);
  showWhere();
}

/** Where there is no room for all views, the chosen one is seen. */
function showWhere() {
  document.querySelector('.views [aria-current]').scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

async function begin(who) {
  app.who = who;
  jobs.resume(app);
  const isListed = readCampaigns();
  read();
  showWhere();
  document.getElementById('title').focus();
  await isListed;
}

/** Reads the list of campaigns anew. What fails is no list: whoever needs it next asks again. */
async function list() {
  const mine = listCampaigns();
  listing = mine;
  try {
    await mine;
  } catch (error) {
    if (listing === mine) listing = null;
    throw error;
  }
}

async function listCampaigns() {
  const all = await answers('campaigns');
  app.campaigns = all.flatMap(({ campaigns }) => campaigns);
  redraw();
}

async function readCampaigns() {
  const session = sessionSignal();
  try {
    await list();
  } catch (error) {
    // The view says what is wrong, and asks again.
    if (!session.aborted && !(error instanceof Refused)) throw error;
  }
}

const common = {
  ...jobs.acts,
  refresh: async () => Promise.all([readCampaigns(), read()]),
  theme: () => {
    setTheme(nextTheme());
    redraw();
  },
  'sign-out': () => {
    signOut();
    tell(null);
    redraw();
    document.getElementById('token').focus();
  },
};

/** Does what a button says, once at a time. What goes wrong is said above the view. */
async function perform(target) {
  const { act, value } = target.dataset;
  const name = `${act} ${value}`;
  if (underWay.has(name)) return;
  underWay.add(name);
  const session = sessionSignal();
  const does = common[act] ?? VIEWS[app.place.view].acts[act];
  try {
    await does(value, app, remembered.get(placeKey())?.data);
  } catch (error) {
    if (session.aborted) return;
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return refused();
    problem = error.message;
    redraw();
  } finally {
    underWay.delete(name);
  }
}

addEventListener('click', (event) => {
  const target = event.target.closest('[data-act], [data-go]');
  if (!target || event.target.closest('dialog')) return;
  if (target.hasAttribute('data-act')) return perform(target);
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!isPlain) return;
  event.preventDefault();
  go(target.getAttribute('href'));
});

addEventListener('change', ({ target }) => {
  const name = target.dataset.change;
  if (name) go(app.addressOf({ [name]: target.value }), { isControl: true });
});

addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.dataset.form === 'sign-in') {
    const who = await signIn(form, redraw);
    if (who) begin(who);
  } else if (form.dataset.form === 'days') {
    const [from, to] = [form.elements.from.value, form.elements.to.value];
    if (isDay(from) && isDay(to))
      go(app.addressOf(from <= to ? { from, to } : { from: to, to: from }), { isControl: true });
  }
});

addEventListener('popstate', () => arrive(false));

const isDue = () =>
  app.who && !reading && !document.hidden && !isDialogOpen() && Date.now() - askedAt >= REFRESH_MS;
setInterval(() => {
  if (isDue()) read();
}, 1_000);

redraw();
if (isEntering) {
  try {
    const who = await ask('GET', 'whoami');
    isEntering = false;
    await begin(who);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    isEntering = false;
    if (error.status === 401) token.forget();
    tell(error.status === 401 ? 'Your token is not accepted any more. Sign in again.' : error.message);
    redraw();
  }
}
