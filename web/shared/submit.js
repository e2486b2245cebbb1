// Posts what was filled in, also over a bad connection.

/** How long is waited after each try; after the last not at all. */
const WAITS_S = [1, 3, 8, 0];
/** A visitor waits no longer. */
const LONGEST_WAIT_S = 20;
const TIMEOUT_MS = 15_000;
/** It is stored, and nothing else says so. */
const STORED = 202;

/** A key for one content: Leadhook knows a further try by it, however often it comes. */
export const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

/**
 * Resolves to `{accepted}`, the answer, where it is stored; to `{errors}` where it was refused; to
 * `{isStrange: true}` where the answer is none that a script can act on; and to `{isSilent}` where no
 * try came through: whether not even an answer came. Tries again where the post may not have arrived,
 * and where it is asked for (429, and a server's own faults).
 */
export async function send(url, { body, headers, key, onRetry }) {
  let isSilent = true;
  for (const wait of WAITS_S) {
    const {
      status,
      answer,
      askedWaitS = 0,
    } = await attempt(url, { ...headers, 'Idempotency-Key': `"${key}"` }, { method: 'POST', body });
    if (status === STORED) return { accepted: answer };
    if (status < 500 && status !== 429)
      return status >= 400 && answer.errors?.length ? { errors: answer.errors } : { isStrange: true };
    if (status) isSilent = false;
    if (!wait) break;
    onRetry();
    await new Promise((done) =>
      setTimeout(done, Math.min(Math.max(wait, askedWaitS), LONGEST_WAIT_S) * 1000),
    );
  }
  return { isSilent };
}

/** The whole answer, or an empty one where there was none in time: the post may have arrived or not. */
async function attempt(url, headers, options) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      ...options,
      headers: { ...headers, Accept: 'application/json' },
      signal: controller.signal,
    });
    const answer = await response.json().catch((error) => {
      // It came, and is something else than JSON.
      if (error instanceof SyntaxError) return undefined;
      throw error;
    });
    return {
      status: response.status,
      answer: answer ?? {},
      askedWaitS: Number(response.headers.get('Retry-After')) || 0,
    };
  } catch {
    return {};
  } finally {
    clearTimeout(timer);
  }
}

const loaded = new Map();

/** What a campaign accepts, or nothing where it did not come. Asked once; again where it failed. */
export function criteriaOf(endpoint) {
  if (!loaded.has(endpoint)) {
    const asked = attempt(endpoint).then(({ status, answer }) => {
      if (status === 200) return answer;
      forget(endpoint);
      return undefined;
    });
    loaded.set(endpoint, asked);
  }
  return loaded.get(endpoint);
}

/** What a campaign accepts has changed: it is asked again. */
export const forget = (endpoint) => loaded.delete(endpoint);
