// A site of somebody's own, on an origin of its own, with a policy that lets in what it says and nothing
// more.
import http from 'node:http';

export const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/**
 * Serves pages.
 * @param page makes of a path `{head, body, policy}`; `policy` goes beside `default-src 'none'`
 * @returns {Promise<{url: string, stop: () => Promise<void>}>}
 */
export async function serveSite(page) {
  const server = http.createServer((request, response) => {
    const { head = '', body, policy } = page(decodeURIComponent(request.url.split('?')[0]));
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': `default-src 'none'; img-src data:; ${policy}`,
      'Referrer-Policy': 'unsafe-url',
    });
    response.end(`<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width"><title>Site</title>
      <link rel="icon" href="data:,">${head}</head><body><main>${body}</main></body></html>`);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(done);
      }),
  };
}
