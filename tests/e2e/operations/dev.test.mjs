// The first minutes with `make dev`: a post, a verified lead in the terminal, Ctrl-C.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { asForm, person } from '../support/campaigns.mjs';
import { answers, freePort, send, until } from '../support/http.mjs';
import { ROOT } from '../support/world.mjs';

/** `make` with arguments, in a process group of its own as a terminal would have it. */
function make(...args) {
  // As from a fresh terminal: neither the outer make nor the test runner is inherited.
  const outer = /^(MAKE.*|MFLAGS|NODE_TEST_CONTEXT|PORT|SINK_PORT|CAMPAIGNS|PAGES|FILES|STATE)$/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !outer.test(name)));
  const child = spawn('make', args, { cwd: ROOT, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  child.output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (child.output += text));
  child.ended = new Promise((done) => child.once('exit', done));
  return child;
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // The whole group has ended.
  }
}

/** All processes under one, as {pid, args}. */
function descendants(root) {
  const lines = execFileSync('ps', ['-axo', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  const all = lines
    .map((line) => line.trim().match(/^(\d+)\s+(\d+)\s+(.*)$/))
    .map(([, pid, ppid, args]) => ({ pid: +pid, ppid: +ppid, args }));
  const found = [];
  for (let parents = [root]; parents.length > 0; ) {
    const children = all.filter(({ ppid }) => parents.includes(ppid));
    found.push(...children);
    parents = children.map(({ pid }) => pid);
  }
  return found;
}

const alive = ({ pid }) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Names that are not the same in an address, on a disk and in a bucket; the last as macOS may write it. */
const NAMES = ['vår guide.pdf', '100%41 #1?.pdf', "it's a+b.pdf", 'a\u030angest.pdf'];

const verified = (output) => output.match(/signature verified/gi)?.length ?? 0;

test('make dev shows each lead once, verified and scored, and Ctrl-C ends all of it', {
  timeout: 400_000,
}, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-dev-'));
  const [port, sinkPort] = [await freePort(), await freePort()];
  const variables = [`PORT=${port}`, `SINK_PORT=${sinkPort}`, `STATE=${path.join(folder, 'state')}`];
  const dev = make('dev', ...variables);
  let sink;
  const post = async (value) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' };
    const body = new URLSearchParams(asForm(value)).toString();
    const answer = await send(`http://127.0.0.1:${port}`, 'POST', '/c/spring-guide', { headers, body });
    assert.equal(answer.status, 202, answer.text);
    return answer.json.submission_id;
  };
  try {
    // Long enough for a first build.
    await until(
      'make dev is ready',
      async () => {
        if (dev.exitCode !== null) throw Object.assign(new Error('make dev ended'), { final: true });
        const saysWhatToDo = dev.output.includes(`http://127.0.0.1:${port}/`) && /\bcurl\b/.test(dev.output);
        return (
          saysWhatToDo && (await send(`http://127.0.0.1:${port}`, 'GET', '/c/spring-guide')).status === 200
        );
      },
      280,
    );
    const page = await send(`http://127.0.0.1:${port}`, 'GET', '/spring-guide');
    const landing =
      page.status === 200 ? page : await send(`http://127.0.0.1:${port}`, 'GET', '/spring-guide.html');
    assert.match(landing.text, /action="\/c\/spring-guide"/);
    assert.ok(dev.output.includes(`http://127.0.0.1:${sinkPort}/mailbox`), 'the mailbox is named');
    assert.match((await send(`http://127.0.0.1:${sinkPort}`, 'GET', '/mailbox')).text, /No mail yet/);

    const ada = person({ interest: 'Kitchen garden' });
    const id = await post(ada);
    await until('the lead in the terminal', () => verified(dev.output) === 1);
    await until('its score and reasons', () =>
      ['gave a name', 'plans a kitchen garden', '20'].every((part) => dev.output.includes(part)),
    );

    assert.equal(await post(ada), id);
    await post(person());
    await until('the next lead', () => verified(dev.output) >= 2);
    assert.equal(verified(dev.output), 2, 'the same post again showed nothing');

    const receiver = descendants(dev.pid)
      .filter(({ args }) => /leadhook\S* sink\b/.test(args))
      .at(-1);
    assert.ok(receiver, 'the receiver is a child of make dev');
    process.kill(receiver.pid, 'SIGTERM');
    await until('the receiver is gone', async () => !(await answers(sinkPort)));
    await post(person());
    sink = make('sink', ...variables);
    await until('the lead at the receiver that was started again', () => verified(sink.output) === 1, 60);
    await post(person());
    await until('one more', () => verified(sink.output) >= 2);
    assert.equal(verified(sink.output), 2, 'what waited came once');
    assert.equal(verified(dev.output), 2);

    const family = descendants(dev.pid);
    signalGroup(sink, 'SIGINT');
    signalGroup(dev, 'SIGINT');
    await until('make dev has ended', () => dev.exitCode !== null || dev.signalCode !== null, 30);
    await until('its children have ended', () => !family.some(alive), 30);
    await until('the ports are free', async () => !(await answers(port)) && !(await answers(sinkPort)));
    assert.doesNotMatch(dev.output, /whsec_[A-Za-z0-9+/]{20}/, 'no secret on the screen');
  } catch (error) {
    error.message += `\n--- make dev ---\n${dev.output.slice(-4000)}\n--- make sink ---\n${sink?.output.slice(-1000)}`;
    throw error;
  } finally {
    for (const child of [dev, sink]) if (child) signalGroup(child, 'SIGKILL');
    await Promise.all([dev.ended, sink?.ended]);
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

/** A campaign that gives a file, in TOML as few people write it. */
const giving = (id, key) => `
destination = [{ secret = 'CRM_WEBHOOK_SECRET', url = 'http://127.0.0.1:8788/crm', name = "crm" }]
magnet = { file = ${JSON.stringify(key)}, title = 'The guide' }
controller = { name = "Example AB", email = "privacy@example.com", privacy_notice = "https://www.example.com/privacy" }
field = [{ name = "email", kind = "email", required = true }]
purpose = [{ id = "newsletter", text = "Yes", version = "1", required = true, channel = "email" }]
title = 'The guide'
id = '${id}'
`;

test('make dev gives the files of its folder, whatever they are called, and no others', {
  timeout: 400_000,
}, async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-files-'));
  const files = Object.fromEntries(
    NAMES.map((name, n) => [`f${n}`, { name, bytes: randomBytes(n * 1_500_000) }]),
  );
  fs.mkdirSync(path.join(folder, 'files/guider'), { recursive: true });
  fs.mkdirSync(path.join(folder, 'campaigns'));
  for (const [id, { name, bytes }] of Object.entries(files)) {
    fs.writeFileSync(path.join(folder, 'files/guider', name), bytes);
    fs.writeFileSync(
      path.join(folder, 'campaigns', `${id}.toml`),
      giving(id, `guider/${name.normalize('NFC')}`),
    );
  }
  const [port, sinkPort] = [await freePort(), await freePort()];
  const variables = ['campaigns', 'files', 'state'].map(
    (name) => `${name.toUpperCase()}=${path.join(folder, name)}`,
  );
  const url = `http://127.0.0.1:${port}`;
  const given = async (id) => {
    const body = new URLSearchParams(asForm(person())).toString();
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' };
    const { json } = await send(url, 'POST', `/c/${id}`, { headers, body });
    const answer = await fetch(json.download.url, { method: 'POST' });
    return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
  };
  /** Runs it as long as `visit` takes. */
  const running = async (visit) => {
    const dev = make('dev', `PORT=${port}`, `SINK_PORT=${sinkPort}`, ...variables);
    try {
      await until(
        'make dev is ready',
        async () => {
          if (dev.exitCode !== null) throw Object.assign(new Error(dev.output), { final: true });
          return (await send(url, 'GET', '/c/f0')).status === 200;
        },
        280,
      );
      await visit();
    } finally {
      signalGroup(dev, 'SIGINT');
      await dev.ended;
    }
  };
  try {
    await running(async () => {
      for (const [id, { name, bytes }] of Object.entries(files)) {
        const answer = await given(id);
        assert.deepEqual([answer.status, answer.bytes.equals(bytes)], [200, true], name);
      }
    });
    fs.rmSync(path.join(folder, 'files/guider', NAMES[0]));
    await running(async () => {
      assert.deepEqual([(await given('f0')).status, (await given('f1')).status], [503, 200]);
    });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
