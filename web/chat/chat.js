// The chat, <leadhook-chat campaign="…">: it asks a campaign's questions one by one, and sends the answers. A new
// question in the campaign needs no change here.
import { tidy } from '../shared/answers.js';
import { attribution, noteVisit, remember } from '../shared/attribution.js';
import { h, page } from '../shared/members.js';
import { criteriaOf, forgetCriteria, newKey, submit } from '../shared/submit.js';
import { UNREADABLE, fill, problemOf, textOf } from '../shared/validation.js';

const base = new URL(page.currentScript.src).origin;
const style = new CSSStyleSheet();
style.replaceSync(STYLE_OF_THE_CHAT);

/** Addresses without a scheme are fine, which browsers would refuse. */
const INPUTS = {
  email: { type: 'email' },
  phone: { type: 'tel' },
  number: { type: 'text', inputMode: 'decimal' },
  url: { type: 'text', inputMode: 'url' },
  // A later day has five digits of a year.
  date: { type: 'date', max: '9999-12-31' },
  text: { type: 'text' },
};

/** What browsers know of the visitor. */
const OWN = { email: 'email', phone: 'tel', url: 'url', country: 'country' };

const ownTexts = () =>
  TEXTS_OF_THE_SCRIPT[(page.documentElement.lang || navigator.language).slice(0, 2)] ??
  TEXTS_OF_THE_SCRIPT.en;

noteVisit();

class LeadhookChat extends HTMLElement {
  #log = h('div', { className: 'log', tabIndex: 0, role: 'log' });
  #answer = h('div', { className: 'answer' });
  #texts = ownTexts();
  #lines = 0;
  /** Nobody's focus is taken before they have begun to answer. */
  #hasBegun = false;

  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [style];
    root.append(h('section', {}, this.#log, this.#answer));
    this.#begin();
  }

  async #begin() {
    const answers = new Map();
    let criteria = await this.#load();
    this.#introduce(criteria);
    while (!(await this.#converse(criteria, answers))) {
      await this.#choose([this.#texts['chat.try_again']]);
      forgetCriteria(this.#endpoint);
      criteria = await this.#load();
    }
    this.#answer.replaceChildren();
  }

  get #endpoint() {
    return `${base}/c/${encodeURIComponent(this.getAttribute('campaign'))}`;
  }

  /** Asks what the campaign accepts, however long it takes. */
  async #load() {
    let criteria = await criteriaOf(this.#endpoint);
    while (!criteria) {
      this.#say(this.#texts['chat.unavailable']);
      await this.#choose([this.#texts['chat.try_again']]);
      criteria = await criteriaOf(this.#endpoint);
    }
    this.#texts = criteria.texts;
    this.lang = criteria.texts_language;
    remember(criteria.attribution.remember_days);
    return criteria;
  }

  #introduce({ title }) {
    const name = this.getAttribute('heading') ?? title;
    this.#log.setAttribute('aria-label', this.#texts['chat.title']);
    this.shadowRoot.firstChild.setAttribute('aria-label', name);
    this.shadowRoot.firstChild.prepend(h('h2', { dir: 'auto' }, name));
    this.#say(this.getAttribute('greeting') ?? this.#texts['chat.greeting']);
  }

  /**
   * Asks what is not answered yet, then for the consents, and sends. False where the campaign has changed
   * in the meantime.
   * @param answers a map by name; null where a question was skipped
   */
  async #converse(criteria, answers) {
    for (const field of criteria.fields) {
      const isSettled = field.required ? (answers.get(field.name) ?? null) !== null : answers.has(field.name);
      if (!isSettled) await this.#ask(field, answers, criteria);
    }
    const consent = {};
    this.#linkPrivacyNotice(criteria);
    const hasPhone = criteria.fields.some(({ name, kind }) => kind === 'phone' && answers.get(name));
    for (const purpose of criteria.purposes) {
      if (purpose.channel === 'phone' && !hasPhone && !purpose.required) continue;
      if (await this.#agree(purpose)) consent[purpose.id] = purpose.version;
    }
    return this.#submit(criteria, answers, consent);
  }

  /** Asks until there is an answer, or none is wanted. */
  async #ask(field, answers, criteria) {
    const help = field.help ? [h('p', { className: 'help', dir: 'auto' }, field.help)] : [];
    this.#say(field.label, ...help);
    for (;;) {
      const answer = await this.#listen(field, criteria);
      const code = answer === null ? undefined : problemOf(field, answer, criteria.language);
      if (!code) {
        answers.set(field.name, answer?.length === 0 ? null : answer);
        return;
      }
      this.#say(textOf(this.#texts, code, field));
    }
  }

  /** Resolves to what is typed or chosen: a text, true or false, or a list; null where it is skipped. */
  async #listen(field, criteria) {
    const texts = this.#texts;
    const skip = field.required ? [] : [texts['chat.skip']];
    if (field.several) return this.#gather(field.choices, skip);
    const isBoolean = field.kind === 'boolean';
    const options = isBoolean ? [texts['form.yes'], texts['form.no']] : field.choices;
    if (options) {
      const at = await this.#choose([...options, ...skip]);
      if (at >= options.length) return null;
      return isBoolean ? at === 0 : options[at];
    }
    const input = field.kind === 'country' ? countries(criteria.texts_language, texts) : inputOf(field);
    const isFirst = criteria.fields.find(({ kind }) => kind === field.kind) === field;
    input.autocomplete = field.autocomplete ?? ((isFirst && OWN[field.kind]) || 'off');
    return new Promise((done) => {
      const button = h('button', {}, texts['chat.send']);
      // The question stands above; a label would be read twice.
      input.setAttribute('aria-label', field.label);
      const form = h('form', { noValidate: true }, input, button);
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        this.#echo(input.selectedOptions?.[0]?.textContent ?? tidy(input.value));
        done(input.validity.badInput ? UNREADABLE : tidy(input.value));
      });
      this.#show([form, ...this.#skipping(skip, done)], input);
    });
  }

  /** Resolves to all of some buttons that are pressed when it is said to be done; null where it is skipped. */
  #gather(options, skip) {
    return new Promise((done) => {
      const toggles = options.map((text) =>
        choice(text, ({ currentTarget }) => press(currentTarget, !isPressed(currentTarget))),
      );
      for (const toggle of toggles) press(toggle, false);
      const said = this.#texts['chat.done'];
      const finish = () => {
        const chosen = options.filter((_, at) => isPressed(toggles[at]));
        this.#echo(chosen.join(', ') || said);
        done(chosen);
      };
      const finishing = h('button', { type: 'button', onclick: finish }, said);
      this.#show([...toggles, finishing, ...this.#skipping(skip, done)], toggles[0]);
    });
  }

  /** Makes the button that leaves a question unanswered, where one may. */
  #skipping(skip, done) {
    return skip.map((text) =>
      choice(text, () => {
        this.#echo(text);
        done(null);
      }),
    );
  }

  /** Resolves to which of some buttons is pressed. */
  #choose(options) {
    return new Promise((done) => {
      const buttons = options.map((text, at) =>
        choice(text, () => {
          this.#echo(text);
          done(at);
        }),
      );
      this.#show(buttons, buttons[0]);
    });
  }

  /** Shows what the visitor said, where it can be shown. */
  #echo(said) {
    this.#hasBegun = true;
    if (said) this.#add('visitor', said);
  }

  #show(elements, first) {
    // The last question is what the answer is to, also for whoever comes to it by keyboard.
    for (const element of elements) {
      const target = element.tagName === 'FORM' ? first : element;
      target.setAttribute('aria-describedby', `line-${this.#lines}`);
    }
    this.#answer.replaceChildren(...elements);
    if (this.#hasBegun) first.focus();
  }

  /** Asks whether a purpose is agreed to. Without one that is required nothing is sent, and a No may be a slip. */
  async #agree({ text, required }) {
    for (;;) {
      this.#say(text);
      if ((await this.#choose([this.#texts['form.yes'], this.#texts['form.no']])) === 0) return true;
      if (!required) return false;
      this.#say(this.#texts['chat.no_consent']);
      await this.#choose([this.#texts['chat.try_again']]);
    }
  }

  /** Posts until it is stored. False where the campaign is another one than was asked about. */
  async #submit(criteria, answers, consent) {
    const texts = this.#texts;
    const fieldOf = (name) => criteria.fields.find((field) => field.name === name);
    let key = newKey();
    for (;;) {
      this.#answer.replaceChildren();
      this.#say(texts['form.sending']);
      this.#log.focus();
      const given = [...answers].filter(([name, answer]) => answer !== null && fieldOf(name));
      const body = JSON.stringify({
        ...Object.fromEntries(given),
        consent,
        ...Object.fromEntries(attribution()),
      });
      const headers = { 'Content-Type': 'application/json' };
      const onRetry = () => this.#say(texts['form.trying_again']);
      const { accepted, errors, isStrange } = await submit(this.#endpoint, { body, headers, key, onRetry });
      if (accepted) {
        const [hint] = accepted.hints ?? [];
        if (!hint || !(await this.#isMeant(hint))) {
          this.#thank(accepted, criteria);
          return true;
        }
        answers.set(hint.field, answers.get(hint.field).replace(/[^@]*$/, hint.suggested_domain));
        key = newKey();
        continue;
      }
      if (!errors) {
        this.#say(texts[isStrange ? 'chat.unavailable' : 'form.failed']);
        await this.#choose([texts['chat.try_again']]);
        continue;
      }
      key = newKey(); // Another content.
      const isOutdated = errors.some(({ field }) => !fieldOf(field));
      for (const { field: name, code } of errors) {
        this.#say(textOf(texts, code, fieldOf(name)));
        if (isOutdated) answers.delete(name);
        else await this.#ask(fieldOf(name), answers, criteria);
      }
      if (isOutdated) return false;
    }
  }

  async #isMeant({ suggested_domain: domain }) {
    this.#say(fill(this.#texts['chat.likely_meant'], { domain }));
    return (await this.#choose([this.#texts['form.yes'], this.#texts['form.no']])) === 0;
  }

  #thank({ submission_id, download }, criteria) {
    const texts = this.#texts;
    this.#say(criteria.thanks ?? texts['chat.thanks']);
    if (criteria.double_opt_in) this.#say(texts['form.look_into_mailbox']);
    if (download) {
      const button = h('button', {}, texts['download.button']);
      // Only a post gives the file, for programs follow links too.
      const form = h('form', { method: 'post', action: new URL(download.url, base).href }, button);
      this.#say(fill(texts['download.ready'], download), form);
    }
    this.#log.focus();
    this.dispatchEvent(
      new CustomEvent('leadhook:accepted', { bubbles: true, composed: true, detail: { submission_id } }),
    );
  }

  /** Says who answers for the data, with a link to their privacy notice. */
  #linkPrivacyNotice({ controller, privacy_notice: href }) {
    // Leaving the page would end the conversation.
    const link = h('a', { href, target: '_blank', rel: 'noopener' }, this.#texts['form.privacy_notice']);
    this.#say(`${fill(this.#texts['form.notice'], { controller })} `, link);
  }

  #say(...line) {
    this.#add('bot', ...line);
  }

  #add(who, ...line) {
    this.#lines += 1;
    this.#log.append(h('div', { className: who, dir: 'auto', id: `line-${this.#lines}` }, ...line));
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}

/** Makes a button whose words are the campaign's, or go beside such. */
const choice = (text, onclick) =>
  h('button', { type: 'button', className: 'choice', dir: 'auto', onclick }, text);

const press = (button, isDown) => button.setAttribute('aria-pressed', String(isDown));
const isPressed = (button) => button.getAttribute('aria-pressed') === 'true';

/** Makes the input of a field. Of a text that may be long, and is nothing that browsers know, it has several lines. */
function inputOf({ kind, max_length: most, autocomplete, placeholder = '' }) {
  const isLong = kind === 'text' && most > LIMITS.multiline_characters && !autocomplete;
  return h(isLong ? 'textarea' : 'input', {
    ...(isLong ? { rows: 3 } : INPUTS[kind]),
    placeholder,
    dir: 'auto',
  });
}

function countries(language, texts) {
  const names = new Intl.DisplayNames([language], { type: 'region' });
  const named = COUNTRY_CODES.map((code) => ({ code, name: names.of(code) })).sort((a, b) =>
    a.name.localeCompare(b.name, language),
  );
  const options = named.map(({ code, name }) => h('option', { value: code }, name));
  return h('select', { dir: 'auto' }, h('option', { value: '' }, texts['form.choose']), ...options);
}

// A page may have this script twice.
if (!customElements.get('leadhook-chat')) customElements.define('leadhook-chat', LeadhookChat);
