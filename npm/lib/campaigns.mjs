// Campaign files of a folder, as the command line reads them: one reader of one format.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { campaign } from '../cli/index.js';

/** Returns the paths of the campaign files in a folder. */
export const campaignFiles = (folder) =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.toml') && !name.startsWith('.'))
        .sort()
        .map((name) => join(folder, name))
    : [];

/**
 * Reads campaign files.
 * @param {string[]} files
 * @param {(text: string) => string} change changes the text of each before it is read
 * @returns {{campaigns: {file: string, campaign: object}[], problems: string[]}} `campaign`: the JSON that the
 * admin API takes; `problems`: a line for each
 */
export function readCampaigns(files, change = (text) => text) {
  const read = files.map((file) => ({ file, ...JSON.parse(campaign(file, change(textOf(file)))) }));
  return {
    campaigns: read.filter((one) => one.campaign),
    problems: read.flatMap(({ problems = [] }) => problems),
  };
}

/** A file that went away since its folder was read is as one without a text. */
function textOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Returns the secrets that destinations name, as {name, isToken, hosts}: an e-mail provider gives a token, which goes to
 * `hosts`; a webhook is signed.
 * @param {object[]} campaigns
 */
export function destinationSecrets(campaigns) {
  const found = new Map();
  for (const { secret: name, kind, url } of campaigns.flatMap(({ destination = [] }) => destination)) {
    const known = found.get(name) ?? { name, isToken: kind === 'email', hosts: [] };
    const host = known.isToken && hostOf(url);
    if (host && !known.hosts.includes(host)) known.hosts.push(host);
    found.set(name, known);
  }
  return [...found.values()];
}

/** Returns a host as the Worker reads it: without a port, and without a dot at the end. */
function hostOf(address) {
  return URL.canParse(address) ? new URL(address).hostname.replace(/\.+$/, '') : '';
}

/** Tells if one of some campaigns gives a file of the bucket. */
export const givesFiles = (campaigns) => campaigns.some(({ magnet }) => magnet?.file !== undefined);
