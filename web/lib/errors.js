// Problems at their fields, for eyes and for screen readers. A form's inputs may stand outside of it.

let count = 0;
/** How the problem at an input is taken back. */
const undoing = new WeakMap();

/** The inputs of a name: a group of radio buttons has several. */
function inputsOf(form, name) {
  const found = name && form.elements.namedItem(name);
  if (!found) return [];
  return found instanceof RadioNodeList ? [...found] : [found];
}

/** Puts a problem at a field; false where the form has no such field that can be seen. */
export function mark(form, name, text) {
  const inputs = inputsOf(form, name).filter(({ type }) => type !== 'hidden');
  const last = inputs[inputs.length - 1];
  if (!last) return false;
  const told = document.createElement('p');
  told.className = 'error';
  told.id = `leadhook-error-${(count += 1)}`;
  told.textContent = text;
  const box = last.closest('.field') ?? (inputs.length > 1 && last.closest('fieldset'));
  if (box) box.append(told);
  else (last.closest('label') ?? last).after(told);
  const described = new Map(inputs.map((input) => [input, input.getAttribute('aria-describedby')]));
  const undo = () => {
    told.remove();
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
    input.setAttribute('aria-describedby', [before, told.id].filter(Boolean).join(' '));
    input.addEventListener('input', () => undoing.get(input)?.(), { once: true });
  }
  return true;
}

export function clear(form) {
  for (const input of form.elements) undoing.get(input)?.();
}

export function focusFirst(form) {
  [...form.elements].find((input) => input.getAttribute('aria-invalid') === 'true')?.focus();
}
