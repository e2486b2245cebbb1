// The files that the Worker's platform serves as they are (assets/, made by `make assets`), with the headers
// of web/_headers, and the Worker behind them, or before them where wrangler.toml says so: one origin, as it
// is when deployed.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ASSETS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../assets');
/** `run_worker_first` of wrangler.toml. */
const WORKER_FIRST = /^\/admin/;
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

/** The rules of a _headers file: [{pattern, headers}]. */
function rulesOf(text) {
  const rules = [];
  for (const line of text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'))) {
    if (/^\s/.test(line)) {
      const [, name, value] = line.match(/^\s+([^:]+):\s*(.*)$/);
      rules.at(-1).headers[name] = value;
    } else {
      const escaped = line
        .trim()
        .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*');
      rules.push({ pattern: new RegExp(`^${escaped}$`), headers: {} });
    }
  }
  return rules;
}

/** Answers with a file of assets/, as Cloudflare finds it: /admin is admin.html. False where there is none. */
export function answerAsset(request, response) {
  const { pathname } = new URL(request.url, 'http://assets');
  const name = path.basename(pathname);
  const found =
    name &&
    !name.startsWith('_') &&
    pathname === `/${name}` &&
    [name, `${name}.html`]
      .map((file) => path.join(ASSETS, file))
      .find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile());
  if (!found) return false;
  const rules = rulesOf(fs.readFileSync(path.join(ASSETS, '_headers'), 'utf8'));
  const headers = Object.assign(
    {},
    ...rules.filter(({ pattern }) => pattern.test(pathname)).map((rule) => rule.headers),
  );
  response
    .writeHead(200, { 'Content-Type': TYPES[path.extname(found)] ?? 'application/octet-stream', ...headers })
    .end(fs.readFileSync(found));
  return true;
}

/**
 * Starts the service behind the Worker's binding of its files.
 * @returns {Promise<{port: number, stop: () => Promise<void>}>}
 */
export async function startAssets() {
  const server = http.createServer((request, response) => {
    if (!answerAsset(request, response)) response.writeHead(404).end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: server.address().port,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Hands a request on to a world. */
export function proxy(world, request, response) {
  const { method, url, headers } = request;
  const onward = http.request(new URL(url, world.url), { method, headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

/**
 * Serves assets/, and the Worker for everything else. `world` is a function, for the Worker may be told the
 * address as its own and so start after it.
 * @returns {Promise<{url: string, stop: () => Promise<void>}>}
 */
export async function serveAssets(world) {
  const server = http.createServer((request, response) => {
    if (WORKER_FIRST.test(request.url) || !answerAsset(request, response)) proxy(world(), request, response);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
