// Drives the core. A step of a use case is one plain call into the wasm, with bytes in and out: what comes out
// is a parcel, which is a wish or the end. A wish is made to come true here, and the use case resumed.
import worker, { Ledger as Core } from './core.js';
import {
  ask,
  asset,
  file,
  hasFile,
  kvDelete,
  kvGet,
  kvGetAll,
  kvList,
  kvPut,
  limits,
  mailLimit,
  pairs,
  postForm,
  send,
  sign,
} from './wishes.js';

const { begin, bodyLimit, handOnCounts, judge, next, rest, resume, ring, settle, wakePage } =
  worker.prototype;
export { Core, judge, next, rest, ring, settle };

/** How often the core has broken. There is another one since then, which knows nothing of what the last had begun. */
export let breaks = 0;
/** The core has its environment. */
let isReady = false;

/** Looks whether it is the core that has broken: a panic executes `unreachable`. */
export function noteBreak(error) {
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  breaks += 1;
  isReady = false;
}
addEventListener('error', ({ error }) => noteBreak(error));

export const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const NO_BYTES = new Uint8Array();

/** The kinds of drive.rs, in its order: a wish has its function, anything else has none. */
const WISHES = [
  undefined, // Nothing
  undefined, // Respond
  kvGet,
  kvGetAll,
  kvPut,
  kvDelete,
  kvList,
  ask,
  limits,
  mailLimit,
  postForm,
  hasFile,
  file,
  asset,
  sign,
  send,
  undefined, // Attempted
  undefined, // Answer
];
const NOTHING = 0;
const RESPOND = 1;

/** Words before the lengths of the parts: kind, task, number, and how many parts there are. */
const HEAD = 4;
const WORD_BYTES = 4;
/** Those, and the lengths of as many parts as a parcel may have: KV reads a hundred keys at once. */
const MOST_WORDS = HEAD + 100;

/** What the core gave. Its bytes are a copy, so they may be kept. */
export class Parcel {
  constructor(bytes) {
    const { buffer } = bytes;
    const words = new Uint32Array(buffer, 0, Math.min(MOST_WORDS, buffer.byteLength >> 2));
    this.kind = words[0];
    this.task = words[1];
    this.number = words[2];
    this.parts = [];
    const behind = HEAD + words[3];
    let at = behind * WORD_BYTES;
    for (let word = HEAD; word < behind; word += 1) {
      const end = at + words[word];
      this.parts.push(bytes.subarray(at, end));
      at = end;
    }
  }

  /** A part as text. */
  text(at) {
    const part = this.parts[at];
    return part.length === 0 ? '' : decoder.decode(part);
  }
}

export const isNothing = ({ kind }) => kind === NOTHING;

/** Goes on with a task, with what came of its wish. */
function given(task, value) {
  switch (typeof value) {
    case 'undefined':
      return resume(task, 0, 0, NO_BYTES);
    case 'string':
      return resume(task, 1, 0, encoder.encode(value));
    case 'object':
      return resume(task, 1, 0, value);
    default:
      return resume(task, 2, Number(value), NO_BYTES);
  }
}

/**
 * Makes wishes come true until the task has ended; resolves to its last parcel.
 * @param context what the wishes are made to come true with
 */
export async function run(parcel, context) {
  const begun = breaks;
  while (WISHES[parcel.kind] !== undefined) {
    let value, failed;
    try {
      value = await WISHES[parcel.kind](parcel, context);
    } catch (error) {
      failed = String(error?.message);
    }
    if (breaks !== begun) throw new Error('the core broke');
    const { task } = parcel;
    parcel = new Parcel(
      failed === undefined ? given(task, value) : resume(task, 3, 0, encoder.encode(failed)),
    );
  }
  return parcel;
}

/** Logs what the core could not do, and looks whether it has broken. */
export function logFault(error) {
  noteBreak(error);
  console.error(JSON.stringify({ event: 'fault', in: 'core', fault: String(error?.message) }));
}

/** What `Reply::fault` says, where the core can say nothing. */
export function unavailable(error) {
  logFault(error);
  const problem = {
    type: 'about:blank',
    title: 'Not available now',
    status: 503,
    detail: 'Please try again: the same post counts once.',
  };
  const headers = { 'content-type': 'application/problem+json', 'retry-after': `${LIMITS.retry_after_s}` };
  return new Response(JSON.stringify(problem), { status: 503, headers });
}

const ABSENT = '\0';
/** A body up to this long is read at every address. */
const ALWAYS_READ_BYTES = LIMITS.body_bytes;
/** What has a body. */
const WITH_BODY = new Set(['POST', 'PUT']);

/** Answers a request: a response where nothing is waited for, else a promise of one. */
export function answer(request, env, ctx) {
  return isReady ? answerNow(request, env, ctx) : answerFirst(request, env, ctx);
}

/**
 * A core's first request comes by the entry of the crate `worker`, which makes another core where the last has
 * broken, and tells it its environment. The answer is not waited for there: a core that breaks meanwhile would
 * never give it.
 */
async function answerFirst(request, env, ctx) {
  await new worker(ctx, env).fetch(request);
  isReady = true;
  return answerNow(request, env, ctx);
}

function answerNow(request, env, ctx) {
  const { method, url, headers } = request;
  const of = (name) => headers.get(name) ?? ABSENT;
  // Reading a header costs as much as a step of the core, so each method has those that something asks for.
  if (!WITH_BODY.has(method)) {
    const asked = method === 'OPTIONS' ? of('access-control-request-headers') : ABSENT;
    const head = `${method}\n${url}\n${ABSENT}\n${ABSENT}\n${of('accept')}\n${of('accept-language')}\n${of('origin')}\n${asked}\n${ABSENT}\n${of('authorization')}\n${ABSENT}\n${of('cf-connecting-ip')}`;
    return begun(head, NO_BYTES, false, { request, env, ctx });
  }
  const head = `${method}\n${url}\n${of('content-type')}\n${of('content-encoding')}\n${of('accept')}\n${of('accept-language')}\n${of('origin')}\n${ABSENT}\n${of('idempotency-key')}\n${of('authorization')}\n${of('sec-gpc')}\n${of('cf-connecting-ip')}`;
  const context = { request, env, ctx };
  return bodyOf(request).then((body) => begun(head, body ?? NO_BYTES, body === undefined, context));
}

/** Of a body that is too long so much is read away: who is still sending sees no answer. */
const MAX_READ_AWAY_BYTES = 1_048_576;

/** Resolves to a body; undefined where it is longer than its address reads. */
async function bodyOf(request) {
  const announced = request.headers.get('content-length');
  if (announced !== null && Number(announced) <= ALWAYS_READ_BYTES)
    return new Uint8Array(await request.arrayBuffer());
  const limit = bodyLimit(request.url);
  if (announced !== null && Number(announced) > MAX_READ_AWAY_BYTES) return undefined;
  let chunks = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > MAX_READ_AWAY_BYTES) return undefined;
    if (length > limit) chunks = [];
    else chunks.push(chunk);
  }
  return length > limit ? undefined : new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function begun(head, body, isTooLarge, context) {
  const parcel = new Parcel(begin(head, body, isTooLarge));
  if (parcel.kind === RESPOND) return responded(parcel, context);
  const going = run(parcel, context).then((last) => responded(last, context));
  // A visitor who goes away leaves nothing half done: what was begun goes on to its end.
  context.ctx.waitUntil(going.catch(() => {}));
  return going;
}

/** By their lines: few of those that answers have differ. */
const headerSets = new Map();
const MAX_HEADER_SETS = 100;

/** Names and values of headers in turn, one a line, as an object. */
function headersOf(lines) {
  let known = headerSets.get(lines);
  if (known === undefined) {
    known = pairs(lines);
    if (headerSets.size >= MAX_HEADER_SETS) headerSets.clear();
    headerSets.set(lines, known);
  }
  return known;
}

/** The response that a parcel says: headers, body, a line of the log, and what else is to be done. */
function responded(parcel, context) {
  const [, body, log, beside] = parcel.parts;
  if (log.length > 0) console.log(parcel.text(2));
  if (beside.length > 0) return besides(parcel, context);
  return made(parcel, body);
}

function made(parcel, body) {
  return new Response(body.length === 0 ? null : body, {
    status: parcel.number,
    headers: headersOf(parcel.text(0)),
  });
}

/** The same, where something follows: best effort, one try. */
async function besides(parcel, context) {
  const { env, ctx, kept } = context;
  const {
    kept: isKept,
    held_back_ms: heldBackMs,
    remember,
    hand_on_in_ms: handOnInMs,
  } = JSON.parse(parcel.text(3));
  if (remember) {
    const [key, value, expirationTtl] = remember;
    ctx.waitUntil(env.KV.put(key, value, { expirationTtl }).catch(() => {}));
  }
  if (handOnInMs)
    ctx.waitUntil(
      after(handOnInMs)
        .then(() => run(new Parcel(handOnCounts()), { env }))
        .catch(noteBreak),
    );
  if (heldBackMs) await after(heldBackMs);
  return isKept ? kept : made(parcel, parcel.parts[1]);
}

const after = (ms) => new Promise((done) => setTimeout(done, ms));

/** Pokes the next ledgers of the registry. */
export async function wake(env, ctx) {
  // It makes another core where the last has broken, as a request does.
  if (!isReady) void new worker(ctx, env);
  isReady = true;
  return run(new Parcel(wakePage(env)), { env });
}
