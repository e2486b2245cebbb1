// Pictures of the README, from the running system: a month of leads is posted to the built Worker, whose clock is moved
// along, and a browser looks at the form and at the dashboard.
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { serveWorld } from '../tests/e2e/support/origin.mjs';
import { dice } from '../tests/e2e/support/crowd.mjs';
import { exampleCampaign } from '../tests/e2e/support/examples.mjs';
import { faults, startFaultWorld } from '../tests/e2e/support/fault-world.mjs';
import { sleep } from '../tests/e2e/support/http.mjs';
import { Receiver, SECRETS } from '../tests/e2e/support/receiver.mjs';
import { NO_BROWSER, findChromium } from './chromium.mjs';

const OUT = 'docs/pictures';
const CAMPAIGN = 'demo-request';
const DAY_MS = 86_400_000;
const DAYS = 30;
/** Hours of the day at which people post, by UTC, and their shares of the day's posts. */
const HOURS = [
  [7, 0.2],
  [10, 0.35],
  [13, 0.25],
  [18, 0.2],
];
/** Long enough for the posts of an hour to be sent. Refused leads are tried again in the days that follow. */
const SENDING_MS = 150;
const VIEWPORT = { width: 1280, height: 1150 };

const executablePath = findChromium();
if (!executablePath) {
  console.error(NO_BROWSER);
  process.exit(1);
}

const roll = dice(20_261_123);
const oneOf = (list) => list[Math.floor(roll() * list.length)];
let people = 0;

/** Returns somebody who asks for a demo. */
function somebody() {
  people += 1;
  const source = oneOf([
    'google',
    'google',
    'google',
    'linkedin',
    'linkedin',
    'newsletter',
    'partner',
    null,
    null,
  ]);
  return {
    email: `person${people}@${oneOf(['nordvik.example', 'havsbris.example', 'lindholm.example', 'gmail.com'])}`,
    name: 'Somebody',
    company: 'Nordvik AB',
    role: oneOf(['Management', 'Head of department', 'Specialist', 'Specialist', 'Student', 'Other']),
    country: oneOf(['SE', 'SE', 'DK', 'NO', 'DE', 'FR']),
    company_size: oneOf(['1-10', '11-50', '11-50', '51-200', '201+']),
    timeframe: oneOf(['This month', 'This quarter', 'This year', 'Just looking', 'Just looking']),
    ...(roll() < 0.4 && { phone: `070174${String(1000 + people).slice(-4)}` }),
    ...(source && { utm_source: source, utm_medium: source === 'google' ? 'cpc' : 'social' }),
    consent: { contact: '2026-11', ...(roll() < 0.5 && { newsletter: '2026-11' }) },
  };
}

/** Returns the next post: mostly of new people, some of them twice, and some with mistakes. */
function post(known) {
  const chance = roll();
  if (chance < 0.04) return { ...somebody(), email: 'anna@' };
  if (chance < 0.07) return { ...somebody(), consent: {} };
  if (chance < 0.12 && known.length) return { ...oneOf(known), timeframe: 'This month' };
  const person = somebody();
  known.push(person);
  return person;
}

async function month(world, receivers) {
  const known = [];
  const midnight = Date.now() - (Date.now() % DAY_MS);
  for (let day = DAYS - 1; day >= 0; day -= 1) {
    const weekday = new Date(midnight - day * DAY_MS).getUTCDay();
    const busy = (weekday === 0 || weekday === 6 ? 10 : 30) + (DAYS - day) * 0.8 + roll() * 12;
    for (const [hour, share] of HOURS) {
      const at = midnight - day * DAY_MS + hour * 3_600_000;
      if (at > Date.now()) break;
      await faults(world, { clockMs: at - Date.now() });
      for (const receiver of receivers) receiver.clockMs = at - Date.now();
      const posts = Array.from({ length: Math.round(busy * share) }, () =>
        world.postJson(CAMPAIGN, post(known)),
      );
      await Promise.all(posts);
      await sleep(SENDING_MS);
    }
  }
  await faults(world, { clockMs: 0 });
  for (const receiver of receivers) receiver.clockMs = 0;
}

const crm = await Receiver.start();
const sales = await Receiver.start(SECRETS.SALES_WEBHOOK_SECRET);
// Some leads are refused for good, as by a CRM whose required field is missing.
sales.answer = ({ payload }) => ({ status: payload.data.attribution.utm_source === 'partner' ? 400 : 204 });
let world;
const pages = await serveWorld(() => world);
world = await startFaultWorld({ vars: { LEADHOOK_PUBLIC_URL: pages.url } });
const browser = await chromium.launch({ executablePath });
try {
  const nobody = { url: 'https://crm.example.com/hooks/leads' };
  await world.publish(
    exampleCampaign('spring-guide', { crm: nobody }),
    exampleCampaign(CAMPAIGN, { crm, sales }),
  );
  await month(world, [crm, sales]);

  mkdirSync(OUT, { recursive: true });
  const context = await browser.newContext({
    viewport: VIEWPORT,
    colorScheme: 'light',
    locale: 'en-GB',
    timezoneId: 'UTC',
  });
  const page = await context.newPage();
  await page.goto(`${pages.url}/f/spring-guide`);
  await page.screenshot({ path: `${OUT}/form.png` });
  await page.goto(`${pages.url}/admin?campaign=${CAMPAIGN}`);
  await page.getByLabel('Admin token').fill(world.adminToken);
  await page.keyboard.press('Enter');
  await page.locator('canvas').first().waitFor();
  // Plots are drawn in the frame after.
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${OUT}/dashboard.png` });
  console.log(`Written: ${OUT}/form.png and ${OUT}/dashboard.png, with ${people} people`);
} finally {
  await browser.close();
  await pages.stop();
  await world.stop();
  await crm.down();
  await sales.down();
}
