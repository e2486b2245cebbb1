// Builds of wasm: cargo, then wasm-bindgen as a library (tools/bindgen), then, for a release, wasm-opt.
import { spawnSync } from 'node:child_process';
import { renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = resolve(fileURLToPath(new URL('..', import.meta.url)));
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');
const CARGO_HOME = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
/** The target of the compiler. */
export const TRIPLE = 'wasm32-unknown-unknown';
/** What the compiler and wasm-bindgen emit, and runtimes run. */
const FEATURES = [
  'mutable-globals',
  'sign-ext',
  'nontrapping-float-to-int',
  'bulk-memory',
  'multivalue',
  'reference-types',
  'exception-handling',
].map((feature) => `--enable-${feature}`);
/**
 * Where crates and builds lie on this machine is nobody's business, costs bytes, and would make the same source
 * another wasm elsewhere. The last that fits counts.
 */
const REMAPPED = [`${ROOT}=.`, `${CARGO_HOME}/registry/src=crates`, `${TARGET}=target`];
/**
 * The same for every wasm, for cargo would compile all crates anew where they differ. In the Worker, functions are copied
 * into others more freely than for the smallest code: a tenth of the processor time of a lead, for 37 KB of gzip.
 */
const FLAGS = ['-Cllvm-args=-inline-threshold=150', ...REMAPPED.map((pair) => `--remap-path-prefix=${pair}`)];

/** Runs a program, and ends this one if it fails. */
export function run(command, args, env = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (status === 0) return;
  console.error(`${command} ${args[0]} failed${error ? `: ${error.message}` : ''}`);
  process.exit(status ?? 1);
}

/**
 * Builds the wasm of a package, with JavaScript around it, into a folder: index.js and index_bg.wasm.
 * @param {{name: string, target: 'worker' | 'node', output: string}} options `name`: the package
 */
export function buildWasm({ name, target, output }) {
  run('cargo', ['build', '--quiet', '--locked', '--profile', 'tool', '--package', 'leadhook-bindgen']);
  // Not in Cargo.toml: whoever depends on the package would link a wasm of it, too. Without the second kind the compiler
  // copies more functions into others, and the Worker is a tenth larger.
  const kind = ['--lib', '--crate-type', 'cdylib,rlib'];
  run(
    'cargo',
    ['rustc', '--quiet', '--locked', '--release', ...kind, '--target', TRIPLE, '--package', name],
    {
      CARGO_ENCODED_RUSTFLAGS: FLAGS.join('\x1f'),
    },
  );
  rmSync(output, { recursive: true, force: true });
  const wasm = join(TARGET, TRIPLE, 'release', `${name.replaceAll('-', '_')}.wasm`);
  run(join(TARGET, 'tool/leadhook-bindgen'), [wasm, output, target]);
}

/** Makes a wasm as small as it gets, in its place. */
export function optimise(wasm) {
  const passes = [
    // By name, functions of a kind stand together, which gzip makes 1 % smaller. Nothing lies in the lowest kilobyte,
    // where the stack ends, so offsets may be folded: another 1 %.
    ['-Oz', '--low-memory-unused', '--reorder-functions-by-name', '--strip-debug', '--strip-producers'],
    // A second run gives functions of a kind the same shape, which gzip makes 0.3 % smaller.
    ['-Os', '--low-memory-unused'],
  ];
  for (const options of passes) {
    run('node_modules/.bin/wasm-opt', [wasm, '-o', `${wasm}.tmp`, ...options, ...FEATURES]);
    renameSync(`${wasm}.tmp`, wasm);
  }
}
