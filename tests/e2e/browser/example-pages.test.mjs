// The example pages in a browser, with JavaScript and without.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, opened, skip } from '../support/browser.mjs';
import { person } from '../support/campaigns.mjs';
import { exampleCampaign, PAGES, servePages } from '../support/examples.mjs';
import { sleep, until } from '../support/http.mjs';
import { assertNoLeaks } from '../support/leaks.mjs';
import { Mailbox, links } from '../support/mailbox.mjs';
import { Receiver, SECRETS } from '../support/receiver.mjs';
import { ASSETS, World } from '../support/world.mjs';

const CAMPAIGNS = ['spring-guide', 'newsletter', 'demo-request', 'chatbot-contact'];

describe('a person in a browser', { skip, timeout: 180_000 }, () => {
  let world, crm, sales, mailbox, pages, browser;

  before(async () => {
    crm = await Receiver.start();
    sales = await Receiver.start(SECRETS.SALES_WEBHOOK_SECRET);
    mailbox = await Mailbox.start();
    pages = await servePages(() => world);
    world = await World.start({ vars: { LEADHOOK_PUBLIC_URL: pages.url }, assets: [ASSETS, PAGES] });
    await world.publish(...CAMPAIGNS.map((id) => exampleCampaign(id, { crm, sales, mail: mailbox })));
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await pages?.stop();
    await world?.stop();
    await crm?.down();
    await sales?.down();
    await mailbox?.stop();
  });

  const visiting = (address, { javaScript = true } = {}, visit) =>
    opened(browser, `${pages.url}/${address}`, { ours: [pages.url], javaScriptEnabled: javaScript }, visit);

  const arrived = (receiver, email) =>
    until('the webhook', () => receiver.to(email).length && receiver.to(email)[0].payload.data);
  const consentBox = (page, purpose) => page.locator(`input[name="consent.${purpose}"]`);
  const submit = (page) => page.locator('form button[type=submit]').click();

  /** Fills in a form that needs an address and the newsletter's consent alone. */
  async function signUp(page, email) {
    await page.getByLabel('E-mail', { exact: true }).fill(email);
    await consentBox(page, 'newsletter').check();
    await submit(page);
    await page.locator('[data-thanks]').waitFor({ state: 'visible' });
  }

  /** Opens a mail's link, which shows a page with one button and does nothing else. */
  async function open(page, link) {
    const answer = await page.goto(link);
    assert.equal(answer.status(), 200);
    assert.match(answer.headers()['content-security-policy'], /default-src 'none'/);
    assert.equal(await page.locator('button').count(), 1);
    assert.equal(await page.locator('input[type=submit], script').count(), 0);
  }

  /** Presses the page's only button. */
  async function press(page) {
    const posted = page.waitForRequest((request) => request.method() === 'POST');
    await page.locator('button').click();
    const answer = await (await posted).response();
    assert.ok(answer.status() < 400, `${answer.status()}`);
    await page.waitForLoadState();
  }

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
    assert.deepEqual(
      data.score.reasons.map(({ rule }) => rule),
      ['gave a name', 'plans a kitchen garden', 'came from our partner'],
    );
    assert.equal(data.attribution.utm_source, 'partner');
    assert.equal(data.attribution.page_url, `${pages.url}/spring-guide`);
    assert.equal(data.consent[0].version_shown, '2026-11');
  });

  test('without JavaScript, the same form leads to the thanks page', async () => {
    const { email } = person();
    await visiting('spring-guide.html', { javaScript: false }, async (page) => {
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await consentBox(page, 'newsletter').check();
      await submit(page);
      await page
        .getByText(/thank you/i)
        .filter({ visible: true })
        .first()
        .waitFor();
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
      await page
        .getByText(/e-mail/i)
        .first()
        .waitFor();
      assert.doesNotMatch(await page.content(), /ada@nowhere/);
      await page.goBack();
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await consentBox(page, 'newsletter').check();
      await submit(page);
      await page
        .getByText(/thank you/i)
        .filter({ visible: true })
        .first()
        .waitFor();
    });
    await arrived(crm, email);
  });

  test('someone who comes again by another campaign of the ledger is the same lead', async () => {
    const { email } = person();
    await visiting('newsletter.html', {}, async (page) => {
      await signUp(page, email);
      await open(page, links(await mailbox.next(email)).confirm);
      await press(page);
    });
    await arrived(crm, email);
    for (const address of ['newsletter.html', 'spring-guide.html']) {
      await visiting(address, {}, (page) => signUp(page, email));
    }
    await world.settled('newsletter');
    await world.settled('spring-guide');
    const both = crm.to(email).map(({ payload }) => payload.data);
    assert.deepEqual(
      both.map(({ campaign }) => campaign),
      ['newsletter', 'spring-guide'],
    );
    assert.equal(both[0].lead_id, both[1].lead_id);
  });

  test('a newsletter sign-up counts once the button behind the link in its mail was pressed', async () => {
    const { email } = person();
    await visiting('newsletter.html', {}, async (page) => {
      await page.getByLabel('First name').fill('Ada');
      await signUp(page, email);
      const mail = await mailbox.next(email);
      assert.deepEqual(
        [mail.From, mail.Subject],
        ['news@example.com', 'Please confirm: The Example newsletter'],
      );
      assert.match(mail.TextBody, /Someone signed up for The Example newsletter with this address/);
      const { confirm, withdraw } = links(mail);
      assert.ok(confirm.startsWith(`${pages.url}/confirm/newsletter/`), confirm);
      assert.ok(withdraw.startsWith(`${pages.url}/withdraw/newsletter/`), withdraw);

      // Mail programs and scanners open links too, more than once.
      for (const link of [confirm, withdraw, confirm]) await open(page, link);
      await sleep(1_000);
      assert.deepEqual(crm.to(email), [], 'a GET confirms nothing');

      await press(page);
    });
    const data = await arrived(crm, email);
    assert.deepEqual(
      [data.campaign, data.contact, data.answers],
      ['newsletter', { email }, { first_name: 'Ada' }],
    );
    assert.deepEqual(
      data.consent.map(({ purpose, granted }) => [purpose, granted]),
      [['newsletter', true]],
    );
    await world.settled('newsletter');
    assert.deepEqual([mailbox.to(email).length, crm.to(email).length], [1, 1]);
  });

  test('without JavaScript, and with a provider that fails at first, a sign-up is confirmed as well', async () => {
    const { email } = person();
    mailbox.failures = 1;
    await visiting('newsletter.html', { javaScript: false }, async (page) => {
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await consentBox(page, 'newsletter').check();
      const [posted] = await Promise.all([page.waitForResponse(/\/c\/newsletter/), submit(page)]);
      assert.ok(posted.status() < 400, `${posted.status()}`);
      await open(page, links(await mailbox.next(email)).confirm);
      await press(page);
    });
    assert.equal(mailbox.failures, 0);
    assert.deepEqual((await arrived(crm, email)).contact, { email });
  });

  test('who was signed up by somebody else says so, and no lead arrives', async () => {
    const { email } = person();
    await visiting('newsletter.html', {}, async (page) => {
      await signUp(page, email);
      await open(page, links(await mailbox.next(email)).withdraw);
      await press(page);
    });
    await sleep(1_000);
    assert.deepEqual(crm.to(email), []);
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
        await page.getByLabel(question).fill(text);
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
    assert.deepEqual(
      given.map(({ purpose, method, version_shown }) => [purpose, method, version_shown]),
      [['contact', 'json', '2026-11']],
    );
  });

  test('nothing of it is told, or readable where it is kept', () => {
    assert.deepEqual([crm.refused, sales.refused, mailbox.refused], [[], [], []]);
    assertNoLeaks(world);
  });
});
