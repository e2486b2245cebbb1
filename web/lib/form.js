// What a form holds, and what its browser says of it.

/** What the criteria judge as no number. */
const NO_NUMBER = 'NaN';

/** What was filled in as [name, value], with the button that was pressed. Files are left out. */
export function filledIn(form, submitter) {
  const pressed = submitter?.name ? [[submitter.name, submitter.value]] : [];
  return [...new FormData(form), ...pressed].filter(([, value]) => typeof value === 'string' && value.trim());
}

/** Inputs that hold something, and say that they hold nothing, for it is no number: as [name, value]. */
export const unreadable = (form) => [...form.elements].filter(({ validity }) => validity?.badInput).map(({ name }) => [name, NO_NUMBER]);

/**
 * The first input that breaks a rule of the page's own (`required`, `pattern`, `setCustomValidity` …). What
 * an address is, the criteria know better than the browser.
 */
export function breakingOwnRule(form, { fields }) {
  return [...form.elements].find(({ name, willValidate, validity }) => {
    if (!willValidate || validity.valid) return false;
    const isDeclared = fields.some((field) => field.name === name);
    for (const fault in validity) {
      if (validity[fault] && !(isDeclared && fault === 'typeMismatch')) return true;
    }
    return false;
  });
}
