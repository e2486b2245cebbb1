// The dashboard: it draws what the admin API says, and does what is pressed.
import 'uplot/dist/uPlot.min.css';
import './admin.css';
import { perform } from './actions.js';
import { arrive, filter, filterDays, follow } from './navigation.js';
import { drawPage } from './page.js';
import { readIfDue } from './reader.js';
import { begin, resume } from './session.js';
import { signIn } from './signin.js';
import { onUpdate } from './store.js';

onUpdate(drawPage);

addEventListener('click', (event) => {
  const target = event.target.closest('[data-action], [data-link]');
  if (!target || event.target.closest('dialog')) return;
  if (target.hasAttribute('data-action')) perform(target);
  else follow(target, event);
});

addEventListener('change', ({ target }) => {
  const name = target.dataset.filter;
  if (name) filter({ [name]: target.value });
});

addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.dataset.form === 'days') filterDays(form);
  if (form.dataset.form !== 'sign-in') return;
  const user = await signIn(form);
  if (user) begin(user);
});

addEventListener('popstate', () => arrive());

setInterval(readIfDue, 1_000);

drawPage();
resume();
