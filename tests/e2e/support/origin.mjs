// Origins in front of a world. One stays the same over restarts, and is there before the Worker, which is told it as its
// own.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { ASSETS } from './world.mjs';

async function listen(answer) {
  const server = http.createServer(answer);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/**
 * Hands every request on to a world. `world` is a function.
 * @param more makes of a path the headers that its response gets beside the world's
 * @returns {Promise<{url: string, stop: () => Promise<void>}>}
 */
export function serveWorld(world, more = () => ({})) {
  return listen((request, response) => {
    const { method, url, headers } = request;
    const onward = http.request(new URL(url, world().url), { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode, { ...answer.headers, ...more(url) });
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
}

/** Serves a copy of the scripts for pages, as somebody may who has nothing else of Leadhook. */
export function serveCopy() {
  return listen((request, response) => {
    const file = path.join(ASSETS, path.basename(request.url.split('?')[0]));
    if (!file.endsWith('.js') || !fs.existsSync(file)) return response.writeHead(404).end();
    const headers = { 'Content-Type': 'text/javascript; charset=utf-8', 'Access-Control-Allow-Origin': '*' };
    return response.writeHead(200, headers).end(fs.readFileSync(file));
  });
}
