// An operator at the dashboard, in a browser: what it shows is what the admin API says, and what is done
// there is done. The pages come with the headers of web/_headers, the numbers from the compiled Worker.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { NO_BROWSER, findChromium } from '../../scripts/chromium.mjs';
import { serveAssets } from './assets.mjs';
import { audit } from './audit.mjs';
import { campaign, person } from './campaigns.mjs';
import { until } from './http.mjs';
import { Receiver } from './receiver.mjs';
import { ROOT, World } from './world.mjs';

const executablePath = findChromium();
const skip = !executablePath && !process.env.CI && NO_BROWSER;
const AXE = fs.readFileSync(path.join(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');
/** Where the screenshots go, for whoever wants to look at them. */
const SHOTS = process.env.LEADHOOK_SHOTS;
const READER = 'reader-0123456789-abcdefgh';
const OPERATOR = 'operator-0123456789-abcdef';
const HOSTILE = '<img src=x onerror="document.title=1">';
const VIEWS = ['overview', 'dead', 'quarantine', 'held', 'acts'];
const DEAD = 4;
const JUNK = 130;

const number = (text) => Number(text.replaceAll(/[^\d]/g, ''));

describe('the dashboard', { skip, timeout: 300_000 }, () => {
  let world, crm, broken, pages, browser;

  const threshold = { warm: 20, hot: 40, forward_at: 15 };
  const junk = () => ({ ...person({ name: `www.cheap.example ${HOSTILE}` }), contact_website: 'x' });
  const asForm = ({ email, name, ...rest }) => ({ email, name, 'consent.newsletter': 'on', contact_website: rest.contact_website });

  before(async () => {
    assert.ok(executablePath, NO_BROWSER);
    crm = await Receiver.start();
    broken = await Receiver.start();
    broken.answer = { status: 500 };
    pages = await serveAssets(() => world);
    world = await World.start({ vars: { LEADHOOK_ADMIN_TOKENS: `rita:read:${READER},otto:read+operate:${OPERATOR}` } });
    await world.publish(campaign('broken', broken, { title: HOSTILE }), campaign('spring', crm, { qualify: threshold }), campaign('junk', crm), campaign('quiet', crm));
    // Ten attempts take most of a minute, even here.
    for (let n = 0; n < DEAD; n += 1) assert.equal((await world.postJson('broken', person())).status, 202);
    await fillSpring();
    for (let n = 0; n < JUNK; n += 1) {
      const answer = await world.postForm('junk', asForm(junk()), { 'CF-Connecting-IP': '203.0.113.7' });
      assert.equal(answer.status, 202);
    }
    browser = await chromium.launch({ executablePath });
  });

  after(async () => {
    await browser?.close();
    await pages?.stop();
    await world?.stop();
    await crm?.down();
    await broken?.down();
  });

  /** Nine leads, of which four are held, and some of everything that is lost on the way. */
  async function fillSpring() {
    const large = Array.from({ length: 5 }, (_, n) => person({ company_size: '201+', utm_source: n < 3 ? 'google' : 'partner' }));
    for (const one of [...large, ...Array.from({ length: 4 }, () => person({ utm_source: 'google' }))]) await world.postJson('spring', one);
    await world.postJson('spring', large[0]);
    await world.postJson('spring', { ...large[0], seats: 12 });
    await world.postJson('spring', person({ email: 'nobody', seats: 0 }));
    await world.postJson('spring', person({ email: 'nobody' }));
    await world.postJson('spring', person({ consent: {} }));
    await world.settled('spring');
    // What was refused is counted in batches.
    await until('the rejections are counted', async () => (await overviewOf('spring')).funnel.received === 14);
  }

  const overviewOf = (id) => world.ask('GET', `overview?campaign=${id}`);

  /** Opens the dashboard in a fresh profile, and fails on any error or breach of its policy. */
  async function visiting({ search = '', as = OPERATOR, width = 1440, scheme = 'light', headers = {}, zone }, visit) {
    const viewport = { width, height: 900 };
    const context = await browser.newContext({ viewport, colorScheme: scheme, extraHTTPHeaders: headers, timezoneId: zone });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => { if (!request.url().startsWith(`${pages.url}/`) && !request.url().startsWith('data:')) problems.push(`asked ${request.url()}`); });
    page.on('console', (message) => {
      // A refused request is one of the things that are shown.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) problems.push(message.text());
    });
    await page.exposeFunction('noteBreach', (breach) => problems.push(breach));
    await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) => window.noteBreach(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
    try {
      const answer = await page.goto(`${pages.url}/admin${search}`);
      assert.match(answer.headers()['content-security-policy'], /default-src 'none'; script-src 'self'; style-src 'self'/);
      if (as) {
        await page.getByLabel('Admin token').fill(as);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.locator('.view > *').first().waitFor();
      }
      await visit(page);
      assert.deepEqual(problems, []);
    } finally {
      await context.close();
    }
  }

  const step = async (page, name) => number(await page.locator(`[data-step=${name}] .step-number`).innerText());
  /** A table's rows as texts. */
  const rows = (page, name) => page.getByRole('table', { name, exact: true }).locator('tbody tr').evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));
  /** What a long act says of itself. */
  const said = (page, words) => page.locator('.job-words').filter({ hasText: words });
  const go = (page, view) => page.getByRole('link', { name: view, exact: true }).click();

  async function axe(page, what) {
    const { violations } = await page.evaluate(`(() => { ${AXE}; return axe.run(); })()`);
    assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), [], what);
  }

  test('a wrong token is told, and a right one stays in the tab until one signs out', async () => {
    await visiting({ as: null }, async (page) => {
      const alert = page.getByRole('alert');
      const token = page.getByLabel('Admin token');
      assert.equal(await token.getAttribute('autocomplete'), 'current-password');
      await token.fill('wrong');
      await page.keyboard.press('Enter');
      await alert.getByText('That token is not known.').waitFor();
      await token.fill('schlüssel');
      await page.keyboard.press('Enter');
      await alert.getByText('That token is not known.').waitFor();

      await page.context().setOffline(true);
      await token.fill(OPERATOR);
      await page.keyboard.press('Enter');
      await alert.getByText('There is no connection to Leadhook.').waitFor();
      await page.context().setOffline(false);
      await page.keyboard.press('Enter');
      await page.getByText('otto', { exact: true }).waitFor();

      const kept = () => page.evaluate(() => [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie]);
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
    await visiting({ as: null, headers: { 'CF-Connecting-IP': '192.0.2.77' } }, async (page) => {
      for (let n = 0; n < 10; n += 1) await world.request('GET', '/admin/api/whoami', { headers: { 'CF-Connecting-IP': '192.0.2.77', Authorization: `Bearer wrong-${n}` } });
      await page.getByLabel('Admin token').fill(OPERATOR);
      await page.keyboard.press('Enter');
      const told = await page.getByText(/Too many wrong tokens came from your address\. Try again in \d+ s\./).innerText();
      const seconds = number(told);
      assert.ok(seconds > 0 && seconds <= 60, told);
      await page.getByText(`Try again in ${seconds - 2} s.`).waitFor();
      assert.equal(await page.getByRole('button', { name: 'Sign in' }).getAttribute('aria-disabled'), 'true');
    });
  });

  test('its numbers are the API\'s', async () => {
    const says = await overviewOf('spring');
    assert.deepEqual(says.funnel, { received: 14, valid: 12, consented: 11, new: 9, qualified: 5, delivered: 5 });
    await visiting({ search: '?campaign=spring' }, async (page) => {
      for (const [name, value] of Object.entries(says.funnel)) assert.equal(await step(page, name), value, name);
      const lost = async (name) => (await page.locator(`[data-step=${name}] .step-lost`).innerText()).replaceAll(/\s+/g, ' ');
      assert.match(await lost('valid'), /2 rejected/);
      assert.match(await lost('consented'), /1 without consent/);
      assert.match(await lost('new'), /1 repeat.*1 duplicate/);
      assert.match(await lost('qualified'), /4 held/);
      assert.match(await lost('delivered'), /nothing lost/);
      assert.match(await page.locator('[data-step=consented] .step-share').innerText(), /91\.7% of valid/);

      await page.getByText(/The \d+ days as a table/).click();
      const days = await rows(page, 'Leads by day');
      assert.equal(days.length, 30, 'also the days on which nothing came');
      assert.deepEqual([1, 2, 3, 4].map((at) => days.reduce((sum, row) => sum + number(row[at]), 0)), [says.accepted, 9, 5, 5]);
      const sources = await rows(page, 'Sources');
      assert.deepEqual(sources.map((row) => [row[0], ...row.slice(1, 5).map(number)]), Object.entries(says.sources)
        .sort(([, one], [, other]) => other.accepted - one.accepted).map(([name, of]) => [name, of.accepted, of.new, of.qualified, of.delivered]));
      const rejected = Object.entries(says.rejections).flatMap(([field, codes]) => Object.entries(codes).map(([code, times]) => `${field} ${code} ${times}`));
      assert.deepEqual((await rows(page, 'Rejections')).map((row) => row.join(' ')).sort(), rejected.sort());
      assert.ok(rejected.length >= 3, rejected.join());
      const counters = await world.counters('spring');
      const states = Object.fromEntries((await rows(page, 'Accepted submissions by state')).map(([state, times]) => [state, number(times)]));
      assert.deepEqual(states, Object.fromEntries(Object.entries(counters.states).filter(([, times]) => times > 0)));
      const [delivery] = await rows(page, 'Delivery by destination');
      const { p50_ms: half, ...of } = says.destinations[0];
      assert.deepEqual(delivery.slice(0, 4), ['crm', `${of.delivered}`, `${of.pending}`, `${of.dead}`]);
      assert.match(delivery[7], half < 1_000 ? new RegExp(`half within ${half} ms`) : /half within/);
      await page.getByText('The scores as a table').click();
      assert.equal((await rows(page, 'Scores by points')).reduce((sum, [, leads]) => sum + number(leads), 0), 9);
      await page.getByText(/warm from 20, hot from 40.*sent on from 15/).waitFor();
    });
  });

  test('every plot is drawn and says what it shows', async () => {
    await visiting({ search: '?campaign=spring' }, async (page) => {
      const plots = page.getByRole('img');
      assert.equal(await plots.count(), 2);
      assert.match(await plots.first().getAttribute('aria-label'), /Leads by day: 10 accepted, 9 new, 5 qualified, 5 delivered\. Most in one day: 10/);
      assert.match(await plots.last().getAttribute('aria-label'), /Score distribution of 9 leads.*Thresholds: warm from 20/);
      const painted = () => page.locator('canvas').evaluateAll((all) => all.map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
      }));
      for (const colours of await painted()) assert.ok(colours > 4, `a canvas of ${colours} colours`);
      await page.locator('.u-over').first().hover({ position: { x: 500, y: 60 } });
      await page.locator('.readout').first().getByText(/accepted \d+/).waitFor();
    });
  });

  test('campaign and period are in the address, and back goes back', async () => {
    await visiting({}, async (page) => {
      const all = await world.ask('GET', 'overview');
      await page.locator('[data-step=received]').waitFor();
      assert.ok(await step(page, 'received') >= 14 + DEAD + JUNK && all.thresholds === null);
      await page.getByText('choose a campaign to see its thresholds').waitFor();
      await page.getByLabel('Campaign').selectOption('spring');
      await until('the campaign is shown', async () => await step(page, 'received') === 14);
      await page.getByText('7 days', { exact: true }).click();
      assert.equal(new URL(page.url()).search, '?campaign=spring&period=7d');
      await page.getByText('Today', { exact: true }).click();
      await page.getByText('By hour', { exact: true }).waitFor();
      await page.getByText('Custom', { exact: true }).click();
      await page.getByLabel('From (UTC)').fill('2020-01-01');
      await page.getByLabel('To, with that day').fill('2020-01-31');
      await page.getByRole('button', { name: 'Show' }).click();
      await page.getByText('Nothing came in this period').waitFor();
      assert.equal(new URL(page.url()).search, '?campaign=spring&period=custom&from=2020-01-01&to=2020-01-31');
      await page.reload();
      await page.getByText('Nothing came in this period').waitFor();
      for (let n = 0; n < 3; n += 1) await page.goBack();
      await until('the days are back', async () => new URL(page.url()).search === '?campaign=spring&period=7d' && await step(page, 'received') === 14);
      assert.equal(await page.getByLabel('7 days').isChecked(), true);
      await page.getByLabel('Campaign').selectOption('quiet');
      await page.getByText('Nothing came in this period').waitFor();
    });
  });

  test('times are the browser\'s, with UTC beside them, and today is its day', async () => {
    // Half an hour beside the hours of the counters, and nowhere near its midnight.
    const [zone, shiftMinutes] = new Date().getUTCHours() < 12 ? ['Asia/Kolkata', 330] : ['Etc/GMT+4', -240];
    await visiting({ search: '?campaign=spring&period=today', zone }, async (page) => {
      assert.equal(await step(page, 'received'), 14);
      const { at } = (await world.ask('GET', 'audit?campaign=spring&limit=1')).entries[0];
      const shown = page.locator('.lines time').first();
      assert.equal(await shown.getAttribute('datetime'), at);
      assert.equal(await shown.getAttribute('title'), `${at.slice(0, 19).replace('T', ' ')} UTC`);
      const clock = new Date(Date.parse(at) + shiftMinutes * 60_000).toISOString().slice(11, 16);
      assert.ok((await shown.innerText()).endsWith(clock), `${await shown.innerText()} is ${clock}`);
      await page.getByText(/The \d+ hours as a table/).click();
      const now = new Date(Date.now() + shiftMinutes * 60_000).getUTCHours();
      assert.ok([now + 1, now + 2].includes((await rows(page, 'Leads by hour')).length), 'as many hours as its day has had');
    });
  });

  test('held leads stand with their rules and what they lack', async () => {
    await visiting({ search: '?view=held&campaign=spring' }, async (page) => {
      const shown = await rows(page, 'Held leads');
      const { held } = await world.ask('GET', 'held?campaign=spring');
      assert.deepEqual(shown.map(([lead]) => lead), held.map(({ lead_id: id }) => id));
      assert.equal(shown.length, 4);
      assert.match(shown[0][2], /^10 of 15/);
      assert.match(shown[0][3], /\+10paid search/);
      assert.equal(shown[0][4], 'below the campaign\'s threshold');
    });
  });

  test('a token that may read cannot do anything, and is told why', async () => {
    await visiting({ as: READER, search: '?view=quarantine&campaign=junk' }, async (page) => {
      const asked = [];
      page.on('request', (request) => { if (request.method() !== 'GET') asked.push(request.url()); });
      const show = page.getByRole('button', { name: /^Show / }).first();
      assert.equal(await show.getAttribute('aria-disabled'), 'true');
      await show.click({ force: true });
      const release = page.getByRole('button', { name: 'Release all' });
      await release.click({ force: true });
      const reason = await release.getAttribute('aria-describedby');
      assert.equal(await page.locator(`#${reason}`).textContent(), 'Your token lacks the scope operate.');
      await go(page, 'Dead letters');
      await page.locator('.view > *').first().waitFor();
      assert.deepEqual([asked, await page.getByRole('dialog').count()], [[], 0]);
    });
  });

  test('what is quarantined is looked at, released and discarded, with a question first and with progress', async () => {
    await visiting({ search: '?view=quarantine&campaign=junk' }, async (page) => {
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
      // The first hundred wait, so that the progress can be seen.
      let goOn;
      const waits = new Promise((done) => { goOn = done; });
      let batches = 0;
      await page.route('**/quarantine/release', async (route) => {
        batches += 1;
        if (batches === 2) await waits;
        await route.continue();
      });
      await dialog.getByRole('button', { name: 'Release all' }).click();
      await said(page, `100 of ${rest} released.`).waitFor();
      await go(page, 'Overview');
      const progress = page.getByRole('progressbar').first();
      assert.deepEqual(await progress.evaluate(({ value, max }) => [value, max]), [100, rest]);
      goOn();
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
    await visiting({ search: '?view=dead&campaign=broken' }, async (page) => {
      assert.equal((await rows(page, 'Dead letters')).length, DEAD);
      await until('the title is text', async () => await page.getByLabel('Campaign').locator('option:checked').innerText() === `${HOSTILE} (broken)`);
      await page.getByRole('button', { name: /^Details/ }).first().click();
      await page.getByRole('heading', { name: '10 attempts' }).waitFor();
      assert.deepEqual((await rows(page, 'Attempts')).map((row) => row[2]), Array(10).fill('answered 500'));
      await page.keyboard.press('Escape');

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

  test('it reads again by itself, and leaves focus, scroll and what is opened alone', async () => {
    await world.publish(campaign('growing', crm));
    await world.postJson('growing', person());
    await world.settled('growing');
    await visiting({ search: '?campaign=growing', as: null }, async (page) => {
      await page.clock.install();
      await page.getByLabel('Admin token').fill(OPERATOR);
      await page.keyboard.press('Enter');
      await page.getByText(/The \d+ days as a table/).click();
      const box = page.getByRole('group', { name: 'Leads by day' });
      await box.focus();
      await box.evaluate((element) => { element.scrollTop = 120; });
      const before = await page.evaluate(() => scrollY);
      await world.postJson('growing', person());
      await world.settled('growing');
      await page.clock.runFor(31_000);
      await until('the second lead is shown', async () => await step(page, 'delivered') === 2);
      assert.equal(await box.evaluate((element) => document.activeElement === element && element.scrollTop === 120), true);
      assert.equal(await page.evaluate(() => scrollY), before);
    });
  });

  test('what cannot be answered now is asked again, and what was read stays', async () => {
    await visiting({}, async (page) => {
      await page.locator('[data-step=received]').waitFor();
      const received = await step(page, 'received');
      world.kv.reads = 'failing';
      try {
        await page.getByRole('button', { name: 'Refresh' }).click();
        await page.getByText(/Leadhook is busy or cannot reach its storage\. It is asked again in \d+ s\./).waitFor();
        assert.equal(await step(page, 'received'), received);
      } finally {
        world.kv.heal();
      }
      await page.getByText(/Leadhook is busy/).waitFor({ state: 'detached', timeout: 60_000 });
    });
    await visiting({ search: '?campaign=nothing-like-it', as: null }, async (page) => {
      await page.getByLabel('Admin token').fill(OPERATOR);
      await page.keyboard.press('Enter');
      await page.getByText('There is no campaign of that name.').waitFor();
    });
  });

  test('with the keyboard alone one signs in, goes round, opens and closes', async () => {
    await visiting({ as: null }, async (page) => {
      const focused = () => page.evaluate(() => document.activeElement?.textContent.trim() || document.activeElement?.id);
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
      assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'none', 'focus is visible');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: 'Held leads' }).waitFor();
      assert.equal(await focused(), 'Held leads', 'the title of the view is read out');
      await page.keyboard.press('Shift+Tab');
      await tabTo('Overview');
      await page.keyboard.press('Enter');
      await page.getByLabel('30 days').focus();
      await page.keyboard.press('ArrowLeft');
      await until('seven days', () => new URL(page.url()).searchParams.get('period') === '7d');
      assert.equal(await page.getByLabel('7 days').evaluate((element) => element === document.activeElement), true);
    });
  });

  test('a ledger of ten thousand leads is shown as quickly as a small one', async () => {
    const MANY = 10_000;
    await world.publish(campaign('many', crm, { qualify: { ...threshold, forward_at: 40 } }));
    const sources = ['google', 'partner', 'newsletter', 'bing'];
    let posted = 0;
    // One in ten qualifies, so that there are deliveries too.
    const post = async () => {
      while (posted < MANY) {
        const n = (posted += 1);
        const { status } = await world.postJson('many', person({ utm_source: sources[n % 4], ...(n % 10 === 0 && { company_size: '201+', utm_source: 'google' }) }));
        assert.equal(status, 202);
      }
    };
    await Promise.all(Array.from({ length: 24 }, post));
    const counters = await world.settled('many');
    const says = await overviewOf('many');
    assert.equal(counters.accepted, MANY);
    assert.deepEqual([says.funnel.new, says.funnel.qualified, says.funnel.delivered], [MANY, counters.states.delivered, counters.states.delivered]);
    assert.equal(Object.values(says.timeline).reduce((sum, of) => sum + of.accepted, 0), MANY);
    await visiting({}, async (page) => {
      const shown = [];
      // The machine may be busy with something else at one moment.
      for (let n = 0; n < 3; n += 1) {
        const began = Date.now();
        await page.goto(`${pages.url}/admin?campaign=many`);
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

  for (const scheme of ['light', 'dark']) {
    test(`in ${scheme} colours axe finds nothing, and no page is wider than the screen`, async () => {
      for (const width of [360, 1440]) {
        await visiting({ as: null, scheme, width }, async (page) => {
          await axe(page, 'sign in');
          await page.getByLabel('Admin token').fill(OPERATOR);
          await page.keyboard.press('Enter');
          await page.locator('.view > *').first().waitFor();
          for (const view of [...VIEWS, 'overview&campaign=spring&period=today']) {
            await page.goto(`${pages.url}/admin?view=${view}`);
            await page.locator('.view > .card, .view > .empty').first().waitFor();
            await axe(page, `${view} ${width}`);
            const [wide, has] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
            assert.ok(wide <= has, `${view}: ${wide} of ${has}`);
            if (SHOTS) await page.screenshot({ path: path.join(SHOTS, `real-${view}-${width}-${scheme}.png`), fullPage: true });
          }
          const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
          const before = await background();
          const other = scheme === 'light' ? 'dark' : 'light';
          while (!await page.getByRole('button', { name: `Colours: ${other}` }).count()) await page.getByRole('button', { name: /^Colours/ }).click();
          assert.notEqual(await background(), before);
          const chosen = await background();
          await page.reload();
          assert.equal(await background(), chosen, 'the choice is kept');
        });
      }
    });
  }

  test('nothing of it is told, or readable where it is kept', () => audit(world));
});
