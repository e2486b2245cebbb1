// Schemathesis against the built Worker on workerd: what src/openapi.json promises is what it answers.
// `make test-contract` runs it; the first argument is how many examples an operation gets.
import { spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { asForm, campaign, person } from './e2e/campaigns.mjs';
import { Receiver } from './e2e/receiver.mjs';
import { consentVars, ROOT, World } from './e2e/world.mjs';

/** The seconds that all of it may take. */
const SECONDS = 60;
const examples = process.argv[2] ?? '25';
const hooks = path.join(ROOT, 'tests/python/contract_hooks.py');

const crm = await Receiver.start();
const world = await World.start({ vars: consentVars() });
// The name that the document gives as an example, with the ledger of the same name.
await world.publish(campaign('spring-guide', crm));
// So that counters, pages and histories have something in them.
crm.answer = ({ payload }) => ({ status: payload.data.answers?.seats === 410 ? 410 : 204 });
for (let at = 0; at < 3; at += 1) await world.postForm('spring-guide', asForm(person()));
await world.settled('spring-guide');
await world.postJson('spring-guide', person({ seats: 410 }));

const run = spawn(
  path.join(ROOT, '.tools/python/bin/schemathesis'),
  [
    '--config-file', path.join(ROOT, 'tests/python/schemathesis.toml'),
    'run', path.join(ROOT, 'src/openapi.json'),
    '--url', world.url,
    '--header', `Authorization: Bearer ${world.adminToken}`,
    '--max-examples', examples,
    '--max-time', String(SECONDS),
    // The same cases each time: what fails here fails elsewhere.
    '--seed', '1',
    '--generation-deterministic',
    '--workers', '2',
    '--no-color',
  ],
  { cwd: world.folder, stdio: 'inherit', env: { ...process.env, SCHEMATHESIS_HOOKS: hooks } },
);
const status = await new Promise((done) => run.once('exit', done));
const panicked = /panicked|RuntimeError/.test(world.stderr + world.stdout);
if (panicked) console.error(world.stderr.slice(-4000));
await world.stop();
await crm.down();
process.exit(panicked ? 1 : status);
