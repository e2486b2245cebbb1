// Schemathesis against the built Worker on workerd: what src/http/openapi.json promises is what it answers.
// `make test-contract` runs it; the first argument is how many examples an operation gets.
import { spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import process from 'node:process';
import { asForm, campaign, person } from './e2e/support/campaigns.mjs';
import { Receiver } from './e2e/support/receiver.mjs';
import { consentVars, ROOT, World } from './e2e/support/world.mjs';

/** The seconds that all of it may take. */
const SECONDS = 60;
const examples = process.argv[2] ?? '25';

const crm = await Receiver.start();
const world = await World.start({ vars: consentVars() });
// The name that the document gives as an example, with the ledger of the same name.
await world.publish(campaign('spring-guide', crm));
// So that counters, pages and histories have something in them.
crm.answer = ({ payload }) => ({ status: payload.data.answers?.seats === 410 ? 410 : 204 });
for (let at = 0; at < 3; at += 1) await world.postForm('spring-guide', asForm(person()));
await world.settled('spring-guide');
await world.postJson('spring-guide', person({ seats: 410 }));

// As on Cloudflare, the edge says where a request comes from. Here each one comes from somebody else, for
// wrong tokens are tried too, and make their own network wait.
let requests = 0;
const edge = http.createServer((request, response) => {
  const { port } = new URL(world.url);
  const { method, url } = request;
  requests += 1;
  const at = requests;
  const headers = { ...request.headers, 'cf-connecting-ip': `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}` };
  const onwards = http.request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onwards.on('error', () => response.destroy());
  request.pipe(onwards);
});
await new Promise((done) => edge.listen(0, '127.0.0.1', done));

const run = spawn(
  path.join(ROOT, '.tools/python/bin/schemathesis'),
  [
    '--config-file',
    path.join(ROOT, 'tests/python/schemathesis.toml'),
    'run',
    path.join(ROOT, 'src/http/openapi.json'),
    '--url',
    `http://127.0.0.1:${edge.address().port}`,
    '--header',
    `Authorization: Bearer ${world.adminToken}`,
    '--max-examples',
    examples,
    '--max-time',
    String(SECONDS),
    // The same cases each time: what fails here fails elsewhere.
    '--seed',
    '1',
    '--generation-deterministic',
    // Python 3.11 may fail to parse source in two threads at once (CPython issue 106905).
    '--workers',
    '1',
    '--no-color',
  ],
  { cwd: world.folder, stdio: 'inherit' },
);
const status = await new Promise((done) => run.once('exit', done));
const panicked = /panicked|RuntimeError/.test(world.stderr + world.stdout);
if (panicked) console.error(world.stderr.slice(-4000));
edge.closeAllConnections();
edge.close();
await world.stop();
await crm.down();
process.exit(panicked ? 1 : status);
