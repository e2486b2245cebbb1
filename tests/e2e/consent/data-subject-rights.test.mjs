// The rights of people who share a lead: access, withdrawal and erasure reach their own data and nobody
// else's.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign, person, phoneNumber } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { consentVars, World } from '../support/world.mjs';

let world, crm, sales;

describe('people who share a lead', { timeout: 120_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    sales = await Receiver.start(SECRETS.SALES_WEBHOOK_SECRET);
    world = await World.start({ vars: consentVars() });
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    await sales?.down();
  });

  const post = async (id, value) => assert.equal((await world.postJson(id, value)).status, 202);
  const held = async (id, who) =>
    (await world.ask('POST', 'access', who)).ledgers.find(({ ledger }) => ledger === id);
  const events = (receiver, type) =>
    receiver.deliveries.map(({ payload }) => payload).filter((payload) => payload.type === type);

  test('a stranger who types an address beside his own phone number reaches what he typed, and no more', async () => {
    await world.publish(campaign('typed', crm, { qualify: { forward_at: 1000 } }));
    const vera = person({ name: 'Vera private' });
    const phone = phoneNumber();
    await post('typed', vera);
    await post('typed', { ...vera, phone: phone.written, name: 'Mallory' });
    const shown = JSON.stringify(await held('typed', { phone: phone.e164 }));
    assert.match(shown, /Mallory/);
    assert.doesNotMatch(shown, /Vera/);
    assert.ok(!shown.includes(vera.email), shown);

    const erased = (await world.ask('POST', 'erase', { phone: phone.e164 })).ledgers.find(
      ({ ledger }) => ledger === 'typed',
    );
    assert.deepEqual([erased.leads, erased.left.length, erased.submissions], [[], 1, 1]);
    const left = await held('typed', { email: vera.email });
    assert.match(JSON.stringify(left), /Vera private/);
    assert.equal(left.leads[0].consents.find(({ purpose }) => purpose === 'newsletter').state, 'given');
  });

  test("a stranger who knows somebody's phone number withdraws and erases his own", async () => {
    await world.publish(
      campaign('shared', crm, {
        dedupe: { by: ['email', 'phone'], remember_in_kv: false },
        destination: [
          { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' },
          { name: 'sales', url: sales.url, secret: 'SALES_WEBHOOK_SECRET', forward_at: 40 },
        ],
      }),
    );
    const phone = phoneNumber();
    const vera = person({ phone: phone.written, name: 'Vera private' });
    const mallory = person({
      phone: phone.written,
      name: 'Mallory',
      company_size: '201+',
      utm_source: 'google',
    });
    await post('shared', vera);
    const [first] = await until('her lead', () => crm.to(vera.email).length && crm.to(vera.email));
    await post('shared', mallory);
    const [his] = await until('his', () => sales.to(mallory.email).length && sales.to(mallory.email));
    assert.equal(his.payload.data.lead_id, first.payload.data.lead_id, 'they are one lead');
    assert.deepEqual(his.payload.data.recognised_by, ['phone'], 'and whoever gets it sees by what');
    assert.equal(first.payload.data.recognised_by, undefined);

    const link = his.payload.data.consent.find(({ withdraw_url }) => withdraw_url).withdraw_url;
    const receipt = await world.open(`${link}/receipt`);
    assert.equal(receipt.status, 200);
    assert.ok(!receipt.text.includes('Vera'));
    assert.equal(
      (await world.open(link.replace('/shared/', '/typed/'), 'POST')).status,
      410,
      'it is one of its campaign',
    );
    assert.equal((await world.open(link, 'POST')).status, 200);
    const state = async (who) =>
      (await held('shared', who)).leads[0].consents.find(({ purpose }) => purpose === 'newsletter').state;
    assert.deepEqual(
      [await state({ email: vera.email }), await state({ email: mallory.email })],
      ['given', 'withdrawn'],
    );
    const [told] = await until('what he has withdrawn', () => {
      const all = events(sales, 'lead.updated').filter(({ data }) => data.withdrawn);
      return all.length && all;
    });
    assert.deepEqual(
      [told.data.withdrawn.purposes, told.data.withdrawn.webhook_ids.includes(his.id)],
      [['newsletter'], true],
    );

    await world.ask('POST', 'erase', { email: mallory.email });
    await until('what of him is to go', () => events(sales, 'lead.updated').some(({ data }) => data.erased));
    assert.deepEqual([events(sales, 'lead.erased'), events(crm, 'lead.erased')], [[], []], 'hers stays');
    assert.equal((await held('shared', { email: mallory.email })).leads.length, 0);
    await world.ask('POST', 'erase', { email: vera.email });
    await until('the end of the lead', () => events(crm, 'lead.erased').length === 1);
  });

  test('a friend whose address somebody typed finds it, and is gone before it goes out', async () => {
    const file = campaign('friends', crm);
    file.field.push({ name: 'friend', kind: 'email' });
    await world.publish(file);
    const [friend, ada] = [person().email, person()];
    await crm.down();
    await post('friends', { ...ada, friend });
    const { leads, mentions } = await held('friends', { email: friend });
    assert.deepEqual([leads, mentions.map(({ fields }) => fields)], [[], [{ friend }]]);
    await world.ask('POST', 'erase', { email: friend });
    await crm.up();
    const [{ payload }] = await until('the lead', () => crm.to(ada.email).length && crm.to(ada.email));
    assert.deepEqual([payload.data.answers.name, payload.data.answers.friend], [ada.name, undefined]);
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual([crm.refused, sales.refused], [[], []]);
    // Answers to access requests are all that names anybody.
    world.answers = world.answers.filter(({ request }) => !request.includes('/admin/api/access'));
    assertNoLeaks(world);
  });
});
