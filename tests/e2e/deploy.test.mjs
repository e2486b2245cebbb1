// What `make deploy` asks for, with a wrangler that only remembers.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ROOT } from './world.mjs';

/** Keeps secrets in a file beside it, and answers what the script asks wrangler for. */
const WRANGLER = `#!/usr/bin/env node
const fs = require('node:fs');
const [first, second, name] = process.argv.slice(2);
const file = __dirname + '/put.json';
const put = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file)) : {};
if (first === 'kv' && second === 'namespace') console.log(JSON.stringify([{ title: 'leadhook-kv', id: 'i' }]));
if (first === 'secret' && second === 'list') console.log(JSON.stringify(Object.keys(put).map((name) => ({ name }))));
if (first === 'secret' && second === 'put') fs.writeFileSync(file, JSON.stringify({ ...put, [name]: fs.readFileSync(0, 'utf8') }));
`;
const CAMPAIGN = `
id = "news"
[[destination]]
name = "crm"
url = "https://crm.example.com/hooks"
secret = "CRM_WEBHOOK_SECRET"
[[destination]]
name = "mail"
kind = "email"
url = "https://API.mail.example.:8443/send"
secret = "MAIL_API_TOKEN"
`;

describe('make deploy', { timeout: 60_000 }, () => {
  let folder;

  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-deploy-'));
    fs.writeFileSync(path.join(folder, 'wrangler'), WRANGLER, { mode: 0o755 });
    fs.copyFileSync(path.join(ROOT, 'wrangler.toml'), path.join(folder, 'wrangler.toml'));
    fs.mkdirSync(path.join(folder, 'campaigns'));
    write(CAMPAIGN);
  });

  after(() => fs.rmSync(folder, { recursive: true, force: true }));

  const write = (text) => fs.writeFileSync(path.join(folder, 'campaigns/news.toml'), text);
  const put = () => JSON.parse(fs.readFileSync(path.join(folder, 'put.json'), 'utf8'));
  const keys = () => fs.readFileSync(path.join(folder, 'leadhook.keys'), 'utf8');
  /** Deploys with these lines typed in, and gives what was asked. */
  const deploy = (...lines) => {
    const env = { ...process.env, WRANGLER: path.join(folder, 'wrangler'), CAMPAIGNS: path.join(folder, 'campaigns') };
    const input = lines.map((line) => `${line}\n`).join('');
    const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(ROOT, 'scripts/deploy.mjs')], { cwd: folder, env, input, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stdout;
  };

  test('asks which hosts get a provider\'s token, and keeps the answer where the command line finds it', () => {
    const said = deploy('https://leads.example.com', 'whsec_abc', 'the-token', 'yes');
    assert.match(said, /send tokens to these hosts: MAIL_API_TOKEN=api\.mail\.example\./);
    assert.equal(put().LEADHOOK_SECRET_HOSTS, 'MAIL_API_TOKEN=api.mail.example');
    assert.equal(put().MAIL_API_TOKEN, 'the-token');
    assert.match(keys(), /^LEADHOOK_SECRET_HOSTS="MAIL_API_TOKEN=api\.mail\.example"$/m);
  });

  test('asks nothing that is known, and again when a campaign sends elsewhere', () => {
    assert.doesNotMatch(deploy(), /LEADHOOK_SECRET_HOSTS/);
    write(CAMPAIGN.replace('API.mail.example.:8443', 'mail2.example'));
    assert.match(deploy('-'), /It is MAIL_API_TOKEN=api\.mail\.example until now/);
    assert.equal(put().LEADHOOK_SECRET_HOSTS, 'MAIL_API_TOKEN=api.mail.example', 'nothing is bound unless somebody says so');
    deploy('');
    assert.equal(put().LEADHOOK_SECRET_HOSTS, 'MAIL_API_TOKEN=api.mail.example');
    deploy('yes');
    assert.equal(put().LEADHOOK_SECRET_HOSTS, 'MAIL_API_TOKEN=api.mail.example, MAIL_API_TOKEN=mail2.example');
    deploy();
    fs.rmSync(path.join(folder, 'leadhook.keys'));
    assert.match(deploy('MAIL_API_TOKEN=mail2.example'), /this machine does not know to what/);
    assert.equal(put().LEADHOOK_SECRET_HOSTS, 'MAIL_API_TOKEN=mail2.example');
  });

  test('asks nothing where no campaign sends a token', () => {
    write(CAMPAIGN.slice(0, CAMPAIGN.lastIndexOf('[[destination]]')));
    assert.doesNotMatch(deploy(), /LEADHOOK_SECRET_HOSTS/);
  });
});
