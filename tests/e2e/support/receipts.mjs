// Verification of receipts by others' libraries: npm jose checks the signature, npm ajv the specification's
// schema.
import fs from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import { compactVerify, createLocalJWKSet } from 'jose';
import { ROOT } from './world.mjs';

const SCHEMA = path.join(ROOT, 'tests/data/consent-receipt-1.1.schema.json');
const isReceipt = new Ajv({
  strict: true,
  strictTypes: true,
  strictRequired: false,
  allErrors: true,
}).compile(JSON.parse(fs.readFileSync(SCHEMA, 'utf8')));

/** The public keys that a world shows to everybody. */
export async function keySet(world) {
  return (await world.request('GET', '/.well-known/jwks.json')).json;
}

/** Header and payload of a JWS that one of the world's keys signed; fails on any other. */
export async function opened(world, jws) {
  const keys = createLocalJWKSet(await keySet(world));
  const { protectedHeader, payload } = await compactVerify(jws, keys, { algorithms: ['EdDSA'] });
  return { header: protectedHeader, payload: JSON.parse(Buffer.from(payload).toString()) };
}

/** Returns the errors that the specification's schema finds in a receipt's payload. */
export function faults(payload) {
  return isReceipt(payload)
    ? []
    : isReceipt.errors.map(({ instancePath, message }) => `${instancePath} ${message}`);
}
