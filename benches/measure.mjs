// One run against one target, and what it took: requests, processor time, deliveries, latency.
import { send, sleep } from '../tests/e2e/http.mjs';
import { load } from './load.mjs';
import { cpuMs, watchOthers } from './processes.mjs';
import { CAMPAIGN } from './targets.mjs';

/** So long without a webhook and without processor time, and a target has finished. */
const CALM_MS = 100;
const DRAIN_TIMEOUT_MS = 60_000;
/** Answers looked at one by one before each run: wrk tells good from bad, but not 422 from 500. */
const SAMPLES = 5;

/**
 * Runs an operation against a running target: {target, url, pid, services}.
 * @returns processor time and deliveries include those that follow the answers
 */
export async function measure(subject, operation, seconds, pace) {
  const { target, pid, services } = subject;
  const delivers = operation.delivers && !target.floor;
  await sample(subject, operation, delivers);
  const heard = await services.heard(target.name);
  const others = watchOthers([pid, services.pid]);
  const cpu = cpuMs(pid);
  const run = await load(subject.url, operation, seconds, pace);
  const drained = await rest(subject, delivers ? heard.distinct + run.requests : 0);
  const delivered = drained.distinct - heard.distinct;
  const cpuSpentMs = cpuMs(pid) - cpu;
  return {
    rps: run.requests / run.seconds,
    // What was under way when the load ended cost time as well.
    cpuMs: cpuSpentMs / (delivers ? delivered : run.sent),
    deliveredPerSecond: delivers ? delivered / ((drained.lastAtMs - run.startedAtMs) / 1000) : undefined,
    latencyUs: run.latencyUs,
    others: others(),
  };
}

/** Posts the people whom an operation presupposes, until KV remembers them and all is delivered. */
export async function acquaint(subject, { name, people }) {
  const { target, services } = subject;
  const before = await services.remembered(target.name);
  const { distinct } = await services.heard(target.name);
  for (const person of people) await expect(subject, name, 202, person);
  await rest(subject, distinct + people.length);
  const remembered = (await services.remembered(target.name)) - before;
  if (remembered < people.length) throw new Error(`${target.name}: KV remembers ${remembered} of ${people.length}`);
}

async function sample(subject, { name, status, bodies }, delivers) {
  const samples = bodies?.(SAMPLES).slice(0, SAMPLES) ?? [undefined];
  const { distinct } = await subject.services.heard(subject.target.name);
  for (const body of samples) await expect(subject, name, status, body);
  if (delivers) await rest(subject, distinct + samples.length);
}

async function expect(subject, operation, expected, body) {
  const { status, text } = await post(subject.url, body);
  if (status === expected) return;
  throw new Error(`${subject.target.name}: ${operation}: ${status} instead of ${expected}: ${text}`);
}

/**
 * Waits until a runtime rests, and so many webhooks in all have arrived.
 * @param heard gives, or promises, {distinct, lastAtMs}: how many arrived, and when the last one did
 * @returns the last that was heard
 */
export async function calm(name, pid, heard, webhooks) {
  const end = Date.now() + DRAIN_TIMEOUT_MS;
  let before = { distinct: -1, cpu: -1 };
  for (let calmSince = Date.now(); ; await sleep(10)) {
    const now = { ...(await heard()), cpu: cpuMs(pid) };
    if (now.distinct !== before.distinct || now.cpu > before.cpu) calmSince = Date.now();
    if (now.distinct >= webhooks && Date.now() - calmSince >= CALM_MS) return now;
    if (Date.now() > end) throw new Error(`${name} delivered ${now.distinct} of ${webhooks}`);
    before = now;
  }
}

const rest = ({ target: { name }, pid, services }, webhooks) => calm(name, pid, () => services.heard(name), webhooks);

/** Posts a body, or reads the criteria where there is none. */
export function post(url, body) {
  const path = `/c/${CAMPAIGN}`;
  if (!body) return send(url, 'GET', path);
  return send(url, 'POST', path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}
