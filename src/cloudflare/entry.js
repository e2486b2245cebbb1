// What the platform starts: the Worker, and the object of one ledger around its core.
import { DurableObject } from 'cloudflare:workers';
import {
  answer,
  breaks,
  Core,
  encoder,
  isNothing,
  judge,
  logFault,
  next,
  noteBreak,
  Parcel,
  rest,
  ring,
  run,
  settle,
  unavailable,
  wake,
} from './drive.js';

export default {
  fetch(request, env, ctx) {
    try {
      const answered = answer(request, env, ctx);
      return answered instanceof Promise ? answered.catch(unavailable) : answered;
    } catch (error) {
      return unavailable(error);
    }
  },
  scheduled(_event, env, ctx) {
    return wake(env, ctx).catch(logFault);
  },
};

// Answers of a ledger that need no text, as platform.rs has them.
const ADMITTED = 1;
const REPEATED = 2;

/**
 * Outcomes may wait for so long to be written together. Should the object stop meanwhile, the
 * delivery comes again under its id, as when it stops between an answer and a commit.
 */
const SETTLE_WITHIN_MS = 10;
/** After a turn of so many steps the next one waits for others: together they cost less, and a commit most. */
const BUSY_STEPS = 4;
const BUSY_WITHIN_MS = 2;
/**
 * While a receiver keeps an attempt waiting, how often it is looked whether its time is over, and whether leads
 * for the others are due.
 */
const LOOK_EVERY_MS = 250;

/**
 * The object of one ledger. What arrives while something else is under way is done in one turn, each
 * message in a transaction of its own, and all outcomes of deliveries in one, and committed together: a
 * commit costs more than all the rest of a lead. No answer and no request leaves before the commit.
 */
export class Ledger extends DurableObject {
  /** Held as long as this is: the core knows the object by its number for so long. */
  #core;
  #number;
  /** The breaks of the core that `#core` is of. */
  #breaks = -1;
  #waiting = [];
  #isBusy = false;
  #turnWithinMs = Infinity;
  #timer = null;
  /** Requests to receivers. */
  #flights = new Set();
  /** Deliveries that are under way. */
  #delivering = 0;
  #watch = null;
  /** Lines of the log of this turn. */
  #lines = [];

  /**
   * Answers a message: a JSON text, or a number.
   * @param knowsRepeats whether the sender is told that it is a repeat. Another version of the code may send.
   */
  answer(message, knowsRepeats = false) {
    return this.#turn(this.#isBusy ? BUSY_WITHIN_MS : 0, (core) => {
      const parcel = new Parcel(judge(core, encoder.encode(message)));
      this.#note(parcel);
      if (parcel.parts[1].length > 0) return parcel.text(1);
      return parcel.number === REPEATED && !knowsRepeats ? ADMITTED : parcel.number;
    });
  }

  /** Where it fails, the platform rings it again. */
  alarm() {
    return this.#turn(0, (core) => ring(core));
  }

  /** Does a step in the next turn, which comes within so many milliseconds. */
  #turn(withinMs, step) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject });
      // One that may wait is not put off by those that come after it.
      if (withinMs >= this.#turnWithinMs) return;
      clearTimeout(this.#timer);
      this.#turnWithinMs = withinMs;
      // Also without a wait it goes off when nothing that has already arrived is left to be looked at.
      this.#timer = setTimeout(() => this.#takeTurn(), withinMs);
    });
  }

  #takeTurn() {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isBusy = waiting.length >= BUSY_STEPS;
    this.#turnWithinMs = Infinity;
    for (const { step, resolve, reject } of waiting) {
      try {
        resolve(step(this.#known()));
      } catch (error) {
        noteBreak(error);
        reject(error);
      }
    }
    this.#goOn();
  }

  /** What the core knows this object by. A core that has broken knows nothing: there is another one. */
  #known() {
    if (this.#breaks !== breaks) {
      this.#core = new Core(this.ctx.storage, this.env);
      this.#number = this.#core.number;
      this.#breaks = breaks;
    }
    return this.#number;
  }

  /** Sends what is due, sees to the alarm, and logs what has happened. */
  #goOn() {
    try {
      const core = this.#known();
      for (;;) {
        const parcel = new Parcel(next(core));
        if (isNothing(parcel)) break;
        this.ctx.waitUntil(this.#deliver(parcel));
      }
      rest(core);
    } catch (error) {
      logFault(error);
    }
    if (this.#lines.length > 0) console.log(this.#lines.join('\n'));
    this.#lines = [];
    if (this.#delivering > 0) this.#watch ??= setTimeout(() => this.#look(), LOOK_EVERY_MS);
  }

  /** A delivery, from its first wish to what became of it. */
  async #deliver(parcel) {
    this.#delivering += 1;
    try {
      await run(parcel, { env: this.env, flights: this.#flights });
    } catch (error) {
      // The core has broken. The next one knows nothing of this delivery, and sends it again.
      noteBreak(error);
      return;
    } finally {
      this.#delivering -= 1;
    }
    // The first who comes to it in a turn writes what became of all that are over.
    const written = this.#turn(SETTLE_WITHIN_MS, (core) => this.#note(new Parcel(settle(core))));
    // Its connection is free.
    this.#goOn();
    await written.catch(() => {});
  }

  /** One timer for all that is on its way. */
  #look() {
    this.#watch = null;
    const nowMs = Date.now();
    for (const { controller, untilMs } of this.#flights) {
      if (untilMs <= nowMs) controller.abort();
    }
    this.#goOn();
  }

  #note(parcel) {
    if (parcel.parts[0].length > 0) this.#lines.push(parcel.text(0));
  }
}
