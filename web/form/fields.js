// Fields of a form: what they hold, and what the browser says of them.
import { under } from '../shared/answers.js';
import { members } from '../shared/members.js';
import { UNREADABLE } from '../shared/validation.js';

/** Returns all inputs of a form; they may stand outside of it. */
export const inputsOf = (form) => [...members(form).elements];

/** Returns what was filled in as [name, value], with the button that was pressed. Files are left out. */
export function filledIn(form, submitter) {
  const pressed = submitter?.name ? [[submitter.name, submitter.value]] : [];
  return [...new FormData(form), ...pressed].filter(([, value]) => value.trim?.());
}

/** Finds inputs that hold something, and say that they hold nothing, for they cannot read it: as [name, value]. */
export const unreadable = (form) =>
  inputsOf(form)
    .filter(({ validity }) => validity?.badInput)
    .map(({ name }) => [name, UNREADABLE]);

/**
 * Finds the first input that breaks a rule of the page's own (`required`, `pattern`, `setCustomValidity` …). What
 * an address is, the criteria know better than the browser.
 */
export function breakingOwnRule(form, { fields }) {
  return inputsOf(form).find((input) => {
    const { name, willValidate, validity } = input;
    if (!willValidate || validity.valid) return false;
    const isDeclared = fields.some((field) => under(field.name, [[`${name}`, input]]).length > 0);
    for (const fault in validity) {
      if (validity[fault] && !(isDeclared && fault === 'typeMismatch')) return true;
    }
    return false;
  });
}
