// What can be told before a post is sent: the rules of the acceptance criteria. Where a rule is the
// server's alone to judge (a phone number, an address's domain), anything that looks like one passes.

/** With the dots that stand for one in a domain's name (UTS 46). */
const EMAIL = /^[^\s@]+@[^ @]+[.\u3002\uff0e\uff61][^ @]+$/;
/** No number is shorter. A letter stands for a digit, as in 800-FLOWERS. */
const MIN_PHONE_LENGTH = 4;

/** Texts without a value for a placeholder keep it. */
export const fill = (template, values) => template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/** What a visitor reads of a problem; `field` has the bounds that the text may name. */
export function textOf(texts, code, field = {}) {
  const { min_length: least, max_length: most, min = least, max = most } = field;
  return fill(texts[`error.${code}`] ?? texts['error.other'], { min, max });
}

/** The code of what is wrong with an answer; undefined where nothing is. An empty one is judged elsewhere. */
export function problemOf(field, answer) {
  const text = answer.trim();
  const length = [...text.normalize('NFC')].length;
  switch (field.kind) {
    case 'email': return EMAIL.test(text) ? undefined : 'invalid_email';
    case 'phone': return text.match(/[\p{L}\p{Nd}]/gu)?.length >= MIN_PHONE_LENGTH ? undefined : 'invalid_phone';
    case 'choice': return field.choices.some((choice) => choice.trim() === text) ? undefined : 'not_a_choice';
    case 'country': return /^[a-z]{2}$/i.test(text) ? undefined : 'invalid_country';
    case 'number': return numberProblem(field, Number(text));
    case 'url': return [...text].length > field.max_length ? 'too_long' : isWebAddress(text) ? undefined : 'invalid_url';
    case 'text': return length < field.min_length ? 'too_short' : length > field.max_length ? 'too_long' : undefined;
    default: return undefined;
  }
}

function numberProblem({ min, max }, number) {
  if (!Number.isFinite(number)) return 'invalid_number';
  if (number < min) return 'too_small';
  return number > max ? 'too_large' : undefined;
}

function isWebAddress(text) {
  try {
    const { protocol, username, password } = new URL(text);
    return /^https?:$/.test(protocol) && !username && !password;
  } catch {
    return false;
  }
}

/**
 * Every problem of what was filled in, as [{field, code}].
 * @param answers a map by name: what was typed, empty or missing where nothing was
 * @param granted the names of the consents (`consent.…`) that were given
 */
export function problemsOf({ fields, purposes }, answers, granted) {
  const typed = ({ name }) => (answers.get(name) ?? '').trim();
  const problems = [];
  for (const field of fields) {
    const code = typed(field) ? problemOf(field, typed(field)) : field.required && 'required';
    if (code) problems.push({ field: field.name, code });
  }
  const contacts = fields.filter(({ kind }) => kind === 'email' || kind === 'phone');
  if (!contacts.some(typed) && !contacts.some(({ required }) => required)) {
    problems.push({ field: contacts[0].name, code: 'required' });
  }
  for (const { field, required } of purposes) {
    if (required && !granted.includes(field)) problems.push({ field, code: 'consent_required' });
  }
  return problems;
}
