// Crashes under load: a 2xx means it is stored. The runtime is killed again and again, and at the end every
// 202 is one lead at the CRM.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { dice } from '../support/crowd.mjs';
import { assertNothingLost, withFaultWorld } from '../support/fault-world.mjs';
import { sleep, until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

const CLIENTS = 6;
const KILLS = 4;
/** Leads that are accepted between two kills. */
const PER_LIFE = 60;
const ROUNDS = 6;
/** A life ends at any moment of its first seconds. */
const LONGEST_LIFE_MS = 1_500;

test('after kill -9 under load every 202 is one lead, and the counters say so', {
  timeout: 240_000,
}, async () => {
  const crm = await Receiver.start();
  const world = await World.start();
  try {
    await world.publish(campaign('kill', crm));
    // Some attempts fail, so that there are always deliveries in the middle of their retries.
    crm.answer = () => ({ status: crm.deliveries.length % 7 === 0 ? 500 : 204 });
    /** e-mail → submission id, of every 202. */
    const accepted = new Map();
    /** Posts whose answer was lost and that nobody repeated: stored or not, both are right. */
    const unknown = new Set();
    let over = false;

    async function client(persistent) {
      while (!over) {
        const someone = person();
        for (;;) {
          const answer = await world.postJson('kill', someone).catch(() => null);
          if (answer?.status === 202) {
            accepted.set(someone.email, answer.json.submission_id);
            break;
          }
          assert.ok(answer === null || answer.status === 503, `${answer?.status} ${answer?.text}`);
          if (!persistent || over) {
            unknown.add(someone.email);
            break;
          }
          await sleep(50);
        }
        if (!accepted.has(someone.email)) await sleep(50);
      }
    }

    const clients = Array.from({ length: CLIENTS }, (_, i) => client(i % 2 === 0));
    const load = Promise.all(clients);
    load.catch(() => {}); // Awaited below; a failure before that is not an unhandled one.
    for (let life = 1; life <= KILLS; life += 1) {
      await until(`${PER_LIFE} leads in life ${life}`, () => accepted.size >= life * PER_LIFE, 60);
      await world.restart('SIGKILL');
    }
    await until('leads after the last kill', () => accepted.size >= (KILLS + 1) * PER_LIFE, 60);
    over = true;
    await load;

    crm.answer = { status: 204 };
    const { accepted: stored, states } = await until(
      'all is settled',
      async () => {
        const counters = await world.counters('kill');
        return counters.states.pending === 0 && counters;
      },
      90,
    );

    const messages = new Map();
    const leads = new Map();
    for (const { id, payload } of crm.deliveries) {
      const { email } = payload.data.contact;
      messages.set(email, (messages.get(email) ?? new Set()).add(id));
      leads.set(email, (leads.get(email) ?? new Set()).add(payload.data.lead_id));
    }
    const confirmed = new Set(crm.confirmed.map(({ payload }) => payload.data.contact.email));
    for (const email of accepted.keys()) {
      assert.ok(confirmed.has(email), `${email} got a 202 and never arrived`);
    }
    for (const email of confirmed) {
      assert.equal(leads.get(email).size, 1, `${email} is one lead`);
      assert.equal(messages.get(email).size, 1, `${email} has one webhook-id, however often it was sent`);
      assert.ok(accepted.has(email) || unknown.has(email), `${email} was posted`);
    }
    assert.equal(new Set(accepted.values()).size, accepted.size);
    assert.deepEqual([stored, states.delivered], [confirmed.size, confirmed.size]);
    assert.equal(
      new Set([...leads.values()].flatMap((ids) => [...ids])).size,
      confirmed.size,
      'nobody shares a lead_id',
    );
    assert.deepEqual(crm.refused, []);
    assertNoLeaks(world);
  } finally {
    await world.stop();
    await crm.down();
  }
});

test('kill -9 at any moment under load', { timeout: 240_000 }, async (t) => {
  const seed = Number(process.env.SEED ?? randomInt(2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  const roll = dice(seed);
  await withFaultWorld('cut', async (world, crm, load) => {
    crm.answer = () => ({ status: crm.deliveries.length % 7 === 0 ? 500 : 204 });
    let over = false;
    const clients = load.clients(CLIENTS, () => over);
    clients.catch(() => {}); // Awaited below; a failure before that is not an unhandled one.
    for (let round = 0; round < ROUNDS; round += 1) {
      await sleep(roll() * LONGEST_LIFE_MS);
      await world.restart('SIGKILL');
    }
    const before = load.accepted.size;
    await until('leads after the last one', () => load.accepted.size > before + 20);
    over = true;
    await clients;
    crm.answer = { status: 204 };
    await assertNothingLost(world, load, crm);
  });
});
