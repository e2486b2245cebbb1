// Background jobs: replays and decisions that take a while. They go on while one moves between views, and what
// became of them stays until it is dismissed. Ids and numbers of this tab's jobs outlive a reload with it.
import { ApiError, ask, askOne } from './api.js';
import { update } from './store.js';
import { announce } from './ui/announcer.js';
import { button } from './ui/components.js';
import { h } from './ui/dom.js';
import { clockTime, count, plural } from './ui/format.js';

const KEPT = 'leadhook.jobs';
const MAX_JOBS = 10;
/** Deliveries of a replay that are followed one by one: fifty pages, and what sessionStorage has room for. */
export const MAX_FOLLOWED = 10_000;
/** What the API takes at once. */
const BATCH = LIMITS.request_ids;
/** So that a look is over in about a second; where there are more deliveries, they take turns. */
const CALLS_PER_LOOK = 5;
const LOOK_AGAIN_MS = 1_500;
/** Where nothing moves, for the next attempt may be hours away. */
const MAX_LOOK_AGAIN_MS = 30_000;
const MAX_TRIES = 6;
/** States that a delivery does not leave by itself, and what they are counted as. */
const FINAL = { delivered: 'delivered', dead: 'dead', withdrawn: 'ended', expired: 'ended' };

let jobs = [];
/** Reads what is shown anew, once a job has changed it. */
let reload;
/** By a job's id, what ends its work here. */
const stops = new Map();

/** Brings back the jobs of this tab. A replay is watched on; what changes things waits to be told. */
export function resume(dashboard) {
  ({ reload } = dashboard);
  jobs = JSON.parse(sessionStorage.getItem(KEPT) ?? '[]');
  for (const job of jobs) {
    if (job.state !== 'running') continue;
    if (job.isAsked) run(job);
    else job.state = 'interrupted';
  }
}

/** Forgets every job: whoever signs out leaves none behind. */
export function forget() {
  for (const stop of stops.values()) stop.abort();
  stops.clear();
  jobs = [];
  sessionStorage.removeItem(KEPT);
}

function keep() {
  try {
    sessionStorage.setItem(KEPT, JSON.stringify(jobs));
  } catch {
    // There is no room for so many ids: then they live as long as the page.
    sessionStorage.removeItem(KEPT);
  }
  update();
}

function start(job) {
  jobs = [{ id: crypto.randomUUID(), state: 'running', at: Date.now(), ...job }, ...jobs].filter(
    ({ state }, at) => at < MAX_JOBS || state === 'running',
  );
  return run(jobs[0]);
}

async function run(job) {
  const stop = new AbortController();
  stops.set(job.id, stop);
  Object.assign(job, { state: 'running', problem: null });
  keep();
  try {
    await (job.kind === 'replay' ? workReplay : workThrough)(job, stop.signal);
  } catch (error) {
    if (stop.signal.aborted) return;
    const isKnown = error instanceof ApiError;
    Object.assign(job, {
      state: 'interrupted',
      problem: isKnown ? error.message : 'Something went wrong in the dashboard.',
    });
    keep();
    if (!isKnown) throw error;
    return;
  }
  Object.assign(job, { state: 'ended', left: null });
  keep();
  announce(statusOf(job));
  await reload();
}

async function sleep(ms, signal) {
  await new Promise((done) => setTimeout(done, ms));
  signal.throwIfAborted();
}

/** Asks, and asks again for as long as it may pass. */
async function patiently(job, method, path, options) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask(method, path, options);
    } catch (error) {
      if (!error.isTemporary || tries === MAX_TRIES) throw error;
      job.problem = `${error.message} Trying again.`;
      keep();
      await sleep((error.waitS ?? tries * 2) * 1_000, options.signal);
      job.problem = null;
    }
  }
}

/** Replays all dead deliveries of a campaign or, with its destination, one, and watches `ids` until none waits. */
export function replay({ campaign, ids, destination }) {
  const one = destination === undefined ? null : ids[0];
  if (one && jobs.some((job) => job.one === one && job.state === 'running' && !job.isAsked)) return;
  start({
    kind: 'replay',
    title: one
      ? `Replaying one delivery to ${destination} (${campaign})`
      : `Replaying all dead letters of ${campaign}`,
    campaign,
    one,
    isAsked: false,
    total: ids.length,
    more: 0,
    // By id, and the next to be looked at first: 'paused', or when what has failed is tried again, or null.
    waiting: Object.fromEntries(ids.map((id) => [id, null])),
    delivered: 0,
    dead: 0,
    ended: 0,
    gone: 0,
  });
}

async function workReplay(job, signal) {
  if (!job.isAsked) {
    job.more = Math.max(0, (await askForReplay(job, signal)) - job.total);
    job.isAsked = true;
    keep();
    reload();
  }
  for (let wait = LOOK_AGAIN_MS; ; ) {
    const before = statusOf(job);
    // Nobody sees it in a hidden tab.
    if (!document.hidden) await look(job, signal);
    keep();
    if (Object.keys(job.waiting).length === 0) return;
    wait = before === statusOf(job) ? Math.min(MAX_LOOK_AGAIN_MS, wait * 1.3) : LOOK_AGAIN_MS;
    await sleep(wait, signal);
  }
}

/** Returns how many are replayed. Where the response was lost, one asks again: what is dead no more needs no replay. */
async function askForReplay({ campaign, one }, signal) {
  let replayed = 0;
  for (let after = ''; !one; ) {
    const page = await ask('POST', 'deliveries/replay', { query: { campaign, after }, signal });
    replayed += page.replayed;
    after = page.next ?? null;
    if (after === null) return replayed;
  }
  try {
    return (await askOne('POST', `deliveries/${encodeURIComponent(one)}/replay`, { campaign, signal }))
      .replayed;
  } catch (error) {
    if (error.status === 409) return 1;
    throw error;
  }
}

/** Looks at those that waited longest for it. What is dead now died after the replay. */
async function look(job, signal) {
  const ids = Object.keys(job.waiting).slice(0, CALLS_PER_LOOK * BATCH);
  const found = new Map();
  for (let at = 0; at < ids.length; at += BATCH) {
    const query = { campaign: job.campaign, ids: ids.slice(at, at + BATCH).join() };
    const { deliveries } = await patiently(job, 'GET', 'deliveries', { query, signal });
    for (const one of deliveries) found.set(one.delivery_id, one);
  }
  for (const id of ids) {
    const { state, attempt_count: attempts, due_at: due } = found.get(id) ?? {};
    delete job.waiting[id];
    if (!state) job.gone += 1;
    else if (FINAL[state]) job[FINAL[state]] += 1;
    else job.waiting[id] = state === 'paused' ? state : attempts > 0 ? due : null;
  }
}

/** Releases or discards: `ids`, or all of a campaign, of which there are `total`. */
export function decide({ kind, campaign, ids, total }) {
  const verb = kind === 'release' ? 'Releasing' : 'Discarding';
  const title = ids
    ? `${verb} ${plural(ids.length, 'submission')}`
    : `${verb} all quarantined submissions of ${campaign}`;
  return start({
    kind,
    title,
    campaign: ids ? null : campaign,
    left: ids ?? null,
    total: ids?.length ?? total,
    done: 0,
    notPossible: 0,
    after: null,
  });
}

async function workThrough(job, signal) {
  for (;;) {
    const now = job.left?.slice(0, BATCH);
    if (now?.length === 0) return;
    const body = now
      ? { submission_ids: now, after: job.after }
      : { campaign: job.campaign, after: job.after };
    const result = await patiently(job, 'POST', `quarantine/${job.kind}`, { body, signal });
    const done = result.released ?? result.discarded;
    job.done += done.length;
    job.notPossible += result.not_possible.length;
    // Others may have come since they were counted.
    job.total = Math.max(job.total, job.done + job.notPossible);
    job.after = result.next;
    const over = new Set([...done, ...result.not_possible]);
    // Where ledgers are left, one of them may have the others.
    if (now) job.left = job.left.filter((id, at) => !over.has(id) && (result.next !== null || at >= BATCH));
    keep();
    if (!now && result.next === null) return;
  }
}

function statusOf(job) {
  if (job.kind === 'replay') return statusOfReplay(job);
  const parts = [
    `${count(job.done)} of ${count(job.total)} ${job.kind === 'release' ? 'released' : 'discarded'}`,
  ];
  if (job.notPossible)
    parts.push(`${count(job.notPossible)} could not be (already decided, or can only be discarded)`);
  // A response that was lost, or somebody else at the same time.
  const others = job.total - job.done - job.notPossible;
  if (job.state === 'ended' && others > 0) parts.push(`${count(others)} had already been decided`);
  return `${job.state === 'ended' ? 'Done: ' : ''}${parts.join(', ')}.`;
}

function statusOfReplay(job) {
  if (!job.isAsked) {
    const what = plural(job.total, 'delivery', 'deliveries');
    return job.state === 'running'
      ? `Asking Leadhook to replay ${what} …`
      : `Leadhook has not confirmed the replay of ${what}.`;
  }
  const waiting = Object.values(job.waiting);
  const parts = [
    `${count(job.delivered)} delivered`,
    `${count(waiting.length)} waiting`,
    `${count(job.dead)} dead again`,
  ];
  if (job.ended) parts.push(`${count(job.ended)} withdrawn or expired`);
  if (job.gone) parts.push(`${count(job.gone)} no longer kept`);
  const failing = waiting.filter((next) => next && next !== 'paused').sort();
  const paused = waiting.filter((next) => next === 'paused');
  if (failing.length) {
    const again = `from ${clockTime(Date.parse(failing[0]))}`;
    parts.push(`${count(failing.length)} failed and will be retried ${again}`);
  }
  if (paused.length) parts.push(`${count(paused.length)} paused until the destination is enabled`);
  if (job.more) parts.push(`${count(job.more)} more were replayed and are not tracked here`);
  return `${job.state === 'ended' ? 'Done: ' : ''}${parts.join(', ')}.`;
}

const doneOf = (job) =>
  job.kind === 'replay' ? job.total - Object.keys(job.waiting).length : job.done + job.notPossible;

/** Draws the jobs of this tab, above every view. */
export function drawJobs() {
  if (jobs.length === 0) return null;
  return h(
    'section',
    { class: 'jobs', 'aria-label': 'Background jobs', 'data-key': 'jobs' },
    jobs.map((job) => {
      const id = `job-${job.id}`;
      return h(
        'article',
        {
          class: `job ${job.state}`,
          'data-key': id,
          'aria-labelledby': id,
          'data-job': job.kind,
          'data-state': job.state,
        },
        h('h2', { id }, job.title, h('span', { class: 'quiet' }, ` started ${clockTime(job.at)}`)),
        h('progress', { max: Math.max(1, job.total), value: doneOf(job), 'aria-labelledby': id }),
        h(
          'p',
          { class: 'job-words' },
          statusOf(job),
          job.problem && h('span', { class: 'bad-text' }, ` ${job.problem}`),
        ),
        h(
          'div',
          { class: 'job-buttons' },
          job.state === 'interrupted' && button('Continue', 'continue-job', { value: job.id, kind: 'small' }),
          (job.state !== 'running' || job.isAsked) &&
            button(job.state === 'running' ? 'Stop tracking' : 'Dismiss', 'dismiss-job', {
              value: job.id,
              kind: 'small',
            }),
        ),
      );
    }),
  );
}

export const actions = {
  'continue-job': (id) => {
    const job = jobs.find((one) => one.id === id);
    if (job?.state === 'interrupted') run(job);
  },
  'dismiss-job': (id) => {
    stops.get(id)?.abort();
    jobs = jobs.filter((job) => job.id !== id);
    keep();
  },
};
