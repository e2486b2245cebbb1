// Receivers that send more than one answer. The runtime takes surplus bytes for the answer to the next
// request on the connection, so a failed request must be the last on its connection.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { World } from '../support/world.mjs';

/** Each lead is a chance for the bytes that its answer left behind. */
const LEADS = 20;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const SURPLUS = `${OK}${OK}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`;

/** The answer of somebody who does not take a lead, and how many milliseconds later more comes. */
const FAILURES = {
  'a 500 without a body': ['HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n'],
  'a 500 with a body': ['HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nabc'],
  'a 503 of no chunks': ['HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  'a redirect': ['HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 00\r\n\r\n'],
  'a 304': ['HTTP/1.1 304 X\r\nContent-Length: 500\r\n\r\n'],
  'a 404, and a moment later more': ['HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n', 10],
  'a 429 with a body, and a moment later more': ['HTTP/1.1 429 X\r\nContent-Length: 3\r\n\r\nabc', 10],
};

let world;
const receivers = [];

describe('a receiver that sends more than one answer', { timeout: 280_000, concurrency: 3 }, () => {
  before(async () => {
    world = await World.start();
  });

  after(async () => {
    await world.stop();
    await Promise.all(receivers.map((receiver) => receiver.stop()));
  });

  for (const [at, [name, [answer, laterMs]]] of Object.entries(FAILURES).entries()) {
    test(`behind ${name}: nothing else is confirmed by it`, async () => {
      const id = `desync-${at}`;
      const receiver = await Talkative.start();
      receiver.answer = () => ({ answer, laterMs });
      await published(id, receiver);
      await posted(id);
      await until('all were tried', async () => (await tried(id)) === LEADS);
      assert.equal((await world.counters(id)).states.delivered, 0);
      await mended(id, receiver);
    });

    test(`behind ${name}, among leads that it takes: nothing else is confirmed by it`, async () => {
      const id = `among-${at}`;
      const receiver = await Talkative.start();
      receiver.answer = (n) => (n % 2 === 1 ? undefined : { answer, laterMs });
      await published(id, receiver);
      await posted(id);
      await until('all were tried', async () => (await tried(id)) === LEADS);
      await mended(id, receiver);
    });
  }

  test('a compressed 200 that is not read ends its connection', async () => {
    const receiver = await Talkative.start();
    receiver.answer = () => ({
      answer: 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nabc',
      takes: true,
    });
    await published('half', receiver);
    await posted('half');
    await world.settled('half');
    assert.equal(receiver.taken.size, LEADS);
  });
});

const published = (id, receiver) =>
  // Two hooks at one origin, for two connections.
  world.publish(
    campaign(id, receiver, {
      ledger: id,
      destination: ['crm', 'sales'].map((name) => ({
        name,
        url: receiver.url + name,
        secret: 'CRM_WEBHOOK_SECRET',
      })),
    }),
  );

const posted = (id) => Promise.all(Array.from({ length: LEADS / 2 }, () => world.postJson(id, person())));

const tried = async (id) =>
  (await world.deliveries(id)).filter(({ attempt_count }) => attempt_count > 0).length;

/**
 * Now it takes what it gets: each lead arrives, and none was confirmed that it had not taken. A request that was
 * connecting when another failed may get the failed one's connection: it is in doubt then, and is sent again.
 */
async function mended(id, receiver) {
  const confirmed = (await world.deliveries(id, 'delivered')).map(({ delivery_id }) => delivery_id);
  assert.deepEqual(
    confirmed.filter((one) => !receiver.taken.has(one)),
    [],
  );
  receiver.answer = () => undefined;
  await world.settled(id);
  const all = (await world.deliveries(id)).map(({ delivery_id }) => delivery_id);
  assert.deepEqual(
    all.filter((one) => !receiver.taken.has(one)),
    [],
  );
  assert.equal(receiver.halves, 0, 'requests that were begun and not ended');
}

/** A server that writes what it likes. */
class Talkative {
  /** Ids of the webhooks that it has answered with 2xx. */
  taken = new Set();
  halves = 0;
  #requests = 0;
  #sockets = new Set();

  static async start() {
    const receiver = new Talkative();
    receivers.push(receiver);
    receiver.server = net.createServer((socket) => receiver.#serve(socket));
    await new Promise((done) => receiver.server.listen(0, '127.0.0.1', done));
    receiver.url = `http://127.0.0.1:${receiver.server.address().port}/`;
    return receiver;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.server.close(done));
  }

  #serve(socket) {
    this.#sockets.add(socket);
    let [text, hasFailed] = ['', false];
    socket
      .on('error', () => {})
      .on('close', () => {
        this.#sockets.delete(socket);
        if (text !== '') this.halves += 1;
      });
    socket.setEncoding('latin1').on('data', (more) => {
      text += more;
      const head = text.indexOf('\r\n\r\n') + 4;
      const length = head + Number(text.match(/content-length: (\d+)/i)?.[1]);
      if (head < 4 || text.length < length) return;
      const id = text.match(/webhook-id: (\S+)/i)[1];
      text = text.slice(length);
      // The surplus bytes are its answer, where the runtime takes them for one. What came here was not taken.
      if (hasFailed) return;
      this.#requests += 1;
      const said = this.answer(this.#requests);
      if (said === undefined || said.takes) this.taken.add(id);
      if (said === undefined) {
        socket.write('HTTP/1.1 204 No Content\r\n\r\n');
      } else {
        hasFailed = true;
        if (said.laterMs) setTimeout(() => socket.write(SURPLUS), said.laterMs);
        socket.write(said.laterMs ? said.answer : said.answer + SURPLUS);
      }
    });
  }
}
