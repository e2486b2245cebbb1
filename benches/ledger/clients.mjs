// Load clients in a process of their own. They look at every answer, also at the last ones, which wrk leaves.
import { fork } from 'node:child_process';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { sleep } from '../../tests/e2e/support/http.mjs';
import { leadWithoutPhone } from '../lib/workload.mjs';

const SELF = fileURLToPath(import.meta.url);

/**
 * Posts fresh leads on so many connections, each as soon as it was answered.
 * @returns {Promise<{lost, answers}>} `lost`: requests without an answer; `answers`: by status, with
 * `Retry-After` in its name where there was one, the microseconds that each took
 */
export const flood = (url, connections, seconds) => elsewhere('flood', url, connections, seconds);

/** Posts so many fresh leads a second, no matter if the ones before were answered. */
export const steady = (url, perSecond, seconds) => elsewhere('steady', url, perSecond, seconds);

function elsewhere(kind, ...args) {
  return new Promise((done, failed) => {
    const child = fork(SELF, [kind, ...args].map(String));
    child.once('message', (result) => {
      done(result);
      child.disconnect();
    });
    child.once('exit', (code) => failed(new Error(`the load ended with ${code}`)));
  });
}

const KINDS = {
  async flood(post, connections, seconds) {
    const end = performance.now() + seconds * 1000;
    const client = async () => {
      while (performance.now() < end) await post();
    };
    await Promise.all(Array.from({ length: connections }, client));
  },

  async steady(post, perSecond, seconds) {
    const startedAt = performance.now();
    const posts = [];
    while (posts.length < perSecond * seconds) {
      posts.push(post());
      await sleep(Math.max(0, startedAt + (posts.length * 1000) / perSecond - performance.now()));
    }
    await Promise.all(posts);
  },
};

if (process.argv[1] === SELF) {
  const [kind, url, ...numbers] = process.argv.slice(2);
  const agent = new http.Agent({ keepAlive: true });
  const answers = {};
  let lost = 0;
  const post = async () => {
    const startedAt = performance.now();
    try {
      const name = await postFresh(agent, url);
      answers[name] ??= [];
      answers[name].push(Math.round((performance.now() - startedAt) * 1000));
    } catch {
      lost += 1;
    }
  };
  await KINDS[kind](post, ...numbers.map(Number));
  agent.destroy();
  process.send({ lost, answers });
}

/** Returns a lead that no other process posts. */
function freshLead() {
  const body = leadWithoutPhone();
  return JSON.stringify({ ...body, email: `${process.pid}.${body.email}` });
}

function postFresh(agent, url) {
  const body = freshLead();
  return new Promise((done, failed) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const request = http.request(url, { method: 'POST', agent, headers });
    request.once('error', failed);
    request.once('response', (response) => {
      const again = response.headers['retry-after'] === undefined ? '' : ' with Retry-After';
      response
        .once('error', failed)
        .once('end', () => done(`${response.statusCode}${again}`))
        .resume();
    });
    request.end(body);
  });
}
