// The operators' command line: erasure of a person, lists, and making and rotating keys.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign, person, phoneNumber } from '../support/campaigns.mjs';
import { Operator } from '../support/cli.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { keySet, opened } from '../support/receipts.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { consentVars, World } from '../support/world.mjs';

/** As many customers as a shop of some years has. */
const CUSTOMERS = 100_000;

let world, crm, erp, desk;

describe('the command line', { timeout: 180_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    erp = await Receiver.start(SECRETS.ERP_WEBHOOK_SECRET);
    world = await World.start({ breaksKv: true, vars: consentVars() });
    desk = new Operator(world);
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    await erp?.down();
  });

  const post = async (id, value) => {
    const answer = await world.postJson(id, value);
    assert.equal(answer.status, 202, answer.text);
  };
  const leads = (receiver, { email }) => receiver.to(email).map(({ payload }) => payload);
  const arrived = (receiver, who, count = 1) => until(`lead ${count}`, () => leads(receiver, who)[count - 1]);
  const statesOf = async (id) => (await world.counters(id)).states;
  const seen = (id) => [...world.kv.entries.keys()].filter((key) => key.startsWith(`seen/v1/${id}/`)).length;
  const held = async (email) => (await desk.access(email)).ledgers.flatMap((ledger) => ledger.leads);

  describe('a person is forgotten', () => {
    test('everywhere, and hears nothing more until an operator takes them off the list', async () => {
      await world.publish(campaign('erased', crm, { dedupe: {} }));
      const ada = person({ phone: phoneNumber().written });
      await post('erased', ada);
      const {
        data: { lead_id, consent },
      } = await arrived(crm, ada);
      // KV remembers who comes again by way of another isolate.
      await world.restart();
      await post('erased', ada);
      await until('KV remembers', () => seen('erased') === 1);

      const printed = await desk.run('erase', '--email', ada.email, '--yes');
      assert.equal(seen('erased'), 0, 'KV has forgotten');
      const { payload } = await opened(world, printed.trim());
      assert.equal(payload.type, 'erasure');
      const [erased] = payload.ledgers.filter(({ leads }) => leads.length > 0);
      assert.deepEqual([erased.ledger, erased.leads, erased.submissions], ['erased', [lead_id], 1]);
      assert.doesNotMatch(JSON.stringify(payload), /@|46701740/);
      desk.write('jwks.json', JSON.stringify(await keySet(world)));
      const said = await desk.run(
        'receipt',
        'verify',
        '--jwks',
        'jwks.json',
        desk.write('erasure.jws', printed),
      );
      assert.match(said, /genuine[\s\S]*a person was erased/);

      const [{ data }] = await until('lead.erased', () => {
        const told = crm.deliveries
          .map((one) => one.payload)
          .filter(({ type, data }) => type === 'lead.erased' && data.lead_id === lead_id);
        return told.length && told;
      });
      assert.deepEqual(Object.keys(data).sort(), ['campaign', 'erased_at', 'lead_id']);
      assert.deepEqual(await held(ada.email), []);
      assert.equal((await statesOf('erased')).erased, 1);
      assert.equal(
        (await world.deliveries('erased')).filter(({ event }) => event !== 'lead.erased').length,
        0,
      );

      await post('erased', ada);
      await until('it is suppressed', async () => (await statesOf('erased')).suppressed === 1);
      await post('erased', { ...ada, seats: 7 });
      await until('so is another one', async () => (await statesOf('erased')).suppressed === 2);
      assert.equal(leads(crm, ada).length, 1);

      await desk.run('unsuppress', '--email', ada.email, '--ledger', 'erased');
      await post('erased', { ...ada, seats: 8 });
      const back = await arrived(crm, ada, 2);
      assert.equal(back.type, 'lead.qualified');
      assert.notEqual(back.data.lead_id, lead_id, 'nothing leads to who they were');
      const old = await world.open(consent[0].withdraw_url, 'POST');
      assert.equal(old.status, 200, 'an old link still says that it is done');
      assert.deepEqual((await held(ada.email))[0].consents[0].state, 'given');
    });

    test('and an old link does not say that they still agree', async () => {
      await world.publish(campaign('linked', crm));
      const ada = person();
      await post('linked', ada);
      const {
        data: { consent },
      } = await arrived(crm, ada);
      await desk.run('erase', '--email', ada.email, '--yes');
      const { text } = await world.open(`${consent[0].withdraw_url}/receipt`);
      assert.doesNotMatch(text, /"given"/);
    });

    test('while their lead still waits: it never goes out', async () => {
      await world.publish(
        campaign('unsent', erp, {
          destination: [{ name: 'erp', url: erp.url, secret: 'ERP_WEBHOOK_SECRET' }],
        }),
      );
      await erp.down();
      const ada = person();
      await post('unsent', ada);
      await until('an attempt', async () => (await world.deliveries('unsent'))[0].attempt_count > 0);
      await desk.run('erase', '--email', ada.email, '--yes');
      await erp.up();
      await until('lead.erased', () => erp.deliveries.some(({ payload }) => payload.type === 'lead.erased'));
      assert.equal(leads(erp, ada).length, 0);
      assert.equal((await statesOf('unsent')).erased, 1);
    });

    test('by a phone number as well, and nobody else is', async () => {
      await world.publish(campaign('by-phone', crm, { dedupe: { by: ['email', 'phone'] } }));
      const phone = phoneNumber();
      const [ada, eve] = [person({ phone: phone.written }), person({ phone: phoneNumber().written })];
      for (const one of [ada, eve]) await post('by-phone', one);
      for (const one of [ada, eve]) await arrived(crm, one);
      await desk.run('erase', '--phone', phone.e164, '--yes');
      assert.deepEqual(await held(ada.email), []);
      assert.equal((await held(eve.email)).length, 1);
    });
  });

  describe('a list', () => {
    const destination = () => [
      { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' },
      { name: 'service', url: erp.url, secret: 'ERP_WEBHOOK_SECRET' },
    ];
    // biome-ignore lint/suspicious/noThenProperty: a key of campaigns; nobody awaits them
    const list = [{ name: 'customers', then: 'existing_customer', send_to: ['service'] }];
    const customer = (n) => `customer.${n}@example.org`;

    test(`of ${CUSTOMERS} customers is imported without their addresses, and a customer's lead goes to those who serve them`, async (t) => {
      await world.publish(campaign('shop', crm, { destination: destination(), list }));
      const rows = Array.from({ length: CUSTOMERS }, (_, n) => `${n},"Lovelace, Ada ${n}",${customer(n)}`);
      const file = desk.write('customers.csv', ['id,name,email', ...rows].join('\r\n'));
      const begun = Date.now();
      const said = await desk.run('list', 'import', file, '--list', 'customers', '--ledger', 'shop');
      t.diagnostic(`imported in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
      assert.match(
        said,
        new RegExp(`${CUSTOMERS} rows, ${CUSTOMERS} uploaded, ${CUSTOMERS} new, 0 unreadable`),
      );
      assert.match(await desk.run('list', 'show'), new RegExp(`shop +customers +${CUSTOMERS} entries`));

      const stranger = person();
      await post('shop', stranger);
      await arrived(crm, stranger);
      const known = person({ email: customer(CUSTOMERS - 1).toUpperCase() });
      await post('shop', known);
      const { data } = await arrived(erp, { email: customer(CUSTOMERS - 1) });
      assert.deepEqual(data.existing_customer, ['customers']);
      await world.settled('shop');
      assert.equal(leads(crm, { email: customer(CUSTOMERS - 1) }).length, 0);
      assert.equal(leads(erp, stranger).length, 0);

      const one = desk.write('left.csv', `e-mail\n${customer(3)}\nnobody\n`);
      assert.match(
        await desk.run('list', 'remove', one, '--list', 'customers', '--ledger', 'shop'),
        /2 rows, 1 uploaded, 1 removed, 1 unreadable/,
      );
      await post('shop', person({ email: customer(3) }));
      const {
        data: { existing_customer },
      } = await arrived(crm, { email: customer(3) });
      assert.equal(existing_customer, undefined);
      await desk.run('list', 'clear', 'customers', '--ledger', 'shop');
      assert.match(await desk.run('list', 'show', '--ledger', 'shop'), /no lists/);
    });

    test('of people who want to hear nothing is kept one by one', async () => {
      await world.publish(campaign('silence', crm));
      const ada = person();
      await desk.run('suppress', '--email', ada.email, '--ledger', 'silence');
      await post('silence', ada);
      await until('it is suppressed', async () => (await statesOf('silence')).suppressed === 1);
      await desk.run('unsuppress', '--email', ada.email, '--ledger', 'silence');
      await post('silence', ada);
      await arrived(crm, ada);
      const { accepted, states } = await world.settled('silence');
      assert.deepEqual(
        [accepted, states.suppressed, states.delivered],
        [1, 0, 1],
        'the same post, now judged',
      );
    });
  });

  describe('the keys', () => {
    test('that the command line makes run a Worker, and a rotation forgets nobody', async () => {
      const made = await World.start({ breaksKv: true });
      try {
        const maker = new Operator(made);
        maker.write('leadhook.keys', '');
        await maker.run('keys', 'make');
        const { LEADHOOK_ADMIN_TOKEN, ...keys } = maker.keys();
        assert.deepEqual(Object.keys(keys).sort(), [
          'LEADHOOK_LIST_KEYS',
          'LEADHOOK_PEPPERS',
          'LEADHOOK_SEALING_KEYS',
          'LEADHOOK_SIGNING_KEYS',
        ]);
        made.adminToken = LEADHOOK_ADMIN_TOKEN;
        await made.restart('SIGTERM', maker.keys());
        await made.publish(campaign('keys', crm));
        const ada = person();
        assert.equal((await made.postJson('keys', ada)).status, 202);
        const { data } = await arrived(crm, ada);

        for (const ring of ['peppers', 'sealing', 'signing']) await maker.run('keys', 'rotate', ring);
        await made.restart('SIGTERM', maker.keys());
        assert.equal((await made.postJson('keys', { ...ada, seats: 5 })).status, 202);
        const { accepted, states } = await until('the second post', async () => {
          const counters = await made.counters('keys');
          return counters.accepted === 2 && counters;
        });
        assert.deepEqual([accepted, states.delivered, states.duplicate], [2, 1, 1]);
        assert.equal((await opened(made, data.consent[0].receipt)).header.kid, 'r1');
        const { file, ledgers } = await maker.access(ada.email);
        assert.deepEqual(
          ledgers[0].leads.map(({ lead_id }) => lead_id),
          [data.lead_id],
        );
        await maker.run('consent', 'verify', file, '--keys', 'leadhook.keys');

        const status = await maker.run('keys', 'status');
        assert.match(status, /p2 +\d+ rows; current\n +p1 +\d+ rows; cannot be retired yet/);
        const refused = await maker.try('keys', 'retire', 'peppers', 'p1');
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /p1 is still needed/);
        await maker.run('keys', 'retire', 'signing', 'r1');
        await made.restart('SIGTERM', maker.keys());
        assert.equal((await opened(made, data.consent[0].receipt)).header.kid, 'r1');

        await maker.run('erase', '--email', ada.email, '--yes');
        assert.deepEqual((await maker.access(ada.email)).ledgers[0].leads, [], 'found under both peppers');
        assertNoLeaks(made);
      } finally {
        await made.stop();
      }
    });
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual([crm.refused, erp.refused], [[], []]);
    assertNoLeaks(world);
  });
});
