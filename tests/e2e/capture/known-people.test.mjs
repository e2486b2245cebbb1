// Further posts of a person who is already known: held leads, conditions that are met later, updates, and
// leads of several campaigns.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign, person, phoneNumber } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

let world, crm, erp;

describe('a person who is already known', { timeout: 120_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    erp = await Receiver.start(SECRETS.ERP_WEBHOOK_SECRET);
    world = await World.start();
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    await erp?.down();
  });

  const post = async (id, value) => assert.equal((await world.postJson(id, value)).status, 202);
  const heard = (receiver, email) => receiver.to(email).map(({ payload }) => payload);
  const arrived = (receiver, email, count) =>
    until(`webhook ${count}`, () => {
      const all = heard(receiver, email);
      return all.length >= count && all;
    });
  const sum = (states) => Object.values(states).reduce((a, b) => a + b, 0);

  test('a held lead goes out once its posts together tell enough', async () => {
    await world.publish(campaign('held', crm, { qualify: { warm: 20, hot: 60, forward_at: 40 } }));
    const ada = person();
    await post('held', { ...ada, company_size: '201+', seats: 3 });
    await until('it is held', async () => (await world.counters('held')).states.held === 1);
    await post('held', { ...ada, phone: phoneNumber().written, seats: 5 });
    const [{ type, data }] = await arrived(crm, ada.email, 1);
    assert.equal(type, 'lead.qualified');
    assert.equal(data.score.total, 45);
    assert.deepEqual(
      [data.answers.company_size, data.answers.seats],
      ['201+', 5],
      'both posts, the newer winning',
    );
    const { accepted, states } = await world.settled('held');
    assert.deepEqual([accepted, sum(states), states.held, states.delivered], [2, 2, 0, 1]);
    assert.equal(heard(crm, ada.email).length, 1);
  });

  test('a destination whose condition is met later gets the lead then, the others nothing new', async () => {
    const destination = [
      { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' },
      {
        name: 'erp',
        url: erp.url,
        secret: 'ERP_WEBHOOK_SECRET',
        when: { field: 'company_size', is: '201+' },
      },
    ];
    await world.publish(campaign('later', crm, { destination }));
    const ada = person();
    await post('later', ada);
    const [first] = await arrived(crm, ada.email, 1);
    await post('later', { ...ada, company_size: '201+' });
    const [second] = await arrived(erp, ada.email, 1);
    assert.deepEqual([first.type, second.type], ['lead.qualified', 'lead.qualified']);
    assert.equal(first.data.lead_id, second.data.lead_id);
    await world.settled('later');
    assert.deepEqual([heard(crm, ada.email).length, heard(erp, ada.email).length], [1, 1]);
  });

  test('a campaign that wants updates sends lead.updated under the same lead_id', async () => {
    await world.publish(campaign('updates', crm, { dedupe: { on_repeat: 'update', remember_in_kv: false } }));
    const ada = person();
    await post('updates', { ...ada, seats: 3 });
    await arrived(crm, ada.email, 1);
    await post('updates', { ...ada, seats: 4 });
    const [first, second] = await arrived(crm, ada.email, 2);
    assert.deepEqual([first.type, second.type], ['lead.qualified', 'lead.updated']);
    assert.equal(first.data.lead_id, second.data.lead_id);
    assert.equal(second.data.answers.seats, 4);
    const [one, two] = crm.to(ada.email);
    assert.notEqual(one.id, two.id, 'another event is another webhook-id');
  });

  test('a person from another campaign of the ledger is the same lead, in another ledger another', async () => {
    const ledger = 'shared';
    const toErp = [{ name: 'erp', url: erp.url, secret: 'ERP_WEBHOOK_SECRET' }];
    await world.publish(
      campaign('first', crm, { ledger }),
      campaign('second', crm, { ledger }),
      campaign('third', crm, { ledger, destination: toErp }),
      campaign('stranger', crm),
    );
    const ada = person();
    for (const id of ['first', 'second', 'third', 'stranger']) {
      await post(id, ada);
      await until(`${id} is delivered`, () =>
        [crm, erp].some((to) => heard(to, ada.email).some(({ data }) => data.campaign === id)),
      );
    }
    const events = [...heard(crm, ada.email), ...heard(erp, ada.email)].map(({ type, data }) => [
      data.campaign,
      type,
    ]);
    assert.deepEqual(events.sort(), [
      ['first', 'lead.qualified'],
      ['second', 'lead.updated'], // The CRM has had this lead.
      ['stranger', 'lead.qualified'],
      ['third', 'lead.qualified'], // The ERP has not.
    ]);
    const leadOf = (id) =>
      [...heard(crm, ada.email), ...heard(erp, ada.email)].find(({ data }) => data.campaign === id).data
        .lead_id;
    assert.equal(leadOf('first'), leadOf('second'));
    assert.equal(leadOf('first'), leadOf('third'));
    assert.notEqual(leadOf('first'), leadOf('stranger'));
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual([crm.refused, erp.refused], [[], []]);
    assertNoLeaks(world);
  });
});
