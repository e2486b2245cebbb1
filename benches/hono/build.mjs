// Bundles the Worker into target/bench/hono/index.js. Which countries there are and who gives out
// mailboxes to everyone is read from Leadhook's own tables, so that both Workers mean the same.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What a pattern finds in a Rust table, as a JSON text. */
function table(file, pattern) {
  const source = readFileSync(`${root}src/${file}`, 'utf8');
  const entries = [...source.slice(0, source.indexOf('];')).matchAll(pattern)].map(([, entry]) => entry);
  if (entries.length < 100) throw new Error(`src/${file} holds no table that this build can read`);
  return JSON.stringify(entries);
}

await build({
  entryPoints: [`${root}benches/hono/index.ts`],
  outfile: `${root}target/bench/hono/index.js`,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'esnext',
  external: ['cloudflare:workers'],
  define: {
    COUNTRIES: table('country.rs', /\*b"([A-Z]{2})"/g),
    FREE_MAIL: table('contact/free_mail.rs', /^ {4}"([^"]+)",$/gm),
  },
});
