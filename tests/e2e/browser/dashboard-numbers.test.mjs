// Numbers, plots and tables of the dashboard, compared with the admin API.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findings, skip } from '../support/browser.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import {
  Dashboard,
  READER,
  TOKENS,
  fillCampaigns,
  go,
  number,
  overviewOf,
  refresh,
  rows,
  shownText,
  step,
} from '../support/dashboard.mjs';
import { until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Receiver } from '../support/receiver.mjs';
import { World } from '../support/world.mjs';

describe('the numbers of the dashboard', { skip, timeout: 300_000 }, () => {
  let world, crm, dashboard;

  before(async () => {
    crm = await Receiver.start();
    world = await World.start({ vars: { LEADHOOK_ADMIN_TOKENS: TOKENS } });
    await fillCampaigns(world, crm);
    dashboard = await Dashboard.open(() => world);
  });

  after(async () => {
    await dashboard?.close();
    await world?.stop();
    await crm?.down();
  });

  test("its numbers are the API's", async () => {
    const says = await overviewOf(world, 'spring');
    assert.deepEqual(says.funnel, {
      received: 14,
      valid: 12,
      consented: 11,
      new: 9,
      qualified: 5,
      delivered: 5,
    });
    await dashboard.visiting({ search: '?campaign=spring' }, async (page) => {
      for (const [name, value] of Object.entries(says.funnel))
        assert.equal(await step(page, name), value, name);
      const lost = async (name) =>
        (await shownText(page.locator(`[data-step=${name}] .step-lost`))).replaceAll(/\s+/g, ' ');
      assert.match(await lost('valid'), /2 rejected/);
      assert.match(await lost('consented'), /1 without consent/);
      assert.match(await lost('new'), /1 repeat.*1 duplicate/);
      assert.match(await lost('qualified'), /4 held/);
      assert.match(await lost('delivered'), /nothing lost/);
      assert.match(await shownText(page.locator('[data-step=consented] .step-share')), /91\.7% of valid/);

      await page.getByText(/\d+ days as a table/).click();
      const days = await rows(page, 'Leads by day');
      assert.equal(days.length, 30, 'also the days on which nothing came');
      assert.deepEqual(
        [1, 2, 3, 4].map((at) => days.reduce((sum, row) => sum + number(row[at]), 0)),
        [says.accepted, 9, 5, 5],
      );
      const sources = await rows(page, 'Sources');
      assert.deepEqual(
        sources.map((row) => [row[0], ...row.slice(1, 4).map(number)]),
        Object.entries(says.sources)
          .sort(([, one], [, other]) => other.new - one.new)
          .map(([name, of]) => [name, of.new, of.qualified, of.delivered]),
      );
      assert.deepEqual(
        sources.map(([name]) => name),
        ['other'],
        'the two of the partner are not shown alone',
      );
      const rejected = Object.entries(says.rejections).flatMap(([field, codes]) =>
        Object.entries(codes).map(([code, times]) => `${field} ${code} ${times}`),
      );
      assert.deepEqual((await rows(page, 'Rejections')).map((row) => row.join(' ')).sort(), rejected.sort());
      assert.ok(rejected.length >= 3, rejected.join());
      const counters = await world.counters('spring');
      const states = Object.fromEntries(
        (await rows(page, 'Accepted submissions by state')).map(([state, times]) => [state, number(times)]),
      );
      assert.deepEqual(
        states,
        Object.fromEntries(Object.entries(counters.states).filter(([, times]) => times > 0)),
      );
      const [delivery] = await rows(page, 'Delivery by destination');
      const { p50_ms: half, ...of } = says.destinations[0];
      assert.deepEqual(delivery.slice(0, 4), ['crm', `${of.delivered}`, `${of.pending}`, `${of.dead}`]);
      assert.match(delivery[7], half < 1_000 ? new RegExp(`p50 ${half} ms · p95`) : /p50 .* · p95/);
      await page.getByText('Scores as a table').click();
      assert.equal(
        (await rows(page, 'Scores by points')).reduce((sum, [, leads]) => sum + number(leads), 0),
        9,
      );
      await page.getByText(/warm from 20, hot from 40.*forwarded from 15/).waitFor();
    });
  });

  test('no more is named than was lost, where known people have news that waits', async () => {
    const busy = await Receiver.start();
    await world.publish(campaign('news', busy, { dedupe: { on_repeat: 'update', remember_in_kv: false } }));
    const ada = person();
    await world.postJson('news', ada);
    await world.settled('news');
    busy.answer = { status: 500 };
    await world.postJson('news', { ...ada, seats: 3 });
    const { funnel, states } = await overviewOf(world, 'news');
    assert.deepEqual([funnel.received, funnel.new, funnel.delivered, states.pending], [2, 1, 1, 1]);
    await dashboard.visiting({ search: '?campaign=news' }, async (page) => {
      const lost = (name) => shownText(page.locator(`[data-step=${name}] .step-lost`));
      assert.match(await lost('new'), /1 from known people/);
      assert.equal(await lost('delivered'), 'nothing lost');
    });
    await busy.down();
  });

  test('what was rejected as a whole has a name too', async () => {
    await world.publish(campaign('strict', crm, { unknown_fields: 'refuse' }));
    await world.postJson('strict', person({ shoe_size: 43 }));
    await until('it is counted', async () => (await overviewOf(world, 'strict')).funnel.received === 1);
    await dashboard.visiting({ search: '?campaign=strict' }, async (page) => {
      assert.deepEqual(await rows(page, 'Rejections'), [['(whole submission)', 'unknown_field', '1']]);
      assert.deepEqual(await findings(page), []);
    });
  });

  test('where not all deliveries were looked at, that is what it says', async () => {
    await dashboard.visiting({ search: '?campaign=spring' }, async (page) => {
      await page
        .getByText('5 deliveries of leads from this period; dead and paused are current totals')
        .waitFor();
      await page.route('**/admin/api/overview?*', async (route) => {
        const json = await (await route.fetch()).json();
        await route.fulfill({
          json: { ...json, destinations: [], deliveries_counted: 0, deliveries_capped: true },
        });
      });
      await refresh(page);
      await page.getByText('None among the newest 20,000 deliveries of each ledger.').waitFor();
      await page.getByText('0 deliveries of leads from this period, among the newest 20,000').waitFor();
      assert.equal(await page.getByText('No deliveries in this period').count(), 0);
    });
  });

  test('of a period that is too long for a plot one sees the end', async () => {
    await dashboard.visiting({ search: '?campaign=spring&period=custom&from=2000-01-01' }, async (page) => {
      await page.getByText('By day (Europe/Stockholm), last 5,000 days').waitFor();
      assert.match(await page.getByRole('img').first().getAttribute('aria-label'), /10 accepted, 9 new/);
    });
  });

  test('every plot is drawn and says what it shows', async () => {
    await dashboard.visiting({ search: '?campaign=spring' }, async (page) => {
      const plots = page.getByRole('img');
      assert.equal(await plots.count(), 2);
      assert.match(
        await plots.first().getAttribute('aria-label'),
        /Leads by day: 10 accepted, 9 new, 5 qualified, 5 delivered\. Most in one day: 10/,
      );
      assert.match(
        await plots.last().getAttribute('aria-label'),
        /Score distribution of 9 leads.*Thresholds: warm from 20/,
      );
      const painted = () =>
        page.locator('canvas').evaluateAll((all) =>
          all.map((canvas) => {
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
          }),
        );
      for (const colours of await painted()) assert.ok(colours > 4, `a canvas of ${colours} colours`);
      // The last of thirty days has all; the day before has nothing, up to its last hour.
      const plot = page.locator('.u-over').first();
      const { width } = await plot.boundingBox();
      for (const [day, accepted] of [
        [29.2, 10],
        [28.8, 0],
      ]) {
        await plot.hover({ position: { x: (width * day) / 30, y: 60 } });
        await page.locator('.readout').first().getByText(`accepted ${accepted}`, { exact: true }).waitFor();
      }
    });
  });

  test('campaign and period are in the address, and back goes back', async () => {
    await dashboard.visiting({}, async (page) => {
      const all = await world.ask('GET', 'overview');
      await page.locator('[data-step=received]').waitFor();
      assert.ok((await step(page, 'received')) >= 14 + 3 && all.thresholds === null);
      await page.getByText('choose a campaign to see its thresholds').waitFor();
      await page.getByLabel('Campaign').selectOption('spring');
      await until('the campaign is shown', async () => (await step(page, 'received')) === 14);
      await page.getByText('7 days', { exact: true }).click();
      assert.equal(new URL(page.url()).search, '?campaign=spring&period=7d');
      await page.getByText('Today', { exact: true }).click();
      await page.getByText('By hour (Europe/Stockholm)', { exact: true }).waitFor();
      await page.getByText('Custom', { exact: true }).click();
      await page.getByLabel('From (Europe/Stockholm)').fill('2020-01-01');
      await page.getByLabel('To (inclusive)').fill('2020-01-31');
      await page.getByRole('button', { name: 'Apply' }).click();
      await page.getByText('No submissions in this period').waitFor();
      assert.equal(
        new URL(page.url()).search,
        '?campaign=spring&period=custom&from=2020-01-01&to=2020-01-31',
      );
      await page.reload();
      await page.getByText('No submissions in this period').waitFor();
      for (let n = 0; n < 3; n += 1) await page.goBack();
      await until(
        'the days are back',
        async () =>
          new URL(page.url()).search === '?campaign=spring&period=7d' &&
          (await step(page, 'received')) === 14,
      );
      assert.equal(await page.getByLabel('7 days').isChecked(), true);
      await page.getByLabel('Campaign').selectOption('quiet');
      await page.getByText('No submissions in this period').waitFor();
    });
  });

  test('held leads stand with their rules and what they lack', async () => {
    await dashboard.visiting({ search: '?view=held&campaign=spring' }, async (page) => {
      const shown = await rows(page, 'Held leads');
      const { held } = await world.ask('GET', 'held?campaign=spring');
      assert.deepEqual(
        shown.map(([lead]) => lead),
        held.map(({ lead_id: id }) => id),
      );
      assert.equal(shown.length, 4);
      assert.match(shown[0][2], /^10 of 15/);
      assert.match(shown[0][3], /\+10paid search/);
      assert.equal(shown[0][4], "below the campaign's threshold");
    });
  });

  test('a token that may read sees numbers alone, and is told why', async () => {
    await dashboard.visiting({ as: READER, search: '?campaign=spring' }, async (page) => {
      const asked = [];
      page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
      assert.equal(await step(page, 'new'), 9);
      const [delivery] = await rows(page, 'Delivery by destination');
      assert.deepEqual(delivery.slice(0, 2), ['all destinations', '5']);
      for (const view of ['Quarantine', 'Dead letters', 'Held leads']) {
        await go(page, view);
        await page.getByText('Your token lacks the operate scope. The overview shows totals.').waitFor();
        assert.equal(await page.locator('.view button').count(), 0);
      }
      assert.deepEqual(
        [asked, await page.getByRole('dialog').count()],
        [[], 0],
        'nothing is asked for that is refused',
      );
      await page.reload();
      await page.getByText('Your token lacks the operate scope.').waitFor();
      await go(page, 'Audit log');
      await page.getByRole('table', { name: 'Audit log' }).waitFor();
      assert.deepEqual(await findings(page), []);
    });
  });

  test('nothing of it is told, or readable where it is kept', () => assertNoLeaks(world));
});
