// Sections of benches/RESULTS.md, one for each script that measures.
import fs from 'node:fs';

const FILE = new URL('../RESULTS.md', import.meta.url);
const SECTIONS = ['speed', 'weights', 'core', 'ledger', 'person'];
const EMPTY = `# Results

Written by the scripts in this folder.

${SECTIONS.map((name) => `<!-- ${name} -->\n<!-- /${name} -->\n`).join('\n')}`;

/** Replaces a section, and leaves the others as they are. */
export function writeSection(name, markdown) {
  const before = fs.existsSync(FILE) ? fs.readFileSync(FILE, 'utf8') : EMPTY;
  const section = new RegExp(`(<!-- ${name} -->\n)[^]*(<!-- /${name} -->)`);
  if (!section.test(before)) throw new Error(`RESULTS.md has no section ${name}`);
  fs.writeFileSync(
    FILE,
    before.replace(section, (_, start, end) => `${start}\n${markdown.trim()}\n\n${end}`),
  );
}
