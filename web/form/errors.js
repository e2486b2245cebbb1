// Errors at their fields, for eyes and for screen readers. A form's inputs may stand outside of it.
import { under } from '../shared/answers.js';
import { inputsOf } from './fields.js';
import { h, page } from '../shared/members.js';

const BEHIND_OR_AROUND = Node.DOCUMENT_POSITION_FOLLOWING | Node.DOCUMENT_POSITION_CONTAINS;
let count = 0;
/** What takes the error at an input back. */
const undoing = new WeakMap();

/** Finds the innermost element of a kind that is around all of some inputs, and not around the whole form. */
const around = (inputs, form, selector) =>
  [...page.querySelectorAll(`${selector}:not(form)`)]
    .filter((box) => !box.contains(form) && inputs.every((input) => box.contains(input)))
    .pop();

/** Finds the label of an input that stands around or behind it. */
const labelOf = (input) =>
  [...(input.labels ?? [])].filter((label) => input.compareDocumentPosition(label) & BEHIND_OR_AROUND).pop();

/** Puts an error at a field; false where the form has no such field that can be seen. */
export function mark(form, name, text) {
  const named = inputsOf(form).map((input) => [`${input.name}`, input]);
  // Of a group there are several.
  const inputs = under(name, named).filter(({ type }) => !/^(hidden|fieldset|output)$/.test(type));
  const last = inputs[inputs.length - 1];
  if (!last) return false;
  count += 1;
  const error = h('p', { className: 'error', id: `leadhook-error-${count}` }, text);
  const box = around(inputs, form, '.field') ?? (inputs.length > 1 && around(inputs, form, 'fieldset'));
  if (box) box.append(error);
  else (labelOf(last) ?? last).after(error);
  const described = new Map(inputs.map((input) => [input, input.getAttribute('aria-describedby')]));
  const undo = () => {
    error.remove();
    for (const [input, before] of described) {
      undoing.delete(input);
      input.removeAttribute('aria-invalid');
      if (before) input.setAttribute('aria-describedby', before);
      else input.removeAttribute('aria-describedby');
    }
  };
  for (const [input, before] of described) {
    undoing.set(input, undo);
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', before ? `${before} ${error.id}` : error.id);
    input.addEventListener('input', () => undoing.get(input)?.(), { once: true });
  }
  return true;
}

/** Takes all errors back. */
export function clear(form) {
  for (const input of inputsOf(form)) undoing.get(input)?.();
}

/** Focuses the first field with an error. */
export function focusFirst(form) {
  inputsOf(form)
    .find((input) => input.getAttribute('aria-invalid') === 'true')
    ?.focus();
}
