// Posts what was filled in, also over a bad connection.

/** How long is waited before each further try. */
const WAITS_S = [1, 3, 8];
/** A visitor waits no longer. */
const LONGEST_WAIT_S = 20;
const TIMEOUT_MS = 15_000;

/** A key for one content: Leadhook knows a further try by it, however often it comes. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/**
 * Resolves to `{accepted, answer}`, or to `{errors, message}` where it was refused; without a message
 * where no answer came. Tries again where the post may not have arrived, and where it is asked for
 * (429, 503); anything else is an answer.
 */
export async function send(url, { body, headers, key, onRetry }) {
  for (const wait of [...WAITS_S, undefined]) {
    const response = await attempt(url, { method: 'POST', body, headers: { ...headers, Accept: 'application/json', 'Idempotency-Key': `"${key}"` } });
    const answer = (await response?.json().catch(() => undefined)) ?? {};
    if (response?.ok) return { accepted: true, answer };
    if (response && response.status !== 429 && response.status !== 503) {
      return { errors: answer.errors ?? [], message: answer.detail ?? answer.title ?? String(response.status) };
    }
    if (wait === undefined) break;
    onRetry();
    const asked = Number(response?.headers.get('Retry-After')) || 0;
    await new Promise((done) => setTimeout(done, Math.min(Math.max(wait, asked), LONGEST_WAIT_S) * 1000));
  }
  return { errors: [] };
}

/** The response, or nothing where there was none in time: the post may have arrived or not. */
async function attempt(url, options) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
  try {
    return await fetch(url, { ...options, signal: controller.signal });
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

const loaded = new Map();

/** What a campaign accepts. Asked once; again where it failed. */
export function criteriaOf(base, campaign) {
  if (!loaded.has(campaign)) {
    const asked = attempt(`${base}/c/${encodeURIComponent(campaign)}`, { headers: { Accept: 'application/json' } }).then((response) => {
      if (!response?.ok) throw new Error(`${campaign}: ${response?.status ?? 'no answer'}`);
      return response.json();
    });
    asked.catch(() => loaded.delete(campaign));
    loaded.set(campaign, asked);
  }
  return loaded.get(campaign);
}
