// What workerd starts: the Worker, and the object of one ledger around its core.
import { DurableObject } from 'cloudflare:workers';
import worker, { Ledger as Core } from './core.js';

// Called directly, a request costs less than through the class that is around the core. After a
// panic it goes that way once, for there a broken core is replaced.
const { fetch } = worker.prototype;
let isBroken = false;
/** How often the core has broken, which glue.js looks at as well. */
globalThis.coreBreaks = 0;

function noteBreak(error) {
  if (!(error instanceof WebAssembly.RuntimeError)) return;
  isBroken = true;
  globalThis.coreBreaks += 1;
}
addEventListener('error', ({ error }) => noteBreak(error));

/**
 * How often what is under way looks whether its core has broken: it would never end, and no other
 * request may end it. Long enough that hardly any request is still there to look.
 */
const LOOK_MS = 1_000;

/** The promise of something that the core does; it rejects where the core breaks meanwhile. */
function guarded(promise) {
  const begun = globalThis.coreBreaks;
  return new Promise((resolve, reject) => {
    const look = () => {
      if (globalThis.coreBreaks !== begun) reject(new Error('the core broke'));
      else timer = setTimeout(look, LOOK_MS);
    };
    let timer = setTimeout(look, LOOK_MS);
    const settle = (done) => (value) => {
      clearTimeout(timer);
      done(value);
    };
    promise.then(settle(resolve), settle(reject));
  });
}

/** What `Reply::fault` says, where the core can say nothing. */
function unavailable(error) {
  noteBreak(error);
  console.error(JSON.stringify({ event: 'fault', in: 'core', fault: String(error?.message) }));
  const problem = {
    type: 'about:blank',
    title: 'Not available now',
    status: 503,
    detail: 'Please try again: the same post counts once.',
  };
  const headers = { 'content-type': 'application/problem+json', 'retry-after': '5' };
  return new Response(JSON.stringify(problem), { status: 503, headers });
}

function answer(request, env, ctx) {
  if (!isBroken) return fetch.call({ env, ctx }, request);
  isBroken = false;
  return new worker(ctx, env).fetch(request);
}

export default {
  fetch(request, env, ctx) {
    try {
      return guarded(answer(request, env, ctx)).catch(unavailable);
    } catch (error) {
      return unavailable(error);
    }
  },
  scheduled(event, env, ctx) {
    return guarded(new worker(ctx, env).scheduled(event));
  },
};

/**
 * The object of one ledger. What arrives while something else is under way is done in one turn, each
 * message in a transaction of its own, and committed together: a commit costs more than all the rest
 * of a lead. No answer leaves before the commit.
 */
export class Ledger extends DurableObject {
  #core;
  #waiting = [];
  #turnMs = Infinity;
  #timer = null;

  constructor(ctx, env) {
    super(ctx, env);
    this.#core = new Core(ctx.storage, env, (withinMs) => this.#turn(withinMs, () => {}));
  }

  /** Answers a message. */
  answer(message) {
    return this.#turn(0, () => this.#core.answer(message));
  }

  /** Where it fails, the platform rings it again. */
  alarm() {
    return guarded(this.#core.alarm());
  }

  /** Does a step in the next turn, which comes within so many milliseconds. */
  #turn(withinMs, step) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject });
      const turnMs = Date.now() + withinMs;
      if (turnMs >= this.#turnMs) return;
      clearTimeout(this.#timer);
      this.#turnMs = turnMs;
      // Also without a wait it goes off when nothing that has already arrived is left to be looked at.
      this.#timer = setTimeout(() => this.#takeTurn(), withinMs);
    });
  }

  #takeTurn() {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#turnMs = Infinity;
    for (const { step, resolve, reject } of waiting) {
      try {
        resolve(step());
      } catch (error) {
        noteBreak(error);
        reject(error);
      }
    }
  }
}
