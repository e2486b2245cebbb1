// wrangler, which alone talks to Cloudflare. It is installed from the lockfile of the package when it is first needed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal } from './terminal.mjs';

const LOCKED = fileURLToPath(new URL('../deploy', import.meta.url));
const MANIFESTS = ['package.json', 'package-lock.json'];
const WINDOWS = process.platform === 'win32';

export class Wrangler {
  #script;
  #config;

  /**
   * @param state the folder that it is installed into
   * @param config the file with its configuration
   */
  constructor(state, config) {
    this.#script = process.env.WRANGLER ?? installed(join(state, 'wrangler'));
    this.#config = config;
  }

  /** Runs it with nothing but its output for this program; a failure ends all. */
  ask(...args) {
    const { failed, stdout, said } = this.try(...args);
    if (failed) throw new Refusal(`wrangler ${args.join(' ')} failed:\n${said}`);
    return stdout;
  }

  /** Runs it, and returns what it printed. */
  try(...args) {
    const done = this.#run(args, ['ignore', 'pipe', 'pipe']);
    const { stdout, stderr } = done;
    return { failed: done.status !== 0, stdout, said: `${stdout}${stderr}`.trim() };
  }

  /** Runs it before the user's eyes. */
  show(...args) {
    if (this.#run(args, ['inherit', 'inherit', 'inherit']).status !== 0)
      throw new Refusal(`wrangler ${args[0]} failed`);
  }

  /** Runs it, and returns the JSON that it prints: an array among lines of its own. */
  list(...args) {
    return arrayIn(this.ask(...args));
  }

  #run(args, stdio) {
    const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' };
    const done = spawnSync(process.execPath, [this.#script, ...args, '--config', this.#config], {
      stdio,
      env,
      // Where it leaves what it notes for itself.
      cwd: dirname(this.#config),
      encoding: 'utf8',
      maxBuffer: Infinity,
    });
    if (done.error) throw new Refusal(`wrangler: ${done.error.message}`);
    return done;
  }
}

/** Returns the array in a text that has lines of a program's own around it. */
export function arrayIn(text) {
  try {
    return JSON.parse(text.slice(text.indexOf('['), text.lastIndexOf(']') + 1));
  } catch {
    throw new Refusal(`wrangler did not print a list:\n${text}`);
  }
}

/** Installs it if it is not there in this version, and returns its script. No script of a package runs. */
function installed(folder) {
  const hash = createHash('sha256');
  for (const name of MANIFESTS) hash.update(readFileSync(join(LOCKED, name)));
  const wanted = hash.digest('hex');
  const stamp = join(folder, 'installed');
  const script = resolve(folder, 'node_modules/wrangler/bin/wrangler.js');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted && existsSync(script)) return script;
  console.log('Installing wrangler, which deploys to Cloudflare (once; about ten seconds)');
  mkdirSync(folder, { recursive: true });
  for (const name of MANIFESTS) copyFileSync(join(LOCKED, name), join(folder, name));
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync('npm', args, { cwd: folder, stdio: 'inherit', shell: WINDOWS });
  if (status !== 0) throw new Refusal(`npm ci of wrangler failed${error ? `: ${error.message}` : ''}`);
  writeFileSync(stamp, wanted);
  return script;
}
