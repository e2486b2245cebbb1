// Ledger: the Durable Object that admits leads and owns the outbox.
//
// An admission reads, decides and writes in one synchronous step, and is answered when it is durable: the output gate
// holds the answer back until then. Steps that arrive together are committed together, for a commit costs more than
// everything else that a lead causes.
import { DurableObject } from 'cloudflare:workers';
import { findCampaign } from './campaign';
import { keysOf, open, seal } from './crypto';
import { phoneOf } from './fields';
import type { Admission, Lead } from './lead';
import { log } from './log';
import { Outbox } from './outbox';
import { type Target, decide, factsOf, score } from './qualify';
import { COUNT, MOVE, SUBMISSIONS_A_LEAD, migrate } from './schema';

const HOUR_MS = 3_600_000;
/** An idempotency key is remembered for so long: a day covers a client that was offline. */
const IDEMPOTENCY_MS = 24 * HOUR_MS;
/** Sources counted by name in one campaign's hour, so that a visitor who invents some cannot grow the table. */
const MAX_SOURCES = 50;

const QUALIFIED = 'lead.qualified';
const UPDATED = 'lead.updated';

export type Verdict = 'admitted' | 'idempotency_key_reused';

/** A known person. */
type Person = {
  lead: number;
  lead_id: string;
  /** Their number. */
  submissions: number;
  /** The {@link Sent} of every delivery, as JSON. */
  sent: string;
};

type Sent = [campaign: string, ...Target];

/** A submission that waits for the person to tell more. */
type Held = {
  seq: number;
  submission_id: string;
  campaign: string;
  source: string;
  hour: number;
  payload: ArrayBuffer;
};

type Judgeable = Pick<Admission, 'to' | 'because' | 'granted' | 'payload'>;

/** An admission together with the person's held submission, if a key in the ring opens that. */
interface Merged {
  held: Held;
  both: Judgeable | undefined;
}

/** Either an answer, or the held submission that it must be merged with first. */
type Judged = { held: Held } | { held?: undefined; verdict: Verdict; log: object };

/** The rows that are to be written of a submission. */
interface Plan extends Judgeable {
  person: Person;
  state: 'pending' | 'held' | 'duplicate';
  /** One for each destination. */
  events: string[];
  /** The held submission that is now part of this one. */
  supersedes?: Held;
}

/** The counter of a submission. */
type Bucket = Pick<Held, 'campaign' | 'hour' | 'source'>;

interface Step {
  run(): unknown;
  resolve(result: never): void;
  reject(error: unknown): void;
}

export class Ledger extends DurableObject<Env> {
  #sql: SqlStorage;
  #outbox: Outbox;
  #steps: Step[] = [];
  #stepsWithinMs = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #nextLead: number;
  /** Sources that are counted by name, by campaign, in the hour that runs. */
  #sources = new Map<string, Set<string>>();
  #sourcesHour = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    migrate(this.#sql);
    this.#outbox = new Outbox(ctx.storage, env, (step, withinMs) => this.#together(step, withinMs));
    const next = 'SELECT coalesce(max(lead), 0) + 1 AS lead FROM lead';
    this.#nextLead = this.#sql.exec<{ lead: number }>(next).one().lead;
    ctx.blockConcurrencyWhile(() => this.#outbox.open());
  }

  /** Judges a lead. Something is always written before the answer, so that its time tells nothing. */
  async admit(admission: Admission): Promise<Verdict> {
    let merged: Merged | undefined;
    for (;;) {
      const judged = await this.#together(() => this.#judge(admission, merged));
      if (judged.held) merged = await this.#merge(admission, judged.held);
      else {
        log({
          event: 'decision',
          campaign: admission.campaign,
          submission_id: admission.submissionId,
          ...judged.log,
        });
        return judged.verdict;
      }
    }
  }

  /** Sends what is due. It never throws, for the platform gives an alarm up after six failures. */
  async alarm(): Promise<void> {
    await this.#outbox.drain();
  }

  /** Runs a step within so many milliseconds, together with the other steps of that moment. */
  #together<T>(run: () => T, withinMs = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#steps.push({ run, resolve, reject });
      if (withinMs >= this.#stepsWithinMs) return;
      clearTimeout(this.#timer ?? null);
      this.#stepsWithinMs = withinMs;
      // Also without a wait it fires only when nothing that has already arrived is left to run.
      this.#timer = setTimeout(() => this.#runSteps(), withinMs);
    });
  }

  #runSteps(): void {
    const steps = this.#steps;
    this.#steps = [];
    this.#stepsWithinMs = Infinity;
    for (const { run, resolve, reject } of steps) {
      try {
        resolve(this.ctx.storage.transactionSync(run) as never);
      } catch (error) {
        reject(error);
      }
    }
    this.#outbox.stir();
  }

  #judge(admission: Admission, merged?: Merged): Judged {
    const nowMs = Date.now();
    const hour = nowMs - (nowMs % HOUR_MS);
    const { campaign, submissionId, idempotencyTag } = admission;
    const source = this.#countedSource(campaign, hour, admission.source);
    if (idempotencyTag !== null) {
      const read = 'SELECT submission_id FROM idempotency WHERE tag = ? AND expires_ms > ?';
      const [row] = this.#sql.exec<{ submission_id: string }>(read, idempotencyTag, nowMs);
      if (row && row.submission_id !== submissionId) {
        // Also the answer that changes nothing takes a commit's time.
        this.#sql.exec('UPDATE idempotency SET expires_ms = expires_ms WHERE tag = ?', idempotencyTag);
        return { verdict: 'idempotency_key_reused', log: { decision: 'idempotency_key_reused' } };
      }
    }
    const known = this.#known(admission.recognising, nowMs);
    if (known.some((person) => this.#has(person, submissionId))) {
      this.#sql.exec(COUNT.repeats, campaign, hour, source);
      return { verdict: 'admitted', log: { decision: 'repeat' } };
    }
    const [person] = known;
    const plan = person
      ? this.#planOfKnown(admission, person, merged)
      : planOfNew(admission, {
          lead: this.#nextLead++,
          lead_id: admission.leadId,
          submissions: 0,
          sent: '[]',
        });
    if ('held' in plan) return plan;
    this.#write(admission, plan, { campaign, hour, source }, nowMs);
    const { state, because, to } = plan;
    const log = { decision: state, because, lead_id: plan.person.lead_id, deliveries: to.length };
    return { verdict: 'admitted', log };
  }

  /** Returns the people behind these tags whose window has not passed; the one who is meant comes first. */
  #known(tags: string[], nowMs: number): Person[] {
    // Where identifiers match two people, the e-mail's; of several behind one, the one heard of last.
    const sql = `SELECT lead, lead_id, submissions, sent FROM fingerprint JOIN lead USING (lead)
      WHERE tag IN (?${', ?'.repeat(tags.length - 1)}) AND known_until_ms > ?
      ORDER BY tag LIKE 'email.%' DESC, heard_ms DESC, lead`;
    return this.#sql.exec<Person>(sql, ...tags, nowMs).toArray();
  }

  #has({ lead }: Person, submissionId: string): boolean {
    const sql = 'SELECT 1 FROM submission WHERE seq >= ? AND seq < ? AND submission_id = ?';
    return !this.#sql
      .exec(sql, lead * SUBMISSIONS_A_LEAD, (lead + 1) * SUBMISSIONS_A_LEAD, submissionId)
      .next().done;
  }

  /** Plans the submission of a known person, from this campaign or from another one of the ledger. */
  #planOfKnown(admission: Admission, person: Person, merged: Merged | undefined): Plan | { held: Held } {
    const { campaign, granted, payload } = admission;
    const sent = JSON.parse(person.sent) as Sent[];
    if (sent.some(([by]) => by === campaign)) {
      // Followed up already: only destinations that have not had the person hear of it.
      const to = admission.to.filter(
        ([name, receiver]) =>
          !sent.some(([by, one, its]) => (by === campaign ? one === name : its === receiver)),
      );
      const state = to.length ? 'pending' : 'duplicate';
      return { person, state, because: 'known', to, events: to.map(() => QUALIFIED), granted, payload };
    }
    const held = this.#held(admission, person);
    if (held && merged?.held.seq !== held.seq) return { held };
    const both = held && merged?.both;
    const judged = both ?? admission;
    return {
      person,
      state: judged.to.length ? 'pending' : 'held',
      because: judged.because,
      to: judged.to,
      events: judged.to.map(([, receiver]) =>
        sent.some(([, , its]) => its === receiver) ? UPDATED : QUALIFIED,
      ),
      granted: judged.granted,
      payload: judged.payload,
      supersedes: both && held,
    };
  }

  /** Returns the newest held submission of this very person in this campaign. */
  #held({ campaign, tags, recognising }: Admission, { lead }: Person): Held | undefined {
    const sql = `SELECT seq, submission_id, campaign, source, hour, payload FROM submission
      WHERE seq >= ? AND seq < ? AND campaign = ? AND payload IS NOT NULL
        AND first_tag IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT 1`;
    const prints = JSON.stringify([...tags, ...recognising]);
    const [from, to] = [lead * SUBMISSIONS_A_LEAD, (lead + 1) * SUBMISSIONS_A_LEAD];
    return this.#sql.exec<Held>(sql, from, to, campaign, prints).toArray()[0];
  }

  #write(admission: Admission, plan: Plan, { campaign, hour, source }: Bucket, nowMs: number): void {
    const { person, state, to, granted, payload, supersedes } = plan;
    const { lead, lead_id } = person;
    const { submissionId, tags, recognising, windowMs, consent, idempotencyTag } = admission;
    for (const tag of tags)
      this.#sql.exec('INSERT INTO fingerprint VALUES (?, ?) ON CONFLICT DO NOTHING', tag, lead);
    const news = to.map(([name, receiver]): Sent => [campaign, name, receiver]);
    const sent = news.length ? JSON.stringify([...JSON.parse(person.sent), ...news]) : person.sent;
    this.#sql.exec(
      'INSERT OR REPLACE INTO lead VALUES (?, ?, ?, ?, ?, ?)',
      lead,
      lead_id,
      nowMs,
      nowMs + windowMs,
      person.submissions + 1,
      sent,
    );
    this.#sql.exec(
      'INSERT INTO submission VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
      lead * SUBMISSIONS_A_LEAD + person.submissions,
      submissionId,
      campaign,
      source,
      hour,
      nowMs,
      recognising[0],
      state === 'held' ? payload : null,
      consent,
    );
    this.#sql.exec(COUNT[state], campaign, hour, source);
    if (to.length) {
      const common = { lead_id, submission_id: submissionId, campaign, source, hour, created_ms: nowMs };
      this.#outbox.add({ ...common, granted: JSON.stringify(granted), payload }, to, plan.events);
    }
    if (supersedes) {
      this.#sql.exec('UPDATE submission SET payload = NULL WHERE seq = ?', supersedes.seq);
      this.#sql.exec(MOVE.held.duplicate, supersedes.campaign, supersedes.hour, supersedes.source);
    }
    if (idempotencyTag !== null) {
      const until = nowMs + IDEMPOTENCY_MS;
      this.#sql.exec(
        'INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?)',
        idempotencyTag,
        submissionId,
        until,
      );
    }
  }

  #countedSource(campaign: string, hour: number, source: string): string {
    if (hour !== this.#sourcesHour) {
      this.#sources.clear();
      this.#sourcesHour = hour;
    }
    let sources = this.#sources.get(campaign);
    if (!sources) {
      const read = 'SELECT source FROM counter WHERE campaign = ? AND hour = ?';
      sources = new Set(
        this.#sql
          .exec<{ source: string }>(read, campaign, hour)
          .toArray()
          .map((row) => row.source),
      );
      this.#sources.set(campaign, sources);
    }
    if (sources.size >= MAX_SOURCES && !sources.has(source)) return 'other';
    sources.add(source);
    return source;
  }

  /** Merges both posts of one person into one lead, the newer winning, and judges it anew. */
  async #merge(admission: Admission, held: Held): Promise<Merged> {
    const campaign = await findCampaign(this.env, admission.campaign);
    if (!campaign) throw new Error('the campaign is gone');
    const keys = await keysOf(this.env, campaign.ledger);
    const read = async (id: string, sealed: ArrayBuffer | Uint8Array) =>
      JSON.parse(await open(keys, `payload/${id}`, sealed)) as Lead;
    const newer = await read(admission.submissionId, admission.payload);
    const older = await read(held.submission_id, held.payload).catch(() => undefined);
    if (!older) return { held, both: undefined };
    // A box that was left empty the second time withdraws nothing.
    const consent = newer.consent.map((record) =>
      record.granted
        ? record
        : (older.consent.find((old) => old.granted && old.purpose === record.purpose) ?? record),
    );
    const lead = {
      ...newer,
      contact: { ...older.contact, ...newer.contact },
      answers: { ...older.answers, ...newer.answers },
      attribution: { ...older.attribution, ...newer.attribution },
      consent: [
        ...consent,
        ...older.consent.filter((old) => !consent.some(({ purpose }) => purpose === old.purpose)),
      ],
    };
    const facts = factsOf(
      campaign,
      lead,
      lead.contact.phone && phoneOf(lead.contact.phone, undefined)?.country,
    );
    const granted = lead.consent.filter((record) => record.granted).map(({ purpose }) => purpose);
    lead.score = score(campaign, facts);
    const { to, because } = decide(campaign, facts, lead.score.total, granted);
    const payload = await seal(keys, `payload/${admission.submissionId}`, JSON.stringify(lead));
    return { held, both: { to, because, granted, payload } };
  }
}

/** Plans the submission of a new person: the rules decide. */
function planOfNew({ to, because, granted, payload }: Admission, person: Person): Plan {
  const state = to.length ? 'pending' : 'held';
  return { person, state, because, to, events: to.map(() => QUALIFIED), granted, payload };
}
