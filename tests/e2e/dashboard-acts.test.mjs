// An operator acts at the dashboard, in a browser: what is done there is done, one is asked first, and sees
// how far it is. Then a ledger of ten thousand leads.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { audit } from './audit.mjs';
import { findings, skip } from './browser.mjs';
import { campaign, person } from './campaigns.mjs';
import { Dashboard, HOSTILE, TOKENS, go, rows, said, step } from './dashboard.mjs';
import { until } from './http.mjs';
import { Receiver } from './receiver.mjs';
import { World } from './world.mjs';

const DEAD = 4;
const JUNK = 130;
const MANY = 10_000;

describe('the dashboard does', { skip, timeout: 300_000 }, () => {
  let world, crm, broken, dashboard;

  before(async () => {
    crm = await Receiver.start();
    broken = await Receiver.start();
    broken.answer = { status: 500 };
    world = await World.start({ vars: { LEADHOOK_ADMIN_TOKENS: TOKENS } });
    const qualify = { forward_at: 40 };
    await world.publish(campaign('broken', broken, { title: HOSTILE }), campaign('junk', crm), campaign('many', crm, { qualify }));
    // Ten attempts take most of a minute, even here.
    for (let n = 0; n < DEAD; n += 1) assert.equal((await world.postJson('broken', person())).status, 202);
    for (let n = 0; n < JUNK; n += 1) {
      const { email, name } = person({ name: `www.cheap.example ${HOSTILE}` });
      const form = { email, name, 'consent.newsletter': 'on', contact_website: 'x' };
      assert.equal((await world.postForm('junk', form, { 'CF-Connecting-IP': '203.0.113.7' })).status, 202);
    }
    dashboard = await Dashboard.open(() => world);
  });

  after(async () => {
    await dashboard?.close();
    await world?.stop();
    await crm?.down();
    await broken?.down();
  });

  test('what is quarantined is looked at, released and discarded, with a question first and with progress', async () => {
    await dashboard.visiting({ search: '?view=quarantine&campaign=junk' }, async (page) => {
      const left = async () => (await world.counters('junk')).states.quarantined;
      assert.equal(await left(), JUNK);
      await page.getByText('a name holds a link').first().waitFor();
      await page.getByRole('button', { name: /^Show / }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText(`www.cheap.example ${HOSTILE}`).waitFor();
      assert.equal(await page.locator('img').count(), 0);
      await dialog.getByRole('button', { name: 'Close' }).click();

      await page.getByRole('checkbox').nth(1).check();
      await page.getByRole('checkbox').nth(2).check();
      await page.getByRole('button', { name: 'Discard 2 chosen' }).click();
      await dialog.getByText('thrown away for good').waitFor();
      assert.deepEqual(await findings(page), [], 'question');
      await page.keyboard.press('Escape');
      assert.equal(await left(), JUNK, 'Escape is no');
      await page.getByRole('button', { name: 'Discard 2 chosen' }).click();
      await dialog.getByRole('button', { name: 'Discard' }).click();
      await said(page, 'Ended: 2 of 2 discarded.').waitFor();
      await page.getByRole('button', { name: /^Release sub_/ }).first().click();
      await said(page, 'Ended: 1 of 1 released.').waitFor();

      await page.getByRole('link', { name: 'Next page' }).click();
      await page.getByRole('link', { name: 'First page' }).waitFor();
      const rest = JUNK - 3;
      await page.getByRole('button', { name: 'Release all' }).click();
      await dialog.getByText(`Release all ${rest} submissions of junk?`).waitFor();
      // The second hundred get lost, with the page.
      let batches = 0;
      await page.route('**/quarantine/release', (route) => {
        batches += 1;
        if (batches !== 2) route.continue();
      });
      await dialog.getByRole('button', { name: 'Release all' }).click();
      await said(page, `100 of ${rest} released.`).waitFor();
      await go(page, 'Overview');
      const progress = page.getByRole('progressbar').first();
      assert.deepEqual(await progress.evaluate(({ value, max }) => [value, max]), [100, rest]);
      await page.reload();
      await page.getByRole('button', { name: 'Continue' }).waitFor();
      assert.deepEqual(await findings(page), [], 'long acts');
      await page.getByRole('button', { name: 'Continue' }).click();
      await said(page, `Ended: ${rest} of ${rest} released.`).waitFor();
      assert.equal(await left(), 0);
      assert.equal((await world.settled('junk')).states.delivered, JUNK - 2);
      await go(page, 'Recent acts');
      const released = async () => (await rows(page, 'Recent acts')).filter(([, who, what]) => who === 'otto' && what === 'released from quarantine');
      await until('the acts are shown', async () => (await released()).map((row) => row[4]).join() === '27,100,1');
    });
  });

  test('dead letters are replayed until they are delivered, and one sees how far it is', async () => {
    await until('ten attempts', async () => (await world.counters('broken')).states.dead === DEAD, 120);
    await dashboard.visiting({ search: '?view=dead&campaign=broken' }, async (page) => {
      assert.equal((await rows(page, 'Dead letters')).length, DEAD);
      await until('the title is text', async () => await page.getByLabel('Campaign').locator('option:checked').innerText() === `${HOSTILE} (broken)`);
      const details = page.getByRole('button', { name: /^Details/ }).first();
      await details.focus();
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: '10 attempts' }).waitFor();
      assert.deepEqual((await rows(page, 'Attempts')).map((row) => row[2]), Array(10).fill('answered 500'));
      assert.deepEqual(await findings(page), [], 'details');
      await page.keyboard.press('Escape');
      assert.equal(await details.evaluate((element) => element === document.activeElement), true, 'focus goes back');

      broken.answer = { status: 204 };
      await page.getByRole('button', { name: /^Replay the delivery/ }).first().click();
      await said(page, 'Ended: 1 delivered, 0 waiting, 0 dead again.').waitFor();
      await until('the row is gone', async () => (await rows(page, 'Dead letters')).length === DEAD - 1);

      // One fails once more, and comes with its next attempt.
      const refused = new Set();
      let isOpen = false;
      broken.answer = ({ id }) => {
        if (refused.size === 0 || (refused.has(id) && !isOpen)) return { status: refused.add(id) && 500 };
        return { status: 204 };
      };
      await page.getByRole('button', { name: 'Replay all' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText(`Replay ${DEAD - 1} dead letters of broken?`).waitFor();
      await dialog.getByRole('button', { name: 'Replay all' }).click();
      await said(page, `${DEAD - 2} delivered, 1 waiting, 0 dead again, 1 has failed and will be tried again`).waitFor();
      const progress = page.getByRole('progressbar').first();
      assert.deepEqual(await progress.evaluate(({ value, max }) => [value, max]), [DEAD - 2, DEAD - 1]);
      await go(page, 'Quarantine');
      await page.reload();
      await said(page, `${DEAD - 2} delivered, 1 waiting`).waitFor();
      isOpen = true;
      await said(page, `Ended: ${DEAD - 1} delivered, 0 waiting, 0 dead again.`).waitFor({ timeout: 40_000 });
      assert.equal((await world.counters('broken')).states.delivered, DEAD);
      await go(page, 'Dead letters');
      await page.getByText('No dead letters').waitFor();
      await said(page, `Ended: ${DEAD - 1} delivered`).waitFor();
      await page.getByRole('button', { name: 'Dismiss' }).first().click();
      await go(page, 'Overview');
      await page.getByText(/otto replayed all dead deliveries: broken \(3\)/).waitFor();
      assert.equal(await page.locator('img').count(), 0);
    });
  });

  test('a destination that said stop is enabled again', async () => {
    const gone = await Receiver.start();
    gone.answer = { status: 410 };
    await world.publish(campaign('gone', gone));
    await world.postJson('gone', person());
    await until('it is paused', async () => (await world.deliveries('gone', 'paused')).length === 1);
    await dashboard.visiting({ search: '?campaign=gone' }, async (page) => {
      await page.getByText('1 delivery paused after a 410').waitFor();
      await page.getByRole('button', { name: 'Enable crm of gone' }).click();
      gone.answer = { status: 204 };
      await page.getByRole('dialog').getByRole('button', { name: 'Enable' }).click();
      await page.getByText('crm is enabled: 1 delivery goes on.').waitFor();
      await world.settled('gone');
      await page.getByRole('button', { name: 'Refresh' }).click();
      await until('it is shown', async () => (await step(page, 'delivered')) === 1);
    });
    await gone.down();
  });

  test('a ledger of ten thousand leads is shown as quickly as a small one', async () => {
    const sources = ['google', 'partner', 'newsletter', 'bing'];
    let posted = 0;
    // One in ten qualifies, so that there are deliveries too.
    const post = async () => {
      while (posted < MANY) {
        const n = (posted += 1);
        const large = n % 10 === 0 && { company_size: '201+', utm_source: 'google' };
        const { status } = await world.postJson('many', person({ utm_source: sources[n % 4], ...large }));
        assert.equal(status, 202);
      }
    };
    await Promise.all(Array.from({ length: 24 }, post));
    const counters = await world.settled('many');
    const says = await world.ask('GET', 'overview?campaign=many');
    assert.equal(counters.accepted, MANY);
    assert.deepEqual([says.funnel.new, says.funnel.qualified, says.funnel.delivered], [MANY, counters.states.delivered, counters.states.delivered]);
    assert.equal(Object.values(says.timeline).reduce((sum, of) => sum + of.accepted, 0), MANY);
    await dashboard.visiting({}, async (page) => {
      const shown = [];
      // The machine may be busy with something else at one moment.
      for (let n = 0; n < 3; n += 1) {
        const began = Date.now();
        await page.goto(dashboard.address(`?campaign=many`));
        await page.locator('[data-step=received]').waitFor();
        shown.push(Date.now() - began);
      }
      assert.equal(await step(page, 'new'), MANY);
      assert.equal(await step(page, 'delivered'), counters.states.delivered);
      assert.ok(Math.min(...shown) < 1_000, `${shown.join(', ')} ms`);
      await go(page, 'Held leads');
      await until('a page of held leads', async () => (await rows(page, 'Held leads')).length === 50);
    });
  });

  test('a token that is taken away ends the session, and nothing that was read stays', async () => {
    await dashboard.visiting({ search: '?view=held&campaign=many' }, async (page) => {
      await world.restart('SIGTERM', { LEADHOOK_ADMIN_TOKENS: '' });
      await page.getByRole('button', { name: 'Refresh' }).click();
      await page.getByText('Your token is not accepted any more. Sign in again.').waitFor();
      assert.equal(await page.getByText('lead_').count(), 0);
      assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    });
  });

  test('nothing of it is told, or readable where it is kept', () => audit(world));
});
