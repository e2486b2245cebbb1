// Random secrets: the Worker's own, and one for each destination that a campaign names.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

const key = (id) => `${id}:${randomBytes(32).toString('base64')}`;
const newToken = () => randomBytes(24).toString('base64url');

// Returns the seed, and the public key behind it.
function signingKey() {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return `s1:${Buffer.concat([d, x].map((part) => Buffer.from(part, 'base64url'))).toString('base64')}`;
}

export const OWN_SECRETS = {
  LEADHOOK_PEPPERS: () => key('k1'),
  LEADHOOK_SEALING_KEYS: () => key('k1'),
  LEADHOOK_SIGNING_KEYS: signingKey,
  LEADHOOK_LIST_KEYS: () => key('l1'),
  LEADHOOK_ADMIN_TOKEN: newToken,
};

export const newWebhookSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

// Returns the destinations' secrets of some campaigns, as { name, isToken, hosts }: an e-mail provider gives a token,
// which goes to `hosts`; a webhook is signed.
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

// Returns a host as the Worker reads it: without a port, and without a dot at the end.
function hostOf(address) {
  return URL.canParse(address) ? new URL(address).hostname.replace(/\.+$/, '') : '';
}

// Returns the value of a name in a file of NAME="value" lines, or an empty text if it is not there.
export function valueIn(file, name) {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return new RegExp(`^\\s*${name}\\s*=\\s*["']?([^"'\\n]*)`, 'm').exec(text)?.[1].trim() ?? '';
}

// Tells if one of some campaigns gives a file of the bucket.
export const givesFiles = (campaigns) => campaigns.some(({ magnet }) => magnet?.file !== undefined);

// Adds NAME="value" lines to a file that only its owner may read. An older line of a name stays as
// a comment: what it is the key to may still lie somewhere.
export function addValues(file, values) {
  let text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (text !== '' && !text.endsWith('\n')) text += '\n';
  for (const [name, value] of Object.entries(values)) {
    text = text.replace(new RegExp(`^(?=\\s*${name}\\s*=)`, 'gm'), '# replaced: ');
    text += `${name}="${value}"\n`;
  }
  writeFileSync(file, text, { mode: 0o600 });
  chmodSync(file, 0o600);
}

// Adds missing values to a file of NAME=value lines; those that stand in it are kept.
export function fillDevVars(file, campaigns) {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const has = (name) => new RegExp(`^\\s*${name}\\s*=`, 'm').test(text);
  const wanted = { LEADHOOK_ENV: () => 'dev', ...OWN_SECRETS };
  for (const { name, isToken } of destinationSecrets(campaigns))
    wanted[name] = isToken ? newToken : newWebhookSecret;
  const missing = Object.entries(wanted).filter(([name]) => !has(name));
  if (missing.length === 0) return;
  addValues(file, Object.fromEntries(missing.map(([name, make]) => [name, make()])));
  console.log(`${file}: ${missing.length} random values added`);
}
