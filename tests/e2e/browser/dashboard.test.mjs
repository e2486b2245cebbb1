// The dashboard in use: signing in, clocks and writing directions, refreshing, the keyboard and colours.
// Pages come with the headers of web/_headers.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { findings, skip } from '../support/browser.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import {
  Dashboard,
  OPERATOR,
  TOKENS,
  fillCampaigns,
  go,
  number,
  refresh,
  rows,
  shownText,
  signIn,
  step,
  watchFocus,
} from '../support/dashboard.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

/** The folder for screenshots, for whoever wants to look at them. */
const SHOTS = process.env.LEADHOOK_SHOTS;
const VIEWS = ['overview', 'dead', 'quarantine', 'held', 'acts'];

describe('the dashboard', { skip, timeout: 300_000 }, () => {
  let world, crm, dashboard;

  before(async () => {
    crm = await Receiver.start();
    world = await World.start({ breaksKv: true, vars: { LEADHOOK_ADMIN_TOKENS: TOKENS } });
    await fillCampaigns(world, crm);
    dashboard = await Dashboard.open(() => world);
  });

  after(async () => {
    await dashboard?.close();
    await world?.stop();
    await crm?.down();
  });

  test('a wrong token is told, and a right one stays in the tab until one signs out', async () => {
    await dashboard.visiting({ as: null }, async (page) => {
      const alert = page.getByRole('alert');
      const token = page.getByLabel('Admin token');
      assert.equal(await token.getAttribute('autocomplete'), 'current-password');
      await token.fill('wrong');
      await page.keyboard.press('Enter');
      await alert.getByText('Unknown token.').waitFor();
      await token.fill('schlüssel');
      await page.keyboard.press('Enter');
      await alert.getByText('Unknown token.').waitFor();

      await page.context().setOffline(true);
      await token.fill(OPERATOR);
      await page.keyboard.press('Enter');
      await alert.getByText('Could not connect to Leadhook.').waitFor();
      await page.context().setOffline(false);
      await page.keyboard.press('Enter');
      await page.getByText('otto', { exact: true }).waitFor();

      const kept = () =>
        page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie]);
      const [session, local, cookie] = await kept();
      assert.ok(session.includes(OPERATOR));
      assert.ok(!local.includes(OPERATOR) && cookie === '');
      await page.reload();
      await page.getByText('otto', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await token.waitFor();
      assert.ok(!(await kept()).join().includes(OPERATOR));
      assert.equal(await page.locator('.view').count(), 0, 'nothing that was read stays');
    });
  });

  test('who has tried too often is told how long to wait', async () => {
    await dashboard.visiting({ as: null, headers: { 'CF-Connecting-IP': '192.0.2.77' } }, async (page) => {
      const headers = { 'CF-Connecting-IP': '192.0.2.77', Authorization: 'Bearer wrong' };
      for (let n = 0; n < 10; n += 1) await world.request('GET', '/admin/api/whoami', { headers });
      await page.getByLabel('Admin token').fill(OPERATOR);
      await page.keyboard.press('Enter');
      const told = await shownText(
        page.getByText(/Too many failed sign-ins from your address\. Try again in \d+ s\./),
      );
      const seconds = number(told);
      assert.ok(seconds > 0 && seconds <= 60, told);
      await page.getByText(`Try again in ${seconds - 2} s.`).waitFor();
      assert.equal(await page.getByRole('button', { name: 'Sign in' }).getAttribute('aria-disabled'), 'true');
    });
  });

  test("times are the browser's, with UTC beside them", async () => {
    await dashboard.visiting(
      { search: '?campaign=spring&period=today', zone: 'Australia/Eucla' },
      async (page) => {
        const { at } = (await world.ask('GET', 'audit?campaign=spring&limit=1')).entries[0];
        const shown = page.locator('.lines time').first();
        assert.equal(await shown.getAttribute('datetime'), at);
        assert.equal(
          await shown.getAttribute('title'),
          `${at.slice(0, 19).replace('T', ' ')} UTC; shown in Australia/Eucla time`,
        );
        const clock = new Date(Date.parse(at) + 525 * 60_000).toISOString().slice(11, 16);
        const text = await shownText(shown);
        assert.ok(text.endsWith(clock), `${text} is ${clock}`);
      },
    );
  });

  test("days and hours are the campaign's, wherever one sits", async () => {
    // Half an hour beside the hours of the counters, and nowhere near its midnight.
    const [zone, shiftMinutes] =
      new Date().getUTCHours() < 12 ? ['Asia/Kolkata', 330] : ['America/Manaus', -240];
    await world.publish(campaign('far', crm, { time_zone: zone }));
    await world.postJson('far', person());
    await world.settled('far');
    const there = () => new Date(Date.now() + shiftMinutes * 60_000);
    const day = (date) =>
      date.toLocaleString('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
    const asked = [];
    const browsers = shiftMinutes > 0 ? 'America/Los_Angeles' : 'Pacific/Auckland';
    await dashboard.visiting(
      { as: null, search: '?campaign=far&period=today', zone: browsers },
      async (page) => {
        page.on('request', (request) => {
          const { pathname, searchParams } = new URL(request.url());
          if (pathname.endsWith('/overview')) asked.push(searchParams.get('from'));
        });
        await signIn(page);
        await page.getByText(`By hour (${zone})`, { exact: true }).waitFor();
        await page.getByText(/\d+ hours as a table/).click();
        const hours = await rows(page, 'Leads by hour');
        assert.ok(
          [there().getUTCHours() + 1, there().getUTCHours() + 2].includes(hours.length),
          'as many hours as its day has had',
        );
        assert.equal(
          hours.reduce((sum, [, accepted]) => sum + number(accepted), 0),
          1,
        );
        const at = hours.find(([, accepted]) => number(accepted) === 1)[0];
        assert.match(at, new RegExp(`^${day(there())}, \\d\\d:${shiftMinutes % 60 ? '30' : '00'} GMT`));

        await page.getByText('7 days', { exact: true }).click();
        await page.getByText(`By day (${zone})`, { exact: true }).waitFor();
        await page.getByText(/7 days as a table/).click();
        const days = await rows(page, 'Leads by day');
        assert.deepEqual([days.length, days[0][0], number(days[0][1])], [7, day(there()), 1]);
        const midnight = Math.floor(there() / 86_400_000) * 86_400_000 - shiftMinutes * 60_000;
        assert.deepEqual(
          asked,
          [Math.floor(midnight / 3_600_000) * 3_600_000, midnight - 6 * 86_400_000].map((ms) =>
            new Date(ms).toISOString(),
          ),
        );

        await page.getByLabel('Campaign').selectOption('');
        await page.getByText('By day (UTC)', { exact: true }).waitFor();
      },
    );
  });

  test('what is written from right to left is read so', async () => {
    const [title, source, name] = ['מדריך לגינה', 'عيادة', 'נועה www.cheap.example'];
    const { controller, purpose } = campaign('', crm);
    const of = (name, version) =>
      campaign('hebrew', crm, {
        title,
        ledger: 'hebrew',
        controller: { ...controller, name, privacy_notice_version: version },
        purpose: purpose.map((one) => ({ ...one, version })),
      });
    await world.publish(of('חברה', '2026-11'));
    await world.ask(
      'PUT',
      `campaigns/hebrew?rename_controller=${encodeURIComponent('חברה')}`,
      of('מפעל', '2026-12'),
    );
    const { email } = person();
    await world.postForm('hebrew', {
      email,
      name,
      'consent.newsletter': 'on',
      contact_website: 'x',
      utm_source: source,
    });
    await dashboard.visiting({ search: '?view=quarantine&campaign=hebrew' }, async (page) => {
      const way = (text) =>
        page
          .getByText(text, { exact: true })
          .first()
          .evaluate((element) => [element.dir, getComputedStyle(element).direction]);
      await page.getByRole('button', { name: /^Show sub_/ }).click();
      await page.getByRole('dialog').waitFor();
      for (const text of [source, name]) assert.deepEqual(await way(text), ['auto', 'rtl']);
      assert.deepEqual(await way(email), ['auto', 'ltr']);
      assert.equal(await page.getByLabel('Campaign').locator('option:checked').getAttribute('dir'), 'auto');
      await page.keyboard.press('Escape');
      await go(page, 'Audit log');
      for (const text of ['חברה', 'מפעל']) assert.deepEqual(await way(text), ['auto', 'rtl']);
    });
  });

  test('it reads again by itself, and leaves focus, scroll and what is opened alone', async () => {
    await world.publish(campaign('growing', crm));
    await world.postJson('growing', person());
    await world.settled('growing');
    await dashboard.visiting({ search: '?campaign=growing', as: null }, async (page) => {
      await page.clock.install();
      await signIn(page);
      await page.getByText(/\d+ days as a table/).click();
      const box = page.getByRole('group', { name: 'Leads by day' });
      await box.focus();
      await box.evaluate((element) => {
        element.scrollTop = 120;
      });
      const before = await page.evaluate(() => scrollY);
      await world.postJson('growing', person());
      await world.settled('growing');
      let readings = 0;
      page.on('request', (request) => {
        if (request.url().includes('/overview')) readings += 1;
      });
      await page.clock.runFor(4 * 60_000);
      assert.equal(readings, 0, 'rows that are read cost');
      await page.clock.runFor(61_000);
      await until('the second lead is shown', async () => (await step(page, 'delivered')) === 2);
      assert.equal(readings, 1);
      assert.equal(
        await box.evaluate((element) => document.activeElement === element && element.scrollTop === 120),
        true,
      );
      assert.equal(await page.evaluate(() => scrollY), before);

      const hide = (isHidden) =>
        page.evaluate(
          (value) => Object.defineProperty(document, 'hidden', { value, configurable: true }),
          isHidden,
        );
      await hide(true);
      await page.clock.runFor(6 * 60_000);
      assert.equal(readings, 1, 'nobody looks');
      await hide(false);
      await page.clock.runFor(1_000);
      await until('it reads once one looks', () => readings === 2);
    });
  });

  test('what comes and goes above leaves focus and what is opened alone', async () => {
    await world.publish(campaign('shifting', crm));
    for (let n = 0; n < 3; n += 1) {
      const { email, name } = person({ name: 'www.cheap.example' });
      await world.postForm('shifting', { email, name, 'consent.newsletter': 'on', contact_website: 'x' });
    }
    const ids = (await world.ask('GET', 'quarantine?campaign=shifting')).submissions.map(
      ({ submission_id: id }) => id,
    );
    const discard = (...some) => world.ask('POST', 'quarantine/discard', { submission_ids: some });
    await dashboard.visiting({ search: '?view=quarantine&campaign=shifting' }, async (page) => {
      await page.getByRole('button', { name: `Show ${ids[2]}` }).focus();
      const isKept = await watchFocus(page);
      await discard(ids[0]);
      await refresh(page);
      await until('the row is gone', async () => (await rows(page, 'Quarantine')).length === 2);
      assert.equal(await isKept(), true);
    });
    await dashboard.visiting({ search: '?campaign=shifting' }, async (page) => {
      await page.getByText('2 quarantined submissions from this period').waitFor();
      await page.getByText(/\d+ days as a table/).click();
      await page.getByRole('group', { name: 'Leads by day' }).focus();
      const isKept = await watchFocus(page);
      await discard(ids[1], ids[2]);
      await refresh(page);
      await page.getByText('2 quarantined submissions from this period').waitFor({ state: 'detached' });
      assert.equal(await isKept(), true);
      assert.equal(
        await page.getByRole('group', { name: 'Leads by day' }).isVisible(),
        true,
        'it is still open',
      );
    });
  });

  test('what cannot be answered now is asked again, and what was read stays', async () => {
    await dashboard.visiting({}, async (page) => {
      await page.locator('[data-step=received]').waitFor();
      const received = await step(page, 'received');
      world.kv.reads = 'failing';
      try {
        await page.getByRole('button', { name: 'Refresh' }).click();
        await page
          .getByText(/Leadhook is busy or cannot reach its storage\. Trying again in \d+ s\./)
          .waitFor();
        assert.equal(await step(page, 'received'), received);
      } finally {
        world.kv.heal();
      }
      await page.getByText(/Leadhook is busy/).waitFor({ state: 'detached', timeout: 60_000 });
    });
    await dashboard.visiting({ search: '?campaign=nothing-like-it', as: null }, async (page) => {
      await page.getByLabel('Admin token').fill(OPERATOR);
      await page.keyboard.press('Enter');
      await page.getByText('There is no such campaign.').waitFor();
    });
  });

  test('with the keyboard alone one signs in, goes round, opens and closes', async () => {
    await dashboard.visiting({ as: null }, async (page) => {
      const focused = () =>
        page.evaluate(() => document.activeElement?.textContent.trim() || document.activeElement?.id);
      const tabTo = async (text) => {
        for (let n = 0; n < 40; n += 1) {
          await page.keyboard.press('Tab');
          if ((await focused()) === text) return;
        }
        assert.fail(`${text} is not reached`);
      };
      await page.keyboard.press('Tab');
      await page.keyboard.type(OPERATOR);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
      await page.keyboard.press('Shift+Tab');
      await tabTo('Held leads');
      assert.notEqual(
        await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle),
        'none',
        'focus is visible',
      );
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'Held leads' }).waitFor();
      assert.equal(await focused(), 'Held leads', 'the title of the view is read out');
      await page.keyboard.press('Shift+Tab');
      await tabTo('Overview');
      await page.keyboard.press('Enter');
      await page.getByLabel('30 days').focus();
      await page.keyboard.press('ArrowLeft');
      await until('seven days', () => new URL(page.url()).searchParams.get('period') === '7d');
      assert.equal(
        await page.getByLabel('7 days').evaluate((element) => element === document.activeElement),
        true,
      );
    });
  });

  for (const scheme of ['light', 'dark']) {
    test(`in ${scheme} colours axe finds nothing, and no page is wider than the screen`, async () => {
      for (const width of [360, 1440]) {
        await dashboard.visiting({ as: null, scheme, width }, async (page) => {
          assert.deepEqual(await findings(page), [], 'sign in');
          await signIn(page);
          for (const view of [...VIEWS, 'overview&campaign=spring&period=today']) {
            await page.goto(dashboard.address(`?view=${view}`));
            await page.locator('.view > .card, .view > .empty').first().waitFor();
            assert.deepEqual(await findings(page), [], `${view} ${width}`);
            const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
            assert.ok(wide <= has, `${view}: ${wide} of ${has}`);
            if (SHOTS)
              await page.screenshot({
                path: path.join(SHOTS, `real-${view}-${width}-${scheme}.png`),
                fullPage: true,
              });
          }
          const background = () =>
            page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
          const before = await background();
          const other = scheme === 'light' ? 'dark' : 'light';
          while (!(await page.getByRole('button', { name: `Theme: ${other}` }).count()))
            await page.getByRole('button', { name: /^Theme/ }).click();
          assert.notEqual(await background(), before);
          const chosen = await background();
          await page.reload();
          assert.equal(await background(), chosen, 'the choice is kept');
        });
      }
    });
  }

  test('nothing of it is told, or readable where it is kept', () => assertNoLeaks(world));
});
