// Delivery from the ledger's outbox to the CRM. Every webhook is verified, and each test has a campaign and a
// receiver of its own, so that all of them run side by side.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign, person, phoneNumber } from '../support/campaigns.mjs';
import { sleep, until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

let world;
const receivers = [];

async function published(id, changes) {
  const crm = await Receiver.start();
  receivers.push(crm);
  await world.publish(campaign(id, crm, changes));
  return crm;
}

/** The one delivery of a campaign, with its attempts. */
async function onlyDelivery(id) {
  const all = await world.deliveries(id);
  assert.equal(all.length, 1, JSON.stringify(all));
  return world.ask('GET', `deliveries/${all[0].delivery_id}`);
}

describe('the outbox', { timeout: 280_000 }, () => {
  before(async () => {
    world = await World.start();
  });

  after(async () => {
    await world?.stop();
    for (const receiver of receivers) await receiver.down();
  });

  describe('side by side', { concurrency: 5 }, () => {
    test('after ten attempts a delivery is dead, and its replay keeps the webhook-id', async () => {
      const crm = await published('dead');
      crm.answer = { status: 500 };
      const { email } = await posted('dead');
      const dead = await until(
        'ten attempts',
        async () => (await world.counters('dead')).states.dead === 1,
        120,
      );
      assert.ok(dead);
      const before = await onlyDelivery('dead');
      assert.equal(before.state, 'dead');
      assert.ok(before.reason, JSON.stringify(before));
      assert.equal(before.attempt_count, 10);
      assert.equal(before.attempts.length, 10);
      assert.deepEqual(new Set(before.attempts.map(({ outcome }) => outcome)), new Set(['status 500']));
      assert.equal(crm.to(email).length, 10);

      crm.answer = { status: 204 };
      assert.deepEqual(await world.ask('POST', `deliveries/${before.delivery_id}/replay`), { replayed: 1 });
      await until('the replay', () => crm.confirmed.length);
      await world.settled('dead');
      assert.equal(new Set(crm.to(email).map(({ id }) => id)).size, 1);
      assert.equal(new Set(crm.to(email).map(({ body }) => body)).size, 1);
      assert.equal((await world.counters('dead')).states.delivered, 1);
      const again = await world.admin('POST', `deliveries/${before.delivery_id}/replay`);
      assert.equal(again.status, 409, 'what is delivered is not replayed');
    });

    test('fifty identical posts at once are one lead, and get one answer', async () => {
      const crm = await published('fifty-same');
      const ada = person();
      const answers = await Promise.all(Array.from({ length: 50 }, () => world.postJson('fifty-same', ada)));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
      assert.equal(new Set(answers.map(({ json }) => json.submission_id)).size, 1);
      const { accepted, repeats, states } = await world.settled('fifty-same');
      assert.deepEqual([accepted, repeats, states.delivered], [1, 49, 1]);
      assert.equal(crm.deliveries.length, 1);
    });

    test('fifty different posts of one person at once are one lead', async () => {
      const crm = await published('fifty-different');
      const ada = person();
      const posts = Array.from({ length: 50 }, (_, i) =>
        world.postJson('fifty-different', { ...ada, seats: i + 1 }),
      );
      const answers = await Promise.all(posts);
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
      assert.equal(new Set(answers.map(({ json }) => json.submission_id)).size, 50);
      const { accepted, repeats, states } = await world.settled('fifty-different');
      assert.deepEqual([accepted, repeats, states.delivered, states.duplicate], [50, 0, 1, 49]);
      assert.deepEqual(
        crm.deliveries.map(({ payload }) => payload.type),
        ['lead.qualified'],
      );
    });

    test('in a campaign that recognises by both, the same phone under another e-mail is one lead', async () => {
      const crm = await published('by-both', { dedupe: { by: ['email', 'phone'], remember_in_kv: false } });
      const phone = phoneNumber();
      await posted('by-both', { phone: phone.written });
      await posted('by-both', { phone: phone.e164 });
      const { states } = await world.settled('by-both');
      assert.deepEqual([states.delivered, states.duplicate], [1, 1]);
      assert.equal(crm.deliveries.length, 1);
    });

    test('a receiver that fails and recovers gets the same webhook-id and the same body again', async () => {
      const crm = await published('recovers');
      const turns = [{ status: 500 }, { status: 503, headers: { 'Retry-After': '2' } }, { status: 200 }];
      crm.answer = () => turns[crm.deliveries.length - 1];
      await posted('recovers');
      await until('the third attempt', () => crm.confirmed.length);
      await world.settled('recovers');
      assert.equal(crm.deliveries.length, 3);
      assert.equal(new Set(crm.deliveries.map(({ id }) => id)).size, 1);
      assert.equal(new Set(crm.deliveries.map(({ body }) => body)).size, 1);
      const { attempts, state, attempt_count } = await onlyDelivery('recovers');
      assert.deepEqual([state, attempt_count], ['delivered', 3]);
      assert.deepEqual(
        attempts.map(({ attempt, outcome }) => [attempt, outcome]),
        [
          [1, 'status 500'],
          [2, 'status 503'],
          [3, 'status 200'],
        ],
      );
    });

    test('a receiver that is down gets what it missed once it is up', async () => {
      const crm = await published('down');
      await crm.down();
      const { email } = await posted('down');
      await until('an attempt', async () => (await onlyDelivery('down')).attempt_count > 0);
      await crm.up();
      await until('the webhook', () => crm.to(email).length);
      await world.settled('down');
      assert.equal(crm.deliveries.length, 1);
    });

    test('a 410 pauses the destination until it is enabled again', async () => {
      const crm = await published('gone');
      crm.answer = { status: 410 };
      const first = await posted('gone');
      await until('the 410 is noted', async () => (await world.deliveries('gone', 'paused')).length === 1);
      const second = await posted('gone');
      crm.answer = { status: 204 };
      await sleep(6000); // Longer than any wait between attempts in dev: nothing may come in it.
      assert.equal(crm.deliveries.length, 1);
      assert.equal((await world.deliveries('gone', 'paused')).length, 2);
      assert.equal((await world.counters('gone')).states.pending, 2);

      assert.deepEqual(await world.ask('POST', 'campaigns/gone/destinations/crm/enable'), { resumed: 2 });
      await until('both webhooks', () => crm.confirmed.length === 2);
      const { states } = await world.settled('gone');
      assert.equal(states.delivered, 2);
      assert.equal(new Set(crm.to(first.email).map(({ id }) => id)).size, 1);
      assert.equal(crm.to(second.email).length, 1);
    });

    test('a redirect is a failure, and is not followed', async () => {
      const elsewhere = await Receiver.start();
      receivers.push(elsewhere);
      const crm = await published('redirects');
      crm.answer = () =>
        crm.deliveries.length > 2 ? { status: 204 } : { status: 302, headers: { Location: elsewhere.url } };
      await posted('redirects');
      await until('the third attempt', () => crm.confirmed.length);
      await world.settled('redirects');
      const { attempts } = await onlyDelivery('redirects');
      assert.deepEqual(
        attempts.map(({ outcome }) => outcome),
        ['status 302', 'status 302', 'status 204'],
      );
      assert.deepEqual([elsewhere.deliveries, elsewhere.refused], [[], []]);
    });

    test('a receiver that hangs does not keep another destination waiting', async () => {
      const erp = await Receiver.start(SECRETS.ERP_WEBHOOK_SECRET);
      const crm = await Receiver.start();
      receivers.push(erp, crm);
      crm.answer = 'hang';
      await world.publish(
        campaign('hangs', crm, {
          destination: [
            { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' },
            { name: 'erp', url: erp.url, secret: 'ERP_WEBHOOK_SECRET' },
          ],
        }),
      );
      // So many that they would never pass in time, two for each time-out of the hanging one.
      for (let i = 0; i < 30; i += 1) await posted('hangs');
      await until('all thirty at the other one', () => erp.confirmed.length === 30, 40);
      crm.answer = { status: 204 };
      await until('all thirty after all', () => new Set(crm.confirmed.map(({ id }) => id)).size === 30, 90);
      await world.settled('hangs');
    });

    test('a destination gets the leads that meet its own condition, under its own secret', async () => {
      const erp = await Receiver.start(SECRETS.ERP_WEBHOOK_SECRET);
      const crm = await Receiver.start();
      receivers.push(erp, crm);
      await world.publish(
        campaign('routed', crm, {
          destination: [
            { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET', forward_at: 20 },
            {
              name: 'erp',
              url: erp.url,
              secret: 'ERP_WEBHOOK_SECRET',
              when: { field: 'company_size', is: '1-10' },
            },
          ],
        }),
      );
      const small = await posted('routed', { company_size: '1-10' });
      const large = await posted('routed', { company_size: '201+' });
      const neither = await posted('routed', { company_size: '11-50' });
      const { states } = await world.settled('routed');
      const got = (receiver) => receiver.deliveries.map(({ payload }) => payload.data.contact.email);
      assert.deepEqual([got(crm), got(erp)], [[large.email], [small.email]]);
      assert.equal(states.delivered, 2, neither.email);
      assert.equal(states.held, 1);
    });
  });

  test('a restart in the middle neither loses nor repeats anything', async () => {
    const crm = await published('restart');
    await crm.down();
    const ada = person();
    const first = await world.postJson('restart', ada);
    await world.restart('SIGKILL');
    const again = await world.postJson('restart', ada);
    assert.deepEqual([again.status, again.json], [202, first.json]);
    await crm.up();
    await until('the webhook', () => crm.to(ada.email).length);
    const { accepted, repeats, states } = await world.settled('restart');
    assert.deepEqual([accepted, repeats, states.delivered], [1, 1, 1]);
    assert.equal(crm.deliveries.length, 1);
  });

  test('what came to a receiver was signed, and nobody is recognisable outside it', async () => {
    for (const receiver of receivers) assert.deepEqual(receiver.refused, []);
    assertNoLeaks(world);
  });
});

async function posted(id, changes) {
  const someone = person(changes);
  const answer = await world.postJson(id, someone);
  assert.equal(answer.status, 202, answer.text);
  return someone;
}
