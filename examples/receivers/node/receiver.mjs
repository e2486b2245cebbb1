// Receives Leadhook's webhooks (Standard Webhooks 1.0.0) with nothing but Node 20.
//
//   WEBHOOK_SECRET=whsec_… PORT=8790 node receiver.mjs
//
// A lead is one file in STORE (default: the folder leads), named after its webhook-id.
// 2xx is answered only once the file is on disk, because the sender forgets the lead then.

import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BODY_BYTES = 256 * 1024; // a lead is a few kilobytes
const TOLERANCE_SECONDS = 300; // older or newer requests may be replays

export function secretKey(secret) {
  const key = Buffer.from(String(secret ?? '').replace(/^whsec_/, ''), 'base64');
  if (key.length < 24) throw new Error('WEBHOOK_SECRET must be whsec_ and base64 of at least 24 bytes');
  return key;
}

export function sign(key, id, timestamp, body) {
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return `v1,${signature}`;
}

// Returns undefined for a genuine request, else the status and the reason to refuse it.
// `body` is the bytes as they came: parsed and printed again they would not match.
export function refuse(key, headers, body, nowSeconds) {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (!id || !timestamp || !signatures) return [400, 'a webhook header is missing'];
  if (!/^[A-Za-z0-9_-]{1,200}$/.test(id)) return [400, 'webhook-id is not an id']; // it becomes a file's name
  if (!/^[0-9]{1,12}$/.test(timestamp)) return [400, 'webhook-timestamp is not a number'];
  if (Math.abs(nowSeconds - Number(timestamp)) > TOLERANCE_SECONDS)
    return [400, 'webhook-timestamp is too far away'];
  const expected = Buffer.from(sign(key, id, timestamp, body));
  // There are several signatures while the secret is being changed. One must be right.
  const right = signatures.split(' ').some((signature) => {
    const given = Buffer.from(signature);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  return right ? undefined : [401, 'no signature is right'];
}

// Stores a delivery once; says whether it was new. Here you would write to your CRM instead:
// do it in one transaction with the webhook-id, so that a second delivery changes nothing.
export function store(folder, id, body) {
  const temporary = join(folder, `.${randomUUID()}.tmp`);
  let isNew = true;
  try {
    writeFileSync(temporary, body, { flag: 'wx', mode: 0o600 });
    sync(temporary);
    linkSync(temporary, join(folder, `${id}.json`)); // the whole file or nothing, and only the first
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    isNew = false;
  } finally {
    rmSync(temporary, { force: true });
  }
  sync(folder);
  return isNew;
}

function sync(path) {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function receive(request, { key, folder }) {
  if (request.method !== 'POST') return [405, 'POST only', { Allow: 'POST' }];
  const tooLarge = [413, 'too large', { Connection: 'close' }];
  if (Number(request.headers['content-length']) > BODY_BYTES) return tooLarge;
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= BODY_BYTES) chunks.push(chunk); // the rest is read and dropped
  }
  if (length > BODY_BYTES) return tooLarge;
  const body = Buffer.concat(chunks);
  const refused = refuse(key, request.headers, body, Date.now() / 1000);
  if (refused) return refused;
  let event;
  try {
    event = JSON.parse(body.toString('utf8'));
  } catch {
    return [400, 'not JSON'];
  }

  const id = request.headers['webhook-id'];
  const isNew = store(folder, id, body);
  // Ids only: a log is no place for a person's data.
  console.log(isNew ? `stored ${id} ${event?.type} ${event?.data?.lead_id}` : `known ${id}`);
  return [204];
}

export function start({ key, folder, port }) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const server = createServer(async (request, response) => {
    let answer;
    try {
      answer = await receive(request, { key, folder });
    } catch (error) {
      console.error(`not stored: ${error.message}`);
      answer = [500, 'not stored, send it again'];
    }
    const [status, text, headers] = answer;
    response.writeHead(status, headers).end(text);
  });
  // Behind a proxy that ends TLS this address is right; it is not meant for the open internet.
  server.listen(port, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  start({
    key: secretKey(process.env.WEBHOOK_SECRET),
    folder: process.env.STORE ?? 'leads',
    port: Number(process.env.PORT ?? 8790),
  });
}
