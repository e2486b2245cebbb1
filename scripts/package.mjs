// The npm package, in a folder: the command line, the Worker with what runs it, assets and examples.
//
//   node scripts/package.mjs FOLDER WORKER_FOLDER [--dev]     --dev: without what only a release needs
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { parse } from 'smol-toml';
import { thirdParty } from './third-party.mjs';
import { buildWasm, optimise, ROOT } from './wasm.mjs';

const [folder, worker, mode] = process.argv.slice(2);
const output = resolve(folder);
const isRelease = mode !== '--dev';

/** Builds the command line: one module, and the wasm beside it. */
async function buildCommandLine() {
  const stage = join(output, '.stage');
  buildWasm({ name: 'leadhook-cli', target: 'node', output: stage });
  const wasm = join(stage, 'index_bg.wasm');
  if (isRelease) optimise(wasm);
  await build({
    entryPoints: [join(stage, 'index.js')],
    outfile: join(output, 'cli/index.js'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
  cpSync(wasm, join(output, 'cli/index_bg.wasm'));
  rmSync(stage, { recursive: true });
}

/** Writes package.json, with the version of the crate. */
function writeManifest() {
  const { version } = parse(readFileSync(join(ROOT, 'Cargo.toml'), 'utf8')).package;
  const manifest = JSON.parse(readFileSync(join(ROOT, 'npm/package.json'), 'utf8'));
  if (manifest.version !== version) throw new Error(`npm/package.json is not of version ${version}`);
  writeFileSync(join(output, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
await buildCommandLine();
const copy = (from, to) => cpSync(join(ROOT, from), join(output, to), { recursive: true });
for (const name of ['bin', 'lib', 'runtime', 'deploy', 'wrangler.jsonc', 'npm-shrinkwrap.json', 'README.md'])
  copy(`npm/${name}`, name);
for (const name of ['index.js', 'index_bg.wasm']) copy(join(worker, name), `worker/${name}`);
for (const name of ['campaigns', 'pages', 'files']) copy(`examples/${name}`, `examples/${name}`);
copy('assets', 'assets');
for (const name of readdirSync(join(ROOT, 'docs')).filter((one) => one.endsWith('.md')))
  copy(`docs/${name}`, `docs/${name}`);
copy('LICENSE', 'LICENSE');
if (isRelease) writeFileSync(join(output, 'THIRD-PARTY'), thirdParty());
writeManifest();
