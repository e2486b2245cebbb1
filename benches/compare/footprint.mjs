// Footprint of a target: the size of its code, and its cold start.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { post } from '../lib/measure.mjs';

const WORKERD = createRequire(import.meta.url)('workerd').default;
const BYTES_PER_KB = 1000;

/** Returns the gzip size of what is deployed, from the world's copy: the bundled script, and the wasm beside it. */
export function sizeKb({ main }, folder) {
  const copy = path.join(folder, 'worker');
  const gzip = (file) => gzipSync(fs.readFileSync(path.join(copy, file)), { level: 9 }).length / BYTES_PER_KB;
  const wasm = fs
    .readdirSync(copy)
    .filter((file) => file.endsWith('.wasm'))
    .map(gzip);
  const sum = wasm.reduce((a, b) => a + b, 0);
  return { wasm: sum, all: sum + gzip(path.basename(main)) };
}

/**
 * Returns the milliseconds from the start of the runtime until the first lead has its 202.
 * @param {{folder: string, vars: object}} world whose runtime has ended and whose ledger is empty
 */
export async function coldStartMs({ name }, { folder, vars }, person) {
  const startedAt = performance.now();
  const runtime = spawn(WORKERD, ['serve', 'config.capnp', '--control-fd=3'], {
    cwd: folder,
    env: { ...process.env, ...vars },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  try {
    const port = await listening(runtime);
    const { status, text } = await firstAnswer(`http://127.0.0.1:${port}`, person);
    if (status !== 202) throw new Error(`${name}: the first lead got ${status}: ${text}`);
    return performance.now() - startedAt;
  } finally {
    const ended = new Promise((done) => runtime.once('close', done));
    runtime.kill('SIGKILL');
    await ended;
  }
}

function listening(runtime) {
  return new Promise((done, failed) => {
    let control = '';
    runtime.stdio[3].on('data', (chunk) => {
      control += chunk;
      const port = control.match(/"port":(\d+)/)?.[1];
      if (port) done(port);
    });
    runtime.once('exit', () => failed(new Error('workerd ended before it listened')));
  });
}

async function firstAnswer(url, person) {
  for (;;) {
    try {
      return await post(url, person);
    } catch (error) {
      if (error.code !== 'ECONNREFUSED') throw error;
    }
  }
}
