// Failures around the chat: of the connection, of a campaign that changes meanwhile, and of a page that hides
// names from it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { opened, skip } from '../support/browser.mjs';
import { person } from '../support/campaigns.mjs';
import {
  ChatSite,
  HIDING,
  RICH,
  SHORT,
  answer,
  last,
  press,
  shown,
  untilConsent,
} from '../support/chat-site.mjs';
import { until } from '../support/http.mjs';

describe('the chat, where something fails', { skip, timeout: 240_000 }, () => {
  const chats = new ChatSite();

  before(() => chats.start());
  after(() => chats.stop());

  test('a campaign that is published anew meanwhile is asked about anew, with the answers kept', async () => {
    const { email } = person();
    await chats.visiting('/moves', {}, async (page) => {
      await page.getByLabel('Your e-mail address?').waitFor();
      await chats.world.publish(
        chats.campaign('moves', {
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
    const lead = await chats.arrived(email);
    assert.deepEqual(lead.answers, { team: 'Sales' });
    assert.deepEqual(
      lead.consent.map(({ purpose, granted }) => [purpose, granted]),
      [['terms', true]],
    );
  });

  test('several choices are made by keyboard alone, and survive that the campaign is published anew', async () => {
    const { email } = person();
    await chats.visiting('/lists', {}, async (page) => {
      await page.getByLabel('Your e-mail address?').fill(email);
      await page.keyboard.press('Enter');
      await page.getByText('What about?').waitFor();
      for (const key of ['Space', 'Tab', 'Tab', 'Enter', 'Tab', 'Enter']) await page.keyboard.press(key);
      await shown(page, 'Garden, Boat, & co');
      await chats.world.publish(
        chats.campaign('lists', {
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
    assert.deepEqual((await chats.arrived(email)).answers, {
      interests: ['Garden', 'Boat, & co'],
      team: 'Sales',
    });
  });

  test('begins and ends on a page whose images are named after every member of a document', async () => {
    const { email } = person();
    await opened(
      chats.browser,
      `${chats.site.url}/remembers/${HIDING}`,
      { ours: [chats.site.url, chats.assets.url] },
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
    await chats.arrived(email);
  });

  test('while it sends it says so, and the focus stays with what is said', async () => {
    const { email } = person();
    await chats.visiting('/moves', {}, async (page) => {
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
    await chats.arrived(email);
  });

  test('what is no answer of a campaign is told, and tried again when the visitor says so', async () => {
    await chats.visiting('/moves', {}, async (page) => {
      let posts = 0;
      const headers = { 'Access-Control-Allow-Origin': chats.site.url };
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

  test('an answer that is lost on the way makes no second lead', async () => {
    const { email } = person();
    const keys = [];
    await chats.visiting('/plain', {}, async (page) => {
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
    await chats.arrived(email);
    await chats.world.settled('plain');
    assert.equal(chats.crm.to(email).length, 1);
  });

  test('a chat that cannot begin says so, and begins when it can', async () => {
    await chats.visiting('/nothing', { locale: 'sv-SE' }, async (page) => {
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
});
