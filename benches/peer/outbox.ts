// Outbox: the deliveries that wait, by receiver. Nobody but this object sends them, so a lease needs no row: a delivery
// that was under way when the object stopped is still pending, and due at once.
import { ATTEMPT_TIMEOUT_MS, type Delivery, type Outcome, next, send, webhookId } from './deliver';
import { log, logFault } from './log';
import type { Target } from './qualify';
import { MOVE, type State } from './schema';

/** The platform's limit of connections that one invocation may hold open. */
const MAX_CONNECTIONS = 6;
/** One hanging receiver must not take the connections of the others. */
const MAX_CONNECTIONS_EACH = LIMITS.origin_connections;
/** The free plan allows an invocation 50 requests, KV's among them; the rest goes out by the next alarm. */
const MAX_SENDS_AN_ALARM = 40;
/** Deliveries read at once. */
const READ_AHEAD = 32;
/**
 * An outcome may wait for so long, to be written with others. If the runtime dies in the meantime, the delivery comes
 * again under its id, as where it dies between a receiver's answer and the commit.
 */
const SETTLE_WITHIN_MS = 10;
/** Longer than an attempt can take. */
const LEASE_MS = ATTEMPT_TIMEOUT_MS + 15_000;
/** An alarm waits so long for more: a lead that comes meanwhile needs no alarm of its own, which is a row and a call. */
const LINGER_MS = 250;
/** Before the next try where the database failed. */
const RETRY_MS = 10_000;

/** The deliveries that wait for one receiver. */
interface Lane {
  receiver: string;
  /** The time at which its next delivery falls due that is neither read ahead nor under way. */
  dueMs: number;
  ahead: Delivery[];
  connections: number;
}

/** The common part of the deliveries of one submission. */
type Shared = 'lead_id' | 'submission_id' | 'campaign' | 'source' | 'hour' | 'granted' | 'created_ms';
type Common = Pick<Delivery, Shared> & { payload: Uint8Array };

export class Outbox {
  #lanes = new Map<string, Lane>();
  /** Deliveries that are under way, until their outcome is written. */
  #underWay = new Set<number>();
  /** `{campaign} {destination}` of those that answered 410. */
  #disabled = new Set<string>();
  #nextSeq = 1;
  #alarmMs = Infinity;
  #draining = false;
  #connections = 0;
  #look = () => {};

  constructor(
    private readonly storage: DurableObjectStorage,
    private readonly env: Env,
    private readonly together: <T>(step: () => T, withinMs: number) => Promise<T>,
  ) {}

  /** Reads what waits, and the time of the alarm. */
  async open(): Promise<void> {
    const { sql } = this.storage;
    this.#nextSeq = sql
      .exec<{ seq: number }>('SELECT coalesce(max(seq), 0) + 1 AS seq FROM delivery')
      .one().seq;
    const waiting =
      "SELECT receiver, min(due_ms) AS due_ms FROM delivery WHERE state = 'pending' GROUP BY receiver";
    for (const row of sql.exec<{ receiver: string; due_ms: number }>(waiting))
      this.#dueBy(row.receiver, row.due_ms);
    const disabled = 'SELECT campaign, destination FROM disabled';
    for (const row of sql.exec<{ campaign: string; destination: string }>(disabled)) {
      this.#disabled.add(`${row.campaign} ${row.destination}`);
    }
    this.#alarmMs = (await this.storage.getAlarm()) ?? Infinity;
    this.stir();
  }

  /** Writes the deliveries of a submission; within the step that admits it. */
  add(common: Common, to: Target[], events: string[]): void {
    const { lead_id, submission_id, campaign, source, hour, granted, created_ms, payload } = common;
    const first = this.#nextSeq;
    this.#nextSeq += to.length;
    to.forEach(([destination, receiver], at) => {
      const state = this.#disabled.has(`${campaign} ${destination}`) ? 'paused' : 'pending';
      this.storage.sql.exec(
        `INSERT INTO delivery (seq, lead_id, submission_id, first_seq, siblings, campaign, destination, receiver,
           event, granted, source, hour, created_ms, state, due_ms, payload)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        first + at,
        lead_id,
        submission_id,
        first,
        to.length,
        campaign,
        destination,
        receiver,
        events[at],
        granted,
        source,
        hour,
        created_ms,
        state,
        created_ms,
        payload,
      );
      this.#dueBy(receiver, created_ms);
    });
  }

  /** Has due deliveries looked at: by the alarm that runs, else by one that is set with what was just written. */
  stir(): void {
    if (this.#draining) this.#look();
    else this.#wakeBy(Math.min(...[...this.#lanes.values()].map(({ dueMs }) => dueMs)));
  }

  /** Sends what is due. Never throws: what fails here is tried again by an alarm of our own. */
  async drain(): Promise<void> {
    this.#alarmMs = Infinity;
    this.#draining = true;
    let failed = false;
    try {
      for (let sent = 0, idleSinceMs = Infinity; ; ) {
        while (sent < MAX_SENDS_AN_ALARM && this.#connections < MAX_CONNECTIONS) {
          const claimed = this.#claim();
          if (!claimed) break;
          sent += 1;
          void this.#attempt(...claimed);
        }
        // A receiver that hangs does not hold up the next alarm: its attempts end by themselves.
        if (sent === MAX_SENDS_AN_ALARM) break;
        idleSinceMs = this.#underWay.size ? Infinity : Math.min(idleSinceMs, Date.now());
        const leftMs = idleSinceMs + LINGER_MS - Date.now();
        if (leftMs <= 0) break;
        let timer: ReturnType<typeof setTimeout> | null = null;
        await new Promise<void>((look) => {
          this.#look = look;
          if (leftMs < Infinity) timer = setTimeout(look, leftMs);
        });
        clearTimeout(timer);
      }
    } catch (error) {
      logFault('outbox', error);
      failed = true;
    }
    this.#draining = false;
    for (const lane of this.#lanes.values()) lane.ahead = [];
    // Were the runtime to die now, this alarm would not come again.
    if (this.#underWay.size) this.#wakeBy(Date.now() + LEASE_MS);
    if (failed) this.#wakeBy(Date.now() + RETRY_MS);
    else this.stir();
  }

  async #attempt(lane: Lane, delivery: Delivery): Promise<void> {
    const { campaign, destination, lead_id, seq } = delivery;
    const startedMs = Date.now();
    const outcome = await send(this.env, delivery).catch((error): Outcome => {
      logFault('outbox', error);
      return { name: 'unreadable' };
    });
    const ms = Date.now() - startedMs;
    lane.connections -= 1;
    this.#connections -= 1;
    this.#look();
    try {
      const state = await this.together(() => this.#settle(delivery, outcome, ms), SETTLE_WITHIN_MS);
      log({
        event: 'delivery',
        outcome: outcome.name,
        state,
        campaign,
        destination,
        delivery_id: webhookId(delivery),
        lead_id,
        attempt: delivery.attempt_count + 1,
        ms,
      });
    } catch (error) {
      logFault('outbox', error);
      // What could not be written must not be sent again and again.
      await scheduler.wait(RETRY_MS);
      this.#dueBy(lane.receiver, Date.now());
    }
    this.#underWay.delete(seq);
    if (this.#draining) this.#look();
    else this.stir();
  }

  /** Returns the next delivery for which a connection is free. Receivers take turns. */
  #claim(): [Lane, Delivery] | undefined {
    const nowMs = Date.now();
    for (const lane of this.#lanes.values()) {
      if (lane.connections >= MAX_CONNECTIONS_EACH) continue;
      if (!lane.ahead.length && lane.dueMs <= nowMs) this.#readAhead(lane, nowMs);
      const delivery = lane.ahead.shift();
      if (!delivery) continue;
      this.#lanes.delete(lane.receiver);
      this.#lanes.set(lane.receiver, lane);
      lane.connections += 1;
      this.#connections += 1;
      this.#underWay.add(delivery.seq);
      return [lane, delivery];
    }
    return undefined;
  }

  #readAhead(lane: Lane, nowMs: number): void {
    const rows = this.storage.sql.exec<Delivery>(
      `SELECT seq, lead_id, submission_id, first_seq, siblings, campaign, destination, receiver, event, granted,
         source, hour, created_ms, attempt_count, attempts, payload
       FROM delivery WHERE receiver = ? AND state = 'pending' AND due_ms <= ? ORDER BY due_ms LIMIT ?`,
      lane.receiver,
      nowMs,
      READ_AHEAD + this.#underWay.size,
    );
    for (const row of rows) if (!this.#underWay.has(row.seq)) lane.ahead.push(row);
    if (lane.ahead.length) return;
    const [later] = this.storage.sql.exec<{ due_ms: number | null }>(
      "SELECT min(due_ms) AS due_ms FROM delivery WHERE receiver = ? AND state = 'pending' AND due_ms > ?",
      lane.receiver,
      nowMs,
    );
    lane.dueMs = later?.due_ms ?? Infinity;
  }

  /** Writes the outcome of an attempt. Returns the delivery's state. */
  #settle(delivery: Delivery, outcome: Outcome, tookMs: number): string {
    const { sql } = this.storage;
    const { seq, campaign, destination, receiver } = delivery;
    const nowMs = Date.now();
    const attempt = delivery.attempt_count + 1;
    const what = next(outcome, attempt, delivery.created_ms, this.env.LEADHOOK_ENV === 'dev', nowMs);
    const entry = JSON.stringify({
      attempt,
      at: new Date(nowMs).toISOString(),
      outcome: outcome.name,
      ms: tookMs,
    });
    const attempts = attempt === 1 ? `[${entry}]` : `${delivery.attempts.slice(0, -1)},${entry}]`;
    const before = this.#submissionState(delivery);
    let { state } = what;
    if (state === 'delivered') {
      sql.exec(
        `UPDATE delivery SET state = 'delivered', attempt_count = ?, attempts = ?, settled_ms = ?, payload = NULL
         WHERE seq = ?`,
        attempt,
        attempts,
        nowMs,
        seq,
      );
    } else {
      const place = `${campaign} ${destination}`;
      if (state === 'paused' && !this.#disabled.has(place)) {
        sql.exec('INSERT INTO disabled VALUES (?, ?, ?)', campaign, destination, nowMs);
        sql.exec(
          "UPDATE delivery SET state = 'paused' WHERE state = 'pending' AND campaign = ? AND destination = ?",
          campaign,
          destination,
        );
        this.#disabled.add(place);
        for (const lane of this.#lanes.values()) lane.ahead = [];
      }
      if (state === 'pending' && this.#disabled.has(place)) state = 'paused';
      const dueMs = 'dueMs' in what ? what.dueMs : nowMs;
      sql.exec(
        `UPDATE delivery SET state = ?, due_ms = ?, attempt_count = ?, attempts = ?, reason = ?, settled_ms = ?
         WHERE seq = ?`,
        state,
        dueMs,
        attempt,
        attempts,
        outcome.name,
        state === 'pending' ? null : nowMs,
        seq,
      );
      if (state === 'pending') this.#dueBy(receiver, dueMs);
    }
    const after = this.#submissionState(delivery, state);
    if (before !== after) sql.exec(MOVE[before][after], campaign, delivery.hour, delivery.source);
    return state;
  }

  /** Returns the state of a submission: pending if any of its deliveries is, else dead if any is, else delivered. */
  #submissionState({ first_seq, siblings }: Delivery, only = 'pending'): State {
    let states = [only];
    if (siblings > 1) {
      const read = 'SELECT state FROM delivery WHERE seq >= ? AND seq < ?';
      states = this.storage.sql
        .exec<{ state: string }>(read, first_seq, first_seq + siblings)
        .toArray()
        .map(({ state }) => state);
    }
    if (states.includes('pending') || states.includes('paused')) return 'pending';
    return states.includes('dead') ? 'dead' : 'delivered';
  }

  #dueBy(receiver: string, atMs: number): void {
    const lane = this.#lane(receiver);
    lane.dueMs = Math.min(lane.dueMs, atMs);
  }

  #lane(receiver: string): Lane {
    let lane = this.#lanes.get(receiver);
    if (!lane) {
      lane = { receiver, dueMs: Infinity, ahead: [], connections: 0 };
      this.#lanes.set(receiver, lane);
    }
    return lane;
  }

  /** Sets the alarm unless one is set that is as early. It is written together with what was just written. */
  #wakeBy(atMs: number): void {
    if (atMs >= this.#alarmMs) return;
    this.#alarmMs = atMs;
    this.storage.setAlarm(Math.max(atMs, Date.now())).catch((error) => {
      this.#alarmMs = Infinity;
      logFault('alarm', error);
    });
  }
}
