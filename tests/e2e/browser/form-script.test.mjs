// A form on somebody's own site that leadhook.js takes over, as visitors use it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ASSETS } from '../support/world.mjs';
import { findings, skip } from '../support/browser.mjs';
import { person } from '../support/campaigns.mjs';
import {
  FormSite,
  HOSTILE,
  TURNSTILE,
  fillIn,
  form,
  prepared,
  press,
  said,
  thanked,
} from '../support/form-site.mjs';
import { until } from '../support/http.mjs';

/** The most that the script may weigh on somebody's page. */
const MAX_GZIP_BYTES = 6_144;

describe('the form script', { skip, timeout: 240_000 }, () => {
  const forms = new FormSite();

  before(() => forms.start());
  after(() => forms.stop());

  test(`weighs less than ${MAX_GZIP_BYTES} bytes, and knows nobody but Leadhook and Turnstile`, () => {
    const script = fs.readFileSync(path.join(ASSETS, 'leadhook.js'));
    assert.ok(gzipSync(script, { level: 9 }).length < MAX_GZIP_BYTES);
    const addresses = [...script.toString().matchAll(/https?:\/\/[a-z0-9.]+/g)].map(([address]) => address);
    assert.deepEqual(addresses, [TURNSTILE]);
  });

  test('takes over a form by keyboard alone, and the lead says where its person came from', async () => {
    const { email } = person();
    const options = { referer: 'https://search.example/results?q=secret' };
    await forms.visiting(
      '/plain?utm_source=google&utm_campaign=spring&gclid=G-1&token=secret#top',
      options,
      async (page) => {
        await prepared(page);
        for (const keys of ['Tab', email, 'Tab', 'Tab', 'Space', 'Tab', 'Space', 'Tab', 'Enter']) {
          if (keys === email) await page.keyboard.type(email);
          else await page.keyboard.press(keys);
        }
        await thanked(page);
        assert.equal(await page.evaluate(() => document.activeElement.className), 'thanks');
        assert.equal(await page.locator('form').isVisible(), false);
        assert.equal(page.url().split('?')[0], `${forms.site.url}/plain`);
        assert.deepEqual(await page.context().cookies(), []);
      },
    );
    const lead = await forms.arrived(email);
    assert.deepEqual(lead.answers, { size: '1-10' });
    const visit = {
      utm_source: 'google',
      utm_campaign: 'spring',
      gclid: 'G-1',
      referrer: 'https://search.example/results',
      landing_page: `${forms.site.url}/plain`,
    };
    const first = Object.fromEntries(Object.entries(visit).map(([name, value]) => [`first_${name}`, value]));
    assert.deepEqual(lead.attribution, { ...visit, ...first, page_url: `${forms.site.url}/plain` });
    assert.deepEqual([lead.consent[0].method, lead.consent[0].version_shown], ['form', '2026-11']);
    assert.deepEqual(
      lead.signals.map(({ signal }) => signal),
      ['too_fast'],
      'the token came, and nothing else looks like junk',
    );
  });

  test('remembers the first visit and the last that came from somewhere, over pages', async () => {
    const { email } = person();
    await forms.visiting('/home?utm_source=google', {}, async (page) => {
      await page.getByRole('link', { name: 'To the form' }).click();
      await page.waitForURL('**/plain');
      await page.goto(`${forms.site.url}/plain?utm_source=partner`);
      await page.goto(`${forms.site.url}/plain/again`);
      await fillIn(page, email);
      await press(page);
      await thanked(page);
      assert.deepEqual(await page.context().cookies(), []);
    });
    const { attribution } = await forms.arrived(email);
    assert.deepEqual(attribution, {
      utm_source: 'partner',
      landing_page: `${forms.site.url}/plain`,
      first_utm_source: 'google',
      first_landing_page: `${forms.site.url}/home`,
      page_url: `${forms.site.url}/plain/again`,
    });
  });

  test('sets a cookie only where the campaign asks for one, for as long, and no larger than browsers keep', async () => {
    const { email } = person();
    const long = Array.from({ length: 20 }, (_, n) => `utm_x${n}=${'å'.repeat(n ? 60 : 300)}`).join('&');
    await forms.visiting('/remembers?utm_source=google', {}, async (page) => {
      const cookie = await until('the cookie', async () => (await page.context().cookies())[0]);
      const days = (cookie.expires - Date.now() / 1000) / 86_400;
      assert.deepEqual(
        [cookie.name, cookie.sameSite, cookie.path, Math.round(days)],
        ['leadhook', 'Lax', '/', 30],
      );
      assert.equal((await page.context().cookies()).length, 1);

      // Days later: another tab, which came by itself.
      const later = await page.context().newPage();
      await later.goto(`${forms.site.url}/remembers`);
      await prepared(later);
      await fillIn(later, email);
      await press(later);
      await thanked(later);

      await later.goto(`${forms.site.url}/remembers?${long}`);
      await prepared(later);
      const [kept] = await page.context().cookies();
      assert.ok(kept.value.length < 4_000);
      assert.match(decodeURIComponent(kept.value), /"first":\{"utm_source":"google"/);
      const { last } = JSON.parse(await later.evaluate(() => sessionStorage.getItem('leadhook')));
      assert.deepEqual([Object.keys(last).length, last.utm_x0.length], [13, 200]);
    });
    const { attribution } = await forms.arrived(email);
    assert.deepEqual([attribution.first_utm_source, attribution.utm_source], ['google', 'google']);
  });

  test('tells problems at the fields, what only the server knows too, and takes them back when they are mended', async () => {
    const { email } = person();
    await forms.visiting('/dansk', {}, async (page) => {
      await prepared(page);
      const posts = await forms.watchPosts(page);
      await page.getByLabel('E-mail', { exact: true }).fill(HOSTILE);
      await press(page);
      await page.getByText('Skriv en e-mailadresse').waitFor();
      assert.equal(await page.locator('[aria-invalid]').count(), 2, 'the address and the consent');
      assert.equal(posts.length, 0);
      assert.deepEqual(await findings(page), []);

      await fillIn(page, email);
      const phone = page.getByLabel('Phone');
      await phone.fill('+999 123 456 789');
      await press(page);
      await page.locator('[name=phone][aria-invalid=true]').waitFor();
      assert.equal(posts.length, 1);
      assert.equal(await page.evaluate(() => document.activeElement.name), 'phone');
      const described = await phone.evaluate((input) =>
        input
          .getAttribute('aria-describedby')
          .split(' ')
          .map((id) => document.getElementById(id).textContent),
      );
      assert.equal(described[0], 'So that we can call.');
      assert.match(described[1], /telefonnummer/);
      await phone.fill('070-174 06 05');
      assert.equal(await phone.getAttribute('aria-describedby'), 'why');
      assert.equal(await page.locator('[aria-invalid]').count(), 0);
      await press(page);
      await page.locator('.thanks').waitFor();
      assert.notEqual(posts[0].key, posts[1].key, 'another content is another post');
      assert.equal(await page.evaluate(() => window.hit), undefined);
    });
    assert.equal((await forms.arrived(email)).contact.phone, '+46701740605');
  });

  test('takes what frameworks write: a No beside each box, names with brackets and in other letters', async () => {
    const { email } = person();
    await forms.visiting('/picks/framework', {}, async (page) => {
      await prepared(page);
      const posts = await forms.watchPosts(page);
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await press(page);
      await page.getByText('Please look at the marked fields.').waitFor();
      assert.equal(posts.length, 0);
      assert.equal(await page.locator('fieldset > .error:last-child').textContent(), 'Please fill this in.');
      assert.equal(await page.locator('fieldset [aria-invalid=true]').count(), 3);
      assert.equal(await page.locator('[name="consent[newsletter]"][aria-invalid=true]').count(), 1);
      assert.equal(await page.locator('.error').count(), 2);
      assert.deepEqual(await findings(page), []);

      await page.getByLabel('House').check();
      assert.equal(await page.locator('.error').count(), 1, 'one box mends the group');
      await page.getByLabel('Boat').check();
      await page.getByRole('checkbox', { name: 'Yes' }).check();
      await press(page);
      await thanked(page);
    });
    const { answers, consent } = await forms.arrived(email);
    assert.deepEqual(answers, { interests: ['House', 'Boat & co'], demo: false });
    assert.deepEqual([consent[0].granted, consent[0].version_shown], [true, '2026-11']);
  });

  test('tells a consent to another wording at its box', async () => {
    await forms.visiting('/picks/framework', {}, async (page) => {
      await prepared(page);
      await page.evaluate(() => {
        document.querySelectorAll('[name="consent[newsletter]"]')[1].value = '2026-10';
      });
      await page.getByLabel('Garden').check();
      await fillIn(page, person().email);
      await press(page);
      await page.getByText('This text has changed. Please load the page again and read it.').waitFor();
    });
  });

  test('takes a list of choices, a day, a comma and an address without a scheme', async () => {
    const { email } = person();
    await forms.visiting('/picks/written', {}, async (page) => {
      await prepared(page);
      await fillIn(page, email);
      await page.getByLabel('Interests').selectOption(['Garden', 'Boat  & co']);
      await page.getByLabel('Day').focus();
      await page.keyboard.press('1');
      await page.getByLabel('Budget').fill('12,5,');
      await page.getByLabel('Site').fill('www.example.com');
      await press(page);
      await page.getByText('Please enter a date, as in 2026-11-30.').waitFor();
      assert.equal(await page.locator('.error').count(), 2, 'the half day and the budget');
      await page.getByLabel('Day').fill('2026-11-30');
      await page.getByLabel('Budget').fill('1 234,5');
      await press(page);
      await thanked(page);
    });
    const { answers } = await forms.arrived(email);
    assert.deepEqual(answers, {
      interests: ['Garden', 'Boat & co'],
      day: '2026-11-30',
      budget: 1234.5,
      site: 'https://www.example.com/',
    });
  });

  test('of a name that an address says twice the first value counts, tidied', async () => {
    const { email } = person();
    const query =
      'utm_source=&utm_source=%E2%80%8Bgoogle%00%20&utm_source=bing&utm_a-b=1&first_utm_source=x&gclid=%EF%BB%BF&utm_=2';
    await forms.visiting(`/plain?${query}`, {}, async (page) => {
      await fillIn(page, email);
      await press(page);
      await thanked(page);
    });
    const { attribution } = await forms.arrived(email);
    const { landing_page, page_url, first_landing_page, ...told } = attribution;
    assert.deepEqual(told, {
      utm_source: 'google',
      'utm_a-b': '1',
      utm_: '2',
      first_utm_source: 'google',
      'first_utm_a-b': '1',
      first_utm_: '2',
    });
  });

  test('sends the button that was pressed', async () => {
    const { email } = person();
    await forms.visiting('/plain/buttons', {}, async (page) => {
      await fillIn(page, email);
      await page.getByRole('button', { name: 'Get less' }).click();
      await thanked(page);
    });
    assert.deepEqual((await forms.arrived(email)).answers, { size: '1-10' });
  });

  test("keeps the rules of the page's own inputs, and tells what is no number", async () => {
    const { email } = person();
    await forms.visiting('/many/own-rules', {}, async (page) => {
      await prepared(page);
      const posts = await forms.watchPosts(page);
      await fillIn(page, email);
      await page.getByLabel('Seats').pressSequentially('1e');
      await page.getByLabel('Site').fill('www.example.com');
      await press(page);
      await page.getByText('Please enter a number, as in 12 or 12.5.').waitFor();
      assert.equal(await page.locator('[aria-invalid]').count(), 1);

      await page.getByLabel('Seats').fill('12');
      await press(page);
      await page.getByText('Please look at the marked fields.').waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.name), 'terms');
      assert.equal(posts.length, 0);

      await page.getByLabel('Terms').check();
      await press(page);
      await thanked(page);
    });
    assert.deepEqual((await forms.arrived(email)).answers, {
      seats: 12,
      site: 'www.example.com',
      constructor: 'Anna',
    });
  });

  test('inputs that stand outside of the form are told of, focused and mended too', async () => {
    const { email } = person();
    await forms.visiting('/many/apart', {}, async (page) => {
      await prepared(page);
      await fillIn(page, email);
      for (const times of [1, 2]) {
        await press(page);
        await page.locator('.error').waitFor();
        assert.equal(await page.locator('.error').count(), 1, `pressed ${times} times`);
        assert.equal(await page.evaluate(() => document.activeElement.name), 'constructor');
        await page.evaluate(() => document.activeElement.blur());
      }
      await page.getByLabel('Name').fill('Anna');
      assert.equal(await page.locator('.error').count(), 0);
      await press(page);
      await thanked(page);
    });
    assert.deepEqual((await forms.arrived(email)).answers, { constructor: 'Anna' });
  });

  test('a form that a page draws later is taken over too, and nothing typed gets into an address', async () => {
    const { email } = person();
    await forms.visiting('/home', {}, async (page) => {
      await page.evaluate(
        (markup) => document.querySelector('main').insertAdjacentHTML('beforeend', markup),
        form('plain'),
      );
      await fillIn(page, email);
      await press(page);
      await thanked(page);
      assert.equal(page.url(), `${forms.site.url}/home`);
    });
    await forms.arrived(email);
  });

  test('thanks as the page does, as the campaign does, or at its address', async () => {
    for (const [address, shown] of [
      ['/plain/own-thanks', 'You are in'],
      ['/worded', HOSTILE],
      ['/elsewhere', 'Get it'],
    ]) {
      const { email } = person();
      await forms.visiting(address, {}, async (page) => {
        const told = page.evaluate(
          () =>
            new Promise((done) =>
              document.addEventListener('leadhook:accepted', ({ detail }) => done(detail)),
            ),
        );
        await fillIn(page, email);
        await press(page);
        assert.match((await told).submission_id, /^sub_/);
        if (address === '/elsewhere') await page.waitForURL('**/plain/thanked');
        await page.getByText(shown, { exact: true }).first().waitFor();
        assert.equal(await page.evaluate(() => window.hit), undefined);
        if (address === '/worded') {
          await Promise.all([
            page.waitForURL('**/form.css'),
            page.getByRole('button', { name: 'Download' }).click(),
          ]);
        }
      });
      const { lead_id } = await forms.arrived(email);
      const isEngaged = () =>
        forms.crm.deliveries.some(
          ({ payload }) => payload.type === 'lead.engaged' && payload.data.lead_id === lead_id,
        );
      if (address === '/worded') await until('the download', isEngaged);
    }
  });

  test('asks whether an address was mistyped, and takes the right one', async () => {
    const { email } = person();
    const [local] = email.split('@');
    await forms.visiting('/plain', {}, async (page) => {
      await fillIn(page, `${local}@gmial.com`);
      await press(page);
      await page.getByText('Did you mean gmail.com?').waitFor();
      await fillIn(page, email);
      await press(page);
      await page.getByText('Did you mean gmail.com?').waitFor({ state: 'detached' });
      await page.locator('form').waitFor({ state: 'hidden' });
      assert.equal(await page.locator('.thanks').count(), 1);
    });
    await forms.arrived(email);
  });

  test('with an address that looks mistyped nobody is sent to the next page', async () => {
    const { email } = person();
    const [local] = email.split('@');
    await forms.visiting('/elsewhere', {}, async (page) => {
      // A page that does not come, so that this one can be looked at.
      await page.route('**/plain/thanked', (route) => route.fulfill({ status: 204 }));
      const gone = page.waitForRequest('**/plain/thanked');
      await fillIn(page, `${local}@gmial.com`);
      await press(page);
      await page.getByText('Did you mean gmail.com?').waitFor();
      await fillIn(page, email);
      await press(page);
      await gone;
      assert.equal(await said(page), '');
      assert.equal(await page.getByText('Did you mean').count(), 0);
    });
    await forms.arrived(email);
  });

  test("a form that the page's own style displays is hidden all the same", async () => {
    const { email } = person();
    await forms.visiting('/plain', {}, async (page) => {
      await page.evaluate(() => {
        const style = new CSSStyleSheet();
        style.replaceSync('form { display: grid !important }');
        document.adoptedStyleSheets = [style];
      });
      await fillIn(page, email);
      await press(page);
      await thanked(page);
      assert.equal(await page.locator('form').isVisible(), false);
    });
    await forms.arrived(email);
  });

  test('thanks that lie in the form, and name its campaign, are shown and no others', async () => {
    const { email } = person();
    await forms.visiting('/plain/inner-thanks', {}, async (page) => {
      await fillIn(page, email);
      await press(page);
      await page.getByText('You are in').waitFor();
      assert.equal(await page.locator('form').isVisible(), false);
      for (const text of ['Anybody', 'Others']) assert.equal(await page.getByText(text).isVisible(), false);
    });
    await forms.arrived(email);
  });

  test('shows Turnstile where the campaign asks it, and sends its token', async () => {
    const { email } = person();
    const widget = `globalThis.turnstile = { render(place, options) {
      const input = document.createElement('input');
      Object.assign(input, { type: 'hidden', name: options['response-field-name'], value: options.sitekey });
      place.append(input);
      return 'w';
    } };`;
    const prepare = (page) =>
      page.route(`${TURNSTILE}/**`, (route) =>
        route.fulfill({ contentType: 'text/javascript', body: widget }),
      );
    await forms.visiting(
      '/guarded',
      { prepare, ours: [forms.site.url, forms.assets.url, TURNSTILE] },
      async (page) => {
        const posts = await forms.watchPosts(page);
        await page.locator('[name=cf-turnstile-response]').waitFor({ state: 'attached' });
        await fillIn(page, email);
        await press(page);
        await thanked(page);
        assert.equal(posts[0].body.get('cf-turnstile-response'), '0x4AAAAAAAwidget');
      },
    );
    await forms.arrived(email);
  });

  for (const width of [360, 1440]) {
    test(`at ${width} px, with every problem shown and with thanks, axe finds nothing`, async () => {
      const { email } = person();
      await forms.visiting('/worded', { viewport: { width, height: 800 } }, async (page) => {
        await prepared(page);
        await press(page);
        await page.locator('[aria-invalid]').first().waitFor();
        assert.deepEqual(await findings(page), []);
        await fillIn(page, email);
        await press(page);
        await page.locator('.thanks').waitFor();
        assert.deepEqual(await findings(page), []);
      });
    });
  }
});
