// Deployment to Cloudflare: finds or creates the KV namespace, deploys the Worker, and asks for missing secrets. Its
// configuration stays beside wrangler.toml, so that development, which knows the namespace by its binding's name, keeps
// its state.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parse, stringify } from 'smol-toml';
import { campaignsOf } from './campaigns.mjs';
import {
  OWN_SECRETS,
  addValues,
  destinationSecrets,
  givesFiles,
  newWebhookSecret,
  valueIn,
} from './secrets.mjs';
import { fit } from './terminal.mjs';

const WRANGLER = process.env.WRANGLER ?? 'node_modules/.bin/wrangler';
const CONFIG = 'wrangler.deploy.toml';
const NAMESPACE = 'leadhook-kv';
const KEYS = 'leadhook.keys';
const CAMPAIGNS = process.env.CAMPAIGNS ?? 'examples/campaigns';
const campaigns = readCampaigns();

// Without one of them a bucket that is in use would be taken for one that is not.
function readCampaigns() {
  try {
    return campaignsOf(CAMPAIGNS);
  } catch (error) {
    console.error(fit(`${error.message}\nNothing was deployed.`));
    process.exit(1);
  }
}

function wrangler(args, { input, show = false } = {}) {
  const stdio = [input === undefined ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe', 'inherit'];
  const done = spawnSync(WRANGLER, args, { input, stdio, encoding: 'utf8' });
  if (done.error || done.status !== 0) {
    console.error(fit(`wrangler ${args.join(' ')} failed${done.stdout ? `:\n${done.stdout}` : ''}`));
    process.exit(1);
  }
  return done.stdout ?? '';
}

// wrangler prints lines of its own around the JSON.
function json(text) {
  return JSON.parse(text.slice(text.indexOf('['), text.lastIndexOf(']') + 1));
}

function namespaceId() {
  const find = () => json(wrangler(['kv', 'namespace', 'list'])).find(({ title }) => title === NAMESPACE);
  if (!find()) wrangler(['kv', 'namespace', 'create', NAMESPACE], { show: true });
  const found = find();
  if (!found) {
    console.error(`the KV namespace ${NAMESPACE} was not made`);
    process.exit(1);
  }
  return found.id;
}

// Creates the bucket if there is none of that name.
function createBucket(name) {
  const there = new RegExp(`^name:\\s+${name}$`, 'm').test(wrangler(['r2', 'bucket', 'list']));
  if (!there) wrangler(['r2', 'bucket', 'create', name], { show: true });
}

const config = parse(readFileSync('wrangler.toml', 'utf8'));
// An account without R2 can deploy what needs none.
if (givesFiles(campaigns)) for (const { bucket_name: name } of config.r2_buckets) createBucket(name);
else delete config.r2_buckets;
for (const namespace of config.kv_namespaces) namespace.id = namespaceId();
writeFileSync(CONFIG, `# Written by make deploy, from wrangler.toml.\n${stringify(config)}`);
wrangler(['deploy', '--config', CONFIG], { show: true });

const present = new Set(json(wrangler(['secret', 'list', '--config', CONFIG])).map(({ name }) => name));
const put = (name, value) =>
  wrangler(['secret', 'put', name, '--config', CONFIG], { input: value, show: true });

const missing = Object.entries(OWN_SECRETS).filter(([name]) => !present.has(name));
for (const [name, make] of missing) {
  const value = make();
  // First, so that no value is in force that nobody has.
  addValues(KEYS, { [name]: value });
  put(name, value);
  // The operator needs this one; the keys are read by the Worker alone.
  if (name === 'LEADHOOK_ADMIN_TOKEN') console.log(`${name}=${value}   Keep it: it is not shown again.`);
}

if (missing.length > 0) {
  console.log(
    `${KEYS} has the secrets just made. Keep it in a safe place: Cloudflare does not show them again, and replacing one needs the old value.`,
  );
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
async function ask(question) {
  process.stdout.write(question);
  const { value = '-' } = await lines.next();
  return value.trim();
}

const ADDRESS = 'LEADHOOK_PUBLIC_URL';
const ADMIN_HOST = 'LEADHOOK_ADMIN_HOST';
if (!present.has(ADDRESS)) {
  const given = await ask(
    `${ADDRESS} (https://…: what the links in mails and receipts are built from; - leaves it out): `,
  );
  if (given !== '-' && given !== '') put(ADDRESS, given);
}

for (const { name, isToken } of destinationSecrets(campaigns).filter(({ name }) => !present.has(name))) {
  const hint = isToken
    ? "the provider's token; - leaves it out"
    : 'whsec_…; empty makes a random one; - leaves it out';
  let given;
  do given = await ask(`${name} (${hint}): `);
  while (isToken && given === '');
  if (given === '-') continue;
  const value = given || newWebhookSecret();
  put(name, value);
  if (!given) console.log(`${name}=${value}   Give it to the receiver.`);
}

// A token goes to no other host than those that the operator names here, whatever a campaign says.
const HOSTS = 'LEADHOOK_SECRET_HOSTS';
const tokens = destinationSecrets(campaigns).filter(({ isToken }) => isToken);
const needed = tokens.flatMap(({ name, hosts }) => hosts.map((host) => `${name}=${host}`));
const bound = valueIn(KEYS, HOSTS);
const entries = bound
  .split(',')
  .map((entry) => entry.trim())
  .filter(Boolean);
const unbound = needed.filter((entry) => !entries.includes(entry));
if (unbound.length > 0 || (needed.length > 0 && !present.has(HOSTS))) {
  console.log(
    fit(
      `The campaigns send tokens to these hosts: ${needed.join(', ')}. Each goes to the hosts alone that ${HOSTS} names.`,
    ),
  );
  if (present.has(HOSTS))
    console.log(
      fit(
        bound
          ? `It is ${bound} until now.`
          : 'It is set, and this machine does not know to what: a new value takes its place.',
      ),
    );
  const all = [...entries, ...unbound].join(', ');
  const given = await ask(`${HOSTS} (yes for ${all}; or NAME=host, NAME=host; - leaves it as it is): `);
  const value = given === 'yes' ? all : given;
  if (value !== '-' && value !== '') {
    put(HOSTS, value);
    // The command line judges by it, too.
    addValues(KEYS, { [HOSTS]: value });
  }
}

// Asked once, with the first deployment. It is another custom domain of the Worker.
if (!present.has(ADDRESS) && !present.has(ADMIN_HOST)) {
  const host = await ask(
    `${ADMIN_HOST} (a host of the dashboard's own, as in admin.example.com; - leaves it out): `,
  );
  if (host !== '-' && host !== '') put(ADMIN_HOST, host);
}
process.stdin.destroy();
console.log('Deployed. Now publish: target/release/leadhook publish FILE… --remote');
