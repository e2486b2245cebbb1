// The reader of the admin API: it reads what the route shows, and again after a while.
import { ApiError } from './api.js';
import { isDialogOpen } from './ui/dialog.js';
import { cacheData, cacheKey, lacking, state, update } from './store.js';
import { VIEWS } from './views/views.js';

/**
 * A reading may be of the 20,000 newest deliveries of each ledger, beside the counters, and a free plan has five
 * million rows a day: a tab that is looked at for a working day takes about two million.
 */
const REFRESH_MS = LIMITS.overview_refresh_ms;
/** Where there was no connection, and so nobody who says how long to wait. */
const RECONNECT_S = 30;

let reading = null;
let retry = null;
let startedAt = 0;

/** Reads what the route shows. What comes for a route that one has left is dropped. */
export async function read() {
  if (!state.user) return;
  stop();
  startedAt = Date.now();
  const view = VIEWS[state.route.view];
  const isReading = !lacking(view.scope);
  update({ isReading });
  if (!isReading) return;
  reading = new AbortController();
  const { signal } = reading;
  const key = cacheKey();
  try {
    const data = await view.load(state.route, signal);
    if (signal.aborted) return;
    cacheData(key, data);
    update({ isReading: false, error: null });
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    if (error.isTemporary) retry = setTimeout(read, (error.waitS ?? RECONNECT_S) * 1_000);
    update({ isReading: false, error: textOf(error) });
  }
}

function textOf({ status, message, waitS }) {
  if (status === 503) return `Leadhook is busy or cannot reach its storage. Trying again in ${waitS} s.`;
  if (status === 429) return `Too many requests. Trying again in ${waitS} s.`;
  if (status === 404) return 'There is no such campaign.';
  return message;
}

/** Reads again where that is due, and somebody looks. */
export function readIfDue() {
  const isSeen = state.user && !document.hidden && !isDialogOpen();
  if (isSeen && !state.isReading && Date.now() - startedAt >= REFRESH_MS) read();
}

/** Ends what is being read. */
export function stop() {
  reading?.abort();
  clearTimeout(retry);
}
