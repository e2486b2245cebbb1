// Bundling by esbuild, with the limits of data/: `LIMITS.name` becomes the number.
//
//   node scripts/bundle.mjs ENTRY OUTPUT     bundles a Worker, whose wasm stays beside it
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { limits } from './data.mjs';

const LIMITS = Object.fromEntries(
  Object.entries(limits).map(([name, number]) => [`LIMITS.${name}`, String(number)]),
);

/** Bundles and minifies, by esbuild's options, and fails if a script names a limit that does not exist. */
export async function bundle(options) {
  const { outputFiles } = await build({
    bundle: true,
    minify: true,
    logLevel: 'error',
    ...options,
    define: { ...LIMITS, ...options.define },
    write: false,
  });
  for (const { path, text, contents } of outputFiles) {
    const unknown = text.match(/\bLIMITS\b[.\w]*/)?.[0];
    if (unknown) throw new Error(`${path} names ${unknown}, which is not in data/limits.toml`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
  }
}

/** Bundles a Worker. */
export const bundleWorker = (entry, output, options) =>
  bundle({
    entryPoints: [entry],
    outfile: output,
    format: 'esm',
    external: ['cloudflare:workers', './index_bg.wasm'],
    ...options,
  });

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleWorker(...process.argv.slice(2));
