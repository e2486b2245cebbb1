// Ledgers that newer code or older code has written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { person } from '../support/campaigns.mjs';
import { sql } from '../support/disk.mjs';
import { assertNothingLost, cron, withFaultWorld } from '../support/fault-world.mjs';
import { send, sleep, until } from '../support/http.mjs';
import { openOlder, PEOPLE } from '../support/older-ledger.mjs';
import { Receiver } from '../support/receiver.mjs';

test('newer code has written: this code answers 503 and leaves it, and the newer code goes on', {
  timeout: 120_000,
}, async () => {
  await withFaultWorld('newer', async (world, crm, load) => {
    await load.people(2);
    await world.settled('newer');
    crm.answer = { status: 503 };
    const [waiting] = await load.people(1);
    const tables = () =>
      ['submission', 'delivery', 'fingerprint', 'counter'].map((table) =>
        sql(world, `SELECT * FROM ${table}`),
      );
    const again = async (change) => {
      await world.kill('SIGTERM');
      if (change) sql(world, change);
      const before = tables();
      await world.startAgain();
      return before;
    };

    const before = await again('INSERT INTO migration (version) VALUES (1000)');
    const sent = crm.deliveries.length;
    assert.equal(await load.post(person()), 503);
    const silent = await world.ask('GET', 'doctor?ledger=newer');
    assert.deepEqual(
      silent.findings.map(({ problem }) => problem),
      ['ledger_silent'],
    );
    await cron(world);
    await sleep(2_000);
    assert.equal(crm.deliveries.length, sent, 'nothing of it is sent');
    await world.kill('SIGTERM');
    assert.deepEqual(tables(), before, 'nor touched');

    sql(world, 'DELETE FROM migration WHERE version = 1000');
    await again('UPDATE submission SET format = format + 96');
    await again('UPDATE delivery SET format = format + 96');
    assert.equal(await load.post({ ...waiting, seats: 2 }), 503, 'a person whose rows are newer');
    crm.answer = ({ payload }) => ({ status: payload.data.contact.email === waiting.email ? 503 : 204 });
    await load.people(1);
    const { findings } = await world.ask('GET', 'doctor?ledger=newer');
    assert.ok(
      findings.some(({ problem }) => problem === 'newer'),
      JSON.stringify(findings),
    );
    assert.equal(crm.to(waiting.email).filter(({ status }) => status === 204).length, 0);
    const asked = { ledger: 'newer', message: { format: 99, ledger: 'newer', call: 'wake' } };
    assert.deepEqual((await send(world.url, 'POST', '/message', { body: JSON.stringify(asked) })).json, {
      answer: '"newer"',
    });

    crm.answer = { status: 204 };
    await again('UPDATE submission SET format = format - 96 WHERE format > 96');
    await again('UPDATE delivery SET format = format - 96 WHERE format > 96');
    await assertNothingLost(world, load, crm);
  });
});

test('older code has written: everything in it is known, delivered, told and erased', {
  timeout: 120_000,
}, async () => {
  const crm = await Receiver.start();
  const world = await openOlder(crm);
  try {
    const { delivered, held, pending, erased } = PEOPLE;
    const before = await world.counters('older');
    assert.deepEqual([before.states.delivered, before.states.duplicate, before.states.pending], [1, 1, 2]);
    await cron(world);
    await until(
      'what waited is delivered',
      () => crm.to(pending.email).length === 1 && crm.to(erased.email).length === 1,
    );
    await world.settled('older');

    const accepted = async (id, someone) => assert.equal((await world.postJson(id, someone)).status, 202);
    await accepted('older', delivered);
    await accepted('older', { ...delivered, seats: 3 });
    await accepted('older-held', { ...held, company_size: '201+' });
    await until('the held lead qualifies with its second post', () => crm.to(held.email).length === 1);
    const [known] = (await world.ask('POST', 'access', { email: delivered.email })).ledgers;
    assert.equal(known.leads.length, 1);
    assert.ok(
      known.leads[0].history.every(({ verdict }) => verdict === 'valid'),
      JSON.stringify(known.leads[0].history),
    );
    const gone = await world.ask('POST', 'erase', { email: erased.email });
    assert.equal(gone.ledgers.flatMap(({ leads }) => leads).length, 1);
    await until('the receiver is told', () =>
      crm.deliveries.some(({ payload }) => payload.type === 'lead.erased'),
    );

    const { states, accepted: sum, repeats } = await world.settled('older');
    assert.deepEqual([states.delivered, states.duplicate, states.erased, sum, repeats], [2, 2, 1, 5, 1]);
    assert.equal(crm.to(delivered.email).length, 0, 'nothing is sent twice');
    assert.deepEqual(crm.refused, []);
    const doctor = await world.ask('GET', 'doctor?ledger=older');
    assert.deepEqual(
      doctor.findings.filter(({ is_wrong }) => is_wrong),
      [],
    );
  } finally {
    await world.stop();
    await crm.down();
  }
});
