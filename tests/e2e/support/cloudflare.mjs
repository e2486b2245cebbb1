// A small stand-in for Cloudflare's API, as far as wrangler needs it to deploy: an account that has nothing yet. It
// keeps what goes up, and each call that changes something.
import http from 'node:http';
import { bodyOf } from './http.mjs';

/** The errors of the API that wrangler knows by their number. */
const NO_WORKER = { code: 10007, message: 'This Worker does not exist on your account.' };
const NO_SERVICE = { code: 10090, message: 'workers.api.error.service_not_found' };

export class Cloudflare {
  namespaces = [];
  buckets = [];
  /** The secrets by name. */
  secrets = {};
  /** The versions of the Worker, the last one first: {id, number, annotations, parts}. */
  versions = [];
  /** What was changed: "PUT /workers/scripts/leadhook". */
  changes = [];
  #server;

  static async start() {
    const cloudflare = new Cloudflare();
    cloudflare.#server = http.createServer((request, response) => cloudflare.#answer(request, response));
    await new Promise((done) => cloudflare.#server.listen(0, '127.0.0.1', done));
    return cloudflare;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((done) => this.#server.close(done));
  }

  /** Returns the environment in which wrangler talks to it. */
  get env() {
    return {
      CLOUDFLARE_API_TOKEN: 'a-token',
      CLOUDFLARE_ACCOUNT_ID: '0123456789abcdef0123456789abcdef',
      CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${this.#server.address().port}/client/v4`,
    };
  }

  async #answer(request, response) {
    const body = await bodyOf(request);
    const url = new URL(request.url, 'http://cloudflare');
    const path = url.pathname.replace(/^\/client\/v4(\/accounts\/[0-9a-f]{32})?/, '');
    if (request.method !== 'GET') this.changes.push(`${request.method} ${path}`);
    const { result, error, more } = await this.#handle(request, path, url.searchParams, body);
    const text = JSON.stringify({
      success: error === undefined,
      errors: error ? [error] : [],
      messages: [],
      result: result ?? null,
      ...more,
    });
    response.writeHead(error ? 404 : 200, { 'content-type': 'application/json' }).end(text);
  }

  async #handle({ method, headers }, path, query, body) {
    const json = () => JSON.parse(body.toString());
    const isPost = method === 'POST';
    const script = '/workers/scripts/leadhook';
    switch (path) {
      case '/storage/kv/namespaces':
        if (isPost) return { result: this.#add(this.namespaces, { id: '0a'.repeat(16), ...json() }) };
        return { result: Number(query.get('page') ?? 1) > 1 ? [] : this.namespaces };
      case '/r2/buckets':
        if (isPost)
          return { result: this.#add(this.buckets, { ...json(), creation_date: '2026-12-01T00:00:00Z' }) };
        return { result: { buckets: this.buckets } };
      case `${script}/secrets`:
        if (this.versions.length === 0) return { error: NO_WORKER };
        return { result: Object.keys(this.secrets).map((name) => ({ name, type: 'secret_text' })) };
      case `${script}/settings`:
        if (method === 'PATCH') await this.#patch(headers, body);
        return { result: { bindings: this.#bindings() } };
      case '/workers/scripts':
        return { result: this.versions.length === 0 ? [] : [{ id: 'leadhook', migration_tag: 'v1' }] };
      case '/workers/services/leadhook':
        return this.versions.length === 0 ? { error: NO_SERVICE } : { result: this.#service() };
      case script:
        await this.#upload(headers, body);
        return {
          result: { id: 'leadhook', startup_time_ms: 1, ...this.#service().default_environment.script },
        };
      case `${script}/versions`:
        if (isPost) {
          await this.#upload(headers, body);
          const { id } = this.versions[0];
          return { result: { id, startup_time_ms: 1, resources: { script: { etag: id } } } };
        }
        return { result: { items: this.versions.map(({ parts, ...version }) => version) } };
      case `${script}/deployments`:
        return this.versions.length === 0
          ? { error: NO_WORKER }
          : { result: { deployments: [this.#deployment()] } };
      case `${script}/assets-upload-session`:
        return { result: { jwt: 'all-known', buckets: [] } };
      case '/workers/subdomain':
      case `${script}/subdomain`:
        return { result: { subdomain: 'acme', enabled: true, previews_enabled: false } };
      default:
        return { result: path.startsWith('/r2/buckets/') ? this.buckets[0] : {} };
    }
  }

  #add(list, one) {
    list.push(one);
    return one;
  }

  #bindings() {
    return Object.keys(this.secrets).map((name) => ({ name, type: 'secret_text' }));
  }

  #service() {
    return {
      id: 'leadhook',
      default_environment: {
        environment: 'production',
        script: { last_deployed_from: 'wrangler', tag: 't', tags: [] },
      },
    };
  }

  #deployment() {
    const versions = [{ version_id: this.versions[0].id, percentage: 100 }];
    return {
      id: 'd',
      source: 'wrangler',
      strategy: 'percentage',
      created_on: '2026-12-01T00:00:00Z',
      versions,
    };
  }

  /** Takes a new version: its files by name, and in its metadata the bindings. */
  async #upload(headers, body) {
    const form = await formOf(headers, body);
    const metadata = JSON.parse(form.get('metadata'));
    const parts = new Map();
    for (const [name, part] of form)
      if (name !== 'metadata') parts.set(name, Buffer.from(await part.arrayBuffer()));
    for (const { name, type, text } of metadata.bindings)
      if (type === 'secret_text') this.secrets[name] = text;
    this.#version(metadata.annotations ?? {}, { metadata, parts });
  }

  /** Takes other secrets, which are a version of their own. */
  async #patch(headers, body) {
    const form = await formOf(headers, body);
    const { bindings } = JSON.parse(await textOf(form.get('settings')));
    for (const { name, type, text } of bindings)
      if (type === 'secret_text' && text) this.secrets[name] = text;
    this.#version({ 'workers/triggered_by': 'secret' }, this.versions[0]);
  }

  #version(annotations, { metadata, parts }) {
    const number = this.versions.length + 1;
    const created = {
      created_on: '2026-12-01T00:00:00Z',
      modified_on: '2026-12-01T00:00:00Z',
      source: 'wrangler',
    };
    this.versions.unshift({
      id: `version-${number}`,
      number,
      annotations,
      metadata: { ...metadata, ...created },
      parts,
    });
  }
}

const textOf = (part) => (typeof part === 'string' ? part : part.text());

const formOf = (headers, body) =>
  new Response(body, { headers: { 'content-type': headers['content-type'] } }).formData();
