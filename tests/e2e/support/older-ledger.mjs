// A world as an older version of the code has left it: a ledger with a lead of each kind. `node
// tests/e2e/support/older-ledger.mjs BUILD/index.js` writes it anew from that version's build.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { campaign } from './campaigns.mjs';
import { CRM_HOST, faults, startFaultWorld } from './fault-world.mjs';
import { until } from './http.mjs';
import { Receiver, SECRETS } from './receiver.mjs';
import { consentVars, ROOT } from './world.mjs';

const ARCHIVE = path.join(ROOT, 'tests/data/older-ledger.tar.gz');
const HOOK = { url: `https://${CRM_HOST}/hooks/leads` };
/** By what becomes of them. */
export const PEOPLE = {
  delivered: { email: 'older.delivered@example.org', name: 'Ada Lovelace', consent: { newsletter: true } },
  held: { email: 'older.held@example.org', name: 'Ada Lovelace', consent: { newsletter: true } },
  pending: { email: 'older.pending@example.org', name: 'Ada Lovelace', consent: { newsletter: true } },
  erased: { email: 'older.erased@example.org', name: 'Ada Lovelace', consent: { newsletter: true } },
};
export const CAMPAIGNS = [
  campaign('older', HOOK, { ledger: 'older' }),
  campaign('older-held', HOOK, { ledger: 'older', qualify: { warm: 20, hot: 40, forward_at: 20 } }),
];

/** The world as it was left, at the time when it was, under today's build. */
export async function openOlder(crm) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-older-'));
  try {
    execFileSync('tar', ['-xzf', ARCHIVE, '-C', folder]);
    const { vars, kv, atMs } = JSON.parse(fs.readFileSync(path.join(folder, 'world.json'), 'utf8'));
    const clockMs = atMs - Date.now();
    crm.clockMs = clockMs;
    const FAULTS = JSON.stringify({ clockMs, hosts: { [CRM_HOST]: new URL(crm.url).origin } });
    const world = await startFaultWorld({ vars: { ...vars, FAULTS }, state: path.join(folder, 'state') });
    for (const [key, text] of kv) world.kv.entries.set(key, { body: Buffer.from(text) });
    return world;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function write(main) {
  const crm = await Receiver.start();
  const world = await startFaultWorld({ main, vars: consentVars() });
  await faults(world, { hosts: { [CRM_HOST]: new URL(crm.url).origin } });
  await world.publish(...CAMPAIGNS);
  const post = async (id, someone) => {
    const { status, text } = await world.postJson(id, someone);
    if (status !== 202) throw new Error(text);
  };
  await post('older', PEOPLE.delivered);
  await post('older-held', PEOPLE.held);
  await world.settled('older');
  await post('older', { ...PEOPLE.delivered, seats: 2 });
  crm.answer = { status: 503 };
  await post('older', PEOPLE.pending);
  await post('older', PEOPLE.erased);
  await until('attempts', () => crm.deliveries.length >= 3);
  await world.kill('SIGTERM');
  const own = new Set(['LEADHOOK_ENV', 'LEADHOOK_ADMIN_TOKEN', ...Object.keys(SECRETS)]);
  const vars = Object.fromEntries(Object.entries(world.vars).filter(([name]) => !own.has(name)));
  const kv = [...world.kv.entries].map(([key, { body }]) => [key, body.toString()]);
  fs.writeFileSync(path.join(world.folder, 'world.json'), JSON.stringify({ vars, kv, atMs: Date.now() }));
  execFileSync('tar', ['-czf', ARCHIVE, '-C', world.folder, 'state', 'world.json']);
  await world.stop();
  await crm.down();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await write(path.resolve(process.argv[2]));
