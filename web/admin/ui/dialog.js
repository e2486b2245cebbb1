// Dialogs: questions that must be decided, and details to look at. They are real ones, so that focus stays in
// them and Escape ends them.
import { h } from './dom.js';

/**
 * Opens a dialog; ends with the value of the button that closed it, '' for Escape. There is one at a time: what
 * comes while another is open is not shown.
 */
async function open(title, content, buttons, kind = '') {
  if (isDialogOpen()) return '';
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'dialog-title', class: kind },
    h('h2', { id: 'dialog-title' }, title),
    ...content,
    h(
      'div',
      { class: 'dialog-buttons' },
      buttons.map(({ text, value, kind: look = '' }) =>
        h('button', { type: 'button', class: `button ${look}`, 'data-result': value }, text),
      ),
    ),
  );
  const opener = document.activeElement;
  document.body.append(dialog);
  dialog.addEventListener('click', ({ target }) => {
    const button = target.closest('[data-result]');
    if (button) dialog.close(button.dataset.result);
  });
  dialog.showModal();
  return new Promise((done) =>
    dialog.addEventListener('close', () => {
      dialog.remove();
      // What has opened it may have gone meanwhile.
      (opener?.isConnected ? opener : document.getElementById('title'))?.focus();
      done(dialog.returnValue);
    }),
  );
}

/** Ends what is open, as Escape does. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close('');
}

export const isDialogOpen = () => document.querySelector('dialog[open]') !== null;

/** Asks whether somebody is sure. The way back comes first, so that Enter alone does nothing. */
export async function confirm({ title, text, yes, isDanger = false }) {
  const buttons = [
    { text: 'Cancel', value: '' },
    { text: yes, value: 'yes', kind: isDanger ? 'danger' : 'primary' },
  ];
  return (await open(title, [h('p', {}, text)], buttons)) === 'yes';
}

/** Shows something until it is closed, and returns the value of the button that was pressed. `more`: other buttons. */
export const show = (title, content, more = []) =>
  open(title, content, [...more, { text: 'Close', value: '' }], 'wide');
