// The dashboard in a browser, signed in, with every breach of its policy noticed.
import assert from 'node:assert/strict';
import { serveWorld } from './origin.mjs';
import { launch, opened } from './browser.mjs';
import { campaign, person } from './campaigns.mjs';
import { until } from './http.mjs';

export const READER = 'reader-0123456789-abcdefgh';
export const OPERATOR = 'operator-0123456789-abcdef';
/** The tokens as a world is told them. */
export const TOKENS = `rita:read:${READER},otto:read+operate:${OPERATOR}`;
/** A text that a page must never take for markup. */
export const HOSTILE = '<img src=x onerror="document.title=1">';

export const number = (text) => Number(text.replaceAll(/[^\d]/g, ''));

export class Dashboard {
  /** @param world a function that gives the world behind the pages */
  static async open(world) {
    const dashboard = new Dashboard();
    dashboard.pages = await serveWorld(world);
    dashboard.browser = await launch();
    return dashboard;
  }

  async close() {
    await this.browser?.close();
    await this.pages?.stop();
  }

  /** Opens the dashboard. `as`: the token to sign in with, or null. */
  visiting({ search = '', as = OPERATOR, width = 1440, scheme = 'light', headers = {}, zone }, visit) {
    const look = {
      viewport: { width, height: 900 },
      colorScheme: scheme,
      timezoneId: zone,
      extraHTTPHeaders: headers,
    };
    return opened(
      this.browser,
      this.address(search),
      { ours: [this.pages.url], ...look },
      async (page, answer) => {
        assert.match(
          answer.headers()['content-security-policy'],
          /default-src 'none'; script-src 'self'; style-src 'self'/,
        );
        if (as) await signIn(page, as);
        await visit(page);
      },
    );
  }

  address(search) {
    return `${this.pages.url}/admin${search}`;
  }
}

export async function signIn(page, token = OPERATOR) {
  await page.getByLabel('Admin token').fill(token);
  await page.keyboard.press('Enter');
  await page.locator('.view > :not(.loading)').first().waitFor();
}

/** The text of a locator as it is shown. */
// biome-ignore lint/performance/useDomNodeTextContent: Playwright's method, which leaves out what is hidden
export const shownText = (locator) => locator.innerText();

/** The number of a step of the funnel. */
export const step = async (page, name) =>
  number(await shownText(page.locator(`[data-step=${name}] .step-number`)));

/** A table's rows as texts. */
export const rows = (page, name) =>
  page
    .getByRole('table', { name, exact: true })
    .locator('tbody tr')
    .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));

/** The progress that a job shows. */
export const said = (page, words) => page.locator('.job-words').filter({ hasText: words });

/** Presses Refresh without the focus going there. */
export const refresh = (page) =>
  page.getByRole('button', { name: 'Refresh' }).evaluate((button) => button.click());

/** Watches the element that has the focus; the function it returns tells whether it kept it. */
export async function watchFocus(page) {
  const watched = await page.evaluateHandle(() => {
    const element = document.activeElement;
    const seen = { element, isLeft: false };
    element.addEventListener('blur', () => {
      seen.isLeft = true;
    });
    return seen;
  });
  return () => watched.evaluate(({ element, isLeft }) => !isLeft && element === document.activeElement);
}

export const go = (page, view) => page.getByRole('link', { name: view, exact: true }).click();

/** Publishes and fills the campaigns that the dashboard's tests look at. */
export async function fillCampaigns(world, crm) {
  const qualify = { warm: 20, hot: 40, forward_at: 15 };
  await world.publish(
    campaign('spring', crm, { qualify }),
    campaign('hostile', crm, { title: HOSTILE }),
    campaign('quiet', crm),
  );
  await fillSpring(world);
  for (let n = 0; n < 3; n += 1) {
    const { email, name } = person({ name: `www.cheap.example ${HOSTILE}` });
    await world.postForm('hostile', {
      email,
      name,
      'consent.newsletter': 'on',
      contact_website: 'x',
      utm_source: HOSTILE,
    });
  }
}

/** Posts nine leads, of which four are held, and some of everything that is lost on the way. */
async function fillSpring(world) {
  const large = Array.from({ length: 5 }, (_, n) =>
    person({ company_size: '201+', utm_source: n < 3 ? 'google' : 'partner' }),
  );
  for (const one of [...large, ...Array.from({ length: 4 }, () => person({ utm_source: 'google' }))])
    await world.postJson('spring', one);
  await world.postJson('spring', large[0]);
  await world.postJson('spring', { ...large[0], seats: 12 });
  await world.postJson('spring', person({ email: 'nobody', seats: 0 }));
  await world.postJson('spring', person({ email: 'nobody' }));
  await world.postJson('spring', person({ consent: {} }));
  await world.settled('spring');
  // Rejections are counted in batches.
  await until(
    'the rejections are counted',
    async () => (await overviewOf(world, 'spring')).funnel.received === 14,
  );
}

/** The overview of a campaign as the admin API has it. */
export const overviewOf = (world, id) => world.ask('GET', `overview?campaign=${id}`);
