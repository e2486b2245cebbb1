// A person in a browser, on the example pages: with JavaScript and without.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { NO_BROWSER, findChromium } from '../../scripts/chromium.mjs';
import { audit } from './audit.mjs';
import { person } from './campaigns.mjs';
import { exampleCampaign, servePages } from './examples.mjs';
import { until } from './http.mjs';
import { Receiver, SECRETS } from './receiver.mjs';
import { World } from './world.mjs';

const CAMPAIGNS = ['spring-guide', 'newsletter', 'demo-request', 'chatbot-contact'];
const executablePath = findChromium();
// In CI a missing browser fails; on a desk it is said, and the rest goes on.
const skip = !executablePath && !process.env.CI && NO_BROWSER;

describe('a person in a browser', { skip, timeout: 180_000 }, () => {
  let world, crm, sales, pages, browser;

  before(async () => {
    assert.ok(executablePath, NO_BROWSER);
    crm = await Receiver.start();
    sales = await Receiver.start(SECRETS.SALES_WEBHOOK_SECRET);
    world = await World.start();
    await world.publish(...CAMPAIGNS.map((id) => exampleCampaign(id, { crm, sales })));
    pages = await servePages(world);
    browser = await chromium.launch({ executablePath });
  });

  after(async () => {
    await browser?.close();
    await pages?.stop();
    await world?.stop();
    await crm?.down();
    await sales?.down();
  });

  /** Opens a page in a fresh browser profile, runs `visit`, and fails on any error that the page had. */
  async function visiting(address, { javaScript = true } = {}, visit) {
    const context = await browser.newContext({ javaScriptEnabled: javaScript });
    context.setDefaultTimeout(40_000);
    const page = await context.newPage();
    const problems = [];
    page.on('pageerror', (error) => problems.push(error.message));
    try {
      await page.goto(`${pages.url}/${address}`);
      await visit(page);
      assert.deepEqual(problems, []);
    } finally {
      await context.close();
    }
  }

  const arrived = (receiver, email) => until('the webhook', () => receiver.to(email).length && receiver.to(email)[0].payload.data);
  const consentBox = (page, purpose) => page.locator(`input[name="consent.${purpose}"]`);
  const submit = (page) => page.locator('form button[type=submit]').click();

  test('with JavaScript, a filled form is thanked for in place, and the lead arrives with its score', async () => {
    const { email } = person();
    await visiting('spring-guide.html?utm_source=partner', {}, async (page) => {
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await page.getByLabel('Name').fill('Ada Lovelace');
      await page.getByLabel('What do you want to grow?').selectOption('Kitchen garden');
      await consentBox(page, 'newsletter').check();
      await submit(page);
      await page.locator('[data-thanks]').waitFor({ state: 'visible' });
    });
    const data = await arrived(crm, email);
    assert.deepEqual(data.answers, { name: 'Ada Lovelace', interest: 'Kitchen garden' });
    assert.equal(data.score.total, 30);
    assert.deepEqual(data.score.reasons.map(({ rule }) => rule), ['gave a name', 'plans a kitchen garden', 'came from our partner']);
    assert.equal(data.attribution.utm_source, 'partner');
    assert.equal(data.attribution.page_url, `${pages.url}/spring-guide.html`);
    assert.equal(data.consent[0].version_shown, '2026-11');
  });

  test('without JavaScript, the same form leads to the thanks page', async () => {
    const { email } = person();
    await visiting('spring-guide.html', { javaScript: false }, async (page) => {
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await consentBox(page, 'newsletter').check();
      await submit(page);
      await page.getByText(/thank you/i).filter({ visible: true }).first().waitFor();
      assert.ok(!page.url().includes(email), page.url());
    });
    const data = await arrived(crm, email);
    assert.deepEqual([data.contact, data.answers], [{ email }, {}], 'a field left empty is not an answer');
  });

  test('with JavaScript, each problem stands at its field until it is mended', async () => {
    const { email } = person();
    await visiting('spring-guide.html', {}, async (page) => {
      const field = page.getByLabel('E-mail', { exact: true });
      await field.fill('ada@nowhere');
      await submit(page);
      const errors = page.locator('.error');
      await errors.first().waitFor();
      assert.equal(await errors.count(), 2, 'the address and the consent');
      assert.equal(await field.getAttribute('aria-invalid'), 'true');
      await field.fill(email);
      await consentBox(page, 'newsletter').check();
      await submit(page);
      await page.locator('[data-thanks]').waitFor({ state: 'visible' });
    });
    await arrived(crm, email);
  });

  test('without JavaScript, what is wrong is shown on a readable page', async () => {
    const { email } = person();
    await visiting('spring-guide.html', { javaScript: false }, async (page) => {
      await page.getByLabel('E-mail', { exact: true }).fill('ada@nowhere');
      await consentBox(page, 'newsletter').check();
      const [response] = await Promise.all([page.waitForResponse(/\/c\/spring-guide/), submit(page)]);
      assert.equal(response.status(), 422);
      await page.getByText(/e-mail/i).first().waitFor();
      assert.doesNotMatch(await page.content(), /ada@nowhere/);
      await page.goBack();
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await consentBox(page, 'newsletter').check();
      await submit(page);
      await page.getByText(/thank you/i).filter({ visible: true }).first().waitFor();
    });
    await arrived(crm, email);
  });

  test('someone who comes again by another campaign of the ledger is the same lead', async () => {
    const { email } = person();
    const signUp = (page) => async () => {
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await consentBox(page, 'newsletter').check();
      await submit(page);
      await page.locator('[data-thanks]').waitFor({ state: 'visible' });
    };
    for (const address of ['newsletter.html', 'newsletter.html', 'spring-guide.html']) {
      await visiting(address, {}, (page) => signUp(page)());
    }
    await world.settled('newsletter');
    await world.settled('spring-guide');
    const both = crm.to(email).map(({ payload }) => payload.data);
    assert.deepEqual(both.map(({ campaign }) => campaign), ['newsletter', 'spring-guide']);
    assert.equal(both[0].lead_id, both[1].lead_id);
  });

  test('a demo request that is hot goes to sales too, under its own secret', async () => {
    const { email } = person();
    await visiting('demo-request.html?utm_source=google&utm_medium=cpc', {}, async (page) => {
      await page.getByLabel('Work e-mail').fill(email);
      await page.getByLabel('Name').fill('Ada Lovelace');
      await page.getByLabel('Company', { exact: true }).fill('Analytical Engines');
      await page.getByLabel('Your role').selectOption('Management');
      await page.getByLabel('Country').selectOption('Sweden');
      await page.getByLabel('When do you want to start?').selectOption('This month');
      await consentBox(page, 'contact').check();
      await submit(page);
      await page.locator('[data-thanks]').waitFor({ state: 'visible' });
    });
    const [toCrm, toSales] = [await arrived(crm, email), await arrived(sales, email)];
    assert.equal(toCrm.lead_id, toSales.lead_id);
    assert.deepEqual([toCrm.score.total, toCrm.score.temperature], [80, 'hot']);
  });

  test('a chatbot asks what its campaign wants to know, and the answers arrive', async () => {
    const { email } = person();
    await visiting('chatbot.html', {}, async (page) => {
      const answer = async (question, text) => {
        await page.getByText(question).waitFor();
        await page.getByLabel('Your answer').fill(text);
        await page.getByRole('button', { name: 'Send' }).click();
      };
      await answer('What would you like to know?', 'Do you ship to Gotland?');
      await answer('Which e-mail address may we answer to?', email);
      await page.getByRole('button', { name: 'Skip' }).click();
      await page.getByText('May Example AB answer my question by e-mail?').waitFor();
      await page.getByRole('button', { name: 'Yes' }).click();
      await page.getByText('Thank you!').waitFor();
    });
    const data = await arrived(crm, email);
    assert.deepEqual(data.answers, { question: 'Do you ship to Gotland?' });
    const given = data.consent.filter(({ granted }) => granted);
    assert.deepEqual(given.map(({ purpose, method, version_shown }) => [purpose, method, version_shown]), [['contact', 'json', '2026-11']]);
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual([crm.refused, sales.refused], [[], []]);
    audit(world);
  });
});
