// What axe-core finds wrong with a page for people who use it otherwise than most.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const SOURCE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Every finding in a line of words. Run by the debugger's door, for a page's policy lets in no script. */
export async function findings(page) {
  await page.evaluate(SOURCE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target, html }) => `${id}: ${help}: ${target}: ${html}`));
}
