// A browser with a fresh profile for each visit; every error, every breach of a policy and every request to
// somebody else is noticed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { NO_BROWSER, findChromium } from '../../../scripts/chromium.mjs';

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A page that takes a fraction of a second here may take longer on a shared machine. */
const PATIENCE_MS = 30_000;
const executablePath = findChromium();

/** In CI a missing browser fails; on a desk it is said, and the rest goes on. */
export const skip = !executablePath && !process.env.CI && NO_BROWSER;

export async function launch() {
  assert.ok(executablePath, NO_BROWSER);
  return chromium.launch({ executablePath });
}

/**
 * Opens an address in a fresh profile and fails on whatever goes wrong there, unless `visit` fails before.
 * @param options `ours`: origins that may be asked; `prepare`: what is done to the page before it is opened;
 * `referer`; all others are Playwright's of a context
 * @param visit gets the page, and the answer that it was opened with
 */
export async function opened(browser, address, { ours, prepare, referer, ...options }, visit) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && !ours.includes(origin)) problems.push(`asked ${request.url()}`);
  });
  page.on('console', (message) => {
    // A request that is refused is one of the things that are tried.
    const isOfARequest = /^Failed to load resource|blocked by CORS policy/.test(message.text());
    if (message.type() === 'error' && !isOfARequest) problems.push(message.text());
  });
  await page.exposeFunction('noteBreach', (breach) => problems.push(breach));
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', (event) =>
      window.noteBreach(`policy: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  );
  try {
    await prepare?.(page);
    await visit(page, await page.goto(address, { referer }));
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

/** Returns axe-core's findings, a line each. It runs by the debugger: a page's policy lets in no script. */
export async function findings(page) {
  const { violations } = await page.evaluate(`(() => { ${AXE}; return axe.run(); })()`);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, html }) => `${id}: ${help}: ${target}: ${html}`),
  );
}

/** Returns the names of all members of a form and of a document, which inputs and images may hide. */
export async function memberNames(browser) {
  const page = await browser.newPage();
  const names = await page.evaluate(() => {
    const namesOf = (node) => {
      const names = new Set();
      for (let one = Object.getPrototypeOf(node); one; one = Object.getPrototypeOf(one))
        for (const name of Object.getOwnPropertyNames(one)) names.add(name);
      return [...names];
    };
    return { ofForm: namesOf(document.createElement('form')), ofDocument: namesOf(document) };
  });
  await page.close();
  return names;
}
