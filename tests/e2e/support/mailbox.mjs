// An e-mail provider's HTTP API, which keeps the mails instead of sending them.
import http from 'node:http';
import { bodyOf, until } from './http.mjs';
import { SECRETS } from './receiver.mjs';

export class Mailbox {
  /** Every mail that was taken, as its JSON body, in order of arrival. */
  mails = [];
  /** Requests that no provider would take; a test fails on them. */
  refused = [];
  /** The number of next mails that are answered with 503. */
  failures = 0;
  #unread = [];
  #server;
  #token;

  static async start(token = SECRETS.MAIL_API_TOKEN) {
    const mailbox = new Mailbox();
    mailbox.#token = token;
    mailbox.#server = http.createServer((request, response) => mailbox.#receive(request, response));
    await new Promise((done) => mailbox.#server.listen(0, '127.0.0.1', done));
    mailbox.url = `http://127.0.0.1:${mailbox.#server.address().port}/mail`;
    return mailbox;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  /** The mails to an address. */
  to(email) {
    return this.mails.filter(({ To }) => To === email);
  }

  /** Waits for the next mail to an address; each is returned once. */
  next(email) {
    return until(`a mail to ${email}`, () => {
      const at = this.#unread.findIndex(({ To }) => To === email);
      return at >= 0 && this.#unread.splice(at, 1)[0];
    });
  }

  async #receive(request, response) {
    const read = await bodyOf(request);
    if (read === null) return;
    const { method, url, headers } = request;
    const body = read.toString();
    const refuse = (status, reason) => {
      this.refused.push({ method, url, headers, body, reason });
      response.writeHead(status).end();
    };
    if (method !== 'POST' || url !== '/mail') return refuse(404, 'not the address');
    if (headers.authorization !== `Bearer ${this.#token}`) return refuse(401, 'not the token');
    if (!/^application\/json\b/.test(headers['content-type'] ?? '')) return refuse(415, 'not called JSON');
    let mail;
    try {
      mail = JSON.parse(body);
    } catch {
      return refuse(400, 'not JSON');
    }
    if (this.failures > 0) {
      this.failures -= 1;
      return response.writeHead(503).end();
    }
    this.mails.push(mail);
    this.#unread.push(mail);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
  }
}

/** The two links in a mail's text: {confirm, withdraw}. */
export function links({ TextBody }) {
  const link = (path) => TextBody.match(new RegExp(`https?://\\S+/${path}/\\S+`))?.[0];
  return { confirm: link('confirm'), withdraw: link('withdraw') };
}
