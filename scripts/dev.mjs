// Development server: publishes the campaigns to the local KV, starts the webhook receiver and `wrangler dev` with its
// state on disk, and says what can be done now. Ctrl-C ends all of it.
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve, sep } from 'node:path';
import { Miniflare } from 'miniflare';
import { CLI, campaignFiles, campaignsOf } from './campaigns.mjs';
import { destinationSecrets, fillDevVars } from './secrets.mjs';
import { fit } from './terminal.mjs';

const {
  PORT = '8787',
  SINK_PORT = '8788',
  CAMPAIGNS = 'examples/campaigns',
  FILES = 'examples/files',
  STATE = '.state',
} = process.env;
const WRANGLER = 'node_modules/.bin/wrangler';
const ENV = { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' };
const worker = `http://127.0.0.1:${PORT}`;
const START_TIMEOUT_MS = 90_000;

const children = [];
let ending = false;

function fail(reason) {
  console.error(fit(reason));
  end(1);
}

async function end(code) {
  if (ending) return;
  ending = true;
  // Each child leads a process group of its own: what it started ends with it.
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
  const ended = running.map((child) => new Promise((done) => child.once('exit', done)));
  for (const child of running) signal(child, 'SIGTERM');
  const timer = setTimeout(() => {
    for (const child of running) signal(child, 'SIGKILL');
  }, 3_000);
  await Promise.all(ended);
  clearTimeout(timer);
  for (const child of children) signal(child, 'SIGKILL');
  process.exit(code);
}

function signal(child, name) {
  try {
    process.kill(-child.pid, name);
  } catch {
    // The group is gone.
  }
}

function start(command, args, options) {
  const child = spawn(command, args, { detached: true, ...options });
  children.push(child);
  child.on('error', (error) => fail(`${command}: ${error.message}`));
  return child;
}

function isFree(port) {
  return new Promise((answer) => {
    const probe = createServer();
    probe.once('error', () => answer(false));
    probe.listen(Number(port), '127.0.0.1', () => probe.close(() => answer(true)));
  });
}

// Ends before anything runs.
function refuse(reason) {
  console.error(fit(reason));
  process.exit(1);
}

function readCampaigns() {
  try {
    const campaigns = campaignsOf(CAMPAIGNS);
    return campaigns.length > 0 ? campaigns : refuse(`no campaign files (*.toml) in ${CAMPAIGNS}`);
  } catch (error) {
    return refuse(error.message);
  }
}

// Only the receiver's port is changed; every other address stands.
function publishCampaigns() {
  const folder = join(STATE, 'campaigns');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const copies = campaignFiles(CAMPAIGNS).map((name) => {
    const text = readFileSync(join(CAMPAIGNS, name), 'utf8');
    const copy = join(folder, name);
    writeFileSync(copy, text.replace(/\b(127\.0\.0\.1|localhost):8788\b/g, `$1:${SINK_PORT}`));
    return copy;
  });
  console.log(`Publishing ${copies.length} campaigns from ${CAMPAIGNS}`);
  const args = ['publish', '--local', '--persist-to', STATE, ...copies];
  const done = spawnSync(CLI, args, { stdio: 'inherit' });
  if (done.status !== 0) process.exit(1);
}

// The static assets, with the example pages beside them.
function gatherPages() {
  const folder = join(STATE, 'pages');
  rmSync(folder, { recursive: true, force: true });
  for (const from of ['assets', 'examples/pages']) cpSync(from, folder, { recursive: true });
  return folder;
}

// By its key, the path of each file to give. macOS may hand out a name's letters and marks apart.
function filesToGive() {
  const names = existsSync(FILES) ? readdirSync(FILES, { recursive: true }) : [];
  const files = names.filter((name) => statSync(join(FILES, name)).isFile());
  return new Map(files.map((name) => [name.split(sep).join('/').normalize('NFC'), join(FILES, name)]));
}

async function keysOf(bucket) {
  const keys = [];
  for (let cursor; ; ) {
    const page = await bucket.list({ cursor });
    keys.push(...page.objects.map(({ key }) => key));
    if (!page.truncated) return keys;
    cursor = page.cursor;
  }
}

// Makes the bucket hold what FILES does. By Miniflare, for `wrangler r2 object put` keeps a key as it stands in an
// address (V%C3%A5r%20guide.pdf). It has ended before `wrangler dev` begins: two on one folder are one too many.
async function putFiles() {
  const files = filesToGive();
  const persist = resolve(STATE, 'v3/r2');
  if (files.size === 0 && !existsSync(persist)) return;
  const miniflare = new Miniflare({
    modules: true,
    script: 'export default {};',
    cf: false,
    r2Persist: persist,
    r2Buckets: { FILES: 'leadhook-files' },
  });
  try {
    const bucket = await miniflare.getR2Bucket('FILES');
    for (const [key, file] of files) {
      const put = bucket.put(key, new Uint8Array(readFileSync(file)));
      await put.catch((error) => refuse(`${file} did not get into the bucket: ${error.message}`));
    }
    for (const key of await keysOf(bucket)) if (!files.has(key)) await bucket.delete(key);
  } finally {
    await miniflare.dispose();
  }
}

async function ready() {
  const until = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < until && !ending) {
    const up = await fetch(`${worker}/healthz`).then(
      (response) => response.ok,
      () => false,
    );
    if (up) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  if (!ending) fail(`the Worker did not start; see ${join(STATE, 'worker.log')}`);
}

process.on('SIGINT', () => end(0));
process.on('SIGTERM', () => end(0));
process.on('SIGHUP', () => end(0));

for (const [name, port] of [
  ['PORT', PORT],
  ['SINK_PORT', SINK_PORT],
]) {
  if (!(await isFree(port))) refuse(`port ${port} is in use; choose another: make dev ${name}=…`);
}
mkdirSync(STATE, { recursive: true });
const campaigns = readCampaigns();
fillDevVars('.dev.vars', campaigns);
publishCampaigns();
await putFiles();
const pages = gatherPages();

const sink = start(CLI, ['sink', '--port', SINK_PORT, '--secrets', '.dev.vars'], {
  stdio: ['ignore', 'inherit', 'inherit'],
});
sink.on('exit', () => {
  if (!ending)
    console.log(
      `\nThe receiver has stopped. Leads wait. Start it again in another terminal: make sink SINK_PORT=${SINK_PORT}`,
    );
});

const log = createWriteStream(join(STATE, 'worker.log'));
const wrangler = start(
  WRANGLER,
  [
    'dev',
    '--ip',
    '127.0.0.1',
    '--port',
    PORT,
    '--persist-to',
    STATE,
    '--assets',
    pages,
    '--var',
    `LEADHOOK_PUBLIC_URL:${worker}`,
    '--show-interactive-dev-session=false',
  ],
  { stdio: ['ignore', 'pipe', 'pipe'], env: ENV },
);
wrangler.stdout.pipe(log);
wrangler.stderr.pipe(log);
wrangler.on('exit', () => {
  if (!ending) fail(`the Worker has stopped; see ${join(STATE, 'worker.log')}`);
});

await ready();
if (!ending) {
  // The example has fields of its own; another campaign's are in its acceptance criteria.
  const example = campaigns.some(({ id }) => id === 'spring-guide');
  const campaign = example ? 'spring-guide' : campaigns[0].id;
  const fields = example
    ? '-d email=anna@example.com -d name=Anna -d interest=Garden -d consent.newsletter=on'
    : '-d email=anna@example.com';
  const sendsMail = destinationSecrets(campaigns).some(({ isToken }) => isToken);
  const mailbox = sendsMail ? `\n  Mailbox            http://127.0.0.1:${SINK_PORT}/mailbox` : '';
  console.log(`
Leadhook is ready.
  Landing page       ${worker}/${example ? campaign : ''}   (all of them: ${worker}/)
  Hosted form        ${worker}/f/${campaign}
  Dashboard          ${worker}/admin   sign in with the LEADHOOK_ADMIN_TOKEN of .dev.vars
  Or from a shell    curl ${fields} ${worker}/c/${campaign}
  What a form needs  ${worker}/c/${campaign}
  Deliveries         appear below, each with its score and reasons${mailbox}
  Stop the receiver  kill ${sink.pid}    start it again: make sink SINK_PORT=${SINK_PORT}
  Worker's log       ${join(STATE, 'worker.log')}
Ctrl-C ends all of it.
`);
}
