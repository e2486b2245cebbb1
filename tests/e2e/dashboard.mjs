// The dashboard in a browser, as tests use it: signed in, with every breach of its policy noticed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { findChromium } from '../../scripts/chromium.mjs';
import { serveAssets } from './assets.mjs';
import { ROOT } from './world.mjs';

const AXE = fs.readFileSync(path.join(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');

export const READER = 'reader-0123456789-abcdefgh';
export const OPERATOR = 'operator-0123456789-abcdef';
/** The tokens as a world is told them. */
export const TOKENS = `rita:read:${READER},otto:read+operate:${OPERATOR}`;
/** What a page must never take for markup. */
export const HOSTILE = '<img src=x onerror="document.title=1">';

export const number = (text) => Number(text.replaceAll(/[^\d]/g, ''));

export class Dashboard {
  /** @param world a function that gives the world behind the pages */
  static async open(world) {
    const dashboard = new Dashboard();
    dashboard.pages = await serveAssets(world);
    dashboard.browser = await chromium.launch({ executablePath: findChromium() });
    return dashboard;
  }

  async close() {
    await this.browser?.close();
    await this.pages?.stop();
  }

  /**
   * Opens the dashboard in a fresh profile, and fails on any error, on any breach of its policy and on any
   * request to somebody else. `as`: the token to sign in with, or null.
   */
  async visiting({ search = '', as = OPERATOR, width = 1440, scheme = 'light', headers = {}, zone }, visit) {
    const look = { viewport: { width, height: 900 }, colorScheme: scheme, timezoneId: zone };
    const context = await this.browser.newContext({ ...look, extraHTTPHeaders: headers });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const problems = await this.#watch(page);
    try {
      const answer = await page.goto(this.address(search));
      assert.match(answer.headers()['content-security-policy'], /default-src 'none'; script-src 'self'; style-src 'self'/);
      if (as) await signIn(page, as);
      await visit(page);
      assert.deepEqual(problems, []);
    } finally {
      await context.close();
    }
  }

  address(search) {
    return `${this.pages.url}/admin${search}`;
  }

  async #watch(page) {
    const problems = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => {
      const isOurs = request.url().startsWith(`${this.pages.url}/`) || request.url().startsWith('data:');
      if (!isOurs) problems.push(`asked ${request.url()}`);
    });
    page.on('console', (message) => {
      // A refused request is one of the things that are shown.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) problems.push(message.text());
    });
    await page.exposeFunction('noteBreach', (breach) => problems.push(breach));
    await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) =>
      window.noteBreach(`policy: ${event.violatedDirective} ${event.blockedURI}`)));
    return problems;
  }
}

export async function signIn(page, token = OPERATOR) {
  await page.getByLabel('Admin token').fill(token);
  await page.keyboard.press('Enter');
  await page.locator('.view > :not(.loading)').first().waitFor();
}

/** The number of a step of the funnel. */
export const step = async (page, name) => number(await page.locator(`[data-step=${name}] .step-number`).innerText());

/** A table's rows as texts. */
export const rows = (page, name) => page.getByRole('table', { name, exact: true }).locator('tbody tr')
  .evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent)));

/** What a long act says of itself. */
export const said = (page, words) => page.locator('.job-words').filter({ hasText: words });

export const go = (page, view) => page.getByRole('link', { name: view, exact: true }).click();

/** Fails on what axe finds. */
export async function axe(page, what) {
  const { violations } = await page.evaluate(`(() => { ${AXE}; return axe.run(); })()`);
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes[0].html]), [], what);
}
