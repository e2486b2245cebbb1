// A search for many texts at once, each in every encoding that a program might have left it in.

/** Shorter ones stand in random text by chance. */
const LEAST_BYTES = 6;
const LEAST_BASE64 = 12;
const KEY_BYTES = 4;

/** A text as it may lie around. */
function encodingsOf(text) {
  const json = JSON.stringify(text).slice(1, -1);
  const bytes = Buffer.from(text);
  const plain = {
    'UTF-8': bytes,
    'UTF-16': Buffer.from(text, 'utf16le'),
    JSON: Buffer.from(json),
    'ASCII JSON': Buffer.from(
      json.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
    ),
    percent: Buffer.from(encodeURIComponent(text)),
    'a form': Buffer.from(new URLSearchParams({ x: text }).toString().slice(2)),
  };
  const found = Object.entries(plain).filter(([, needle]) => needle.length >= LEAST_BYTES);
  // Wherever it stands in what was encoded, three cases are all; what depends on its neighbours is left out.
  for (const shift of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const own = encoded.slice(shift && shift + 1, Math.floor(((shift + bytes.length) * 8) / 6));
    if (own.length < LEAST_BASE64) continue;
    found.push(
      ['base64', Buffer.from(own)],
      ['base64url', Buffer.from(own.replaceAll('+', '-').replaceAll('/', '_'))],
    );
  }
  return found;
}

export class Search {
  #needles = new Map();

  constructor(texts) {
    for (const text of new Set(texts)) {
      for (const [encoding, needle] of encodingsOf(text)) {
        const key = needle.readUInt32LE(0);
        if (!this.#needles.has(key)) this.#needles.set(key, []);
        this.#needles.get(key).push({ text, encoding, needle });
      }
    }
  }

  /** Which of the texts stand there: [{text, encoding, at}]. */
  in(bytes) {
    const found = [];
    let key = 0;
    for (let end = 0; end < bytes.length; end += 1) {
      key = ((key >>> 8) | (bytes[end] << 24)) >>> 0;
      if (end < KEY_BYTES - 1) continue;
      const candidates = this.#needles.get(key);
      if (!candidates) continue;
      const at = end - KEY_BYTES + 1;
      for (const { text, encoding, needle } of candidates) {
        if (bytes.length - at >= needle.length && needle.equals(bytes.subarray(at, at + needle.length)))
          found.push({ text, encoding, at });
      }
    }
    return found;
  }
}
