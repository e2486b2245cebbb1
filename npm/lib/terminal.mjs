// What is said to whoever sits at the terminal.

/** Characters that would steer the terminal, or are not seen. */
const STRANGE = /(?![\t\n])[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** Makes a text of others fit for a terminal: strange characters become escapes. */
export const fit = (text) => text.replace(STRANGE, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);

/** A reason not to go on that the user can do something about. */
export class Refusal extends Error {}
