// The session: from signing in to signing out, of which nothing stays in the page.
import { ApiError, ask, endSession, onExpired, token } from './api.js';
import * as campaigns from './campaigns.js';
import * as jobs from './jobs.js';
import { focusTitle, showTab } from './navigation.js';
import { read, stop } from './reader.js';
import { explain } from './signin.js';
import { reset, update } from './store.js';
import { closeDialogs } from './ui/dialog.js';
import { VIEWS } from './views/views.js';

onExpired(() => signOut('Your token is no longer accepted. Sign in again.'));

/** Goes on with the token of this tab, if there is one. */
export async function resume() {
  if (token.get() === null) return;
  try {
    await begin(await ask('GET', 'whoami'));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    // The session has ended then.
    if (error.status === 401) return;
    explain(error.message);
    update({ isSigningIn: false });
  }
}

export async function begin(user) {
  update({ user, isSigningIn: false });
  jobs.resume({ reload: read });
  const isListed = campaigns.readCampaigns();
  read();
  showTab();
  focusTitle();
  await isListed;
}

/** Ends the session. `reason`: what the sign-in form says of it. */
export function signOut(reason = null) {
  endSession();
  stop();
  jobs.forget();
  campaigns.forget();
  for (const view of Object.values(VIEWS)) view.forget?.();
  closeDialogs();
  explain(reason);
  reset();
}
