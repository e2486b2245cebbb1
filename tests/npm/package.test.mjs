// The npm package as a newcomer gets it: the tarball in an empty folder, without cargo, by each version of Node that it
// names.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, send, until } from '../e2e/support/http.mjs';
import { ROOT } from '../e2e/support/world.mjs';

const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'npm/package.json'), 'utf8'));
const TARBALL = path.join(ROOT, `leadhook-${version}.tgz`);
const NODES = path.join(ROOT, '.tools/nodes/node_modules');
/** What is on the PATH of somebody who has Node alone. */
const PATH = [path.dirname(process.execPath), '/usr/bin', '/bin'].join(path.delimiter);
/** The seconds that somebody waits for the first lead. */
const FIRST_LEAD_S = 15;
const LEAD = 'email=anna@example.com&name=Anna&interest=Garden&consent.newsletter=on';
let installed, seconds;

const environment = (more = {}) => {
  const kept = [
    'HOME',
    'LANG',
    'npm_config_registry',
    'NPM_CONFIG_REGISTRY',
    'SSL_CERT_FILE',
    'NODE_EXTRA_CA_CERTS',
  ];
  const outer = Object.fromEntries(
    kept.filter((name) => process.env[name]).map((name) => [name, process.env[name]]),
  );
  return { ...outer, PATH, ...more };
};

before(() => {
  installed = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-npm-'));
  const started = performance.now();
  const args = ['install', '--no-audit', '--no-fund', '--loglevel=error', TARBALL];
  const cache = path.join(installed, 'cache');
  execFileSync('npm', args, { cwd: installed, env: environment({ npm_config_cache: cache }), stdio: 'pipe' });
  seconds = (performance.now() - started) / 1000;
});

after(() => fs.rmSync(installed, { recursive: true, force: true }));

const inPackage = (...names) => path.join(installed, 'node_modules/leadhook', ...names);
const read = (...names) => fs.readFileSync(inPackage(...names), 'utf8');

test('it needs workerd alone, in one version, and runs nothing when it is installed', () => {
  const { dependencies, scripts, engines, ...rest } = JSON.parse(read('package.json'));
  assert.deepEqual(Object.keys(dependencies), ['workerd']);
  assert.match(dependencies.workerd, /^\d+\.\d+\.\d+$/);
  assert.deepEqual(
    [scripts, rest.optionalDependencies, rest.peerDependencies],
    [undefined, undefined, undefined],
  );
  assert.equal(engines.node, '^20.12.0 || ^22.0.0 || >=24.0.0');
  const { packages } = JSON.parse(read('npm-shrinkwrap.json'));
  assert.equal(packages['node_modules/workerd'].version, dependencies.workerd);
  assert.ok(fs.existsSync(inPackage('deploy/package-lock.json')), 'the lockfile of wrangler is there');
});

test('it names what others wrote, and no path of whoever built it', () => {
  const terms = read('THIRD-PARTY');
  for (const crate of ['serde_json', 'sha2', 'clap', 'toml', 'ed25519-dalek', 'worker', 'uplot'])
    assert.match(terms, new RegExp(`^${crate} \\d[^,]*, [A-Za-z]`, 'm'), crate);
  for (const name of fs.readdirSync(inPackage(), { recursive: true })) {
    if (!fs.statSync(inPackage(name)).isFile()) continue;
    const text = fs.readFileSync(inPackage(name), 'latin1');
    for (const place of [ROOT, `${os.homedir()}/`])
      assert.ok(!text.includes(place), `${name} names ${place}`);
  }
});

test('the Worker in it is the one that was tested', () => {
  for (const name of ['index.js', 'index_bg.wasm'])
    assert.ok(
      fs.readFileSync(inPackage('worker', name)).equals(fs.readFileSync(path.join(ROOT, 'build', name))),
      name,
    );
});

for (const name of fs.existsSync(NODES)
  ? fs.readdirSync(NODES).filter((one) => one.startsWith('node-'))
  : []) {
  describe(`by ${name}`, { timeout: 120_000 }, () => {
    let folder, dev, port, sinkPort;
    const node = path.join(NODES, name, 'bin/node');
    const program = () => inPackage('bin/leadhook.mjs');
    const url = () => `http://127.0.0.1:${port}`;

    /** Runs a command in the folder. */
    const leadhook = (...args) => {
      const options = {
        cwd: folder,
        env: environment({ LEADHOOK_URL: url() }),
        encoding: 'utf8',
        stdio: 'pipe',
      };
      try {
        return { code: 0, text: execFileSync(node, [program(), ...args], options) };
      } catch (error) {
        return { code: error.status, text: `${error.stdout}${error.stderr}` };
      }
    };
    const post = (id) =>
      send(url(), 'POST', `/c/${id}`, {
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' },
        body: LEAD,
      });
    const says = (text) => until(`it says ${text}`, () => dev.output.includes(text), 20);

    before(async () => {
      folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-new-'));
      [port, sinkPort] = [await freePort(), await freePort()];
      const env = environment({ PORT: String(port), SINK_PORT: String(sinkPort) });
      dev = spawn(node, [program(), 'dev'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
      dev.output = '';
      for (const stream of [dev.stdout, dev.stderr])
        stream.setEncoding('utf8').on('data', (text) => (dev.output += text));
      dev.ended = new Promise((done) => dev.once('exit', done));
    });

    after(async () => {
      dev.kill('SIGKILL');
      await dev.ended;
      fs.rmSync(folder, { recursive: true, force: true });
    });

    test('the first lead is there at once, verified', async (t) => {
      const started = performance.now();
      await says('Leadhook is ready');
      assert.equal((await post('spring-guide')).status, 202);
      await says('signature verified');
      const all = seconds + (performance.now() - started) / 1000;
      t.diagnostic(`installed in ${seconds.toFixed(1)} s, the first lead after ${all.toFixed(1)} s`);
      assert.ok(all < FIRST_LEAD_S, `${all} s`);
      for (const address of [`${url()}/f/spring-guide`, `${url()}/admin`])
        assert.ok(dev.output.includes(address));
      for (const made of [
        'campaigns/newsletter.toml',
        'pages/index.html',
        'files/guides/spring.pdf',
        '.dev.vars',
      ])
        assert.ok(fs.existsSync(path.join(folder, made)), made);
      for (const page of ['/f/spring-guide', '/admin', '/spring-guide'])
        assert.equal((await send(url(), 'GET', page)).status, 200, page);
    });

    test('a file that changes is checked, and live at once', async () => {
      const file = path.join(folder, 'campaigns/spring-guide.toml');
      const before = fs.readFileSync(file, 'utf8');
      fs.writeFileSync(file, before.replace(/^title = .*$/m, 'title = "Another guide"'));
      await until('its title is new', async () =>
        (await send(url(), 'GET', '/f/spring-guide')).text.includes('Another guide'),
      );
      fs.writeFileSync(file, before.replace(/^title = .*$/m, 'title = ""\nunknown = 1\ncolour = 2'));
      for (const problem of ['title: ', 'unknown: ', 'colour: ']) await says(`spring-guide.toml: ${problem}`);
      assert.equal((await post('spring-guide')).status, 202, 'the last good one stays');
      assert.equal(leadhook('new', 'campaigns/mine').code, 0);
      await until('a new one is there', async () => (await send(url(), 'GET', '/c/mine')).status === 200);
      fs.writeFileSync(file, before);
    });

    test('the command line does its work', async () => {
      assert.equal(leadhook('--version').text, `leadhook ${version}\n`);
      assert.match(leadhook('check', 'campaigns/newsletter.toml').text, /ok, campaign newsletter/);
      fs.writeFileSync(path.join(folder, 'lead.json'), '{"email":"eva@example.com","interest":"Garden"}');
      const score = leadhook('score', 'campaigns/spring-guide.toml', '--lead', 'lead.json');
      assert.match(score.text, /"total": 10/);
      const keys = ['--keys', '.dev.vars'];
      assert.match(
        leadhook('publish', 'campaigns/demo-request.toml', ...keys).text,
        /^published demo-request/,
      );
      assert.match(leadhook('doctor', ...keys).text, /accepted/);
      assert.match(leadhook('access', '--email', 'anna@example.com', ...keys).text, /"spring-guide"/);
      const erased = leadhook('erase', '--email', 'anna@example.com', ...keys);
      assert.deepEqual([erased.code, /without a terminal/.test(erased.text)], [1, true], erased.text);
      assert.equal(leadhook('bogus').code, 2);
    });

    test('Ctrl-C ends all of it', async () => {
      dev.kill('SIGINT');
      await until('it has ended', () => dev.exitCode !== null || dev.signalCode !== null, 20);
      assert.equal(dev.exitCode, 0);
      for (const one of [port, sinkPort])
        await assert.rejects(send(`http://127.0.0.1:${one}`, 'GET', '/'), { code: 'ECONNREFUSED' });
    });
  });
}
