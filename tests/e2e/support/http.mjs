// Plain HTTP requests and patient waiting: nothing here knows Leadhook.
import http from 'node:http';

/**
 * One request on a connection of its own; redirects are not followed.
 * @returns {Promise<{status: number, headers: object, text: string, json: any}>}
 */
export function send(base, method, path, { headers = {}, body } = {}) {
  return new Promise((done, failed) => {
    const { hostname, port } = new URL(base);
    // The path as it is: what a URL parser would mend is for the Worker to answer.
    const request = http.request({ hostname, port, path, method, headers, agent: false, timeout: 60_000 });
    request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path} in 60 s`)));
    request.on('error', failed);
    request.on('response', (response) => {
      const chunks = [];
      response.on('error', failed);
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const { statusCode: status, headers } = response;
        done({
          status,
          headers,
          text,
          get json() {
            return JSON.parse(text);
          },
        });
      });
    });
    request.end(body);
  });
}

/**
 * Waits until `check` returns something truthy, and returns it; its last word is in the error.
 * An error that is `final` ends the wait.
 */
export async function until(what, check, seconds = 40) {
  const end = Date.now() + seconds * 1000;
  for (let last; ; await sleep(50)) {
    try {
      const found = await check();
      if (found) return found;
      last = found;
    } catch (error) {
      if (error.final) throw error;
      last = error;
    }
    if (Date.now() > end)
      throw new Error(`${what}: not within ${seconds} s (last: ${last?.message ?? last})`);
  }
}

/** The body of a request to a server, or nothing where its sender was killed in the middle of it. */
export async function bodyOf(request) {
  const chunks = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return null;
  }
  return Buffer.concat(chunks);
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** A port that was free a moment ago. */
export async function freePort() {
  const server = http.createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Is anybody listening there? */
export function answers(port) {
  return send(`http://127.0.0.1:${port}`, 'GET', '/').then(
    () => true,
    (error) => error.code !== 'ECONNREFUSED',
  );
}
