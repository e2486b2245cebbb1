// Answers: what one means, however it is written. The server reads answers the same way (src/base/unicode.rs,
// src/campaign/answer.rs); tests/data/answers.json holds both to it.

const ENDS = /^\p{White_Space}+|\p{White_Space}+$/gu;
/** Marks that are not seen: what is copied has them at its ends. */
const UNSEEN =
  /[\u034f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Words for a box that is ticked, and for one that is not: of browsers, frameworks and people. */
const BOX = /^(?:(y|yes|t|true|on|1|checked)|n|no|f|false|off|0|unchecked)$/i;

/** Characters that are typed for a minus. */
const MINUS = /[\u2212\u2013\ufe63\uff0d]/g;
const PLAIN = /^[+-]?(\d+(\.\d+)?|\.\d+)(e[+-]?\d+)?$/i;
const COMMA = /,(?=\d+$)/;
/** In English the comma may stand ahead of decimals or of thousands. */
const AMBIGUOUS = /^[+-]?[1-9]\d{0,2},\d{3}$/;
/** With what stands between thousands; a single comma or point does so only where other decimals follow. */
const GROUPED =
  /^[+-]?\d{1,3}([ \u00a0\u202f\u2009'\u2019]|[,.](?=\d{3}[,.]))\d{3}(\1\d{3})*((?!\1)[,.]\d+)?$/;

/** Returns a text as it is compared, counted and kept. */
export const tidy = (text) =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/(?![\t\n])\p{Cc}/gu, '')
    .normalize()
    .replace(ENDS, '');

/** Does the same for what has no use for what is not seen, where a control character is a mistake: an address, a number, a choice. */
export const tidyWord = (text) => text.replace(UNSEEN, '').normalize().replace(ENDS, '');

/** Returns a text with one blank for any white space: an `<option>` without a value loses line breaks and double blanks. */
export const words = (text) => tidyWord(text).replace(/\p{White_Space}+/gu, ' ');

/** Reads what a tidy word says of a box; undefined where it says nothing. `version` is that of the box's consent, where it is one. */
export function truthOf(word, version) {
  if (version && words(word) === words(version)) return true;
  // Where versions are numbers, a 1 is another version.
  const match = (word !== '1' || !/^\d+$/.test(version)) && word.match(BOX);
  return match ? Boolean(match[1]) : undefined;
}

/** Reads the number that a tidy word is, in a campaign's language; NaN where it is none. */
export function numberOf(word, language) {
  const text = word.replace(MINUS, '-');
  const isAmbiguous = /^en\b/i.test(language) && AMBIGUOUS.test(text);
  const [, separator] = text.match(GROUPED) ?? [];
  const plain = text.split(separator).join('').replace(COMMA, '.');
  return PLAIN.test(plain) && !isAmbiguous ? Number(plain) : NaN;
}

/** Tells whether a tidy word is a day of the calendar, as in 2026-11-30. */
export const isDay = (word) =>
  /^(?!0000)\d{4}-\d\d-\d\d$/.test(word) && new Date(word).toJSON()?.startsWith(word);

/** Reads a name: `name[]` and `name[0]` as `name`, `consent[x]` as `consent.x`. */
const nameOf = (name) => name.replace(/(\[\d*\])+$/, '').replace(/^(consent)\[(.+)\]$/i, '$1.$2');

/** Returns what stands under a name in a list of [name, value]; under one in another case where nothing does. */
export function under(name, entries) {
  const alike = entries.filter(([written]) => nameOf(written).toLowerCase() === name.toLowerCase());
  const exact = alike.filter(([written]) => nameOf(written) === name);
  return (exact.length > 0 ? exact : alike).map(([, value]) => value);
}
