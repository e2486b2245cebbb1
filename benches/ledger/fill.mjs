// Filling of a ledger with people whose leads were delivered. Rows go straight into its file while the runtime is
// stopped, for posting a million leads would take half an hour. They are those of a real lead, with ids, tags and times
// of their own.
import { spawn } from 'node:child_process';
import { createHmac, hkdfSync } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const HOUR_MS = 3_600_000;
/** The filled leads came in evenly over so long, up to now. */
const SPAN_MS = 30 * 24 * HOUR_MS;
/** The one of the filled people who can be posted again; the tags of the others are random. */
export const FILLED = { email: 'somebody.filled@example.org', phone: '+46721234567' };

/**
 * Fills the ledger of a world with so many people.
 * @param world whose runtime is stopped, and whose ledger has one delivered lead
 * @returns {Promise<{bytes}>} the size of the file
 */
export async function fill(world, ledger, people) {
  const file = ledgerFile(world);
  await run(file, statements(people, tags(world.vars.LEADHOOK_PEPPERS, ledger)));
  return { bytes: fs.statSync(file).size };
}

/** Makes a ledger sweep its tables as soon as it is woken. */
export function sweepSoon(world) {
  return run(ledgerFile(world), [`UPDATE meta SET value = '${Date.now()}' WHERE key = 'next_sweep_ms'`]);
}

/** Returns the file of the only ledger of a world. */
function ledgerFile(world) {
  const folder = path.join(world.state, 'leadhook-ledger');
  const files = fs.readdirSync(folder).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  if (files.length !== 1) throw new Error(`${files.length} ledgers instead of one`);
  return path.join(folder, files[0]);
}

/** Returns, by kind of identifier, the prefix of its tags and the tag of {@link FILLED}. */
function tags(pepper, ledger) {
  const [id, key] = pepper.split(':');
  const derived = Buffer.from(
    hkdfSync('sha256', Buffer.from(key, 'base64'), id, `leadhook/fingerprint/v1/${ledger}`, 32),
  );
  return Object.entries(FILLED).map(([kind, value]) => {
    const prefix = `${kind}.${id}.`;
    return {
      prefix,
      tag: prefix + createHmac('sha256', derived).update(`${kind}\0${value}`).digest('base64url'),
    };
  });
}

function statements(people, tags) {
  const digit = (at) => `substr('0123456789abcdefghijklmnopqrstuv', (at >> ${40 - 5 * at} & 31) + 1, 1)`;
  const time = Array.from({ length: 9 }, (_, at) => digit(at)).join(' || ');
  const random = (bytes) => `lower(hex(randomblob(${bytes})))`;
  const firstMs = Date.now() - SPAN_MS;
  const numbers = `WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ${people})`;
  return [
    'CREATE TEMP TABLE lead AS SELECT * FROM submission',
    'CREATE TEMP TABLE sent AS SELECT * FROM delivery',
    `INSERT INTO submission (lead_id, submission_id, format, campaign, source, hour, state, at_ms, known_until_ms,
       payload, consent, act, record_until_ms) ${numbers}
     SELECT 'lead_' || ${time} || ${random(8)}, 'sub_' || ${random(12)}, format, campaign, source,
       at - at % ${HOUR_MS}, state, at, at + known_until_ms - at_ms, payload, consent, act, at + record_until_ms - at_ms
     FROM (SELECT ${firstMs} + n * ${SPAN_MS} / ${people} AS at FROM number) CROSS JOIN lead`,
    `INSERT INTO delivery (delivery_id, format, lead_id, submission_id, campaign, destination, receiver, event, state,
       due_ms, attempt_count, attempts, reason, created_ms, settled_ms)
     SELECT 'msg_' || substr(s.lead_id, 6) || '_' || ${random(4)}, d.format, s.lead_id, s.submission_id, d.campaign,
       d.destination, d.receiver, d.event, d.state, s.at_ms + d.due_ms - d.created_ms, d.attempt_count, d.attempts,
       d.reason, s.at_ms, s.at_ms + d.settled_ms - d.created_ms
     FROM submission s CROSS JOIN sent d WHERE s.lead_id <> d.lead_id`,
    ...tags.flatMap(({ prefix, tag }) => [
      `INSERT INTO fingerprint SELECT '${prefix}' || substr(${random(22)}, 1, ${tag.length - prefix.length}), lead_id
       FROM submission WHERE lead_id NOT IN (SELECT lead_id FROM lead)`,
      `UPDATE fingerprint SET tag = '${tag}' WHERE lead_id = (SELECT min(lead_id) FROM submission)
         AND tag LIKE '${prefix}%'`,
    ]),
    `INSERT INTO counter (campaign, hour, source, delivered)
     SELECT campaign, hour, source, count(*) FROM submission
     WHERE lead_id NOT IN (SELECT lead_id FROM lead) GROUP BY campaign, hour, source
     ON CONFLICT DO UPDATE SET delivered = delivered + excluded.delivered`,
  ];
}

/** Runs SQL in one transaction, without the log: it would double the writing. */
function run(file, statements) {
  const script = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in json.loads(sys.stdin.read()):
    db.execute(statement).fetchall()
`;
  const pragmas = [
    'locking_mode = EXCLUSIVE',
    'journal_mode = OFF',
    'synchronous = OFF',
    'cache_size = -600000',
  ];
  const all = [
    ...pragmas.map((pragma) => `PRAGMA ${pragma}`),
    'BEGIN',
    ...statements,
    'COMMIT',
    'PRAGMA journal_mode = WAL',
  ];
  return new Promise((done, failed) => {
    // Node 20 has no SQLite; Python has.
    const child = spawn('python3', ['-c', script, file], { stdio: ['pipe', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (text) => (errors += text));
    child.once('error', () => failed(new Error('python3 is missing: it fills the ledgers')));
    child.once('close', (code) => (code === 0 ? done() : failed(new Error(`filling failed: ${errors}`))));
    child.stdin.end(JSON.stringify(all));
  });
}
