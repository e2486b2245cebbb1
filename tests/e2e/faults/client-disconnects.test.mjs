// Visitors who disconnect before they have their answer: they leave no memory in use, no place taken among
// those who wait for a ledger, and no half-stored lead.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { limits } from '../../../scripts/data.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import { sleep, until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { residentMb } from '../support/load-generator.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

const GONE = 10_000;
const AT_ONCE = 64;
/** As many as may wait for one ledger. */
const PLACES = limits.waiting_requests;
/** Twelve kilobytes each would be more; the heap of the runtime varies by half of it. */
const MAX_GROWTH_MB = 120;

/** Posts, and cuts the connection as soon as the post is written, or a moment later. */
function goAway(world, someone, afterMs) {
  const body = JSON.stringify(someone);
  const { hostname, port } = new URL(world.url);
  const head = `POST /c/gone HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  return new Promise((done) => {
    const socket = net.connect(port, hostname, () =>
      socket.write(head + body, () => setTimeout(() => socket.destroy(), afterMs)),
    );
    socket.on('error', () => {}).on('close', done);
  });
}

test('ten thousand visitors who do not wait for their answer', { timeout: 280_000 }, async (t) => {
  const crm = await Receiver.start();
  const world = await World.start();
  try {
    await world.publish(campaign('gone', crm, { dedupe: {} }));
    let sent = 0;
    const round = async (count) => {
      const until = sent + count;
      const client = async () => {
        while (sent < until) {
          sent += 1;
          await goAway(world, person(), sent % 4);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, client));
      await sleep(1_000);
    };
    await round(GONE / 2);
    await world.settled('gone');
    const before = residentMb(world);
    await round(GONE / 2);
    const { accepted, states } = await world.settled('gone');
    const growth = residentMb(world) - before;
    t.diagnostic(`${accepted} of ${sent} were stored, and ${growth.toFixed(0)} MB more are taken`);
    assert.ok(accepted > 0 && accepted <= sent);
    assert.equal(states.delivered, accepted, 'each of those is delivered');
    assert.equal(new Set(crm.confirmed.map(({ id }) => id)).size, accepted);
    assert.ok(growth < MAX_GROWTH_MB, `${growth} MB`);

    const answers = await Promise.all(Array.from({ length: PLACES }, () => world.postJson('gone', person())));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]), 'all places are free');
    await until('they are delivered', async () => (await world.counters('gone')).states.pending === 0);
    assertNoLeaks(world);
  } finally {
    await world.stop();
    await crm.down();
  }
});
