// A company with sixty ledgers, on a platform that grants an invocation fifty requests: operators see and do
// everything, some ledgers at a time, and the command line and the dashboard add it up.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { skip } from '../support/browser.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import { Operator } from '../support/cli.mjs';
import { Dashboard, TOKENS, rows, said, step } from '../support/dashboard.mjs';
import { keySet, opened } from '../support/receipts.mjs';
import { Receiver } from '../support/receiver.mjs';
import { ROOT, World, consentVars } from '../support/world.mjs';

const LEDGERS = 60;
const MOST_REQUESTS = 50;
const id = (n) => `l${String(n).padStart(2, '0')}`;
const ALL = Array.from({ length: LEDGERS }, (_, n) => id(n));

describe('sixty ledgers', { timeout: 300_000 }, () => {
  let world, crm, desk;
  const ada = person();
  const posts = 6;

  before(async () => {
    crm = await Receiver.start();
    const vars = { ...consentVars(), LEADHOOK_ADMIN_TOKENS: TOKENS };
    world = await World.start({
      vars,
      around: path.join(ROOT, 'tests/e2e/support/platforms/free-plan-invocation.mjs'),
    });
    for (const name of ALL) await world.publish(campaign(name, crm));
    // In the first ledger, in the last one, and in between.
    for (const at of [0, 30, 59]) await world.postJson(id(at), ada);
    for (let n = 0; n < posts; n += 1) await world.postJson(id(n * 11), person({ utm_source: 'partner' }));
    for (const at of [0, 30, 59]) await world.settled(id(at));
    desk = new Operator(world);
  });

  after(async () => {
    const { length } = world.answers.filter(({ headers }) => Number(headers['x-requests']) > MOST_REQUESTS);
    assert.equal(length, 0, 'no invocation asked for more than the platform grants');
    await world.stop();
    await crm.down();
  });

  /** Every answer of a reading. */
  async function all(what) {
    const answers = [];
    for (let next = ''; next !== undefined && next !== null; ) {
      const join = what.includes('?') ? '&' : '?';
      answers.push(await world.ask('GET', `${what}${next && `${join}after=${next}`}`));
      next = answers.at(-1).next;
    }
    assert.ok(answers.length > 1, `${what} is too much for one request`);
    return answers;
  }
  const sum = (answers, of) => answers.reduce((total, answer) => total + of(answer), 0);

  test('numbers add up', async () => {
    assert.equal(
      sum(await all('counters'), ({ accepted }) => accepted),
      3 + posts,
    );
    assert.equal(
      sum(await all('overview'), ({ funnel }) => funnel.new),
      3 + posts,
    );
    assert.deepEqual(
      (await all('keys')).flatMap(({ ledgers }) => ledgers.map(({ ledger }) => ledger)),
      ALL,
    );
    assert.deepEqual(
      (await all('campaigns')).flatMap(({ campaigns }) => campaigns.map(({ id: name }) => name)),
      ALL,
    );
    const acts = (await all('audit?limit=200')).flatMap(({ entries }) => entries);
    assert.equal(acts.length, 2 * LEDGERS, 'each publication begins and ends');
  });

  test('the command line says what all of them say', async () => {
    assert.match(await desk.run('doctor'), new RegExp(`(^l\\d\\d: \\d+ accepted.*\n){${LEDGERS}}`, 'm'));
    assert.match(await desk.run('keys', 'status'), /peppers[\s\S]*p1 .*[1-9]\d* rows; current/);
    await desk.run('suppress', '--email', 'eva@example.org', '--ledger', id(0));
    await desk.run('suppress', '--email', 'eva@example.org', '--ledger', id(59));
    assert.deepEqual(
      (await desk.run('list', 'show')).trim().split('\n'),
      [0, 59].map((at) => `${id(at)}  suppressed  1 entries`),
    );
  });

  test('a key that the last ledger needs is not retired', async () => {
    await desk.run('keys', 'rotate', 'peppers');
    await world.restart('SIGTERM', desk.keys());
    desk.world = world;
    const { code, stderr } = await desk.try('keys', 'retire', 'peppers', 'p1', '--url', world.url);
    assert.equal(code, 1);
    assert.match(stderr, /p1 is still needed by .*rows of l59/);
  });

  test('what is put aside is found wherever it lies', async () => {
    const { email } = person();
    const junk = (at) =>
      world.postForm(
        id(at),
        { email, name: 'www.cheap.example', 'consent.newsletter': 'on', contact_website: 'x' },
        { Accept: 'application/json' },
      );
    const ids = [];
    for (const at of [2, 58]) ids.push((await junk(at)).json.submission_id);
    assert.equal(JSON.parse(await desk.run('quarantine', 'show', ids[1])).contact.email, email);
    assert.equal((await desk.run('quarantine', 'discard', ...ids)).trim(), '2 discarded');
    assert.match((await desk.try('quarantine', 'show', ids[1])).stderr, /returned 404: Not found\./);
  });

  test('the dashboard adds them up', { skip }, async () => {
    const dashboard = await Dashboard.open(() => world);
    try {
      await dashboard.visiting({}, async (page) => {
        await page.locator('[data-step=received]').waitFor();
        assert.equal(await step(page, 'new'), 3 + posts);
        assert.equal(await page.getByLabel('Campaign').locator('option').count(), 1 + LEDGERS);
        assert.equal(
          (await rows(page, 'Delivery by destination')).length,
          new Set([0, 30, 59, ...Array.from({ length: posts }, (_, n) => n * 11)]).size,
        );
        await page
          .getByText('From some of the ledgers; choose a campaign to see all of its activity')
          .waitFor();
      });
      // The quarantined post is in the last of them, so the first page has nothing.
      const { email } = person();
      const form = { email, name: 'www.cheap.example', 'consent.newsletter': 'on', contact_website: 'x' };
      const { submission_id: aside } = (await world.postForm(id(59), form, { Accept: 'application/json' }))
        .json;
      await dashboard.visiting({ search: '?view=quarantine' }, async (page) => {
        await page.getByRole('button', { name: `Show ${aside}` }).click();
        await page.getByRole('dialog').getByText(email).waitFor();
        await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
        await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
        await said(page, 'Done: 1 of 1 discarded.').waitFor();
      });
    } finally {
      await dashboard.close();
    }
  });

  test('a person is found and forgotten in all of them', async () => {
    const { ledgers } = await desk.access(ada.email);
    assert.deepEqual(
      ledgers.map(({ ledger }) => ledger),
      ALL,
    );
    assert.equal(
      sum(ledgers, ({ leads }) => leads.length),
      3,
    );
    const receipts = (await desk.run('erase', '--email', ada.email, '--yes')).trim().split('\n');
    assert.ok(receipts.length > 1, 'a receipt for each part of them');
    const payloads = [];
    for (const receipt of receipts) payloads.push((await opened(world, receipt)).payload);
    assert.deepEqual(
      payloads.flatMap((payload) => payload.ledgers.map(({ ledger }) => ledger)),
      ALL,
    );
    assert.equal(
      sum(
        payloads.flatMap((payload) => payload.ledgers),
        ({ leads }) => leads.length,
      ),
      3,
    );
    desk.write('jwks.json', JSON.stringify(await keySet(world)));
    const said = await desk.run(
      'receipt',
      'verify',
      '--jwks',
      'jwks.json',
      desk.write('erasure.jws', receipts.join('\n')),
    );
    assert.equal(said.match(/^genuine/gm).length, receipts.length);
    assert.equal(
      sum((await desk.access(ada.email)).ledgers, ({ leads }) => leads.length),
      0,
    );
  });

  test('the cron wakes all of them in turn', async () => {
    const every = 5 * 60_000;
    const begin = Date.now();
    const runs = [];
    for (let run = 0; run < 2; run += 1) {
      const { json } = await world.request('POST', '/cron', {
        body: JSON.stringify({ at: begin + run * every }),
      });
      runs.push(json.requests);
    }
    assert.ok(
      runs.every((requests) => requests > 0 && requests <= MOST_REQUESTS),
      `${runs}`,
    );
    assert.equal(
      sum(runs, (requests) => requests),
      LEDGERS + runs.length,
      'each of them, and the registry each time',
    );
    assert.doesNotMatch(world.stdout, /Too many subrequests/);
  });
});
