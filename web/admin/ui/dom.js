// Elements made of values: texts go in as text and never as markup. A tree is drawn over the one
// before, so that focus, scroll and what is opened stay where they are.
const SVG = 'http://www.w3.org/2000/svg';
const SVG_TAGS = new Set(['svg', 'path', 'circle']);

/**
 * Makes an element. Attributes that are null, undefined or false are left out; `vars` are custom properties,
 * which the page's policy allows a script to set, but markup not.
 */
export function h(tag, attributes = {}, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  const { vars = {}, ...rest } = attributes ?? {};
  for (const [name, value] of Object.entries(rest)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const [name, value] of Object.entries(vars)) element.style.setProperty(`--${name}`, String(value));
  element.append(
    ...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

const keyOf = (node) =>
  node.nodeType === Node.ELEMENT_NODE ? (node.dataset?.key ?? (node.id || null)) : null;
const isSame = (one, other) => one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

/**
 * Makes `from` what `to` is, and keeps the elements that both have. What has `data-keep` is filled by
 * somebody else: only its attributes are changed.
 */
export function morph(from, to) {
  syncAttributes(from, to);
  if (from.hasAttribute('data-keep')) return;
  // Read before its options go over.
  const chosen = to.nodeName === 'SELECT' ? to.value : undefined;
  const keyed = keptOf(from, to);
  let next = from.firstChild;
  const removeNext = () => {
    const { nextSibling } = next;
    next.remove();
    next = nextSibling;
  };
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    const found = key ? keyed.get(key) : next;
    if (!found || !isSame(found, wanted)) {
      from.insertBefore(wanted, next);
      continue;
    }
    // What is moved loses its focus, so what has no key gives way.
    while (next && next !== found && !keyOf(next)) removeNext();
    if (found === next) next = next.nextSibling;
    else from.insertBefore(found, next);
    if (found.nodeType === Node.ELEMENT_NODE) morph(found, wanted);
    else if (found.data !== wanted.data) found.data = wanted.data;
  }
  while (next) removeNext();
  // A list's choice is one of its options, so it comes after them.
  if (chosen !== undefined && from.value !== chosen) from.value = chosen;
}

/** Returns the children with a key that stay, by their keys. The others go before anything is placed. */
function keptOf(from, to) {
  const wanted = new Map([...to.children].filter(keyOf).map((child) => [keyOf(child), child]));
  const kept = new Map();
  for (const child of [...from.children].filter(keyOf)) {
    const key = keyOf(child);
    if (wanted.has(key) && isSame(child, wanted.get(key))) kept.set(key, child);
    else child.remove();
  }
  return kept;
}

/** Makes attributes the same, but for what a person has opened or is typing. */
function syncAttributes(from, to) {
  const isNewValue = from.getAttribute('value') !== to.getAttribute('value');
  for (const { name } of [...from.attributes]) {
    const isTheirs = name === 'style' || (name === 'open' && from.nodeName === 'DETAILS');
    if (!isTheirs && !to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (name !== 'style' && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  if (from.style.cssText !== to.style.cssText) from.style.cssText = to.style.cssText;
  if (from.nodeName !== 'INPUT') return;
  if (from.checked !== to.checked) from.checked = to.checked;
  if (isNewValue && from.type !== 'checkbox' && from.type !== 'radio') from.value = to.value;
}

/** Makes a picture of one path, 20 units wide and high, that says nothing by itself. */
export const icon = (path) =>
  h(
    'svg',
    { viewBox: '0 0 20 20', class: 'icon', 'aria-hidden': 'true', focusable: 'false' },
    h('path', { d: path }),
  );
