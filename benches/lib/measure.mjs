// Measurement of one run against one target: requests, processor time, deliveries, latency.
import { send, sleep } from '../../tests/e2e/support/http.mjs';
import { load } from './load.mjs';
import { cpuMs, watchOthers } from './processes.mjs';
import { CAMPAIGN } from './workload.mjs';

/** So long without a webhook and without processor time, and a target has finished. */
const CALM_MS = 100;
const DRAIN_TIMEOUT_MS = 60_000;
/** Answers looked at one by one before each run: wrk tells good from bad, but not 422 from 500. */
const SAMPLES = 5;

/**
 * Runs an operation against a running target: {target, url, pid, kvPid, services}.
 * @returns processor time and deliveries include those that follow the answers
 */
export async function measure(subject, operation, seconds, pace) {
  const { target, pid, kvPid, services } = subject;
  const { delivers } = operation;
  await sample(subject, operation);
  const heard = await services.heard(target.name);
  const others = watchOthers([pid, kvPid, services.pid]);
  const spentMs = spent(subject);
  const run = await load(subject.url, operation, seconds, pace);
  const drained = await finish(subject, delivers ? heard.distinct + run.requests : 0);
  const delivered = drained.distinct - heard.distinct;
  const { cpuMs, cpuWithoutKvMs } = spentMs();
  // Requests that were under way when the load ended cost time as well.
  const done = delivers ? delivered : run.sent;
  return {
    rps: run.requests / run.seconds,
    cpuMs: cpuMs / done,
    cpuWithoutKvMs: cpuWithoutKvMs / done,
    deliveredPerSecond: delivers ? delivered / ((drained.lastAtMs - run.startedAtMs) / 1000) : undefined,
    latencyUs: run.latencyUs,
    others: others(),
  };
}

/** Starts to count a target's processor time. Returns a function that returns the time spent since. */
export function spent({ pid, kvPid }) {
  const before = { own: cpuMs(pid), kv: cpuMs(kvPid) };
  return () => {
    const cpuWithoutKvMs = cpuMs(pid) - before.own;
    return { cpuMs: cpuWithoutKvMs + cpuMs(kvPid) - before.kv, cpuWithoutKvMs };
  };
}

/**
 * Posts the people whom an operation presupposes, and each of them once more: a target must answer the same,
 * and deliver nothing again. Which part of it remembers them is its own affair.
 */
export async function acquaint(subject, { name, people }) {
  const { target, services } = subject;
  const before = await services.heard(target.name);
  const answers = [];
  for (const person of people) answers.push(await expect(subject, name, 202, person));
  await finish(subject, before.distinct + people.length);
  for (const [at, person] of people.entries()) {
    const again = await expect(subject, name, 202, person);
    if (again !== answers[at])
      throw new Error(`${target.name}: answers ${again} to the repeat of ${answers[at]}`);
  }
  const { webhooks } = await finish(subject, before.distinct + people.length);
  const delivered = webhooks - before.webhooks;
  if (delivered !== people.length)
    throw new Error(`${target.name}: ${delivered} webhooks for ${people.length} people`);
}

async function sample(subject, { name, status, bodies, delivers }) {
  const samples = bodies?.(SAMPLES).slice(0, SAMPLES) ?? [undefined];
  const { distinct } = await subject.services.heard(subject.target.name);
  for (const body of samples) await expect(subject, name, status, body);
  if (delivers) await finish(subject, distinct + samples.length);
}

/** Posts a body, or reads the criteria, and returns the answer, which must have this status. */
export async function expect(subject, operation, expected, body) {
  const { status, text } = await post(subject.url, body);
  if (status === expected) return text;
  throw new Error(`${subject.target.name}: ${operation}: ${status} instead of ${expected}: ${text}`);
}

/**
 * Waits until processes rest, and so many webhooks in all have arrived.
 * @param heard gives, or promises, {distinct, lastAtMs}: how many arrived, and when the last one did
 * @returns the last that was heard
 */
export async function calm(name, pids, heard, webhooks) {
  const end = Date.now() + DRAIN_TIMEOUT_MS;
  let before = { distinct: -1, cpu: -1 };
  for (let calmSince = Date.now(); ; await sleep(10)) {
    const now = { ...(await heard()), cpu: pids.map(cpuMs).reduce((a, b) => a + b) };
    if (now.distinct !== before.distinct || now.cpu > before.cpu) calmSince = Date.now();
    if (now.distinct >= webhooks && Date.now() - calmSince >= CALM_MS) return now;
    if (Date.now() > end) throw new Error(`${name} delivered ${now.distinct} of ${webhooks}`);
    before = now;
  }
}

/** Waits for a target and its KV. */
export const finish = ({ target: { name }, pid, kvPid, services }, webhooks) =>
  calm(name, [pid, kvPid], () => services.heard(name), webhooks);

/** Posts a body, or reads the criteria if there is none. */
export function post(url, body) {
  const path = `/c/${CAMPAIGN}`;
  if (!body) return send(url, 'GET', path);
  return send(url, 'POST', path, {
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}
