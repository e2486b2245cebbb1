// `leadhook init`: the example campaigns, pages and files, and the random secrets of development.
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { campaignFiles, readCampaigns } from './campaigns.mjs';
import { fillDevVars } from './secrets.mjs';

const EXAMPLES = fileURLToPath(new URL('../examples', import.meta.url));
/** The file with the secrets of development. */
export const DEV_VARS = '.dev.vars';

/** Makes a folder ready, and says what it made. */
export function init(options) {
  if (prepare(options).length === 0) console.log('Nothing is missing here.');
  console.log('Now run: npx leadhook dev');
}

/**
 * Writes what is missing, and says so. The examples are one set: where there are campaigns, their pages would be
 * somebody else's.
 * @returns {string[]} what was made
 */
export function prepare({ campaigns, pages, files, state }) {
  const made = [];
  if (!existsSync(campaigns)) {
    for (const [name, folder] of Object.entries({ campaigns, pages, files })) {
      if (existsSync(folder)) continue;
      cpSync(join(EXAMPLES, name), folder, { recursive: true });
      made.push(`${folder}/`);
    }
    console.log(`There were no campaigns here. ${made.join(', ')}: four examples to try and to change.`);
  }
  const ignored = existsSync('.gitignore') ? readFileSync('.gitignore', 'utf8') : '';
  const lines = ignored.split(/\r?\n/).map((line) => line.trim().replace(/^\/|\/$/g, ''));
  const missing = ['node_modules/', `${state}/`, DEV_VARS, 'leadhook.keys'].filter(
    (name) => !lines.includes(name.replace(/\/$/, '')),
  );
  if (missing.length > 0 && !isAbsolute(state)) {
    const start = ignored === '' || ignored.endsWith('\n') ? ignored : `${ignored}\n`;
    writeFileSync('.gitignore', `${start}${missing.join('\n')}\n`);
    made.push('.gitignore');
    console.log('.gitignore: keeps secrets and state out of a repository');
  }
  const read = readCampaigns(campaignFiles(campaigns)).campaigns.map(({ campaign }) => campaign);
  const added = fillDevVars(DEV_VARS, read);
  if (added > 0) {
    made.push(DEV_VARS);
    console.log(`${DEV_VARS}: ${added} random values added`);
  }
  return made;
}
