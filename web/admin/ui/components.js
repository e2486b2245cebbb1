// What every view is made of: cards, tables in boxes of their own, buttons, notices.
import { h } from './dom.js';

/** A titled part of a page. */
export function card(title, { class: kind = '', note, actions } = {}, ...children) {
  const id = `card-${title.toLowerCase().replaceAll(/\W+/g, '-')}`;
  return h(
    'section',
    { class: `card ${kind}`, 'aria-labelledby': id, 'data-key': id },
    h('header', {}, h('h2', { id }, title), note && h('p', { class: 'note' }, note), actions),
    ...children,
  );
}

/** A box that scrolls sideways by itself, with the mouse and with the keyboard. */
export const box = (name, ...children) =>
  h(
    'div',
    { class: 'box', role: 'group', 'aria-label': name, tabindex: 0, 'data-key': `box-${name}` },
    ...children,
  );

/**
 * A table. A cell is a text, an element, or a list of these.
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

/** A number with a bar as long as its part of the largest. */
export const bar = (text, part, kind = 'shade-3') =>
  h(
    'span',
    { class: 'barred' },
    h('span', { class: 'barred-text' }, text),
    h('span', { class: `barred-bar ${kind}`, vars: { part } }),
  );

/**
 * A button that does the act of that name of the view. `why`: it cannot be done now, and the reason, which
 * a screen reader and the mouse get; the button can still be reached.
 */
export function button(text, act, { value, why, kind = '', label } = {}) {
  const described = why ? `why-${act}-${value ?? ''}`.replaceAll(/\W+/g, '-') : null;
  const made = h(
    'button',
    {
      type: 'button',
      class: `button ${kind}`,
      'data-act': why ? null : act,
      'data-value': value,
      'aria-disabled': why ? 'true' : null,
      title: why,
      'aria-label': label,
      'aria-describedby': described,
      'data-key': `${act}-${value ?? ''}`,
    },
    text,
  );
  return why
    ? h(
        'span',
        { class: 'with-reason', 'data-key': `reason-${act}-${value ?? ''}` },
        made,
        h('span', { id: described, class: 'unseen' }, why),
      )
    : made;
}

/** Something that is said in a box: `kind` is info, warning or error. */
export const notice = (kind, ...children) =>
  h(
    'div',
    { class: `notice ${kind}`, role: kind === 'error' ? 'alert' : 'status', 'data-key': `notice-${kind}` },
    ...children,
  );

export const empty = (title, text) =>
  h(
    'div',
    { class: 'empty', 'data-key': 'empty' },
    h('p', { class: 'empty-title' }, title),
    h('p', {}, text),
  );

/** What visitors and campaigns have written, in whichever direction it is read. */
export const theirs = (text) => h('span', { dir: 'auto' }, text);

/** Numbers with what they are for: `[number, name, because]`. */
export function reasons(list) {
  const line = ([number, name, because]) => [
    h('b', { class: 'points' }, number),
    h('span', {}, theirs(name), ' ', h('span', { class: 'quiet', dir: 'auto' }, because)),
  ];
  return h('ul', { class: 'reasons' }, ...list.map((one) => h('li', {}, ...line(one))));
}

/** What may be long and is read by machines: broken anywhere, and selected whole. */
export const code = (text) => h('code', {}, text);
