// Restrictions on egress, against the runtime's own reading of addresses: no inward address (SSRF),
// published or stored, and a bound on the cost of a receiver's answer.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync, constants } from 'node:zlib';
import { campaign, person } from '../support/campaigns.mjs';
import { sleep, until } from '../support/http.mjs';
import { Mailbox } from '../support/mailbox.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { World, consentVars } from '../support/world.mjs';

const HOSTS = JSON.parse(fs.readFileSync(new URL('../../data/hosts.json', import.meta.url)));
const MEGABYTE = 1 << 20;
/** The most that workerd's memory may grow by: an answer that was read would be hundreds. */
const MOST_GROWTH = 100 * MEGABYTE;

/** A port that counts who connects, and writes what it is told to write to whoever has sent a request. */
class Port {
  connections = 0;
  open = new Set();
  #server;

  static async listen(answer = (socket) => socket.destroy()) {
    const port = new Port();
    port.#server = net.createServer((socket) => {
      port.connections += 1;
      port.open.add(socket);
      socket.on('error', () => {}).on('close', () => port.open.delete(socket));
      socket.once('data', () => answer(socket));
    });
    await new Promise((done) => port.#server.listen(0, '127.0.0.1', done));
    port.number = port.#server.address().port;
    return port;
  }

  close() {
    for (const socket of this.open) socket.destroy();
    return new Promise((done) => this.#server.close(done));
  }
}

/** Puts a campaign where an operator of the account can, past every check, in the place of one that is good. */
async function store(world, file) {
  await world.publish({ ...file, ...to('https://crm.example.com/hooks') });
  const body = Buffer.from(JSON.stringify({ format: 1, campaign: file }));
  world.kv.entries.set(`campaign/v1/${file.id}`, { body });
}

const to = (url) => ({ destination: [{ name: 'crm', url, secret: 'CRM_WEBHOOK_SECRET' }] });

/** A campaign's only delivery, with its attempts. */
async function onlyDelivery(world, id) {
  const [delivery] = await world.deliveries(id);
  return delivery && world.ask('GET', `deliveries/${delivery.delivery_id}`);
}

async function post(world, id) {
  const answer = await world.postJson(id, person());
  assert.equal(answer.status, 202, answer.text);
}

/** The resident memory of a process. */
function memoryOf(pid) {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(status.match(/^VmRSS:\s+(\d+) kB/m)[1]) * 1024;
}

describe('egress', { timeout: 240_000 }, () => {
  let world;
  const ports = [];
  const listen = async (answer) => {
    const port = await Port.listen(answer);
    ports.push(port);
    return port;
  };

  before(async () => {
    world = await World.start({
      breaksKv: true,
      vars: { ...consentVars(), SPLIT_TOKEN: 'token\nX-Injected: 1' },
    });
  });

  after(async () => {
    await world?.stop();
    for (const port of ports) await port.close();
  });

  test('a campaign that names an inward address is refused, in every spelling', async () => {
    const wrong = [];
    for (const host of HOSTS.inward) {
      const answer = await world.admin(
        'PUT',
        'campaigns/inward',
        campaign('inward', { url: `https://${host}/hooks` }),
      );
      const fields = answer.json.errors?.map(({ field, code }) => `${field} ${code}`);
      if (answer.status !== 422 || fields.join() !== 'destination[0].url campaign_invalid')
        wrong.push([host, answer.text]);
    }
    assert.deepEqual(wrong, []);
    assert.equal(world.kv.entries.has('campaign/v1/inward'), false);
  });

  test('a public address is not', async () => {
    for (const host of HOSTS.outward)
      await world.publish(campaign('outward', { url: `https://${host}/hooks` }));
  });

  test('nor may it lead back to Leadhook, hold a password, or put the secret into a header of the protocol', async () => {
    const refused = async (file) => {
      const { status, json } = await world.admin('PUT', 'campaigns/back', file);
      assert.equal(status, 422);
      return json.errors.map(({ field }) => field).join();
    };
    for (const url of [
      'https://leads.example.com/c/back',
      'https://LEADS.example.com.:8443/',
      'https://a.leads.example.com/',
      'https://a:b@crm.example.com/',
      'http://crm.example.com/',
      'http://10.0.0.1/',
      'http://[::ffff:127.0.0.1]:8788/',
    ]) {
      assert.equal(await refused(campaign('back', { url })), 'destination[0].url', url);
    }
    for (const header of [
      'Host',
      'Connection',
      'CF-Connecting-IP',
      'X-Forwarded-For',
      'webhook-signature',
      'X-Custom',
    ]) {
      assert.equal(
        await refused(campaign('back', {}, asking('https://api.example.com/', { header }))),
        'destination[0].header',
        header,
      );
    }
    await world.publish(campaign('back', { url: 'https://crm.example.com/hooks' }));
  });

  test('what lies in KV all the same takes leads, and connects to nothing inward', async () => {
    const port = await listen();
    const inward = [
      `https://127.0.0.1:${port.number}/`,
      `https://0x7f.1:${port.number}/`,
      `https://localhost:${port.number}/`,
      `https://[::ffff:127.0.0.1]:${port.number}/`,
    ];
    for (const [at, url] of inward.entries()) {
      const id = `stored-${at}`;
      await store(world, campaign(id, { url }));
      await post(world, id);
      const refused = async () => (await onlyDelivery(world, id))?.attempts.length >= 2;
      await until(`${url} is refused`, refused, 20);
      const { state, attempts } = await onlyDelivery(world, id);
      assert.deepEqual(
        [state, new Set(attempts.map(({ outcome }) => outcome))],
        ['pending', new Set(['destination_refused'])],
      );
    }
    assert.equal(port.connections, 0);
    // The same port is reached where development may: this test would see a connection.
    await store(world, campaign('stored-open', { url: `http://127.0.0.1:${port.number}/` }));
    await post(world, 'stored-open');
    await until('a connection', () => port.connections > 0);
    // And a correction heals what waited.
    const crm = await Receiver.start();
    await world.publish(campaign('stored-0', crm));
    // An isolate keeps a campaign for a minute, unless it has just published it.
    await until('the healed delivery', () => crm.confirmed.length === 1, 90);
    await crm.down();
  });

  test('a secret with a line break adds no header, and one with the end of its file is sent without it', async () => {
    const mailbox = await Mailbox.start();
    await world.publish(campaign('split', {}, asking(mailbox.url, { secret: 'SPLIT_TOKEN' })));
    await post(world, 'split');
    const attempted = async () => (await onlyDelivery(world, 'split'))?.attempts.length > 0;
    await until('an attempt', attempted);
    assert.equal((await onlyDelivery(world, 'split')).attempts[0].outcome, 'secret_missing');
    await world.restart('SIGTERM', { SPLIT_TOKEN: `${SECRETS.MAIL_API_TOKEN}\n` });
    await until('the mail', () => mailbox.mails.length === 1, 20);
    assert.deepEqual(mailbox.refused, []);
    await mailbox.stop();
  });

  test('an answer without an end is a status like any other, and holds neither connection nor memory', async () => {
    const chunk = Buffer.concat([
      Buffer.from(`${MEGABYTE.toString(16)}\r\n`),
      Buffer.alloc(MEGABYTE, 120),
      Buffer.from('\r\n'),
    ]);
    let written = 0;
    const port = await listen((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const more = () => {
        while (!socket.destroyed) {
          written += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', more);
        }
      };
      more();
    });
    const before = memoryOf(world.pid);
    await world.publish(campaign('endless', { url: `http://127.0.0.1:${port.number}/` }));
    await post(world, 'endless');
    await until(
      'it is delivered',
      async () => (await onlyDelivery(world, 'endless'))?.state === 'delivered',
      5,
    );
    await until('the connection is given back', () => port.open.size === 0, 5);
    const growth = memoryOf(world.pid) - before;
    assert.ok(growth < MOST_GROWTH, `${growth / MEGABYTE} MB more, ${written / MEGABYTE} MB were offered`);
    assert.deepEqual(
      (await onlyDelivery(world, 'endless')).attempts.map(({ outcome }) => outcome),
      ['status 200'],
    );
  });

  test('an answer that says it is short and never comes is let go in time', async () => {
    const port = await listen((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'));
    await world.publish(campaign('never', { url: `http://127.0.0.1:${port.number}/` }));
    await post(world, 'never');
    await until(
      'it is delivered',
      async () => (await onlyDelivery(world, 'never'))?.state === 'delivered',
      25,
    );
    await until('the connection is given back', () => port.open.size === 0, 5);
  });

  test('an answer of some hundred bytes that unpacks to half a gigabyte is not unpacked', async () => {
    const params = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_QUALITY]: 9 };
    const bomb = brotliCompressSync(Buffer.alloc(512 * MEGABYTE), { params });
    assert.ok(bomb.length < 4096, `${bomb.length} bytes`);
    const port = await listen((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: ${bomb.length}\r\n\r\n`);
      socket.write(bomb);
    });
    await world.publish(campaign('bomb', { url: `http://127.0.0.1:${port.number}/` }));
    let most = 0;
    const before = memoryOf(world.pid);
    const watch = setInterval(() => (most = Math.max(most, memoryOf(world.pid))), 5);
    await post(world, 'bomb');
    await until(
      'it is delivered',
      async () => (await onlyDelivery(world, 'bomb'))?.state === 'delivered',
      20,
    );
    await sleep(1000);
    clearInterval(watch);
    assert.ok(most - before < MOST_GROWTH, `${(most - before) / MEGABYTE} MB more`);
  });

  test('outside development nothing goes to this machine, whatever was published before', async () => {
    const crm = await Receiver.start();
    await world.publish(campaign('moved', crm));
    await crm.down();
    await post(world, 'moved');
    await until('an attempt', async () => (await onlyDelivery(world, 'moved'))?.attempts.length > 0);
    await crm.up();
    await world.restart('SIGTERM', { LEADHOOK_ENV: '' });
    await until(
      'it is refused',
      async () => {
        // The world's own answer, for a Worker that is not for development does not serve this campaign.
        const { json } = await world.admin('GET', 'deliveries?state=pending&limit=100');
        const delivery = json.deliveries.find(({ campaign }) => campaign === 'moved');
        return (
          delivery?.attempts?.at(-1)?.outcome === 'destination_refused' ||
          delivery?.reason === 'destination_refused'
        );
      },
      20,
    );
    assert.deepEqual([crm.deliveries, crm.refused], [[], []]);
    await crm.down();
  });
});

/** Double opt-in by an e-mail provider at this address. */
function asking(url, changes) {
  const body = { To: '{to}', Text: '{text}', Subject: '{subject}' };
  return {
    double_opt_in: { destination: 'mail', subject: '{title}', text: '{confirm_link} {withdraw_link}' },
    destination: [{ name: 'mail', kind: 'email', url, secret: 'MAIL_API_TOKEN', body, ...changes }],
  };
}
