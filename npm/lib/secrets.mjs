// Files of NAME="value" lines, and the random values that they lack.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { parseEnv } from 'node:util';
import { destinationSecrets } from './campaigns.mjs';

const key = (id) => `${id}:${randomBytes(32).toString('base64')}`;
const newToken = () => randomBytes(24).toString('base64url');

/** Returns the seed, and the public key behind it. */
function signingKey() {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return `s1:${Buffer.concat([d, x].map((part) => Buffer.from(part, 'base64url'))).toString('base64')}`;
}

/** The Worker's own secrets by name, each with what makes a random one. */
export const OWN_SECRETS = {
  LEADHOOK_PEPPERS: () => key('k1'),
  LEADHOOK_SEALING_KEYS: () => key('k1'),
  LEADHOOK_SIGNING_KEYS: signingKey,
  LEADHOOK_LIST_KEYS: () => key('l1'),
  LEADHOOK_ADMIN_TOKEN: newToken,
};

export const newWebhookSecret = () => `whsec_${randomBytes(32).toString('base64')}`;

/** Returns the values of a file, by name. */
export function valuesIn(file) {
  const values = existsSync(file) ? parseEnv(readFileSync(file, 'utf8').replace(/^\uFEFF/, '')) : {};
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''));
}

/**
 * Adds values to a file that only its owner may read. An older line of a name stays as a comment: what it is the key to
 * may still lie somewhere.
 */
export function addValues(file, values) {
  let text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (text !== '' && !text.endsWith('\n')) text += '\n';
  for (const [name, value] of Object.entries(values)) {
    text = text.replace(new RegExp(`^(?=\\s*(export\\s+)?${name}\\s*=)`, 'gm'), '# replaced: ');
    text += `${name}="${value}"\n`;
  }
  // In one step, so that nobody ever finds half of it. A symbolic link stays one.
  const target = existsSync(file) ? realpathSync(file) : file;
  const temporary = `${target}.${process.pid}.tmp`;
  const out = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(out, text);
    fsyncSync(out);
  } finally {
    closeSync(out);
  }
  renameSync(temporary, target);
}

/** Adds the random values that a file lacks, and returns how many were added. `wanted`: by name, what makes one. */
function addMissing(file, wanted) {
  const known = valuesIn(file);
  const missing = Object.entries(wanted).filter(([name]) => !(name in known));
  if (missing.length > 0) addValues(file, Object.fromEntries(missing.map(([name, make]) => [name, make()])));
  return missing.length;
}

const forDestinations = (campaigns) =>
  Object.fromEntries(
    destinationSecrets(campaigns).map(({ name, isToken }) => [name, isToken ? newToken : newWebhookSecret]),
  );

/** Adds what development needs, keeps what is there, and returns how many values were added. */
export const fillDevVars = (file, campaigns) =>
  addMissing(file, { LEADHOOK_ENV: () => 'dev', ...OWN_SECRETS, ...forDestinations(campaigns) });

/** Adds what the destinations of campaigns need, and returns how many values were added. */
export const fillDestinations = (file, campaigns) => addMissing(file, forDestinations(campaigns));
