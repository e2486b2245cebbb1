// Machine and versions of a run. Nothing here tells whose machine it is.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { ROOT } from '../../tests/e2e/support/world.mjs';

const require = createRequire(import.meta.url);
const PEER_PACKAGES = ['hono', 'zod', 'libphonenumber-js'];

const run = (command, ...args) => execFileSync(command, args, { cwd: ROOT, encoding: 'utf8' }).trim();

/** Returns the version in a package's own package.json, which not every package exports. */
function packageVersion(name) {
  const file = require.resolve
    .paths(name)
    .map((folder) => `${folder}/${name}/package.json`)
    .find(fs.existsSync);
  return file ? JSON.parse(fs.readFileSync(file, 'utf8')).version : 'not installed';
}

/** Returns pairs of a component and its version. */
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

/** Returns pairs of a property of the machine and its value. */
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
