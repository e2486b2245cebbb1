// Text of others, made fit for a terminal: characters that would steer it, or are not seen, become escapes.
const STRANGE = /(?![\t\n])[\p{Cc}\p{Cf}\u2028\u2029]/gu;

export const fit = (text) => text.replace(STRANGE, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
