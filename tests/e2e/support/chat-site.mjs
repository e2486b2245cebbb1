// A site with the chat in its pages, on an origin of its own, with the world behind it and a browser.
import assert from 'node:assert/strict';
import { serveWorld } from './origin.mjs';
import { launch, memberNames, opened } from './browser.mjs';
import { campaign } from './campaigns.mjs';
import { until } from './http.mjs';
import { Receiver } from './receiver.mjs';
import { escaped, serveSite } from './site.mjs';
import { World } from './world.mjs';

/** A greeting of the page whose images are named after every member of a document. */
export const HIDING = 'hiding';
/** A text that a page must never take for markup. */
export const HOSTILE = '<img src=x onerror="window.hit=1">';
const FIELDS = [
  { name: 'question', kind: 'text', label: 'What would you like to know?', required: true, min_length: 3 },
  { name: 'size', kind: 'choice', label: 'How many are you?', choices: ['1-10', '11+'] },
  { name: 'demo', kind: 'boolean', label: 'A demo?' },
  { name: 'country', kind: 'country', label: 'Where are you?' },
  { name: 'email', kind: 'email', label: 'Your e-mail address?', required: true },
  { name: 'phone', kind: 'phone', label: 'Your phone number?' },
];

/** Fewer questions, for what is asked about sending alone. */
export const SHORT = [FIELDS[4]];

/** The fields of a campaign that asks for a list, a day and more, with hints. */
export const RICH = [
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

export class ChatSite {
  /** The name of every member of a document. */
  members;

  async start() {
    this.crm = await Receiver.start();
    this.assets = await serveWorld(() => this.world);
    this.site = await serveSite((pathname) => this.#page(pathname));
    this.world = await World.start({ vars: { LEADHOOK_PUBLIC_URL: this.assets.url } });
    await this.world.publish(
      this.campaign('plain', { magnet: { title: 'The guide', url: `${this.assets.url}/form.css` } }),
      this.campaign('svensk', { language: 'sv' }),
      this.campaign('counts', {
        language: 'sv',
        field: [...SHORT, { name: 'weight', kind: 'number', label: 'Hur tungt?', required: true, max: 100 }],
      }),
      this.campaign('counting', {
        field: [...SHORT, { name: 'weight', kind: 'number', label: 'How heavy?', required: true }],
      }),
      this.campaign('remembers', { field: SHORT, attribution: { remember_days: 30 } }),
      this.campaign('moves', { field: SHORT }),
      this.campaign('rich', { field: RICH, language: 'en' }),
      this.campaign('lists', { field: RICH.slice(0, 2) }),
      this.campaign('hostile', {
        title: HOSTILE,
        field: [
          { name: 'email', kind: 'email', label: `Mail ${HOSTILE}`, required: true },
          { name: 'size', kind: 'choice', label: 'Size', choices: [HOSTILE] },
        ],
        purpose: [{ id: 'news', text: HOSTILE, version: '1', required: true }],
        page: { thanks: HOSTILE },
      }),
    );
    this.browser = await launch();
    this.members = (await memberNames(this.browser)).ofDocument;
  }

  async stop() {
    await this.browser?.close();
    await this.site?.stop();
    await this.assets?.stop();
    await this.world?.stop();
    await this.crm?.down();
  }

  /** Makes a page of the site: its path names the campaign, and the chat's greeting. */
  #page(pathname) {
    const { assets, members } = this;
    const [, id, greeting = 'Hello there!'] = pathname.split('/');
    const hiding = greeting === HIDING ? members.map((name) => `<img name="${name}" alt="">`).join('') : '';
    return {
      // A page may have it twice.
      head: `<script src="${assets.url}/leadhook-chat.js" defer></script>`.repeat(2),
      body: `<h1>Ask</h1><leadhook-chat id="chat" campaign="${id}" greeting="${escaped(greeting)}"></leadhook-chat>${hiding}`,
      policy: `script-src ${assets.url}; connect-src ${assets.url}; form-action ${assets.url}`,
    };
  }

  /** A campaign of the site. */
  campaign(id, changes) {
    const origins = [this.site.url];
    return campaign(id, this.crm, { origins, thanks_url: undefined, field: FIELDS, score: [], ...changes });
  }

  /** Opens a page of the site in a fresh profile, where no cookie may be set; see `opened`. */
  visiting(path, options, visit) {
    const { site, assets } = this;
    const ours = [site.url, assets.url];
    return opened(this.browser, `${site.url}${path}`, { ours, ...options }, async (page) => {
      await visit(page);
      assert.deepEqual(await page.context().cookies(), []);
    });
  }

  /** Waits for the lead of an address. */
  arrived(email) {
    return until('the lead', () => this.crm.to(email)[0]?.payload.data);
  }
}

export const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

export async function answer(page, question, text) {
  await page.getByLabel(question).fill(text);
  await press(page, 'Send');
}

/** The last line of the conversation. */
export const last = (page) => page.locator('.log > div').last().textContent();

/** Waits for an answer of the visitor in the conversation. */
export const shown = (page, text) => page.locator('.log .visitor').getByText(text, { exact: true }).waitFor();

/** Answers the questions of `plain` up to the e-mail address; an optional number and the consents remain. */
export async function untilConsent(page, email) {
  await answer(page, 'What would you like to know?', 'Do you ship to Gotland?');
  await press(page, '11+');
  await press(page, 'Yes');
  await page.getByLabel('Where are you?').selectOption('SE');
  await press(page, 'Send');
  await answer(page, 'Your e-mail address?', email);
}
