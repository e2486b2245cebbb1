// Validation before a post is sent, by the rules of the acceptance criteria. Where a rule is the server's alone to
// judge (a phone number, an address's domain), anything that looks like one passes. tests/data/answers.json holds
// both to one table.
import { isDay, numberOf, tidy, tidyWord, truthOf, under, words } from './answers.js';

/** With the dots that stand for one in a domain's name (UTS 46). */
const EMAIL = /^[^\s@]+@[^ @]+[.\u3002\uff0e\uff61][^ @]+$/;
/** What a script says of an answer that a browser cannot read: no number and no date. */
export const UNREADABLE = 'NaN';

/** No number is shorter. A letter stands for a digit, as in 800-FLOWERS. */
const MIN_PHONE_LENGTH = 4;
const HOST = /^(\[.+|[\w-]+(\.[\w-]+)*\.?)$/;
/** A name with a dot, and no IP address. */
const DOMAIN = /\.(?!\d+\.?$)[^.]+\.?$/;

const saysYesOrNo = (text, { version }) => truthOf(text, version) !== undefined;

/** Tests of a tidy answer, by the kind of its field. */
const TESTS = {
  email: (text) => EMAIL.test(text),
  phone: (text) => text.match(/[\p{L}\p{Nd}]/gu)?.length >= MIN_PHONE_LENGTH,
  choice: (text, { choices }) => choices.some((choice) => words(choice) === words(text)),
  country: (text) => /^[a-z]{2}$/i.test(text),
  number: (text, _field, language) => Number.isFinite(numberOf(text, language)),
  date: isDay,
  boolean: saysYesOrNo,
  consent: saysYesOrNo,
  url: isWebAddress,
};
/** Codes that the kind does not name. */
const CODES = { choice: 'not_a_choice', consent: 'wording_outdated' };

/** Fills in the placeholders of a text; one without a value stays. */
export const fill = (template, values) =>
  template.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

/** Says a problem to a visitor; `field` has the bounds that the text may name. */
export function textOf(texts, code, field = {}) {
  const { min_length: least, max_length: most, min = least, max = most } = field;
  return fill(texts[`error.${code}`] ?? texts['error.other'], { min, max });
}

/**
 * Returns the code of what is wrong with an answer; undefined where nothing is.
 * @param field of the criteria; a purpose as well, as kind `consent`
 * @param values a text, or all that stands under the field's name
 * @param language the campaign's
 */
export function problemOf(field, values, language) {
  const { kind, required, several } = field;
  const isConsent = kind === 'consent';
  const read = kind === 'text' ? tidy : tidyWord;
  const answers = [...new Set([values].flat().map((value) => read(String(value))))].filter(Boolean);
  // Frameworks send a box's no beside its yes.
  if (answers.length > 1 && !several && !/^(boolean|consent)$/.test(kind)) return 'repeated';
  const code = answers.map((answer) => problemOfOne(field, answer, language)).find(Boolean);
  if (code || !required) return code;
  if (isConsent)
    return answers.some((answer) => truthOf(answer, field.version)) ? undefined : 'consent_required';
  return answers.length > 0 ? undefined : 'required';
}

function problemOfOne(field, text, language) {
  const { kind, min_length: least, max_length: most, min, max } = field;
  const { length } = [...text];
  // Each bound is one of some kinds alone.
  if (length < least) return 'too_short';
  if (length > most) return 'too_long';
  if (!(TESTS[kind] ?? Boolean)(text, field, language)) return CODES[kind] ?? `invalid_${kind}`;
  if (numberOf(text, language) < min) return 'too_small';
  return numberOf(text, language) > max ? 'too_large' : undefined;
}

/** Tells whether a text is a web address. Without a scheme it is one of https, where its host then is a domain. So no other scheme is one. */
function isWebAddress(text) {
  const isWhole = /^https?:/i.test(text);
  try {
    const { username, password, hostname } = new URL(isWhole ? text : `https://${text}`);
    return !username && !password && HOST.test(hostname) && (isWhole || DOMAIN.test(hostname));
  } catch {
    return false;
  }
}

/**
 * Returns every problem of what was filled in, as [{field, code}].
 * @param entries all that would be sent, as [name, value]
 */
export function problemsOf({ fields, purposes, language }, entries) {
  const judged = (field) => ({
    field: field.name,
    code: problemOf(field, under(field.name, entries), language),
  });
  const found = fields.map(judged);
  const contacts = fields.filter(({ kind }) => /^(email|phone)$/.test(kind));
  // One that is required has been judged.
  const isReachable = (field) => field.required || judged({ ...field, required: true }).code !== 'required';
  if (!contacts.some(isReachable)) found.push({ field: contacts[0].name, code: 'required' });
  found.push(...purposes.map((purpose) => judged({ ...purpose, name: purpose.field, kind: 'consent' })));
  return found.filter(({ code }) => code);
}
