// A world for one test file: the built Worker under plain workerd, its state in a folder of its
// own, and a KV that can be broken. Nothing of the Worker is replaced.
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { startAssets } from './assets.mjs';
import { send, until } from './http.mjs';
import { KvService } from './kv-service.mjs';
import { SECRETS } from './receiver.mjs';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
/** Names the build to run and its compatibility settings. */
const WRANGLER = process.env.LEADHOOK_WRANGLER ?? path.join(ROOT, 'wrangler.toml');
const WORKERD = createRequire(import.meta.url)('workerd').default;
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
  #child;
  #kvChild;

  /**
   * @param {{vars?: object, main?: string}} options `vars`: text bindings beside the usual ones, or instead
   * of them; `main`: the first module of another Worker that has the same bindings; `kvModule`: a Worker
   * in the same runtime that stands behind the KV binding, instead of a KV that can be broken; `kvApart`: that
   * Worker has a runtime of its own, which outlives restarts; `around`: a first module that is put beside
   * the Worker's own and imports it, with the files `beside` it; `state`: a folder that its state begins
   * as a copy of
   */
  static async start({ vars = {}, main, kvModule, kvApart = false, around, beside = [], state } = {}) {
    const world = new World();
    Object.assign(world, { main, kvModule, kvApart, around, beside });
    world.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-e2e-'));
    folders.add(world.folder);
    world.state = path.join(world.folder, 'state');
    if (state) fs.cpSync(state, world.state, { recursive: true });
    else fs.mkdirSync(world.state);
    if (!kvModule) world.kv = await KvService.start();
    world.assets = await startAssets();
    world.adminToken = `admin-${randomBytes(24).toString('hex')}`;
    world.vars = {
      LEADHOOK_ENV: 'dev',
      LEADHOOK_PEPPERS: `p1:${newKey()}`,
      LEADHOOK_SEALING_KEYS: `s1:${newKey()}`,
      LEADHOOK_ADMIN_TOKEN: world.adminToken,
      ...SECRETS,
      ...vars,
    };
    if (kvApart) await world.#startKv();
    writeConfig(world);
    await world.startAgain();
    return world;
  }

  /** Starts the runtime on the folder as it is. The port is another one each time. */
  async startAgain() {
    const { child, url } = this.#serve('config.capnp');
    this.#child = child;
    this.url = await url('http');
    if (this.kvModule && !this.kvApart) this.kvUrl = await url('kv');
    await until('the Worker answers', () => this.request('GET', '/healthz'));
  }

  async #startKv() {
    writeKvConfig(this);
    const { child, url } = this.#serve('kv.capnp');
    this.#kvChild = child;
    this.kvUrl = await url('kv');
  }

  /** Starts a runtime. `url` promises where a socket of it listens. */
  #serve(config) {
    const child = spawn(WORKERD, ['serve', config, '--control-fd=3'], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.stdout.setEncoding('utf8').on('data', (text) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    let control = '';
    child.stdio[3].setEncoding('utf8').on('data', (text) => (control += text));
    const port = (socket) =>
      until('workerd listens', () => {
        if (!running.has(child))
          throw Object.assign(new Error(`workerd ended: ${this.stderr.slice(-2000)}`), { final: true });
        return control.match(new RegExp(`"socket":"${socket}","port":(\\d+)`))?.[1];
      });
    return { child, url: async (socket) => `http://127.0.0.1:${await port(socket)}` };
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
    writeConfig(this);
    await this.startAgain();
  }

  /** Ends the world; the folder goes with it. */
  async stop() {
    await this.kill();
    await end(this.#kvChild, 'SIGKILL');
    await this.kv?.stop();
    await this.assets.stop();
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

const setting = (pattern, otherwise) => fs.readFileSync(WRANGLER, 'utf8').match(pattern)?.[1] ?? otherwise;
const compatibilityDate = () => setting(/^compatibility_date\s*=\s*"([^"]+)"/m, '2026-04-01');

const KV_SOCKET = '(name = "kv", address = "127.0.0.1:0", http = (), service = "kv"),';

/** KV's Worker as a service of a runtime. */
function kvService(world) {
  fs.copyFileSync(world.kvModule, path.join(world.folder, 'kv.mjs'));
  const module = '(name = "kv.mjs", esModule = embed "kv.mjs")';
  return `(name = "kv", worker = (modules = [${module}], compatibilityDate = ${text(compatibilityDate())})),`;
}

function kvElsewhere({ kv, kvUrl }) {
  const port = kv?.port ?? new URL(kvUrl).port;
  return `(name = "kv", external = (address = "127.0.0.1:${port}", http = ())),`;
}

/** Of KV's Worker in a runtime of its own. */
function writeKvConfig(world) {
  fs.writeFileSync(
    path.join(world.folder, 'kv.capnp'),
    `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${kvService(world)}], sockets = [${KV_SOCKET}]);
`,
  );
}

function writeConfig(world) {
  const built = path.resolve(path.dirname(WRANGLER), setting(/^main\s*=\s*"([^"]+)"/m, 'build/index.js'));
  const main = world.main ?? built;
  const flags = setting(/^compatibility_flags\s*=\s*\[([^\]]*)\]/m, '');
  // A copy, so that a build in the meantime changes nothing under a running test. What begins with
  // a dot is a build that is under way.
  const worker = path.join(world.folder, 'worker');
  const finished = (file) => !path.basename(file).startsWith('.');
  fs.cpSync(path.dirname(main), worker, { recursive: true, filter: finished });
  const kinds = { '.js': 'esModule', '.mjs': 'esModule', '.wasm': 'wasm' };
  if (world.around) fs.copyFileSync(world.around, path.join(worker, path.basename(world.around)));
  for (const file of world.beside) fs.copyFileSync(file, path.join(worker, path.basename(file)));
  const first = path.basename(world.around ?? main);
  const files = fs
    .readdirSync(worker, { recursive: true })
    .filter((file) => file !== first && kinds[path.extname(file)]);
  const modules = [first, ...files.sort()].map(
    (file) => `(name = ${text(file)}, ${kinds[path.extname(file)]} = embed ${text(`worker/${file}`)})`,
  );
  const variables = Object.entries(world.vars).map(
    ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
  );
  const isKvWithin = world.kvModule && !world.kvApart;
  fs.writeFileSync(
    path.join(world.folder, 'config.capnp'),
    `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .leadhook),
    ${isKvWithin ? kvService(world) : kvElsewhere(world)}
    (name = "assets", external = (address = "127.0.0.1:${world.assets.port}", http = ())),
    (name = "state", disk = (path = ${text(world.state)}, writable = true)),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:0", http = (), service = "main"),
    ${isKvWithin ? KV_SOCKET : ''}
  ],
);
const leadhook :Workerd.Worker = (
  modules = [${modules.join(', ')}],
  compatibilityDate = ${text(compatibilityDate())},
  compatibilityFlags = [${flags}],
  bindings = [
    (name = "KV", kvNamespace = "kv"),
    (name = "ASSETS", service = "assets"),
    (name = "LEDGER", durableObjectNamespace = (className = "Ledger")),
    ${variables.join(', ')}
  ],
  durableObjectNamespaces = [(className = "Ledger", uniqueKey = "leadhook-ledger", enableSql = true)],
  durableObjectStorage = (localDisk = "state"),
);
`,
  );
}

const text = (value) => JSON.stringify(value);
