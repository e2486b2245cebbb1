// A site with forms that leadhook.js takes over, on an origin of its own, with the world behind it and a
// browser.
import { serveCopy, serveWorld } from './origin.mjs';
import { launch, memberNames, opened } from './browser.mjs';
import { campaign } from './campaigns.mjs';
import { until } from './http.mjs';
import { Receiver } from './receiver.mjs';
import { serveSite } from './site.mjs';
import { World } from './world.mjs';

/** A text that a page must never take for markup. */
export const HOSTILE = '<img src=x onerror="window.hit=1">';
export const TURNSTILE = 'https://challenges.cloudflare.com';
const FIELDS = [
  { name: 'email', kind: 'email', label: 'E-mail', required: true },
  { name: 'phone', kind: 'phone', label: 'Phone' },
  { name: 'size', kind: 'choice', label: 'Size', choices: ['1-10', '11+'] },
];
/** A form written long ago for another place, but for its names; with more in it, and under it. */
export const form = (
  id,
  { action = '/search', inside = '', button = '<button>Get it</button>', outside = '' } = {},
) => `
  <form id="f" data-leadhook="${id}" action="${action}">
    <p><label>E-mail <input name="email" type="email"></label></p>
    <p><label>Phone <input name="phone" aria-describedby="why"></label> <span id="why">So that we can call.</span></p>
    <fieldset><legend>Size</legend>
      <label><input type="radio" name="size" value="1-10"> 1-10</label>
      <label><input type="radio" name="size" value="11+"> 11+</label>
    </fieldset>
    <p><label><input type="checkbox" name="consent.newsletter" value="2026-11"> Yes, send me news and offers from Example AB by e-mail.</label></p>
    ${inside}
    ${button}
  </form>
  ${outside}`;
/** Names that hide what a script would ask of a form. */
export const HIDING = [
  'submit',
  'action',
  'method',
  'append',
  'elements',
  'after',
  'contains',
  'hidden',
  'style',
  'dataset',
  'noValidate',
];
const inputs = (names) => names.map((name) => `<input name="${name}" hidden>`).join('');
/** The same form as frameworks write it: a No beside each box, names with brackets and in other letters. */
const framework = (id) => `
  <form data-leadhook="${id}" class="field">
    <p><label>E-mail <input name="Email"></label></p>
    <fieldset class="field"><legend>Interests</legend>
      <input type="hidden" name="interests[]" value="">
      <label><input type="checkbox" name="interests[]" value="Garden"> Garden</label>
      <label><input type="checkbox" name="interests[]" value="House"> House</label>
      <label><input type="checkbox" name="interests[]" value="Boat & co"> Boat</label>
    </fieldset>
    <p><input type="hidden" name="demo" value="0"><label><input type="checkbox" name="demo" value="1"> Demo</label></p>
    <p><input type="hidden" name="consent[newsletter]" value="false">
      <label><input type="checkbox" name="consent[newsletter]" value="2026-11"> Yes, send me news and offers from Example AB by e-mail.</label></p>
    <button>Get it</button>
  </form>`;
/** A list of which several may be chosen, and what browsers write in ways of their own. */
const written = (id) => `
  <form data-leadhook="${id}">
    <p><label>E-mail <input name="email"></label></p>
    <div class="field"><label>Interests <select multiple name="interests"><option>Garden<option>House<option value="Boat  &amp; co">Boat</select></label></div>
    <p><label>Day <input type="date" name="day"></label></p>
    <p><label>Budget <input name="budget"></label></p>
    <p><label>Site <input type="url" name="site"></label></p>
    <p><label><input type="checkbox" name="consent.newsletter"> Yes, send me news and offers from Example AB by e-mail.</label></p>
    <button>Get it</button>
  </form>`;
/** Pages of the site beside the plain one: what is in their form. */
const VARIANTS = {
  buttons: {
    button:
      '<button name="size" value="11+">Get it</button> <button name="size" value="1-10">Get less</button>',
  },
  'own-thanks': { outside: '<section data-thanks hidden><h2>You are in</h2></section>' },
  'inner-thanks': {
    inside: '<section data-thanks="plain" hidden><h2>You are in</h2></section>',
    outside:
      '<section data-thanks hidden>Anybody</section><section data-thanks="dansk" hidden>Others</section>',
  },
  'own-rules': {
    inside: `
    <p><label><input name="terms" type="checkbox" required> Terms</label></p>
    <p><label>Seats <input name="seats" type="number"></label></p>
    <p><label>Site <input name="site" type="url"></label></p>
    <input name="constructor" type="hidden" value="Anna">`,
  },
  hiding: { inside: inputs(HIDING) },
  apart: { outside: '<p><label>Name <input name="constructor" form="f"></label></p>' },
};

export class FormSite {
  /** The names of every member of a form, and of a document. */
  members;

  async start() {
    this.crm = await Receiver.start();
    this.assets = await serveWorld(() => this.world);
    this.copy = await serveCopy();
    this.site = await serveSite((pathname) => this.#page(pathname));
    this.world = await World.start({
      vars: {
        LEADHOOK_PUBLIC_URL: this.assets.url,
        TURNSTILE_SECRET: 'not-asked-here',
        LEADHOOK_TURNSTILE_URL: 'http://127.0.0.1:9/',
      },
    });
    await this.world.publish(...this.#campaigns());
    this.browser = await launch();
    this.members = await memberNames(this.browser);
  }

  async stop() {
    await this.browser?.close();
    await this.site?.stop();
    await this.assets?.stop();
    await this.copy?.stop();
    await this.world?.stop();
    await this.crm?.down();
  }

  /** Makes a page of the site: its path names the campaign, and what is special about the page. */
  #page(pathname) {
    const { assets, copy, members } = this;
    const [, id, extra] = pathname.split('/');
    const script = `<script src="${assets.url}/leadhook.js" defer></script>`;
    const guarded = id === 'guarded' ? ` ${TURNSTILE}; frame-src ${TURNSTILE}` : '';
    const variant = extra === 'copied' ? { action: `${assets.url}/c/${id}` } : VARIANTS[extra];
    const drawn =
      {
        home: () => '<a href="/plain">To the form</a>',
        framework: () => framework(id),
        written: () => written(id),
        'all-hiding': () => form(id, { inside: inputs(members.ofForm) }),
        'hiding-document': () =>
          form(id) +
          members.ofDocument
            .map((name) => `<img name="${name}" alt=""><form name="${name}"></form>`)
            .join(''),
      }[id === 'home' ? id : extra] ?? (() => form(id, variant));
    return {
      head:
        { 'no-script': '', twice: script + script, copied: script.replace(assets.url, copy.url) }[extra] ??
        script,
      body: `<h1>Get it</h1>${drawn()}`,
      policy: `${extra === 'sandboxed' ? 'sandbox allow-scripts allow-forms; ' : ''}connect-src ${assets.url}; form-action ${assets.url}; script-src ${assets.url} ${copy.url}${guarded}`,
    };
  }

  #campaigns() {
    const { assets, crm, site } = this;
    const own = (id, changes) =>
      campaign(id, crm, { origins: [site.url], thanks_url: undefined, field: FIELDS, score: [], ...changes });
    return [
      own('plain', {}),
      own('dansk', { language: 'da' }),
      own('closed', { origins: ['https://www.example.com'] }),
      own('many', {
        field: [
          ...FIELDS,
          { name: 'seats', kind: 'number' },
          { name: 'site', kind: 'text' },
          { name: 'constructor', kind: 'text', required: true },
        ],
      }),
      own('picks', {
        field: [
          FIELDS[0],
          {
            name: 'interests',
            kind: 'choice',
            label: 'Interests',
            choices: ['Garden', 'House', 'Boat & co'],
            several: true,
            required: true,
          },
          { name: 'demo', kind: 'boolean', label: 'Demo' },
          { name: 'day', kind: 'date', label: 'Day' },
          { name: 'budget', kind: 'number', label: 'Budget', max: 5000 },
          { name: 'site', kind: 'url', label: 'Site' },
        ],
      }),
      own('elsewhere', { thanks_url: `${site.url}/plain/thanked` }),
      own('worded', { page: { thanks: HOSTILE }, magnet: { title: HOSTILE, url: `${assets.url}/form.css` } }),
      own('remembers', { attribution: { remember_days: 30 } }),
      own('guarded', { turnstile: { site_key: '0x4AAAAAAAwidget', secret: 'TURNSTILE_SECRET' } }),
    ];
  }

  /** Opens a page of the site in a fresh profile; see `opened`. */
  visiting(address, options, visit) {
    const { site, assets, copy } = this;
    const ours = [site.url, assets.url, copy.url];
    return opened(this.browser, `${site.url}${address}`, { ours, ...options }, visit);
  }

  /** Waits for the lead of an address. */
  arrived(email) {
    return until('the lead', () => this.crm.to(email)[0]?.payload.data);
  }

  /** Lets the criteria of a campaign come only from a certain time on that they are asked for. */
  withoutCriteria(id, until = Infinity) {
    return async (page) => {
      let asked = 0;
      await page.route(`${this.assets.url}/c/${id}`, (route) => {
        if (route.request().method() !== 'GET') return route.fallback();
        asked += 1;
        return asked < until ? route.abort() : route.continue();
      });
    };
  }

  /** Collects everything that a page posts to a campaign, before it is sent; `answer` may answer instead. */
  async watchPosts(page, answer = (route) => route.continue()) {
    const posts = [];
    await page.route(`${this.assets.url}/c/*`, async (route) => {
      const request = route.request();
      if (request.method() !== 'POST') return route.fallback();
      posts.push({
        key: request.headers()['idempotency-key'],
        body: new URLSearchParams(request.postData()),
      });
      return answer(route, posts.length);
    });
    return posts;
  }
}

export const press = (page) => page.getByRole('button', { name: 'Get it' }).click();
export const thanked = (page) => page.getByText('Thank you. We have received your details.').waitFor();

export async function fillIn(page, email) {
  await page.getByLabel('E-mail', { exact: true }).fill(email);
  await page.getByRole('checkbox', { name: 'Yes' }).check();
}

export const prepared = (page) =>
  until('the criteria', () => page.evaluate(() => document.querySelector('form').noValidate));
/** The form's words for those who hear it. */
export const said = (page) => page.locator('[role=status]').textContent();

/** Fills in and sends a form where Playwright finds nothing; returns what the form's event tells. */
export async function pressedByHand(page, email, event) {
  await until('the criteria', () =>
    page.evaluate(() => Reflect.get(HTMLFormElement.prototype, 'noValidate', globalThis.f)),
  );
  return filledByHand(page, email, event);
}

const filledByHand = (page, email, event) =>
  page.evaluate(
    ([address, name]) => {
      const { querySelector } = Element.prototype;
      const find = (selector) => querySelector.call(globalThis.f, selector);
      find('[name=email]').value = address;
      find('[type=checkbox]').checked = true;
      const told = new Promise((done) =>
        addEventListener(`leadhook:${name}`, ({ detail }) => setTimeout(() => done(detail))),
      );
      find('button').click();
      return told;
    },
    [email, event],
  );
