// Bundles the Worker into target/bench/peer/index.js. Which countries there are and what is known of
// mail domains is read from where Leadhook has it, so that both Workers mean the same.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { lists } from '../../scripts/mail-domains.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a pattern finds in a Rust table, as a JSON text. */
function table(file, pattern) {
  const source = readFileSync(`${root}src/${file}`, 'utf8');
  const entries = [...source.slice(0, source.indexOf('];')).matchAll(pattern)].map(([, entry]) => entry);
  if (entries.length < 100) throw new Error(`src/${file} holds no table that this build can read`);
  return JSON.stringify(entries);
}

const { disposable, free } = lists();
await build({
  entryPoints: [`${root}benches/peer/index.ts`],
  outfile: `${root}target/bench/peer/index.js`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'esnext',
  external: ['cloudflare:workers'],
  define: {
    COUNTRIES: table('country.rs', /\*b"([A-Z]{2})"/g),
    DISPOSABLE: JSON.stringify(disposable),
    FREE_MAIL: JSON.stringify(free),
  },
});
