// Faults of a receiver: each lead waits, nothing else does, and once it is back everything arrives under the
// ids that it had.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { campaign } from '../support/campaigns.mjs';
import {
  assertDoctorFindsNothing,
  assertNothingLost,
  CRM_HOST,
  cron,
  faults,
  Submissions,
  startFaultWorld,
} from '../support/fault-world.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';

const LEADS = 3;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** More than anybody would read of an answer that only has a status. */
const ENDLESS = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** Its answers, and the outcome of an attempt that gets them. */
const ANSWERS = {
  'answers 500': [{ status: 500 }, /^status 500$/],
  redirects: [{ status: 302, headers: { Location: 'http://127.0.0.1:9/elsewhere' } }, /^status 302$/],
  'answers 429 with Retry-After': [{ status: 429, headers: { 'Retry-After': '2' } }, /^status 429$/],
  'answers 410': [{ status: 410 }, /^status 410$/],
  hangs: ['hang', /^timed_out$/],
};
/** Faults of its connections, and the outcome of an attempt that meets them. */
const CONNECTIONS = {
  'resets connections': [(socket) => socket.once('data', () => socket.resetAndDestroy()), /^unreachable$/],
  'closes them without a word': [(socket) => socket.once('data', () => socket.end()), /^unreachable$/],
  'answers garbage': [
    (socket) => socket.once('data', () => socket.end(Buffer.alloc(4096, 0xfe))),
    /^unreachable$/,
  ],
};

let world;

describe('a receiver that', { timeout: 280_000, concurrency: 4 }, () => {
  before(async () => {
    world = await startFaultWorld();
  });

  after(async () => {
    await assertDoctorFindsNothing(world);
    await world.stop();
  });

  for (const [at, [name, [answer, outcome]]] of Object.entries(ANSWERS).entries()) {
    test(`${name}: what it missed arrives once it is well`, async () => {
      const crm = await Receiver.start();
      try {
        const load = await begin(`answer-${at}`, crm, () => (crm.answer = answer));
        await attempted(load, outcome);
        crm.answer = { status: 204 };
        if (answer.status === 410) {
          await until(
            'all are paused',
            async () => (await world.deliveries(load.campaign, 'paused')).length === LEADS,
          );
          assert.deepEqual(await world.ask('POST', `campaigns/${load.campaign}/destinations/crm/enable`), {
            resumed: LEADS,
          });
        }
        await mended(load, crm);
      } finally {
        await crm.down();
      }
    });
  }

  for (const [at, [name, [handle, outcome]]] of Object.entries(CONNECTIONS).entries()) {
    test(`${name}: what it missed arrives once it is well`, async () => {
      const crm = await Receiver.start();
      await crm.down();
      const broken = await listening(crm.port, handle);
      const load = await begin(`connection-${at}`, crm);
      try {
        await attempted(load, outcome);
      } finally {
        await broken.close();
      }
      await crm.up();
      await mended(load, crm);
      await crm.down();
    });
  }

  test('refuses connections: what it missed arrives once it is up', async () => {
    const crm = await Receiver.start();
    await crm.down();
    const load = await begin('refused', crm);
    await attempted(load, /^unreachable$/);
    await crm.up();
    await mended(load, crm);
    await crm.down();
  });

  test('is slow: each lead is taken once', async () => {
    const crm = await Receiver.start();
    await crm.down();
    let posts = 0;
    const slow = await listening(crm.port, (socket) =>
      socket.once('data', () => {
        posts += 1;
        setTimeout(() => socket.end('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n'), 3_000);
      }),
    );
    const load = await begin('slow', crm);
    await world.settled('slow');
    await slow.close();
    assert.deepEqual([posts, load.accepted.size], [LEADS, LEADS]);
    assert.equal((await world.counters('slow')).states.delivered, LEADS);
  });

  test('answers without an end: the status counts, and nobody reads the rest', async () => {
    const crm = await Receiver.start();
    await crm.down();
    let [posts, written] = [0, 0];
    const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`;
    const endless = await listening(crm.port, (socket) =>
      socket.once('data', () => {
        posts += 1;
        socket.write(ENDLESS);
        const more = () => {
          while (!socket.destroyed && socket.writable && socket.write(chunk)) written += chunk.length;
          if (!socket.destroyed) socket.once('drain', more);
        };
        more();
      }),
    );
    await begin('endless', crm);
    const { states } = await world.settled('endless');
    await endless.close();
    assert.deepEqual([states.delivered, posts], [LEADS, LEADS]);
    assert.ok(written < 64e6, `${written} bytes were read`);
  });

  async function begin(id, crm, spoil = () => {}) {
    spoil();
    await world.publish(campaign(id, crm));
    const load = new Submissions(world, id);
    await load.people(LEADS);
    return load;
  }

  async function attempted(load, outcome) {
    const delivery = await until('an attempt', async () => {
      const [first] = await world.deliveries(load.campaign);
      const found = first && (await world.ask('GET', `deliveries/${first.delivery_id}`));
      return found?.attempts.length > 0 && found;
    });
    assert.match(delivery.attempts[0].outcome, outcome);
  }

  /** The doctor looks at every campaign of the world, so it comes when all are well: after the last. */
  async function mended(load, crm) {
    const { states } = await world.settled(load.campaign);
    assert.equal(states.delivered, LEADS);
    await assertNothingLost(world, load, crm, { doctor: false });
  }
});

test('a receiver that is down for a day gets everything once it is back, once', {
  timeout: 240_000,
}, async () => {
  const crm = await Receiver.start();
  const world = await startFaultWorld({ vars: { LEADHOOK_ENV: 'production' } });
  let hours = 0;
  /** An hour later, with the cron that comes in it, and what it wakes. */
  const anHour = async () => {
    hours += 1;
    crm.clockMs = hours * HOUR_MS;
    await faults(world, { clockMs: crm.clockMs });
    await cron(world);
    const now = Date.now() + crm.clockMs;
    await until('what is due is tried', async () => {
      const open = await world.deliveries('day', 'pending');
      return open.every(({ due_at }) => Date.parse(due_at) > now);
    });
  };
  try {
    await faults(world, { hosts: { [CRM_HOST]: new URL(crm.url).origin } });
    await crm.down();
    await world.publish(campaign('day', { url: `https://${CRM_HOST}/hooks/leads` }));
    const load = new Submissions(world, 'day');
    await load.people(4);
    for (let hour = 0; hour < 24; hour += 1) {
      await anHour();
      if (hour % 6 === 0) await load.people(1);
    }
    assert.equal((await world.counters('day')).states.pending, load.accepted.size, 'nothing is given up');
    const most = Math.max(
      ...(await world.deliveries('day', 'pending')).map(({ attempt_count }) => attempt_count),
    );
    assert.ok(most >= 6, `it was tried ${most} times over the day`);
    await crm.up();
    await until('all have arrived', async () => {
      await anHour();
      return crm.confirmed.length >= load.accepted.size;
    });
    await world.settled('day');
    await faults(world, { clockMs: 0 });
    await assertNothingLost(world, load, crm, { once: true });
  } finally {
    await world.stop();
    await crm.down();
  }
});

/** A server that speaks no HTTP of its own. */
async function listening(port, handle) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    handle(socket);
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return {
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((done) => server.close(done));
    },
  };
}
