// Faults of KV, from the first post to the doctor's visit. Their effect on repeats and campaigns is in kv-
// cache.test.mjs.
import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { campaign } from '../support/campaigns.mjs';
import { assertNothingLost, startFaultWorld, Submissions } from '../support/fault-world.mjs';
import { Receiver } from '../support/receiver.mjs';

const ROWS = {
  down: (kv) => Object.assign(kv, { reads: 'failing', writes: 'failing' }),
  stale: (kv) => kv.freeze(),
  empty: (kv) => Object.assign(kv, { reads: 'empty' }),
  'refusing writes (429)': (kv) => Object.assign(kv, { writes: 'refusing' }),
  "out of the day's quota": (kv) => Object.assign(kv, { writes: 'spent' }),
  slow: (kv) => Object.assign(kv, { delayMs: 400 }),
};

let world, crm;

describe('KV that is', { timeout: 240_000 }, () => {
  before(async () => {
    crm = await Receiver.start();
    world = await startFaultWorld();
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  for (const [at, [name, begin]] of Object.entries(ROWS).entries()) {
    test(`${name}: leads are accepted and delivered, and a publication is refused or kept`, async () => {
      crm.deliveries = [];
      const id = `kv-${at}`;
      // With what KV remembers, as campaigns are by default.
      await world.publish(campaign(id, crm, { dedupe: {} }));
      const load = new Submissions(world, id);
      const early = await load.people(2);
      begin(world.kv);
      try {
        await load.people(4);
        for (const one of early) assert.equal(await load.post(one), 202);
        assert.equal(load.refused, 0);
        const refusesWrites = world.kv.writes !== 'ok';
        const published = await world.admin('PUT', `campaigns/${id}-new`, campaign(`${id}-new`, crm));
        assert.equal(published.status, refusesWrites ? 503 : 200, published.text);
      } finally {
        world.kv.heal();
      }
      await assertNothingLost(world, load, crm, { once: true });
    });
  }
});
