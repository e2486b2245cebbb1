// Lone leads: what a lead takes if nothing else is under way, as is true of most leads.
import { fileURLToPath } from 'node:url';
import { send, sleep } from '../../tests/e2e/support/http.mjs';
import { expect, finish, spent } from './measure.mjs';
import { aLead, usdAMillion } from './price.mjs';
import { percentile } from './statistics.mjs';
import { CAMPAIGN, leadWithoutPhone } from './workload.mjs';

const COUNTING = fileURLToPath(new URL('row-counter.mjs', import.meta.url));
/** From one lead of a target to its next, at least: longer than an object lingers for more. */
export const PAUSE_MS = 300;
/** From one target's lead to another's. */
const TURN_MS = 100;
const LOOK_MS = 300;
const COUNT_TIMEOUT_MS = 60_000;
/** An alarm that is further away has nothing to do with a lead of now. */
const ALARM_SOON_MS = 60_000;

const SUMS = ['calls', 'written', 'read', 'alarmsSet'];

/**
 * Posts so many leads, one by one, to each of some running targets in turn.
 * @returns by target {cpuMs, cpuWithoutKvMs, p50Ms, webhooks}: of one lead, its delivery included
 */
async function timeLone(subjects, leads) {
  const runs = [];
  for (const subject of subjects) {
    const heard = await subject.services.heard(subject.target.name);
    runs.push({ subject, heard, spentMs: spent(subject), waitedMs: [] });
  }
  for (let lead = 0; lead < leads; lead += 1) {
    const pause = sleep(PAUSE_MS);
    for (const { subject, waitedMs } of runs) {
      const startedAt = performance.now();
      await expect(subject, 'alone', 202, leadWithoutPhone());
      waitedMs.push(performance.now() - startedAt);
      await sleep(TURN_MS);
    }
    await pause;
  }
  const times = {};
  for (const { subject, heard, spentMs, waitedMs } of runs) {
    const { webhooks } = await finish(subject, heard.distinct + leads);
    const { cpuMs, cpuWithoutKvMs } = spentMs();
    times[subject.target.name] = {
      cpuMs: cpuMs / leads,
      cpuWithoutKvMs: cpuWithoutKvMs / leads,
      p50Ms: percentile(
        50,
        waitedMs.map((ms) => [ms, 1]),
      ),
      webhooks: (webhooks - heard.webhooks) / leads,
    };
  }
  return times;
}

/**
 * Counts the work that one lead makes for a target that has slept: its runtime has just been started, on a ledger
 * that exists.
 * @returns {admission, settling} as row-counter.mjs counts, their sums, and `kv`: {reads, writes}
 */
export async function countLone(services, target) {
  const counting = { ...target, name: `${target.name}, counting` };
  const subject = { target: counting, services, ...(await services.start(counting, { around: COUNTING })) };
  await countOne(subject);
  const counts = await countOne({ ...subject, ...(await services.restart(counting.name)) });
  await services.stop(counting.name);
  return counts;
}

/** Counts from the post until nothing of the lead is left to be done. */
async function countOne(subject) {
  const { services, target, url } = subject;
  const before = { heard: await services.heard(target.name), kv: await services.kvCalls(target.name) };
  const phases = { admission: zeros(), settling: zeros() };
  await expect(subject, 'alone', 202, leadWithoutPhone());
  const end = Date.now() + COUNT_TIMEOUT_MS;
  for (let isDone = false; !isDone; ) {
    if (Date.now() > end) throw new Error(`${target.name}: a lone lead is not done with`);
    const { distinct } = await services.heard(target.name);
    // Long enough for the outcome of a webhook that has arrived to be written.
    await sleep(LOOK_MS);
    const { alarmMs, ...counts } = (await send(url, 'GET', `/rows?ledger=${CAMPAIGN}`)).json;
    for (const phase of Object.keys(phases)) for (const sum of SUMS) phases[phase][sum] += counts[phase][sum];
    const isQuiet = Object.values(counts).every(({ calls, written }) => calls + written === 0);
    const isLast = alarmMs === null || alarmMs - Date.now() > ALARM_SOON_MS;
    isDone = isQuiet && isLast && distinct > before.heard.distinct;
  }
  const kv = await services.kvCalls(target.name);
  return {
    ...phases,
    ...Object.fromEntries(SUMS.map((sum) => [sum, phases.admission[sum] + phases.settling[sum]])),
    kv: { reads: kv.reads - before.kv.reads, writes: kv.writes - before.kv.writes },
  };
}

const zeros = () => Object.fromEntries(SUMS.map((sum) => [sum, 0]));

/** Returns times and counts of each target, and the list price of a million such leads. */
export async function measureLone(services, subjects, leads) {
  const times = await timeLone(subjects, leads);
  const lone = {};
  for (const { target } of subjects) {
    const counts = await countLone(services, target);
    const time = times[target.name];
    const cost = usdAMillion(aLead(counts, { cpuMs: time.cpuWithoutKvMs, kv: counts.kv }));
    // The prices are of a Worker and an object that both read the campaign, which the floor's do not.
    lone[target.name] = { ...time, ...counts, usdAMillion: target.kind === 'floor' ? undefined : cost };
  }
  return lone;
}
