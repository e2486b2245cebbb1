// The page: the sign-in form, or the header, the filters, the jobs and the view.
import { drawJobs } from './jobs.js';
import { drawSignIn } from './signin.js';
import { cached, lacking, state } from './store.js';
import { announcer } from './ui/announcer.js';
import { drawCharts } from './ui/charts.js';
import { banner, empty } from './ui/components.js';
import { h, morph } from './ui/dom.js';
import { filters, header } from './ui/layout.js';
import { VIEWS } from './views/views.js';

/** Draws the page over the one before. */
export function drawPage() {
  const root = document.getElementById('app');
  const view = VIEWS[state.route.view];
  document.title = `${state.user ? view.title : 'Sign in'} · Leadhook`;
  const hadFocus = root.contains(document.activeElement);
  morph(root, h('div', { id: 'app' }, state.user ? [header(VIEWS), main(view)] : outside(), announcer()));
  drawCharts();
  // What had the focus is gone, with its row perhaps: the next Tab goes on from the view's title.
  if (hadFocus && document.activeElement === document.body)
    document.getElementById('title')?.focus({ preventScroll: true });
}

const outside = () =>
  state.isSigningIn
    ? h('main', { class: 'signin' }, h('p', { class: 'loading', role: 'status' }, 'Signing in…'))
    : drawSignIn();

const main = (view) =>
  h(
    'main',
    { 'data-key': 'main', 'aria-busy': state.isReading ? 'true' : null },
    h('h1', { tabindex: -1, id: 'title' }, view.title),
    filters(),
    state.error &&
      banner(
        'error',
        h('p', {}, state.error),
        h(
          'button',
          { type: 'button', class: 'button small', 'data-action': 'refresh', 'data-key': 'again' },
          'Try again',
        ),
      ),
    state.message && banner('info', h('p', {}, state.message)),
    drawJobs(),
    h('div', { class: 'view', 'data-key': `view-${state.route.view}` }, content(view)),
  );

function content(view) {
  const reason = lacking(view.scope);
  if (reason) return empty('This token cannot see individual leads', `${reason} The overview shows totals.`);
  const known = cached();
  if (known) return view.draw(known.data);
  return !state.error && h('p', { class: 'loading', role: 'status' }, 'Loading…');
}
