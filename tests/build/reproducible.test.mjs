// The same source, built in another folder, is the same Worker to the byte: whoever likes can check a package against
// the source.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../e2e/support/world.mjs';

/** What the build of the Worker reads. */
const SOURCES = [
  'Cargo.toml',
  'Cargo.lock',
  'rust-toolchain.toml',
  'src',
  'texts',
  'data',
  'cli',
  'tools',
  'scripts',
  'benches',
  'package.json',
];
const FILES = ['index.js', 'index_bg.wasm'];

test('two folders, one Worker, without a trace of either', { timeout: 900_000 }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'another folder '));
  try {
    for (const name of SOURCES)
      fs.cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
    const env = { ...process.env, CARGO_TARGET_DIR: path.join(folder, 'its own target') };
    execFileSync(process.execPath, ['scripts/worker.mjs', 'build'], { cwd: folder, env, stdio: 'inherit' });
    for (const name of FILES) {
      const [here, there] = [ROOT, folder].map((place) => fs.readFileSync(path.join(place, 'build', name)));
      assert.ok(here.equals(there), `${name} differs`);
      for (const trace of [`${ROOT}/`, folder, `${os.homedir()}/`])
        assert.ok(!here.includes(trace), `${name} names ${trace}`);
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
