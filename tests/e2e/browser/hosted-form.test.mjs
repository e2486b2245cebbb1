// The hosted form, by mouse, by keyboard alone, on a phone, without JavaScript and over a connection that
// fails.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serveWorld } from '../support/origin.mjs';
import { findings, launch, opened, skip } from '../support/browser.mjs';
import { campaign } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { serveSite } from '../support/site.mjs';
import { World } from '../support/world.mjs';

const HOSTILE = '<img src=x onerror="window.hit=1">';
const WIDTHS = [360, 1440];

describe('the hosted form', { skip, timeout: 180_000 }, () => {
  let world, crm, pages, site, browser;

  before(async () => {
    crm = await Receiver.start();
    pages = await serveWorld(() => world);
    site = await serveSite(() => ({
      body: `<iframe src="${pages.url}/f/framed" title="Form"></iframe>`,
      policy: `frame-src ${pages.url}`,
    }));
    world = await World.start({ vars: { LEADHOOK_PUBLIC_URL: pages.url } });
    const own = (id, changes) => campaign(id, crm, { thanks_url: undefined, ...changes });
    await world.publish(
      own('plain', {}),
      own('framed', { origins: [site.url] }),
      own('gives', { magnet: { title: 'The guide', url: `${pages.url}/form.css` } }),
      own('asks', {
        field: [
          { name: 'email', kind: 'email', label: 'E-mail', required: true },
          { name: 'amount', kind: 'number', label: 'Amount' },
          { name: 'starts', kind: 'date', label: 'Starts' },
          { name: 'site', kind: 'url', label: 'Site' },
          {
            name: 'interests',
            kind: 'choice',
            label: 'Interests',
            several: true,
            required: true,
            choices: ['Garden', 'House', 'Boat'],
            help: 'As many as apply.',
          },
          { name: 'message', kind: 'text', label: 'Message', max_length: 400 },
        ],
        score: [{ rule: 'much', points: 50, when: { field: 'amount', at_least: 100 } }],
      }),
      own('svensk', { language: 'sv' }),
      own('dansk', { language: 'da', page: { accent: '#ffd500', background: '#102030', button: 'Ja tak' } }),
      own('browsers', { language: undefined }),
      own('hostile', {
        title: `Title ${HOSTILE}`,
        page: { intro: HOSTILE, button: HOSTILE, thanks: HOSTILE },
        field: [
          { name: 'email', kind: 'email', label: `Mail ${HOSTILE}`, required: true },
          { name: 'size', kind: 'choice', choices: [HOSTILE, '"><script>window.hit=1</script>'] },
        ],
        purpose: [{ id: 'news', text: HOSTILE, version: '"><script>window.hit=1</script>', required: true }],
        score: [],
      }),
    );
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
    await pages?.stop();
    await world?.stop();
    await crm?.down();
  });

  const visiting = (path, options, visit) =>
    opened(browser, `${pages.url}${path}`, { ours: [pages.url], ...options }, visit);
  const arrived = (email) => until(`the lead of ${email}`, () => crm.to(email)[0]?.payload.data);

  async function fillIn(page, email) {
    await page.getByRole('textbox', { name: 'E-mail' }).fill(email);
    await page.getByRole('textbox', { name: 'Phone' }).fill('070-174 06 05');
    await page.getByRole('textbox', { name: 'Name' }).fill('Åsa Öberg');
    await page.locator('select[name=company_size]').selectOption('201+');
    await page.locator('select[name=country]').selectOption('SE');
    await page.locator('input[name="consent.newsletter"]').check();
  }

  test('without JavaScript it is filled in, sent, corrected and thanked', async () => {
    const email = 'no.script@example.org';
    await visiting('/f/plain?utm_source=partner&gclid=G-1', { javaScriptEnabled: false }, async (page) => {
      await fillIn(page, email);
      await page.getByRole('textbox', { name: 'Name' }).fill('Å');
      await page.getByRole('button', { name: 'Send' }).click();
      await page.getByText('Please go back, correct this and send it again:').waitFor();
      await page.getByText('Please write at least 2 characters.').waitFor();
      assert.doesNotMatch(await page.content(), /no\.script|070-174/);
      await page.goBack();
      assert.equal(
        await page.getByRole('textbox', { name: 'E-mail' }).inputValue(),
        email,
        'what was typed is still there',
      );
      await page.getByRole('textbox', { name: 'Name' }).fill('Åsa Öberg');
      await page.getByRole('button', { name: 'Send' }).click();
      await page.getByText('Thank you. We have received your details.').waitFor();
      assert.equal(new URL(page.url()).pathname, '/c/plain/thanks');
    });
    const lead = await arrived(email);
    assert.deepEqual(lead.answers, { name: 'Åsa Öberg', company_size: '201+', country: 'SE' });
    assert.equal(lead.contact.phone, '+46701740605');
    assert.deepEqual(lead.attribution, {
      utm_source: 'partner',
      gclid: 'G-1',
      page_url: `${pages.url}/f/plain`,
    });
    const [consent] = lead.consent;
    assert.deepEqual([consent.version_shown, consent.method], ['2026-11', 'form']);
  });

  for (const javaScriptEnabled of [true, false]) {
    test(`what is typed is what is kept, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`, async () => {
      const email = `typed.${javaScriptEnabled}@example.org`;
      await visiting('/f/Asks/', { javaScriptEnabled }, async (page) => {
        assert.equal(new URL(page.url()).pathname, '/f/asks');
        const fill = (name, text) => page.getByRole('textbox', { name }).fill(text);
        await fill('E-mail', email);
        // Key by key: an input of another type would show something else than it sends.
        await page.getByRole('textbox', { name: 'Amount' }).pressSequentially('\u221220,5');
        await page.getByLabel('Starts').fill('2027-01-31');
        await fill('Site', 'www.firma.se/om oss');
        await fill('Message', `${'x'.repeat(398)}\n.`);
        await page.locator('input[name="consent.newsletter"]').check();
        if (javaScriptEnabled) {
          await page.getByRole('button', { name: 'Send' }).click();
          await page.locator('fieldset .error').waitFor();
        }
        await page.getByLabel('Boat').check();
        await page.getByLabel('Garden').check();
        await page.getByRole('button', { name: 'Send' }).click();
        await page.getByText('Thank you. We have received your details.').waitFor();
      });
      const { answers, score } = await arrived(email);
      assert.deepEqual(answers, {
        amount: -20.5,
        starts: '2027-01-31',
        site: 'https://www.firma.se/om%20oss',
        interests: ['Garden', 'Boat'],
        message: `${'x'.repeat(398)}\n.`,
      });
      assert.deepEqual(score.reasons, []);
    });
  }

  test('without JavaScript and by keyboard alone, the thanks page gives what was promised', async () => {
    const email = 'gets.it@example.org';
    await visiting('/f/gives', { javaScriptEnabled: false }, async (page) => {
      await fillIn(page, email);
      await page.keyboard.press('Enter');
      await page.getByText('Here it is: The guide').waitFor();
      await page.keyboard.press('Tab');
      await Promise.all([page.waitForURL('**/form.css'), page.keyboard.press('Enter')]);
    });
    const { lead_id } = await arrived(email);
    await until('the download', () =>
      crm.deliveries.some(
        ({ payload }) => payload.type === 'lead.engaged' && payload.data.lead_id === lead_id,
      ),
    );
  });

  test("in a frame of the campaign's own pages, without JavaScript, it is sent and thanked", async () => {
    const email = 'framed@example.org';
    await opened(
      browser,
      `${site.url}/`,
      { ours: [site.url, pages.url], javaScriptEnabled: false },
      async (page) => {
        const frame = page.frameLocator('iframe');
        await frame.getByRole('textbox', { name: 'E-mail' }).fill(email);
        await frame.locator('input[name="consent.newsletter"]').check();
        await frame.getByRole('button', { name: 'Send' }).click();
        await frame.getByText('Thank you. We have received your details.').waitFor();
      },
    );
    await arrived(email);
  });

  test('by keyboard alone', async () => {
    const email = 'keys@example.org';
    await visiting('/f/plain', {}, async (page) => {
      const focused = () => page.evaluate(() => document.activeElement.name || document.activeElement.type);
      const visited = [];
      for (let step = 0; step < 30 && visited.at(-1) !== 'submit'; step += 1) {
        await page.keyboard.press('Tab');
        const name = await focused();
        if (name === visited.at(-1)) continue;
        visited.push(name);
        if (name === 'email') await page.keyboard.type(email);
        if (name === 'name') await page.keyboard.type('Ada');
        if (name === 'company_size') await page.keyboard.type('51');
        if (name === 'consent.newsletter') await page.keyboard.press('Space');
      }
      const fields = ['email', 'phone', 'name', 'company_size', 'seats', 'wants_demo', 'country', 'website'];
      assert.deepEqual(visited, [...fields, 'consent.newsletter', 'consent.calls', 'submit']);
      await page.keyboard.press('Enter');
      await page.getByText('Thank you. We have received your details.').waitFor();
    });
    assert.equal((await arrived(email)).answers.company_size, '51-200');
  });

  test('problems stand at the fields before anything is sent', async () => {
    await visiting('/f/svensk', {}, async (page) => {
      const sent = [];
      page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()));
      await page.waitForLoadState('networkidle');
      await page.getByRole('textbox', { name: 'E-mail' }).fill('inte en adress');
      await page.getByRole('button', { name: 'Skicka' }).click();
      await page.getByText('Ange en e-postadress, till exempel namn@example.com.').waitFor();
      await page.getByText('Vi behöver ditt samtycke för att gå vidare.').waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.name), 'email');
      assert.deepEqual(await findings(page), []);
      assert.deepEqual(sent, []);
    });
  });

  test('a connection that fails in the middle, and a button that is pressed twice, make one lead', async () => {
    const email = 'twice@example.org';
    await visiting('/f/plain', {}, async (page) => {
      let posts = 0;
      await page.route('**/c/plain', async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        posts += 1;
        if (posts > 1) return route.continue();
        // It arrives, and its answer does not.
        await route.fetch();
        return route.abort('connectionreset');
      });
      await page.waitForLoadState('networkidle');
      await fillIn(page, email);
      await page.getByRole('button', { name: 'Send' }).dblclick();
      await page.getByText('Thank you. We have received your details.').waitFor();
      assert.equal(posts, 2);
    });
    await arrived(email);
    await world.settled('plain');
    assert.equal(crm.to(email).length, 1);
  });

  for (const [path, language, button] of [
    ['/f/svensk', 'sv', 'Skicka'],
    ['/f/dansk', 'da', 'Ja tak'],
  ]) {
    test(`in ${language}, whatever the browser speaks`, async () => {
      await visiting(path, { locale: 'en-GB' }, async (page) => {
        assert.equal(await page.getAttribute('html', 'lang'), language);
        await page.getByRole('button', { name: button }).waitFor();
        const countries = await page.locator('select[name=country] option').allTextContents();
        assert.equal(countries.length, 251);
        assert.ok(countries.includes(language === 'sv' ? 'Tyskland' : 'Sverige'), countries.join());
        // Å, Ä and Ö are at the end of the Swedish alphabet.
        if (language === 'sv') assert.equal(countries.at(-1), 'Östtimor');
      });
    });
  }

  test('where the campaign states no language, in that of the browser', async () => {
    for (const [locale, language] of [
      ['sv-SE', 'sv'],
      ['da-DK', 'da'],
      ['fr-FR', 'en'],
    ]) {
      await visiting('/f/browsers', { locale }, async (page) =>
        assert.equal(await page.getAttribute('html', 'lang'), language),
      );
    }
  });

  for (const width of WIDTHS) {
    test(`at ${width} px it is filled in and sent, nothing is cut off, and axe finds nothing on any page`, async () => {
      const viewport = { width, height: 800 };
      for (const path of [
        '/f/plain',
        '/f/dansk',
        '/f/hostile',
        '/c/dansk/thanks',
        '/confirm/dansk/x',
        '/f/nothing',
      ]) {
        await visiting(path, { viewport }, async (page) => {
          assert.deepEqual(await findings(page), [], path);
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, path);
        });
      }
      const email = `at.${width}@example.org`;
      await visiting('/f/gives', { viewport }, async (page) => {
        await fillIn(page, email);
        await page.getByRole('button', { name: 'Send' }).click();
        await page.getByText('Here it is: The guide').waitFor();
        assert.deepEqual(await findings(page), []);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      });
      await arrived(email);
    });
  }

  test('what campaigns and addresses say is text and never markup', async () => {
    for (const path of [`/f/hostile?utm_source=${encodeURIComponent(HOSTILE)}`, '/c/hostile/thanks']) {
      await visiting(path, {}, async (page) => {
        await page.waitForLoadState('networkidle');
        assert.equal(await page.evaluate(() => window.hit), undefined);
        assert.equal(await page.locator('img, main script').count(), 0);
        assert.ok((await page.locator('h1').textContent()).includes(HOSTILE));
      });
    }
  });
});
