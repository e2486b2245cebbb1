// The driver of the core. A step of a use case is one plain call into the wasm, with bytes in and a parcel
// out: an effect or the end. The effect is performed here, and the use case resumed with its completion.
import * as core from './core.js';
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
} from './effects.js';

const { begin, bodyLimit, handOnCounts, resume, wakePage } = core;
export const { judge, next, rest, ring, settle } = core;

/** What the crate `worker` knows of this core: `criticalError` is true after a panic. */
const health = core.__worker_init_state();
/** The number of times that the core has broken. A new core knows nothing of the tasks of the last. */
export let breaks = 0;
/** True if the core has broken, and the next one has not begun. */
let isBroken = false;
/** True if the core has its environment. */
let isReady = false;
/** The errors that were noted: several callers may get the same one, some of them when the next core has begun. */
const noted = new WeakSet();

/** Notes a break of the core, if the error is one: a panic executes `unreachable`. */
export function noteBreak(error) {
  if (!(error instanceof WebAssembly.RuntimeError) || noted.has(error)) return;
  noted.add(error);
  breaks += 1;
  isBroken = true;
  isReady = false;
}
addEventListener('error', ({ error }) => noteBreak(error));

/** Begins the next core if the last one has broken: a new instance of the wasm. */
function renew() {
  if (!isBroken && !health.criticalError) return;
  core.__wbg_reset_state();
  isBroken = false;
  health.criticalError = false;
  health.instanceId += 1;
}

/** Makes the core of an object. */
export function coreOf(storage, env) {
  renew();
  return new core.Ledger(storage, env);
}

/** Makes the core ready to answer. */
function prepare(env) {
  if (isReady) return;
  renew();
  core.attach(env);
  isReady = true;
}

export const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const NO_BYTES = new Uint8Array();

/** The kinds of drive.rs in its order, each with the function that performs it if it is an effect. */
const EFFECTS = [
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

/** The words before the lengths of the parts: kind, task, number, and the number of parts. */
const HEAD = 4;
const WORD_BYTES = 4;
/** The words of a parcel with the most parts: KV reads a hundred keys at once. */
const MAX_WORDS = HEAD + 100;

/** A parcel from the core. Its bytes are a copy, so they may be kept. */
export class Parcel {
  constructor(bytes) {
    const { buffer } = bytes;
    const words = new Uint32Array(buffer, 0, Math.min(MAX_WORDS, buffer.byteLength >> 2));
    this.kind = words[0];
    this.task = words[1];
    this.number = words[2];
    this.parts = [];
    const end = HEAD + words[3];
    let from = end * WORD_BYTES;
    for (let word = HEAD; word < end; word += 1) {
      const to = from + words[word];
      this.parts.push(bytes.subarray(from, to));
      from = to;
    }
  }

  /** Returns a part as text. */
  text(at) {
    const part = this.parts[at];
    return part.length === 0 ? '' : decoder.decode(part);
  }
}

/** Returns true if a parcel ends a task without a result. */
export const isNothing = ({ kind }) => kind === NOTHING;

/** Resumes a task with the value of its effect. */
function resumeWith(task, value) {
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
 * Performs the effects of a task until it ends, and resolves to its last parcel.
 * @param context the bindings, the request and the like, for the functions of effects.js
 */
export async function run(parcel, context) {
  const breaksBefore = breaks;
  while (EFFECTS[parcel.kind] !== undefined) {
    let value, failed;
    try {
      value = await EFFECTS[parcel.kind](parcel, context);
    } catch (error) {
      failed = String(error?.message);
    }
    if (breaks !== breaksBefore) throw new Error('the core broke');
    const { task } = parcel;
    parcel = new Parcel(
      failed === undefined ? resumeWith(task, value) : resume(task, 3, 0, encoder.encode(failed)),
    );
  }
  return parcel;
}

/** Logs a fault of the core, and notes if it has broken. */
export function logFault(error) {
  noteBreak(error);
  console.error(JSON.stringify({ event: 'fault', in: 'core', fault: String(error?.message) }));
}

/** Returns the response of `Response::fault`, for a core that cannot. */
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
/** The length up to which every address reads a body. */
const ALWAYS_READ_BYTES = LIMITS.body_bytes;
/** The methods with a body. */
const WITH_BODY = new Set(['POST', 'PUT']);

/** Answers a request with a response, or with a promise of one if the use case has to wait. */
export function answer(request, env, ctx) {
  prepare(env);
  const { method, url, headers } = request;
  const header = (name) => headers.get(name) ?? ABSENT;
  // Reading a header costs as much as a step of the core, so only those are read that the method needs.
  if (!WITH_BODY.has(method)) {
    const preflight = method === 'OPTIONS' ? header('access-control-request-headers') : ABSENT;
    const head = `${method}\n${url}\n${ABSENT}\n${ABSENT}\n${header('accept')}\n${header('accept-language')}\n${header('origin')}\n${preflight}\n${ABSENT}\n${header('authorization')}\n${ABSENT}\n${header('cf-connecting-ip')}`;
    return respond(head, NO_BYTES, false, { request, env, ctx });
  }
  const head = `${method}\n${url}\n${header('content-type')}\n${header('content-encoding')}\n${header('accept')}\n${header('accept-language')}\n${header('origin')}\n${ABSENT}\n${header('idempotency-key')}\n${header('authorization')}\n${header('sec-gpc')}\n${header('cf-connecting-ip')}`;
  const context = { request, env, ctx };
  return bodyOf(request).then((body) => respond(head, body ?? NO_BYTES, body === undefined, context));
}

/**
 * The bytes of an overlong body that are read and dropped: a client that is still sending sees no response.
 */
const MAX_DROPPED_BYTES = 1_048_576;

/** Resolves to a body; undefined if it is longer than its address reads. */
async function bodyOf(request) {
  const contentLength = request.headers.get('content-length');
  if (contentLength !== null && Number(contentLength) <= ALWAYS_READ_BYTES)
    return new Uint8Array(await request.arrayBuffer());
  const limit = bodyLimit(request.url);
  if (contentLength !== null && Number(contentLength) > MAX_DROPPED_BYTES) return undefined;
  let chunks = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > MAX_DROPPED_BYTES) return undefined;
    if (length > limit) chunks = [];
    else chunks.push(chunk);
  }
  return length > limit ? undefined : new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** Begins a use case, and returns its response or a promise of it. */
function respond(head, body, isTooLarge, context) {
  const parcel = new Parcel(begin(head, body, isTooLarge));
  if (parcel.kind === RESPOND) return responseOf(parcel, context);
  const going = run(parcel, context).then((last) => responseOf(last, context));
  // A use case runs to its end, also if the visitor goes away.
  context.ctx.waitUntil(going.catch(() => {}));
  return going;
}

/** Header objects by their lines, of which few are different. */
const headerSets = new Map();
const MAX_HEADER_SETS = 100;

/** Returns headers as an object, from names and values in turn, one per line. */
function headersOf(lines) {
  let headers = headerSets.get(lines);
  if (headers === undefined) {
    headers = pairs(lines);
    if (headerSets.size >= MAX_HEADER_SETS) headerSets.clear();
    headerSets.set(lines, headers);
  }
  return headers;
}

/** Returns the response of a parcel: headers, body, a line of the log, and the work beside it. */
function responseOf(parcel, context) {
  const [, body, log, work] = parcel.parts;
  if (log.length > 0) console.log(parcel.text(2));
  if (work.length > 0) return respondWithWork(parcel, context);
  return newResponse(parcel, body);
}

function newResponse(parcel, body) {
  return new Response(body.length === 0 ? null : body, {
    status: parcel.number,
    headers: headersOf(parcel.text(0)),
  });
}

/** Returns the response of a parcel with work beside it, which is tried once. */
async function respondWithWork(parcel, context) {
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
  return isKept ? kept : newResponse(parcel, parcel.parts[1]);
}

const after = (ms) => new Promise((done) => setTimeout(done, ms));

/** Wakes the next ledgers of the registry. */
export async function wake(env) {
  prepare(env);
  return run(new Parcel(wakePage()), { env });
}
