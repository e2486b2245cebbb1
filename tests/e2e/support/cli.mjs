// The command line in an operator's hands: beside a world, with a file of its keys.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './world.mjs';

const CLI = process.env.LEADHOOK_CLI ?? path.join(ROOT, 'target/release/leadhook');
const KEYS_FILE = 'leadhook.keys';

/** Runs it in a folder. This process stays awake, for it is the KV of the Worker that is asked. */
export function leadhook(args, { folder, url } = {}) {
  const { LEADHOOK_ADMIN_TOKEN, ...outer } = process.env;
  const env = { ...outer, ...(url && { LEADHOOK_URL: url }) };
  const child = spawn(CLI, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => (said[stream] += text));
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (code) => done({ code, ...said }));
  });
}

/** An operator of a world, in a folder that holds its keys. */
export class Operator {
  constructor(world) {
    this.world = world;
    this.folder = fs.mkdtempSync(path.join(world.folder, 'desk-'));
    const lines = Object.entries(world.vars).map(([name, value]) => `${name}="${value}"\n`);
    this.write(KEYS_FILE, lines.join(''));
  }

  /** @returns {Promise<{code: number, stdout: string, stderr: string}>} */
  try(...args) {
    return leadhook(args, { folder: this.folder, url: this.world.url });
  }

  /** Runs a command, which must succeed, and returns what it prints. */
  async run(...args) {
    const { code, stdout, stderr } = await this.try(...args);
    if (code !== 0) throw new Error(`leadhook ${args.join(' ')}: ${code} ${stderr}${stdout}`);
    return stdout;
  }

  write(name, text) {
    fs.writeFileSync(path.join(this.folder, name), text);
    return name;
  }

  /** Returns what is held about somebody, and the file with it. */
  async access(email, name = 'access.json') {
    const printed = await this.run('access', '--email', email);
    return { ...JSON.parse(printed), file: this.write(name, printed) };
  }

  /** The file of keys as variables of a Worker. */
  keys() {
    const lines = fs.readFileSync(path.join(this.folder, KEYS_FILE), 'utf8').split('\n');
    return Object.fromEntries(lines.map((line) => line.match(/^(\w+)="(.*)"$/)?.slice(1)).filter(Boolean));
  }
}
