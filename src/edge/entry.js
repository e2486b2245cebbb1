// What workerd starts: the Worker, and the object of one ledger around its core.
import { DurableObject } from 'cloudflare:workers';
import worker, { Ledger as Core } from './core.js';

// Called directly, a request costs less than through the class that is around the core. After a
// panic it goes that way once, for there a broken core is replaced.
const { fetch } = worker.prototype;
let isBroken = false;
addEventListener('error', ({ error }) => {
  isBroken ||= error instanceof WebAssembly.RuntimeError;
});

export default {
  fetch(request, env, ctx) {
    if (!isBroken) return fetch.call({ env, ctx }, request);
    isBroken = false;
    return new worker(ctx, env).fetch(request);
  },
  scheduled(event, env, ctx) {
    return new worker(ctx, env).scheduled(event);
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

  alarm() {
    return this.#core.alarm();
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
        reject(error);
      }
    }
  }
}
