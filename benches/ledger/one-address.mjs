// Cost of a post whose address has posted ten thousand times before. Writes a section of benches/RESULTS.md.
//
//   node benches/ledger/one-address.mjs [--quick]
//
// --quick: a tenth of the posts, and nothing is written.
import { parseArgs } from 'node:util';
import { campaign } from '../../tests/e2e/support/campaigns.mjs';
import { Receiver } from '../../tests/e2e/support/receiver.mjs';
import { World } from '../../tests/e2e/support/world.mjs';
import { machine } from '../lib/machine.mjs';
import { cpuMs } from '../lib/processes.mjs';
import { writeSection } from '../lib/results.mjs';
import { aligned, list, markdown } from '../lib/tables.mjs';

const ADDRESS = 'again@corp.example.org';
/** Others', at each look. */
const LOOK = 100;
const CLIENTS = 8;

const { values: options } = parseArgs({ options: { quick: { type: 'boolean' } } });
const posts = options.quick ? 1_000 : 10_000;
const slice = posts / 10;

const crm = await Receiver.start();
const world = await World.start();
const rows = [['', 'the address, first tenth', 'last tenth', '', 'others, at first', 'at last', '']];
let serial = 0;
try {
  for (const [name, more] of [
    ['a duplicate', {}],
    ['`on_repeat = "update"`', { dedupe: { on_repeat: 'update' } }],
  ]) {
    const id = `again-${serial++}`;
    await world.publish(
      campaign(id, crm, {
        ...more,
        abuse: { quarantine_at: 1_000 },
        limits: { network_per_minute: 100_000 },
      }),
    );
    await run(id, 20, others);
    const firstOthers = await run(id, LOOK, others);
    const own = [];
    for (let part = 0; part < 10; part++) own.push(await run(id, slice, again));
    const lastOthers = await run(id, LOOK, others);
    rows.push([
      name,
      ms(own[0]),
      ms(own[9]),
      ratio(own[9], own[0]),
      ms(firstOthers),
      ms(lastOthers),
      ratio(lastOthers, firstOthers),
    ]);
    const shown = await access();
    console.log(
      `${name}: access answers in ${shown.pages} pages of at most ${shown.largestKb} KB; the slowest took ${shown.slowestMs} ms`,
    );
  }
} finally {
  await world.stop();
  await crm.down();
}
console.log(aligned(rows));
if (!options.quick) {
  writeSection(
    'person',
    `## One address\n\nMeasured with \`make bench-person\`: ${posts.toLocaleString('en')} posts of one address, each with another answer. Milliseconds of the Worker's processor time a post, deliveries included.\n\n${markdown(rows)}\n\n${list(machine())}.`,
  );
}

function again() {
  return { email: ADDRESS, name: `Again ${serial++}`, consent: { newsletter: true } };
}

function others() {
  return { email: `other-${serial++}@corp.example.org`, consent: { newsletter: true } };
}

/** Posts so many, and returns the processor time of one, delivery included. */
async function run(id, count, someone) {
  const before = cpuMs(world.pid);
  let left = count;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (left-- > 0) {
      const { status, text } = await world.postJson(id, someone());
      if (status !== 202) throw new Error(`${status} instead of 202: ${text}`);
    }
  });
  await Promise.all(clients);
  await world.settled(id);
  return (cpuMs(world.pid) - before) / count;
}

/** Reads everything that is stored about the address, page by page. */
async function access() {
  const found = { pages: 0, largestKb: 0, slowestMs: 0 };
  let after;
  do {
    const from = performance.now();
    const { json, text } = await world.admin('POST', 'access', { email: ADDRESS, after });
    found.slowestMs = Math.max(found.slowestMs, Math.round(performance.now() - from));
    found.largestKb = Math.max(found.largestKb, Math.round(text.length / 1024));
    found.pages++;
    after = json.next;
  } while (after);
  return found;
}

function ms(value) {
  return value.toFixed(2);
}

function ratio(last, first) {
  return (last / first).toFixed(2);
}
