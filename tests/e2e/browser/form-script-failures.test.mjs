// Failures around the form script: of the connection, of the browser's storage, of the script itself, and of
// pages that hide names from it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { skip } from '../support/browser.mjs';
import { person } from '../support/campaigns.mjs';
import {
  FormSite,
  HIDING,
  HOSTILE,
  fillIn,
  prepared,
  press,
  pressedByHand,
  said,
  thanked,
} from '../support/form-site.mjs';

describe('the form script, where something fails', { skip, timeout: 240_000 }, () => {
  const forms = new FormSite();

  before(() => forms.start());
  after(() => forms.stop());

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
    await forms.visiting('/remembers?utm_source=google', { prepare }, async (page) => {
      await fillIn(page, email);
      await press(page);
      await thanked(page);
    });
    assert.equal((await forms.arrived(email)).attribution.utm_source, 'google');
  });

  test('a double click, and an answer that is lost on the way, are one lead under one key', async () => {
    const { email } = person();
    await forms.visiting('/plain', {}, async (page) => {
      const posts = await forms.watchPosts(page, async (route, count) => {
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
    await forms.arrived(email);
    await forms.world.settled('plain');
    assert.equal(forms.crm.to(email).length, 1);
  });

  test('without any connection it says so, keeps what was typed, and sends it once there is one', async () => {
    const { email } = person();
    await forms.visiting('/plain', {}, async (page) => {
      await fillIn(page, email);
      const posts = await forms.watchPosts(page, (route, count) =>
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
    await forms.arrived(email);
  });

  for (const status of [429, 500, 503]) {
    test(`a ${status} is tried again after as long as it says`, async () => {
      const { email } = person();
      await forms.visiting('/plain', {}, async (page) => {
        const at = [];
        const headers = {
          'Access-Control-Allow-Origin': forms.site.url,
          'Access-Control-Expose-Headers': 'Retry-After',
          'Retry-After': '3',
        };
        await forms.watchPosts(page, (route, count) => {
          at.push(Date.now());
          return count > 1 ? route.continue() : route.fulfill({ status, headers, body: '{}' });
        });
        await fillIn(page, email);
        await press(page);
        await thanked(page);
        assert.ok(at[1] - at[0] >= 3_000, `${at[1] - at[0]} ms`);
      });
      await forms.arrived(email);
    });
  }

  for (const status of [200, 404]) {
    test(`a ${status} is no success and no refusal: the browser sends the form`, async () => {
      const { email } = person();
      await forms.visiting('/plain', {}, async (page) => {
        const headers = { 'Access-Control-Allow-Origin': forms.site.url };
        const posts = await forms.watchPosts(page, (route, count) =>
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
      await forms.arrived(email);
    });
  }

  test('a form whose inputs are named after every member of a form is taken over, sent and thanked for', async () => {
    const { email } = person();
    assert.ok(
      forms.members.ofForm.length > 250 && HIDING.every((name) => forms.members.ofForm.includes(name)),
    );
    await forms.visiting('/plain/all-hiding', {}, async (page) => {
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
    assert.equal((await forms.arrived(email)).attribution.page_url, `${forms.site.url}/plain/all-hiding`);
  });

  test('and where such a form is left to the browser, it is sent', async () => {
    const { email } = person();
    await forms.visiting('/plain/hiding', {}, async (page) => {
      const headers = { 'Access-Control-Allow-Origin': forms.site.url };
      await forms.watchPosts(page, (route, count) =>
        count > 1 ? route.continue() : route.fulfill({ status: 404, headers, body: '{}' }),
      );
      await fillIn(page, email);
      await press(page);
      await page.waitForURL('**/c/plain/thanks');
    });
    await forms.arrived(email);
  });

  test('a page whose images and forms are named after every member of a document has it as well', async () => {
    const { email } = person();
    await forms.visiting(
      '/plain/hiding-document',
      { referer: 'https://search.example/results' },
      async (page) => {
        await pressedByHand(page, email, 'accepted');
        assert.match(await page.evaluate(() => globalThis.f.nextElementSibling.textContent), /^Thank you/);
      },
    );
    assert.equal((await forms.arrived(email)).attribution.referrer, 'https://search.example/results');
  });

  test('a page in a sandbox, which may read no answer, leaves the form to the browser at once', async () => {
    const { email } = person();
    await forms.visiting('/plain/sandboxed', {}, async (page) => {
      const asked = [];
      page.on(
        'request',
        (request) =>
          request.url().startsWith(`${forms.assets.url}/c/`) &&
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
    await forms.arrived(email);
  });

  test('where every request of the script is blocked, the browser sends the form, with the button that was pressed', async () => {
    const { email } = person();
    await forms.visiting('/closed/buttons', {}, async (page) => {
      await fillIn(page, email);
      await press(page);
      await page.waitForURL('**/c/closed/thanks');
      await page.getByText('Thank you. We have received your details.').waitFor();
    });
    assert.deepEqual((await forms.arrived(email)).answers, { size: '11+' });
  });

  test('who is offline before the criteria came keeps the page, and is told', async () => {
    await forms.visiting('/plain', { prepare: forms.withoutCriteria('plain') }, async (page) => {
      await fillIn(page, 'off.line@example.org');
      await page.context().setOffline(true);
      await press(page);
      await page
        .getByText('This could not be sent. Please check your connection and send it again.')
        .waitFor();
      assert.equal(page.url(), `${forms.site.url}/plain`);
    });
  });

  test('a copy of the script that is served elsewhere finds Leadhook where the form says', async () => {
    const { email } = person();
    await forms.visiting('/worded/copied', {}, async (page) => {
      await prepared(page);
      await fillIn(page, email);
      await press(page);
      await page.getByText(`Here it is: ${HOSTILE}`).waitFor();
      assert.equal(
        new URL(await page.locator('.thanks form').getAttribute('action')).origin,
        forms.assets.url,
      );
    });
    await forms.arrived(email);
  });

  test('a script that a page has twice takes over a form once', async () => {
    const { email } = person();
    await forms.visiting('/plain/twice', {}, async (page) => {
      const posts = await forms.watchPosts(page);
      await fillIn(page, email);
      await press(page);
      await thanked(page);
      await page.waitForLoadState('networkidle');
      assert.equal(posts.length, 1);
      assert.equal(await page.locator('.thanks').count(), 1);
    });
    await forms.arrived(email);
  });

  test('says that it is sending before anything has answered, in a region that was there before', async () => {
    const { email } = person();
    await forms.visiting('/plain', {}, async (page) => {
      await page.evaluate(() => {
        window.region = document.querySelector('[role=status]');
      });
      assert.equal(await said(page), '');
      let answer;
      const isAnswered = new Promise((done) => {
        answer = done;
      });
      await forms.watchPosts(page, async (route) => {
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
    const slow = (page) => page.route(`${forms.assets.url}/c/plain`, () => {});
    await forms.visiting('/plain', { prepare: slow }, async (page) => {
      await fillIn(page, email);
      await press(page);
      // Long before the script gives up waiting for the criteria.
      await page.getByText('Sending …').waitFor({ timeout: 8_000 });
    });
  });

  test('criteria that come late prepare the form, tell a refusal in its language, and their token is not sent at once', async () => {
    const { email } = person();
    // Neither with the page nor with the submit, but once the server has answered.
    await forms.visiting('/dansk', { prepare: forms.withoutCriteria('dansk', 3) }, async (page) => {
      const posts = await forms.watchPosts(page);
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
    await forms.visiting('/plain', { prepare: forms.withoutCriteria('plain', 2) }, async (page) => {
      const posts = await forms.watchPosts(page);
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
    await forms.visiting('/worded', { prepare: forms.withoutCriteria('worded') }, async (page) => {
      await fillIn(page, email);
      await press(page);
      await page.getByText(`Here it is: ${HOSTILE}`).waitFor();
      await Promise.all([
        page.waitForURL('**/form.css'),
        page.getByRole('button', { name: 'Download' }).click(),
      ]);
    });
    await forms.arrived(email);
  });

  test('works where the acceptance criteria do not come, in the language of the page', async () => {
    const { email } = person();
    await forms.visiting('/plain', { prepare: forms.withoutCriteria('plain') }, async (page) => {
      await page.evaluate(() => document.documentElement.setAttribute('lang', 'sv'));
      await page.getByLabel('E-mail', { exact: true }).fill(email);
      await press(page);
      await page.locator('[name="consent.newsletter"][aria-invalid=true]').waitFor();
      await page.getByRole('checkbox').check();
      await press(page);
      await page.getByText('Tack! Vi har tagit emot dina uppgifter.').waitFor();
    });
    await forms.arrived(email);
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
      await forms.visiting('/plain', { prepare }, async (page) => {
        // A form that relies on nobody has its action itself.
        await page.evaluate(
          (action) => Object.assign(document.forms[0], { action, method: 'post' }),
          `${forms.assets.url}/c/plain`,
        );
        await fillIn(page, email);
        await press(page);
        await page.waitForURL('**/c/plain/thanks');
        await page.getByText('Thank you. We have received your details.').waitFor();
      });
      await forms.arrived(email);
    });
  }
});
