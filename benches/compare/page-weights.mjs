// Page weights: the compressed bytes that a visitor's or an operator's browser loads. Writes a section of
// benches/RESULTS.md.
//
//   node benches/compare/page-weights.mjs
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { exampleCampaign } from '../../tests/e2e/support/examples.mjs';
import { ROOT, World } from '../../tests/e2e/support/world.mjs';
import { writeSection } from '../lib/results.mjs';
import { aligned, markdown } from '../lib/tables.mjs';

const BYTES_PER_KB = 1000;
const CAMPAIGN = 'demo-request';

/** Each page with what the Worker makes of it, and the files that it loads. */
const PAGES = [
  { page: 'hosted form (/f/demo-request)', made: `/f/${CAMPAIGN}`, files: ['form.css', 'leadhook.js'] },
  { page: 'hosted form, JavaScript off', made: `/f/${CAMPAIGN}`, files: ['form.css'] },
  { page: 'a form of your own', made: `/c/${CAMPAIGN}`, files: ['leadhook.js'] },
  { page: 'chat', made: `/c/${CAMPAIGN}`, files: ['leadhook-chat.js'] },
  { page: 'dashboard (/admin)', files: ['admin.html', 'admin.css', 'admin.js'] },
];

const kb = (bytes) => (bytes / BYTES_PER_KB).toFixed(1);
const weight = (body) => gzipSync(body, { level: 9 }).length;

/** Weighs all pages and writes their section. */
export async function weigh() {
  const world = await World.start();
  const nobody = { url: 'https://crm.example.com/hooks/leads' };
  await world.publish(exampleCampaign(CAMPAIGN, { crm: nobody, sales: nobody }));
  const rows = [['', 'requests', 'gzip kB', 'of which']];
  for (const { page, made, files } of PAGES) {
    const parts = files.map((file) => [file, weight(fs.readFileSync(path.join(ROOT, 'assets', file)))]);
    if (made) parts.unshift([made, weight((await world.request('GET', made)).text)]);
    const sum = parts.reduce((bytes, [, part]) => bytes + part, 0);
    rows.push([
      page,
      String(parts.length),
      kb(sum),
      parts.map(([name, bytes]) => `${name} ${kb(bytes)}`).join(', '),
    ]);
  }
  await world.stop();
  console.log(aligned(rows));
  writeSection('weights', section(rows));
}

const section = (rows) => `## Page weights

A browser with an empty cache loads this, by \`make bench\` or \`node benches/compare/page-weights.mjs\`. Nothing comes from anywhere else; Turnstile and a logo do where a campaign has them.

${markdown(rows)}
`;

if (process.argv[1] === fileURLToPath(import.meta.url)) await weigh();
