// Turns every form with data-leadhook="campaign" into a Leadhook form. Without this script, and wherever
// it fails, the browser sends the form by itself.
import { attribution, note, remember } from './lib/attribution.js';
import { fill, problemsOf, textOf } from './lib/checks.js';
import { clear, focusFirst, mark } from './lib/errors.js';
import { breakingOwnRule, filledIn, unreadable } from './lib/form.js';
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

/** Of all copies of this script: a page may have it twice. */
const enhanced = (globalThis[Symbol.for('leadhook')] ??= new WeakSet());

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
  const endpoint = endpointOf(form, campaign);
  // Wherever the form was sent to before: what the browser sends by itself must not end in an address.
  form.setAttribute('action', endpoint);
  form.setAttribute('method', 'post');
  const hasOwnRules = !form.noValidate;
  let criteria;
  let sent;
  let isBusy = false;
  let isAccepted = false;
  let turnstile;
  let thanked = [];

  load();
  // Screen readers listen to what is there before it speaks, and the page may bring its own further down.
  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', status);
  else status();

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    isAccepted = false;
    const { submitter } = event;
    form.setAttribute('aria-busy', 'true');
    submit(submitter)
      // What the script cannot do, the browser can.
      .catch(() => isAccepted || leaveToBrowser(submitter))
      .finally(() => {
        isBusy = false;
        form.removeAttribute('aria-busy');
      });
  });

  /** Asks for the criteria where they are not there, and prepares the form when they first come. */
  async function load() {
    const came = await criteriaOf(endpoint).catch(() => undefined);
    if (!came || criteria) return;
    criteria = came;
    remember(criteria.attribution.remember_days);
    turnstile = withTurnstile(form, criteria.turnstile);
    form.noValidate = true; // Problems are told at the fields, in the campaign's language.
  }

  async function submit(submitter) {
    // A token that comes with the submit itself says that a form was filled in within no time.
    const hasToken = Boolean(criteria);
    say('form.sending');
    await load();
    const filled = filledIn(form, submitter);
    clear(form);
    thanked.forEach((element) => element.remove());
    if (criteria) {
      const found = problemsOf(criteria, new Map([...filled, ...unreadable(form)]), filled.map(([name]) => name));
      if (found.length > 0) return refuse(found);
      const breaking = hasOwnRules && !submitter?.formNoValidate && breakingOwnRule(form, criteria);
      if (breaking) {
        say('form.look');
        return breaking.reportValidity();
      }
    }

    // A token is another one each time, and the same content must keep its key.
    const content = JSON.stringify(filled.filter(([name]) => name !== criteria?.token.field && name !== criteria?.turnstile?.field));
    if (sent?.content !== content) sent = { content, key: newKey() };
    const body = bodyOf(filled, criteria, hasToken);
    const { accepted, errors, isStrange, isSilent } = await send(endpoint, { body, key: sent.key, onRetry: () => say('form.trying_again') });
    // Where an answer came, what it is told with comes too.
    if (!isSilent) await load();
    if (accepted) return accept(accepted);
    turnstile?.reset();
    if (errors) return refuse(errors);
    // Scripts may be kept from Leadhook where forms are not.
    const isKeptOut = isSilent && !criteria && navigator.onLine !== false;
    if (isStrange || isKeptOut) throw new Error('this is the browser\'s to send');
    return say('form.failed');
  }

  function refuse(problems) {
    const wordsOf = ({ field, code, detail }) => (criteria ? textOf(criteria.texts, code, criteria.fields.find(({ name }) => name === field)) : detail);
    const unmarked = problems.filter((problem) => !mark(form, problem.field, wordsOf(problem))).map(wordsOf);
    if (unmarked.length > 0) status().textContent = [...new Set(unmarked)].join(' ');
    else say('form.look');
    focusFirst(form);
    tell('rejected', { errors: problems });
  }

  function accept({ submission_id, hints: [hint] = [], download }) {
    isAccepted = true;
    tell('accepted', { submission_id });
    status().textContent = '';
    const own = ownThanks(form, campaign);
    if (!own && !hint && criteria?.thanks_url) return location.assign(criteria.thanks_url);
    const region = own ?? h('div', { className: 'thanks' }, h('p', {}, criteria?.thanks ?? text('form.thanks')));
    thanked = [
      criteria?.double_opt_in && !own && h('p', {}, text('form.look_into_mailbox')),
      hint && h('p', {}, fill(text('form.likely_meant'), { domain: hint.suggested_domain })),
      download && downloadOf(download),
    ].filter(Boolean);
    region.append(...thanked);
    region.tabIndex = -1;
    region.hidden = false;
    if (!own) thanked = [region];
    if (!own || form.contains(own)) form.after(region);
    // Who may have mistyped the address can mend it and send it again.
    hide(!hint);
    return region.focus();
  }

  /** Also where the page's own style displays forms, which is stronger than the attribute. */
  function hide(isHidden) {
    if (form.hidden === isHidden) return;
    form.hidden = isHidden;
    form.style.setProperty('display', isHidden ? 'none' : '', 'important');
  }

  /** Only a post gives the file, for programs follow links too. */
  function downloadOf(download) {
    const button = h('button', {}, text('download.button'));
    return h('form', { method: 'post', action: new URL(download.url, endpoint).href }, h('p', {}, fill(text('download.ready'), download)), button);
  }

  function leaveToBrowser(submitter) {
    // The browser itself would name the button that was pressed.
    const pressed = h('input', { type: 'hidden', name: submitter?.name ?? '', value: submitter?.value ?? '' });
    form.append(pressed);
    HTMLFormElement.prototype.submit.call(form);
    pressed.remove();
    // Who comes back finds a form that waits for nothing.
    status().textContent = '';
  }

  function status() {
    let region = form.querySelector('[data-status]');
    if (!region) {
      region = h('div');
      region.setAttribute('role', 'status');
      region.dataset.status = '';
      form.append(region);
    }
    return region;
  }

  function say(key) {
    status().textContent = text(key);
  }

  function text(key) {
    return (criteria?.texts ?? ownTexts())[key];
  }

  function tell(name, detail) {
    form.dispatchEvent(new CustomEvent(`leadhook:${name}`, { bubbles: true, detail }));
  }
}

/** Where Leadhook is: the form may say so, for this script may be a copy that is served elsewhere. */
function endpointOf(form, campaign) {
  const path = `/c/${encodeURIComponent(campaign)}`;
  try {
    const { origin, pathname } = new URL(form.getAttribute('action'), document.baseURI);
    if (pathname === path) return origin + path;
  } catch {
    // It is no address.
  }
  return base + path;
}

/** Everything that is sent: what was filled in, and what the campaign asks of a form. */
function bodyOf(filled, criteria, hasToken) {
  const body = new URLSearchParams(filled);
  const add = (name, value) => body.has(name) || body.append(name, value);
  if (hasToken) add(criteria.token.field, criteria.token.value);
  if (criteria?.honeypot) add(criteria.honeypot, '');
  attribution().forEach(([name, value]) => add(name, value));
  return body;
}

/** The page's own thanks: of this campaign, else of any; the form's own before others. */
function ownThanks(form, campaign) {
  const found = (value) => form.querySelector(`[data-thanks="${value}"]`) ?? document.querySelector(`[data-thanks="${value}"]`);
  return found(CSS.escape(campaign)) ?? found('');
}
