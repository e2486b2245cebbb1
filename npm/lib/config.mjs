// The configuration of plain workerd, of which development and the tests are made. wrangler.jsonc says what the Worker
// needs; here is what does it on a machine of one's own.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const RUNTIME = join(PACKAGE, 'runtime');
/** What wrangler.jsonc says. */
export const PLATFORM = JSON.parse(
  readFileSync(join(PACKAGE, 'wrangler.jsonc'), 'utf8').replace(/^\s*\/\/.*$/gm, ''),
);
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/vnd.microsoft.icon',
  '.txt': 'text/plain; charset=utf-8',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
};
const MODULES = { '.js': 'esModule', '.mjs': 'esModule', '.wasm': 'wasm' };
/** The characters of a hash in an ETag: two versions of a file never share one. */
const ETAG_CHARACTERS = 22;

/** Writes a text as Cap'n Proto has it, which has no `\u`. */
const text = (value) => JSON.stringify(value).replace(/\\u00([0-9a-f]{2})/g, (_, hex) => `\\x${hex}`);

/** Returns the rules of a _headers file: [{pattern, headers}]. */
function rulesOf(source) {
  const rules = [];
  for (const line of source.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'))) {
    const header = /^\s+([^:]+):\s*(.*)$/.exec(line);
    if (header) rules.at(-1).headers[header[1].toLowerCase()] = header[2];
    else {
      const escaped = line.trim().replace(/[.+?^${}()|[\]\\]/g, '\\$&');
      rules.push({ pattern: new RegExp(`^${escaped.replaceAll('*', '.*')}$`), headers: {} });
    }
  }
  return rules;
}

/** Returns the entries of a file: at its address, and where its name leads there. */
function entriesOf(folder, name, root, rules) {
  const file = join(root, name);
  const path = `/${name.replaceAll('\\', '/').normalize('NFC')}`;
  const address = path.replace(/(\/index)?\.html$/, '') || '/';
  const matching = rules.filter(({ pattern }) => pattern.test(address)).map(({ headers }) => headers);
  const hash = createHash('sha256').update(readFileSync(file)).digest('base64url');
  const headers = Object.assign(
    {
      'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
      'cache-control': 'public, max-age=0, must-revalidate',
      etag: `"${hash.slice(0, ETAG_CHARACTERS)}"`,
    },
    ...matching,
  );
  const entries = [[encodeURI(address), { folder, name: path.slice(1), headers }]];
  if (address !== path) entries.push([encodeURI(path), { to: encodeURI(address) }]);
  return entries;
}

/** Returns what each address of the assets serves, by path. */
function filesOf(folders) {
  const rules = folders
    .map((folder) => join(folder, '_headers'))
    .filter((file) => existsSync(file))
    .flatMap((file) => rulesOf(readFileSync(file, 'utf8')));
  const entries = folders.flatMap((folder, at) =>
    readdirSync(folder, { recursive: true })
      .filter(
        (name) =>
          !/(^|[\\/])[_.]/.test(name) && statSync(join(folder, name), { throwIfNoEntry: false })?.isFile(),
      )
      .flatMap((name) => entriesOf(`FOLDER_${at}`, name, folder, rules)),
  );
  return Object.fromEntries(entries);
}

/** The period of the cron, in milliseconds: it rings every so many minutes. */
function cronMs() {
  const [cron] = PLATFORM.triggers.crons;
  const minutes = /^\*\/(\d+) \* \* \* \*$/.exec(cron)?.[1];
  if (!minutes) throw new Error(`the cron ${cron} is not one of every so many minutes`);
  return Number(minutes) * 60_000;
}

/** Returns the modules of the Worker: [name, file]. The first is the one with its entry points. */
export function modulesOf(folder) {
  const names = readdirSync(folder).filter((name) => MODULES[extname(name)] && name !== 'index.js');
  return ['index.js', ...names.sort()].map((name) => [name, join(folder, name)]);
}

/** Embeds a module. The path of a file is relative to the configuration's. */
const embedded = (folder, name, file) =>
  `name = ${text(name)}, ${MODULES[extname(file)]} = embed ${text(relative(folder, file).replaceAll('\\', '/'))}`;

const service = (name, code, bindings, more = '') => `const ${name} :Workerd.Worker = (
  modules = [${code.join(', ')}],
  compatibilityDate = ${text(PLATFORM.compatibility_date)},
  bindings = [
    ${bindings.filter(Boolean).join(',\n    ')},
  ],${more}
);
`;

const objects = (className, uniqueKey) => `
  durableObjectNamespaces = [(className = "${className}", uniqueKey = "${uniqueKey}", enableSql = true)],
  durableObjectStorage = (localDisk = "state"),`;

const wrapped = (name, module, inner) =>
  `(name = ${text(name)}, wrapped = (moduleName = "leadhook:${module}", innerBindings = [${inner.join(', ')}]))`;

/**
 * Writes a configuration into a folder, which it is served from.
 * @param {object} options
 * @param {string} options.folder
 * @param {[string, string][]} options.modules the Worker's modules, as of `modulesOf`
 * @param {string[]} options.names the names of the variables that become bindings; the values stay in the environment
 * @param {string[]} options.assets the folders with static assets
 * @param {string} [options.files] the folder behind the bucket; without one there is no bucket
 * @param {string} options.state the folder with everything that Leadhook keeps
 * @param {string} options.address where it listens, as in 127.0.0.1:8787
 * @param {string[]} [options.allow] the networks that it may send to
 * @param {string} [options.addressHeader] the header in which a proxy in front says where a visitor is
 * @param {string} [options.kv] where another KV listens, in place of its own
 * @param {Record<string, number>} [options.limits] other rate limits by name
 * @returns {string} the file
 */
export function writeConfig(options) {
  const { folder, modules, names, assets, files, state, address } = options;
  const { allow = ['public', 'private'], addressHeader, kv, limits = {} } = options;
  for (const needed of [folder, state]) mkdirSync(needed, { recursive: true });
  const [cron] = PLATFORM.triggers.crons;
  const manifest = { files: filesOf(assets), workerFirst: PLATFORM.assets.run_worker_first };
  const disk = (name, path, more = '') =>
    `(name = ${text(name)}, disk = (path = ${text(resolve(path))}${more}))`;
  const variables = names.map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`);
  const json = (name, value) => `(name = ${text(name)}, json = ${text(JSON.stringify(value))})`;
  const inner = (name, target) => `(name = ${text(name)}, service = ${text(target)})`;
  const rateLimits = PLATFORM.ratelimits.map(({ name, simple: { limit, period } }) =>
    wrapped(name, 'limit', [json('LIMIT', limits[name] ?? limit), json('PERIOD_S', period)]),
  );
  const bucket = files && wrapped('FILES', 'files', [inner('FOLDER', 'files')]);
  const folders = assets.map((_, at) => inner(`FOLDER_${at}`, `assets-${at}`));
  const named = (name) => `(name = "${name}", worker = .${name})`;
  const services = [
    named('leadhook'),
    kv ? `(name = "store", external = (address = ${text(kv)}, http = ()))` : named('store'),
    disk('state', state, ', writable = true'),
    files && disk('files', files),
    ...assets.map((path, at) => disk(`assets-${at}`, path)),
    `(name = "internet", network = (allow = [${allow.map(text).join(', ')}], tlsOptions = (trustBrowserCas = true)))`,
  ];
  const module = (name, file) => embedded(resolve(folder), name, resolve(file));
  const ours = (name) => join(RUNTIME, `${name}.js`);
  const extensions = ['assets', 'files', 'limit'].map(
    (name) => `(internal = true, ${module(`leadhook:${name}`, ours(name))})`,
  );
  // Whatever its file is called, the Worker is the module that start.js imports.
  const [[, first], ...others] = modules;
  const code = [['start.js', ours('start')], ['worker.js', first], ...others].map(
    ([name, file]) => `(${module(name, file)})`,
  );
  const bindings = [
    '(name = "KV", kvNamespace = "store")',
    '(name = "LEDGER", durableObjectNamespace = "Ledger")',
    wrapped('ASSETS', 'assets', [json('MANIFEST', manifest), ...folders]),
    bucket,
    ...rateLimits,
    `(name = "CRON", text = ${text(cron)})`,
    addressHeader && `(name = "ADDRESS_HEADER", text = ${text(addressHeader)})`,
    ...variables,
  ];
  const own = [
    '(name = "STORE", durableObjectNamespace = "Store")',
    '(name = "TICK", service = (name = "leadhook", entrypoint = "Tick"))',
    `(name = "CRON_EVERY_MS", json = "${cronMs()}")`,
  ];
  const file = join(folder, 'config.capnp');
  writeFileSync(
    file,
    `# Written by Leadhook. Secrets stay in the environment.
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${services.filter(Boolean).join(',\n    ')},
  ],
  sockets = [(name = "http", address = ${text(address)}, service = "leadhook")],
  extensions = [(modules = [
    ${extensions.join(',\n    ')},
  ])],
);
${service('leadhook', code, bindings, objects('Ledger', 'leadhook-ledger'))}
${kv ? '' : service('store', [`(${module('store.js', ours('store'))})`], own, objects('Store', 'leadhook-store'))}`,
  );
  return file;
}
