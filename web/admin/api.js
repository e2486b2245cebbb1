// The admin API: requests, the token that they are sent with, and the errors that come back.

/** Longer than a ledger is waited for, so that the Worker's own response comes first. */
const TIMEOUT_MS = 30_000;
/** Where the service does not say how long to wait. */
const DEFAULT_WAIT_S = 5;
const TOKEN = 'leadhook.token';

/** A request without a result. `status` 0 is no connection. */
export class ApiError extends Error {
  constructor(status, message, { waitS = null, isSearchIncomplete = false } = {}) {
    super(message);
    Object.assign(this, { status, waitS, isSearchIncomplete });
  }

  /** Tells whether the same may succeed in a while. */
  get isTemporary() {
    return this.status === 0 || this.status === 429 || this.status === 503;
  }
}

/** The token, which lives as long as the tab and is sent nowhere but to the admin API. */
export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (value) => sessionStorage.setItem(TOKEN, value),
  forget: () => sessionStorage.removeItem(TOKEN),
};

let session = new AbortController();
let expired;

/** Returns a signal that is aborted once whoever is signed in now has signed out. */
export const sessionSignal = () => session.signal;

/** Calls when the token of the session is not accepted any more. */
export const onExpired = (listener) => {
  expired = listener;
};

/** Ends every request: nothing of it goes on with the next person's token, or comes to their eyes. */
export function endSession() {
  token.forget();
  session.abort();
  session = new AbortController();
}

/**
 * Sends a request, and returns the JSON of the response.
 * @param {object} options `query`: its empty values are left out; `body`: sent as JSON; `as`: a token to
 * try, in place of the kept one
 * @throws {ApiError} or, where the session or `signal` ends it, what the signal says
 */
export async function ask(method, path, { query = {}, body, signal, as } = {}) {
  const given = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  const address = `/admin/api/${path}${given.length ? `?${new URLSearchParams(given)}` : ''}`;
  const headers = {
    Authorization: `Bearer ${as ?? token.get()}`,
    ...(body && { 'Content-Type': 'application/json' }),
  };
  const ended = AbortSignal.any([sessionSignal(), ...(signal ? [signal] : [])]);
  const until = AbortSignal.any([ended, AbortSignal.timeout(TIMEOUT_MS)]);
  const options = { method, headers, body: body && JSON.stringify(body), signal: until };
  let response, content;
  try {
    response = await fetch(address, {
      ...options,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    content = await response.json();
  } catch {
    ended.throwIfAborted();
    // A body that is no JSON comes from something between here and Leadhook.
    if (response && response.status >= 400) throw errorOf(response, {});
    throw new ApiError(0, 'Could not connect to Leadhook.');
  }
  if (response.ok) return content;
  if (response.status === 401 && as === undefined && !ended.aborted) expired();
  throw errorOf(response, content);
}

function errorOf({ status, headers }, problem) {
  const wait = Number(headers.get('Retry-After'));
  const waitS =
    status === 429 || status === 503
      ? Math.max(1, Number.isFinite(wait) && wait > 0 ? wait : DEFAULT_WAIT_S)
      : null;
  const first = problem?.errors?.[0];
  const detail = first ? `${first.field} ${first.detail}` : problem?.detail;
  const isSearchIncomplete = status === 404 && problem?.next !== undefined;
  return new ApiError(status, detail ?? `Leadhook responded with status ${status}.`, {
    waitS,
    isSearchIncomplete,
  });
}

/** Asks about one thing of a campaign. Of more ledgers than one request can look through, its own is asked. */
export async function askOne(method, path, { campaign, signal }) {
  try {
    return await ask(method, path, { signal });
  } catch (error) {
    if (!error.isSearchIncomplete) throw error;
    return ask(method, path, { query: { campaign }, signal });
  }
}

/** Asks until nothing is left: one response that covers as many ledgers as a request can says where to go on. */
export async function askAll(path, { query, signal } = {}) {
  const all = [];
  for (let after = ''; ; ) {
    const one = await ask('GET', path, { query: { ...query, after }, signal });
    all.push(one);
    after = one.next ?? null;
    if (after === null) return all;
  }
}

/** Asks for a page of a list. Where none of many ledgers has an entry, the page is empty, and the next one is read. */
export async function askPage(path, key, { query, signal }) {
  for (let { after } = query; ; ) {
    const page = await ask('GET', path, { query: { ...query, after }, signal });
    if (page[key].length > 0 || page.next === null) return page;
    after = page.next;
  }
}

/** Asks for every page of a list, up to `max` entries: `{entries, isAll}`. */
export async function askPages(path, key, { query, max }) {
  const entries = [];
  for (let after = ''; ; ) {
    const page = await ask('GET', path, { query: { ...query, limit: LIMITS.page_entries, after } });
    entries.push(...page[key]);
    after = page.next;
    if (after === null) return { entries, isAll: true };
    if (entries.length >= max) return { entries, isAll: false };
  }
}
