// Keys, keyed hashes and sealing, by crypto.subtle. The isolate keeps imported keys: one set for each ledger, one for
// each webhook secret.

const HMAC = { name: 'HMAC', hash: 'SHA-256', length: 256 };
const AES = { name: 'AES-GCM', length: 256 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The format of a sealed text; the first byte of it. */
const SEALED_FORMAT = 1;
/** The nonce that AES-GCM is specified with (NIST SP 800-38D). */
const NONCE_BYTES = 12;
/** 144 bits: above the 128 that keep guessing out, and 24 characters without a remainder. */
const ID_BYTES = 18;
const FORM_NUMBER_BYTES = 12;
const FORM_MAC_BYTES = 16;
/** The specification's bounds of a decoded webhook secret. */
const SECRET_BYTES = { min: 24, max: 64 };

interface NamedKey {
  id: string;
  key: CryptoKey;
}

/** The first key writes, all of them read. */
type Ring = [NamedKey, ...NamedKey[]];

/** The keys of a ledger. */
export interface Keys {
  ledger: string;
  fingerprints: NamedKey[];
  submissions: CryptoKey;
  forms: NamedKey;
  seals: Ring;
}

const known = new Map<string, Keys>();

/** Returns the keys of a ledger. Not a promise if they are known, which is almost always. */
export function keysOf(env: Env, ledger: string): Keys | Promise<Keys> {
  return known.get(ledger) ?? derived(env, ledger);
}

async function derived(env: Env, ledger: string): Promise<Keys> {
  const [peppers, [sealing, ...olderSealing]] = await Promise.all([
    ring(env, 'LEADHOOK_PEPPERS'),
    ring(env, 'LEADHOOK_SEALING_KEYS'),
  ]);
  const derive = async (
    { id, key }: NamedKey,
    usage: string,
    algorithm: SubtleCryptoImportKeyAlgorithm,
    uses: string[],
  ) => {
    const hkdf = {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: encoder.encode(id),
      info: encoder.encode(usage + ledger),
    };
    return { id, key: await crypto.subtle.deriveKey(hkdf, key, algorithm, false, uses) };
  };
  const sealer = (key: NamedKey) => derive(key, 'leadhook/seal/v1/', AES, ['encrypt', 'decrypt']);
  const [fingerprints, submissions, forms, seal, olderSeals] = await Promise.all([
    Promise.all(peppers.map((pepper) => derive(pepper, 'leadhook/fingerprint/v1/', HMAC, ['sign']))),
    derive(peppers[0], 'leadhook/submission/v1/', HMAC, ['sign']),
    derive(peppers[0], 'leadhook/link/v1/', HMAC, ['sign']),
    sealer(sealing),
    Promise.all(olderSealing.map(sealer)),
  ]);
  const seals: Ring = [seal, ...olderSeals];
  const keys = { ledger, fingerprints, submissions: submissions.key, forms, seals };
  known.set(ledger, keys);
  return keys;
}

/** Reads `id:base64,id:base64,…`, each of 32 bytes or more. */
async function ring(env: Env, name: 'LEADHOOK_PEPPERS' | 'LEADHOOK_SEALING_KEYS'): Promise<Ring> {
  const entries = (env[name] ?? '').split(',').filter((entry) => entry.trim());
  const [first, ...others] = await Promise.all(
    entries.map(async (entry) => {
      const [id = '', secret = ''] = entry.trim().split(':');
      const bytes = fromBase64(secret);
      if (!/^[a-z0-9-]{1,16}$/.test(id) || bytes.length < 32)
        throw new Error(`${name} is not id:base64 of 32 bytes`);
      return { id, key: await crypto.subtle.importKey('raw', bytes, 'HKDF', false, ['deriveKey']) };
    }),
  );
  if (!first) throw new Error(`${name} is not set`);
  return [first, ...others];
}

const hmac = async (key: CryptoKey, text: string) =>
  new Uint8Array(await crypto.subtle.sign('HMAC', key, encoder.encode(text)));

/** Returns a person's identifier as it is stored: `{kind}.{key id}.{tag}`. */
export async function fingerprint({ id, key }: NamedKey, kind: string, canonical: string): Promise<string> {
  return `${kind}.${id}.${base64url(await hmac(key, `${kind}\0${canonical}`))}`;
}

/** Returns the id that follows from the content: the same post has the same id everywhere. */
export async function submissionId(keys: Keys, content: string): Promise<string> {
  return `sub_${base64url((await hmac(keys.submissions, content)).subarray(0, ID_BYTES))}`;
}

export const idempotencyTag = async (keys: Keys, campaign: string, key: string) =>
  base64url(await hmac(keys.submissions, `idempotency\0${campaign}\0${key}`));

/** Returns a token for a form that is rendered now: the time and a number of its own, signed. */
export async function formToken({ forms: { id, key } }: Keys, campaign: string): Promise<string> {
  const number = base64url(crypto.getRandomValues(new Uint8Array(FORM_NUMBER_BYTES)));
  const parts = `${campaign}.${Date.now()}.${number}`;
  const mac = await hmac(key, `form\0${parts}`);
  return `${parts}.${id}.${base64url(mac.subarray(0, FORM_MAC_BYTES))}`;
}

/** Seals by AES-256-GCM, bound to a place: format, length of the key's id, key's id, nonce, ciphertext. */
export async function seal(keys: Keys, place: string, text: string): Promise<Uint8Array> {
  const { id, key } = keys.seals[0];
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const additionalData = encoder.encode(`${keys.ledger}/${place}`);
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv, additionalData },
    key,
    encoder.encode(text),
  );
  const head = 2 + id.length;
  const bytes = new Uint8Array(head + NONCE_BYTES + sealed.byteLength);
  bytes[0] = SEALED_FORMAT;
  bytes[1] = id.length;
  encoder.encodeInto(id, bytes.subarray(2));
  bytes.set(iv, head);
  bytes.set(new Uint8Array(sealed), head + NONCE_BYTES);
  return bytes;
}

/** Opens a sealed text, and throws if no key in the ring does. */
export async function open(keys: Keys, place: string, sealed: ArrayBuffer | Uint8Array): Promise<string> {
  const bytes = sealed instanceof Uint8Array ? sealed : new Uint8Array(sealed);
  if (bytes[0] !== SEALED_FORMAT) throw new Error('a sealed text is of another format');
  const head = 2 + (bytes[1] ?? 0);
  const id = decoder.decode(bytes.subarray(2, head));
  const key = keys.seals.find((seal) => seal.id === id)?.key;
  if (!key) throw new Error('the key of a sealed text is not in the ring');
  const iv = bytes.subarray(head, head + NONCE_BYTES);
  const additionalData = encoder.encode(`${keys.ledger}/${place}`);
  return decoder.decode(
    await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv, additionalData },
      key,
      bytes.subarray(head + NONCE_BYTES),
    ),
  );
}

const signing = new Map<string, CryptoKey[]>();

/** Returns the keys of a Standard Webhooks secret: several, by a space, while it rotates. `undefined` if it is none. */
export async function signingKeys(secret: unknown): Promise<CryptoKey[] | undefined> {
  if (typeof secret !== 'string') return undefined;
  const cached = signing.get(secret);
  if (cached) return cached;
  const parts = secret.split(/\s+/).filter(Boolean);
  const decoded = parts.map((part) =>
    part.startsWith('whsec_') ? fromBase64(part.slice(6)) : new Uint8Array(),
  );
  const fits = ({ length }: Uint8Array) => length >= SECRET_BYTES.min && length <= SECRET_BYTES.max;
  if (!decoded.length || !decoded.every(fits)) return undefined;
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const keys = await Promise.all(
    decoded.map((bytes) => crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign'])),
  );
  signing.set(secret, keys);
  return keys;
}

/** Signs by Standard Webhooks: HMAC-SHA256 over `{id}.{timestamp}.{body}`. Returns the very bytes of the body, too. */
export async function signed(keys: CryptoKey[], id: string, timestamp: string, body: string) {
  const bytes = encoder.encode(`${id}.${timestamp}.${body}`);
  const sign = async (key: CryptoKey) =>
    `v1,${new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes)).toBase64()}`;
  const [first, second] = keys;
  const signatures = first && !second ? await sign(first) : (await Promise.all(keys.map(sign))).join(' ');
  return { signatures, body: bytes.subarray(id.length + timestamp.length + 2) };
}

export async function sha256Hex(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(text))).toHex();
}

/** Returns 128 random bits as 22 characters. */
export const randomId = () => base64url(crypto.getRandomValues(new Uint8Array(16)));

const base64url = (bytes: Uint8Array) => bytes.toBase64({ alphabet: 'base64url', omitPadding: true });

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return new Uint8Array();
  }
}
