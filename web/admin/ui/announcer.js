// The announcer: what screen readers say of what happens elsewhere on the page.
import { h } from './dom.js';

const ID = 'spoken';

export const announcer = () => h('p', { id: ID, class: 'unseen', role: 'status', 'data-keep': true });

export function announce(text) {
  document.getElementById(ID).textContent = text;
}
