// The chat on somebody's page: conversations by mouse and by keyboard alone, in the visitor's language and
// colours.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { findings, opened, skip } from '../support/browser.mjs';
import { person } from '../support/campaigns.mjs';
import { ChatSite, HOSTILE, answer, last, press, shown, untilConsent } from '../support/chat-site.mjs';
import { until } from '../support/http.mjs';

describe('the chat', { skip, timeout: 240_000 }, () => {
  const chats = new ChatSite();

  before(() => chats.start());
  after(() => chats.stop());

  test('a conversation, with an answer that is no answer, becomes a lead', async () => {
    const { email } = person();
    await chats.visiting('/plain', {}, async (page) => {
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
    const lead = await chats.arrived(email);
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
    assert.equal(lead.attribution.page_url, `${chats.site.url}/plain`);
    await until('the download', () =>
      chats.crm.deliveries.some(
        ({ payload }) => payload.type === 'lead.engaged' && payload.data.lead_id === lead.lead_id,
      ),
    );
  });

  test('by keyboard alone, with each question said to whoever hears it', async () => {
    const { email } = person();
    await chats.visiting('/plain', {}, async (page) => {
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
    assert.deepEqual((await chats.arrived(email)).answers, {
      question: 'Do you ship?',
      size: '1-10',
      demo: true,
      country: 'SE',
    });
  });

  test('a No where a Yes is needed sends nothing', async () => {
    const { email } = person();
    await chats.visiting('/plain', {}, async (page) => {
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
    await chats.arrived(email);
  });

  test('a number may have a comma where that can only be a decimal', async () => {
    const [swedish, english] = [person(), person()];
    await chats.visiting('/counts', {}, async (page) => {
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
    assert.deepEqual((await chats.arrived(swedish.email)).answers, { weight: -1.125 });
    await chats.visiting('/counting', {}, async (page) => {
      await answer(page, 'Your e-mail address?', english.email);
      await answer(page, 'How heavy?', '1,125');
      await page.getByText('Please enter a number').waitFor();
      await answer(page, 'How heavy?', '1,5');
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
    });
    assert.deepEqual((await chats.arrived(english.email)).answers, { weight: 1.5 });
  });

  test('several choices are pressed and taken back, and none is a skip where one may', async () => {
    const { email } = person();
    await chats.visiting('/rich', {}, async (page) => {
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
    assert.deepEqual((await chats.arrived(email)).answers, { interests: ['Garden', 'Boat, & co'] });
  });

  test('asks a day as browsers do, says what helps, and says the kind of each input', async () => {
    const { email } = person();
    await chats.visiting('/rich', {}, async (page) => {
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
    assert.deepEqual((await chats.arrived(email)).answers, {
      interests: ['House'],
      day: '2026-11-30',
      company: 'שלום',
      site: 'https://example.com:8443/x',
    });
  });

  test('sets a cookie only where the campaign asks for one', async () => {
    const { email } = person();
    await opened(
      chats.browser,
      `${chats.site.url}/remembers?utm_source=google`,
      { ours: [chats.site.url, chats.assets.url] },
      async (page) => {
        await page.getByLabel('Your e-mail address?').waitFor();
        const [cookie] = await page.context().cookies();
        assert.deepEqual(
          [cookie.name, Math.round((cookie.expires - Date.now() / 1000) / 86_400)],
          ['leadhook', 30],
        );
        // Days later: another tab, which came by itself.
        const later = await page.context().newPage();
        await later.goto(`${chats.site.url}/remembers`);
        await answer(later, 'Your e-mail address?', email);
        await press(later, 'Yes');
        await later.getByText('Thank you!').waitFor();
      },
    );
    assert.equal((await chats.arrived(email)).attribution.first_utm_source, 'google');
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
      await chats.visiting('/plain', { colorScheme: 'dark' }, async (page) => {
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
    await chats.visiting('/plain', {}, async (page) => {
      await untilConsent(page, email);
      await answer(page, 'Your phone number?', '+999 123 456 789');
      await press(page, 'Yes');
      await press(page, 'Yes');
      await page.getByText('Please enter a phone number, best with its country code.').waitFor();
      await answer(page, 'Your phone number?', '+46 70 174 06 05');
      await page.getByText('Thank you!').waitFor();
    });
    assert.equal((await chats.arrived(email)).contact.phone, '+46701740605');
  });

  test('an address that looks like a slip is asked about, and the right one becomes a lead too', async () => {
    const [local] = person().email.split('@');
    await chats.visiting('/plain', {}, async (page) => {
      await untilConsent(page, `${local}@gmial.com`);
      await press(page, 'Skip');
      await press(page, 'Yes');
      await page.getByText('Did you mean gmail.com?').waitFor();
      await press(page, 'Yes');
      await page.getByText('Thank you!').waitFor();
    });
    await chats.arrived(`${local}@gmail.com`);
  });

  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1440]) {
      test(`at ${width} px, ${colorScheme}, it is answered to its end, axe finds nothing and nothing is cut off`, async () => {
        const { email } = person();
        await chats.visiting('/plain', { colorScheme, viewport: { width, height: 800 } }, async (page) => {
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
    await chats.visiting(`/hostile/${encodeURIComponent(HOSTILE)}`, {}, async (page) => {
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
