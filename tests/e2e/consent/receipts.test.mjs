// Consent receipts that anybody can verify, and consent histories that nobody can change unseen.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { campaign, person, phoneNumber } from '../support/campaigns.mjs';
import { Operator } from '../support/cli.mjs';
import { sql } from '../support/disk.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { faults, keySet, opened } from '../support/receipts.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { consentVars, newSigningKey, World } from '../support/world.mjs';

let world, crm, partner, desk;

/** Everything that a campaign can state about a consent. */
function stated(id) {
  const controller = {
    name: 'Exempelbolaget AB',
    email: 'privacy@example.com',
    address: 'Storgatan 1, 111 51 Stockholm',
    phone: '+46 8 123 456',
    country: 'SE',
    privacy_notice: 'https://www.example.com/integritet',
    privacy_notice_version: '2026-10',
  };
  const purpose = [
    {
      id: 'newsletter',
      text: 'Ja, skicka mig nyheter.',
      version: '2026-11',
      required: true,
      channel: 'email',
      retention_days: 365,
    },
    {
      id: 'partners',
      text: 'Ja, dela mina uppgifter med Partner AB.',
      version: '3',
      category: 'third party',
      retention_days: 30,
    },
  ];
  const destination = [
    { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' },
    {
      name: 'partner',
      url: partner.url,
      secret: 'ERP_WEBHOOK_SECRET',
      needs: ['partners'],
      third_party: true,
    },
  ];
  return campaign(id, crm, { language: 'sv-SE', controller, purpose, destination });
}

/** As little as a campaign can state. */
function silent(id) {
  return {
    id,
    title: 'The guide',
    controller: {
      name: 'Example AB',
      email: 'privacy@example.com',
      privacy_notice: 'https://www.example.com/privacy',
    },
    field: [{ name: 'email', kind: 'email', required: true }],
    purpose: [{ id: 'newsletter', text: 'Yes, send me news.', version: '1', required: true }],
    destination: [{ name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' }],
  };
}

describe('a consent', { timeout: 180_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    partner = await Receiver.start(SECRETS.ERP_WEBHOOK_SECRET);
    world = await World.start({ vars: consentVars() });
    desk = new Operator(world);
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    await partner?.down();
  });

  const post = async (id, value, headers) => {
    const answer = await world.postJson(id, value, headers);
    assert.equal(answer.status, 202, answer.text);
  };
  const arrived = (receiver, { email }) => until('the webhook', () => receiver.to(email)[0]);
  /** A webhook's consent to a purpose, with its receipt verified. */
  async function receiptOf({ payload: { data } }, purpose = 'newsletter') {
    const consent = data.consent.find((one) => one.purpose === purpose);
    assert.ok(consent.receipt, JSON.stringify(consent));
    return { consent, lead: data, ...(await opened(world, consent.receipt)) };
  }

  describe('its receipt', () => {
    test('verifies with npm jose and says what the webhook says, in the terms of both standards', async () => {
      await world.publish(campaign('receipt', crm));
      const ada = person({
        page_url: 'https://www.example.com/spring?who=ada',
        consent: { newsletter: '2026-11' },
      });
      await post('receipt', ada);
      const { consent, header, payload } = await receiptOf(await arrived(crm, ada));
      assert.deepEqual(header, { alg: 'EdDSA', kid: 'r1' });
      assert.deepEqual(faults(payload), []);
      const { record } = payload;
      const [processed] = record.pii_processing.purposes;
      assert.equal(payload.consentTimestamp, Math.floor(Date.parse(consent.at) / 1000));
      assert.equal(payload.services[0].purposes[0].termination, consent.withdraw_url);
      assert.equal(processed.wording.sha256, consent.text_sha256);
      assert.deepEqual(processed.pii_information[0], { pii_type: 'email' });
      assert.deepEqual([processed.wording.version, processed.wording.version_shown], ['2026-11', '2026-11']);
      assert.deepEqual(
        [record.page, record.gpc, record.campaign],
        ['https://www.example.com/spring', false, 'receipt'],
      );
      assert.deepEqual(
        record.events.map(({ event_state, event_time }) => [event_state, event_time]),
        [['given', consent.at]],
      );
      assert.doesNotMatch(JSON.stringify(payload), /Ada|p\d+\.\d+@/, 'the person is a pseudonym');
    });

    test('says everything that the campaign states', async () => {
      await world.publish(stated('stated'));
      const ada = person({ phone: phoneNumber().written, consent: { newsletter: true, partners: '3' } });
      await post('stated', ada);
      const delivery = await arrived(crm, ada);
      for (const purpose of ['newsletter', 'partners']) {
        const { payload } = await receiptOf(delivery, purpose);
        assert.deepEqual(faults(payload), [], purpose);
        const [controller] = payload.piiControllers;
        assert.deepEqual(controller.address, {
          streetAddress: 'Storgatan 1, 111 51 Stockholm',
          addressCountry: 'SE',
        });
        assert.deepEqual(
          [payload.jurisdiction, payload.language, controller.phone],
          ['SE', 'sv', '+46 8 123 456'],
        );
        assert.equal(payload.record.pii_processing.language, 'sv-SE');
      }
      const { payload } = await receiptOf(delivery, 'partners');
      const [purpose] = payload.services[0].purposes;
      assert.deepEqual([purpose.thirdPartyDisclosure, purpose.thirdPartyName], [true, 'partner']);
      assert.deepEqual(purpose.purposeCategory, ['third party']);
      assert.equal(payload.record.events[0].validity_duration, 'P30D');
      await arrived(partner, ada);
    });

    test('is whole where the campaign states nothing', async () => {
      await world.publish(silent('silent'));
      const ada = { email: person().email, consent: { newsletter: true } };
      await post('silent', ada);
      const { payload } = await receiptOf(await arrived(crm, ada));
      assert.deepEqual(faults(payload), []);
      assert.deepEqual([payload.jurisdiction, payload.piiControllers[0].phone], ['not stated', 'not stated']);
      assert.equal(payload.services[0].purposes[0].thirdPartyDisclosure, false);
    });

    test('is not made for what was refused', async () => {
      await world.publish(campaign('refused', crm));
      const ada = person();
      await post('refused', ada);
      const { consent } = (await arrived(crm, ada)).payload.data;
      const calls = consent.find(({ purpose }) => purpose === 'calls');
      assert.deepEqual([calls.granted, calls.receipt, calls.withdraw_url], [false, undefined, undefined]);
    });

    test('verifies on the command line, and a changed one does not', async () => {
      const ada = person();
      await post('receipt', ada);
      const delivery = await arrived(crm, ada);
      const { consent, payload } = await receiptOf(delivery);
      desk.write('jwks.json', JSON.stringify(await keySet(world)));
      const verify = (text) =>
        desk.try('receipt', 'verify', '--jwks', 'jwks.json', desk.write('receipt.jws', text));
      for (const text of [consent.receipt, `${consent.receipt}\n`, delivery.body]) {
        const { code, stdout, stderr } = await verify(text);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /genuine/);
      }
      const [header, , signature] = consent.receipt.split('.');
      const otherwise = Buffer.from(JSON.stringify({ ...payload, consentTimestamp: 1 })).toString(
        'base64url',
      );
      for (const text of [
        `${header}.${otherwise}.${signature}`,
        consent.receipt.slice(0, -4),
        'no receipt',
      ]) {
        const { code, stdout } = await verify(text);
        assert.equal(code, 1, text);
        assert.doesNotMatch(stdout, /genuine/);
      }
      const about = ['--email', ada.email, '--keys', 'leadhook.keys', '--ledger', 'receipt'];
      desk.write('receipt.jws', consent.receipt);
      assert.match(
        await desk.run('receipt', 'verify', '--jwks', 'jwks.json', 'receipt.jws', ...about),
        /the person with that address/,
      );
      about[1] = person().email;
      assert.equal(
        (await desk.try('receipt', 'verify', '--jwks', 'jwks.json', 'receipt.jws', ...about)).code,
        1,
      );
    });

    test('outlives its key: what an older one signed verifies after it was retired', async () => {
      const [ada, eve] = [person(), person()];
      await post('receipt', ada);
      const older = (await arrived(crm, ada)).payload.data.consent[0].receipt;
      const pair = Buffer.from(world.vars.LEADHOOK_SIGNING_KEYS.split(':')[1], 'base64');
      const retired = `r1:public.${pair.subarray(32).toString('base64')}`;
      await world.restart('SIGTERM', { LEADHOOK_SIGNING_KEYS: `r2:${newSigningKey()},${retired}` });
      assert.deepEqual(
        (await keySet(world)).keys.map(({ kid, d }) => [kid, d]),
        [
          ['r2', undefined],
          ['r1', undefined],
        ],
      );
      assert.equal((await opened(world, older)).header.kid, 'r1');
      await post('receipt', eve);
      assert.equal((await receiptOf(await arrived(crm, eve))).header.kid, 'r2');
    });
  });

  describe('its history', () => {
    const FORGE = `UPDATE submission SET act = replace(act, '["calls","refused"', '["calls","given"')
                   WHERE lead_id = ? RETURNING act`;
    // The keys have been rotated.
    before(() => {
      desk = new Operator(world);
    });

    /** The verdict of `leadhook consent verify` on a person's only lead. */
    const verdict = (file, ...more) =>
      desk.try('consent', 'verify', file, '--keys', 'leadhook.keys', ...more);

    test('is valid as it was written, and whoever edits the database is found out', async () => {
      await world.publish(campaign('history', crm));
      const ada = person();
      await post('history', ada);
      const { consent } = (await arrived(crm, ada)).payload.data;
      desk.write('receipt.jws', consent[0].receipt);
      const { file, ledgers } = await desk.access(ada.email);
      const [lead] = ledgers.flatMap(({ leads }) => leads);
      assert.deepEqual(
        lead.consents.map(({ purpose, state }) => [purpose, state]),
        [
          ['newsletter', 'given'],
          ['calls', 'refused'],
        ],
      );
      const genuine = await verdict(file);
      assert.equal(genuine.code, 0, genuine.stderr);
      assert.match(genuine.stdout, /newsletter given, calls refused {2}valid/);

      await world.kill('SIGTERM');
      const [[forged]] = sql(world, FORGE, [lead.lead_id]);
      assert.match(forged, /"calls","given"/);
      await world.startAgain();
      const after = await desk.access(ada.email);
      assert.equal(after.ledgers.flatMap(({ leads }) => leads)[0].history[0].verdict, 'changed');
      const found = await verdict(after.file);
      assert.equal(found.code, 1);
      assert.match(found.stdout, /CHANGED/);
    });

    test('that was cut short is found out by a receipt', async () => {
      const ada = person();
      await post('history', ada);
      const { data } = (await arrived(crm, ada)).payload;
      await post('history', { ...ada, consent: { newsletter: true, calls: true } });
      const { file, ledgers } = await desk.access(ada.email);
      assert.equal(ledgers.flatMap(({ leads }) => leads)[0].history.length, 2);
      desk.write('receipt.jws', data.consent[0].receipt);
      assert.equal((await verdict(file, '--receipt', 'receipt.jws')).code, 0);

      await world.kill('SIGTERM');
      const cut = 'DELETE FROM act WHERE lead_id = ? AND seq = 1 RETURNING 1';
      assert.equal(sql(world, cut, [data.lead_id]).length, 1);
      await world.startAgain();
      const { code } = await verdict((await desk.access(ada.email)).file, '--receipt', 'receipt.jws');
      assert.equal(code, 1);
    });

    test('that was erased holds nothing of the person, and is still known to be genuine', async () => {
      const ada = person();
      await post('history', ada);
      const { lead_id } = (await arrived(crm, ada)).payload.data;
      await desk.run('erase', '--email', ada.email, '--yes');
      assert.deepEqual(
        (await desk.access(ada.email)).ledgers.flatMap(({ leads }) => leads),
        [],
        'nobody is found any more',
      );

      await world.kill('SIGTERM');
      const acts = sql(world, 'SELECT act, personal FROM act WHERE lead_id = ?', [lead_id]);
      await world.startAgain();
      assert.deepEqual(
        acts.map(([, personal]) => personal),
        [null],
      );
      const history = acts.map(([act, personal]) => ({ act: JSON.parse(act), personal }));
      const kept = { ledgers: [{ ledger: 'history', leads: [{ lead_id, history }] }] };
      const { code, stdout, stderr } = await verdict(desk.write('kept.json', JSON.stringify(kept)));
      assert.equal(code, 0, stderr);
      assert.match(stdout, /erased/);
    });
  });

  describe('a browser that objects to being sold (Sec-GPC)', () => {
    for (const [signal, reaches] of [
      ['1', false],
      ['true', true],
      ['0', true],
      ['1, 1', true],
    ]) {
      const what = reaches ? 'does not withhold a lead' : 'withholds a lead';
      test(`with "${signal}" ${what} from a third party`, async () => {
        const id = `gpc-${signal.replace(/\W+/g, '-')}`;
        await world.publish(stated(id));
        const ada = person({ consent: { newsletter: true, partners: true } });
        await post(id, ada, { 'Sec-GPC': signal });
        const { payload } = await receiptOf(await arrived(crm, ada));
        assert.equal(payload.record.gpc, !reaches);
        await world.settled(id);
        assert.equal(partner.to(ada.email).length, reaches ? 1 : 0);
      });
    }
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual([crm.refused, partner.refused], [[], []]);
    assertNoLeaks(world);
  });
});
