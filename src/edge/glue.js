// What would take the Worker many crossings between wasm and JavaScript takes one here. These
// functions carry values and decide nothing. Bytes that come from Rust are copied before they are
// kept: they lie in its memory, which it uses again or moves when it grows.
import { waitUntil } from 'cloudflare:workers';

const settled = Promise.resolve();
// The runtime's own makes a function object a call; a promise's reaction does the same for less.
globalThis.queueMicrotask = (task) => {
  settled.then(task).catch(reportError);
};

const HEADERS = [
  'content-length', 'content-type', 'content-encoding', 'accept', 'accept-language', 'origin',
  'access-control-request-headers', 'idempotency-key', 'authorization', 'sec-gpc', 'cf-connecting-ip',
];

/** Method, URL and the headers that something asks for, one a line; an absent header is a NUL. */
export function head(request) {
  const { headers } = request;
  let lines = `${request.method}\n${request.url}`;
  for (const name of HEADERS) lines += `\n${headers.get(name) ?? '\0'}`;
  return lines;
}

/** A response; `headers` has names and values in turn, one a line. */
export function respond(status, headers, body) {
  return new Response(body.length === 0 ? null : body.slice(), { status, headers: pairs(headers) });
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
export function ask(namespace, ledger, message) {
  let id = objects.get(ledger);
  if (id === undefined) objects.set(ledger, (id = namespace.idFromName(ledger)));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer in ${ANSWER_WITHIN_MS} ms`)), ANSWER_WITHIN_MS);
    const begun = globalThis.coreBreaks;
    const settle = (done) => (value) => {
      clearTimeout(timer);
      // After a panic there is another core, and who asked is not in it.
      if (globalThis.coreBreaks === begun) done(value);
    };
    namespace.get(id).answer(message).then(settle(resolve), settle(reject));
  });
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
 * Resolves to the status, how many more requests it took, and the `Retry-After`, if any, each on a line.
 *
 * The runtime uses a connection again after a complete answer, and takes bytes that lie behind it for the
 * answer to the next request: a lead would be lost. So after anything but 2xx it is not used again.
 */
export async function send(url, headers, body, timeoutMs) {
  const [origin] = /^[^/]*\/\/[^/?#]*/.exec(url) ?? [url];
  while (at(origin).some(({ ends }) => ends)) await new Promise((done) => setTimeout(done, 1));
  // Not AbortSignal.timeout: its timer would outlive the answer, and an object may have 10,000.
  const controller = new AbortController();
  let timer = setTimeout(() => controller.abort(), timeoutMs);
  const { signal } = controller;
  const sinceMs = Date.now();
  const own = { origin, sinceMs, untilMs: sinceMs + timeoutMs + 2 * DISCARD_WITHIN_MS };
  underWay.add(own);
  try {
    const init = { method: 'POST', headers: pairs(headers), body: body.slice(), redirect: 'manual', signal };
    const response = await fetch(url, init);
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(), DISCARD_WITHIN_MS);
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
    return `${response.status}\n${more}\n${response.headers.get('retry-after') ?? ''}`;
  } finally {
    clearTimeout(timer);
    underWay.delete(own);
  }
}

/** Requests to an origin that are under way. Those of an object that has ended never end themselves. */
function at(origin) {
  return [...underWay].filter((one) => one.origin === origin && one.untilMs > Date.now());
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

/** Resolves to whether the limits that are bound take one more; undefined where none is bound. */
export function withinLimits({ CAMPAIGN_LIMIT, NETWORK_LIMIT }, campaign, network) {
  const asked = [];
  if (CAMPAIGN_LIMIT) asked.push(CAMPAIGN_LIMIT.limit({ key: campaign }));
  if (NETWORK_LIMIT && network) asked.push(NETWORK_LIMIT.limit({ key: network }));
  if (asked.length === 0) return undefined;
  return Promise.all(asked).then((answers) => answers.every(({ success }) => success));
}

/** Resolves to whether the limit of mails takes one more; undefined where it is not bound. */
export function takesMoreMails({ MAIL_LIMIT }, network) {
  return MAIL_LIMIT?.limit({ key: network }).then(({ success }) => success);
}

/** Resolves to the text that a form is answered with. */
export async function postForm(url, form, timeoutMs, maxLength) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  try {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const init = { method: 'POST', headers, body: form, redirect: 'manual', signal: controller.signal };
    const { ok, body } = await fetch(url, init);
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > maxLength) throw new Error('the answer is too long');
    }
    if (!ok) throw new Error('the answer is no success');
    return text;
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves to whether a file is in the bucket; undefined where none is bound. */
export function hasFile({ FILES }, key) {
  return FILES?.head(key).then((object) => object !== null);
}

/** Resolves to a response with a file of the bucket, which is not read here; nothing where it has gone. */
export async function respondWithFile({ FILES }, key, status, headers) {
  const object = await FILES.get(key);
  if (object === null) return undefined;
  const all = pairs(headers);
  const type = object.httpMetadata?.contentType ?? all['content-type'];
  // Runtimes do not agree on what they refuse.
  if (/[^ -~]/.test(type)) throw new Error('no header can carry the content type of a file');
  all['content-type'] = type;
  return new Response(object.body, { status, headers: all });
}

/** Resolves to the platform's answer with a static file; undefined where none are bound. */
export function fetchAsset({ ASSETS }, request) {
  return ASSETS?.fetch(request);
}

const signers = new Map();

/** Resolves to the Ed25519 signature of a text. */
export async function sign(id, d, x, text) {
  let key = signers.get(id);
  if (key === undefined) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', d, x };
    key = await crypto.subtle.importKey('jwk', jwk, { name: 'Ed25519' }, false, ['sign']);
    signers.set(id, key);
  }
  return new Uint8Array(await crypto.subtle.sign('Ed25519', key, encoder.encode(text)));
}

const encoder = new TextEncoder();
const statements = [];

/** Keeps a statement's text; the number that names it from then on. */
export function prepare(statement) {
  return statements.push(statement) - 1;
}

/** Runs a statement; its rows as JSON, or nothing where there are none. */
export function query({ sql }, statement, args) {
  const rows = sql.exec(statements[statement], ...JSON.parse(args)).raw().toArray();
  return rows.length === 0 ? undefined : JSON.stringify(rows);
}

/** Runs statements in one transaction. What throws is rolled back. */
export function writeAll(storage, writes) {
  const { sql } = storage;
  storage.transactionSync(() => {
    for (const [statement, args] of JSON.parse(writes)) sql.exec(statements[statement], ...args);
  });
}

/** Without waiting for it: it is kept with the writes before it, and no answer leaves before them. */
export function setAlarm(storage, atMs) {
  storage.setAlarm(atMs).catch(() => {});
}

/** Keeps a value in KV after the answer. Best effort, one try. */
export function remember(kv, key, value, ttlS) {
  waitUntil(kv.put(key, value, { expirationTtl: ttlS }).catch(() => {}));
}

function pairs(lines) {
  const parts = lines.split('\n');
  const headers = {};
  for (let at = 0; at + 1 < parts.length; at += 2) headers[parts[at]] = parts[at + 1];
  return headers;
}
