// Problems at their fields, for eyes and for screen readers.

let count = 0;

/** The inputs of a name: a group of radio buttons has several. */
function inputsOf(form, name) {
  const found = name && form.elements.namedItem(name);
  if (!found) return [];
  return found instanceof RadioNodeList ? [...found] : [found];
}

/** Puts a problem at a field; false where the form has no such field that can be seen. */
export function mark(form, name, text) {
  const inputs = inputsOf(form, name).filter(({ type }) => type !== 'hidden');
  const last = inputs.at?.(-1) ?? inputs[inputs.length - 1];
  if (!last) return false;
  const told = document.createElement('p');
  told.className = 'error';
  told.id = `leadhook-error-${(count += 1)}`;
  told.textContent = text;
  const box = last.closest('.field') ?? (inputs.length > 1 && last.closest('fieldset'));
  if (box) box.append(told);
  else (last.closest('label') ?? last).after(told);
  const described = new Map(inputs.map((input) => [input, input.getAttribute('aria-describedby')]));
  for (const [input, before] of described) {
    input.setAttribute('aria-invalid', 'true');
    input.setAttribute('aria-describedby', [before, told.id].filter(Boolean).join(' '));
    input.addEventListener('input', () => told.undo(), { once: true });
  }
  told.undo = () => {
    told.remove();
    for (const [input, before] of described) {
      input.removeAttribute('aria-invalid');
      if (before) input.setAttribute('aria-describedby', before);
      else input.removeAttribute('aria-describedby');
    }
  };
  return true;
}

export function clear(form) {
  for (const told of form.querySelectorAll('[id^=leadhook-error-]')) told.undo?.();
}

export function focusFirst(form) {
  form.querySelector('[aria-invalid=true]')?.focus();
}
