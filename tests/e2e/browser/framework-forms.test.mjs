// Forms as other frameworks render them, posted by a browser: with their extra inputs, their names for
// several values of a field, and their hidden partners of boxes; without the form script and with it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { serveWorld } from '../support/origin.mjs';
import { launch, opened, skip } from '../support/browser.mjs';
import { campaign, person } from '../support/campaigns.mjs';
import { until } from '../support/http.mjs';
import { Receiver } from '../support/receiver.mjs';
import { escaped, serveSite } from '../support/site.mjs';
import { ROOT, World } from '../support/world.mjs';

const FORMS = path.join(ROOT, 'tests/data/frameworks');
/** The inputs of each beside the campaign's fields (docs/forms.md), and the value of an unticked box. */
const FRAMEWORKS = {
  aspnet: { extra: ['__Invariant', '__RequestVerificationToken'], unticked: false },
  rails: { extra: ['authenticity_token', 'commit', 'utf8'], unticked: false },
  cakephp: { extra: ['_Token[fields]', '_Token[unlocked]', '_csrfToken', '_method'], unticked: false },
  django: { extra: ['csrfmiddlewaretoken'], unticked: undefined },
  wordpress: { extra: [], unticked: undefined },
};
const FIELDS = [
  { name: 'email', kind: 'email', label: 'E-mail', required: true },
  { name: 'name', kind: 'text' },
  { name: 'seats', kind: 'number', min: 1, max: 50 },
  { name: 'start', kind: 'date' },
  { name: 'interests', kind: 'choice', several: true, choices: ['Garden', 'Kitchen', 'House & home'] },
  { name: 'member', kind: 'boolean' },
];
const CONSENT = 'consent.newsletter';

describe('a form of another framework', { skip, timeout: 240_000 }, () => {
  let world, crm, assets, site, browser;

  before(async () => {
    crm = await Receiver.start();
    assets = await serveWorld(() => world);
    site = await serveSite((pathname) => {
      const [, framework, id, how] = pathname.split('/');
      const form = fs.readFileSync(path.join(FORMS, `${framework}.html`), 'utf8');
      const filled = form.replace('{action}', escaped(`${assets.url}/c/${id}`)).replace('{campaign}', id);
      return {
        head: how === 'script' ? `<script src="${assets.url}/leadhook.js" defer></script>` : '',
        body: `<h1>Get it</h1>${filled}`,
        // A framework hides an element by a style of the element's own.
        policy: `connect-src ${assets.url}; form-action ${assets.url}; script-src ${assets.url}; style-src 'unsafe-inline'`,
      };
    });
    world = await World.start({ vars: { LEADHOOK_PUBLIC_URL: assets.url } });
    const own = (id, changes) =>
      campaign(id, crm, { origins: [site.url], thanks_url: undefined, field: FIELDS, score: [], ...changes });
    await world.publish(own('open', {}), own('strict', { unknown_fields: 'refuse' }));
    browser = await launch();
  });

  after(async () => {
    await browser?.close();
    await site?.stop();
    await assets?.stop();
    await world?.stop();
    await crm?.down();
  });

  /** Opens the form; the browser itself lets through what its own rules would not. */
  const visiting = (framework, how, visit, id = 'open') => {
    const address = `${site.url}/${framework}/${id}/${how}`;
    return opened(
      browser,
      address,
      { ours: [site.url, assets.url], javaScriptEnabled: how === 'script' },
      async (page) => {
        await page.locator('form').evaluate((form) => {
          form.noValidate = true;
        });
        await visit(page);
      },
    );
  };

  // Each framework writes names and values of boxes in its own way.
  const input = (page, name) => page.locator(`input[name="${name}" i]:not([type=hidden])`);
  const box = (page, name) =>
    page.locator(
      `input[type=checkbox][name="${name}" i], input[type=checkbox][name="${name.replace(/\.(.*)/, '[$1]')}" i]`,
    );
  const press = (page) => page.getByRole('button', { name: 'Send it' }).click();

  async function choose(page, choices) {
    const list = page.locator('select[multiple]');
    if (await list.count()) return list.selectOption(choices);
    for (const choice of choices) await page.locator(`input[type=checkbox][value="${choice}"]`).check();
  }

  async function fillIn(page, email) {
    await input(page, 'email').fill(email);
    await input(page, 'name').fill('Åsa Öberg');
    await input(page, 'seats').fill('12');
    await input(page, 'start').fill('2026-12-24');
    await choose(page, ['House & home', 'Garden']);
  }

  const arrived = (email) => until('the lead', () => crm.to(email)[0]?.payload.data);
  const thanked = (page) => page.getByText('Thank you. We have received your details.').waitFor();

  function assertIsLead({ contact, answers, consent }, email, member) {
    assert.deepEqual(contact, { email });
    const said = { name: 'Åsa Öberg', seats: 12, start: '2026-12-24', interests: ['Garden', 'House & home'] };
    assert.deepEqual(answers, member === undefined ? said : { ...said, member });
    const given = consent.map(({ purpose, granted, method }) => [purpose, granted, method]);
    assert.deepEqual(
      given.find(([purpose]) => purpose === 'newsletter'),
      ['newsletter', true, 'form'],
    );
  }

  for (const [framework, { extra, unticked }] of Object.entries(FRAMEWORKS)) {
    for (const [how, words] of [
      ['browser', 'by itself'],
      ['script', 'with the script'],
    ]) {
      test(`${framework} ${words}: what was ticked is a yes, whatever stands beside the box`, async () => {
        const { email } = person();
        await visiting(framework, how, async (page) => {
          await fillIn(page, email);
          await box(page, 'member').check();
          await box(page, CONSENT).check();
          await press(page);
          await thanked(page);
        });
        assertIsLead(await arrived(email), email, true);
      });

      test(`${framework} ${words}: what was not ticked is no yes, and a consent that is missing is told`, async () => {
        const { email } = person();
        await visiting(framework, how, async (page) => {
          await fillIn(page, email);
          const consent = box(page, CONSENT);
          if (how === 'script') {
            await press(page);
            await until('the problem', async () => (await consent.getAttribute('aria-invalid')) === 'true');
            assert.equal(await page.locator('[aria-invalid]').count(), 1);
            assert.equal(await consent.evaluate((element) => element === document.activeElement), true);
          } else {
            const answer = page.waitForResponse((response) => response.request().method() === 'POST');
            await press(page);
            assert.equal((await answer).status(), 422);
            await page.getByText('Please go back, correct this and send it again:').waitFor();
            await page.goBack();
            await fillIn(page, email);
          }
          assert.deepEqual(crm.to(email), []);
          await consent.check();
          await press(page);
          await thanked(page);
        });
        assertIsLead(await arrived(email), email, unticked);
      });
    }

    test(`${framework} posts what it posts, which a campaign may refuse`, async () => {
      await visiting(
        framework,
        'browser',
        async (page) => {
          await fillIn(page, person().email);
          await box(page, CONSENT).check();
          const [request] = await Promise.all([
            page.waitForRequest((request) => request.method() === 'POST'),
            press(page),
          ]);
          const declared = [...FIELDS.map(({ name }) => name), 'consent'];
          const names = [...new URLSearchParams(request.postData()).keys()];
          const others = names.filter((name) => !declared.includes(name.toLowerCase().match(/^[a-z]*/)[0]));
          assert.deepEqual([...new Set(others)].sort(), extra);
          assert.equal((await request.response()).status(), extra.length > 0 ? 422 : 303);
        },
        'strict',
      );
    });
  }
});
