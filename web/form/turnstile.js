// Cloudflare Turnstile, where a campaign asks it (https://developers.cloudflare.com/turnstile/).
import { h, members, page } from '../shared/members.js';

const SCRIPT = 'https://challenges.cloudflare.com/turnstile/v0/api.js?render=explicit';
let loading;

/** Puts the widget ahead of the form's button. Without it the form is sent all the same. */
export function withTurnstile(form, settings) {
  if (!settings) return undefined;
  let widget;
  loading ??= new Promise((onload, onerror) =>
    page.head.append(h('script', { src: SCRIPT, async: true, onload, onerror })),
  );
  loading
    .then(() => {
      const place = h('div');
      const own = members(form);
      const button = own.querySelector('button:not([type=button]), input[type=submit]');
      if (button) button.before(place);
      else own.append(place);
      const { site_key: sitekey, field, action } = settings;
      widget = globalThis.turnstile.render(place, {
        sitekey,
        'response-field-name': field,
        ...(action && { action }),
      });
    })
    .catch(() => {});
  // A token is good for one post.
  return { reset: () => widget !== undefined && globalThis.turnstile.reset(widget) };
}
