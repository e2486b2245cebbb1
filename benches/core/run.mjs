// Benchmark of the core on the host, by criterion. Writes a section of benches/RESULTS.md.
//
//   node benches/core/run.mjs
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../tests/e2e/support/world.mjs';
import { machine, versions } from '../lib/machine.mjs';
import { writeSection } from '../lib/results.mjs';
import { aligned, list, markdown } from '../lib/tables.mjs';

const WHOLE = 'decode to decision';
const AIM_US = 60;
const CRITERION = path.join(ROOT, 'target/criterion');

/** The stages. `inside` names the stage or the whole path that one is part of; without it, one stands beside them. */
const ROWS = [
  { name: 'decode', says: 'the JSON body to fields', inside: WHOLE },
  { name: 'accept', says: 'the rules of the fields', inside: WHOLE },
  { name: 'phone', says: 'of it the phone number', inside: 'accept' },
  { name: 'identity', says: 'submission id and two fingerprints', inside: WHOLE },
  { name: 'evidence', says: 'abuse signals, and where the post came from', inside: WHOLE },
  { name: 'lead', says: 'the lead with two consent records', inside: WHOLE },
  { name: 'score and decide', says: 'four rules, one destination', inside: WHOLE },
  { name: WHOLE, says: 'all of these in one go', inside: WHOLE },
  { name: 'message', says: 'the lead to JSON and back, as it passes to the ledger' },
  { name: 'seal', says: 'payload and consents to JSON, sealed' },
  { name: 'admit', says: 'recognise, score, decide, seal and write, with SQLite in memory' },
];

// The profile is the release's, by which the Worker is built, but for panics: a benchmark unwinds, and
// with a command line that aborts Cargo would build two libraries of one name. A profile of another
// name leaves the command line in target/release alone.
const PROFILE = { inherits: 'release', panic: 'unwind' };
const settings = Object.entries(PROFILE).flatMap(([key, value]) => [
  '--config',
  `profile.core.${key}="${value}"`,
]);
const bench = [
  'bench',
  '--locked',
  '--features',
  'host',
  '--bench',
  'core',
  '--profile',
  'core',
  ...settings,
];
execFileSync('cargo', bench, {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, CRITERION_HOME: CRITERION },
});

const measured = Object.fromEntries(ROWS.map(({ name }) => [name, medianUs(name)]));
const table = [['', '', 'µs', '95 % interval', 'share'], ...ROWS.map(row)];
console.log(aligned(table));
writeSection('core', section());
console.log('\nWritten: benches/RESULTS.md');

/** Returns the median in microseconds, and its 95 % confidence interval. */
function medianUs(name) {
  const file = path.join(CRITERION, 'core', name, 'new', 'estimates.json');
  const { point_estimate: median, confidence_interval: interval } = JSON.parse(
    fs.readFileSync(file, 'utf8'),
  ).median;
  return { median: median / 1000, least: interval.lower_bound / 1000, most: interval.upper_bound / 1000 };
}

function row({ name, says, inside }) {
  const { median, least, most } = measured[name];
  const share = inside ? `${((median / measured[WHOLE].median) * 100).toFixed(0)} %` : '';
  return [name, says, median.toFixed(2), `${least.toFixed(2)}–${most.toFixed(2)}`, share];
}

function section() {
  const { median } = measured[WHOLE];
  const verdict = median < AIM_US ? `is under the aim of ${AIM_US} µs` : `misses the aim of ${AIM_US} µs`;
  const stages = ROWS.filter(({ name, inside }) => inside === WHOLE && name !== WHOLE);
  const sum = stages.reduce((us, { name }) => us + measured[name].median, 0);
  const versionsHere = versions().filter(([what]) => what === 'Leadhook' || what === 'rustc');
  return `## The core

One fresh lead on the host: a demo request in JSON with e-mail, Swedish phone number, name, company size, consent and source, to a campaign with five fields, two purposes, four score rules and one destination. Measured by \`node benches/core/run.mjs\` with criterion on ${new Date().toISOString().slice(0, 10)}; what counts is the median.

- Versions: ${list(versionsHere)}.
- Machine: ${list(machine())}. Native code, optimised as the Worker's is.

**Decode to decision takes ${median.toFixed(1)} µs, which ${verdict}.**

${markdown(table, 2)}

Every iteration is a person nobody has seen before; keys, numbering plans and the parsed campaign are ready, as they are in a warm isolate. The share is that of ${WHOLE}, which has no database and no message in it. Measured one by one, its stages add up to ${sum.toFixed(1)} µs. \`admit\` scores, decides and seals by itself; its ledger grows by a lead each time.`;
}
