// The example campaigns and landing pages.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { answerAsset, proxy } from './assets.mjs';
import { ROOT } from './world.mjs';

const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css' };

/** An example campaign as `leadhook check --json` prints it, its destinations turned to receivers by name. */
export function exampleCampaign(id, receivers) {
  const cli = process.env.LEADHOOK_CLI ?? path.join(ROOT, 'target/release/leadhook');
  const file = path.join(ROOT, 'examples/campaigns', `${id}.toml`);
  const printed = execFileSync(cli, ['check', file, '--json'], { encoding: 'utf8' });
  const campaign = JSON.parse(printed);
  for (const destination of campaign.destination) destination.url = receivers[destination.name].url;
  return campaign;
}

/** Addresses that the Worker answers, and not a file. */
const OF_THE_WORKER = /^\/(c|d|f|confirm|withdraw)\//;
/** Pages that need nothing inline, and nothing from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'";

/**
 * Serves examples/pages and assets/, and hands what is the Worker's on to it, so that all have one origin.
 * `world` is a function: the Worker is told the pages' address as its own, so it starts after them.
 */
export async function servePages(world) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://pages');
    if (OF_THE_WORKER.test(pathname)) return proxy(world(), request, response);
    if (answerAsset(request, response)) return undefined;
    const file = path.join(ROOT, 'examples/pages', pathname === '/' ? 'index.html' : path.basename(pathname));
    fs.readFile(file, (error, body) => {
      if (error) return response.writeHead(404).end();
      const headers = {
        'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream',
        'Content-Security-Policy': POLICY,
      };
      response.writeHead(200, headers).end(body);
    });
    return undefined;
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
