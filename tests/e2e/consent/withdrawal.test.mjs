// Withdrawal of consent: by a link or by a mail program's single click, reported to everybody who has the
// lead.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign, NEWSLETTER_TEXT, person } from '../support/campaigns.mjs';
import { Operator } from '../support/cli.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { opened } from '../support/receipts.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { consentVars, World } from '../support/world.mjs';

const HTML = { Accept: 'text/html' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
/** The posts of mail programs by RFC 8058, in the encodings that it names, and that of the page's button. */
const CLICKS = {
  'the button of the page': { method: 'link', headers: FORM, body: '' },
  'one click, urlencoded': { method: 'one_click', headers: FORM, body: 'List-Unsubscribe=One-Click' },
  'one click, multipart': {
    method: 'one_click',
    headers: { 'Content-Type': 'multipart/form-data; boundary=xyz' },
    body: '--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n',
  },
};

let world, crm, erp;

describe('a consent is taken back', { timeout: 180_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    erp = await Receiver.start(SECRETS.ERP_WEBHOOK_SECRET);
    world = await World.start({ breaksKv: true, vars: consentVars() });
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    await erp?.down();
  });

  const post = async (id, value) => {
    const answer = await world.postJson(id, value);
    assert.equal(answer.status, 202, answer.text);
    return answer.json;
  };
  const arrived = async (ada) => (await until('the lead', () => crm.to(ada.email)[0])).payload.data;
  const about = (receiver, leadId, type) =>
    receiver.deliveries
      .map(({ payload }) => payload)
      .filter((one) => one.type === type && one.data.lead_id === leadId);
  const hears = (receiver, leadId, type) => until(`${type}`, () => about(receiver, leadId, type)[0]);
  const linkOf = (lead, purpose = 'newsletter') =>
    lead.consent.find((one) => one.purpose === purpose).withdraw_url;
  const withdraw = async (link, click = CLICKS['the button of the page']) => {
    const answer = await world.open(link, 'POST', click);
    assert.equal(answer.status, 200, answer.text);
    return answer;
  };

  test('the link shows what was agreed to, with its receipt, and opening it does nothing', async () => {
    await world.publish(campaign('page', crm));
    const ada = person({ consent: { newsletter: true, calls: true } });
    await post('page', ada);
    const lead = await arrived(ada);
    const link = linkOf(lead);
    const page = await world.open(link, 'GET', { headers: HTML });
    assert.equal(page.status, 200);
    assert.ok(page.text.includes(NEWSLETTER_TEXT), page.text);
    assert.match(page.headers['referrer-policy'], /no-referrer/);
    assert.equal(page.headers['cache-control'], 'no-store, no-transform');
    const [, relative] = page.text.match(/href="([^"]+\/receipt)"/);
    const { json } = await world.open(new URL(relative, link).href);
    assert.deepEqual(
      json.consents.map(({ purpose, state, text }) => [purpose, state, text]),
      [['newsletter', 'given', NEWSLETTER_TEXT]],
    );
    assert.equal((await opened(world, json.consents[0].receipt)).payload.record.campaign, 'page');
    assert.equal(about(crm, lead.lead_id, 'consent.withdrawn').length, 0);
  });

  for (const [what, click] of Object.entries(CLICKS)) {
    test(`by ${what}, with neither cookie nor redirect, once and for all`, async () => {
      const id = `by-${what.replace(/\W+/g, '-')}`;
      await world.publish(campaign(id, crm));
      const ada = person();
      await post(id, ada);
      const lead = await arrived(ada);
      const answer = await withdraw(linkOf(lead), click);
      for (const name of ['set-cookie', 'location', 'access-control-allow-origin'])
        assert.equal(answer.headers[name], undefined);
      const { data } = await hears(crm, lead.lead_id, 'consent.withdrawn');
      const { withdrawn_at, history, ...rest } = data;
      assert.deepEqual(rest, { lead_id: lead.lead_id, campaign: id, purposes: ['newsletter'] });
      assert.ok(Math.abs(Date.parse(withdrawn_at) - Date.now()) < 60_000, withdrawn_at);
      await withdraw(linkOf(lead), click);
      await world.settled(id);
      assert.equal(about(crm, lead.lead_id, 'consent.withdrawn').length, 1);

      const [held] = (await new Operator(world).access(ada.email)).ledgers.flatMap(({ leads }) => leads);
      assert.deepEqual(
        held.consents.map(({ purpose, state }) => [purpose, state]),
        [
          ['newsletter', 'withdrawn'],
          ['calls', 'refused'],
        ],
      );
      assert.deepEqual(
        held.history.map(({ verdict }) => verdict),
        ['valid', 'valid'],
      );
      assert.equal(JSON.parse(held.history[1].personal).method, click.method);
      assert.deepEqual({ seq: held.history[1].act.seq, head: held.history[1].act.mac }, history);
      const { json } = await world.open(`${linkOf(lead)}/receipt`);
      assert.deepEqual(
        json.consents.map(({ state, receipt }) => [state, receipt]),
        [['withdrawn', null]],
      );
    });
  }

  test('of one purpose, the other stays, and whoever has the lead hears which', async () => {
    await world.publish(campaign('one-of-two', crm));
    const ada = person({ consent: { newsletter: true, calls: true } });
    await post('one-of-two', ada);
    const lead = await arrived(ada);
    await withdraw(linkOf(lead, 'calls'));
    const { json } = await world.open(`${linkOf(lead)}/receipt`);
    assert.deepEqual(
      json.consents.map(({ purpose, state }) => [purpose, state]),
      [['newsletter', 'given']],
    );
    const { data } = await hears(crm, lead.lead_id, 'consent.withdrawn');
    assert.deepEqual(data.purposes, ['calls']);
  });

  test('what waits for a receiver that is down stops', async () => {
    const destination = [
      { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' },
      { name: 'erp', url: erp.url, secret: 'ERP_WEBHOOK_SECRET' },
    ];
    await world.publish(campaign('waiting', crm, { destination }));
    await erp.down();
    const ada = person();
    await post('waiting', ada);
    const lead = await arrived(ada);
    const ofErp = async () =>
      (await world.deliveries('waiting')).find(
        (one) => one.destination === 'erp' && one.event.startsWith('lead.'),
      );
    await until('an attempt', async () => (await ofErp()).attempt_count > 0);
    await withdraw(linkOf(lead));
    const { state, reason } = await ofErp();
    assert.deepEqual([state, reason], ['withdrawn', 'consent_withdrawn']);
    await erp.up();
    // The attempt may have reached it, so it hears of the withdrawal, and of nothing else.
    await hears(erp, lead.lead_id, 'consent.withdrawn');
    assert.deepEqual(
      erp.deliveries
        .filter(({ payload }) => payload.data.lead_id === lead.lead_id)
        .map(({ payload }) => payload.type),
      ['consent.withdrawn'],
    );
    await world.settled('waiting');
  });

  test('the same post right after is a consent given again, though KV remembers it', async () => {
    await world.publish(campaign('again', crm, { dedupe: {} }));
    const seen = () => [...world.kv.entries.keys()].filter((key) => key.startsWith('seen/v1/again/')).length;
    const ada = person();
    const first = await post('again', ada);
    const lead = await arrived(ada);
    // KV remembers who comes again by way of another isolate, and that isolate does too.
    await world.restart();
    await post('again', ada);
    await until('KV remembers', () => seen() === 1);
    await withdraw(linkOf(lead));
    await hears(crm, lead.lead_id, 'consent.withdrawn');
    assert.equal(seen(), 0, 'KV has forgotten');
    const again = await post('again', ada);
    assert.deepEqual(again, first);
    const { data } = await hears(crm, lead.lead_id, 'lead.updated');
    assert.equal(data.consent[0].granted, true);
    assert.ok(data.consent[0].at > lead.consent[0].at, data.consent[0].at);
    const { payload } = await opened(world, data.consent[0].receipt);
    assert.equal(payload.record.history.seq, 3);
    const { accepted, states } = await world.settled('again');
    assert.deepEqual([accepted, states.delivered], [1, 1]);
    await withdraw(linkOf(data));
    await until('the second withdrawal', () => about(crm, lead.lead_id, 'consent.withdrawn').length === 2);
  });

  test('a lead that is held is not kept without its consent', async () => {
    const held = { qualify: { warm: 20, hot: 60, forward_at: 40 }, ledger: 'shared' };
    await world.publish(campaign('open', crm, { ledger: 'shared' }), campaign('held', crm, held));
    const ada = person();
    await post('open', ada);
    const lead = await arrived(ada);
    await post('held', { ...ada, seats: 3 });
    await until('it is held', async () => (await world.counters('held')).states.held === 1);
    await withdraw(linkOf(lead));
    const { states } = await world.counters('held');
    assert.deepEqual([states.held, states.withdrawn], [0, 1]);
    await post('held', {
      ...ada,
      company_size: '201+',
      utm_source: 'google',
      seats: 4,
      consent: { newsletter: true },
    });
    const { data } = await until('the new lead', () =>
      crm
        .to(ada.email)
        .map(({ payload }) => payload)
        .find((one) => one.data.campaign === 'held'),
    );
    assert.equal(data.answers.seats, 4);
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual([crm.refused, erp.refused], [[], []]);
    assertNoLeaks(world);
  });
});
