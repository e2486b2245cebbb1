// The sign-in form: a token, and what is wrong with it.
import { ApiError, ask, token } from './api.js';
import { update } from './store.js';
import { h } from './ui/dom.js';

/** What a header can carry; a token of other characters is none. */
const SENDABLE = /^[\x21-\x7e]+$/;

let error = null;
let closedUntil = 0;
let isBusy = false;

/** Says why one must sign in again, once the form is drawn. */
export const explain = (reason) => {
  error = reason;
};

export function drawSignIn() {
  const waitS = Math.max(0, Math.ceil((closedUntil - Date.now()) / 1_000));
  const shown = waitS > 0 ? `Too many failed sign-ins from your address. Try again in ${waitS} s.` : error;
  return h(
    'main',
    { class: 'signin' },
    h(
      'form',
      { class: 'card', 'data-form': 'sign-in', novalidate: true, 'data-key': 'sign-in' },
      h('p', { class: 'brand' }, 'Leadhook'),
      h('h1', {}, 'Sign in'),
      h('label', { for: 'token' }, 'Admin token'),
      h('input', {
        id: 'token',
        name: 'token',
        type: 'password',
        autocomplete: 'current-password',
        autocapitalize: 'off',
        spellcheck: 'false',
        required: true,
        'aria-describedby': 'token-hint token-error',
        'aria-invalid': shown ? 'true' : null,
      }),
      h('p', { class: 'quiet', id: 'token-hint' }, 'Kept in this tab only, until you close it.'),
      h('p', { class: 'bad-text', id: 'token-error', role: 'alert' }, shown ?? ''),
      h(
        'button',
        { class: 'button primary', 'aria-disabled': waitS > 0 || isBusy ? 'true' : null },
        isBusy ? 'Signing in…' : 'Sign in',
      ),
    ),
  );
}

/** Tries a token, and returns whose it is; or nothing, and the form says why. */
export async function signIn(form) {
  const given = form.elements.token.value.trim();
  if (isBusy || closedUntil > Date.now()) return null;
  error = null;
  isBusy = true;
  update();
  try {
    if (!SENDABLE.test(given)) throw new ApiError(401, '');
    const user = await ask('GET', 'whoami', { as: given });
    token.set(given);
    form.reset();
    return user;
  } catch (caught) {
    if (!(caught instanceof ApiError)) throw caught;
    error = textOf(caught, given);
    if (caught.status === 429) countDown(caught.waitS);
    return null;
  } finally {
    isBusy = false;
    update();
    document.getElementById('token')?.focus();
  }
}

function textOf({ status, message, waitS }, given) {
  if (given === '') return 'Enter your admin token.';
  if (status === 401) return 'Unknown token.';
  if (status === 403) return 'That token lacks the read scope, which the dashboard needs.';
  if (status === 0) return 'Could not connect to Leadhook. Check your network and try again.';
  return waitS ? `Leadhook is busy. Try again in ${waitS} s.` : message;
}

/** Says every second how long it still takes. */
function countDown(waitS) {
  closedUntil = Date.now() + waitS * 1_000;
  error = null;
  const ticking = setInterval(() => {
    if (Date.now() >= closedUntil) clearInterval(ticking);
    update();
  }, 1_000);
}
