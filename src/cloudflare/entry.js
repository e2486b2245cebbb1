// The entry points of the platform: the Worker, and the object of one ledger around its core.
import { DurableObject } from 'cloudflare:workers';
import {
  answer,
  breaks,
  coreOf,
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
  scheduled(_event, env) {
    return wake(env).catch(logFault);
  },
};

// The replies of a ledger that need no text, as in platform.rs.
const ADMITTED = 1;
const REPEATED = 2;

/**
 * The time that outcomes may wait to be written together. If the object stops meanwhile, the delivery is sent
 * again under its id, as after a stop between a response and its commit.
 */
const SETTLE_WITHIN_MS = 10;
/** The steps that make a turn busy. The next one then waits for more: a commit costs most, and all share it. */
const BUSY_STEPS = 4;
/** The longest such wait. */
const BUSY_WITHIN_MS = 2;
/**
 * The time between two checks, while attempts are under way, for those that time out and for deliveries that
 * are due.
 */
const CHECK_EVERY_MS = 250;

/**
 * The object of one ledger. Messages that arrive while others are under way are handled in one turn, each in
 * a transaction of its own, and all outcomes of deliveries in one. A turn is committed as a whole, for a
 * commit costs more than all the rest of a lead. No reply and no request leaves before the commit.
 */
export class Ledger extends DurableObject {
  /**
   * The handle of the object's core. The core knows the object by its number for as long as the handle lives.
   */
  #core;
  #number;
  /** The value of `breaks` when `#core` was made. */
  #breaks = -1;
  #waiting = [];
  #isBusy = false;
  #turnWithinMs = Infinity;
  #timer = null;
  /** The requests to receivers that are under way. */
  #flights = new Set();
  /** The number of deliveries that are under way. */
  #delivering = 0;
  #watch = null;
  /** The lines of the log of this turn. */
  #lines = [];

  /**
   * Answers a message with a JSON text or a number.
   * @param knowsRepeats true if the sender understands the reply for a repeat. It may run another version of
   * the code.
   */
  answer(message, knowsRepeats = false) {
    return this.#turn(this.#isBusy ? BUSY_WITHIN_MS : 0, (core) => {
      const parcel = new Parcel(judge(core, encoder.encode(message)));
      this.#note(parcel);
      if (parcel.parts[1].length > 0) return parcel.text(1);
      return parcel.number === REPEATED && !knowsRepeats ? ADMITTED : parcel.number;
    });
  }

  /** Does the work of an alarm. If it fails, the platform rings again. */
  alarm() {
    return this.#turn(0, (core) => ring(core));
  }

  /** Does a step in the next turn, which comes within a number of milliseconds. */
  #turn(withinMs, step) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject });
      // Later steps do not delay a turn.
      if (withinMs >= this.#turnWithinMs) return;
      clearTimeout(this.#timer);
      this.#turnWithinMs = withinMs;
      // Even without a delay, the timer goes off after all messages that have already arrived.
      this.#timer = setTimeout(() => this.#takeTurn(), withinMs);
    });
  }

  /** Does all steps that wait. */
  #takeTurn() {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isBusy = waiting.length >= BUSY_STEPS;
    this.#turnWithinMs = Infinity;
    for (const { step, resolve, reject } of waiting) {
      try {
        resolve(step(this.#coreNumber()));
      } catch (error) {
        noteBreak(error);
        reject(error);
      }
    }
    this.#endTurn();
  }

  /** Returns the object's number in the core. A new core, after a break, gives it a new one. */
  #coreNumber() {
    if (this.#breaks !== breaks) {
      this.#core = coreOf(this.ctx.storage, this.env);
      this.#number = this.#core.number;
      this.#breaks = breaks;
    }
    return this.#number;
  }

  /** Begins the deliveries that are due, sets the alarm, and writes the log. */
  #endTurn() {
    try {
      const core = this.#coreNumber();
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
    if (this.#delivering > 0) this.#watch ??= setTimeout(() => this.#check(), CHECK_EVERY_MS);
  }

  /** Performs a delivery, from its first effect until its outcome is written. */
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
    // The first such step of a turn writes the outcomes of all attempts that have ended.
    const written = this.#turn(SETTLE_WITHIN_MS, (core) => this.#note(new Parcel(settle(core))));
    // Its connection is free.
    this.#endTurn();
    await written.catch(() => {});
  }

  /**
   * Aborts attempts whose time is over, and begins deliveries that are due. One timer serves all attempts.
   */
  #check() {
    this.#watch = null;
    const nowMs = Date.now();
    for (const { controller, untilMs } of this.#flights) {
      if (untilMs <= nowMs) controller.abort();
    }
    this.#endTurn();
  }

  /** Adds a parcel's line to the log of this turn. */
  #note(parcel) {
    if (parcel.parts[0].length > 0) this.#lines.push(parcel.text(0));
  }
}
