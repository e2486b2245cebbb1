// Build of the Worker: the core in wasm, with the JavaScript of src/cloudflare/ around it.
//
//   node scripts/worker.mjs FOLDER [--dev]     --dev: without what only a release needs; larger, and sooner there
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleWorker } from './bundle.mjs';
import { buildWasm, optimise, ROOT } from './wasm.mjs';

const OWN = ['entry.js', 'drive.js', 'effects.js'];

const [folder, mode] = process.argv.slice(2);
const output = resolve(folder);
const stage = join(output, '.stage');
mkdirSync(output, { recursive: true });
buildWasm({ name: 'leadhook', target: 'worker', output: stage });
if (mode !== '--dev') optimise(join(stage, 'index_bg.wasm'));
renameSync(join(stage, 'index.js'), join(stage, 'core.js'));
for (const name of OWN) copyFileSync(join(ROOT, 'src/cloudflare', name), join(stage, name));
// Runtimes know wasm as a module, and not yet `import source`.
const core = readFileSync(join(stage, 'core.js'), 'utf8').replaceAll('import source ', 'import ');
writeFileSync(join(stage, 'core.js'), core);
await bundleWorker(join(stage, 'entry.js'), join(output, 'index.js'));
renameSync(join(stage, 'index_bg.wasm'), join(output, 'index_bg.wasm'));
rmSync(stage, { recursive: true });
