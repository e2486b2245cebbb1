// What others wrote, fit for a terminal: what would steer it, or is not seen, stands as an escape.
const STRANGE = /(?![\t\n])[\p{Cc}\p{Cf}\u2028\u2029]/gu;

export const fit = (text) => text.replace(STRANGE, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
