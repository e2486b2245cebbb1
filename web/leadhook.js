// Turns every form with data-leadhook="campaign" into a Leadhook form. Without this script, and wherever
// it fails, the browser sends the form by itself.
import { attribution, note, remember } from './lib/attribution.js';
import { fill, problemsOf, textOf } from './lib/checks.js';
import { clear, focusFirst, mark } from './lib/errors.js';
import { criteriaOf, newKey, send } from './lib/send.js';
import { withTurnstile } from './lib/turnstile.js';

const base = new URL(document.currentScript.src).origin;
const h = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

/** What is said where not even the criteria came: the file of each language has it too. */
const ownTexts = () => TEXTS_OF_THE_SCRIPT[(document.documentElement.lang || navigator.language).slice(0, 2)] ?? TEXTS_OF_THE_SCRIPT.en;

const enhanced = new WeakSet();

note();
start();
// Of a page that is still being read too, and of one that draws itself.
new MutationObserver(start).observe(document, { childList: true, subtree: true });

function start() {
  for (const form of document.querySelectorAll('form[data-leadhook]')) {
    if (enhanced.has(form)) continue;
    enhanced.add(form);
    enhance(form);
  }
}

function enhance(form) {
  const campaign = form.dataset.leadhook;
  const endpoint = `${base}/c/${encodeURIComponent(campaign)}`;
  const load = () => criteriaOf(base, campaign);
  // Wherever the form was sent to before: what the browser sends by itself must not end in an address.
  form.setAttribute('action', endpoint);
  form.setAttribute('method', 'post');
  let sent;
  let isBusy = false;
  let isAccepted = false;
  let turnstile;
  let thanked = [];

  load().then((criteria) => {
    const { remember_days: days } = criteria.attribution;
    if (days) remember(days);
    turnstile = withTurnstile(form, criteria.turnstile);
    form.noValidate = true; // Problems are told at the fields, in the campaign's language.
  }).catch(() => {});

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    submit()
      // What the script cannot do, the browser can.
      .catch(() => isAccepted || HTMLFormElement.prototype.submit.call(form))
      .finally(() => {
        isBusy = false;
        form.removeAttribute('aria-busy');
      });
  });

  async function submit() {
    const criteria = await load().catch(() => undefined);
    const texts = criteria?.texts ?? ownTexts();
    const filled = [...new FormData(form)].filter(([, value]) => typeof value === 'string' && value.trim());
    clear(form);
    thanked.forEach((element) => element.remove());
    const found = criteria ? problemsOf(criteria, Object.fromEntries(filled), filled.map(([name]) => name)) : [];
    if (found.length > 0) return refuse(found, texts, criteria);

    say(texts['form.sending']);
    form.setAttribute('aria-busy', 'true');
    // A token is another one each time, and the same content must keep its key.
    const content = JSON.stringify(filled.filter(([name]) => name !== criteria?.token.field && name !== criteria?.turnstile?.field));
    if (sent?.content !== content) sent = { content, key: newKey() };
    const result = await send(endpoint, { body: bodyOf(filled, criteria), key: sent.key, onRetry: () => say(texts['form.trying_again']) });
    if (result.accepted) return accept(result.answer, texts, criteria);
    turnstile?.reset();
    return result.message ? refuse(result.errors, texts, criteria, result.message) : say(texts['form.failed']);
  }

  function refuse(problems, texts, criteria, message) {
    const others = problems.filter(({ field, code, detail }) => {
      const declared = criteria?.fields.find(({ name }) => name === field);
      const isKnown = `error.${code}` in texts;
      return !mark(form, field, isKnown || !detail ? textOf(texts, code, declared) : detail);
    });
    const unmarked = others.map(({ code, detail }) => detail ?? textOf(texts, code));
    say(unmarked.join(' ') || (problems.length ? texts['form.look'] : message));
    focusFirst(form);
    tell('rejected', { errors: problems });
  }

  function accept(answer, texts, criteria) {
    isAccepted = true;
    tell('accepted', { submission_id: answer.submission_id });
    const own = document.querySelector('[data-thanks]');
    if (!own && criteria?.thanks_url) return location.assign(criteria.thanks_url);
    const region = own ?? h('div', { className: 'thanks' }, h('p', {}, criteria?.thanks ?? texts['form.thanks']));
    const [hint] = answer.hints ?? [];
    thanked = [
      criteria?.double_opt_in && !own && h('p', {}, texts['form.look_into_mailbox']),
      hint && h('p', {}, fill(texts['form.likely_meant'], { domain: hint.suggested_domain })),
      answer.download && downloadOf(answer.download, texts, criteria),
    ].filter(Boolean);
    region.append(...thanked);
    region.tabIndex = -1;
    region.hidden = false;
    if (!own) {
      form.after(region);
      thanked = [region];
    }
    // Who may have mistyped the address can mend it and send it again.
    form.hidden = !hint;
    say('');
    return region.focus();
  }

  function say(text) {
    let status = form.querySelector('[data-status]');
    if (!status) {
      status = h('p', { role: 'status' });
      status.dataset.status = '';
      form.append(status);
    }
    status.textContent = text;
  }

  const tell = (name, detail) => form.dispatchEvent(new CustomEvent(`leadhook:${name}`, { bubbles: true, detail }));
}

/** Everything that is sent: what was filled in, and what the campaign asks of a form. */
function bodyOf(filled, criteria) {
  const body = new URLSearchParams(filled);
  const add = (name, value) => body.has(name) || body.append(name, value);
  if (criteria) add(criteria.token.field, criteria.token.value);
  if (criteria?.honeypot) add(criteria.honeypot, '');
  attribution().forEach(([name, value]) => add(name, value));
  return body;
}

/** Only a post gives the file, for programs follow links too. */
function downloadOf({ url }, texts, { magnet }) {
  const button = h('button', {}, texts['download.button']);
  return h('form', { method: 'post', action: new URL(url, base).href }, h('p', {}, fill(texts['download.ready'], magnet)), button);
}
