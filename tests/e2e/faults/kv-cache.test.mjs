// KV as a cache: stale, empty, failing, slow or refusing writes, it costs speed and nothing else, once the
// campaign has been read.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { asForm, campaign, person } from '../support/campaigns.mjs';
import { sleep, until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

const FAULTS = {
  healthy: () => {},
  stale: (kv) => kv.freeze(),
  empty: (kv) => {
    kv.reads = 'empty';
  },
  failing: (kv) => {
    kv.reads = 'failing';
    kv.writes = 'failing';
  },
  'refusing writes': (kv) => {
    kv.writes = 'refusing';
  },
  slow: (kv) => {
    kv.delayMs = 300;
  },
  damaged: (kv) =>
    seen(kv).forEach((entry) => {
      entry.body = Buffer.from('\0 no JSON');
    }),
  'written by newer code': (kv) =>
    seen(kv).forEach((entry) => {
      entry.body = Buffer.from('{"format":99,"by":"v9"}');
    }),
};
/** The time for which an isolate trusts its copy of a campaign (design: a minute), and a little more. */
const CACHE_MS = 65_000;

/** The entries by which KV remembers people. */
const seen = (kv) => [...kv.entries].filter(([key]) => key.startsWith('seen/')).map(([, entry]) => entry);

const id = (fault) => `kv-${fault.replaceAll(' ', '-')}`;

describe('KV as a cache', { timeout: 240_000, concurrency: 3 }, () => {
  describe('once the campaign has been read', { concurrency: 1 }, () => {
    let world, crm;

    before(async () => {
      crm = await Receiver.start();
      world = await World.start({ breaksKv: true });
      // The counters below sum what KV and what the ledger answered: either may.
      for (const fault of Object.keys(FAULTS)) await world.publish(campaign(id(fault), crm, { dedupe: {} }));
    });

    after(async () => {
      await world?.stop();
      await crm?.down();
    });

    for (const [fault, begin] of Object.entries(FAULTS)) {
      test(`with KV ${fault}, one person is one lead and gets the same answers`, async () => {
        const reader = person();
        assert.equal((await world.postJson(id(fault), reader)).status, 202);
        const [early, ada] = [person(), person()];
        const before = await world.postJson(id(fault), early);
        begin(world.kv);
        try {
          const first = await world.postJson(id(fault), ada);
          assert.equal(first.status, 202, first.text);
          for (let i = 0; i < 3; i += 1) {
            const again = await world.postForm(id(fault), asForm(ada));
            assert.deepEqual([again.status, again.json], [202, first.json]);
          }
          assert.deepEqual((await world.postJson(id(fault), early)).json, before.json);
          const changed = await world.postJson(id(fault), { ...ada, seats: 9 });
          assert.equal(changed.status, 202);
          const same = person();
          const flood = await Promise.all(Array.from({ length: 20 }, () => world.postJson(id(fault), same)));
          assert.equal(new Set(flood.map(({ status, text }) => `${status} ${text}`)).size, 1);
          assert.equal(flood[0].status, 202);
          const invalid = await world.postJson(id(fault), { email: 'no' });
          assert.equal(invalid.status, 422);

          const { accepted, states } = await world.settled(id(fault));
          assert.deepEqual([accepted, states.delivered, states.duplicate], [5, 4, 1]);
          for (const { email } of [reader, early, ada, same]) assert.equal(crm.to(email).length, 1, fault);
        } finally {
          world.kv.heal();
        }
      });
    }

    test('an exact repeat is answered from KV where the isolate does not know it, and does not reach the ledger', async () => {
      await world.publish(campaign('kv-repeat', crm, { dedupe: { kv: 'always' } }));
      const ada = person();
      const first = await world.postJson('kv-repeat', ada);
      const repeat = async () => assert.deepEqual((await world.postJson('kv-repeat', ada)).json, first.json);
      await world.restart(); // A new isolate remembers nothing: the ledger knows the first repeat, and KV is told.
      const before = seen(world.kv).length;
      await repeat();
      await until('KV remembers', () => seen(world.kv).length > before);
      await world.restart();
      for (let i = 0; i < 3; i += 1) await repeat();
      const { accepted, repeats, approximate } = await until('the repeats are counted', async () => {
        const counters = await world.counters('kv-repeat');
        return counters.approximate.kv_repeats === 3 && counters;
      });
      assert.deepEqual([accepted, repeats, approximate.rejections], [1, 1, []]);
    });

    test('nothing of it is told, or readable where it is kept', () => {
      assert.deepEqual(crm.refused, []);
      assertNoLeaks(world);
    });
  });

  test('a campaign that was never read is 503 while KV fails, and works once it is back', async () => {
    const crm = await Receiver.start();
    const world = await World.start({ breaksKv: true });
    try {
      await world.publish(campaign('never-read', crm));
      world.kv.reads = 'failing';
      await world.restart(); // A new isolate: its memory is empty.
      const ada = person();
      for (const answer of [
        await world.postJson('never-read', ada),
        await world.request('GET', '/c/never-read'),
      ]) {
        assert.equal(answer.status, 503, answer.text);
        assert.match(answer.headers['content-type'], /^application\/problem\+json\b/);
        assert.ok(Number(answer.headers['retry-after']) > 0, answer.headers['retry-after']);
      }
      // An address is the visitor's: the check for leaks below finds it where it comes into the log.
      assert.ok([404, 503].includes((await world.postJson('ann@example.org', ada)).status));
      world.kv.heal();
      await until(
        'the campaign is back',
        async () => (await world.postJson('never-read', ada)).status === 202,
      );
      await until('the webhook', () => crm.to(ada.email).length);

      world.kv.writes = 'refusing';
      const published = await world.admin('PUT', 'campaigns/unwritten', campaign('unwritten', crm));
      assert.equal(published.status, 503, 'what KV refused is not published');
      assertNoLeaks(world);
    } finally {
      await world.stop();
      await crm.down();
    }
  });

  test('what is accepted is delivered, though KV fails from then on and the runtime starts anew', async () => {
    const crm = await Receiver.start();
    const world = await World.start({ breaksKv: true });
    try {
      await world.publish(campaign('own-copy', crm));
      await crm.down();
      const ada = person();
      assert.equal((await world.postJson('own-copy', ada)).status, 202);
      world.kv.reads = 'failing';
      world.kv.writes = 'failing';
      await world.restart('SIGKILL');
      await crm.up();
      await until('the webhook', () => crm.to(ada.email).length);
      world.kv.heal();
      const { states } = await world.settled('own-copy');
      assert.equal(states.delivered, 1);
      assert.equal(crm.deliveries.length, 1);
    } finally {
      await world.stop();
      await crm.down();
    }
  });

  test('the last good copy of a campaign serves on when KV fails for longer than a minute', async () => {
    const crm = await Receiver.start();
    const world = await World.start({ breaksKv: true });
    try {
      await world.publish(campaign('last-good', crm));
      assert.equal((await world.postJson('last-good', person())).status, 202);
      world.kv.reads = 'failing';
      await sleep(CACHE_MS);
      const ada = person();
      const answer = await world.postJson('last-good', ada);
      assert.equal(answer.status, 202, answer.text);
      await until('the webhook', () => crm.to(ada.email).length);
    } finally {
      await world.stop();
      await crm.down();
    }
  });
});
