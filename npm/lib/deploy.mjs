// `leadhook deploy`: the Worker of this package to Cloudflare, with the KV namespace, the bucket and the secrets that it
// needs, each found or made. A second run changes nothing that need not change.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { campaignFiles, destinationSecrets, givesFiles, readCampaigns } from './campaigns.mjs';
import { PLATFORM } from './config.mjs';
import { addValues, newWebhookSecret, OWN_SECRETS, valuesIn } from './secrets.mjs';
import { fit, Refusal } from './terminal.mjs';
import { arrayIn, Wrangler } from './wrangler.mjs';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const WORKER = join(PACKAGE, 'worker');
const ASSETS = join(PACKAGE, 'assets');
const ADDRESS = 'LEADHOOK_PUBLIC_URL';
const ADMIN_HOST = 'LEADHOOK_ADMIN_HOST';
const HOSTS = 'LEADHOOK_SECRET_HOSTS';
/** A version is known again by so many characters of the hash of all that it consists of. */
const TAG_CHARACTERS = 16;

export async function deploy(options) {
  const deployment = new Deployment(options);
  if (options.put.length > 0) deployment.putValues(options.put);
  else if (options.dryRun) deployment.rehearse();
  else await deployment.run();
}

class Deployment {
  #options;
  #folder;
  /** What wrangler is told, without the places of files. */
  #config;
  #wrangler;
  #campaigns;

  constructor(options) {
    this.#options = options;
    this.#folder = resolve(options.state, 'deploy');
    mkdirSync(this.#folder, { recursive: true });
    if (options.put.length === 0) this.#campaigns = this.#readCampaigns();
    this.#wrangler = new Wrangler(options.state, join(this.#folder, 'wrangler.json'));
  }

  // Without one of them a bucket that is in use would be taken for one that is not.
  #readCampaigns() {
    const files = campaignFiles(this.#options.campaigns);
    const { campaigns, problems } = readCampaigns(files);
    if (files.length === 0) problems.push(`no campaign files (*.toml) in ${this.#options.campaigns}`);
    if (problems.length > 0) throw new Refusal(`${problems.join('\n')}\nNothing was deployed.`);
    return campaigns.map(({ campaign }) => campaign);
  }

  /** Uploads values of the key file, and nothing else. */
  putValues(names) {
    const { keys } = this.#options;
    const known = valuesIn(keys);
    const missing = names.filter((name) => !(name in known));
    if (missing.length > 0) throw new Refusal(`${missing.join(', ')}: not in ${keys}. Nothing was uploaded.`);
    this.#configure();
    if (this.#options.dryRun) return console.log(`${names.join(', ')} of ${keys} would be uploaded.`);
    this.#withSecrets(Object.fromEntries(names.map((name) => [name, known[name]])), (file) =>
      this.#wrangler.show('secret', 'bulk', file),
    );
    return undefined;
  }

  /** Says what a run would deploy. Nothing asks Cloudflare. */
  rehearse() {
    this.#configure();
    this.#wrangler.show('deploy', '--dry-run', '--outdir', join(this.#folder, 'dry-run'));
    const names = [
      ...Object.keys(OWN_SECRETS),
      ...destinationSecrets(this.#campaigns).map(({ name }) => name),
    ];
    console.log(`
Secrets that it needs, each found on Cloudflare, taken from ${this.#options.keys}, made or asked for: ${names.join(', ')}
KV namespace ${this.#options.name}-kv${this.#needsBucket() ? `, bucket ${this.#options.name}-files` : ', no bucket'}: found or made
Nothing was deployed.`);
  }

  async run() {
    this.#configure();
    this.#logIn();
    if (this.#needsBucket()) this.#findBucket(`${this.#options.name}-files`);
    this.#configure(this.#namespaceId(`${this.#options.name}-kv`));
    const present = this.#present();
    const questions = new Questions(this.#options.keys, present, this.#campaigns);
    const secrets = await questions.answer();
    const tag = this.#tag();
    // A deployment that failed half way has a version, and no note here.
    const note = join(this.#folder, 'deployed');
    const isNoted = existsSync(note) && readFileSync(note, 'utf8') === tag;
    const isDeployed = present !== undefined && isNoted && this.#deployedTag() === tag;
    if (isDeployed && Object.keys(secrets).length === 0) {
      console.log('Nothing has changed since the last deployment.');
    } else if (isDeployed) {
      this.#withSecrets(secrets, (file) => this.#wrangler.show('secret', 'bulk', file));
    } else {
      this.#withSecrets(secrets, (file) => {
        this.#wrangler.show('deploy', '--tag', tag, ...(file ? ['--secrets-file', file] : []));
      });
      writeFileSync(note, tag);
    }
    const url = valuesIn(this.#options.keys)[ADDRESS] ?? 'https://…';
    console.log(
      fit(`
Deployed. The admin token is in ${this.#options.keys}. Now publish:
  npx leadhook publish ${join(this.#options.campaigns, '*.toml')} --url ${url}`),
    );
  }

  #needsBucket() {
    return givesFiles(this.#campaigns ?? []);
  }

  /** Writes wrangler's configuration. An account without R2 can deploy what needs none. */
  #configure(namespace) {
    const { name } = this.#options;
    const from = (path) => relative(this.#folder, path).replaceAll('\\', '/');
    const { r2_buckets: buckets, kv_namespaces: namespaces, assets, ...rest } = PLATFORM;
    const config = {
      ...rest,
      name,
      main: from(join(WORKER, 'index.js')),
      assets: { ...assets, directory: from(ASSETS) },
      kv_namespaces: namespaces.map((one) => ({ ...one, ...(namespace && { id: namespace }) })),
      ...(this.#needsBucket() && {
        r2_buckets: buckets.map((one) => ({ ...one, bucket_name: `${name}-files` })),
      }),
    };
    writeFileSync(join(this.#folder, 'wrangler.json'), `${JSON.stringify(config, null, 2)}\n`);
    this.#config = { ...config, main: undefined, assets };
  }

  #logIn() {
    if (process.env.CLOUDFLARE_API_TOKEN || process.env.WRANGLER) return;
    if (!/not authenticated/i.test(this.#wrangler.try('whoami').said)) return;
    if (!process.stdin.isTTY)
      throw new Refusal('not logged in to Cloudflare: set CLOUDFLARE_API_TOKEN, or run this in a terminal');
    this.#wrangler.show('login');
  }

  #namespaceId(title) {
    const find = () => this.#wrangler.list('kv', 'namespace', 'list').find((one) => one.title === title)?.id;
    const known = find();
    if (known) return known;
    this.#wrangler.ask('kv', 'namespace', 'create', title);
    console.log(`KV namespace ${title}: made`);
    const made = find();
    if (!made) throw new Refusal(`the KV namespace ${title} was not made`);
    return made;
  }

  #findBucket(name) {
    if (new RegExp(`^name:\\s+${name}$`, 'm').test(this.#wrangler.ask('r2', 'bucket', 'list'))) return;
    this.#wrangler.ask('r2', 'bucket', 'create', name);
    console.log(`Bucket ${name}: made. Upload the files that campaigns give: docs/campaigns.md says how`);
  }

  /** Returns the names of the secrets on Cloudflare; undefined if there is no such Worker yet. */
  #present() {
    const { failed, stdout, said } = this.#wrangler.try('secret', 'list');
    if (!failed) return new Set(arrayIn(stdout).map(({ name }) => name));
    if (/\[code: 10007\]|Worker "[^"]+" not found/.test(said)) return undefined;
    throw new Refusal(`wrangler secret list failed:\n${said}`);
  }

  /** Returns what names the version that would be deployed: a hash of its files and its configuration. */
  #tag() {
    const hash = createHash('sha256').update(JSON.stringify(this.#config));
    for (const folder of [WORKER, ASSETS]) {
      const names = readdirSync(folder, { recursive: true }).sort();
      for (const name of names.filter((one) => statSync(join(folder, one)).isFile()))
        hash.update(`\n${name}\n`).update(readFileSync(join(folder, name)));
    }
    return hash.digest('hex').slice(0, TAG_CHARACTERS);
  }

  /** Returns the tag of the last version that was deployed with one. Later versions have other secrets alone. */
  #deployedTag() {
    const versions = this.#wrangler.list('versions', 'list', '--json');
    const tags = versions
      .sort((one, other) => one.number - other.number)
      .map(({ annotations }) => annotations?.['workers/tag']);
    return tags.filter(Boolean).at(-1);
  }

  /** Hands secrets to wrangler in a file, which is there for no longer than it takes. */
  #withSecrets(secrets, act) {
    if (Object.keys(secrets).length === 0) return act();
    const file = join(this.#folder, 'secrets.json');
    rmSync(file, { force: true });
    try {
      writeFileSync(file, JSON.stringify(secrets), { mode: 0o600, flag: 'wx' });
      return act(file);
    } finally {
      rmSync(file, { force: true });
    }
  }
}

/** The secrets that are missing: from the key file, made, or asked for. */
class Questions {
  #keys;
  #known;
  #present;
  #isFirst;
  #campaigns;
  #secrets = {};
  #lines;

  constructor(keys, present, campaigns) {
    this.#keys = keys;
    this.#known = valuesIn(keys);
    this.#present = present ?? new Set();
    this.#isFirst = present === undefined;
    this.#campaigns = campaigns;
  }

  /** Returns the secrets to upload, by name. */
  async answer() {
    this.#lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    try {
      this.#makeOwn();
      await this.#askAddress();
      for (const secret of this.#missing()) await this.#askSecret(secret);
      await this.#askHosts();
      await this.#askAdminHost();
      return this.#secrets;
    } finally {
      process.stdin.destroy();
    }
  }

  /** What is uploaded stands in the key file first, so that nothing is in force that nobody has. */
  #take(name, value) {
    if (this.#known[name] !== value) addValues(this.#keys, { [name]: value });
    this.#known[name] = value;
    this.#secrets[name] = value;
  }

  #makeOwn() {
    const made = [];
    for (const [name, make] of Object.entries(OWN_SECRETS)) {
      if (this.#present.has(name)) continue;
      if (!this.#known[name]) made.push(name);
      this.#take(name, this.#known[name] ?? make());
    }
    if (made.length > 0)
      console.log(
        `${this.#keys} has ${made.join(', ')}, just made. Keep it in a safe place: Cloudflare does not show them again, and replacing one needs the old value.`,
      );
  }

  async #ask(question) {
    process.stdout.write(fit(question));
    const { value = '-' } = await this.#lines.next();
    return value.trim();
  }

  async #askAddress() {
    if (this.#present.has(ADDRESS)) return;
    const given =
      this.#known[ADDRESS] ??
      (await this.#ask(
        `${ADDRESS} (https://…: what the links in mails and receipts are built from; - leaves it out): `,
      ));
    if (given !== '-' && given !== '') this.#take(ADDRESS, given);
  }

  #missing() {
    return destinationSecrets(this.#campaigns).filter(({ name }) => !this.#present.has(name));
  }

  async #askSecret({ name, isToken }) {
    if (this.#known[name]) return this.#take(name, this.#known[name]);
    const hint = isToken
      ? "the provider's token; - leaves it out"
      : 'whsec_…; empty makes a random one; - leaves it out';
    let given;
    do given = await this.#ask(`${name} (${hint}): `);
    while (isToken && given === '');
    if (given === '-') return undefined;
    this.#take(name, given || newWebhookSecret());
    if (!given) console.log(`${name} is in ${this.#keys}. Give it to the receiver.`);
    return undefined;
  }

  /** A token goes to no other host than those that the operator names here, whatever a campaign says. */
  async #askHosts() {
    const tokens = destinationSecrets(this.#campaigns).filter(({ isToken }) => isToken);
    const needed = tokens.flatMap(({ name, hosts }) => hosts.map((host) => `${name}=${host}`));
    const bound = this.#known[HOSTS] ?? '';
    const entries = bound
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean);
    const unbound = needed.filter((entry) => !entries.includes(entry));
    const isPresent = this.#present.has(HOSTS);
    if (unbound.length === 0) {
      if (bound !== '' && !isPresent) this.#take(HOSTS, bound);
      return;
    }
    console.log(
      fit(
        `The campaigns send tokens to these hosts: ${needed.join(', ')}. Each goes to the hosts alone that ${HOSTS} names.`,
      ),
    );
    if (isPresent)
      console.log(
        fit(
          bound
            ? `It is ${bound} until now.`
            : 'It is set, and this machine does not know to what: a new value takes its place.',
        ),
      );
    const all = [...entries, ...unbound].join(', ');
    const given = await this.#ask(
      `${HOSTS} (yes for ${all}; or NAME=host, NAME=host; - leaves it as it is): `,
    );
    const value = given === 'yes' ? all : given;
    if (value !== '-' && value !== '') this.#take(HOSTS, value);
  }

  /** Asked once, with the first deployment. It is another custom domain of the Worker. */
  async #askAdminHost() {
    if (!this.#isFirst || this.#present.has(ADMIN_HOST)) return;
    const host =
      this.#known[ADMIN_HOST] ??
      (await this.#ask(
        `${ADMIN_HOST} (a host of the dashboard's own, as in admin.example.com; - leaves it out): `,
      ));
    if (host !== '-' && host !== '') this.#take(ADMIN_HOST, host);
  }
}
