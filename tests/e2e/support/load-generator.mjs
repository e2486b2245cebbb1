// Load from many connections that post at once, with the answers that they got.
import http from 'node:http';
import fs from 'node:fs';
import { limits } from '../../../scripts/data.mjs';
import { person } from './campaigns.mjs';
import { sleep } from './http.mjs';

/** Between two posts of a connection, at most: together they stay below what a shared machine takes. */
const LONGEST_PAUSE_MS = 400;
const BAD_SHARE = 0.01;
const MAX_BODY_BYTES = limits.body_bytes;
/** Posts that nobody may accept, each with its answer. */
const BAD = [
  ['{"email":', 'application/json', 400],
  [JSON.stringify({ email: 'nobody', consent: { newsletter: true } }), 'application/json', 422],
  [JSON.stringify({ email: 'p1@example.org' }), 'application/json', 422],
  ['email=p1%40example.org', 'text/plain', 415],
  [`{"name":"${'x'.repeat(70_000)}"}`, 'application/json', 413],
];
/** Before a post that was not accepted is repeated. */
const COME_AGAIN_MS = 500;

export class LoadGenerator {
  /** Of every 202, by its submission's id: the e-mail address. */
  accepted = new Map();
  /** The number of answers by status; by the error's code where the connection broke. */
  statuses = {};
  /** Answers that nobody should get, the first few. */
  wrong = [];
  isOver = false;

  constructor(world, campaign, connections, roll) {
    Object.assign(this, { world, campaign, connections, roll });
    // The runtime closes a connection that was idle for five seconds and does not say so before. Taken
    // in turn, none is idle so long; the one used last taken first, some are, and break as they are used.
    this.agent = new http.Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
  }

  /** Posts until `isOver`; every good post is repeated until it is accepted. */
  async run() {
    await Promise.all(Array.from({ length: this.connections }, () => this.#connection()));
    this.agent.destroy();
  }

  async #connection() {
    while (!this.isOver) {
      await sleep(this.roll() * LONGEST_PAUSE_MS);
      if (this.roll() < BAD_SHARE) await this.#bad();
      else await this.#good(person());
    }
  }

  async #bad() {
    const [body, type, expected] = BAD[Math.floor(this.roll() * BAD.length)];
    const answer = await this.#post(body, type);
    if (answer && ![expected, 503].includes(answer.status)) this.#note(expected, answer);
  }

  async #good(someone) {
    const body = JSON.stringify(someone);
    for (;;) {
      const answer = await this.#post(body, 'application/json');
      if (answer?.status === 202) {
        this.accepted.set(JSON.parse(answer.text).submission_id, someone.email);
        return;
      }
      if (answer && answer.status !== 503) return this.#note(202, answer);
      await sleep(COME_AGAIN_MS);
    }
  }

  #note(expected, { status, text }) {
    if (this.wrong.length < 10) this.wrong.push(`${status} instead of ${expected}: ${text.slice(0, 200)}`);
  }

  #post(body, type) {
    const { promise, done } = later();
    let broken;
    const failed = (error) => {
      broken = error.code;
      done(null);
    };
    // A body that is too large is answered and cut off: on a connection of its own.
    const agent = body.length > MAX_BODY_BYTES ? false : this.agent;
    const options = { method: 'POST', agent, headers: { 'Content-Type': type }, timeout: 60_000 };
    const request = http.request(`${this.world.url}/c/${this.campaign}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => done({ status: response.statusCode, text })).on('error', failed);
    });
    request.on('timeout', () => request.destroy()).on('error', failed);
    request.end(body);
    return promise.then((answer) => {
      const status = answer?.status ?? (agent ? broken : 413);
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      return answer;
    });
  }
}

function later() {
  let done;
  const promise = new Promise((resolve) => (done = resolve));
  return { promise, done };
}

/** Keeps of a webhook what the audit needs: half an hour of whole ones would not fit into memory. */
export function inShort({ id, payload, status }) {
  const { contact, lead_id } = payload.data;
  return {
    id,
    status,
    payload: { type: payload.type, data: { contact: { email: contact.email }, lead_id } },
  };
}

/** Memory of the runtime in MB. */
export function residentMb(world) {
  const kb = fs.readFileSync(`/proc/${world.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1];
  return Number(kb) / 1024;
}
