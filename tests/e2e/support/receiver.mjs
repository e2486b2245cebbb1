// A CRM's webhook endpoint. Every request is verified with npm `standardwebhooks`, which others
// wrote; what does not verify is kept in `refused`, and a test fails on it.
import http from 'node:http';
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { bodyOf } from './http.mjs';

export const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

/** The secrets that the tests' campaigns name, and that every world knows. */
export const SECRETS = {
  CRM_WEBHOOK_SECRET: newSecret(),
  ERP_WEBHOOK_SECRET: newSecret(),
  SALES_WEBHOOK_SECRET: newSecret(),
  MAIL_API_TOKEN: randomBytes(24).toString('base64url'),
};

export class Receiver {
  /** Every verified request in order of arrival: {id, body, payload, headers, at, status}. */
  deliveries = [];
  refused = [];
  /**
   * Its answer: {status, headers}, 'hang', or a function of the delivery that returns one of them.
   * `deliveries` already holds the delivery when the function is called.
   */
  answer = { status: 204 };
  /** Returns the part of a delivery that is kept. */
  remember = (delivery) => delivery;
  /** The milliseconds by which its clock may be ahead of this machine's. */
  clocksMs = [0];
  #server;
  #verifier;

  static async start(secret = SECRETS.CRM_WEBHOOK_SECRET) {
    const receiver = new Receiver();
    receiver.#verifier = new Webhook(secret);
    await receiver.up();
    return receiver;
  }

  /** The milliseconds by which its clock is ahead of this machine's. */
  get clockMs() {
    return this.clocksMs[0];
  }

  set clockMs(ms) {
    this.clocksMs = [ms];
  }

  get url() {
    return `http://127.0.0.1:${this.port}/hooks/leads`;
  }

  /** Listens, on the same port as before where there was one. */
  async up() {
    this.#server = http.createServer((request, response) => this.#receive(request, response));
    await new Promise((done, failed) => {
      this.#server.once('error', failed).listen(this.port ?? 0, '127.0.0.1', done);
    });
    this.port = this.#server.address().port;
  }

  /** Closes the port: connections are refused. */
  async down() {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  /** The deliveries to one e-mail address, or to all that a function picks. */
  to(email) {
    return this.deliveries.filter(({ payload }) => payload.data.contact?.email === email);
  }

  /** Those that were answered with 2xx. */
  get confirmed() {
    return this.deliveries.filter(({ status }) => status >= 200 && status < 300);
  }

  /** By its own clock, which the verifier asks for. */
  #verify(body, headers) {
    const { now } = Date;
    let refusal;
    for (const clockMs of this.clocksMs) {
      Date.now = () => now() + clockMs;
      try {
        return this.#verifier.verify(body, headers);
      } catch (error) {
        refusal = error;
      } finally {
        Date.now = now;
      }
    }
    throw refusal;
  }

  async #receive(request, response) {
    const read = await bodyOf(request);
    if (read === null) return;
    const { method, url, headers } = request;
    const body = read.toString();
    let payload;
    try {
      if (method !== 'POST') throw new Error(`${method} instead of POST`);
      payload = this.#verify(body, headers);
    } catch (error) {
      this.refused.push({ method, url, headers, body, reason: error.message });
      return response.writeHead(401).end();
    }
    const delivery = this.remember({
      id: headers['webhook-id'],
      body,
      payload,
      headers,
      at: Date.now(),
      status: 0,
    });
    this.deliveries.push(delivery);
    const answer = typeof this.answer === 'function' ? this.answer(delivery) : this.answer;
    if (answer === 'hang') return;
    delivery.status = answer.status;
    response.writeHead(answer.status, answer.headers).end();
  }
}
