// Posts what was filled in, also over a bad connection.

/** How long is waited before each further try. */
const WAITS_S = [1, 3, 8];
/** A visitor waits no longer. */
const LONGEST_WAIT_S = 20;
const TIMEOUT_MS = 15_000;
/** It is stored, and nothing else says so. */
const STORED = 202;

/** A key for one content: Leadhook knows a further try by it, however often it comes. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Resolves to `{accepted}`, the answer, where it is stored; to `{errors}` where it was refused; to
 * `{isStrange: true}` where the answer is none that a script can act on; and to `{isSilent}` where no
 * try came through: whether not even an answer came. Tries again where the post may not have arrived,
 * and where it is asked for (429, and a server's own faults).
 */
export async function send(url, { body, headers, key, onRetry }) {
  let isSilent = true;
  for (const wait of [...WAITS_S, undefined]) {
    const said = await attempt(url, { method: 'POST', body, headers: { ...headers, 'Idempotency-Key': `"${key}"` } });
    if (said && said.status !== 429 && said.status < 500) return outcomeOf(said);
    if (said) isSilent = false;
    if (wait === undefined) break;
    onRetry();
    await new Promise((done) => setTimeout(done, Math.min(Math.max(wait, said?.askedWaitS ?? 0), LONGEST_WAIT_S) * 1000));
  }
  return { isSilent };
}

function outcomeOf({ status, answer }) {
  if (status === STORED) return { accepted: answer };
  return status >= 400 && answer.errors?.length ? { errors: answer.errors } : { isStrange: true };
}

/** The whole answer, or nothing where there was none in time: the post may have arrived or not. */
async function attempt(url, options = {}) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(url, { ...options, headers: { ...options.headers, Accept: 'application/json' }, signal: controller.signal });
    const answer = await response.json().catch((error) => {
      // It came, and is something else than JSON.
      if (error instanceof SyntaxError) return undefined;
      throw error;
    });
    return { status: response.status, answer: answer ?? {}, askedWaitS: Number(response.headers.get('Retry-After')) || 0 };
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

const loaded = new Map();

/** What a campaign accepts. Asked once; again where it failed. */
export function criteriaOf(endpoint) {
  if (!loaded.has(endpoint)) {
    const asked = attempt(endpoint).then((said) => {
      if (said?.status !== 200) throw new Error(`${endpoint}: ${said?.status ?? 'no answer'}`);
      return said.answer;
    });
    asked.catch(() => forget(endpoint));
    loaded.set(endpoint, asked);
  }
  return loaded.get(endpoint);
}

/** What a campaign accepts has changed: it is asked again. */
export const forget = (endpoint) => loaded.delete(endpoint);
