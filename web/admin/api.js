// The admin API: one function that asks, and what may come back instead of an answer.

/** Longer than a ledger is waited for, so that the Worker's own answer comes first. */
const TIMEOUT_MS = 30_000;
/** Where the service does not say how long to wait. */
const DEFAULT_WAIT_S = 5;
const TOKEN = 'leadhook.token';

/** An answer that is not one: `status` 0 is no connection. */
export class Refused extends Error {
  constructor(status, message, waitS = null, isYetToBeFound = false) {
    super(message);
    Object.assign(this, { status, waitS, isYetToBeFound });
  }

  /** Whether the same may succeed in a while. */
  get passes() {
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

/** Aborted once whoever is signed in now has signed out. */
export const sessionSignal = () => session.signal;

/** Ends what is being asked: nothing of it goes on with the next person's token, or comes to their eyes. */
export function endSession() {
  token.forget();
  session.abort();
  session = new AbortController();
}

/**
 * @param {object} options `query`: its empty values are left out; `body`: sent as JSON; `as`: a token to
 * try, in place of the kept one
 * @returns {Promise<any>} the answer's JSON
 * @throws {Refused} or, where the session or `signal` ends it, what the signal says
 */
export async function ask(method, path, { query = {}, body, signal, as = token.get() } = {}) {
  const given = Object.entries(query).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );
  const address = `/admin/api/${path}${given.length ? `?${new URLSearchParams(given)}` : ''}`;
  const headers = { Authorization: `Bearer ${as}`, ...(body && { 'Content-Type': 'application/json' }) };
  const ended = AbortSignal.any([sessionSignal(), ...(signal ? [signal] : [])]);
  const until = AbortSignal.any([ended, AbortSignal.timeout(TIMEOUT_MS)]);
  const options = { method, headers, body: body && JSON.stringify(body), signal: until };
  let response, answer;
  try {
    response = await fetch(address, {
      ...options,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    answer = await response.json();
  } catch (error) {
    ended.throwIfAborted();
    // A body that is no JSON comes from something between here and Leadhook.
    if (response && response.status >= 400) throw refusal(response, {});
    throw new Refused(0, 'There is no connection to Leadhook.');
  }
  if (!response.ok) throw refusal(response, answer);
  return answer;
}

function refusal({ status, headers }, problem) {
  const wait = Number(headers.get('Retry-After'));
  const waitS =
    status === 429 || status === 503
      ? Math.max(1, Number.isFinite(wait) && wait > 0 ? wait : DEFAULT_WAIT_S)
      : null;
  const says = problem?.errors?.[0]
    ? `${problem.errors[0].field} ${problem.errors[0].detail}`
    : problem?.detail;
  return new Refused(
    status,
    says ?? `Leadhook answered ${status}.`,
    waitS,
    status === 404 && problem?.next !== undefined,
  );
}

/** Asks about one thing of a campaign. Of more ledgers than one request can look through, its own is asked. */
export async function askOne(method, path, { campaign, signal }) {
  try {
    return await ask(method, path, { signal });
  } catch (error) {
    if (!error.isYetToBeFound) throw error;
    return ask(method, path, { query: { campaign }, signal });
  }
}

/** Every answer of a reading: one that has gone through as many ledgers as a request can says where to go on. */
export async function answers(path, { query, signal } = {}) {
  const all = [];
  for (let after = ''; ; ) {
    const answer = await ask('GET', path, { query: { ...query, after }, signal });
    all.push(answer);
    after = answer.next ?? null;
    if (after === null) return all;
  }
}

/** A page of a list. Where none of many ledgers has an entry, the page is empty, and the next one is read. */
export async function page(path, key, { query, signal }) {
  for (let { after } = query; ; ) {
    const answer = await ask('GET', path, { query: { ...query, after }, signal });
    if (answer[key].length > 0 || answer.next === null) return answer;
    after = answer.next;
  }
}

/** Every page of a list, up to `most` entries: `{entries, isAll}`. */
export async function pages(path, key, { query, most }) {
  const entries = [];
  for (let after = ''; ; ) {
    const page = await ask('GET', path, { query: { ...query, limit: 200, after } });
    entries.push(...page[key]);
    after = page.next;
    if (after === null) return { entries, isAll: true };
    if (entries.length >= most) return { entries, isAll: false };
  }
}
