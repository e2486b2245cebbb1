// The effects of use cases, one function each, by the platform's own functions. They carry values and decide
// nothing. Each takes a parcel and a context, and returns, or resolves to, a text, bytes, a number, a boolean
// or undefined. An exception resumes the use case with a failure.

/** Reads a key of KV. */
export async function kvGet(parcel, { env }) {
  return (await env.KV.get(parcel.text(0))) ?? undefined;
}

/** Reads keys of KV, and returns names and values in turn, as JSON, of those that exist. */
export async function kvGetAll(parcel, { env }) {
  const found = await env.KV.get(parcel.parts.map((_, at) => parcel.text(at)));
  return JSON.stringify([...found].filter(([, value]) => value !== null).flat());
}

/** Writes a key of KV. */
export async function kvPut(parcel, { env }) {
  await env.KV.put(parcel.text(0), parcel.text(1));
}

/** Deletes a key of KV. */
export async function kvDelete(parcel, { env }) {
  await env.KV.delete(parcel.text(0));
}

/** The names on one page of a listing, KV's own limit. */
const LIST_PAGE = LIMITS.kv_page_names;

/** Lists the keys of KV that begin with a text, as JSON. */
export async function kvList(parcel, { env }) {
  const names = [];
  for (let cursor; ; ) {
    const page = await env.KV.list({ prefix: parcel.text(0), limit: LIST_PAGE, cursor });
    for (const { name } of page.keys) names.push(name);
    if (page.list_complete || !page.cursor) return JSON.stringify(names);
    cursor = page.cursor;
  }
}

/** The ids of the ledgers' objects, by name. */
const objects = new Map();

/**
 * The longest wait for a ledger's reply. The last request of a full backlog gets it within about two seconds,
 * a restart of the object included, so a longer wait means that something is broken.
 */
const REPLY_WITHIN_MS = 10_000;

/**
 * Sends a message to a ledger, and resolves to its reply. If none comes in time, it is not known if the
 * message was handled: the visitor tries again, and the same submission counts once.
 */
export function ask(parcel, { env }) {
  const [ledger, jurisdiction, message] = [parcel.text(0), parcel.text(1), parcel.text(2)];
  const namespace = jurisdiction === '' ? env.LEDGER : env.LEDGER.jurisdiction(jurisdiction);
  let id = objects.get(ledger);
  if (id === undefined) {
    id = namespace.idFromName(ledger);
    objects.set(ledger, id);
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${REPLY_WITHIN_MS} ms`)), REPLY_WITHIN_MS);
    const settle = (done) => (value) => {
      clearTimeout(timer);
      done(value);
    };
    namespace.get(id).answer(message, true).then(settle(resolve), settle(reject));
  });
}

/** Resolves to true if the rate limits that are bound allow one more post; undefined if none is bound. */
export async function limits(parcel, { env: { CAMPAIGN_LIMIT, NETWORK_LIMIT } }) {
  const [campaign, network] = [parcel.text(0), parcel.text(1)];
  const outcomes = [];
  if (CAMPAIGN_LIMIT) outcomes.push(CAMPAIGN_LIMIT.limit({ key: campaign }));
  if (NETWORK_LIMIT && network) outcomes.push(NETWORK_LIMIT.limit({ key: network }));
  if (outcomes.length === 0) return undefined;
  return (await Promise.all(outcomes)).every(({ success }) => success);
}

/** Resolves to true if the rate limit of e-mails allows one more; undefined if it is not bound. */
export async function mailLimit(parcel, { env: { MAIL_LIMIT } }) {
  return (await MAIL_LIMIT?.limit({ key: parcel.text(0) }))?.success;
}

/** The longest wait for a service, short because a visitor waits too. */
const SERVICE_WITHIN_MS = 3_000;
/** The characters of a service's response: a few fields of JSON. */
const MAX_SERVICE_CHARS = 16_384;

/** Posts a form, and resolves to the text of the response. */
export async function postForm(parcel) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), SERVICE_WITHIN_MS);
  try {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const init = {
      method: 'POST',
      headers,
      body: parcel.text(1),
      redirect: 'manual',
      signal: controller.signal,
    };
    const { ok, body } = await fetch(parcel.text(0), init);
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > MAX_SERVICE_CHARS) throw new Error('the answer is too long');
    }
    if (!ok) throw new Error('the answer is no success');
    return text;
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves to true if a file is in the bucket; undefined if no bucket is bound. */
export async function hasFile(parcel, { env: { FILES } }) {
  if (!FILES) return undefined;
  return (await FILES.head(parcel.text(0))) !== null;
}

/**
 * Keeps a response with a file of the bucket, which is not read here. Resolves to true if the file exists.
 */
export async function file(parcel, context) {
  const object = await context.env.FILES.get(parcel.text(0));
  if (object === null) return false;
  const headers = pairs(parcel.text(1));
  const type = object.httpMetadata?.contentType ?? headers['content-type'];
  // Runtimes differ in the values that they refuse.
  if (/[^ -~]/.test(type)) throw new Error('no header can carry the content type of a file');
  headers['content-type'] = type;
  context.kept = new Response(object.body, { status: parcel.number, headers });
  return true;
}

/** Keeps the platform's response with a static asset. Resolves to true if assets are bound. */
export async function asset(_, context) {
  const { ASSETS } = context.env;
  if (!ASSETS) return false;
  context.kept = await ASSETS.fetch(context.request);
  return true;
}

/** The imported keys, by id. */
const signers = new Map();

/** Signs a text by Ed25519, with a key that has an id and two halves in base64url. */
export async function sign(parcel) {
  const [id, d, x] = [parcel.text(0), parcel.text(1), parcel.text(2)];
  let key = signers.get(id);
  if (key === undefined) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', d, x };
    key = await crypto.subtle.importKey('jwk', jwk, { name: 'Ed25519' }, false, ['sign']);
    signers.set(id, key);
  }
  return new Uint8Array(await crypto.subtle.sign('Ed25519', key, parcel.parts[3]));
}

/**
 * The length up to which a response's body is read, so that its connection can serve the next request.
 * Compressed bodies are not read: a few hundred bytes may be gigabytes once the runtime has read them.
 */
const MAX_DISCARDED_BYTES = 4096;
/** The time for that. A receiver that hangs after the head of a response keeps a connection no longer. */
const DISCARD_WITHIN_MS = 1_000;
/** The time that a request may wait, for a commit, until it gets its connection. */
const CONNECTS_WITHIN_MS = 500;

/** The requests to receivers that are under way, those of other ledgers too. */
const underWay = new Set();

/**
 * Sends a request to a receiver. Resolves to the status, and, if there are any, the number of further
 * requests and the `Retry-After`, one per line.
 *
 * The runtime reuses a connection after a complete response, and takes further bytes on it for the response
 * to the next request: a lead would be lost. So after anything but 2xx the connection is not used again.
 *
 * @param flights the object's requests, which it aborts when their time is over
 */
export async function send(parcel, { flights }) {
  const url = parcel.text(0);
  const [origin] = /^[^/]*\/\/[^/?#]*/.exec(url) ?? [url];
  while (at(origin).some(({ ends }) => ends)) await new Promise((done) => setTimeout(done, 1));
  const controller = new AbortController();
  const { signal } = controller;
  const sinceMs = Date.now();
  const goneMs = sinceMs + parcel.number + 2 * DISCARD_WITHIN_MS;
  const own = { origin, sinceMs, goneMs, controller, untilMs: sinceMs + parcel.number };
  underWay.add(own);
  flights.add(own);
  try {
    const init = {
      method: 'POST',
      headers: pairs(parcel.text(1)),
      body: parcel.parts[2],
      redirect: 'manual',
      signal,
    };
    const response = await fetch(url, init);
    own.untilMs = Date.now() + DISCARD_WITHIN_MS;
    // Only the status of the response counts.
    const length = Number(response.headers.get('content-length') ?? Infinity);
    let more = 0;
    if (response.ok && length <= MAX_DISCARDED_BYTES && !response.headers.has('content-encoding')) {
      await response.arrayBuffer().catch(() => {});
    } else {
      // A body that is left unread ends the connection.
      response.body?.cancel().catch(() => {});
      if (!response.ok && !(response.body && length > 0)) more = await endConnection(url, own, signal);
    }
    if (response.ok && own.isDoubtful) throw new Error('the answer may be one to another request');
    const retryAfter = response.headers.get('retry-after');
    return more === 0 && retryAfter === null
      ? response.status
      : `${response.status}\n${more}\n${retryAfter ?? ''}`;
  } finally {
    underWay.delete(own);
    flights.delete(own);
  }
}

/**
 * Returns the requests to an origin that are under way. Those of an object that was stopped never end by
 * themselves.
 */
function at(origin) {
  return [...underWay].filter((one) => one.origin === origin && one.goneMs > Date.now());
}

/**
 * Ends the connection of a response without a body, which left nothing unread. The runtime has put it on top
 * of its stack of idle connections to the origin. So requests are begun that take it, and those that other
 * responses may have put there since, and are aborted before a byte of them is written. Resolves to their
 * number.
 *
 * A request that may have got the connection before them is doubtful.
 */
async function endConnection(url, own, signal) {
  const others = at(own.origin).filter((one) => one !== own);
  for (const other of others) other.isDoubtful ||= other.sinceMs + CONNECTS_WITHIN_MS > Date.now();
  own.ends = true;
  for (let left = others.length + 1; left > 0 && !signal.aborted; left -= 1) {
    const aborter = new AbortController();
    const giveUp = () => aborter.abort();
    signal.addEventListener('abort', giveUp);
    // The body is pulled when the request has its connection.
    const body = new ReadableStream({ type: 'bytes', pull: giveUp }, { highWaterMark: 0 });
    const init = { method: 'OPTIONS', body, redirect: 'manual', signal: aborter.signal };
    await fetch(url, init).catch(() => {});
    signal.removeEventListener('abort', giveUp);
  }
  return others.length + 1;
}

/** Returns headers as an object, from names and values in turn, one per line. */
export function pairs(lines) {
  const parts = lines.split('\n');
  const headers = {};
  for (let at = 0; at + 1 < parts.length; at += 2) headers[parts[at]] = parts[at + 1];
  return headers;
}
