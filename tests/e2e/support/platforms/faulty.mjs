// The built Worker in a world that breaks: a first module around it that tests switch by requests to
// `/faults`. Nothing of the Worker is replaced: what breaks is the platform under it.
import trap from './trap.wasm';
import worker, { Ledger as Built } from './index.js';

/** The faults, for all objects and the Worker: they share an isolate. */
const faults = {
  /** The milliseconds by which the platform's clock is ahead. */
  clockMs: 0,
  /** 'well'; 'slow', 'hanging', 'overloaded', 'evicted' before it answers or 'evicted after', or 'panicking'. */
  object: 'well',
  /** 'well', or 'panicking'. */
  alarm: 'well',
  /** Forgets alarms that are set. */
  losesAlarms: false,
  /** Makes the storage refuse to write, as it does when a quota is spent. */
  refusesWrites: false,
  /** The origins by host that requests go to instead: its DNS. */
  hosts: {},
};
const SLOW_MS = 3_000;
const NEVER_MS = 60_000;
const QUOTA = 'Exceeded allowed rows written in Durable Objects free tier.';

const clock = Date.now.bind(Date);
/** While this is on, the next look at the clock executes wasm's `unreachable`, as a panic does. */
let panics = false;
Date.now = () => {
  if (panics) {
    panics = false;
    new WebAssembly.Instance(trap).exports.trap();
  }
  return clock() + faults.clockMs;
};

const fetchOutside = globalThis.fetch;
globalThis.fetch = (url, init) => {
  const { host, hostname, pathname } = new URL(url);
  if (host in faults.hosts) return fetchOutside(`${faults.hosts[host]}${pathname}`, init);
  // Nothing of a test leaves this machine.
  if (hostname !== '127.0.0.1') return Promise.reject(new TypeError('no such host'));
  return fetchOutside(url, init);
};

/** Sets the faults that are there from the start on: the variable FAULTS. */
let hasBegun = false;
function begin({ FAULTS }) {
  if (FAULTS && !hasBegun) Object.assign(faults, JSON.parse(FAULTS));
  hasBegun = true;
}

export default {
  async fetch(request, env, ctx) {
    begin(env);
    const { pathname } = new URL(request.url);
    if (pathname === '/faults') {
      Object.assign(faults, await request.json());
      return new Response();
    }
    if (pathname === '/cron') {
      await worker.scheduled({ cron: '*/5 * * * *', scheduledTime: Date.now() }, env, ctx);
      return new Response();
    }
    if (pathname === '/message') {
      const { ledger, message } = await request.json();
      const stub = env.LEDGER.get(env.LEDGER.idFromName(`v1:${ledger}`));
      return Response.json({ answer: await stub.answer(JSON.stringify(message)) });
    }
    return worker.fetch(request, env, ctx);
  },
  scheduled: worker.scheduled,
};

export class Ledger extends Built {
  #ctx;

  constructor(ctx, env) {
    begin(env);
    super(breakable(ctx), env);
    this.#ctx = ctx;
  }

  async answer(...args) {
    if (faults.object === 'slow') await scheduler.wait(SLOW_MS);
    if (faults.object === 'hanging') await scheduler.wait(NEVER_MS);
    if (faults.object === 'overloaded') {
      const error = new Error('Durable Object is overloaded. Too many requests queued.');
      throw Object.assign(error, { overloaded: true });
    }
    if (faults.object === 'evicted') this.#ctx.abort('evicted');
    const answer = super.answer(...args);
    // The clock that is looked at next is the core's, in the object's next turn.
    panics = faults.object === 'panicking';
    if (faults.object === 'evicted after') {
      await answer;
      await this.#ctx.storage.sync();
      this.#ctx.abort('evicted');
    }
    return answer;
  }

  alarm() {
    panics = faults.alarm === 'panicking';
    return super.alarm();
  }
}

/** The storage of an object, whose alarms go by the platform's clock and may be lost. */
function breakable(ctx) {
  const { storage } = ctx;
  const { sql } = storage;
  const setAlarm = storage.setAlarm.bind(storage);
  const transactionSync = storage.transactionSync.bind(storage);
  const refuse = () => {
    if (faults.refusesWrites) throw new Error(QUOTA);
  };
  Object.defineProperties(storage, {
    setAlarm: {
      value: (atMs) => (faults.losesAlarms ? storage.deleteAlarm() : setAlarm(atMs - faults.clockMs)),
    },
    transactionSync: {
      value(step) {
        refuse();
        return transactionSync(step);
      },
    },
    sql: {
      value: {
        exec(statement, ...args) {
          if (/^\s*(INSERT|UPDATE|DELETE)/i.test(statement)) refuse();
          return sql.exec(statement, ...args);
        },
      },
    },
  });
  return ctx;
}
