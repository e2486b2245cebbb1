// Posts one filled form, also over a bad connection. Used by the forms and by the chat.

const WAITS_SECONDS = [1, 3, 8];
const LONGEST_WAIT_SECONDS = 20; // a visitor does not wait longer
const TIMEOUT_MS = 15_000;

// One key for one filled form: Leadhook knows a retry by it, however often it comes.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// Resolves to { accepted, errors, message }. Retries where the request may not have arrived
// and where Leadhook asks for it (429, 503); all else is an answer.
export async function send(url, body, key, headers = {}) {
  for (const wait of [...WAITS_SECONDS, undefined]) {
    const response = await attempt(url, body, key, headers);
    const answer = await response?.json().catch(() => ({})) ?? {};
    if (response?.ok) return { accepted: true, errors: [] };
    if (response && response.status !== 429 && response.status !== 503) {
      const message = answer.detail ?? answer.title ?? 'Something is wrong with this form.';
      return { accepted: false, errors: answer.errors ?? [], message };
    }
    if (wait === undefined) break;
    const asked = Number(response?.headers.get('Retry-After')) || 0;
    await pause(Math.min(Math.max(wait, asked), LONGEST_WAIT_SECONDS));
  }
  return { accepted: false, errors: [], message: 'We could not send this. Check your connection and try again.' };
}

async function attempt(url, body, key, headers) {
  try {
    return await fetch(url, {
      method: 'POST',
      body,
      headers: { Accept: 'application/json', 'Idempotency-Key': `"${key}"`, ...headers },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    return undefined; // it may have arrived or not: the key makes a retry safe
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
