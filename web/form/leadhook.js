// The form script: it turns every form with data-leadhook="campaign" into a Leadhook form. Without it, and wherever
// it fails, the browser sends the form by itself.
import { attribution, noteVisit, remember } from '../shared/attribution.js';
import { h, members, page } from '../shared/members.js';
import { criteriaOf, newKey, submit } from '../shared/submit.js';
import { fill, problemsOf, textOf } from '../shared/validation.js';
import { clear, focusFirst, mark } from './errors.js';
import { breakingOwnRule, filledIn, unreadable } from './fields.js';
import { withTurnstile } from './turnstile.js';

const base = new URL(page.currentScript.src).origin;

/** Returns what is said where not even the criteria came: the file of each language has it too. */
const ownTexts = () =>
  TEXTS_OF_THE_SCRIPT[(page.documentElement.lang || navigator.language).slice(0, 2)] ??
  TEXTS_OF_THE_SCRIPT.en;

const SHARED = Symbol.for('leadhook');
globalThis[SHARED] ??= new WeakSet();
/** The forms of all copies of this script: a page may have it twice. */
const enhanced = globalThis[SHARED];

noteVisit();
start();
// Of a page that is still being read too, and of one that draws itself.
new MutationObserver(start).observe(document, { childList: true, subtree: true });

function start() {
  for (const form of page.querySelectorAll('form[data-leadhook]')) {
    if (enhanced.has(form)) continue;
    enhanced.add(form);
    enhance(form);
  }
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: its inner functions share a form's state, and parameters would cost visitors bytes.
function enhance(form) {
  const own = members(form);
  const campaign = own.dataset.leadhook;
  const endpoint = endpointOf(own, campaign);
  // Wherever the form was sent to before: what the browser sends by itself must not end in an address.
  Object.assign(own, { action: endpoint, method: 'post', acceptCharset: 'utf-8' });
  // A page in a sandbox is nobody's: no response may be read there.
  if (self.origin === 'null') return;
  const hasOwnRules = !own.noValidate;
  let criteria;
  let sent;
  let isBusy = false;
  let isAccepted = false;
  let turnstile;
  let thanked = [];

  load();
  // Screen readers listen to what is there before it speaks, and the page may bring its own further down.
  if (page.readyState === 'loading') page.addEventListener('DOMContentLoaded', status);
  else status();

  own.addEventListener('submit', (event) => {
    event.preventDefault();
    if (isBusy) return;
    isBusy = true;
    isAccepted = false;
    const { submitter } = event;
    own.setAttribute('aria-busy', 'true');
    submitForm(submitter)
      // What the script cannot do, the browser can.
      .catch(() => isAccepted || leaveToBrowser(submitter))
      .finally(() => {
        isBusy = false;
        own.removeAttribute('aria-busy');
      });
  });

  /** Asks for the criteria where they are not there, and prepares the form when they first come. */
  async function load() {
    const came = await criteriaOf(endpoint);
    if (!came || criteria) return;
    criteria = came;
    remember(criteria.attribution.remember_days);
    turnstile = withTurnstile(form, criteria.turnstile);
    own.noValidate = true; // Errors stand at the fields, in the campaign's language.
  }

  async function submitForm(submitter) {
    // A token that comes with the submit itself says that a form was filled in within no time.
    const hasToken = Boolean(criteria);
    say('form.sending');
    await load();
    const filled = filledIn(form, submitter);
    clear(form);
    for (const element of thanked) element.remove();
    if (criteria) {
      const found = problemsOf(criteria, [...filled, ...unreadable(form)]);
      if (found.length > 0) return refuse(found);
      const breaking = hasOwnRules && !submitter?.formNoValidate && breakingOwnRule(form, criteria);
      if (breaking) {
        say('form.look');
        return breaking.reportValidity();
      }
    }

    // A token is another one each time, and the same content must keep its key.
    const content = JSON.stringify(
      filled.filter(([name]) => name !== criteria?.token.field && name !== criteria?.turnstile?.field),
    );
    if (sent?.content !== content) sent = { content, key: newKey() };
    const body = bodyOf(filled, criteria, hasToken);
    const { accepted, errors, isStrange, isSilent } = await submit(endpoint, {
      body,
      key: sent.key,
      onRetry: () => say('form.trying_again'),
    });
    // Where a response came, the texts come too.
    if (!isSilent) await load();
    if (accepted) return accept(accepted);
    turnstile?.reset();
    if (errors) return refuse(errors);
    // Scripts may be kept from Leadhook where forms are not.
    const isKeptOut = isSilent && !criteria && navigator.onLine !== false;
    if (isStrange || isKeptOut) return leaveToBrowser(submitter);
    return say('form.failed');
  }

  function refuse(problems) {
    const messageOf = ({ field, code, detail }) =>
      criteria
        ? textOf(
            criteria.texts,
            code,
            criteria.fields.find(({ name }) => name === field),
          )
        : detail;
    const unmarked = problems
      .filter((problem) => !mark(form, problem.field, messageOf(problem)))
      .map(messageOf);
    if (unmarked.length > 0) status().textContent = [...new Set(unmarked)].join(' ');
    else say('form.look');
    focusFirst(form);
    dispatch('rejected', { errors: problems });
  }

  function accept({ submission_id, hints: [hint] = [], download }) {
    isAccepted = true;
    dispatch('accepted', { submission_id });
    status().textContent = '';
    const given = ownThanks(own, campaign);
    if (!given && !hint && criteria?.thanks_url) return location.assign(criteria.thanks_url);
    const region =
      given ?? h('div', { className: 'thanks' }, h('p', {}, criteria?.thanks ?? text('form.thanks')));
    thanked = [
      criteria?.double_opt_in && !given && h('p', {}, text('form.look_into_mailbox')),
      hint && h('p', {}, fill(text('form.likely_meant'), { domain: hint.suggested_domain })),
      download && downloadOf(download),
    ].filter(Boolean);
    const shown = members(region);
    shown.append(...thanked);
    Object.assign(shown, { tabIndex: -1, hidden: false });
    if (!given) thanked = [region];
    if (!given || own.contains(given)) own.after(region);
    // Who may have mistyped the address can mend it and send it again.
    hide(!hint);
    return shown.focus();
  }

  /** Hides or shows the form, also where the page's own style displays forms, which is stronger than the attribute. */
  function hide(isHidden) {
    if (own.hidden === isHidden) return;
    own.hidden = isHidden;
    own.style.setProperty('display', isHidden ? 'none' : '', 'important');
  }

  /** Makes the form that downloads the file. Only a post gives it, for programs follow links too. */
  function downloadOf(download) {
    const button = h('button', {}, text('download.button'));
    return h(
      'form',
      { method: 'post', action: new URL(download.url, endpoint).href },
      h('p', {}, fill(text('download.ready'), download)),
      button,
    );
  }

  function leaveToBrowser(submitter) {
    // The browser itself would name the button that was pressed.
    const { name = '', value = '' } = submitter ?? {};
    const pressed = h('input', { type: 'hidden', name, value });
    own.append(pressed);
    own.submit();
    pressed.remove();
    // Who comes back finds a form that waits for nothing.
    status().textContent = '';
  }

  function status() {
    let region = own.querySelector('[data-status]');
    if (!region) {
      region = h('div');
      region.setAttribute('role', 'status');
      region.dataset.status = '';
      own.append(region);
    }
    return region;
  }

  function say(key) {
    status().textContent = text(key);
  }

  function text(key) {
    return (criteria?.texts ?? ownTexts())[key];
  }

  function dispatch(name, detail) {
    own.dispatchEvent(new CustomEvent(`leadhook:${name}`, { bubbles: true, detail }));
  }
}

/** Returns where Leadhook is: the form may say so, for this script may be a copy that is served elsewhere. */
function endpointOf(own, campaign) {
  const path = `/c/${encodeURIComponent(campaign)}`;
  try {
    const { origin, pathname } = new URL(own.getAttribute('action'), page.baseURI);
    if (pathname === path) return origin + path;
  } catch {
    // It is no address.
  }
  return base + path;
}

/** Returns everything that is sent: what was filled in, and what the campaign asks of a form. */
function bodyOf(filled, criteria, hasToken) {
  const body = new URLSearchParams(filled);
  const add = (name, value) => body.has(name) || body.append(name, value);
  if (hasToken) add(criteria.token.field, criteria.token.value);
  if (criteria?.honeypot) add(criteria.honeypot, '');
  for (const entry of attribution()) add(...entry);
  return body;
}

/** Finds the page's own thanks: of this campaign, else of any; the form's own before others. */
function ownThanks(own, campaign) {
  const found = (value) =>
    own.querySelector(`[data-thanks="${value}"]`) ?? page.querySelector(`[data-thanks="${value}"]`);
  return found(CSS.escape(campaign)) ?? found('');
}
