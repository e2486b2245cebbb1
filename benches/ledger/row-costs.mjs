// Row costs of everything that can happen to a ledger, counted by row-counter.mjs around the build.
import { fileURLToPath } from 'node:url';
import { campaign, person, phoneNumber } from '../../tests/e2e/support/campaigns.mjs';
import { sleep, until } from '../../tests/e2e/support/http.mjs';
import { Receiver, SECRETS } from '../../tests/e2e/support/receiver.mjs';
import { World } from '../../tests/e2e/support/world.mjs';
import { fill, sweepSoon } from './fill.mjs';

const COUNTING = fileURLToPath(new URL('../lib/row-counter.mjs', import.meta.url));
const ONE = 'one';
const TWO = 'two';
const HELD = 'held';
const RUSH_CLIENTS = 32;
/** The chunks of a sweep are a second apart. */
const SWEEP_CALM_MS = 2_500;

/**
 * Counts the rows of each operation.
 * @param rush how many leads come in at once
 * @returns by operation {admission, settling}: the counts of row-counter.mjs, those of `rush` for all its leads
 */
export async function countRows(rush) {
  const crm = await Receiver.start();
  const erp = await Receiver.start(SECRETS.ERP_WEBHOOK_SECRET);
  const world = await World.start({ around: COUNTING });
  try {
    await world.publish(
      campaign(ONE, crm),
      campaign(HELD, crm, { ledger: ONE, qualify: { warm: 20, hot: 60, forward_at: 40 } }),
      campaign(TWO, crm, {
        destination: [
          { name: 'crm', url: crm.url, secret: 'CRM_WEBHOOK_SECRET' },
          { name: 'erp', url: erp.url, secret: 'ERP_WEBHOOK_SECRET' },
        ],
      }),
    );
    const heard = () => crm.deliveries.length + erp.deliveries.length;

    /** Posts, waits for so many webhooks, and takes the counts. */
    async function count(id, someone, webhooks, headers) {
      const before = heard();
      await post(world, id, someone, headers);
      await until(`${webhooks} webhooks of ${id}`, () => heard() - before >= webhooks);
      const ledger = id === HELD ? ONE : id;
      return (await world.request('GET', `/rows?ledger=${ledger}`)).json;
    }

    const withPhone = () => person({ phone: phoneNumber().written });
    const [ada, eve] = [person(), person()];
    const rows = {};
    rows['the first lead of a ledger'] = await count(ONE, person(), 1);
    // Only the first one brings its campaign along.
    await count(HELD, person(), 0);
    await count(TWO, person(), 2);

    rows.fresh = await count(ONE, ada, 1);
    rows.repeat = await count(ONE, ada, 0);
    rows.duplicate = await count(ONE, { ...ada, seats: 4 }, 0);
    rows['another duplicate'] = await count(ONE, { ...ada, seats: 5 }, 0);
    rows['with a phone'] = await count(ONE, withPhone(), 1);
    rows['two destinations'] = await count(TWO, person(), 2);
    rows['with a phone, two destinations'] = await count(TWO, withPhone(), 2);
    rows['with an Idempotency-Key'] = await count(ONE, person(), 1, { 'Idempotency-Key': 'key-1' });
    rows.held = await count(HELD, eve, 0);
    rows['held, then qualified'] = await count(
      HELD,
      { ...eve, company_size: '201+', phone: phoneNumber().written },
      1,
    );
    const failures = [{ status: 500 }];
    crm.answer = () => failures.pop() ?? { status: 204 };
    rows['first attempt fails'] = await count(ONE, person(), 2);

    await world.restart();
    rows['after a pause'] = await count(ONE, person(), 1);
    rows.rush = await countRush(world, crm, rush);
    return rows;
  } finally {
    await world.stop();
    await crm.down();
    await erp.down();
  }
}

async function countRush(world, crm, leads) {
  const before = crm.deliveries.length;
  const people = Array.from({ length: leads }, () => person());
  const clients = Array.from({ length: RUSH_CLIENTS }, async () => {
    while (people.length) await post(world, ONE, people.pop());
  });
  await Promise.all(clients);
  await until('the webhooks of the rush', () => crm.deliveries.length - before >= leads);
  // Outcomes are written a moment after their webhooks.
  await world.settled(ONE);
  return (await world.request('GET', `/rows?ledger=${ONE}`)).json;
}

/** Returns the cost of the daily sweep of a ledger that knows so many people: {written, read, alarmsSet, calls}. */
export async function countSweep(people) {
  const crm = await Receiver.start();
  const world = await World.start({ around: COUNTING });
  const sums = { written: 0, read: 0, alarmsSet: 0, calls: 0 };
  try {
    await world.publish(campaign(ONE, crm));
    await post(world, ONE, person());
    await world.settled(ONE);
    await world.kill('SIGTERM');
    await fill(world, ONE, people);
    await sweepSoon(world);
    await world.startAgain();
    await world.counters(ONE);
    for (let more = true; more; ) {
      await sleep(SWEEP_CALM_MS);
      const { settling } = (await world.request('GET', `/rows?ledger=${ONE}`)).json;
      for (const key of Object.keys(sums)) sums[key] += settling[key];
      more = settling.calls > 0;
    }
    return sums;
  } finally {
    await world.stop();
    await crm.down();
  }
}

async function post(world, id, someone, headers) {
  const { status, text } = await world.postJson(id, someone, headers);
  if (status !== 202) throw new Error(`${id}: ${status} instead of 202: ${text}`);
}
