// Makes a landing page's form nicer: problems stand at their fields, a bad connection is retried,
// and thanks come without a new page. The form works without this file too.

import { newKey, send } from './send.js';

for (const form of document.querySelectorAll('form[data-leadhook]')) enhance(form);

function enhance(form) {
  const button = form.querySelector('button[type=submit]');
  const status = form.querySelector('[data-status]');
  let busy = false;
  let sent; // what was sent last, and under which key

  form.noValidate = true; // Leadhook checks, and names all problems at once
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    button.disabled = true;
    clear(form);
    status.textContent = 'Sending …';
    try {
      const body = filled(form);
      const content = JSON.stringify([...body]);
      if (sent?.content !== content) sent = { content, key: newKey() };
      const result = await send(form.action, body, sent.key);
      status.textContent = '';
      if (result.accepted) thank(form);
      else show(form, status, result);
    } finally {
      busy = false;
      button.disabled = false;
    }
  });
}

// What the visitor filled in, and where they came from.
function filled(form) {
  const body = new FormData(form);
  for (const [name, value] of [...body]) if (value === '') body.delete(name);
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (name.startsWith('utm_')) body.set(name, value);
  }
  body.set('page_url', location.origin + location.pathname);
  if (document.referrer) body.set('referrer', document.referrer);
  return body;
}

function show(form, status, { errors, message }) {
  let first;
  const others = [];
  for (const { field, detail } of errors) {
    const input = field && form.elements.namedItem(field);
    if (!input) { others.push(detail); continue; }
    const text = document.createElement('p');
    text.className = 'error';
    text.id = `${input.id}-error`;
    text.textContent = detail;
    input.closest('.field').append(text);
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', text.id);
    first = !first || input.compareDocumentPosition(first) & Node.DOCUMENT_POSITION_FOLLOWING ? input : first;
  }
  status.textContent = others.join(' ') || (first ? 'Please look at the marked fields.' : message);
  first?.focus();
}

function clear(form) {
  for (const text of form.querySelectorAll('.error')) text.remove();
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid');
    input.removeAttribute('aria-describedby');
  }
}

function thank(form) {
  const thanks = document.querySelector('[data-thanks]');
  form.hidden = true;
  thanks.hidden = false;
  thanks.focus();
}
