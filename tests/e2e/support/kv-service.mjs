// The store behind the Worker's KV binding. workerd turns each KV call into an HTTP request;
// this answers them from a Map, and can be as stale, slow or broken as real KV sometimes is.
import http from 'node:http';
import { bodyOf } from './http.mjs';

export class KvService {
  /** 'ok', 'stale' (what was there when staleness began), 'empty' or 'failing'. */
  reads = 'ok';
  /** 'ok', 'refusing' (429: more than one write a second), 'spent' (429: the day's quota) or 'failing'. */
  writes = 'ok';
  delayMs = 0;
  entries = new Map();
  #snapshot = new Map();
  #server;

  static async start() {
    const kv = new KvService();
    kv.#server = http.createServer((request, response) => kv.#answer(request, response));
    await new Promise((done) => kv.#server.listen(0, '127.0.0.1', done));
    kv.port = kv.#server.address().port;
    return kv;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(done));
  }

  /** From now on reads see what is stored at this moment; writes go on unseen. */
  freeze() {
    this.#snapshot = new Map(this.entries);
    this.reads = 'stale';
  }

  heal() {
    this.reads = 'ok';
    this.writes = 'ok';
    this.delayMs = 0;
  }

  async #answer(request, response) {
    const body = await bodyOf(request);
    if (body === null) return;
    const url = new URL(request.url, 'http://kv');
    const key = decodeURIComponent(url.pathname.slice(1));
    if (this.delayMs) await new Promise((done) => setTimeout(done, this.delayMs));

    if (request.method === 'PUT' || request.method === 'DELETE') {
      if (this.writes === 'refusing') return end(response, 429, 'Too Many Requests');
      if (this.writes === 'spent') return end(response, 429, 'KV put() limit exceeded for the day.');
      if (this.writes === 'failing') return end(response, 500);
      if (request.method === 'DELETE') {
        this.entries.delete(key);
        return end(response, 200);
      }
      const ttl = url.searchParams.get('expiration_ttl');
      if (ttl !== null && !(Number(ttl) >= 60)) return end(response, 400, 'Invalid expiration_ttl');
      this.entries.set(key, { body, metadata: request.headers['cf-kv-metadata'], ttl });
      return end(response, 200);
    }

    if (this.reads === 'failing') return end(response, 500);
    const seen = { ok: this.entries, stale: this.#snapshot, empty: new Map() }[this.reads];
    if (request.method === 'POST' && key === 'bulk/get') {
      const { keys, withMetadata } = JSON.parse(body);
      const found = keys.map((name) => [name, bulkValue(seen.get(name), withMetadata)]);
      return end(response, 200, JSON.stringify(Object.fromEntries(found)));
    }
    if (key === '') return end(response, 200, JSON.stringify(list(seen, url.searchParams)));
    const entry = seen.get(key);
    if (!entry) return end(response, 404, 'Not Found');
    if (entry.metadata) response.setHeader('CF-KV-Metadata', entry.metadata);
    end(response, 200, entry.body);
  }
}

function end(response, status, body = '') {
  response.writeHead(status).end(body);
}

function bulkValue(entry, withMetadata) {
  if (!entry) return null;
  const value = entry.body.toString();
  return withMetadata ? { value, metadata: entry.metadata ?? null } : value;
}

function list(entries, query) {
  const names = [...entries.keys()].filter((name) => name.startsWith(query.get('prefix') ?? '')).sort();
  const from = Number(query.get('cursor') ?? 0);
  const until = from + Number(query.get('key_count_limit') ?? 1000);
  const list_complete = until >= names.length;
  const keys = names.slice(from, until).map((name) => ({ name }));
  return list_complete ? { keys, list_complete } : { keys, list_complete, cursor: String(until) };
}
