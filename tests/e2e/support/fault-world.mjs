// A world with faults that tests switch, and the audit after each fault: everything that was accepted is
// where the design says, once.
import assert from 'node:assert/strict';
import path from 'node:path';
import { campaign, person } from './campaigns.mjs';
import { Operator } from './cli.mjs';
import { send, sleep, until } from './http.mjs';
import { assertNoLeaks } from './leaks.mjs';
import { Receiver } from './receiver.mjs';
import { ROOT, World } from './world.mjs';

const AROUND = path.join(ROOT, 'tests/e2e/support/platforms/faulty.mjs');
const BESIDE = [path.join(ROOT, 'tests/e2e/support/platforms/trap.wasm')];
/** The host that campaigns name where a world's own DNS says who it is. */
export const CRM_HOST = 'crm.example.com';

/** Starts a world whose faults a test switches. */
export function startFaultWorld(options = {}) {
  return World.start({ around: AROUND, beside: BESIDE, breaksKv: true, ...options });
}

/** Runs a test with a receiver, a world whose faults it switches, and submissions to one campaign. */
export async function withFaultWorld(id, act) {
  const crm = await Receiver.start();
  const world = await startFaultWorld();
  try {
    await world.publish(campaign(id, crm));
    await act(world, crm, new Submissions(world, id));
  } finally {
    await world.stop();
    await crm.down();
  }
}

/** Breaks what is named, until it is named again. */
export async function faults(world, changes) {
  const { status, text } = await send(world.url, 'POST', '/faults', { body: JSON.stringify(changes) });
  assert.equal(status, 200, text);
}

/** Runs the cron once. */
export async function cron(world) {
  const { status, text } = await send(world.url, 'POST', '/cron');
  assert.equal(status, 200, text);
}

/** Posts to one campaign, and counts what was accepted. Who gets no 202 comes again with the same post. */
export class Submissions {
  /** Of every 202, by its submission's id: the e-mail address. */
  accepted = new Map();
  /** The number of posts that were not answered, or by 503. */
  refused = 0;
  /** The longest that an answer took. */
  slowestMs = 0;

  constructor(world, campaign) {
    Object.assign(this, { world, campaign });
  }

  /** One post; gives its status, or nothing where the connection broke. */
  async post(someone) {
    const started = performance.now();
    const answer = await this.world.postJson(this.campaign, someone).catch(() => null);
    if (answer) this.slowestMs = Math.max(this.slowestMs, performance.now() - started);
    if (answer?.status === 202) {
      this.accepted.set(answer.json.submission_id, someone.email);
    } else {
      this.refused += 1;
      assert.ok(answer === null || answer.status === 503, `${answer?.status} ${answer?.text}`);
      if (answer)
        assert.match(answer.headers['retry-after'] ?? '', /^[1-9]\d*$/, 'a 503 says when to come again');
    }
    return answer?.status;
  }

  /** Posts until it is accepted. */
  async persist(someone = person(), seconds = 60) {
    await until(`${this.campaign} accepts`, async () => (await this.post(someone)) === 202, seconds);
    return someone;
  }

  /** So many people, one after the other. */
  async people(count) {
    const all = [];
    for (let at = 0; at < count; at += 1) all.push(await this.persist());
    return all;
  }

  /** So many clients until the function says that it is over. */
  clients(count, isOver) {
    const client = async () => {
      while (!isOver()) {
        await this.persist();
        await sleep(5);
      }
    };
    return Promise.all(Array.from({ length: count }, client));
  }
}

/**
 * The audit: the states add up to what was accepted, nothing waits any more, each lead is at the
 * receiver under one id, nothing is told to anybody, and the doctor says that it is well.
 * @param doctor whether it visits: it looks at all campaigns of the world
 * @param once whether the fault leaves no doubt what the receiver has: then each lead came once
 */
export async function assertNothingLost(
  world,
  load,
  receiver,
  { once = false, panicked = false, doctor = true, seconds = 90 } = {},
) {
  const { campaign, accepted } = load;
  const counters = await until(
    `nothing of ${campaign} is pending`,
    async () => {
      const counters = await world.counters(campaign);
      if (counters.states.pending === 0) return counters;
      throw new Error(JSON.stringify(counters.states));
    },
    seconds,
  );
  assert.equal(
    Object.values(counters.states).reduce((a, b) => a + b),
    counters.accepted,
    'the states add up',
  );
  assert.equal(counters.accepted, accepted.size, 'to the distinct submissions that were accepted');
  assert.equal(counters.states.delivered, accepted.size, 'and all of them are delivered');

  const taken = new Map();
  for (const { id, payload } of receiver.deliveries) {
    const { email } = payload.data.contact;
    if (!taken.has(email)) taken.set(email, { ids: new Set(), leads: new Set() });
    taken.get(email).ids.add(id);
    taken.get(email).leads.add(payload.data.lead_id);
  }
  const confirmed = receiver.confirmed.map(({ payload }) => payload.data.contact.email);
  assert.deepEqual(
    new Set(confirmed),
    new Set(accepted.values()),
    'who was accepted has arrived, and nobody else',
  );
  for (const [email, { ids, leads }] of taken) {
    assert.deepEqual([ids.size, leads.size], [1, 1], `${email} is one lead under one webhook-id`);
  }
  if (once) assert.equal(confirmed.length, accepted.size, 'each lead was taken once');
  assert.deepEqual(receiver.refused, []);

  if (doctor) await assertDoctorFindsNothing(world);
  assertNoLeaks(world, panicked);
}

/** `leadhook doctor` finds nothing. */
export async function assertDoctorFindsNothing(world) {
  const { code, stdout, stderr } = await new Operator(world).try('doctor');
  assert.deepEqual([code, stderr], [0, 'No problems found.\n'], stdout);
}
