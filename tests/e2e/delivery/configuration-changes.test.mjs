// Configuration that changes while leads wait: rotated keys, corrected addresses, destinations that are
// removed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign, person } from '../support/campaigns.mjs';
import { freePort, until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { newSecret, Receiver } from '../support/receiver.mjs';
import { newKey, World } from '../support/world.mjs';

let world, crm;

describe('configuration that changes while leads wait', { timeout: 180_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    world = await World.start();
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  const post = async (id, value) => assert.equal((await world.postJson(id, value)).status, 202);
  const arrived = (receiver, { email }) => until('the webhook', () => receiver.to(email).length);

  test('a person is recognised under an older pepper, and a payload opened under an older key', async () => {
    await world.publish(campaign('rotation', crm));
    const [ada, waiting] = [person(), person()];
    await post('rotation', ada);
    await arrived(crm, ada);
    await crm.down();
    await post('rotation', waiting);
    await world.restart('SIGKILL', {
      LEADHOOK_PEPPERS: `p2:${newKey()},${world.vars.LEADHOOK_PEPPERS}`,
      LEADHOOK_SEALING_KEYS: `s2:${newKey()},${world.vars.LEADHOOK_SEALING_KEYS}`,
    });
    await post('rotation', { ...ada, seats: 2 });
    await crm.up();
    await arrived(crm, waiting);
    const { states } = await world.settled('rotation');
    assert.deepEqual([states.delivered, states.duplicate], [2, 1]);
    assert.equal(crm.to(ada.email).length, 1);
  });

  test('a corrected address heals what waits', async () => {
    const nowhere = { url: `http://127.0.0.1:${await freePort()}/hooks` };
    await world.publish(campaign('corrected', nowhere));
    const ada = person();
    await post('corrected', ada);
    await until('an attempt', async () => (await world.deliveries('corrected'))[0].attempt_count > 0);
    await world.publish(campaign('corrected', crm));
    await arrived(crm, ada);
    await world.settled('corrected');
  });

  test('a secret that is missing or new heals as well', async () => {
    const secret = newSecret();
    const late = await Receiver.start(secret);
    try {
      const destination = [{ name: 'crm', url: late.url, secret: 'LATE_WEBHOOK_SECRET' }];
      await world.publish(campaign('late', late, { destination }));
      const ada = person();
      await post('late', ada);
      await until('an attempt', async () => (await world.deliveries('late'))[0].attempt_count > 0);
      await world.restart('SIGTERM', { LATE_WEBHOOK_SECRET: secret });
      await arrived(late, ada);
      await world.settled('late');
      assert.deepEqual(late.refused, []);
    } finally {
      await late.down();
    }
  });

  test('what waits for a destination that is gone is dead, and says why', async () => {
    await crm.down();
    await world.publish(campaign('removed', crm));
    await post('removed', person());
    await until('an attempt', async () => (await world.deliveries('removed'))[0].attempt_count > 0);
    await world.publish(
      campaign('removed', crm, {
        destination: [{ name: 'other', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' }],
      }),
    );
    const counters = await until('it is dead', async () => {
      const found = await world.counters('removed');
      return found.states.dead === 1 && found;
    });
    assert.equal(counters.states.pending, 0);
    assert.equal((await world.deliveries('removed', 'dead'))[0].reason, 'destination_removed');
    await crm.up();
  });

  // workerd knows no jurisdictions and refuses to name one; Cloudflare does.
  test('where the jurisdiction cannot be had, nothing is stored outside of it', async () => {
    await world.publish(campaign('within', crm));
    await world.restart('SIGTERM', { LEADHOOK_JURISDICTION: 'eu' });
    try {
      const answer = await world.postJson('within', person());
      assert.equal(answer.status, 503, answer.text);
    } finally {
      await world.restart('SIGTERM', { LEADHOOK_JURISDICTION: 'none' });
    }
    assert.equal((await world.counters('within')).accepted, 0);
  });

  test('outside development only https destinations are published', async () => {
    const production = await World.start({ vars: { LEADHOOK_ENV: 'production' } });
    try {
      const answer = await production.admin('PUT', 'campaigns/local', campaign('local', crm));
      assert.equal(answer.status, 422, answer.text);
      assert.deepEqual(
        answer.json.errors.map(({ field, code }) => [field, code]),
        [['destination[0].url', 'campaign_invalid']],
      );
    } finally {
      await production.stop();
    }
  });

  test('a Worker without its keys takes no lead, and without a token nobody is its admin', async () => {
    await world.restart('SIGTERM', { LEADHOOK_PEPPERS: '', LEADHOOK_ADMIN_TOKEN: '' });
    const answer = await world.postJson('corrected', person());
    assert.equal(answer.status, 503, answer.text);
    assert.ok(Number(answer.headers['retry-after']) > 0);
    for (const token of ['', null, world.adminToken]) {
      const { status } = await world.admin('GET', 'counters', undefined, token);
      assert.ok([401, 503].includes(status), String(status));
    }
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual(crm.refused, []);
    assertNoLeaks(world);
  });
});
