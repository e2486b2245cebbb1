// URLs and hosts in campaigns: a URL is used exactly as it was parsed and checked. Campaigns that may not be
// published, and their effect where they lie in KV all the same.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { asForm, campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { PUBLIC_URL, World, consentVars } from '../support/world.mjs';

const HTML = { Accept: 'text/html' };
/** The headers of a browser's post that was accepted, and no others. The runtime adds those of the connection. */
const HEADERS = ['cache-control', 'content-type', 'location', 'vary', 'x-content-type-options'];
const OF_THE_CONNECTION = ['content-length', 'transfer-encoding', 'connection', 'date'];
const INJECTING = 'https://www.example.com/ok\nset-cookie\npwn=1; Path=/\nx-red\ninjected';
const INJECTED = 'https://www.example.com/okset-cookiepwn=1;%20Path=/x-redinjected';
/** Hosts that the URL standard takes, and that mean something in a Content-Security-Policy. */
const HOSTS = ['a;script-src', '*.example.com', "x.example.com'", 'a,b.example.com', '(a)', 'a$b', 'a"b'];

describe('URLs and hosts in campaigns', { timeout: 240_000 }, () => {
  let world, crm;

  before(async () => {
    crm = await Receiver.start();
    world = await World.start({
      breaksKv: true,
      vars: { ...consentVars(), LEADHOOK_PUBLIC_URL: ` HTTPS://Leads.Example.com:443/\n` },
    });
  });

  after(async () => {
    await world?.stop();
    await crm?.down();
  });

  const file = (id, changes) => campaign(id, crm, { thanks_url: undefined, ...changes });
  const controller = (changes) => ({ controller: { ...file('x').controller, ...changes } });
  const purpose = (changes) => ({ purpose: [{ ...file('x').purpose[0], ...changes }] });

  /** Publishes a campaign with the changes, and returns the fields that are refused, or the status. */
  async function refused(changes) {
    const { status, json } = await world.admin('PUT', 'campaigns/refused', file('refused', changes));
    return status === 422 ? json.errors.map(({ field }) => field).join() : status;
  }

  /** Puts a campaign into KV as an earlier version has published it. */
  async function store(id, changes) {
    await world.publish(file(id));
    world.kv.entries.set(`campaign/v1/${id}`, {
      body: Buffer.from(JSON.stringify({ format: 1, campaign: file(id, changes) })),
    });
  }

  /** A browser's post, whose answer has the headers of any other. */
  async function post(id, answers = person()) {
    const answer = await world.postForm(id, asForm(answers), HTML);
    assert.equal(answer.status, 303, answer.text);
    assert.deepEqual(
      Object.keys(answer.headers)
        .filter((name) => !OF_THE_CONNECTION.includes(name))
        .sort(),
      HEADERS,
    );
    return answer.headers.location;
  }

  const form = (id) => world.request('GET', `/f/${id}`, { headers: HTML });
  const delivered = (email) => until(`the lead of ${email}`, () => crm.to(email)[0]?.payload.data);

  test('a line break behind thanks_url is no part of it, and hurts nobody', async () => {
    await world.publish(file('nl', { thanks_url: 'https://www.example.com/thanks\n' }), file('fine'));
    const posts = Array.from({ length: 100 }, async (_, at) => {
      const [id, location] = at % 2 ? ['nl', 'https://www.example.com/thanks'] : ['fine', '/c/fine/thanks'];
      assert.equal(await post(id), location);
    });
    await Promise.all(posts);
    assert.doesNotMatch(world.stderr + world.stdout, /"event":"fault"/);
  });

  test('a scheme without slashes leads where it was read to', async () => {
    await world.publish(
      file('bare', { thanks_url: 'https:host', page: { logo: 'HTTPS:\\\\CDN.example.com\\l.svg' } }),
    );
    assert.equal(await post('bare'), 'https://host/');
    const page = await form('bare');
    assert.match(page.text, /src="https:\/\/cdn\.example\.com\/l\.svg"/);
    assert.match(page.headers['content-security-policy'], /img-src data: https:\/\/cdn\.example\.com;/);
  });

  test('a control character is published in no address and no line', async () => {
    for (const thanks_url of [
      INJECTING,
      'https://www.example.com/ok\r\nset-cookie: a=b',
      'https://www.example.com/ok\tq',
      'https://www.example.com/\0',
    ]) {
      assert.equal(await refused({ thanks_url }), 'thanks_url', thanks_url);
    }
    assert.equal(await refused({ magnet: { title: 'x', url: INJECTING } }), 'magnet.url');
    assert.equal(
      await refused({ magnet: { title: 'x', file: 'a\nb/guide\r\nset-cookie.pdf' } }),
      'magnet.file',
    );
    assert.equal(await refused({ page: { logo: 'https://www.example.com/l.svg\nx' } }), 'page.logo');
    assert.equal(
      await refused({
        destination: [{ name: 'crm', url: 'https://crm.example.com/\nx', secret: 'CRM_WEBHOOK_SECRET' }],
      }),
      'destination[0].url',
    );
    assert.equal(
      await refused(controller({ privacy_notice: 'https://www.example.com/ok\njavascript:alert(1)' })),
      'controller.privacy_notice',
    );
    for (const title of ['x\ny', 'x\ry', '\u001b[2J', '\u0085', '\u2028', '\u202egnp.exe'])
      assert.equal(await refused({ title }), 'title', title);
    for (const key of ['name', 'phone', 'privacy_notice_version'])
      assert.equal(await refused(controller({ [key]: '1\n2' })), `controller.${key}`);
    assert.equal(await refused(purpose({ text: 'Yes\0\u202e' })), 'purpose[0].text');
    for (const version of ['1\n2', '1\0'])
      assert.equal(await refused(purpose({ version })), 'purpose[0].version', version);
    for (const email of ['a@b.example\nx', 'a\0@b.example', 'a@b', '@@@@'])
      assert.equal(await refused(controller({ email })), 'controller.email', email);
  });

  test('a host is a name or an IP address wherever one is published', async () => {
    for (const host of [...HOSTS, 'a..b']) {
      const url = `https://${host}/x`;
      assert.equal(await refused({ origins: [`https://${host}`] }), 'origins[0]', host);
      assert.equal(await refused({ thanks_url: url }), 'thanks_url', host);
      assert.equal(await refused({ page: { logo: url } }), 'page.logo', host);
      assert.equal(await refused({ magnet: { title: 'x', url } }), 'magnet.url', host);
      assert.equal(await refused(controller({ privacy_notice: url })), 'controller.privacy_notice', host);
      assert.equal(
        await refused({ destination: [{ name: 'crm', url, secret: 'CRM_WEBHOOK_SECRET' }] }),
        'destination[0].url',
        host,
      );
    }
    for (const host of [
      'www.example.com',
      'a_b.example.com',
      'xn--blbr-noae.example',
      'Blåbär.example',
      '8.8.8.8',
      '[2606:4700::1111]:8443',
    ]) {
      await world.publish(
        file('hosts', { thanks_url: `https://${host}/x`, page: { logo: `https://${host}/l.svg` } }),
      );
    }
  });

  test('what lies in KV with a line break sets no header', async () => {
    for (const [at, [thanks_url, location]] of [
      ['https://www.example.com/thanks\n', 'https://www.example.com/thanks'],
      [INJECTING, INJECTED],
      ['https://www.example.com/ok\r\nset-cookie: a=b', 'https://www.example.com/okset-cookie:%20a=b'],
      ['https:host', 'https://host/'],
      ['https://www.example.com/✓å\0\u009b', 'https://www.example.com/%E2%9C%93%C3%A5%00%C2%9B'],
      ['https://a;b,c/', 'https://a;b,c/'],
    ].entries()) {
      await store(`stored-${at}`, { thanks_url });
      assert.equal(await post(`stored-${at}`), location);
    }
    await store('stored-magnet', { magnet: { title: 'x', url: INJECTING } });
    const { json } = await world.postJson('stored-magnet', person());
    const given = await world.open(json.download.url, 'POST');
    assert.deepEqual(
      [given.status, given.headers.location, given.headers['set-cookie']],
      [303, INJECTED, undefined],
    );
  });

  test('what lies in KV with such a host is served, and left out of the policy', async () => {
    await store('stored-plain', { origins: [] });
    const plain = (await form('stored-plain')).headers['content-security-policy'];
    for (const [at, host] of HOSTS.entries()) {
      await store(`logo-${at}`, { origins: [], page: { logo: `https://${host}/l.svg` } });
      await store(`origin-${at}`, { origins: [`https://${host}`] });
      for (const id of [`logo-${at}`, `origin-${at}`]) {
        const page = await form(id);
        assert.equal(page.status, 200, id);
        assert.equal(page.headers['content-security-policy'], plain, host);
        assert.equal(await post(id), `/c/${id}/thanks`);
      }
    }
  });

  test('a version that lies in KV with a line break is named by the form that shows it', async () => {
    await store('stored-version', purpose({ version: '1\n2' }));
    const who = person({ consent: { newsletter: '1\r\n2' } });
    await post('stored-version', who);
    const { consent } = await delivered(who.email);
    assert.deepEqual([consent[0].version, consent[0].version_shown], ['1\n2', '1\n2']);
  });

  test('a web address of a visitor arrives as it was read', async () => {
    await world.publish(file('answers'));
    for (const [website, kept] of [
      ['HTTPS:\\\\Example.COM:443\\a b', 'https://example.com/a%20b'],
      ['https://blåbär.example', 'https://xn--blbr-noae.example/'],
      ['https://exa\nmple.com/\u001b[2J', 'https://example.com/%1B[2J'],
    ]) {
      const who = person({ website, page_url: 'https://ann:secret@www.example.com/a\n?token=1' });
      await post('answers', who);
      const { answers, attribution } = await delivered(who.email);
      assert.deepEqual([answers.website, attribution.page_url], [kept, 'https://www.example.com/a']);
    }
    for (const website of ['https://www.bank.example@evil.example/', 'https://a;b/', 'javascript:alert(1)']) {
      const { status, json } = await world.postJson('answers', person({ website }));
      assert.deepEqual([status, json.errors?.map(({ code }) => code)], [422, ['invalid_url']], website);
    }
  });

  test('links are built from the public address as it was read, and from none where it is none', async () => {
    await world.publish(file('links', { magnet: { title: 'x', url: 'https://www.example.com/x' } }));
    const link = async () => (await world.postJson('links', person())).json.download.url;
    assert.ok((await link()).startsWith(`${PUBLIC_URL}/d/links/`));
    const told = async () => (await world.ask('GET', 'doctor')).findings.map(({ problem }) => problem);
    assert.ok(!(await told()).some((problem) => problem.startsWith('public_url')));
    await world.restart('SIGTERM', { LEADHOOK_PUBLIC_URL: 'leads.example.com' });
    assert.ok((await link()).startsWith('/d/links/'));
    assert.ok((await told()).includes('public_url_wrong'));
  });
});
