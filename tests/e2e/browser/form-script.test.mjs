// A form on somebody's own site that leadhook.js takes over: visitors' use of it, and failures of the script,
// the connection and the browser's storage.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { ASSETS, serveAssets } from '../support/assets.mjs';
import { findings, launch, opened, skip } from '../support/browser.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { serveSite } from '../support/site.mjs';
import { World } from '../support/world.mjs';

/** The most that the script may weigh on somebody's page. */
const MAX_GZIP_BYTES = 6_144;
const HOSTILE = '<img src=x onerror="window.hit=1">';
const TURNSTILE = 'https://challenges.cloudflare.com';
const FIELDS = [
  { name: 'email', kind: 'email', label: 'E-mail', required: true },
  { name: 'phone', kind: 'phone', label: 'Phone' },
  { name: 'size', kind: 'choice', label: 'Size', choices: ['1-10', '11+'] },
];
/** As somebody wrote it long ago for another place, but for its names; with more in it, and under it. */
const form = (
  id,
  { action = '/search', inside = '', button = '<button>Get it</button>', outside = '' } = {},
) => `
  <form id="f" data-leadhook="${id}" action="${action}">
    <p><label>E-mail <input name="email" type="email"></label></p>
    <p><label>Phone <input name="phone" aria-describedby="why"></label> <span id="why">So that we can call.</span></p>
    <fieldset><legend>Size</legend>
      <label><input type="radio" name="size" value="1-10"> 1-10</label>
      <label><input type="radio" name="size" value="11+"> 11+</label>
    </fieldset>
    <p><label><input type="checkbox" name="consent.newsletter" value="2026-11"> Yes, send me news and offers from Example AB by e-mail.</label></p>
    ${inside}
    ${button}
  </form>
  ${outside}`;
/** Names that hide what a script would ask of a form. */
const HIDING = [
  'submit',
  'action',
  'method',
  'append',
  'elements',
  'after',
  'contains',
  'hidden',
  'style',
  'dataset',
  'noValidate',
];
const inputs = (names) => names.map((name) => `<input name="${name}" hidden>`).join('');
/** The same form as frameworks write it: a No beside each box, names with brackets and in other letters. */
const framework = (id) => `
  <form data-leadhook="${id}" class="field">
    <p><label>E-mail <input name="Email"></label></p>
    <fieldset class="field"><legend>Interests</legend>
      <input type="hidden" name="interests[]" value="">
      <label><input type="checkbox" name="interests[]" value="Garden"> Garden</label>
      <label><input type="checkbox" name="interests[]" value="House"> House</label>
      <label><input type="checkbox" name="interests[]" value="Boat & co"> Boat</label>
    </fieldset>
    <p><input type="hidden" name="demo" value="0"><label><input type="checkbox" name="demo" value="1"> Demo</label></p>
    <p><input type="hidden" name="consent[newsletter]" value="false">
      <label><input type="checkbox" name="consent[newsletter]" value="2026-11"> Yes, send me news and offers from Example AB by e-mail.</label></p>
    <button>Get it</button>
  </form>`;
/** A list of which several may be chosen, and what browsers write in ways of their own. */
const written = (id) => `
  <form data-leadhook="${id}">
    <p><label>E-mail <input name="email"></label></p>
    <div class="field"><label>Interests <select multiple name="interests"><option>Garden<option>House<option value="Boat  &amp; co">Boat</select></label></div>
    <p><label>Day <input type="date" name="day"></label></p>
    <p><label>Budget <input name="budget"></label></p>
    <p><label>Site <input type="url" name="site"></label></p>
    <p><label><input type="checkbox" name="consent.newsletter"> Yes, send me news and offers from Example AB by e-mail.</label></p>
    <button>Get it</button>
  </form>`;
/** Pages of the site beside the plain one: what is in their form. */
const VARIANTS = {
  buttons: {
    button:
      '<button name="size" value="11+">Get it</button> <button name="size" value="1-10">Get less</button>',
  },
  'own-thanks': { outside: '<section data-thanks hidden><h2>You are in</h2></section>' },
  'inner-thanks': {
    inside: '<section data-thanks="plain" hidden><h2>You are in</h2></section>',
    outside:
      '<section data-thanks hidden>Anybody</section><section data-thanks="dansk" hidden>Others</section>',
  },
  'own-rules': {
    inside: `
    <p><label><input name="terms" type="checkbox" required> Terms</label></p>
    <p><label>Seats <input name="seats" type="number"></label></p>
    <p><label>Site <input name="site" type="url"></label></p>
    <input name="constructor" type="hidden" value="Anna">`,
  },
  hiding: { inside: inputs(HIDING) },
  apart: { outside: '<p><label>Name <input name="constructor" form="f"></label></p>' },
};

describe('the form script', { skip, timeout: 240_000 }, () => {
  let world, crm, assets, copy, site, browser;
  /** Every member of a form, and of a document. */
  let members;

  before(async () => {
    crm = await Receiver.start();
    assets = await serveAssets(() => world);
    copy = await serveAssets(() => assert.fail('somebody serves the script, and nothing else of Leadhook'));
    site = await serveSite((pathname) => {
      const [, id, extra] = pathname.split('/');
      const script = `<script src="${assets.url}/leadhook.js" defer></script>`;
      const guarded = id === 'guarded' ? ` ${TURNSTILE}; frame-src ${TURNSTILE}` : '';
      const variant = extra === 'copied' ? { action: `${assets.url}/c/${id}` } : VARIANTS[extra];
      const drawn =
        {
          home: () => '<a href="/plain">To the form</a>',
          framework: () => framework(id),
          written: () => written(id),
          'all-hiding': () => form(id, { inside: inputs(members.ofForm) }),
          'hiding-document': () =>
            form(id) +
            members.ofDocument
              .map((name) => `<img name="${name}" alt=""><form name="${name}"></form>`)
              .join(''),
        }[id === 'home' ? id : extra] ?? (() => form(id, variant));
      return {
        head:
          { 'no-script': '', twice: script + script, copied: script.replace(assets.url, copy.url) }[extra] ??
          script,
        body: `<h1>Get it</h1>${drawn()}`,
        policy: `${extra === 'sandboxed' ? 'sandbox allow-scripts allow-forms; ' : ''}connect-src ${assets.url}; form-action ${assets.url}; script-src ${assets.url} ${copy.url}${guarded}`,
      };
    });
    world = await World.start({
      vars: {
        LEADHOOK_PUBLIC_URL: assets.url,
        TURNSTILE_SECRET: 'not-asked-here',
        LEADHOOK_TURNSTILE_URL: 'http://127.0.0.1:9/',
      },
    });
    const own = (id, changes) =>
      campaign(id, crm, { origins: [site.url], thanks_url: undefined, field: FIELDS, score: [], ...changes });
    await world.publish(
      own('plain', {}),
      own('dansk', { language: 'da' }),
      own('closed', { origins: ['https://www.example.com'] }),
      own('many', {
        field: [
          ...FIELDS,
          { name: 'seats', kind: 'number' },
          { name: 'site', kind: 'text' },
          { name: 'constructor', kind: 'text', required: true },
        ],
      }),
      own('picks', {
        field: [
          FIELDS[0],
          {
            name: 'interests',
            kind: 'choice',
            label: 'Interests',
            choices: ['Garden', 'House', 'Boat & co'],
            several: true,
            required: true,
          },
          { name: 'demo', kind: 'boolean', label: 'Demo' },
          { name: 'day', kind: 'date', label: 'Day' },
          { name: 'budget', kind: 'number', label: 'Budget', max: 5000 },
          { name: 'site', kind: 'url', label: 'Site' },
        ],
      }),
      own('elsewhere', { thanks_url: `${site.url}/plain/thanked` }),
      own('worded', { page: { thanks: HOSTILE }, magnet: { title: HOSTILE, url: `${assets.url}/form.css` } }),
      own('remembers', { attribution: { remember_days: 30 } }),
      own('guarded', { turnstile: { site_key: '0x4AAAAAAAwidget', secret: 'TURNSTILE_SECRET' } }),
    );
    browser = await launch();
    const blank = await browser.newPage();
    members = await blank.evaluate(() => {
      const namesOf = (node) => {
        const names = new Set();
        for (let one = node; (one = Object.getPrototypeOf(one)); )
          Object.getOwnPropertyNames(one).forEach((name) => names.add(name));
        return [...names];
      };
      return { ofForm: namesOf(document.createElement('form')), ofDocument: namesOf(document) };
    });
    await blank.close();
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
    await assets?.stop();
    await copy?.stop();
    await world?.stop();
    await crm?.down();
  });

  const visiting = (address, options, visit) =>
    opened(browser, `${site.url}${address}`, { ours: [site.url, assets.url, copy.url], ...options }, visit);
  const arrived = (email) => until('the lead', () => crm.to(email)[0]?.payload.data);
  const press = (page) => page.getByRole('button', { name: 'Get it' }).click();
  const thanked = (page) => page.getByText('Thank you. We have received your details.').waitFor();

  async function fillIn(page, email) {
    await page.getByLabel('E-mail', { exact: true }).fill(email);
    await page.getByRole('checkbox', { name: 'Yes' }).check();
  }

  const prepared = (page) =>
    until('the criteria', () => page.evaluate(() => document.querySelector('form').noValidate));
  const said = (page) => page.locator('[role=status]').textContent();

  /** Fills in and sends a form in a page where Playwright finds nothing; what the form then tells. */
  async function pressedByHand(page, email, event) {
    await until('the criteria', () =>
      page.evaluate(() => Reflect.get(HTMLFormElement.prototype, 'noValidate', globalThis.f)),
    );
    return filledByHand(page, email, event);
  }

  const filledByHand = (page, email, event) =>
    page.evaluate(
      ([address, name]) => {
        const { querySelector } = Element.prototype;
        const find = (selector) => querySelector.call(globalThis.f, selector);
        find('[name=email]').value = address;
        find('[type=checkbox]').checked = true;
        const told = new Promise((done) =>
          addEventListener(`leadhook:${name}`, ({ detail }) => setTimeout(() => done(detail))),
        );
        find('button').click();
        return told;
      },
      [email, event],
    );

  /** Lets the criteria of a campaign come only from a certain time on that they are asked for. */
  const withoutCriteria =
    (id, until = Infinity) =>
    async (page) => {
      let asked = 0;
      await page.route(`${assets.url}/c/${id}`, (route) => {
        if (route.request().method() !== 'GET') return route.fallback();
        asked += 1;
        return asked < until ? route.abort() : route.continue();
      });
    };

  /** Everything that a page posts to a campaign, before it is sent; `answer` may answer instead. */
  async function watchPosts(page, answer = (route) => route.continue()) {
    const posts = [];
    await page.route(`${assets.url}/c/*`, async (route) => {
      const request = route.request();
      if (request.method() !== 'POST') return route.fallback();
      posts.push({
        key: request.headers()['idempotency-key'],
        body: new URLSearchParams(request.postData()),
      });
      return answer(route, posts.length);
    });
    return posts;
  }

  test(`weighs less than ${MAX_GZIP_BYTES} bytes, and knows nobody but Leadhook and Turnstile`, () => {
    const script = fs.readFileSync(path.join(ASSETS, 'leadhook.js'));
    assert.ok(gzipSync(script, { level: 9 }).length < MAX_GZIP_BYTES);
    const addresses = [...script.toString().matchAll(/https?:\/\/[a-z0-9.]+/g)].map(([address]) => address);
    assert.deepEqual(addresses, [TURNSTILE]);
  });

  test('takes over a form by keyboard alone, and the lead says where its person came from', async () => {
    const { email } = person();
    const options = { referer: 'https://search.example/results?q=secret' };
    await visiting(
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
        assert.equal(page.url().split('?')[0], `${site.url}/plain`);
        assert.deepEqual(await page.context().cookies(), []);
      },
    );
    const lead = await arrived(email);
    assert.deepEqual(lead.answers, { size: '1-10' });
    const visit = {
      utm_source: 'google',
      utm_campaign: 'spring',
      gclid: 'G-1',
      referrer: 'https://search.example/results',
      landing_page: `${site.url}/plain`,
    };
    const first = Object.fromEntries(Object.entries(visit).map(([name, value]) => [`first_${name}`, value]));
    assert.deepEqual(lead.attribution, { ...visit, ...first, page_url: `${site.url}/plain` });
    assert.deepEqual([lead.consent[0].method, lead.consent[0].version_shown], ['form', '2026-11']);
    assert.deepEqual(
      lead.signals.map(({ signal }) => signal),
      ['too_fast'],
      'the token came, and nothing else looks like junk',
    );
  });

  test('remembers the first visit and the last that came from somewhere, over pages', async () => {
    const { email } = person();
    await visiting('/home?utm_source=google', {}, async (page) => {
      await page.getByRole('link', { name: 'To the form' }).click();
      await page.waitForURL('**/plain');
      await page.goto(`${site.url}/plain?utm_source=partner`);
      await page.goto(`${site.url}/plain/again`);
      await fillIn(page, email);
      await press(page);
      await thanked(page);
      assert.deepEqual(await page.context().cookies(), []);
    });
    const { attribution } = await arrived(email);
    assert.deepEqual(attribution, {
      utm_source: 'partner',
      landing_page: `${site.url}/plain`,
      first_utm_source: 'google',
      first_landing_page: `${site.url}/home`,
      page_url: `${site.url}/plain/again`,
    });
  });

  test('sets a cookie only where the campaign asks for one, for as long, and no larger than browsers keep', async () => {
    const { email } = person();
    const long = Array.from({ length: 20 }, (_, n) => `utm_x${n}=${'å'.repeat(n ? 60 : 300)}`).join('&');
    await visiting('/remembers?utm_source=google', {}, async (page) => {
      const cookie = await until('the cookie', async () => (await page.context().cookies())[0]);
      const days = (cookie.expires - Date.now() / 1000) / 86_400;
      assert.deepEqual(
        [cookie.name, cookie.sameSite, cookie.path, Math.round(days)],
        ['leadhook', 'Lax', '/', 30],
      );
      assert.equal((await page.context().cookies()).length, 1);

      // Days later: another tab, which came by itself.
      const later = await page.context().newPage();
      await later.goto(`${site.url}/remembers`);
      await prepared(later);
      await fillIn(later, email);
      await press(later);
      await thanked(later);

      await later.goto(`${site.url}/remembers?${long}`);
      await prepared(later);
      const [kept] = await page.context().cookies();
      assert.ok(kept.value.length < 4_000);
      assert.match(decodeURIComponent(kept.value), /"first":\{"utm_source":"google"/);
      const { last } = JSON.parse(await later.evaluate(() => sessionStorage.getItem('leadhook')));
      assert.deepEqual([Object.keys(last).length, last.utm_x0.length], [13, 200]);
    });
    const { attribution } = await arrived(email);
    assert.deepEqual([attribution.first_utm_source, attribution.utm_source], ['google', 'google']);
  });

  test('does without storage, where the browser denies it', async () => {
    const { email } = person();
    const prepare = (page) =>
      page.addInitScript(() => {
        const denied = () => {
          throw new DOMException('denied', 'SecurityError');
        };
        Object.defineProperty(window, 'sessionStorage', { get: denied });
        Object.defineProperty(Document.prototype, 'cookie', { get: denied, set: denied });
      });
    await visiting('/remembers?utm_source=google', { prepare }, async (page) => {
      await fillIn(page, email);
      await press(page);
      await thanked(page);
    });
    assert.equal((await arrived(email)).attribution.utm_source, 'google');
  });

  test('tells problems at the fields, what only the server knows too, and takes them back when they are mended', async () => {
    const { email } = person();
    await visiting('/dansk', {}, async (page) => {
      await prepared(page);
      const posts = await watchPosts(page);
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
    assert.equal((await arrived(email)).contact.phone, '+46701740605');
  });

  test('a double click, and an answer that is lost on the way, are one lead under one key', async () => {
    const { email } = person();
    await visiting('/plain', {}, async (page) => {
      const posts = await watchPosts(page, async (route, count) => {
        if (count > 1) return route.continue();
        await route.fetch();
        return route.abort('connectionreset');
      });
      await fillIn(page, email);
      await page.getByRole('button', { name: 'Get it' }).dblclick();
      await thanked(page);
      assert.equal(posts.length, 2);
      assert.equal(posts[0].key, posts[1].key);
    });
    await arrived(email);
    await world.settled('plain');
    assert.equal(crm.to(email).length, 1);
  });

  test('without any connection it says so, keeps what was typed, and sends it once there is one', async () => {
    const { email } = person();
    await visiting('/plain', {}, async (page) => {
      await fillIn(page, email);
      const posts = await watchPosts(page, (route, count) =>
        count > 4 ? route.continue() : route.abort('internetdisconnected'),
      );
      await press(page);
      await page.getByText('No answer yet. Trying again …').waitFor();
      await page
        .getByText('This could not be sent. Please check your connection and send it again.')
        .waitFor();
      assert.equal(await page.getByLabel('E-mail', { exact: true }).inputValue(), email);
      await press(page);
      await thanked(page);
      assert.equal(new Set(posts.map(({ key }) => key)).size, 1);
    });
    await arrived(email);
  });

  for (const status of [429, 500, 503]) {
    test(`a ${status} is tried again after as long as it says`, async () => {
      const { email } = person();
      await visiting('/plain', {}, async (page) => {
        const at = [];
        const headers = {
          'Access-Control-Allow-Origin': site.url,
          'Access-Control-Expose-Headers': 'Retry-After',
          'Retry-After': '3',
        };
        await watchPosts(page, (route, count) => {
          at.push(Date.now());
          return count > 1 ? route.continue() : route.fulfill({ status, headers, body: '{}' });
        });
        await fillIn(page, email);
        await press(page);
        await thanked(page);
        assert.ok(at[1] - at[0] >= 3_000, `${at[1] - at[0]} ms`);
      });
      await arrived(email);
    });
  }

  for (const status of [200, 404]) {
    test(`a ${status} is no success and no refusal: the browser sends the form`, async () => {
      const { email } = person();
      await visiting('/plain', {}, async (page) => {
        const headers = { 'Access-Control-Allow-Origin': site.url };
        const posts = await watchPosts(page, (route, count) =>
          count > 1 ? route.continue() : route.fulfill({ status, headers, body: '{}' }),
        );
        await fillIn(page, email);
        await press(page);
        await page.waitForURL('**/c/plain/thanks');
        assert.deepEqual(
          posts.map(({ key }) => key !== undefined),
          [true, false],
        );
      });
      await arrived(email);
    });
  }

  test('a form whose inputs are named after every member of a form is taken over, sent and thanked for', async () => {
    const { email } = person();
    assert.ok(members.ofForm.length > 250 && HIDING.every((name) => members.ofForm.includes(name)));
    await visiting('/plain/all-hiding', {}, async (page) => {
      const told = await pressedByHand(page, 'no address', 'rejected');
      assert.deepEqual(told.errors, [{ field: 'email', code: 'invalid_email' }]);
      assert.equal(await page.evaluate(() => document.querySelectorAll('.error').length), 1);
      await pressedByHand(page, email, 'accepted');
      assert.match(await page.evaluate(() => document.activeElement.textContent), /^Thank you/);
      assert.equal(
        await page.evaluate(() => getComputedStyle(document.querySelector('form')).display),
        'none',
      );
    });
    assert.equal((await arrived(email)).attribution.page_url, `${site.url}/plain/all-hiding`);
  });

  test('and where such a form is left to the browser, it is sent', async () => {
    const { email } = person();
    await visiting('/plain/hiding', {}, async (page) => {
      const headers = { 'Access-Control-Allow-Origin': site.url };
      await watchPosts(page, (route, count) =>
        count > 1 ? route.continue() : route.fulfill({ status: 404, headers, body: '{}' }),
      );
      await fillIn(page, email);
      await press(page);
      await page.waitForURL('**/c/plain/thanks');
    });
    await arrived(email);
  });

  test('a page whose images and forms are named after every member of a document has it as well', async () => {
    const { email } = person();
    await visiting('/plain/hiding-document', { referer: 'https://search.example/results' }, async (page) => {
      await pressedByHand(page, email, 'accepted');
      assert.match(await page.evaluate(() => globalThis.f.nextElementSibling.textContent), /^Thank you/);
    });
    assert.equal((await arrived(email)).attribution.referrer, 'https://search.example/results');
  });

  test('a page in a sandbox, which may read no answer, leaves the form to the browser at once', async () => {
    const { email } = person();
    await visiting('/plain/sandboxed', {}, async (page) => {
      const asked = [];
      page.on(
        'request',
        (request) =>
          request.url().startsWith(`${assets.url}/c/`) &&
          asked.push(`${request.method()} ${request.resourceType()}`),
      );
      await fillIn(page, email);
      assert.equal(await page.evaluate(() => document.forms[0].acceptCharset), 'utf-8');
      await press(page);
      await page.waitForURL('**/c/plain/thanks');
      assert.deepEqual(
        asked.filter((one) => !one.endsWith('document')),
        [],
      );
    });
    await arrived(email);
  });

  test('takes what frameworks write: a No beside each box, names with brackets and in other letters', async () => {
    const { email } = person();
    await visiting('/picks/framework', {}, async (page) => {
      await prepared(page);
      const posts = await watchPosts(page);
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
    const { answers, consent } = await arrived(email);
    assert.deepEqual(answers, { interests: ['House', 'Boat & co'], demo: false });
    assert.deepEqual([consent[0].granted, consent[0].version_shown], [true, '2026-11']);
  });

  test('tells a consent to another wording at its box', async () => {
    await visiting('/picks/framework', {}, async (page) => {
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
    await visiting('/picks/written', {}, async (page) => {
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
    const { answers } = await arrived(email);
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
    await visiting(`/plain?${query}`, {}, async (page) => {
      await fillIn(page, email);
      await press(page);
      await thanked(page);
    });
    const { attribution } = await arrived(email);
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

  test('where every request of the script is blocked, the browser sends the form, with the button that was pressed', async () => {
    const { email } = person();
    await visiting('/closed/buttons', {}, async (page) => {
      await fillIn(page, email);
      await press(page);
      await page.waitForURL('**/c/closed/thanks');
      await page.getByText('Thank you. We have received your details.').waitFor();
    });
    assert.deepEqual((await arrived(email)).answers, { size: '11+' });
  });

  test('who is offline before the criteria came keeps the page, and is told', async () => {
    await visiting('/plain', { prepare: withoutCriteria('plain') }, async (page) => {
      await fillIn(page, 'off.line@example.org');
      await page.context().setOffline(true);
      await press(page);
      await page
        .getByText('This could not be sent. Please check your connection and send it again.')
        .waitFor();
      assert.equal(page.url(), `${site.url}/plain`);
    });
  });

  test('sends the button that was pressed', async () => {
    const { email } = person();
    await visiting('/plain/buttons', {}, async (page) => {
      await fillIn(page, email);
      await page.getByRole('button', { name: 'Get less' }).click();
      await thanked(page);
    });
    assert.deepEqual((await arrived(email)).answers, { size: '1-10' });
  });

  test('a copy of the script that is served elsewhere finds Leadhook where the form says', async () => {
    const { email } = person();
    await visiting('/worded/copied', {}, async (page) => {
      await prepared(page);
      await fillIn(page, email);
      await press(page);
      await page.getByText(`Here it is: ${HOSTILE}`).waitFor();
      assert.equal(new URL(await page.locator('.thanks form').getAttribute('action')).origin, assets.url);
    });
    await arrived(email);
  });

  test('a script that a page has twice takes over a form once', async () => {
    const { email } = person();
    await visiting('/plain/twice', {}, async (page) => {
      const posts = await watchPosts(page);
      await fillIn(page, email);
      await press(page);
      await thanked(page);
      await page.waitForLoadState('networkidle');
      assert.equal(posts.length, 1);
      assert.equal(await page.locator('.thanks').count(), 1);
    });
    await arrived(email);
  });

  test('says that it is sending before anything has answered, in a region that was there before', async () => {
    const { email } = person();
    await visiting('/plain', {}, async (page) => {
      await page.evaluate(() => {
        window.region = document.querySelector('[role=status]');
      });
      assert.equal(await said(page), '');
      let answer;
      const isAnswered = new Promise((done) => {
        answer = done;
      });
      await watchPosts(page, async (route) => {
        await isAnswered;
        return route.continue();
      });
      await fillIn(page, email);
      await press(page);
      await page.getByText('Sending …').waitFor();
      assert.equal(await page.evaluate(() => window.region.textContent), 'Sending …');
      answer();
      await thanked(page);
    });
    const slow = (page) => page.route(`${assets.url}/c/plain`, () => {});
    await visiting('/plain', { prepare: slow }, async (page) => {
      await fillIn(page, email);
      await press(page);
      // Long before the script gives up waiting for the criteria.
      await page.getByText('Sending …').waitFor({ timeout: 8_000 });
    });
  });

  test('criteria that come late prepare the form, tell a refusal in its language, and their token is not sent at once', async () => {
    const { email } = person();
    // Neither with the page nor with the submit, but once the server has answered.
    await visiting('/dansk', { prepare: withoutCriteria('dansk', 3) }, async (page) => {
      const posts = await watchPosts(page);
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await press(page);
      await page.locator('.error').waitFor();
      assert.match(await page.locator('.error').textContent(), /samtykke/);
      assert.equal(await page.evaluate(() => document.querySelector('form').noValidate), true);
      await page.getByRole('checkbox').check();
      await press(page);
      await page.locator('.thanks').waitFor();
      assert.deepEqual(
        posts.map(({ body }) => body.has('leadhook_token')),
        [false, true],
      );
    });
    await visiting('/plain', { prepare: withoutCriteria('plain', 2) }, async (page) => {
      const posts = await watchPosts(page);
      await fillIn(page, person().email);
      await press(page);
      await thanked(page);
      assert.deepEqual(
        posts.map(({ body }) => body.has('leadhook_token')),
        [false],
      );
    });
  });

  test('what was promised is given where the criteria never come', async () => {
    const { email } = person();
    await visiting('/worded', { prepare: withoutCriteria('worded') }, async (page) => {
      await fillIn(page, email);
      await press(page);
      await page.getByText(`Here it is: ${HOSTILE}`).waitFor();
      await Promise.all([
        page.waitForURL('**/form.css'),
        page.getByRole('button', { name: 'Download' }).click(),
      ]);
    });
    await arrived(email);
  });

  test("keeps the rules of the page's own inputs, and tells what is no number", async () => {
    const { email } = person();
    await visiting('/many/own-rules', {}, async (page) => {
      await prepared(page);
      const posts = await watchPosts(page);
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
    assert.deepEqual((await arrived(email)).answers, {
      seats: 12,
      site: 'www.example.com',
      constructor: 'Anna',
    });
  });

  test('inputs that stand outside of the form are told of, focused and mended too', async () => {
    const { email } = person();
    await visiting('/many/apart', {}, async (page) => {
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
    assert.deepEqual((await arrived(email)).answers, { constructor: 'Anna' });
  });

  test('works where the acceptance criteria do not come, in the language of the page', async () => {
    const { email } = person();
    await visiting('/plain', { prepare: withoutCriteria('plain') }, async (page) => {
      await page.evaluate(() => document.documentElement.setAttribute('lang', 'sv'));
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await press(page);
      await page.locator('[name="consent.newsletter"][aria-invalid=true]').waitFor();
      await page.getByRole('checkbox').check();
      await press(page);
      await page.getByText('Tack! Vi har tagit emot dina uppgifter.').waitFor();
    });
    await arrived(email);
  });

  for (const [what, prepare] of [
    ['does not load', (page) => page.route('**/leadhook.js', (route) => route.abort())],
    [
      'fails in the middle',
      (page) =>
        page.addInitScript(() => {
          Crypto.prototype.getRandomValues = () => {
            throw new Error('broken');
          };
        }),
    ],
  ]) {
    test(`where the script ${what}, the browser sends the form`, async () => {
      const { email } = person();
      await visiting('/plain', { prepare }, async (page) => {
        // A form that relies on nobody has its action itself.
        await page.evaluate(
          (action) => Object.assign(document.forms[0], { action, method: 'post' }),
          `${assets.url}/c/plain`,
        );
        await fillIn(page, email);
        await press(page);
        await page.waitForURL('**/c/plain/thanks');
        await page.getByText('Thank you. We have received your details.').waitFor();
      });
      await arrived(email);
    });
  }

  test('a form that a page draws later is taken over too, and nothing typed gets into an address', async () => {
    const { email } = person();
    await visiting('/home', {}, async (page) => {
      await page.evaluate(
        (markup) => document.querySelector('main').insertAdjacentHTML('beforeend', markup),
        form('plain'),
      );
      await fillIn(page, email);
      await press(page);
      await thanked(page);
      assert.equal(page.url(), `${site.url}/home`);
    });
    await arrived(email);
  });

  test('thanks as the page does, as the campaign does, or at its address', async () => {
    for (const [address, shown] of [
      ['/plain/own-thanks', 'You are in'],
      ['/worded', HOSTILE],
      ['/elsewhere', 'Get it'],
    ]) {
      const { email } = person();
      await visiting(address, {}, async (page) => {
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
      const { lead_id } = await arrived(email);
      const isEngaged = () =>
        crm.deliveries.some(
          ({ payload }) => payload.type === 'lead.engaged' && payload.data.lead_id === lead_id,
        );
      if (address === '/worded') await until('the download', isEngaged);
    }
  });

  test('asks whether an address was mistyped, and takes the right one', async () => {
    const { email } = person();
    const [local] = email.split('@');
    await visiting('/plain', {}, async (page) => {
      await fillIn(page, `${local}@gmial.com`);
      await press(page);
      await page.getByText('Did you mean gmail.com?').waitFor();
      await fillIn(page, email);
      await press(page);
      await page.getByText('Did you mean gmail.com?').waitFor({ state: 'detached' });
      await page.locator('form').waitFor({ state: 'hidden' });
      assert.equal(await page.locator('.thanks').count(), 1);
    });
    await arrived(email);
  });

  test('with an address that looks mistyped nobody is sent to the next page', async () => {
    const { email } = person();
    const [local] = email.split('@');
    await visiting('/elsewhere', {}, async (page) => {
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
    await arrived(email);
  });

  test("a form that the page's own style displays is hidden all the same", async () => {
    const { email } = person();
    await visiting('/plain', {}, async (page) => {
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
    await arrived(email);
  });

  test('thanks that lie in the form, and name its campaign, are shown and no others', async () => {
    const { email } = person();
    await visiting('/plain/inner-thanks', {}, async (page) => {
      await fillIn(page, email);
      await press(page);
      await page.getByText('You are in').waitFor();
      assert.equal(await page.locator('form').isVisible(), false);
      for (const text of ['Anybody', 'Others']) assert.equal(await page.getByText(text).isVisible(), false);
    });
    await arrived(email);
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
    await visiting('/guarded', { prepare, ours: [site.url, assets.url, TURNSTILE] }, async (page) => {
      const posts = await watchPosts(page);
      await page.locator('[name=cf-turnstile-response]').waitFor({ state: 'attached' });
      await fillIn(page, email);
      await press(page);
      await thanked(page);
      assert.equal(posts[0].body.get('cf-turnstile-response'), '0x4AAAAAAAwidget');
    });
    await arrived(email);
  });

  for (const width of [360, 1440]) {
    test(`at ${width} px, with every problem shown and with thanks, axe finds nothing`, async () => {
      const { email } = person();
      await visiting('/worded', { viewport: { width, height: 800 } }, async (page) => {
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
