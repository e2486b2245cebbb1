// Row counter: the first module of a Worker that counts what its ledgers do to their databases. It stands beside the
// built one, which stays as it is; `GET /rows?ledger=NAME` takes the counts.
import worker, { Ledger as Product } from './index.js';

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== '/rows') return worker.fetch(request, env, ctx);
    const id = env.LEDGER.idFromName(`v1:${searchParams.get('ledger')}`);
    return Response.json(await env.LEDGER.get(id).takeCounts());
  },
  scheduled: (event, env, ctx) => worker.scheduled(event, env, ctx),
};

/** Outcomes are written within milliseconds of their webhooks. */
const CALM_MS = 100;

/** Those of all objects. Everything after a request to a receiver is settling. */
const countings = new Set();
const { fetch } = globalThis;
globalThis.fetch = (...args) => {
  for (const counting of countings) counting.phase = 'settling';
  return fetch(...args);
};

/**
 * The ledger that counts. Everything from a call of the object to the request to a receiver counts as admission, all the
 * rest as settling. That is true if a lead is posted after the one before it is settled.
 */
export class Ledger extends Product {
  #counting;

  static {
    for (const name of Object.getOwnPropertyNames(Product.prototype)) {
      if (name === 'constructor' || name === 'alarm') continue;
      // All that is public is for callers from outside.
      Ledger.prototype[name] = function (...args) {
        this.#counting.phase = 'admission';
        this.#counting.calls.admission += 1;
        return Product.prototype[name].apply(this, args);
      };
    }
  }

  constructor(ctx, env) {
    const counting = new Counting(ctx.storage);
    super(ctx, env);
    this.#counting = counting;
    countings.add(counting);
  }

  alarm() {
    this.#counting.phase = 'settling';
    this.#counting.calls.settling += 1;
    return super.alarm();
  }

  /** Returns the counts since the last time, once nothing more is done, and the time of the next alarm. */
  async takeCounts() {
    for (let before = -1; before !== this.#counting.size; ) {
      before = this.#counting.size;
      await scheduler.wait(CALM_MS);
    }
    return { ...this.#counting.take(), alarmMs: await this.ctx.storage.getAlarm() };
  }
}

class Counting {
  phase = 'admission';
  calls;
  #cursors;
  #alarmsSet;

  constructor(storage) {
    this.take();
    const { sql } = storage;
    const [exec, setAlarm] = [sql.exec, storage.setAlarm];
    sql.exec = (statement, ...args) => {
      const cursor = exec.call(sql, statement, ...args);
      const table = statement.match(/\b(?:INTO|UPDATE|FROM)\s+(\w+)/)?.[1];
      this.#cursors.push({ phase: this.phase, table, cursor });
      return cursor;
    };
    storage.setAlarm = (...args) => {
      this.#alarmsSet[this.phase] += 1;
      return setAlarm.apply(storage, args);
    };
  }

  /** The statements since the last time. */
  get size() {
    return this.#cursors.length;
  }

  /**
   * Returns, by phase, `calls` of the object, times that the alarm was set, rows read and written, and those written
   * by table.
   */
  take() {
    const sums = {};
    for (const phase of ['admission', 'settling']) {
      // A cursor's numbers grow while it is read, so they are looked at only now.
      const cursors = this.#cursors?.filter((one) => one.phase === phase) ?? [];
      const tables = {};
      let read = 0;
      for (const { table, cursor } of cursors) {
        read += cursor.rowsRead;
        if (cursor.rowsWritten > 0) tables[table] = (tables[table] ?? 0) + cursor.rowsWritten;
      }
      const written = Object.values(tables).reduce((a, b) => a + b, 0);
      sums[phase] = {
        calls: this.calls?.[phase],
        alarmsSet: this.#alarmsSet?.[phase],
        read,
        written,
        tables,
      };
    }
    this.#cursors = [];
    this.calls = { admission: 0, settling: 0 };
    this.#alarmsSet = { admission: 0, settling: 0 };
    return sums;
  }
}
