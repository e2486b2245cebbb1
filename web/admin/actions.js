// Actions: what the buttons do. A button names its action, which is one of its view or of every view.
import { ApiError, sessionSignal } from './api.js';
import { readCampaigns } from './campaigns.js';
import * as jobs from './jobs.js';
import { read } from './reader.js';
import { signOut } from './session.js';
import { cached, state, update } from './store.js';
import { nextTheme, setTheme } from './ui/theme.js';
import { VIEWS } from './views/views.js';

const COMMON = {
  ...jobs.actions,
  refresh: () => Promise.all([readCampaigns(), read()]),
  theme() {
    setTheme(nextTheme());
    update();
  },
  'sign-out'() {
    signOut();
    document.getElementById('token').focus();
  },
};

/** Actions that are not over yet, by name and value. */
const running = new Set();

/** Does what a button says, once at a time. What goes wrong is said above the view. */
export async function perform({ dataset: { action, value } }) {
  const name = `${action} ${value}`;
  if (running.has(name)) return;
  running.add(name);
  const session = sessionSignal();
  const run = COMMON[action] ?? VIEWS[state.route.view].actions[action];
  try {
    await run(value, { data: cached()?.data, reload: read });
  } catch (error) {
    if (session.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    update({ error: error.message });
  } finally {
    running.delete(name);
  }
}
