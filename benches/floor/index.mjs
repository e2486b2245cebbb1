// Floor of the comparison: the least that the platform takes for a lead that is stored, answered, sent and settled. The
// Worker hands the body to a Durable Object; the object stores it as one row, answers once that is durable, sends one
// webhook, and writes that it arrived. Leads that arrive together are committed together.
//
// It reads, checks and seals nothing, recognises nobody, signs with a constant, and tries once.
import { DurableObject } from 'cloudflare:workers';

/** As long as a signature is. */
const SIGNATURE = `v1,${'A'.repeat(43)}=`;
/** These are the peer's and Leadhook's. */
const CONNECTIONS = LIMITS.origin_connections;
const ATTEMPT_TIMEOUT_MS = LIMITS.attempt_timeout_ms;
const SETTLE_WITHIN_MS = 10;
/** An object that has ended is woken after so long, and finds the leads that it has not sent. */
const WAKE_MS = 5_000;

const OBJECT = 'v1:bench';
const HEADERS = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  vary: 'Origin',
};

let id;

export default {
  async fetch(request, env) {
    if (request.method !== 'POST') return new Response('{"status":"ok"}', { headers: HEADERS });
    id ??= env.LEDGER.idFromName(OBJECT);
    const answer = await env.LEDGER.get(id).admit(await request.arrayBuffer());
    return new Response(answer, { status: 202, headers: HEADERS });
  },
};

export class Ledger extends DurableObject {
  #storage;
  #steps = [];
  #turnAtMs = Infinity;
  #timer = null;
  #nextNumber;
  /** Leads that are not sent yet, and how many are being sent. */
  #waiting;
  #connections = 0;
  #isAlarmSet = false;
  #receiver;

  constructor(ctx, env) {
    super(ctx, env);
    this.#storage = ctx.storage;
    const { sql } = ctx.storage;
    sql.exec('CREATE TABLE IF NOT EXISTS lead (number INTEGER PRIMARY KEY, body BLOB)');
    this.#nextNumber = 1 + sql.exec('SELECT coalesce(max(number), 0) AS last FROM lead').one().last;
    this.#waiting = sql.exec('SELECT number, body FROM lead WHERE body IS NOT NULL').toArray();
  }

  admit(body) {
    return this.#together(() => {
      const number = this.#nextNumber++;
      this.#storage.sql.exec('INSERT INTO lead VALUES (?, ?)', number, body);
      this.#waiting.push({ number, body });
      this.#wakeLater();
      console.log(JSON.stringify({ event: 'decision', lead: number }));
      return `{"submission_id":"sub_${number}","status":"accepted"}`;
    }, 0);
  }

  alarm() {
    this.#isAlarmSet = false;
    if (this.#waiting.length || this.#connections) this.#wakeLater();
    this.#send();
  }

  #wakeLater() {
    if (this.#isAlarmSet) return;
    this.#isAlarmSet = true;
    this.#storage.setAlarm(Date.now() + WAKE_MS);
  }

  /** Does a step within so many milliseconds, together with the other steps of that moment. */
  #together(step, withinMs) {
    return new Promise((resolve, reject) => {
      this.#steps.push({ step, resolve, reject });
      const turnAtMs = Date.now() + withinMs;
      if (turnAtMs >= this.#turnAtMs) return;
      clearTimeout(this.#timer);
      this.#turnAtMs = turnAtMs;
      // Also without a wait it goes off when nothing that has already arrived is left to be looked at.
      this.#timer = setTimeout(() => this.#takeTurn(), withinMs);
    });
  }

  #takeTurn() {
    const steps = this.#steps;
    this.#steps = [];
    this.#turnAtMs = Infinity;
    try {
      const results = this.#storage.transactionSync(() => steps.map(({ step }) => step()));
      steps.forEach(({ resolve }, at) => {
        resolve(results[at]);
      });
    } catch (error) {
      for (const { reject } of steps) reject(error);
    }
    this.#send();
  }

  #send() {
    while (this.#connections < CONNECTIONS && this.#waiting.length)
      this.ctx.waitUntil(this.#attempt(this.#waiting.shift()));
  }

  async #attempt(lead) {
    this.#connections += 1;
    const hasArrived = await this.#post(lead).catch(() => false);
    this.#connections -= 1;
    this.#send();
    if (!hasArrived) return;
    await this.#together(
      () => this.#storage.sql.exec('UPDATE lead SET body = NULL WHERE number = ?', lead.number),
      SETTLE_WITHIN_MS,
    );
    console.log(JSON.stringify({ event: 'delivery', lead: lead.number }));
  }

  async #post({ number, body }) {
    this.#receiver ??= await this.env.KV.get('receiver');
    const aborting = new AbortController();
    const timer = setTimeout(() => aborting.abort(), ATTEMPT_TIMEOUT_MS);
    try {
      const headers = {
        'content-type': 'application/json',
        'webhook-id': `msg_${number}`,
        'webhook-timestamp': String(Math.trunc(Date.now() / 1_000)),
        'webhook-signature': SIGNATURE,
      };
      const { signal } = aborting;
      const response = await fetch(this.#receiver, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal,
      });
      await response.arrayBuffer();
      return response.ok;
    } finally {
      clearTimeout(timer);
    }
  }
}
