// Campaigns of a folder, as the command line reads them: one reader of one format.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../target/release/leadhook', import.meta.url));

export const campaignFiles = (folder) => readdirSync(folder).filter((name) => name.endsWith('.toml'));

/**
 * Returns the campaigns of a folder, as the JSON that the admin API takes.
 * @throws {Error} with every problem of every file, if one is no campaign
 */
export function campaignsOf(folder) {
  const files = campaignFiles(folder).map((name) => join(folder, name));
  if (files.length === 0) return [];
  const { stdout, stderr, error } = spawnSync(CLI, ['check', '--json', '--', ...files], {
    encoding: 'utf8',
    maxBuffer: Infinity,
  });
  if (error) throw error;
  const campaigns = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  // It also complains of a secret that may not go to its host yet, which is for the operator to say.
  if (campaigns.length < files.length) throw new Error(stderr.trim());
  return campaigns;
}
