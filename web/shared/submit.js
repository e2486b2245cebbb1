// Submitting: posts what was filled in, also over a bad connection, and asks what a campaign accepts.

/** How long is waited after each try; after the last not at all. */
const WAITS_S = [1, 3, 8, 0];
/** A visitor waits no longer. */
const LONGEST_WAIT_S = 20;
const TIMEOUT_MS = 15_000;
/** It is stored, and nothing else says so. */
const STORED = 202;

/** Makes a key for one content: Leadhook knows a further try by it, however often it comes. */
export const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

/**
 * Posts a form, and resolves to `{accepted}`, the response, where it is stored; to `{errors}` where it was refused; to
 * `{isStrange: true}` where the response is none that a script can act on; and to `{isSilent}` where no try came
 * through: true where there was no response at all. Tries again where the post may not have arrived, and where
 * the server asks for it (429, and its own faults).
 */
export async function submit(url, { body, headers, key, onRetry }) {
  let isSilent = true;
  for (const wait of WAITS_S) {
    const {
      status,
      content,
      retryAfterS = 0,
    } = await request(url, { ...headers, 'Idempotency-Key': `"${key}"` }, { method: 'POST', body });
    if (status === STORED) return { accepted: content };
    if (status < 500 && status !== 429)
      return status >= 400 && content.errors?.length ? { errors: content.errors } : { isStrange: true };
    if (status) isSilent = false;
    if (!wait) break;
    onRetry();
    await new Promise((done) =>
      setTimeout(done, Math.min(Math.max(wait, retryAfterS), LONGEST_WAIT_S) * 1000),
    );
  }
  return { isSilent };
}

/** Resolves to the whole response, or to an empty one where none came in time: the post may have arrived or not. */
async function request(url, headers, options) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      ...options,
      headers: { ...headers, Accept: 'application/json' },
      signal: controller.signal,
    });
    const content = await response.json().catch((error) => {
      // It came, and is something else than JSON.
      if (error instanceof SyntaxError) return undefined;
      throw error;
    });
    return {
      status: response.status,
      content: content ?? {},
      retryAfterS: Number(response.headers.get('Retry-After')) || 0,
    };
  } catch {
    return {};
  } finally {
    clearTimeout(timer);
  }
}

const loaded = new Map();

/** Asks what a campaign accepts; resolves to nothing where that did not come. Asks once, and again where it failed. */
export function criteriaOf(endpoint) {
  if (!loaded.has(endpoint)) {
    const asked = request(endpoint).then(({ status, content }) => {
      if (status === 200) return content;
      forgetCriteria(endpoint);
      return undefined;
    });
    loaded.set(endpoint, asked);
  }
  return loaded.get(endpoint);
}

/** Forgets what a campaign accepts, for it has changed. */
export const forgetCriteria = (endpoint) => loaded.delete(endpoint);
