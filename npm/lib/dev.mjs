// `leadhook dev`: the Worker on plain workerd with the campaigns of a folder, and the webhook receiver. What changes in
// the folders is live at once. Ctrl-C ends all of it.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { campaignFiles, destinationSecrets, readCampaigns } from './campaigns.mjs';
import { modulesOf, writeConfig } from './config.mjs';
import { DEV_VARS, prepare } from './init.mjs';
import { fillDestinations, valuesIn } from './secrets.mjs';
import { fit, Refusal } from './terminal.mjs';
import { serve } from './workerd.mjs';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = join(PACKAGE, 'bin/leadhook.mjs');
const EXAMPLE = 'spring-guide';
/** The port that the command line asks. */
const USUAL_PORT = 8787;
/** The port of the receiver that the example campaigns name. */
const USUAL_SINK_PORT = 8788;
/** The time between two looks at the folders. */
const LOOK_EVERY_MS = 400;
/** The time that a process has to end. */
const ENDS_WITHIN_MS = 3_000;

export async function dev(options) {
  for (const [name, port] of [
    ['PORT', options.port],
    ['SINK_PORT', options.sinkPort],
  ]) {
    const option = `--${name.toLowerCase().replace('_', '-')}`;
    if (!(await isFree(port)))
      throw new Refusal(
        `port ${port} is in use; choose another with ${option}, or ${name}=… in the environment`,
      );
  }
  prepare(options);
  if (campaignFiles(options.campaigns).length === 0) {
    const advice = `leadhook new ${join(options.campaigns, 'my-campaign')} writes one`;
    throw new Refusal(`no campaign files (*.toml) in ${options.campaigns}; ${advice}`);
  }
  if (options.port === options.sinkPort) throw new Refusal('the two ports are the same');
  const development = new Development(options);
  await development.start().catch((error) => development.fail(error.message));
}

function isFree(port) {
  return new Promise((answer) => {
    const probe = createServer();
    probe.once('error', () => answer(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)));
  });
}

/** Returns what changes when a file of some folders, or one of these files, does. */
function lookOf(paths) {
  const files = paths.flatMap((path) => {
    try {
      if (!statSync(path).isDirectory()) return [path];
      return readdirSync(path, { recursive: true }).map((name) => join(path, name));
    } catch {
      return [];
    }
  });
  return files.map((file) => `${file} ${statOf(file)}`).join('\n');
}

function statOf(file) {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() ? `${stat.mtimeMs} ${stat.size}` : '';
}

/** Says that a delivery failed, if a line of the Worker's log tells so: it would arrive below. */
function sayFailure(line) {
  if (!line.includes('"event":"delivery"') || line.includes('"state":"delivered"')) return;
  try {
    const { campaign, destination, outcome, state, attempt } = JSON.parse(line);
    console.log(
      fit(`${campaign} -> ${destination}: not delivered (${outcome}), attempt ${attempt}, ${state}`),
    );
  } catch {
    // A part of a line.
  }
}

class Development {
  #options;
  #url;
  #log;
  #worker;
  #sink;
  #ending = false;
  #isReady = false;
  /** The campaigns that are published, by id, as text. */
  #published = new Map();
  /** The problems that were said last. */
  #said = '';
  /** The campaigns without a file. */
  #orphans = new Set();
  /** What the folders looked like: at campaigns, and at what only a restart shows. */
  #looks = {};

  constructor(options) {
    this.#options = options;
    this.#url = `http://127.0.0.1:${options.port}`;
    mkdirSync(options.state, { recursive: true });
    this.#log = createWriteStream(join(options.state, 'worker.log'));
  }

  async start() {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => this.#end(0));
    const { campaigns, problems } = this.#read();
    this.#startSink();
    await this.#startWorker();
    this.#looks = this.#look();
    this.#say([...problems, ...(await this.#publish(campaigns))]);
    this.#greet(campaigns.map(({ campaign }) => campaign));
    this.#isReady = true;
    await this.#watch();
  }

  /** Reads the campaigns. Only the receiver's port is changed; every other address stands. */
  #read() {
    const port = this.#options.sinkPort;
    const usual = new RegExp(`\\b(127\\.0\\.0\\.1|localhost):${USUAL_SINK_PORT}\\b`, 'g');
    return readCampaigns(campaignFiles(this.#options.campaigns), (text) => text.replace(usual, `$1:${port}`));
  }

  #startSink() {
    const args = [PROGRAM, 'sink', '--port', String(this.#options.sinkPort), '--secrets', DEV_VARS];
    this.#sink = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    this.#sink.on('error', (error) => this.fail(error.message));
    this.#sink.on('exit', () => {
      if (!this.#ending)
        console.log(
          `\nThe receiver has stopped. Leads wait. Start it again in another terminal: ${this.#sinkAgain()}`,
        );
    });
  }

  #sinkAgain() {
    const port = this.#options.sinkPort;
    return process.env.MAKELEVEL ? `make sink SINK_PORT=${port}` : `npx leadhook sink --port ${port}`;
  }

  async #startWorker() {
    const { state, files, pages, port } = this.#options;
    const values = { ...valuesIn(DEV_VARS), LEADHOOK_PUBLIC_URL: this.#url };
    const config = writeConfig({
      folder: resolve(state),
      modules: modulesOf(join(PACKAGE, 'worker')),
      names: Object.keys(values),
      assets: [join(PACKAGE, 'assets'), pages].filter((folder) => existsSync(folder)),
      files: existsSync(files) ? files : undefined,
      state: join(state, 'data'),
      address: `127.0.0.1:${port}`,
    });
    const onText = (text) => {
      this.#log.write(text);
      for (const line of text.split('\n')) sayFailure(line);
    };
    const onStart = (child) => (this.#worker = child);
    const { child } = await serve(config, { env: values, onText, onStart });
    child.on('exit', () => {
      if (!this.#ending && child === this.#worker) this.fail('the Worker has stopped');
    });
  }

  async #restartWorker() {
    const old = this.#worker;
    this.#worker = undefined;
    await stop(old);
    if (!this.#ending) await this.#startWorker();
  }

  /** Publishes what has changed, and returns what the Worker refused. */
  async #publish(campaigns) {
    const token = valuesIn(DEV_VARS).LEADHOOK_ADMIN_TOKEN;
    const refused = [];
    for (const { file, campaign } of campaigns) {
      const body = JSON.stringify(campaign);
      if (this.#published.get(campaign.id) === body) continue;
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const address = `${this.#url}/admin/api/campaigns/${campaign.id}`;
      const response = await fetch(address, { method: 'PUT', headers, body });
      const answer = await response.json().catch(() => ({}));
      if (response.ok) {
        this.#published.set(campaign.id, body);
        if (this.#isReady) console.log(fit(`${file}: live`));
        for (const warning of answer.warnings ?? []) console.log(fit(`${file}: warning: ${warning}`));
      } else {
        const errors = answer.errors ?? [
          { detail: answer.detail ?? answer.title ?? `status ${response.status}` },
        ];
        refused.push(...errors.map(({ field, detail }) => [file, field, detail].filter(Boolean).join(': ')));
      }
    }
    return refused;
  }

  /** Says problems, unless they were said last, and when there are none any more. */
  #say(problems) {
    const text = problems.join('\n');
    if (text !== this.#said && text !== '') console.error(fit(text));
    if (text === '' && this.#said !== '') console.log('No problems any more.');
    this.#said = text;
  }

  /** Says which campaigns have no file any more, once for each. */
  #sayWhatStays(campaigns) {
    const ids = new Set(campaigns.map(({ campaign }) => campaign.id));
    for (const id of this.#published.keys()) {
      if (ids.has(id) || this.#orphans.has(id)) continue;
      this.#orphans.add(id);
      console.log(
        fit(`The campaign ${id} has no file any more. It stays live: a campaign cannot be unpublished.`),
      );
    }
  }

  #look() {
    const { campaigns, pages, files } = this.#options;
    return {
      campaigns: lookOf([campaigns]),
      // New files in a folder that is there already are seen without a restart.
      others: lookOf([pages, DEV_VARS]) + existsSync(files),
    };
  }

  async #watch() {
    while (!this.#ending) {
      await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
      const look = this.#look();
      const isChanged = look.campaigns !== this.#looks.campaigns;
      if (this.#ending || (!isChanged && look.others === this.#looks.others)) continue;
      try {
        await this.#follow(isChanged, look.others !== this.#looks.others);
        // Secrets may have been added.
        this.#looks = { ...look, others: this.#look().others };
      } catch (error) {
        if (!this.#ending) this.fail(error.message);
      }
    }
  }

  /** Makes a change live. */
  async #follow(isOfCampaigns, needsRestart) {
    // Without its keys the Worker answers nothing, and new ones would not open what it keeps: an editor is just writing
    // them.
    if (!valuesIn(DEV_VARS).LEADHOOK_PEPPERS) return;
    const { campaigns, problems } = this.#read();
    const added = fillDestinations(
      DEV_VARS,
      campaigns.map(({ campaign }) => campaign),
    );
    if (needsRestart || added > 0) {
      await this.#restartWorker();
      console.log('Pages and secrets: live');
    }
    if (this.#ending) return;
    this.#say([...problems, ...(await this.#publish(campaigns))]);
    if (isOfCampaigns && problems.length === 0) this.#sayWhatStays(campaigns);
  }

  #greet(campaigns) {
    const { port, sinkPort, state, pages } = this.#options;
    // The example has fields of its own; another campaign's are in its acceptance criteria.
    const isExample = campaigns.some(({ id }) => id === EXAMPLE);
    const id = isExample ? EXAMPLE : campaigns[0]?.id;
    const fields = isExample
      ? '-d email=anna@example.com -d name=Anna -d interest=Garden -d consent.newsletter=on'
      : '-d email=anna@example.com';
    const sendsMail = destinationSecrets(campaigns).some(({ isToken }) => isToken);
    const lines = [
      [
        'Landing page',
        existsSync(join(pages, `${id}.html`)) && `${this.#url}/${id}   (all of them: ${this.#url}/)`,
      ],
      ['Hosted form', id && `${this.#url}/f/${id}`],
      ['Dashboard', `${this.#url}/admin   sign in with the LEADHOOK_ADMIN_TOKEN of ${DEV_VARS}`],
      ['Or from a shell', id && `curl ${fields} ${this.#url}/c/${id}`],
      ['What a form needs', id && `${this.#url}/c/${id}`],
      ['Deliveries', 'appear below, each with its score and reasons'],
      ['Mailbox', sendsMail && `http://127.0.0.1:${sinkPort}/mailbox`],
      ['Stop the receiver', `kill ${this.#sink.pid}    start it again: ${this.#sinkAgain()}`],
      ['Command line', port !== USUAL_PORT && `export LEADHOOK_URL=${this.#url}`],
      ["Worker's log", join(state, 'worker.log')],
    ];
    const shown = lines.filter(([, text]) => text).map(([name, text]) => `  ${name.padEnd(18)} ${text}`);
    const folder = this.#options.campaigns;
    console.log(`
Leadhook is ready on port ${port}.
${shown.join('\n')}
Change a file in ${folder}: it is checked, and live at once. Ctrl-C ends all of it.
`);
  }

  fail(reason) {
    if (!this.#ending) console.error(fit(`${reason}; see ${join(this.#options.state, 'worker.log')}`));
    return this.#end(1);
  }

  async #end(code) {
    if (this.#ending) return;
    this.#ending = true;
    await Promise.all([this.#worker, this.#sink].filter(Boolean).map(stop));
    process.exit(code);
  }
}

/** Ends a process, and resolves when it has ended. */
function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return undefined;
  const ended = new Promise((done) => child.once('exit', done));
  const timer = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
  child.kill('SIGTERM');
  return ended.then(() => clearTimeout(timer));
}
