// <leadhook-chat campaign="…">: asks a campaign's questions one by one, and sends the answers. A new
// question in the campaign needs no change here.
import { attribution, note } from './lib/attribution.js';
import { fill, problemOf, textOf } from './lib/checks.js';
import { criteriaOf, newKey, send } from './lib/send.js';

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
    let criteria;
    while (!(criteria = await criteriaOf(base, this.getAttribute('campaign')).catch(() => undefined))) {
      this.#say(this.#texts['chat.unavailable']);
      await this.#choose([this.#texts['chat.try_again']]);
    }
    this.#texts = criteria.texts;
    this.lang = criteria.texts_language;
    const name = this.getAttribute('heading') ?? criteria.title;
    this.#log.setAttribute('aria-label', this.#texts['chat.title']);
    this.shadowRoot.firstChild.setAttribute('aria-label', name);
    this.shadowRoot.firstChild.prepend(h('h2', {}, name));
    this.#say(this.getAttribute('greeting') ?? this.#texts['chat.greeting']);
    await this.#converse(criteria);
    this.#answer.replaceChildren();
  }

  async #converse(criteria) {
    const answers = {};
    for (const field of criteria.fields) await this.#ask(field, answers, criteria);
    const consent = {};
    this.#notice(criteria);
    for (const purpose of criteria.purposes) {
      const { id, channel, required } = purpose;
      const hasPhone = criteria.fields.some(({ name, kind }) => kind === 'phone' && name in answers);
      if (channel === 'phone' && !hasPhone && !required) continue;
      if (await this.#agree(purpose)) consent[id] = purpose.version;
      else if (required) return this.#say(this.#texts['chat.no_consent']);
    }
    return this.#deliver(criteria, answers, consent);
  }

  /** Asks until there is an answer, or none is wanted. */
  async #ask(field, answers, criteria) {
    const texts = this.#texts;
    this.#say(field.label);
    for (;;) {
      const answer = await this.#listen(field, criteria);
      delete answers[field.name];
      if (answer === null || (answer === '' && !field.required)) return;
      const code = answer === '' ? 'required' : problemOf(field, answer);
      if (!code) {
        answers[field.name] = typed(field, answer, texts);
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

  async #agree({ text }) {
    this.#say(text);
    return (await this.#choose([this.#texts['form.yes'], this.#texts['form.no']])) === 0;
  }

  async #deliver(criteria, answers, consent) {
    const texts = this.#texts;
    let key = newKey();
    for (;;) {
      this.#answer.replaceChildren();
      const body = JSON.stringify({ ...answers, consent, ...Object.fromEntries(attribution()) });
      const headers = { 'Content-Type': 'application/json' };
      const onRetry = () => this.#say(texts['form.trying_again']);
      const { accepted, answer, errors, message } = await send(`${base}/c/${criteria.campaign}`, { body, headers, key, onRetry });
      if (accepted) {
        const [hint] = answer.hints ?? [];
        if (!hint || !(await this.#isMeant(hint))) return this.#thank(answer, criteria);
        answers[hint.field] = answers[hint.field].replace(/[^@]*$/, hint.suggested_domain);
        key = newKey();
        continue;
      }
      const wrong = errors.filter(({ field }) => criteria.fields.some(({ name }) => name === field));
      for (const { field: name, code } of wrong) {
        const field = criteria.fields.find((one) => one.name === name);
        this.#say(textOf(texts, code, field));
        await this.#ask(field, answers, criteria);
      }
      if (wrong.length > 0) {
        key = newKey(); // Another content.
        continue;
      }
      this.#say(errors.map(({ detail }) => detail).join(' ') || message || texts['form.failed']);
      await this.#choose([texts['chat.try_again']]);
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
      this.#say(fill(texts['download.ready'], criteria.magnet), form);
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

customElements.define('leadhook-chat', LeadhookChat);
