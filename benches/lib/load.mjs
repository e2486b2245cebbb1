// Load from wrk: a process of its own, written in C, so that the Worker is what is measured.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CAMPAIGN } from './workload.mjs';

const SCRIPT = fileURLToPath(new URL('post.lua', import.meta.url));
/** One thread: of the machine's two cores the Worker needs one. */
const THREADS = 1;
const CONNECTIONS = 32;
/** Longer than the runtime starves a connection under full load. By default wrk calls an answer lost after 2 s. */
const TIMEOUT_S = 15;

/**
 * As fast as answers come, or with pauses that make about 125 requests a second.
 * `most`: requests a second that bodies are made for. A run that needs more fails and says so.
 */
export const PACES = {
  full: { thinkMs: 0, most: 10_000 },
  moderate: { thinkMs: 250, most: 1_000 },
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-load-'));
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));

/** Returns the version of wrk, or `undefined` if it is not installed. */
export function wrkVersion() {
  const { error, stdout } = spawnSync('wrk', ['-v'], { encoding: 'utf8' });
  return error ? undefined : stdout.match(/\d[\w.-]*/)[0];
}

/**
 * Runs an operation against a Worker for whole seconds, and fails on any unexpected answer.
 * @returns {Promise<{requests, sent, seconds, startedAtMs, latencyUs}>} `requests` were answered; the
 * rest of `sent` was under way at the end. `latencyUs`: pairs of microseconds and how often, ascending
 */
export async function load(url, operation, seconds, pace) {
  const bodies = operation.bodies ? bodiesFile(operation.bodies(seconds * pace.most)) : '-';
  const run = await wrk([
    `-t${THREADS}`,
    `-c${CONNECTIONS}`,
    `-d${seconds}s`,
    '--timeout',
    `${TIMEOUT_S}s`,
    '--latency',
    '-s',
    SCRIPT,
    `${url}/c/${CAMPAIGN}`,
    '--',
    bodies,
    operation.again ? 'again' : 'once',
    String(pace.thinkMs),
  ]);
  const endedAtMs = Date.now();
  const expectedErrors = operation.status >= 400 ? run.requests : 0;
  if (run.requests === 0 || run.status_errors !== expectedErrors || run.socket_errors || run.missing) {
    const { latency_us, ...counts } = run;
    throw new Error(
      `${operation.name}: not every answer was a ${operation.status}: ${JSON.stringify(counts)}`,
    );
  }
  return {
    requests: run.requests,
    sent: run.sent,
    seconds: run.duration_us / 1e6,
    startedAtMs: endedAtMs - run.duration_us / 1e3,
    latencyUs: run.latency_us,
  };
}

function bodiesFile(bodies) {
  const file = path.join(folder, 'bodies');
  fs.writeFileSync(file, bodies.map((body) => `${JSON.stringify(body)}\n`).join(''));
  return file;
}

function wrk(args) {
  return new Promise((done, failed) => {
    const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.once('error', failed);
    child.once('close', () => {
      const line = text.split('\n').find((line) => line.startsWith('{"requests"'));
      if (line) done(JSON.parse(line));
      else failed(new Error(`wrk: ${text}`));
    });
  });
}
