// The chat on somebody's page: conversations by mouse and by keyboard alone, in the visitor's language, over
// a connection that fails.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { serveAssets } from '../support/assets.mjs';
import { findings, launch, opened, skip } from '../support/browser.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { escaped, serveSite } from '../support/site.mjs';
import { World } from '../support/world.mjs';

/** A greeting of the page whose images are named after every member of a document. */
const HIDING = 'hiding';
const HOSTILE = '<img src=x onerror="window.hit=1">';
const FIELDS = [
  { name: 'question', kind: 'text', label: 'What would you like to know?', required: true, min_length: 3 },
  { name: 'size', kind: 'choice', label: 'How many are you?', choices: ['1-10', '11+'] },
  { name: 'demo', kind: 'boolean', label: 'A demo?' },
  { name: 'country', kind: 'country', label: 'Where are you?' },
  { name: 'email', kind: 'email', label: 'Your e-mail address?', required: true },
  { name: 'phone', kind: 'phone', label: 'Your phone number?' },
];

/** Fewer questions, for what is asked about sending alone. */
const SHORT = [FIELDS[4]];

/** The fields of a campaign that asks for a list, a day and more, with hints. */
const RICH = [
  FIELDS[4],
  {
    name: 'interests',
    kind: 'choice',
    label: 'What about?',
    choices: ['Garden', 'House', 'Boat, & co'],
    several: true,
    required: true,
  },
  { name: 'extras', kind: 'choice', label: 'Anything else?', choices: ['Tea', 'Cake'], several: true },
  { name: 'day', kind: 'date', label: 'When?', help: 'Any day but Sundays.' },
  {
    name: 'company',
    kind: 'text',
    label: 'Your company?',
    autocomplete: 'organization',
    placeholder: 'Example AB',
  },
  { name: 'site', kind: 'url', label: 'Your site?' },
  { name: 'shop', kind: 'url', label: 'Your shop?', placeholder: 'www.example.com' },
  { name: 'other', kind: 'email', label: 'Another address?' },
];

describe('the chat', { skip, timeout: 240_000 }, () => {
  let world, crm, assets, site, browser, own;
  /** Every member of a document. */
  let members;

  before(async () => {
    crm = await Receiver.start();
    assets = await serveAssets(() => world);
    site = await serveSite((pathname) => {
      const [, id, greeting = 'Hello there!'] = pathname.split('/');
      const hiding = greeting === HIDING ? members.map((name) => `<img name="${name}" alt="">`).join('') : '';
      return {
        // A page may have it twice.
        head: `<script src="${assets.url}/leadhook-chat.js" defer></script>`.repeat(2),
        body: `<h1>Ask</h1><leadhook-chat id="chat" campaign="${id}" greeting="${escaped(greeting)}"></leadhook-chat>${hiding}`,
        policy: `script-src ${assets.url}; connect-src ${assets.url}; form-action ${assets.url}`,
      };
    });
    world = await World.start({ vars: { LEADHOOK_PUBLIC_URL: assets.url } });
    own = (id, changes) =>
      campaign(id, crm, { origins: [site.url], thanks_url: undefined, field: FIELDS, score: [], ...changes });
    await world.publish(
      own('plain', { magnet: { title: 'The guide', url: `${assets.url}/form.css` } }),
      own('svensk', { language: 'sv' }),
      own('counts', {
        language: 'sv',
        field: [...SHORT, { name: 'weight', kind: 'number', label: 'Hur tungt?', required: true, max: 100 }],
      }),
      own('counting', {
        field: [...SHORT, { name: 'weight', kind: 'number', label: 'How heavy?', required: true }],
      }),
      own('remembers', { field: SHORT, attribution: { remember_days: 30 } }),
      own('moves', { field: SHORT }),
      own('rich', { field: RICH, language: 'en' }),
      own('lists', { field: RICH.slice(0, 2) }),
      own('hostile', {
        title: HOSTILE,
        field: [
          { name: 'email', kind: 'email', label: `Mail ${HOSTILE}`, required: true },
          { name: 'size', kind: 'choice', label: 'Size', choices: [HOSTILE] },
        ],
        purpose: [{ id: 'news', text: HOSTILE, version: '1', required: true }],
        page: { thanks: HOSTILE },
      }),
    );
    browser = await launch();
    const blank = await browser.newPage();
    members = await blank.evaluate(() => {
      const names = new Set();
      for (let one = document; (one = Object.getPrototypeOf(one)); )
        Object.getOwnPropertyNames(one).forEach((name) => names.add(name));
      return [...names];
    });
    await blank.close();
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
    await assets?.stop();
    await world?.stop();
    await crm?.down();
  });

  const visiting = (path, options, visit) =>
    opened(browser, `${site.url}${path}`, { ours: [site.url, assets.url], ...options }, async (page) => {
      await visit(page);
      assert.deepEqual(await page.context().cookies(), []);
    });

  const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
  async function answer(page, question, text) {
    await page.getByLabel(question).fill(text);
    await press(page, 'Send');
  }
  /** The last line of the conversation. */
  const last = (page) => page.locator('.log > div').last().textContent();
  const arrived = (email) => until('the lead', () => crm.to(email)[0]?.payload.data);

  async function untilConsent(page, email) {
    await answer(page, 'What would you like to know?', 'Do you ship to Gotland?');
    await press(page, '11+');
    await press(page, 'Yes');
    await page.getByLabel('Where are you?').selectOption('SE');
    await press(page, 'Send');
    await answer(page, 'Your e-mail address?', email);
  }

  test('a conversation, with an answer that is no answer, becomes a lead', async () => {
    const { email } = person();
    await visiting('/plain', {}, async (page) => {
      await answer(page, 'What would you like to know?', 'Hm');
      await page.getByText('Please write at least 3 characters.').waitFor();
      await untilConsent(page, 'no address');
      await page.getByText('Please enter an e-mail address').waitFor();
      await answer(page, 'Your e-mail address?', email);
      await answer(page, 'Your phone number?', '0701740605');
      assert.equal(
        await page.getByRole('link', { name: 'Privacy notice' }).getAttribute('href'),
        'https://www.example.com/privacy',
      );
      await page.getByText('Yes, send me news and offers from Example AB by e-mail.').waitFor();
      await press(page, 'Yes');
      await page.getByText('You may call me about my enquiry.').waitFor();
      await press(page, 'No');
      await page.getByText('Thank you! We will be in touch soon.').waitFor();
      await page.getByText('Here it is: The guide').waitFor();
      await Promise.all([page.waitForURL('**/form.css'), press(page, 'Download')]);
    });
    const lead = await arrived(email);
    assert.deepEqual(lead.answers, {
      question: 'Do you ship to Gotland?',
      size: '11+',
      demo: true,
      country: 'SE',
    });
    assert.equal(lead.contact.phone, '+46701740605');
    assert.deepEqual(
      lead.consent.map(({ purpose, granted, method }) => [purpose, granted, method]),
      [
        ['newsletter', true, 'json'],
        ['calls', false, 'json'],
      ],
    );
    assert.equal(lead.consent[0].version_shown, '2026-11');
    assert.equal(lead.attribution.page_url, `${site.url}/plain`);
    await until('the download', () =>
      crm.deliveries.some(
        ({ payload }) => payload.type === 'lead.engaged' && payload.data.lead_id === lead.lead_id,
      ),
    );
  });

  test('by keyboard alone, with each question said to whoever hears it', async () => {
    const { email } = person();
    await visiting('/plain', {}, async (page) => {
      await page.getByLabel('What would you like to know?').waitFor();
      const begun = await page.evaluate(() => document.activeElement.tagName);
      assert.equal(begun, 'BODY', 'nobody loses their place to a chat that they have not used');
      for (let step = 0; step < 5; step += 1) {
        await page.keyboard.press('Tab');
        if (
          await page.evaluate(
            () =>
              document.querySelector('leadhook-chat').shadowRoot.activeElement?.tagName === 'INPUT' ||
              document.querySelector('leadhook-chat').shadowRoot.activeElement?.tagName === 'TEXTAREA',
          )
        )
          break;
      }
      await page.keyboard.type('Do you ship?');
      const isText = await page.evaluate(
        () => document.querySelector('leadhook-chat').shadowRoot.activeElement.tagName === 'TEXTAREA',
      );
      if (isText) await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      for (const question of ['How many are you?', 'A demo?']) {
        await page.getByText(question).waitFor();
        const described = await page.evaluate(() => {
          const { shadowRoot } = document.querySelector('leadhook-chat');
          return shadowRoot.getElementById(shadowRoot.activeElement.getAttribute('aria-describedby'))
            .textContent;
        });
        assert.equal(described, question);
        await page.keyboard.press('Enter');
      }
      await page.getByLabel('Where are you?').waitFor();
      await page.keyboard.type('Swe');
      await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await page.getByLabel('Your e-mail address?').waitFor();
      await page.keyboard.type(`${email}\n`);
      await page.getByLabel('Your phone number?').waitFor();
      await page.keyboard.press('Enter');
      await page.getByText('Yes, send me news and offers').waitFor();
      await page.keyboard.press('Enter');
      await page.getByText('Thank you!').waitFor();
      assert.equal(
        await page.evaluate(() =>
          document.querySelector('leadhook-chat').shadowRoot.activeElement.getAttribute('role'),
        ),
        'log',
      );
    });
    assert.deepEqual((await arrived(email)).answers, {
      question: 'Do you ship?',
      size: '1-10',
      demo: true,
      country: 'SE',
    });
  });

  test('a No where a Yes is needed sends nothing', async () => {
    const { email } = person();
    await visiting('/plain', {}, async (page) => {
      const sent = [];
      page.on('request', (request) => request.method() === 'POST' && sent.push(request.url()));
      await untilConsent(page, email);
      await press(page, 'Skip');
      await press(page, 'No');
      await page.getByText('Then nothing is sent.').waitFor();
      assert.deepEqual(await page.getByRole('button').allTextContents(), ['Try again']);
      assert.deepEqual(sent, []);

      await press(page, 'Try again');
      await page.getByText('Yes, send me news and offers').nth(1).waitFor();
      assert.deepEqual(sent, []);
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
    });
    await arrived(email);
  });

  test('a campaign that is published anew meanwhile is asked about anew, with the answers kept', async () => {
    const { email } = person();
    await visiting('/moves', {}, async (page) => {
      await page.getByLabel('Your e-mail address?').waitFor();
      await world.publish(
        own('moves', {
          field: [...SHORT, { name: 'team', kind: 'text', label: 'Which team?', required: true }],
          purpose: [{ id: 'terms', text: 'I agree to the new terms.', version: '2', required: true }],
        }),
      );
      await answer(page, 'Your e-mail address?', email);
      await press(page, 'Yes');
      await page.getByText('Please agree to this: we cannot go on without it.').waitFor();
      await page.getByText('Please fill this in.').waitFor();

      // The connection is down just now.
      await page.route('**/c/moves', (route) => route.abort());
      await press(page, 'Try again');
      await page.getByText('Sorry, I cannot answer right now.').waitFor();
      await page.unroute('**/c/moves');
      await page.locator('.answer').getByRole('button', { name: 'Try again' }).click();

      await answer(page, 'Which team?', 'Sales');
      await page.getByText('I agree to the new terms.').waitFor();
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
      assert.equal(await page.getByText('Your e-mail address?').count(), 1, 'it was not asked again');
      assert.equal(await page.getByRole('heading', { level: 2 }).count(), 1);
    });
    const lead = await arrived(email);
    assert.deepEqual(lead.answers, { team: 'Sales' });
    assert.deepEqual(
      lead.consent.map(({ purpose, granted }) => [purpose, granted]),
      [['terms', true]],
    );
  });

  test('a number may have a comma where that can only be a decimal', async () => {
    const [swedish, english] = [person(), person()];
    await visiting('/counts', {}, async (page) => {
      await page.getByLabel('Your e-mail address?').fill(swedish.email);
      await press(page, 'Skicka');
      await page.getByLabel('Hur tungt?').fill('1,2,3');
      await press(page, 'Skicka');
      await page.getByText('Ange ett tal').waitFor();
      await page.getByLabel('Hur tungt?').fill('-1,125');
      await press(page, 'Skicka');
      await page.getByText('Yes, send me news and offers').waitFor();
      assert.ok(await page.locator('.visitor', { hasText: '-1,125' }).isVisible(), 'what was typed is shown');
      await press(page, 'Ja');
      await page.getByText('Tack').waitFor();
    });
    assert.deepEqual((await arrived(swedish.email)).answers, { weight: -1.125 });
    await visiting('/counting', {}, async (page) => {
      await answer(page, 'Your e-mail address?', english.email);
      await answer(page, 'How heavy?', '1,125');
      await page.getByText('Please enter a number').waitFor();
      await answer(page, 'How heavy?', '1,5');
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
    });
    assert.deepEqual((await arrived(english.email)).answers, { weight: 1.5 });
  });

  const shown = (page, text) => page.locator('.log .visitor').getByText(text, { exact: true }).waitFor();

  test('several choices are pressed and taken back, and none is a skip where one may', async () => {
    const { email } = person();
    await visiting('/rich', {}, async (page) => {
      const posts = [];
      page.on('request', (request) => request.method() === 'POST' && posts.push(request.postDataJSON()));
      await answer(page, 'Your e-mail address?', email);
      await page.getByText('What about?').waitFor();
      assert.equal(await page.getByRole('button', { name: 'Skip' }).count(), 0);
      await press(page, 'Done');
      await page.getByText('Please fill this in.').waitFor();
      for (const name of ['Boat, & co', 'House', 'Garden', 'House']) await press(page, name);
      const pressed = (name) => page.getByRole('button', { name, exact: true, pressed: true }).count();
      assert.deepEqual(
        [await pressed('Garden'), await pressed('House'), await pressed('Boat, & co')],
        [1, 0, 1],
      );
      assert.deepEqual(await findings(page), []);
      await press(page, 'Done');
      await shown(page, 'Garden, Boat, & co');

      await page.getByText('Anything else?').waitFor();
      await press(page, 'Done');
      await page.getByText('When?').waitFor();
      for (let left = 0; left < 5; left += 1) await press(page, 'Skip');
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
      assert.deepEqual(posts[0].interests, ['Garden', 'Boat, & co']);
      assert.equal('extras' in posts[0], false);
    });
    assert.deepEqual((await arrived(email)).answers, { interests: ['Garden', 'Boat, & co'] });
  });

  test('several choices are made by keyboard alone, and survive that the campaign is published anew', async () => {
    const { email } = person();
    await visiting('/lists', {}, async (page) => {
      await page.getByLabel('Your e-mail address?').fill(email);
      await page.keyboard.press('Enter');
      await page.getByText('What about?').waitFor();
      for (const key of ['Space', 'Tab', 'Tab', 'Enter', 'Tab', 'Enter']) await page.keyboard.press(key);
      await shown(page, 'Garden, Boat, & co');
      await world.publish(
        own('lists', {
          field: [...RICH.slice(0, 2), { name: 'team', kind: 'text', label: 'Which team?', required: true }],
          purpose: [],
        }),
      );
      await press(page, 'Yes');
      await press(page, 'Try again');
      await answer(page, 'Which team?', 'Sales');
      await page.getByText('Thank you!').waitFor();
      assert.equal(await page.getByText('What about?').count(), 1, 'it was not asked again');
    });
    assert.deepEqual((await arrived(email)).answers, { interests: ['Garden', 'Boat, & co'], team: 'Sales' });
  });

  test('asks a day as browsers do, says what helps, and says the kind of each input', async () => {
    const { email } = person();
    await visiting('/rich', {}, async (page) => {
      const said = async (question) =>
        page.getByLabel(question).evaluate((input) => ({
          type: input.type,
          autocomplete: input.autocomplete,
          placeholder: input.placeholder,
          dir: input.dir,
          described: input.getRootNode().getElementById(input.getAttribute('aria-describedby')).textContent,
        }));
      assert.deepEqual(await said('Your e-mail address?'), {
        type: 'email',
        autocomplete: 'email',
        placeholder: '',
        dir: 'auto',
        described: 'Your e-mail address?',
      });
      await answer(page, 'Your e-mail address?', email);
      await press(page, 'House');
      await press(page, 'Done');
      await press(page, 'Skip');
      assert.deepEqual(await said('When?'), {
        type: 'date',
        autocomplete: 'off',
        placeholder: '',
        dir: 'auto',
        described: 'When?Any day but Sundays.',
      });
      assert.equal(await page.locator('.bot .help').textContent(), 'Any day but Sundays.');
      assert.deepEqual(await findings(page), []);
      await page.getByLabel('When?').focus();
      await page.keyboard.press('1');
      await press(page, 'Send');
      await page.getByText('Please enter a date, as in 2026-11-30.').waitFor();
      await answer(page, 'When?', '2026-11-30');
      assert.deepEqual(await said('Your company?'), {
        type: 'text',
        autocomplete: 'organization',
        placeholder: 'Example AB',
        dir: 'auto',
        described: 'Your company?',
      });
      assert.deepEqual(await findings(page), []);
      await answer(page, 'Your company?', 'שלום');
      assert.equal(
        await page
          .locator('.visitor')
          .last()
          .evaluate((line) => getComputedStyle(line).direction),
        'rtl',
      );
      assert.deepEqual((await said('Your site?')).autocomplete, 'url');
      await answer(page, 'Your site?', 'Example.com:8443/x');
      assert.deepEqual(await said('Your shop?'), {
        type: 'text',
        autocomplete: 'off',
        placeholder: 'www.example.com',
        dir: 'auto',
        described: 'Your shop?',
      });
      await answer(page, 'Your shop?', 'no site');
      await page.getByText('Please enter an address').waitFor();
      await press(page, 'Skip');
      assert.equal((await said('Another address?')).autocomplete, 'off');
      await press(page, 'Skip');
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
    });
    assert.deepEqual((await arrived(email)).answers, {
      interests: ['House'],
      day: '2026-11-30',
      company: 'שלום',
      site: 'https://example.com:8443/x',
    });
  });

  test('begins and ends on a page whose images are named after every member of a document', async () => {
    const { email } = person();
    await opened(
      browser,
      `${site.url}/remembers/${HIDING}`,
      { ours: [site.url, assets.url] },
      async (page) => {
        // Playwright finds nothing there.
        const said = (text) =>
          until(text, () =>
            page.evaluate((part) => globalThis.chat.shadowRoot.textContent.includes(part), text),
          );
        const send = () =>
          page.evaluate(() => globalThis.chat.shadowRoot.querySelector('.answer button').click());
        await said('Your e-mail address?');
        await page.evaluate((typed) => {
          globalThis.chat.shadowRoot.querySelector('input').value = typed;
        }, email);
        await send();
        await said('Yes, send me');
        await send();
        await said('Thank you!');
        assert.equal((await page.context().cookies()).length, 1);
      },
    );
    await arrived(email);
  });

  test('while it sends it says so, and the focus stays with what is said', async () => {
    const { email } = person();
    await visiting('/moves', {}, async (page) => {
      let isSlow = true;
      await page.route('**/c/moves', async (route) => {
        while (isSlow && route.request().method() === 'POST')
          await new Promise((done) => setTimeout(done, 50));
        return route.continue();
      });
      await answer(page, 'Your e-mail address?', email);
      await answer(page, 'Which team?', 'Sales');
      await press(page, 'Yes');
      await until('it says so', async () => (await last(page)) === 'Sending …');
      assert.equal(
        await page.evaluate(() =>
          document.querySelector('leadhook-chat').shadowRoot.activeElement?.getAttribute('role'),
        ),
        'log',
      );
      isSlow = false;
      await page.getByText('Thank you!').waitFor();
    });
    await arrived(email);
  });

  test('sets a cookie only where the campaign asks for one', async () => {
    const { email } = person();
    await opened(
      browser,
      `${site.url}/remembers?utm_source=google`,
      { ours: [site.url, assets.url] },
      async (page) => {
        await page.getByLabel('Your e-mail address?').waitFor();
        const [cookie] = await page.context().cookies();
        assert.deepEqual(
          [cookie.name, Math.round((cookie.expires - Date.now() / 1000) / 86_400)],
          ['leadhook', 30],
        );
        // Days later: another tab, which came by itself.
        const later = await page.context().newPage();
        await later.goto(`${site.url}/remembers`);
        await answer(later, 'Your e-mail address?', email);
        await press(later, 'Yes');
        await later.getByText('Thank you!').waitFor();
      },
    );
    assert.equal((await arrived(email)).attribution.first_utm_source, 'google');
  });

  test('what is no answer of a campaign is told, and tried again when the visitor says so', async () => {
    await visiting('/moves', {}, async (page) => {
      let posts = 0;
      const headers = { 'Access-Control-Allow-Origin': site.url };
      await page.route('**/c/moves', (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        posts += 1;
        return posts > 1
          ? route.continue()
          : route.fulfill({ status: 404, headers, body: '{"title":"Not found"}' });
      });
      await answer(page, 'Your e-mail address?', person().email);
      await answer(page, 'Which team?', 'Sales');
      await press(page, 'Yes');
      await page.getByText('Sorry, I cannot answer right now.').waitFor();
      assert.equal(posts, 1);
      await press(page, 'Try again');
      await page.getByText('Thank you!').waitFor();
    });
  });

  const PAPER = {
    '--leadhook-paper': '#ffffff',
    '--leadhook-ink': '#1c2430',
    '--leadhook-bubble': '#eef1f5',
    '--leadhook-line': '#7d8899',
  };
  for (const [what, colours] of [
    ['an accent', { '--leadhook-accent': '#1f6b4a' }],
    ['a light paper with all that stands on it', PAPER],
  ]) {
    test(`in the dark, on a page that sets ${what} alone, all of it can be read`, async () => {
      await visiting('/plain', { colorScheme: 'dark' }, async (page) => {
        await page.locator('leadhook-chat').evaluate((chat, all) => {
          for (const [name, value] of Object.entries(all)) chat.style.setProperty(name, value);
        }, colours);
        await answer(page, 'What would you like to know?', 'Do you ship?');
        await page.getByText('How many are you?').waitFor();
        assert.deepEqual(await findings(page), []);
        await press(page, 'Skip');
        await press(page, 'Skip');
        await page.getByLabel('Where are you?').waitFor();
        assert.deepEqual(await findings(page), []);
      });
    });
  }

  test('what only the server can judge is asked again', async () => {
    const { email } = person();
    await visiting('/plain', {}, async (page) => {
      await untilConsent(page, email);
      await answer(page, 'Your phone number?', '+999 123 456 789');
      await press(page, 'Yes');
      await press(page, 'Yes');
      await page.getByText('Please enter a phone number, best with its country code.').waitFor();
      await answer(page, 'Your phone number?', '+46 70 174 06 05');
      await page.getByText('Thank you!').waitFor();
    });
    assert.equal((await arrived(email)).contact.phone, '+46701740605');
  });

  test('an address that looks like a slip is asked about, and the right one becomes a lead too', async () => {
    const [local] = person().email.split('@');
    await visiting('/plain', {}, async (page) => {
      await untilConsent(page, `${local}@gmial.com`);
      await press(page, 'Skip');
      await press(page, 'Yes');
      await page.getByText('Did you mean gmail.com?').waitFor();
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
    });
    await arrived(`${local}@gmail.com`);
  });

  test('an answer that is lost on the way makes no second lead', async () => {
    const { email } = person();
    const keys = [];
    await visiting('/plain', {}, async (page) => {
      await page.route('**/c/plain', async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        keys.push(route.request().headers()['idempotency-key']);
        if (keys.length > 1) return route.continue();
        await route.fetch();
        return route.abort('connectionreset');
      });
      await untilConsent(page, email);
      await press(page, 'Skip');
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
    });
    assert.equal(keys.length, 2);
    assert.equal(keys[0], keys[1]);
    await arrived(email);
    await world.settled('plain');
    assert.equal(crm.to(email).length, 1);
  });

  test('a chat that cannot begin says so, and begins when it can', async () => {
    await visiting('/nothing', { locale: 'sv-SE' }, async (page) => {
      await page.getByText('Sorry, I cannot answer right now.').waitFor();
      await page.route('**/c/nothing', (route) =>
        route.continue({ url: route.request().url().replace('nothing', 'svensk') }),
      );
      await press(page, 'Try again');
      await page.getByLabel('What would you like to know?').waitFor();
      assert.equal(await page.locator('leadhook-chat').getAttribute('lang'), 'sv');
      await page.getByRole('button', { name: 'Skicka' }).waitFor();
    });
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1440]) {
      test(`at ${width} px, ${colorScheme}, it is answered to its end, axe finds nothing and nothing is cut off`, async () => {
        const { email } = person();
        await visiting('/plain', { colorScheme, viewport: { width, height: 800 } }, async (page) => {
          await answer(page, 'What would you like to know?', 'w'.repeat(300));
          await page.getByText('How many are you?').waitFor();
          assert.deepEqual(await findings(page), []);
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
          await press(page, 'Skip');
          await press(page, 'Skip');
          await press(page, 'Skip');
          await answer(page, 'Your e-mail address?', email);
          await press(page, 'Skip');
          await press(page, 'Yes');
          await page.getByText('Here it is: The guide').waitFor();
          const unread = () =>
            page.locator('.log').evaluate((log) => log.scrollHeight - log.clientHeight - log.scrollTop);
          assert.ok((await unread()) < 2, 'the last line is seen');
          if (process.env.SHOTS)
            await page.screenshot({ path: `${process.env.SHOTS}/chat-${width}-${colorScheme}.png` });
          assert.deepEqual(await findings(page), []);
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
        });
      });
    }
  }

  test('what anybody typed or configured is text and never markup', async () => {
    await visiting(`/hostile/${encodeURIComponent(HOSTILE)}`, {}, async (page) => {
      await answer(page, `Mail ${HOSTILE}`, HOSTILE);
      await answer(page, `Mail ${HOSTILE}`, 'eve@example.org');
      await press(page, HOSTILE);
      await press(page, 'Yes');
      await until('thanks', async () => (await last(page)) === HOSTILE);
      assert.equal(await page.locator('leadhook-chat img').count(), 0);
      assert.equal(await page.evaluate(() => window.hit), undefined);
    });
  });
});
