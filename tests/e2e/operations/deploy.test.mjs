// The questions of `make deploy`, with a wrangler that only records its calls.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { campaignsOf } from '../../../scripts/campaigns.mjs';
import { destinationSecrets, givesFiles } from '../../../scripts/secrets.mjs';
import { ROOT } from '../support/world.mjs';

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
  /** The script with these lines typed in. */
  const run = (...lines) => {
    const env = {
      ...process.env,
      WRANGLER: path.join(folder, 'wrangler'),
      CAMPAIGNS: path.join(folder, 'campaigns'),
    };
    const input = lines.map((line) => `${line}\n`).join('');
    return spawnSync(process.execPath, [path.join(ROOT, 'scripts/deploy.mjs')], {
      cwd: folder,
      env,
      input,
      encoding: 'utf8',
    });
  };
  /** Deploys, and gives what was asked. */
  const deploy = (...lines) => {
    const { status, stdout, stderr } = run(...lines);
    assert.equal(status, 0, stderr);
    return stdout;
  };

  test("asks which hosts get a provider's token, and keeps the answer where the command line finds it", () => {
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
    assert.equal(
      put().LEADHOOK_SECRET_HOSTS,
      'MAIL_API_TOKEN=api.mail.example',
      'nothing is bound unless somebody says so',
    );
    deploy('');
    assert.equal(put().LEADHOOK_SECRET_HOSTS, 'MAIL_API_TOKEN=api.mail.example');
    deploy('yes');
    assert.equal(
      put().LEADHOOK_SECRET_HOSTS,
      'MAIL_API_TOKEN=api.mail.example, MAIL_API_TOKEN=mail2.example',
    );
    deploy();
    fs.rmSync(path.join(folder, 'leadhook.keys'));
    assert.match(deploy('MAIL_API_TOKEN=mail2.example'), /this machine does not know to what/);
    assert.equal(put().LEADHOOK_SECRET_HOSTS, 'MAIL_API_TOKEN=mail2.example');
  });

  test('asks nothing where no campaign sends a token', () => {
    write(CAMPAIGN.slice(0, CAMPAIGN.lastIndexOf('[[destination]]')));
    assert.doesNotMatch(deploy(), /LEADHOOK_SECRET_HOSTS/);
  });

  test('reads a campaign as the command line does, however it is written', () => {
    for (const text of [IN_OTHER_WORDS, `\uFEFF${IN_OTHER_WORDS}`, IN_OTHER_WORDS.replaceAll('\n', '\r\n')]) {
      write(text);
      const campaigns = campaignsOf(path.join(folder, 'campaigns'));
      assert.deepEqual(destinationSecrets(campaigns), [
        { name: 'CRM_WEBHOOK_SECRET', isToken: false, hosts: [] },
        { name: 'MAIL_API_TOKEN', isToken: true, hosts: ['mail.example'] },
      ]);
      assert.equal(givesFiles(campaigns), true);
    }
    write(CAMPAIGN);
    assert.equal(givesFiles(campaignsOf(path.join(folder, 'campaigns'))), false);
  });

  test('deploys nothing where a campaign is none', () => {
    write(CAMPAIGN.replace('Example AB', ''));
    const { status, stderr } = run();
    assert.equal(status, 1);
    assert.match(stderr, /news\.toml: controller\.name: is required[\s\S]*Nothing was deployed/);
  });
});
