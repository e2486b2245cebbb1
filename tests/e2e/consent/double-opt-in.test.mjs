// Double opt-in: nobody is signed up by somebody else, and nobody is flooded with mail.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { asForm, campaign, NEWSLETTER_TEXT, person } from '../support/campaigns.mjs';
import { Operator } from '../support/cli.mjs';
import { exampleCampaign } from '../support/examples.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { links, Mailbox } from '../support/mailbox.mjs';
import { faults, opened } from '../support/receipts.mjs';
import { Receiver } from '../support/receiver.mjs';
import { consentVars, World } from '../support/world.mjs';

const HTML = { Accept: 'text/html' };
const EVERY_STATE_BUT =
  (...names) =>
  ([state, count]) =>
    count > 0 && !names.includes(state);

let world, crm, mailbox;

/** The newsletter of the examples, under another name. */
const newsletter = (id, ledger = id) => ({
  ...exampleCampaign('newsletter', { crm, mail: mailbox }),
  id,
  ledger,
  dedupe: { remember_in_kv: false },
});

/** A campaign whose CRM sends the mails itself. */
const askedByCrm = (id) =>
  campaign(id, crm, {
    double_opt_in: {
      destination: 'crm',
      subject: 'Confirm: {title}',
      text: 'Yes: {confirm_link}\nNo: {withdraw_link}',
    },
  });

describe('double opt-in', { timeout: 180_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    mailbox = await Mailbox.start();
    world = await World.start({ vars: consentVars() });
    await world.publish(newsletter('news'));
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    await mailbox?.stop();
  });

  const someone = () => {
    const { email, consent } = person();
    return { email, consent, first_name: 'Ada' };
  };
  const post = async (id, value) => assert.equal((await world.postJson(id, value)).status, 202);
  const leads = ({ email }) => crm.to(email).filter(({ payload }) => payload.type.startsWith('lead.'));
  const arrived = (who, count = 1) => until(`lead ${count}`, () => leads(who).length >= count && leads(who));
  const statesOf = async (id) => (await world.counters(id)).states;

  test('a mail asks the owner of the address, and only a press of its button confirms', async () => {
    const ada = someone();
    const answer = await world.postForm('news', asForm(ada));
    assert.equal(answer.status, 202, answer.text);
    const mail = await mailbox.next(ada.email);
    assert.deepEqual(
      [mail.From, mail.To, mail.Subject],
      ['news@example.com', ada.email, 'Please confirm: The Example newsletter'],
    );
    assert.match(mail.TextBody, /Someone signed up for The Example newsletter/);
    assert.doesNotMatch(mail.TextBody, /Ada/, 'nothing that a visitor typed');
    const { confirm } = links(mail);

    const page = await world.open(confirm, 'GET', { headers: HTML });
    assert.equal(page.status, 200);
    assert.match(page.text, /<form method="post"><button>/);
    assert.equal((await statesOf('news')).unconfirmed, 1);

    const confirmed = await world.open(confirm, 'POST');
    assert.equal(confirmed.status, 200, confirmed.text);
    const [{ payload }] = await arrived(ada);
    assert.equal(payload.type, 'lead.qualified');
    const [consent] = payload.data.consent;
    assert.ok(consent.confirmed_at >= consent.at, consent.confirmed_at);
    const receipt = await opened(world, consent.receipt);
    assert.deepEqual(faults(receipt.payload), []);
    assert.deepEqual(
      receipt.payload.record.events.map(({ event_state }) => event_state),
      ['requested', 'confirmed'],
    );
    assert.equal(receipt.payload.services[0].purposes[0].purpose, NEWSLETTER_TEXT);

    assert.equal((await world.open(confirm, 'POST')).status, 200, 'a second press is no mistake');
    const { states } = await world.settled('news');
    assert.equal(states.delivered, 1);
    assert.equal(leads(ada).length, 1);
  });

  test('programs that open every link change nothing', async () => {
    await world.publish(newsletter('scanned'));
    const ada = someone();
    await post('scanned', ada);
    const { confirm, withdraw } = links(await mailbox.next(ada.email));
    const opens = Array.from({ length: 20 }, (_, at) =>
      world.open(at % 2 ? confirm : withdraw, at % 3 ? 'GET' : 'HEAD'),
    );
    for (const { status, headers } of await Promise.all(opens)) {
      assert.ok([200, 405].includes(status), String(status));
      assert.equal(headers['set-cookie'], undefined);
    }
    const { accepted, states } = await world.counters('scanned');
    assert.deepEqual([accepted, states.unconfirmed], [1, 1]);
    assert.equal(leads(ada).length, 0);
    await world.open(confirm, 'POST');
    await arrived(ada);
  });

  test('a CRM can send the mail: it is asked by a signed webhook', async () => {
    await world.publish(askedByCrm('by-crm'));
    const ada = person();
    await post('by-crm', ada);
    const [
      {
        payload: { type, data },
      },
    ] = await until('the request', () => crm.to(ada.email).length && crm.to(ada.email));
    assert.equal(type, 'confirmation.requested');
    const { confirm_url, withdraw_url, expires_at, ...rest } = data;
    assert.deepEqual(rest, {
      campaign: 'by-crm',
      contact: { email: ada.email },
      subject: 'Confirm: The guide by-crm',
      text: `Yes: ${confirm_url}\nNo: ${withdraw_url}`,
    });
    const hours = (Date.parse(expires_at) - Date.now()) / 3_600_000;
    assert.ok(hours > 71 && hours <= 72, expires_at);
    await world.open(confirm_url, 'POST');
    const [lead] = await arrived(ada);
    assert.equal(lead.payload.data.consent.find(({ purpose }) => purpose === 'calls').granted, false);
  });

  test('whoever says that it was not them is not asked again by this post, and nothing goes out', async () => {
    await world.publish(newsletter('refused'));
    const ada = someone();
    await post('refused', ada);
    const { confirm, withdraw } = links(await mailbox.next(ada.email));
    assert.equal((await world.open(withdraw, 'POST')).status, 200);
    assert.equal((await world.open(confirm, 'POST')).status, 410, 'the link has ended');
    const { states } = await world.counters('refused');
    assert.deepEqual(Object.entries(states).filter(EVERY_STATE_BUT('withdrawn')), []);
    assert.equal(leads(ada).length, 0);
  });

  test('a mailbox is asked twice whatever its address looks like, and not for a month after it said no', async () => {
    await world.publish(newsletter('cap'), newsletter('cap-2', 'cap'));
    const { email, consent } = person();
    const tagged = (n) => email.replace('@', `+${n}@`);
    for (let n = 0; n < 6; n++)
      await post(n % 2 ? 'cap' : 'cap-2', { email: tagged(n), consent, first_name: `Ada ${n}` });
    const mail = await mailbox.next(tagged(0));
    await mailbox.next(tagged(1));
    const sum = async (state) => (await statesOf('cap'))[state] + (await statesOf('cap-2'))[state];
    assert.deepEqual([await sum('unconfirmed'), await sum('quarantined')], [2, 4]);
    const [aside] = (await world.ask('GET', 'quarantine?campaign=cap')).submissions;
    assert.deepEqual(
      aside.signals.filter(({ signal }) => signal === 'mailbox_velocity').map(({ because }) => because),
      ['too many unanswered mails to one mailbox'],
    );

    assert.equal((await world.open(links(mail).withdraw, 'POST')).status, 200);
    await post('cap', { email: tagged('more'), consent, first_name: 'Ada' });
    assert.equal(await sum('suppressed'), 1);
    const mails = [0, 1, 2, 3, 4, 5, 'more'].map((n) => mailbox.to(tagged(n)).length);
    assert.deepEqual(mails, [1, 1, 0, 0, 0, 0, 0]);
  });

  test('whoever is on the list of objections is asked once in a year, whoever types their address in', async () => {
    const desk = new Operator(world);
    await world.publish(newsletter('objects'));
    const { email, consent } = person();
    await desk.run('suppress', '--email', email, '--ledger', 'objects');
    await post('objects', { email, consent, first_name: 'Ada' });
    const { withdraw } = links(await mailbox.next(email));
    for (let n = 0; n < 3; n++) await post('objects', { email, consent, first_name: `Ada ${n}` });
    await world.open(withdraw, 'POST');
    await post('objects', { email, consent, first_name: 'Augusta' });
    const last = someone();
    await post('objects', last);
    await mailbox.next(last.email);
    assert.equal(mailbox.to(email).length, 1);
  });

  test("a link that was changed, or is another campaign's, is none", async () => {
    const ada = someone();
    await post('news', ada);
    const { confirm } = links(await mailbox.next(ada.email));
    const changed = confirm.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    for (const link of [
      changed,
      confirm.replace('/news/', '/refused/'),
      `${confirm}x`,
      confirm.replace(/[^/]*$/, 'x'),
    ]) {
      for (const method of ['GET', 'POST']) assert.equal((await world.open(link, method)).status, 410, link);
    }
    assert.equal((await world.open(confirm.replace('/news/', '/nobody/'), 'POST')).status, 404);
    await world.open(confirm, 'POST');
    await arrived(ada);
  });

  test('a hundred posts at once are one mail, and no campaign of the ledger sends a third', async () => {
    const campaigns = ['flood-1', 'flood-2', 'flood-3'];
    await world.publish(...campaigns.map((id) => newsletter(id, 'flood')));
    const { email, consent } = person();
    for (const [at, id] of campaigns.entries()) {
      const posts = Array.from({ length: 100 }, (_, n) =>
        world.postJson(id, { email, consent, first_name: `Ada ${n % 50}` }),
      );
      for (const { status, text } of await Promise.all(posts)) assert.equal(status, 202, text);
      // Whoever comes after them in the queue has come.
      const last = someone();
      await post(id, last);
      await mailbox.next(last.email);
      assert.equal(mailbox.to(email).length, Math.min(at + 1, 2), id);
    }
    const { confirm } = links(mailbox.to(email)[0]);
    await world.open(confirm, 'POST');
    await arrived({ email });
    const { accepted, repeats, states } = await world.counters('flood-1');
    assert.equal(accepted + repeats, 101);
    assert.equal(
      accepted,
      Object.values(states).reduce((a, b) => a + b, 0),
    );
  });

  test('a mail that fails is sent again, and a confirmed person is not asked twice', async () => {
    await world.publish(newsletter('again'));
    const ada = someone();
    mailbox.failures = 1;
    await post('again', ada);
    const { confirm } = links(await mailbox.next(ada.email));
    await world.open(confirm, 'POST');
    await arrived(ada);
    await post('again', { ...ada, first_name: 'Augusta' });
    await until('the second post', async () => (await statesOf('again')).duplicate === 1);
    assert.equal(mailbox.to(ada.email).length, 1);
  });

  test('what waits for a confirmation is shown to the person who asks, and can be erased', async () => {
    const desk = new Operator(world);
    const ada = someone();
    await post('news', ada);
    const { confirm } = links(await mailbox.next(ada.email));
    const held = (await desk.access(ada.email)).ledgers.flatMap((ledger) => ledger.leads);
    assert.deepEqual(
      held.flatMap(({ submissions }) =>
        submissions.map(({ state, data }) => [state, data.lead.contact.email]),
      ),
      [['unconfirmed', ada.email]],
    );
    await desk.run('erase', '--email', ada.email, '--yes');
    assert.equal((await world.open(confirm, 'POST')).status, 410);
    assert.deepEqual(
      (await desk.access(ada.email)).ledgers.flatMap((ledger) => ledger.leads),
      [],
    );
    assert.equal(leads(ada).length, 0);
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual([crm.refused, mailbox.refused], [[], []]);
    assertNoLeaks(world);
  });
});
