// Prices of leads by Cloudflare's lists (SOURCES), and the number of leads that the free plan takes.
import { limits } from '../../scripts/data.mjs';

const WORKERS = 'https://developers.cloudflare.com/workers/platform/pricing/';
const OBJECTS = 'https://developers.cloudflare.com/durable-objects/platform/pricing/';
const KV = 'https://developers.cloudflare.com/kv/platform/pricing/';
const LIMITS = 'https://developers.cloudflare.com/durable-objects/platform/limits/';
export const SOURCES = [WORKERS, OBJECTS, LIMITS, KV];

const MILLION = 1e6;
const OBJECT_GB = 0.128;
/** Receivers in production are somewhere else. */
const WEBHOOK_MS = 200;
const OTHER_MS = 50;
/** Of an object that has slept: the campaign. */
const OBJECTS_KV_READS = 1;
/** One receiver is sent so many webhooks at a time. */
const WEBHOOKS_AT_ONCE = limits.origin_connections;

/**
 * USD for a million, and what Workers Paid includes a month; what the free plan allows a day. `soft`:
 * beyond it no lead fails. `of` a lead, from its counts.
 */
const ITEMS = [
  { what: 'Worker requests', usd: 0.3, included: 10e6, daily: 100_000, of: () => 1 },
  { what: 'Worker CPU, ms', usd: 0.02, included: 30e6, of: ({ cpuMs }) => cpuMs },
  { what: 'object requests', usd: 0.15, included: 1e6, daily: 100_000, of: ({ calls }) => calls },
  {
    what: 'object duration, GB-s',
    usd: 12.5,
    included: 400_000,
    daily: 13_000,
    of: ({ activeMs }) => (activeMs / 1000) * OBJECT_GB,
  },
  {
    what: 'rows written',
    usd: 1,
    included: 50e6,
    daily: 100_000,
    of: ({ written, alarmsSet }) => written + alarmsSet,
  },
  { what: 'rows read', usd: 0.001, included: 25e9, daily: 5e6, of: ({ read }) => read },
  { what: 'KV reads', usd: 0.5, included: 10e6, daily: 100_000, of: ({ kvReads }) => kvReads },
  { what: 'KV writes', usd: 5, included: 1e6, daily: 1_000, soft: true, of: ({ kvWrites }) => kvWrites },
];
const GB_MONTH_USD = 0.2;
/** Of one object, and of an account with the free plan. */
const MOST_GB = 10;
const FREE_GB = 5;
/** Deliveries, leads and fingerprints. */
const SWEPT_TABLES = 3;
const BASE_USD = 5;

export const ASSUMPTIONS = [
  `The lead is the fresh one with e-mail address and one destination, in a campaign as it is by default, which uses KV. Calls to KV are counted like rows.`,
  `**Alone**: nothing else happens meanwhile, and the object and both isolates have slept. So both read the campaign from KV. Here they share an isolate, and the object's reading is added to what was counted.`,
  `**In a rush**: leads come in faster than webhooks go out, and share their alarms.`,
  `CPU is what the whole runtime took here at 32 connections; Cloudflare counts the Worker's part of it.`,
  `A receiver answers in ${WEBHOOK_MS} ms, and all else keeps the object awake for ${OTHER_MS} ms. In a rush ${WEBHOOKS_AT_ONCE} webhooks are under way at a time.`,
  'Each time that the alarm is set is a row written; each call of the object and each alarm is a request to it.',
  'Left out: the cron, visitors who are turned away, and what it costs to keep people, which comes below.',
];

/**
 * Returns one lead's share of counts of row-counter.mjs.
 * @param {{leads?: number, cpuMs: number, kv: {reads: number, writes: number}}} more `kv` is one lead's
 */
export function aLead({ admission, settling }, { leads = 1, cpuMs, kv }) {
  const sum = (key) => (admission[key] + settling[key]) / leads;
  const alone = leads === 1;
  return {
    cpuMs,
    calls: 1 + settling.calls / leads,
    written: sum('written'),
    alarmsSet: sum('alarmsSet'),
    read: sum('read'),
    kvReads: kv.reads + (alone ? OBJECTS_KV_READS : 0),
    kvWrites: kv.writes,
    activeMs: alone ? WEBHOOK_MS + OTHER_MS : WEBHOOK_MS / WEBHOOKS_AT_ONCE,
  };
}

export const cents = (value) => value.toFixed(2);
const plain = (value) => String(Number(value.toPrecision(3)));

/** Returns the list price of a million such leads. */
export const usdAMillion = (lead) => ITEMS.reduce((sum, { usd, of }) => sum + of(lead) * usd, 0);

/** Returns a table, and the price of a million leads in one month beyond what is included. */
export function price(alone, rush) {
  const inAMonthUsd = [BASE_USD, BASE_USD];
  const rows = ITEMS.map(({ what, usd, included, of }) => {
    const cells = [alone, rush].flatMap((lead, at) => {
      inAMonthUsd[at] += Math.max(0, of(lead) - included / MILLION) * usd;
      return [plain(of(lead)), cents(of(lead) * usd)];
    });
    return [what, plain(usd), ...cells];
  });
  const head = ['', 'USD a million', 'a lead alone', 'a million, USD', 'a lead in a rush', 'a million, USD'];
  const sums = [alone, rush].flatMap((lead) => ['', cents(usdAMillion(lead))]);
  return { rows: [head, ...rows, ['together', '', ...sums]], inAMonthUsd };
}

/** Returns the cost of a ledger that knows a million people, from its bytes and the counts of a sweep of `people`. */
export function keeping(bytes, sweep, people) {
  const days = 30;
  // The last chunk of each table is nearly empty, whatever the size.
  const chunks = ((sweep.calls - SWEPT_TABLES) / people) * MILLION;
  const written = (chunks * (sweep.written + sweep.alarmsSet)) / sweep.calls;
  const read = (sweep.read / people) * MILLION;
  const costs = { 'rows written': written, 'rows read': read, 'object requests': chunks };
  const sweepUsd = ITEMS.reduce((sum, { what, usd }) => sum + ((costs[what] ?? 0) * days * usd) / MILLION, 0);
  const freeReads = ITEMS.find(({ what }) => what === 'rows read').daily;
  return {
    written,
    read,
    sweepUsd,
    storageUsd: (bytes / 1e9) * GB_MONTH_USD,
    freePeople: Math.min((freeReads / read) * MILLION, (FREE_GB / (bytes / 1e9)) * MILLION),
    mostPeople: (MOST_GB / (bytes / 1e9)) * MILLION,
  };
}

/** Returns the leads a day that each limit of the free plan takes, and the limit that is reached first. */
export function freePlan(alone, rush) {
  const limited = ITEMS.filter(({ daily }) => daily);
  const leads = (item, lead) => Math.floor(item.daily / item.of(lead));
  const shown = (count) => (count === Infinity ? 'any' : count.toLocaleString('en'));
  const rows = limited.map((item) => [
    item.soft ? `${item.what} (soft)` : item.what,
    item.daily.toLocaleString('en'),
    ...[alone, rush].map((lead) => shown(leads(item, lead))),
  ]);
  const ceilings = [alone, rush].map(
    (lead) =>
      limited
        .filter(({ soft }) => !soft)
        .map((item) => ({ what: item.what, leads: leads(item, lead) }))
        .sort((a, b) => a.leads - b.leads)[0],
  );
  return { rows: [['', 'a day', 'leads alone', 'leads in a rush'], ...rows], ceilings };
}
