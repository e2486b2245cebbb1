// <leadhook-chat campaign="…">: asks a campaign's questions one by one, and sends the answers. A new
// question in the campaign needs no change here.
import { attribution, note, remember } from './lib/attribution.js';
import { fill, problemOf, textOf } from './lib/checks.js';
import { criteriaOf, forget, newKey, send } from './lib/send.js';

const base = new URL(document.currentScript.src).origin;
const style = new CSSStyleSheet();
style.replaceSync(STYLE_OF_THE_CHAT);

const INPUTS = {
  email: { type: 'email', autocomplete: 'email' },
  phone: { type: 'tel', autocomplete: 'tel' },
  number: { type: 'text', inputMode: 'decimal', autocomplete: 'off' },
  url: { type: 'url', autocomplete: 'url' },
  text: { type: 'text', autocomplete: 'off' },
};

const h = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const ownTexts = () => TEXTS_OF_THE_SCRIPT[(document.documentElement.lang || navigator.language).slice(0, 2)] ?? TEXTS_OF_THE_SCRIPT.en;

note();

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
      forget(this.#endpoint);
      criteria = await this.#load();
    }
    this.#answer.replaceChildren();
  }

  get #endpoint() {
    return `${base}/c/${encodeURIComponent(this.getAttribute('campaign'))}`;
  }

  /** What the campaign accepts, however long it takes. */
  async #load() {
    let criteria;
    while (!(criteria = await criteriaOf(this.#endpoint).catch(() => undefined))) {
      this.#say(this.#texts['chat.unavailable']);
      await this.#choose([this.#texts['chat.try_again']]);
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
    this.shadowRoot.firstChild.prepend(h('h2', {}, name));
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
    this.#notice(criteria);
    const hasPhone = criteria.fields.some(({ name, kind }) => kind === 'phone' && answers.get(name));
    for (const purpose of criteria.purposes) {
      if (purpose.channel === 'phone' && !hasPhone && !purpose.required) continue;
      if (await this.#agree(purpose)) consent[purpose.id] = purpose.version;
    }
    return this.#deliver(criteria, answers, consent);
  }

  /** Asks until there is an answer, or none is wanted. */
  async #ask(field, answers, criteria) {
    const texts = this.#texts;
    this.#say(field.label);
    for (;;) {
      const answer = written(field, await this.#listen(field, criteria), criteria);
      const isSkipped = answer === null || (answer === '' && !field.required);
      const code = isSkipped ? undefined : answer === '' ? 'required' : problemOf(field, answer);
      if (!code) {
        answers.set(field.name, isSkipped ? null : typed(field, answer, texts));
        return;
      }
      this.#say(textOf(texts, code, field));
    }
  }

  /** What is typed or chosen; null where it is skipped. */
  async #listen(field, { texts_language: language }) {
    const texts = this.#texts;
    const skip = field.required ? [] : [texts['chat.skip']];
    const options = field.choices ?? (field.kind === 'boolean' && [texts['form.yes'], texts['form.no']]);
    if (options) {
      const at = await this.#choose([...options, ...skip]);
      return at < options.length ? options[at] : null;
    }
    const input = field.kind === 'country' ? countries(language, texts) : inputOf(field);
    return new Promise((done) => {
      const button = h('button', {}, texts['chat.send']);
      // The question stands above; a label would be read twice.
      input.setAttribute('aria-label', field.label);
      const form = h('form', { noValidate: true }, input, button);
      const end = (answer, shown) => {
        this.#hasBegun = true;
        if (shown) this.#add('visitor', shown);
        done(answer);
      };
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        end(input.value.trim(), input.selectedOptions?.[0]?.textContent ?? input.value.trim());
      });
      const skipping = skip.map((text) => h('button', { type: 'button', className: 'choice', onclick: () => end(null, text) }, text));
      this.#show([form, ...skipping], input);
    });
  }

  /** Which of some buttons is pressed. */
  #choose(options) {
    return new Promise((done) => {
      const press = (at) => {
        this.#hasBegun = true;
        this.#add('visitor', options[at]);
        done(at);
      };
      const buttons = options.map((text, at) => h('button', { type: 'button', className: 'choice', onclick: () => press(at) }, text));
      this.#show(buttons, buttons[0]);
    });
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

  /** Whether a purpose is agreed to. Without one that is required nothing is sent, and a No may be a slip. */
  async #agree({ text, required }) {
    for (;;) {
      this.#say(text);
      if ((await this.#choose([this.#texts['form.yes'], this.#texts['form.no']])) === 0) return true;
      if (!required) return false;
      this.#say(this.#texts['chat.no_consent']);
      await this.#choose([this.#texts['chat.try_again']]);
    }
  }

  /** Sends until it is stored. False where the campaign is another one than was asked about. */
  async #deliver(criteria, answers, consent) {
    const texts = this.#texts;
    const fieldOf = (name) => criteria.fields.find((field) => field.name === name);
    let key = newKey();
    for (;;) {
      this.#answer.replaceChildren();
      this.#say(texts['form.sending']);
      this.#log.focus();
      const given = [...answers].filter(([name, answer]) => answer !== null && fieldOf(name));
      const body = JSON.stringify({ ...Object.fromEntries(given), consent, ...Object.fromEntries(attribution()) });
      const headers = { 'Content-Type': 'application/json' };
      const onRetry = () => this.#say(texts['form.trying_again']);
      const { accepted, errors, isStrange } = await send(this.#endpoint, { body, headers, key, onRetry });
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
    this.dispatchEvent(new CustomEvent('leadhook:accepted', { bubbles: true, composed: true, detail: { submission_id } }));
  }

  #notice({ controller, privacy_notice: href }) {
    // Leaving the page would end the conversation.
    const link = h('a', { href, target: '_blank', rel: 'noopener' }, this.#texts['form.privacy_notice']);
    this.#say(`${fill(this.#texts['form.notice'], { controller })} `, link);
  }

  #say(...line) {
    this.#add('bot', ...line);
  }

  #add(who, ...line) {
    this.#lines += 1;
    this.#log.append(h('div', { className: who, id: `line-${this.#lines}` }, ...line));
    this.#log.scrollTop = this.#log.scrollHeight;
  }
}

function typed({ kind }, answer, texts) {
  if (kind === 'boolean') return answer === texts['form.yes'];
  return kind === 'number' ? Number(answer) : answer;
}

/**
 * A number as programs write it: keyboards may offer no point. A comma ahead of three digits may group
 * thousands in English.
 */
function written({ kind }, answer, { texts_language: language }) {
  const [, whole, decimals] = (kind === 'number' && answer?.match(/^([-+]?\d*),(\d+)$/)) || [];
  const isDecimal = decimals && (language !== 'en' || decimals.length !== 3);
  return isDecimal ? `${whole}.${decimals}` : answer;
}

function inputOf({ kind, max_length: most }) {
  if (kind === 'text' && most > 300) return h('textarea', { rows: 3 });
  return h('input', INPUTS[kind]);
}

function countries(language, texts) {
  const names = new Intl.DisplayNames([language], { type: 'region' });
  const named = COUNTRY_CODES.map((code) => ({ code, name: names.of(code) })).sort((a, b) => a.name.localeCompare(b.name, language));
  const options = named.map(({ code, name }) => h('option', { value: code }, name));
  return h('select', { autocomplete: 'country' }, h('option', { value: '' }, texts['form.choose']), ...options);
}

// A page may have this script twice.
if (!customElements.get('leadhook-chat')) customElements.define('leadhook-chat', LeadhookChat);
