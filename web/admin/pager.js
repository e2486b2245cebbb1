// The way through a long list: each page has an address, so the browser's back is the way back.
import { h } from './dom.js';

export function pager(next, app) {
  const { after } = app.place;
  if (!next && !after) return null;
  const link = (text, to) => h('a', { class: 'button', href: app.addressOf({ after: to }), 'data-go': true, 'data-key': `page-${text}` }, text);
  return h('nav', { class: 'pager', 'aria-label': 'Pages' }, after && link('First page', ''), next ? link('Next page', next) : h('span', { class: 'quiet' }, 'This is the last page.'));
}
