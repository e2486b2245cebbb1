// Receivers that hang, and a healthy one beside them: from a post to its webhook, and to a confirmation mail,
// it takes less than a second, however many hang.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { exampleCampaign } from '../support/examples.mjs';
import { sleep, until } from '../support/http.mjs';
import { Mailbox } from '../support/mailbox.mjs';
import { Receiver } from '../support/receiver.mjs';
import { consentVars, World } from '../support/world.mjs';

/** Says nothing, or a letter a second. */
const hangs = (socket, n) => {
  if (n % 2 === 0) return;
  const letters = [...'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'];
  const timer = setInterval(() => letters.length > 0 && socket.write(letters.shift()), 1_000);
  socket.on('close', () => clearInterval(timer));
};
/** Takes every lead, but after five seconds. */
const isSlow = (socket) =>
  socket.on('data', (data) => {
    if (/^POST/.test(data)) setTimeout(() => socket.write('HTTP/1.1 204 No Content\r\n\r\n'), 5_000);
  });
/** The receivers beside the healthy one. */
const CASES = { '3 that hang': [3, hangs], '10 that hang': [10, hangs], '10 that are slow': [10, isSlow] };
/** The most connections that those may hold that hang: half of the platform's. */
const MOST = 3;
/** Leads that wait for each of them before the first for the healthy one. */
const BACKLOG = 10;
const SECONDS = 60;
const P95_MS = 1_000;

let world;
const ends = [];

describe('beside a healthy receiver', { timeout: 280_000, concurrency: 4 }, () => {
  before(async () => {
    world = await World.start({ vars: consentVars() });
  });

  after(async () => {
    await world.stop();
    for (const end of ends) await end();
  });

  for (const [at, [name, [count, handle]]] of Object.entries(CASES).entries()) {
    test(`${name} hold up neither webhooks nor confirmation mails`, async (t) => {
      const ledger = `beside-${at}`;
      const [crm, mail] = [await Receiver.start(), await Mailbox.start()];
      const others = await Others.start(count, handle);
      ends.push(
        () => others.stop(),
        () => crm.down(),
        () => mail.stop(),
      );
      const ids = others.urls.map((_, n) => `${ledger}-${n}`);
      for (const [n, url] of others.urls.entries()) {
        // Three addresses are one origin.
        const hooks = ['crm', 'sales', 'erp'].map((hook) => ({
          name: hook,
          url: url + hook,
          secret: 'CRM_WEBHOOK_SECRET',
        }));
        await world.publish(campaign(ids[n], crm, { ledger, destination: hooks }));
      }
      const [ok, news] = [`${ledger}-ok`, `${ledger}-news`];
      await world.publish(campaign(ok, crm, { ledger }), {
        ...exampleCampaign('newsletter', { crm, mail }),
        id: news,
        ledger,
        dedupe: { remember_in_kv: false },
      });
      for (const id of ids) for (let n = 0; n < BACKLOG; n += 1) await world.postJson(id, person());

      const first = await waited([ok, crm], [news, mail], 120);
      const times = { webhook: [], mail: [] };
      const running = [];
      for (let second = 0; second < SECONDS; second += 1) {
        await world.postJson(ids[second % count], person());
        running.push(
          waited([ok, crm], [news, mail]).then((took) => {
            for (const what of Object.keys(times)) times[what].push(took[what]);
          }),
        );
        await sleep(1_000);
      }
      await Promise.all(running);
      const quantile = (part, list) => list.sort((a, b) => a - b)[Math.ceil(part * list.length) - 1];
      for (const [what, list] of Object.entries(times)) {
        const [p50, p95] = [quantile(0.5, list), quantile(0.95, list)];
        t.diagnostic(
          `${what}: the first after ${first[what]} ms, then ${list.length}, p50 ${p50} ms, p95 ${p95} ms, the last ${list.at(-1)} ms`,
        );
        assert.ok(p95 < P95_MS, `p95 of a ${what}: ${p95} ms`);
      }
      t.diagnostic(`the others held ${others.most} connections at most`);
      if (handle === hangs) assert.ok(others.most <= MOST);
    });
  }

  test('one that hangs behind the head of its answer keeps a connection for a second', async () => {
    const others = await Others.start(1, (socket) =>
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
    );
    ends.push(() => others.stop());
    await world.publish(campaign('head', { url: others.urls[0] }, { ledger: 'head' }));
    await Promise.all(Array.from({ length: 10 }, () => world.postJson('head', person())));
    await world.settled('head');
    assert.equal((await world.counters('head')).states.delivered, 10);
  });
});

/** Posts to both campaigns; how long until the webhook and the mail have come. */
async function waited([ok, crm], [news, mail], seconds) {
  const [lead, subscriber] = [person(), person()];
  const started = performance.now();
  await world.postJson(ok, lead);
  await world.postJson(news, { email: subscriber.email, consent: subscriber.consent, first_name: 'Ada' });
  const after = (what, has) => until(what, has, seconds).then(() => Math.round(performance.now() - started));
  const [webhook, asked] = await Promise.all([
    after('the webhook', () => crm.to(lead.email).length),
    after('the mail', () => mail.to(subscriber.email).length),
  ]);
  return { webhook, mail: asked };
}

/** Servers that speak as they like. */
class Others {
  /** The most connections to all of them that were open at once. */
  most = 0;
  urls = [];
  #servers = [];
  #sockets = new Set();

  static async start(count, handle) {
    const all = new Others();
    for (let n = 0; n < count; n += 1) {
      const server = net.createServer((socket) => {
        all.#sockets.add(socket);
        // A moment later, for the one before it may just be closing.
        setTimeout(() => (all.most = Math.max(all.most, all.#sockets.size)), 100);
        socket
          .on('error', () => {})
          .on('close', () => all.#sockets.delete(socket))
          .resume();
        handle(socket, n);
      });
      await new Promise((done) => server.listen(0, '127.0.0.1', done));
      all.#servers.push(server);
      all.urls.push(`http://127.0.0.1:${server.address().port}/`);
    }
    return all;
  }

  stop() {
    for (const socket of this.#sockets) socket.destroy();
    for (const server of this.#servers) server.close();
  }
}
