// Components: cards, tables in boxes of their own, buttons and banners.
import { h } from './dom.js';
import { count } from './format.js';

/** Makes a titled part of a page. */
export function card(title, { class: kind = '', note, actions } = {}, ...children) {
  const id = `card-${title.toLowerCase().replaceAll(/\W+/g, '-')}`;
  return h(
    'section',
    { class: `card ${kind}`, 'aria-labelledby': id, 'data-key': id },
    h('header', {}, h('h2', { id }, title), note && h('p', { class: 'note' }, note), actions),
    ...children,
  );
}

/** Makes a box that scrolls sideways by itself, with the mouse and with the keyboard. */
export const box = (name, ...children) =>
  h(
    'div',
    { class: 'box', role: 'group', 'aria-label': name, tabindex: 0, 'data-key': `box-${name}` },
    ...children,
  );

/**
 * Makes a table. A cell is a text, an element, or a list of these.
 * @param {object} options `numbersFrom`: the first column of numbers; `keys`: a key for each row; `isList`:
 * where there is no room each row stands as a list of its cells. That takes the table's meaning from its
 * elements, so their roles say it.
 */
export function table(
  name,
  heads,
  rows,
  { numbersFrom = Infinity, keys = [], class: kind = '', isList = false } = {},
) {
  const role = (is) => (isList ? is : null);
  const cell = (tag, is, at, rest = {}) => ({
    class: at >= numbersFrom ? 'number' : null,
    role: role(is),
    'data-label': isList && typeof heads[at] === 'string' && tag !== 'head' ? heads[at] : null,
    ...rest,
  });
  return h(
    'table',
    { class: `${kind}${isList ? ' listed' : ''}`, role: role('table') },
    h('caption', { class: 'unseen' }, name),
    h(
      'thead',
      { role: role('rowgroup') },
      h(
        'tr',
        { role: role('row') },
        heads.map((head, at) => h('th', cell('head', 'columnheader', at, { scope: 'col' }), head)),
      ),
    ),
    h(
      'tbody',
      { role: role('rowgroup') },
      rows.map((cells, row) =>
        h(
          'tr',
          { 'data-key': keys[row] ? `row-${keys[row]}` : null, role: role('row') },
          cells.map((content, at) =>
            at === 0
              ? h('th', cell('th', 'rowheader', at, { scope: 'row' }), content)
              : h('td', cell('td', 'cell', at), content),
          ),
        ),
      ),
    ),
  );
}

/** Shows a number with a bar as long as its part of the largest. */
export const bar = (text, part, kind = 'shade-3') =>
  h(
    'span',
    { class: 'barred' },
    h('span', { class: 'barred-text' }, text),
    h('span', { class: `barred-bar ${kind}`, vars: { part } }),
  );

/** Shows a number that should be none. */
export const bad = (number) => (number > 0 ? h('b', { class: 'bad-number' }, count(number)) : count(0));

/**
 * Makes a button for an action. `reason`: why it cannot be done now, which a screen reader and the mouse get; the
 * button can still be reached.
 */
export function button(text, action, { value, reason, kind = '', label } = {}) {
  const described = reason ? `why-${action}-${value ?? ''}`.replaceAll(/\W+/g, '-') : null;
  const made = h(
    'button',
    {
      type: 'button',
      class: `button ${kind}`,
      'data-action': reason ? null : action,
      'data-value': value,
      'aria-disabled': reason ? 'true' : null,
      title: reason,
      'aria-label': label,
      'aria-describedby': described,
      'data-key': `${action}-${value ?? ''}`,
    },
    text,
  );
  return reason
    ? h(
        'span',
        { class: 'with-reason', 'data-key': `reason-${action}-${value ?? ''}` },
        made,
        h('span', { id: described, class: 'unseen' }, reason),
      )
    : made;
}

/** Makes a box across the page: `kind` is info or error. */
export const banner = (kind, ...children) =>
  h(
    'div',
    { class: `banner ${kind}`, role: kind === 'error' ? 'alert' : 'status', 'data-key': `banner-${kind}` },
    ...children,
  );

/** Says that there is nothing, in place of a list. */
export const empty = (title, text) =>
  h(
    'div',
    { class: 'empty', 'data-key': 'empty' },
    h('p', { class: 'empty-title' }, title),
    h('p', {}, text),
  );

/** Shows what visitors and campaigns have written, in whichever direction it is read. */
export const theirs = (text) => h('span', { dir: 'auto' }, text);

/** Lists numbers with what they are for: `[number, name, because]`. */
export function reasons(list) {
  const line = ([number, name, because]) => [
    h('b', { class: 'points' }, number),
    h('span', {}, theirs(name), ' ', h('span', { class: 'quiet', dir: 'auto' }, because)),
  ];
  return h('ul', { class: 'reasons' }, ...list.map((one) => h('li', {}, ...line(one))));
}

/** Shows what may be long and is read by machines: broken anywhere, and selected whole. */
export const code = (text) => h('code', {}, text);
