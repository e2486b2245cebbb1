// What makes wishes come true: the platform's own functions, one a wish. These carry values and decide nothing.
// Each gets the parcel, and what it is done with; and gives, or resolves to, a text, bytes, a number, a truth, or
// nothing. What it throws is told to who wished.

export async function kvGet(parcel, { env }) {
  return (await env.KV.get(parcel.text(0))) ?? undefined;
}

/** Names and values in turn, as JSON, of those that are there. */
export async function kvGetAll(parcel, { env }) {
  const found = await env.KV.get(parcel.parts.map((_, at) => parcel.text(at)));
  return JSON.stringify([...found].filter(([, value]) => value !== null).flat());
}

export async function kvPut(parcel, { env }) {
  await env.KV.put(parcel.text(0), parcel.text(1));
}

export async function kvDelete(parcel, { env }) {
  await env.KV.delete(parcel.text(0));
}

/** Names of one page of a listing: KV's own limit. */
const LIST_PAGE = LIMITS.kv_page_names;

export async function kvList(parcel, { env }) {
  const names = [];
  for (let cursor; ; ) {
    const page = await env.KV.list({ prefix: parcel.text(0), limit: LIST_PAGE, cursor });
    for (const { name } of page.keys) names.push(name);
    if (page.list_complete || !page.cursor) return JSON.stringify(names);
    cursor = page.cursor;
  }
}

const objects = new Map();

/**
 * Longest wait for a ledger's answer. The last of those who may wait for one gets it within two seconds
 * or so, a restart of the object included; who waits longer waits for something that is broken.
 */
const ANSWER_WITHIN_MS = 10_000;

/**
 * Resolves to what the ledger answers. Where it does not in time, whether the call was kept is not
 * known: the caller comes again, and the same submission counts once.
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
    const timer = setTimeout(
      () => reject(new Error(`no answer in ${ANSWER_WITHIN_MS} ms`)),
      ANSWER_WITHIN_MS,
    );
    const settle = (done) => (value) => {
      clearTimeout(timer);
      done(value);
    };
    namespace.get(id).answer(message, true).then(settle(resolve), settle(reject));
  });
}

/** Whether the limits that are bound take one more; nothing where none is bound. */
export async function limits(parcel, { env: { CAMPAIGN_LIMIT, NETWORK_LIMIT } }) {
  const [campaign, network] = [parcel.text(0), parcel.text(1)];
  const asked = [];
  if (CAMPAIGN_LIMIT) asked.push(CAMPAIGN_LIMIT.limit({ key: campaign }));
  if (NETWORK_LIMIT && network) asked.push(NETWORK_LIMIT.limit({ key: network }));
  if (asked.length === 0) return undefined;
  return (await Promise.all(asked)).every(({ success }) => success);
}

/** Whether the limit of mails takes one more; nothing where it is not bound. */
export async function mailLimit(parcel, { env: { MAIL_LIMIT } }) {
  return (await MAIL_LIMIT?.limit({ key: parcel.text(0) }))?.success;
}

/** A visitor waits meanwhile. */
const SERVICE_WITHIN_MS = 3_000;
/** Characters of a service's answer: a few fields of JSON. */
const MAX_SERVICE_ANSWER = 16_384;

/** The text that a form is answered with. */
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
      if (text.length > MAX_SERVICE_ANSWER) throw new Error('the answer is too long');
    }
    if (!ok) throw new Error('the answer is no success');
    return text;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a file is in the bucket; nothing where none is bound. */
export async function hasFile(parcel, { env: { FILES } }) {
  if (!FILES) return undefined;
  return (await FILES.head(parcel.text(0))) !== null;
}

/** Keeps a response with a file of the bucket, which is not read here. Whether it is there. */
export async function file(parcel, context) {
  const object = await context.env.FILES.get(parcel.text(0));
  if (object === null) return false;
  const headers = pairs(parcel.text(1));
  const type = object.httpMetadata?.contentType ?? headers['content-type'];
  // Runtimes do not agree on what they refuse.
  if (/[^ -~]/.test(type)) throw new Error('no header can carry the content type of a file');
  headers['content-type'] = type;
  context.kept = new Response(object.body, { status: parcel.number, headers });
  return true;
}

/** Keeps the platform's answer with a static file. Whether there are such files. */
export async function asset(_, context) {
  const { ASSETS } = context.env;
  if (!ASSETS) return false;
  context.kept = await ASSETS.fetch(context.request);
  return true;
}

const signers = new Map();

/** The Ed25519 signature of a text, by a key of this id with these two halves in base64url. */
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
 * A body up to this long is read, so that its connection serves the next request. Not one that is
 * compressed: a few hundred bytes of it may be gigabytes once the runtime has read them.
 */
const MAX_DISCARDED_BYTES = 4096;
/** And for so long: whoever hangs behind the head of an answer keeps a connection no longer. */
const DISCARD_WITHIN_MS = 1_000;
/** A request that was begun may wait for so long, for a commit, until it gets its connection. */
const CONNECTS_WITHIN_MS = 500;

/** Requests to receivers that are under way, those of other ledgers too. */
const underWay = new Set();

/**
 * The status; with how many more requests it took and the `Retry-After`, each on a line, where there are any.
 *
 * The runtime uses a connection again after a complete answer, and takes bytes that lie behind it for the
 * answer to the next request: a lead would be lost. So after anything but 2xx it is not used again.
 *
 * @param flights the object's, which it gives up when their time is over
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
    // A receiver has nothing to say but its status.
    const length = Number(response.headers.get('content-length') ?? Infinity);
    let more = 0;
    if (response.ok && length <= MAX_DISCARDED_BYTES && !response.headers.has('content-encoding')) {
      await response.arrayBuffer().catch(() => {});
    } else {
      // What is left unread ends the connection.
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

/** Requests to an origin that are under way. Those of an object that has ended never end themselves. */
function at(origin) {
  return [...underWay].filter((one) => one.origin === origin && one.goneMs > Date.now());
}

/**
 * Ends the connection that has just brought an answer without a body, which left nothing unread. The
 * runtime has put it where the next request to its origin finds it, above those that were put there
 * before. So requests are begun that take it, and those that answers may have put there since, and are
 * given up before a byte of them is written. Resolves to their number.
 *
 * A request that may have got the connection before them is doubtful.
 */
async function endConnection(url, own, signal) {
  const others = at(own.origin).filter((one) => one !== own);
  for (const other of others) other.isDoubtful ||= other.sinceMs + CONNECTS_WITHIN_MS > Date.now();
  own.ends = true;
  for (let left = others.length + 1; left > 0 && !signal.aborted; left -= 1) {
    const given = new AbortController();
    const giveUp = () => given.abort();
    signal.addEventListener('abort', giveUp);
    // Its body is asked for when it has its connection.
    const body = new ReadableStream({ type: 'bytes', pull: giveUp }, { highWaterMark: 0 });
    const init = { method: 'OPTIONS', body, redirect: 'manual', signal: given.signal };
    await fetch(url, init).catch(() => {});
    signal.removeEventListener('abort', giveUp);
  }
  return others.length + 1;
}

/** Names and values of headers in turn, one a line, as an object. */
export function pairs(lines) {
  const parts = lines.split('\n');
  const headers = {};
  for (let at = 0; at + 1 < parts.length; at += 2) headers[parts[at]] = parts[at + 1];
  return headers;
}
