// The list of campaigns: it fills the filter, and says of which zone the days of each are.
import { ApiError, askAll, sessionSignal } from './api.js';
import { state, update, zone } from './store.js';

/** The list, or the wait for it. */
let listing = null;

/** Reads the list anew. A reading that failed is none: whoever needs it next asks again. */
async function list() {
  const mine = askAll('campaigns').then((pages) => {
    update({ campaigns: pages.flatMap(({ campaigns }) => campaigns) });
  });
  listing = mine;
  try {
    await mine;
  } catch (error) {
    if (listing === mine) listing = null;
    throw error;
  }
}

/** Reads the list anew, for the filter. Where it fails, the view says why, and is read again. */
export async function readCampaigns() {
  const session = sessionSignal();
  try {
    await list();
  } catch (error) {
    if (!session.aborted && !(error instanceof ApiError)) throw error;
  }
}

/** Returns the zone of the campaign that is shown, once it is known. */
export async function zoneOnceListed() {
  if (state.route.campaign) await (listing ?? list());
  return zone();
}

export function forget() {
  listing = null;
}
