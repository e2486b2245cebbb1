// Long acts and how far they are. They go on while one moves between views, and what became of them
// stays until it is dismissed. Ids and numbers of this tab's acts outlive a reload with it.
import { Refused, ask, pages } from './api.js';
import { h } from './dom.js';
import { button } from './parts.js';
import { clockTime, count, plural } from './words.js';

const KEPT = 'leadhook.jobs';
const MOST_JOBS = 10;
/** Deliveries of a replay that are followed one by one: fifty pages, and what sessionStorage has room for. */
export const MOST_FOLLOWED = 10_000;
/** What the API takes at once. */
const AT_ONCE = 100;
const LOOK_AGAIN_MS = 1_500;
/** Where nothing moves, for the next attempt may be hours away. */
const LOOK_AGAIN_MOST_MS = 30_000;
const TRIES = 6;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let jobs = [];
let app;
const dismissed = new Set();

/** Brings back the jobs of this tab. A replay is watched on; what changes things waits to be told. */
export function resume(owner) {
  app = owner;
  jobs = JSON.parse(sessionStorage.getItem(KEPT) ?? '[]');
  for (const job of jobs) {
    if (job.state !== 'running') continue;
    if (job.kind === 'replay') run(job);
    else job.state = 'interrupted';
  }
}

/** Whoever signs out leaves none behind. */
export function forget() {
  for (const job of jobs) dismissed.add(job.id);
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
  app.redraw();
}

function start(job) {
  jobs = [{ id: crypto.randomUUID(), state: 'running', at: Date.now(), ...job }, ...jobs].filter(
    ({ state }, at) => at < MOST_JOBS || state === 'running',
  );
  keep();
  return run(jobs[0]);
}

async function run(job) {
  job.state = 'running';
  job.problem = null;
  keep();
  try {
    await (job.kind === 'replay' ? follow(job) : workThrough(job));
    if (dismissed.has(job.id)) return;
    Object.assign(job, { state: 'ended', ids: null, left: null });
    app.announce(wordsOf(job));
    await app.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (dismissed.has(job.id)) return;
    Object.assign(job, { state: 'interrupted', problem: error.message });
    if (error.status === 401) app.refused(error);
  }
  keep();
}

/** The same, again, for as long as it may pass. */
async function patiently(job, once) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await once();
    } catch (error) {
      if (!error.passes || tries === TRIES) throw error;
      job.problem = `${error.message} Trying again.`;
      keep();
      await sleep((error.waitS ?? tries * 2) * 1_000);
      job.problem = null;
    }
  }
}

/** Replays deliveries, all dead ones of a campaign or one, and watches them until none waits. */
export async function replay({ campaign, ids, destination }) {
  const one = destination !== undefined;
  const path = one ? `deliveries/${encodeURIComponent(ids[0])}/replay` : 'deliveries/replay';
  const { replayed } = await ask('POST', path, { query: one ? {} : { campaign } });
  const title = one ? `Replay of one delivery to ${destination}, ${campaign}` : `Replay of all dead letters of ${campaign}`;
  start({
    kind: 'replay',
    title,
    campaign,
    ids,
    total: ids.length,
    more: Math.max(0, replayed - ids.length),
    waiting: ids.length,
    delivered: 0,
    dead: 0,
    ended: 0,
    failing: 0,
    next: null,
  });
}

async function follow(job) {
  for (let wait = LOOK_AGAIN_MS; ;) {
    const before = JSON.stringify([job.waiting, job.delivered, job.dead, job.ended, job.failing]);
    await patiently(job, () => look(job));
    if (dismissed.has(job.id)) return;
    keep();
    if (job.waiting === 0) return;
    const moved = before !== JSON.stringify([job.waiting, job.delivered, job.dead, job.ended, job.failing]);
    wait = moved ? LOOK_AGAIN_MS : Math.min(LOOK_AGAIN_MOST_MS, wait * 1.3);
    await sleep(wait);
  }
}

/** Counts the followed deliveries by state. What is in none of these lists has been delivered. */
async function look(job) {
  const ids = new Set(job.ids);
  const last = job.ids.reduce((one, other) => (one > other ? one : other));
  const of = async (state) => {
    const query = { campaign: job.campaign, state };
    // A page is in the order of its ids: what comes behind the last one is none of them.
    const { entries } = await pages('deliveries', 'deliveries', {
      query,
      most: Infinity,
      isEnough: (entry) => entry?.delivery_id >= last,
    });
    return entries.filter(({ delivery_id: id }) => ids.has(id));
  };
  const [pending, paused] = [await of('pending'), await of('paused')];
  const dead = await of('dead');
  const gone =
    pending.length + paused.length + dead.length < ids.size ? [...(await of('withdrawn')), ...(await of('expired'))] : [];
  const failing = pending.filter(({ attempt_count: attempts }) => attempts > 0);
  const waiting = pending.length + paused.length;
  Object.assign(job, {
    waiting,
    dead: dead.length,
    ended: gone.length,
    failing: failing.length,
    paused: paused.length,
    delivered: ids.size - waiting - dead.length - gone.length,
    next:
      failing
        .map(({ due_at: due }) => due)
        .filter(Boolean)
        .sort()[0] ?? null,
  });
}

/** Releases or discards: `ids`, or all of a campaign, of which there are `total`. */
export function decide({ kind, campaign, ids, total }) {
  const verb = kind === 'release' ? 'Release' : 'Discarding';
  const title = ids ? `${verb} of ${plural(ids.length, 'submission')}` : `${verb} of all quarantined submissions of ${campaign}`;
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

async function workThrough(job) {
  for (;;) {
    const now = job.left?.slice(0, AT_ONCE);
    if (now?.length === 0) return;
    const body = now ? { submission_ids: now } : { campaign: job.campaign, after: job.after };
    const answer = await patiently(job, () => ask('POST', `quarantine/${job.kind}`, { body }));
    if (dismissed.has(job.id)) return;
    job.done += (answer.released ?? answer.discarded).length;
    job.notPossible += answer.not_possible.length;
    // Others may have come since they were counted.
    job.total = Math.max(job.total, job.done + job.notPossible);
    if (now) job.left = job.left.slice(AT_ONCE);
    else job.after = answer.next;
    keep();
    if (!now && answer.next === null) return;
  }
}

function wordsOf(job) {
  if (job.kind === 'replay') {
    const parts = [`${count(job.delivered)} delivered`, `${count(job.waiting)} waiting`, `${count(job.dead)} dead again`];
    if (job.ended) parts.push(`${count(job.ended)} withdrawn or expired`);
    const again = job.next ? ` from ${clockTime(Date.parse(job.next))} on` : '';
    if (job.failing) parts.push(`${plural(job.failing, 'has', 'have')} failed and will be tried again${again}`);
    if (job.paused) parts.push(`${count(job.paused)} paused until the destination is enabled`);
    if (job.more) parts.push(`${count(job.more)} more were replayed and are not followed here`);
    return `${job.state === 'ended' ? 'Ended: ' : ''}${parts.join(', ')}.`;
  }
  const parts = [`${count(job.done)} of ${count(job.total)} ${job.kind === 'release' ? 'released' : 'discarded'}`];
  if (job.notPossible) parts.push(`${count(job.notPossible)} could not be (already decided, or only to be discarded)`);
  // An answer that was lost, or somebody else at the same time.
  const others = job.total - job.done - job.notPossible;
  if (job.state === 'ended' && others > 0) parts.push(`${count(others)} had been decided already`);
  return `${job.state === 'ended' ? 'Ended: ' : ''}${parts.join(', ')}.`;
}

const doneOf = (job) => (job.kind === 'replay' ? job.total - job.waiting : job.done + job.notPossible);

/** The jobs of this tab, above every view. */
export function drawJobs() {
  if (jobs.length === 0) return null;
  return h(
    'section',
    { class: 'jobs', 'aria-label': 'Long acts', 'data-key': 'jobs' },
    jobs.map((job) => {
      const id = `job-${job.id}`;
      return h(
        'article',
        { class: `job ${job.state}`, 'data-key': id, 'aria-labelledby': id, 'data-job': job.kind, 'data-state': job.state },
        h('h2', { id }, job.title, h('span', { class: 'quiet' }, ` since ${clockTime(job.at)}`)),
        h('progress', { max: Math.max(1, job.total), value: doneOf(job), 'aria-labelledby': id }),
        h('p', { class: 'job-words' }, wordsOf(job), job.problem && h('span', { class: 'bad-text' }, ` ${job.problem}`)),
        h(
          'div',
          { class: 'job-buttons' },
          job.state === 'interrupted' && button('Continue', 'continue-job', { value: job.id, kind: 'small' }),
          (job.state !== 'running' || job.kind === 'replay') &&
            button(job.state === 'running' ? 'Stop watching' : 'Dismiss', 'dismiss-job', { value: job.id, kind: 'small' }),
        ),
      );
    }),
  );
}

export const acts = {
  'continue-job': (id) => {
    const job = jobs.find((one) => one.id === id);
    if (job?.state === 'interrupted') run(job);
  },
  'dismiss-job': (id) => {
    dismissed.add(id);
    jobs = jobs.filter((job) => job.id !== id);
    keep();
  },
};
