// `leadhook deploy` by wrangler, as the package installs it, against a stand-in for Cloudflare's API.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Cloudflare } from '../support/cloudflare.mjs';
import { ROOT } from '../support/world.mjs';

const PACKAGE = path.join(ROOT, 'target/package');
const HEAD = `
id = "news"
title = "News"
controller = { name = "Example AB", email = "privacy@example.com", privacy_notice = "https://www.example.com/privacy" }
field = [{ name = "email", kind = "email", required = true }]
purpose = [{ id = "newsletter", text = "Yes", version = "1", required = true, channel = "email" }]
`;
const CAMPAIGN = `${HEAD}
[[destination]]
name = "crm"
url = "https://crm.example.com/hooks"
secret = "CRM_WEBHOOK_SECRET"
[[destination]]
name = "mail"
kind = "email"
url = "https://API.mail.example.:8443/send"
secret = "MAIL_API_TOKEN"
body = { To = "{to}", Text = "{text}" }
[double_opt_in]
destination = "mail"
subject = "{title}"
text = "{confirm_link} {withdraw_link}"
`;
/** The same, and a file, as few people write it. */
const IN_OTHER_WORDS = `${HEAD}
destination = [
  { secret = 'CRM_WEBHOOK_SECRET', url = 'https://crm.example.com/hooks', name = "crm" },
  { body = { To = "{to}", Text = "{text}" }, 'secret' = """MAIL_API_TOKEN""", "url" = "https://mail.example/send", kind = 'email', name = "mail" },
] # secret = "NOT_THIS_ONE"
double_opt_in.destination = 'mail'
double_opt_in.subject = "{title}"
double_opt_in.text = '''
{confirm_link} {withdraw_link}
[[destination]]
secret = "NOR_THIS_ONE"'''
magnet.title = "The guide"
magnet . "file" = 'guides/vår guide.pdf'
`;

/** What the first run asks for, in its order: address, the webhook's secret, the provider's token, hosts, host of operators. */
const ANSWERS = ['https://leads.example.com', 'whsec_abc', 'the-token', 'yes', '-'];

describe('leadhook deploy', { timeout: 240_000 }, () => {
  let folder, cloudflare;

  before(async () => {
    cloudflare = await Cloudflare.start();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-deploy-'));
    fs.mkdirSync(path.join(folder, 'campaigns'));
    write(CAMPAIGN);
  });

  after(async () => {
    await cloudflare.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const write = (text) => fs.writeFileSync(path.join(folder, 'campaigns/news.toml'), text);
  const keys = () => fs.readFileSync(path.join(folder, 'leadhook.keys'), 'utf8');
  /** Runs it with these lines typed in, and these options. */
  const run = (lines = [], ...options) => {
    const { WRANGLER, ...outer } = process.env;
    const env = { ...outer, ...cloudflare.env };
    const args = [
      path.join(PACKAGE, 'bin/leadhook.mjs'),
      'deploy',
      '--campaigns',
      'campaigns',
      '--state',
      '.leadhook',
    ];
    const child = spawn(process.execPath, [...args, ...options], { cwd: folder, env });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (said += text));
    child.stdin.end(lines.map((line) => `${line}\n`).join(''));
    return new Promise((done) => child.once('close', (code) => done({ code, said })));
  };
  /** Deploys, and gives what was said and what it changed. */
  const deploy = async (lines, ...options) => {
    cloudflare.changes = [];
    const { code, said } = await run(lines, ...options);
    assert.equal(code, 0, said);
    return { said, changes: cloudflare.changes };
  };

  test('a rehearsal says what would go up, and changes nothing', async () => {
    const { said, changes } = await deploy([], '--dry-run');
    assert.deepEqual(changes, []);
    assert.match(said, /Nothing was deployed\./);
    for (const name of ['LEADHOOK_PEPPERS', 'MAIL_API_TOKEN', 'leadhook-kv', 'no bucket'])
      assert.ok(said.includes(name));
    const outcome = path.join(folder, '.leadhook/deploy/dry-run');
    for (const name of ['index.js', 'index_bg.wasm'])
      assert.ok(
        fs.readFileSync(path.join(outcome, name)).equals(fs.readFileSync(path.join(PACKAGE, 'worker', name))),
      );
    assert.ok(!fs.existsSync(path.join(folder, 'leadhook.keys')));
  });

  test('the first run makes what is missing, and the bytes that were tested go up', async () => {
    const { said, changes } = await deploy(ANSWERS);
    assert.deepEqual(
      cloudflare.namespaces.map(({ title }) => title),
      ['leadhook-kv'],
    );
    assert.deepEqual(cloudflare.buckets, []);
    assert.ok(changes.includes('PUT /workers/scripts/leadhook'));
    const [{ parts, metadata }] = cloudflare.versions;
    for (const [name, bytes] of parts)
      assert.ok(bytes.equals(fs.readFileSync(path.join(ROOT, 'build', path.basename(name)))), name);
    assert.deepEqual([...parts.keys()].map((name) => path.basename(name)).sort(), [
      'index.js',
      'index_bg.wasm',
    ]);
    const bound = Object.fromEntries(metadata.bindings.map((one) => [one.name, one]));
    assert.equal(bound.KV.namespace_id, cloudflare.namespaces[0].id);
    for (const name of ['LEDGER', 'ASSETS', 'CAMPAIGN_LIMIT', 'NETWORK_LIMIT', 'MAIL_LIMIT'])
      assert.ok(bound[name], name);
    assert.equal(cloudflare.secrets.LEADHOOK_SECRET_HOSTS, 'MAIL_API_TOKEN=api.mail.example');
    assert.equal(cloudflare.secrets.MAIL_API_TOKEN, 'the-token');
    assert.equal(cloudflare.secrets.LEADHOOK_PUBLIC_URL, 'https://leads.example.com');
    for (const [name, value] of Object.entries(cloudflare.secrets)) {
      assert.ok(keys().includes(`${name}="${value}"`), `${name} is in the key file`);
      if (name !== 'LEADHOOK_PUBLIC_URL' && name !== 'LEADHOOK_SECRET_HOSTS')
        assert.ok(!said.includes(value), `${name} is not shown`);
    }
    assert.equal(fs.statSync(path.join(folder, 'leadhook.keys')).mode & 0o777, 0o600);
    const left = fs.readdirSync(path.join(folder, '.leadhook/deploy'));
    assert.ok(!left.includes('secrets.json'), 'no secret is left behind');
    assert.match(said, /npx leadhook publish campaigns\/\*\.toml --url https:\/\/leads\.example\.com/);
  });

  test('a second run asks nothing and changes nothing', async () => {
    const { said, changes } = await deploy();
    assert.deepEqual(changes, []);
    assert.match(said, /Nothing has changed since the last deployment/);
    assert.doesNotMatch(said, /LEADHOOK_SECRET_HOSTS/);
  });

  test('a campaign that sends elsewhere is asked about, and nothing but the secret goes up', async () => {
    write(CAMPAIGN.replace('API.mail.example.:8443', 'mail2.example'));
    const asked = await deploy(['-']);
    assert.match(asked.said, /It is MAIL_API_TOKEN=api\.mail\.example until now/);
    assert.deepEqual(asked.changes, [], 'nothing is bound unless somebody says so');
    const { changes } = await deploy(['yes']);
    assert.deepEqual(changes, ['PATCH /workers/scripts/leadhook/settings']);
    const both = 'MAIL_API_TOKEN=api.mail.example, MAIL_API_TOKEN=mail2.example';
    assert.equal(cloudflare.secrets.LEADHOOK_SECRET_HOSTS, both);
    assert.deepEqual((await deploy()).changes, []);
  });

  test('a key that was rotated goes up by its name', async () => {
    const text = keys().replace(/^LEADHOOK_PEPPERS=.*$/m, 'LEADHOOK_PEPPERS="k2:new,k1:old"');
    fs.writeFileSync(path.join(folder, 'leadhook.keys'), text);
    const { changes } = await deploy([], '--put', 'LEADHOOK_PEPPERS');
    assert.deepEqual(changes, ['PATCH /workers/scripts/leadhook/settings']);
    assert.equal(cloudflare.secrets.LEADHOOK_PEPPERS, 'k2:new,k1:old');
    const { code, said } = await run([], '--put', 'NO_SUCH_NAME');
    assert.deepEqual([code, /NO_SUCH_NAME: not in leadhook\.keys/.test(said)], [1, true], said);
  });

  test('a campaign that gives a file brings a bucket, however it is written', async () => {
    for (const text of [IN_OTHER_WORDS, `\uFEFF${IN_OTHER_WORDS}`, IN_OTHER_WORDS.replaceAll('\n', '\r\n')]) {
      write(text);
      const { said } = await deploy([], '--dry-run');
      assert.match(said, /bucket leadhook-files/);
      assert.doesNotMatch(said, /N(OT|OR)_THIS_ONE/);
    }
    await deploy(['-']);
    assert.deepEqual(
      cloudflare.buckets.map(({ name }) => name),
      ['leadhook-files'],
    );
    assert.ok(cloudflare.versions[0].metadata.bindings.some(({ name }) => name === 'FILES'));
  });

  test('nothing is deployed where a campaign is none, or there is none', async () => {
    write(CAMPAIGN.replace('Example AB', ''));
    cloudflare.changes = [];
    const wrong = await run();
    assert.equal(wrong.code, 1);
    assert.match(wrong.said, /news\.toml: controller\.name: is required[\s\S]*Nothing was deployed/);
    fs.rmSync(path.join(folder, 'campaigns/news.toml'));
    assert.match((await run()).said, /no campaign files[\s\S]*Nothing was deployed/);
    assert.deepEqual(cloudflare.changes, []);
  });
});
