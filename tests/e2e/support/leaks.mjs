// The check for leaks: no secret in an answer or a log, and nobody recognisable in a log, in KV or on disk.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { SECRETS } from './receiver.mjs';

/** The addresses, names and numbers that the tests' people use (campaigns.mjs), as text or as a form has them. */
const IDENTITY =
  /(@|%40)(example\.org|gmail\.com|googlemail\.com)|Lovelace|(46|0)70[- ]?174[- ]?06[- ]?\d\d/i;
/** Lines that workerd itself prints; everything else comes from the Worker. */
const RUNTIME_LINE =
  /^((workerd|kj|capnp|external|src)\/\S*:\d+: |Received a connect event but we lack a handler)/;

/** Lines of the runtime and the bindings where the core has panicked: a place in the code, no values. */
const PANIC_LINE = /^(Reinitializing Wasm application$|Critical (RuntimeError|Error): | {4}at |stack: )/;
/** The panic's own message follows on the next line: callbacks of a core that is gone find another. */
const PANIC = /^Critical Error: Rust panic: /;

/** @param panicked whether a test has made the core panic */
export function assertNoLeaks(world, panicked = false) {
  const { LEADHOOK_ENV, LEADHOOK_PUBLIC_URL, LEADHOOK_SECRET_HOSTS, ...rest } = world.vars;
  const secrets = Object.values({ ...rest, ...SECRETS }).flatMap(parts);
  const log = world.stdout + world.stderr;

  for (const { request, status, headers, text } of world.answers) {
    const answer = `${JSON.stringify(headers)}\n${text}`;
    for (const secret of secrets)
      assert.ok(!answer.includes(secret), `${request} (${status}) tells a secret`);
    assert.doesNotMatch(answer, IDENTITY, `${request} (${status}) tells who somebody is`);
    assert.doesNotMatch(
      text,
      /\bat \S+ \(.*\.js:\d+|wasm-function|panicked/,
      `${request} (${status}) shows its insides`,
    );
  }
  for (const secret of secrets) assert.ok(!log.includes(secret), 'a secret is in the log');
  assert.doesNotMatch(log, IDENTITY, 'an identity is in the log');
  const lines = log.split('\n');
  for (const [at, line] of lines.entries()) {
    if (
      line === '' ||
      RUNTIME_LINE.test(line) ||
      (panicked && (PANIC_LINE.test(line) || PANIC.test(lines[at - 1])))
    )
      continue;
    assert.equal(typeof eventOf(line), 'string', `not one JSON object that names its event: ${line}`);
  }
  // A KV of its own is on the disk.
  for (const [key, { body, metadata }] of world.kv?.entries ?? []) {
    assert.doesNotMatch(`${key} ${body} ${metadata ?? ''}`, IDENTITY, `KV's ${key} tells who somebody is`);
  }
  for (const file of fs.readdirSync(world.state, { recursive: true })) {
    const full = path.join(world.state, file);
    assert.doesNotMatch(textOf(full), IDENTITY, `${file} holds an identity in plain text`);
  }
}

/** Reads a file, byte by byte. A journal may have ended since its folder was read. */
function textOf(file) {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch (error) {
    if (['ENOENT', 'EISDIR'].includes(error.code)) return '';
    throw error;
  }
}

function eventOf(line) {
  try {
    return JSON.parse(line)?.event;
  } catch {
    return undefined;
  }
}

/** A keyring is as secret in its parts, and a webhook secret without its prefix. */
function parts(value) {
  return value
    .split(',')
    .map((part) => part.replace(/^(whsec_|\w+:)/, ''))
    .filter((part) => part.length >= 16);
}
