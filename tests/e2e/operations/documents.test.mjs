// The documents: campaign files, commands and requests work as they stand there, and every link leads somewhere.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { ROOT, World } from '../support/world.mjs';

const CLI = process.env.LEADHOOK_CLI ?? path.join(ROOT, 'target/release/leadhook');
const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');
/** Every document, by its path. */
const DOCUMENTS = new Map(
  ['.', 'docs', 'benches', 'examples/receivers'].flatMap((folder) =>
    fs
      .readdirSync(path.join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => [path.join(folder, name), read(path.join(folder, name))]),
  ),
);
const PUBLIC = 'https://leads.example.com';
/** The code blocks of a language in a document. */
const blocks = (file, language) =>
  [...DOCUMENTS.get(file).matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    ([, block]) => block,
  );
/** The commands of a document, a line each. */
const commands = (file) => [...DOCUMENTS.get(file).matchAll(/^ {4}(\S.*)$/gm)].map(([, line]) => line);

describe('the commands and campaign files of the documents', { timeout: 60_000 }, () => {
  let world, crm, folder, campaign;

  before(async () => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'leadhook-docs-'));
    crm = await Receiver.start();
    world = await World.start();
    const [file] = blocks('README.md', 'toml');
    campaign = JSON.parse(check(file, '--json'));
    campaign.destination[0].url = crm.url;
    await world.publish(campaign);
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
    if (folder) fs.rmSync(folder, { recursive: true });
  });

  function check(text, ...options) {
    const file = path.join(folder, 'campaign.toml');
    fs.writeFileSync(file, text);
    return execFileSync(CLI, ['check', ...options, file], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** A campaign file with an addition: keys ahead of it, and a table of the same name replaced. */
  function extended(base, addition) {
    const [added, present] = [addition, base].map((text) => text.split(/^(?=\[)/m));
    const isTable = (part) => part.startsWith('[');
    const headers = added.map((table) => table.match(/^\[[^[\]]+\]/)?.[0]).filter(Boolean);
    const kept = present.filter((table) => !headers.some((header) => table.startsWith(header)));
    return [...added.filter((part) => !isTable(part)), ...kept, ...added.filter(isTable)].join('\n');
  }

  test('each campaign file and each addition to one is accepted', () => {
    const [base, ...additions] = blocks('docs/campaigns.md', 'toml');
    assert.ok(additions.length >= 12);
    for (const text of [base, ...additions.map((addition) => extended(base, addition))]) {
      assert.doesNotThrow(() => check(text), text);
    }
  });

  test('the commands for a campaign file do what they say', () => {
    const lines = commands('docs/campaigns.md');
    const script = lines.slice(
      0,
      lines.findIndex((line) => line.includes('wrangler')),
    );
    const shell = ['set -e', ...script.map((line) => line.replaceAll('npx leadhook', `"${CLI}"`))];
    const printed = execFileSync('bash', ['-c', shell.join('\n')], { cwd: folder, encoding: 'utf8' });
    const score = JSON.parse(printed.slice(printed.indexOf('{')));
    assert.equal(score.total, 30);
    assert.ok(fs.existsSync(path.join(folder, 'my-campaign.toml')));
  });

  test('the request of the README becomes a lead', async () => {
    const [request] = blocks('README.md', 'sh');
    const { stdout } = await promisify(execFile)('bash', ['-c', request.replaceAll(PUBLIC, world.url)]);
    assert.equal(JSON.parse(stdout).status, 'accepted');
    const { score, consent } = await until('the lead', () => crm.to('anna@example.com')[0]?.payload.data);
    assert.deepEqual([score.total, score.temperature], [30, 'warm']);
    assert.equal(consent[0].version_shown, '2026-11');
  });

  test('the script in forms.md gets the answer that stands beneath it', async () => {
    const script = blocks('docs/forms.md', 'js').find((block) => block.includes('fetch('));
    const url = `${world.url}/c/spring-guide`;
    const source = script.replace(`${PUBLIC}/c/spring-guide`, url);
    const response = await new Function(`return (async () => { ${source}; return response; })()`)();
    assert.equal(response.status, 202);
    const { submission_id, ...rest } = await response.json();
    assert.match(submission_id, /^sub_/);
    assert.deepEqual(rest, { status: 'accepted' });
  });

  test('each call of the admin API in operations.md is answered', async () => {
    const calls = commands('docs/operations.md').filter((line) => line.startsWith('curl '));
    assert.ok(calls.length >= 3);
    for (const call of calls) {
      const env = { ...process.env, TOKEN: world.adminToken, LEADHOOK_URL: world.url };
      const shell = call.replace(/^curl /, 'curl -sS --fail-with-body ');
      await assert.doesNotReject(promisify(execFile)('bash', ['-c', shell], { env }), call);
    }
  });

  test('the table of the admin API has every call', () => {
    const table = DOCUMENTS.get('docs/operations.md').match(/\n\| call \| scope[\s\S]*?\n\n/)[0];
    const path = (text) => text.replace(/\?.*/, '').replace(/\{[^}]*\}/g, '{}');
    const named = [...table.matchAll(/^\| (.*?) \| (.*?) \|/gm)].flatMap(([, calls]) => {
      const all = [...calls.matchAll(/`(GET|POST|PUT) ([^`]+)`|`…\/(\w+)`/g)];
      return all.map(([, method, address, last], at) =>
        last ? `POST ${path(all[at - 1][2]).replace(/\w+$/, last)}` : `${method} ${path(address)}`,
      );
    });
    const { paths } = JSON.parse(read('src/http/openapi.json'));
    const documented = Object.entries(paths)
      .filter(([address]) => address.startsWith('/admin/api/'))
      .flatMap(([address, item]) =>
        Object.keys(item)
          .filter((method) => ['get', 'post', 'put'].includes(method))
          .map((method) => `${method.toUpperCase()} ${path(address)}`),
      );
    assert.deepEqual(named.sort(), documented.sort());
  });

  test('the command line knows each command and its options', () => {
    const all = [...DOCUMENTS].flatMap(([file, text]) =>
      [...text.matchAll(/(?:^ {4}|`)npx leadhook ([^\n`#>]*)/gm)].map(([, line]) => ({
        file,
        line,
      })),
    );
    assert.ok(all.length >= 40);
    for (const { file, line } of all) {
      const words = [...line.matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);
      assert.doesNotThrow(
        () => execFileSync(CLI, [...words, '--help'], { stdio: 'pipe' }),
        `${file}: ${line}`,
      );
    }
  });

  test('each JSON example can be read, and every event has one', () => {
    const events = new Set();
    for (const [file] of DOCUMENTS) {
      for (const block of blocks(file, 'json')) {
        assert.doesNotThrow(() => events.add(JSON.parse(block).type), `${file}: ${block}`);
      }
    }
    const table = DOCUMENTS.get('docs/webhooks.md').match(/\n\| event \|[\s\S]*?\n\n/)[0];
    const named = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
    assert.ok(named.length >= 6);
    assert.deepEqual(
      named.filter((name) => !events.has(name)),
      [],
    );
  });
});

describe('the links of the documents', () => {
  /** The anchor of a heading, as GitHub makes it. */
  const anchor = (heading) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
  const withoutCode = (text) => text.replace(/^```[\s\S]*?^```$/gm, '');
  const anchors = (file) => {
    const seen = new Map();
    return [...withoutCode(DOCUMENTS.get(file)).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => {
      const name = anchor(heading);
      const times = seen.get(name) ?? 0;
      seen.set(name, times + 1);
      return times ? `${name}-${times}` : name;
    });
  };

  test('each relative link and each anchor leads somewhere', () => {
    const broken = [];
    let count = 0;
    for (const [file, text] of DOCUMENTS) {
      for (const [link, target] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        count += 1;
        const [name, fragment] = target.split('#');
        const other = name ? path.join(path.dirname(file), name) : file;
        const isThere = fs.existsSync(path.join(ROOT, other));
        const hasAnchor =
          fragment === undefined || (DOCUMENTS.has(other) && anchors(other).includes(fragment));
        if (!isThere || !hasAnchor) broken.push(`${file}: ${link}`);
      }
    }
    assert.ok(count >= 100);
    assert.deepEqual(broken, []);
  });

  test('each file and folder that a document names is there', () => {
    const missing = [];
    const roots = /`((?:src|cli|npm|tools|tests|docs|web|texts|scripts|examples|benches|fuzz)\/[\w./-]*)`/g;
    for (const [file, text] of DOCUMENTS) {
      for (const [, name] of withoutCode(text).matchAll(roots)) {
        if (!fs.existsSync(path.join(ROOT, name))) missing.push(`${file}: ${name}`);
      }
    }
    assert.deepEqual(missing, []);
  });

  test('a newcomer reads two short pages', () => {
    for (const [file, most] of [
      ['README.md', 8_192],
      ['ARCHITECTURE.md', 12_288],
    ]) {
      assert.ok(Buffer.byteLength(DOCUMENTS.get(file)) <= most, `${file} has more than ${most} bytes`);
    }
  });
});
