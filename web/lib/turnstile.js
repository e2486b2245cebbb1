// Cloudflare Turnstile, where a campaign asks it (https://developers.cloudflare.com/turnstile/).

const SCRIPT = 'https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit';
let loading;

function load() {
  loading ??= new Promise((done, failed) => {
    const script = document.createElement('script');
    Object.assign(script, { src: SCRIPT, async: true, onload: done, onerror: failed });
    document.head.append(script);
  });
  return loading;
}

/** Puts the widget ahead of the form's button. Without it the form is sent all the same. */
export function withTurnstile(form, settings) {
  if (!settings) return undefined;
  let widget;
  load().then(() => {
    const place = document.createElement('div');
    const button = form.querySelector('button:not([type=button]), input[type=submit]');
    if (button) button.before(place);
    else form.append(place);
    const { site_key: sitekey, field, action } = settings;
    widget = globalThis.turnstile.render(place, { sitekey, 'response-field-name': field, ...(action && { action }) });
  }).catch(() => {});
  // A token is good for one post.
  return { reset: () => widget !== undefined && globalThis.turnstile.reset(widget) };
}
