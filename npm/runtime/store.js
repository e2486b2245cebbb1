// The service behind the KV binding: one SQLite object on this machine's disk, with a copy in memory. A value that may be
// forgotten, with a time to live, is in memory alone: the ledger is the judge. Its alarm is the cron.
import { DurableObject } from 'cloudflare:workers';

/** The bytes of values with a time to live that are kept, a minute of a thousand leads a second; then the oldest go. */
const MAX_PASSING_BYTES = 16_777_216;
/** What a value takes beside its own length. */
const OVERHEAD_BYTES = 200;
/** The shortest time to live, as on Cloudflare. */
const MIN_TTL_S = 60;
/** The names on a page of a listing, as on Cloudflare. */
const PAGE_NAMES = 1_000;

const passing = new Map();
let passingBytes = 0;
let lasting;

const sizeOf = (key, value) => key.length + value.length + OVERHEAD_BYTES;

function forget(key) {
  const found = passing.get(key);
  if (found === undefined) return;
  passing.delete(key);
  passingBytes -= sizeOf(key, found.value);
}

function rememberFor(key, value, ttlS) {
  forget(key);
  passingBytes += sizeOf(key, value);
  passing.set(key, { value, untilMs: Date.now() + ttlS * 1_000 });
  while (passingBytes > MAX_PASSING_BYTES) forget(passing.keys().next().value);
}

const store = (env) => env.STORE.get(env.STORE.idFromName('kv'));

/** Resolves to all lasting values, which are read from the disk once. */
function all(env) {
  lasting ??= store(env)
    .all()
    .then(
      (rows) => new Map(rows),
      (error) => {
        lasting = undefined;
        throw error;
      },
    );
  return lasting;
}

async function get(env, key) {
  const found = passing.get(key);
  if (found && found.untilMs > Date.now()) return found.value;
  return (await all(env)).get(key);
}

async function put(env, key, value, ttlS) {
  if (ttlS !== null) {
    rememberFor(key, value, ttlS);
    return;
  }
  const known = await all(env);
  await store(env).put(key, value);
  known.set(key, value);
  forget(key);
}

async function remove(env, key) {
  const known = await all(env);
  forget(key);
  if (!known.has(key)) return;
  await store(env).remove(key);
  known.delete(key);
}

async function list(env, query) {
  const prefix = query.get('prefix') ?? '';
  const nowMs = Date.now();
  const names = new Set((await all(env)).keys());
  for (const [name, { untilMs }] of passing) if (untilMs > nowMs) names.add(name);
  const found = [...names].filter((name) => name.startsWith(prefix)).sort();
  const after = query.get('cursor') ?? '';
  const from = after === '' ? 0 : found.findIndex((name) => name > after);
  const page = from < 0 ? [] : found.slice(from, from + Number(query.get('key_count_limit') ?? PAGE_NAMES));
  const keys = page.map((name) => ({ name }));
  const isComplete = from < 0 || from + page.length >= found.length;
  return isComplete ? { keys, list_complete: true } : { keys, list_complete: false, cursor: page.at(-1) };
}

async function read(request, env, key, query) {
  if (request.method === 'POST' && key === 'bulk/get') {
    const { keys } = await request.json();
    const found = await Promise.all(keys.map(async (name) => [name, (await get(env, name)) ?? null]));
    return Response.json(Object.fromEntries(found));
  }
  if (key === '') return Response.json(await list(env, query));
  const value = await get(env, key);
  return value === undefined ? new Response(null, { status: 404 }) : new Response(value);
}

export default {
  async fetch(request, env) {
    const { pathname, searchParams: query } = new URL(request.url);
    const key = decodeURIComponent(pathname.slice(1));
    if (request.method === 'PUT') {
      const ttl = query.get('expiration_ttl');
      if (ttl !== null && !(Number(ttl) >= MIN_TTL_S))
        return new Response('Invalid expiration_ttl', { status: 400 });
      await put(env, key, await request.text(), ttl === null ? null : Number(ttl));
      return new Response(null);
    }
    if (request.method === 'DELETE') {
      await remove(env, key);
      return new Response(null);
    }
    return read(request, env, key, query);
  },
};

export class Store extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      'CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID',
    );
    ctx.blockConcurrencyWhile(async () => {
      if ((await ctx.storage.getAlarm()) === null) await this.#wind();
    });
  }

  all() {
    return this.ctx.storage.sql.exec('SELECT key, value FROM kv').raw().toArray();
  }

  put(key, value) {
    this.ctx.storage.sql.exec(
      'INSERT INTO kv VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
      key,
      value,
    );
  }

  remove(key) {
    this.ctx.storage.sql.exec('DELETE FROM kv WHERE key = ?', key);
  }

  async alarm() {
    await this.#wind();
    await this.env.TICK.tick();
  }

  #wind() {
    return this.ctx.storage.setAlarm(Date.now() + this.env.CRON_EVERY_MS);
  }
}
