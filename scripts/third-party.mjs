// What others wrote that is in the package: the crates in the two wasms, and the npm packages in the assets, with their
// licences.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, TRIPLE } from './wasm.mjs';

/** The npm packages that are bundled into the assets. */
const BUNDLED = ['uplot'];
/** The files of a package that say under which terms it may be passed on. */
const TERMS = /^(licen[sc]e|copying|copyright|notice|unlicense)/i;

function cargo(args) {
  const { status, stdout, stderr } = spawnSync('cargo', args, {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: Infinity,
  });
  if (status !== 0) throw new Error(`cargo ${args[0]} failed: ${stderr}`);
  return stdout;
}

/** Returns "name version" of the crates that are linked into the wasm of a package. */
function cratesOf(name) {
  const format = ['--prefix', 'none', '--format', '{p}', '--no-dedupe'];
  const tree = cargo([
    'tree',
    '--locked',
    '--package',
    name,
    '--target',
    TRIPLE,
    '--edges',
    'normal,no-proc-macro',
    ...format,
  ]);
  const crates = tree.split('\n').map((line) => /^(\S+) v(\S+)/.exec(line)?.slice(1).join(' '));
  return crates.filter((crate) => crate && !crate.startsWith('leadhook'));
}

/** Returns the texts of a folder that say under which terms it may be passed on. */
const termsIn = (folder) =>
  readdirSync(folder)
    .filter((name) => TERMS.test(name) && !/\.(rs|toml|json)$/.test(name))
    .sort()
    .map((name) => join(folder, name))
    .map((file) => readFileSync(file, 'utf8').replaceAll('\r\n', '\n').trim());

/** Returns the file: a line for each package, and each text once with the packages under it. */
export function thirdParty() {
  const { packages } = JSON.parse(
    cargo(['metadata', '--locked', '--format-version', '1', '--filter-platform', TRIPLE]),
  );
  const known = new Map(packages.map((one) => [`${one.name} ${one.version}`, one]));
  const crates = [...new Set(['leadhook', 'leadhook-cli'].flatMap(cratesOf))].sort();
  const all = crates.map((crate) => {
    const { license, repository, manifest_path } = known.get(crate);
    return { crate, license, repository, terms: termsIn(dirname(manifest_path)) };
  });
  for (const name of BUNDLED) {
    const folder = join(ROOT, 'node_modules', name);
    const { version, license, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    all.push({
      crate: `${name} ${version} (npm)`,
      license,
      repository: repository?.url,
      terms: termsIn(folder),
    });
  }
  const nameless = all.filter(({ license }) => !license).map(({ crate }) => crate);
  if (nameless.length > 0) throw new Error(`no licence is known of ${nameless.join(', ')}`);
  const texts = new Map();
  for (const { crate, terms } of all)
    for (const text of terms) texts.set(text, [...(texts.get(text) ?? []), crate]);
  const lines = all.map(({ crate, license, repository }) => `${crate}, ${license}, ${repository ?? '-'}`);
  const rule = '-'.repeat(80);
  const parts = [...texts].map(([text, names]) => `${rule}\n${names.join(', ')}\n\n${text}\n`);
  return `What others wrote that is in this package: name, version, licence, source.\n\n${lines.join('\n')}\n\n${parts.join('\n')}`;
}
