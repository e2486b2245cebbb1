// A world for one test file: the built Worker under plain workerd, by the configuration that `leadhook dev` runs with,
// and its state in a folder of its own. Nothing of the Worker is replaced.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { modulesOf, PLATFORM, writeConfig } from '../../../npm/lib/config.mjs';
import { serve } from '../../../npm/lib/workerd.mjs';
import { send, until } from './http.mjs';
import { KvService } from './kv-service.mjs';
import { SECRETS } from './receiver.mjs';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
/** The folder of the build to run. */
const BUILD = process.env.LEADHOOK_BUILD ?? path.join(ROOT, 'build');
/** What `make assets` builds. */
export const ASSETS = path.join(ROOT, 'assets');
const running = new Set();
const folders = new Set();

/** A key as a keyring holds it. */
export const newKey = () => randomBytes(32).toString('base64');

/** A signing key as its ring holds it: the seed and its public half. */
export function newSigningKey() {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return Buffer.concat([d, x].map((part) => Buffer.from(part, 'base64url'))).toString('base64');
}

/** The origin of links; `World.open` follows them. */
export const PUBLIC_URL = 'https://leads.example.com';

/** Settings without which there are no receipts, no lists and no links. */
export const consentVars = () => ({
  LEADHOOK_SIGNING_KEYS: `r1:${newSigningKey()}`,
  LEADHOOK_LIST_KEYS: `l1:${newKey()}`,
  LEADHOOK_PUBLIC_URL: PUBLIC_URL,
});

// Also where a test ended before it could clean up.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

export class World {
  /** Everything that the Worker and the runtime printed, over all restarts. */
  stdout = '';
  stderr = '';
  /** Every answer that a request of a test got. */
  answers = [];
  #options;
  #child;
  #kvChild;

  /**
   * @param {object} options
   * @param {object} [options.vars] text bindings beside the usual ones, or instead of them
   * @param {string} [options.main] the first module of another Worker that has the same bindings
   * @param {boolean} [options.breaksKv] the KV is `world.kv`, which can be broken
   * @param {string} [options.kvModule] a Worker that is the KV, in a runtime of its own, which outlives restarts
   * @param {string} [options.around] a first module that is put beside the Worker's own and imports it
   * @param {string[]} [options.beside] the files that go with it
   * @param {string} [options.state] a folder that its state begins as a copy of
   * @param {string[]} [options.assets] the folders with static assets
   * @param {string} [options.files] the folder with the files that campaigns give
   * @param {Record<string, number>} [options.limits] other rate limits by name
   */
  static async start(options = {}) {
    const { vars = {}, kvModule, breaksKv, state } = options;
    const world = new World();
    world.#options = options;
    world.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-e2e-'));
    folders.add(world.folder);
    world.state = path.join(world.folder, 'state');
    if (state) fs.cpSync(state, world.state, { recursive: true });
    if (breaksKv) world.kv = await KvService.start();
    world.adminToken = `admin-${randomBytes(24).toString('hex')}`;
    world.vars = {
      LEADHOOK_ENV: 'dev',
      LEADHOOK_PEPPERS: `p1:${newKey()}`,
      LEADHOOK_SEALING_KEYS: `s1:${newKey()}`,
      LEADHOOK_ADMIN_TOKEN: world.adminToken,
      ...SECRETS,
      ...vars,
    };
    if (kvModule) await world.#startKv(kvModule);
    world.#copyWorker();
    await world.startAgain();
    return world;
  }

  /** Starts the runtime on the folder as it is. The port is another one each time. */
  async startAgain() {
    const { assets = [ASSETS], files, limits } = this.#options;
    const config = writeConfig({
      folder: this.folder,
      modules: this.#modules(),
      names: Object.keys(this.vars),
      assets,
      files,
      limits,
      state: this.state,
      address: '127.0.0.1:0',
      // As on Cloudflare: tests say for themselves where a visitor is.
      addressHeader: 'cf-connecting-ip',
      kv: this.#kvAddress(),
    });
    const { child, port } = await this.#serve(config, this.vars);
    this.#child = child;
    this.url = `http://127.0.0.1:${port}`;
    await until('the Worker answers', () => this.request('GET', '/healthz'));
  }

  #kvAddress() {
    if (this.kv) return `127.0.0.1:${this.kv.port}`;
    return this.kvUrl && new URL(this.kvUrl).host;
  }

  async #startKv(module) {
    const folder = path.join(this.folder, 'kv');
    fs.mkdirSync(folder);
    fs.copyFileSync(module, path.join(folder, 'kv.mjs'));
    const code = '(name = "kv.mjs", esModule = embed "kv.mjs")';
    const config = path.join(folder, 'config.capnp');
    fs.writeFileSync(
      config,
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "kv", worker = (modules = [${code}], compatibilityDate = "${PLATFORM.compatibility_date}"))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "kv")],
);
`,
    );
    const { child, port } = await this.#serve(config, {});
    this.#kvChild = child;
    this.kvUrl = `http://127.0.0.1:${port}`;
  }

  #serve(config, env) {
    return serve(config, {
      env,
      onText: (text, stream) => (this[stream] += text),
      onStart: (child) => {
        running.add(child);
        child.once('exit', () => running.delete(child));
      },
    });
  }

  // A copy, so that a build in the meantime changes nothing under a running test.
  #copyWorker() {
    const { main = path.join(BUILD, 'index.js'), around, beside = [] } = this.#options;
    const worker = path.join(this.folder, 'worker');
    fs.mkdirSync(worker);
    const files = modulesOf(path.dirname(main)).map(([, file]) => file);
    for (const file of [...files, ...beside, ...(around ? [around] : [])])
      fs.copyFileSync(file, path.join(worker, path.basename(file)));
  }

  /** Returns the modules: one that is put around the Worker first. */
  #modules() {
    const all = modulesOf(path.join(this.folder, 'worker'));
    const name = this.#options.around && path.basename(this.#options.around);
    return all.sort(([one], [other]) => (other === name) - (one === name));
  }

  /** The runtime's process. */
  get pid() {
    return this.#child.pid;
  }

  /** The process of KV's Worker, where it has one of its own. */
  get kvPid() {
    return this.#kvChild?.pid;
  }

  /** Ends the runtime at once, as a power cut would. */
  kill(signal = 'SIGKILL') {
    return end(this.#child, signal);
  }

  /** @param vars text bindings that change with the restart */
  async restart(signal = 'SIGTERM', vars = {}) {
    await this.kill(signal);
    Object.assign(this.vars, vars);
    await this.startAgain();
  }

  /** Ends the world; the folder goes with it. */
  async stop() {
    await this.kill();
    await end(this.#kvChild, 'SIGKILL');
    await this.kv?.stop();
    fs.rmSync(this.folder, { recursive: true, force: true });
    folders.delete(this.folder);
  }

  async request(method, path, options) {
    const answer = await send(this.url, method, path, options);
    const { status, headers, text } = answer;
    this.answers.push({ request: `${method} ${path}`, status, headers, text });
    return answer;
  }

  postJson(campaign, value, headers = {}) {
    const body = typeof value === 'string' ? value : JSON.stringify(value);
    return this.request('POST', `/c/${campaign}`, {
      headers: { 'Content-Type': 'application/json', ...headers },
      body,
    });
  }

  /** @param entries list of [name, value], an object, or the encoded text itself */
  postForm(campaign, entries, headers = {}) {
    const body = typeof entries === 'string' ? entries : new URLSearchParams(entries).toString();
    const type = { 'Content-Type': 'application/x-www-form-urlencoded', ...headers };
    return this.request('POST', `/c/${campaign}`, { headers: type, body });
  }

  async postMultipart(campaign, entries, headers = {}) {
    const form = new FormData();
    for (const [name, value] of entries) form.append(name, value);
    const encoded = new Response(form);
    const type = { 'Content-Type': encoded.headers.get('content-type'), ...headers };
    return this.request('POST', `/c/${campaign}`, {
      headers: type,
      body: Buffer.from(await encoded.arrayBuffer()),
    });
  }

  /** Opens a link of a mail or a receipt, or posts to it. */
  open(link, method = 'GET', options) {
    if (!link?.startsWith(`${PUBLIC_URL}/`)) throw new Error(`not a link of ours: ${link}`);
    return this.request(method, link.slice(PUBLIC_URL.length), options);
  }

  admin(method, path, value, token = this.adminToken) {
    const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
    if (value !== undefined) headers['Content-Type'] = 'application/json';
    return this.request(method, `/admin/api/${path}`, { headers, body: value && JSON.stringify(value) });
  }

  /** The admin's answer, which must be a 200. */
  async ask(method, path, value) {
    const answer = await this.admin(method, path, value);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  async publish(...campaigns) {
    for (const campaign of campaigns) await this.ask('PUT', `campaigns/${campaign.id}`, campaign);
  }

  counters(campaign) {
    return this.ask('GET', `counters?campaign=${campaign}`);
  }

  /** The deliveries of a campaign, oldest first as the admin API lists them, over all its pages. */
  async deliveries(campaign, state) {
    const all = [];
    for (let after = ''; after !== null; ) {
      const query = new URLSearchParams({
        campaign,
        limit: '100',
        ...(state && { state }),
        ...(after && { after }),
      });
      const page = await this.ask('GET', `deliveries?${query}`);
      all.push(...page.deliveries);
      after = page.next;
    }
    return all;
  }

  /** Waits until a campaign owes nothing to anybody. */
  settled(campaign) {
    return until(`nothing of ${campaign} is pending`, async () => {
      const counters = await this.counters(campaign);
      if (counters.accepted > 0 && counters.states.pending === 0) return counters;
      throw new Error(JSON.stringify(counters));
    });
  }
}

/** Ends a runtime, where it has not ended. */
async function end(child, signal) {
  if (!running.has(child)) return;
  const ended = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  await ended;
}
