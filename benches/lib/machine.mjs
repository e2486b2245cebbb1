// Where a run took place, and with which versions of what. Nothing that tells whose machine it is.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { ROOT } from '../../tests/e2e/support/world.mjs';

const require = createRequire(import.meta.url);
const PEER_PACKAGES = ['hono', 'zod', 'libphonenumber-js'];

const run = (command, ...args) => execFileSync(command, args, { cwd: ROOT, encoding: 'utf8' }).trim();

/** The version in a package's own package.json, which not every package exports. */
function packageVersion(name) {
  const file = require.resolve
    .paths(name)
    .map((folder) => `${folder}/${name}/package.json`)
    .find(fs.existsSync);
  return file ? JSON.parse(fs.readFileSync(file, 'utf8')).version : 'not installed';
}

/** [what, which] */
export function versions(wrk) {
  const changed = run('git', 'status', '--porcelain', '--', 'src', 'Cargo.toml', 'Cargo.lock');
  return [
    [
      'Leadhook',
      run('git', 'rev-parse', '--short=12', 'HEAD') + (changed ? ' with uncommitted changes' : ''),
    ],
    ['workerd', packageVersion('workerd')],
    ['rustc', run('rustc', '--version').split(' ')[1]],
    ['node', process.versions.node],
    ['wrk', wrk],
    ...PEER_PACKAGES.map((name) => [name, packageVersion(name)]),
  ];
}

/** [what, which] */
export function machine() {
  const processors = os.cpus();
  return [
    ['CPU', `${processors[0].model.trim()}, ${processors.length} cores`],
    ['memory', `${(os.totalmem() / 1e9).toFixed(0)} GB`],
    [
      'kernel',
      `${os.type()} ${os
        .release()
        .match(/^[\d.]+/)[0]
        .replace(/\.$/, '')}`,
    ],
  ];
}
