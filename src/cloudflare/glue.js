// The functions that Rust calls. They carry values and decide nothing.

/** The texts of statements, by number. */
const statements = [];

/** Keeps a statement's text, and returns the number that names it from then on. */
export function prepare(statement) {
  return statements.push(statement) - 1;
}

/** Runs a statement, and returns its rows as JSON; undefined if there are none. */
export function query({ sql }, statement, args, bytes) {
  const all = JSON.parse(args);
  if (bytes.length > 0) putBytes(all, bytes, 0);
  const rows = sql
    .exec(statements[statement], ...all)
    .raw()
    .toArray();
  if (rows.length === 0) return undefined;
  for (const row of rows) {
    for (let at = 0; at < row.length; at += 1) {
      if (row[at] instanceof ArrayBuffer) row[at] = { b: base64(new Uint8Array(row[at])) };
    }
  }
  return JSON.stringify(rows);
}

/** Runs statements in one transaction, which an exception rolls back. */
export function writeAll(storage, writes, bytes) {
  const { sql } = storage;
  const all = JSON.parse(writes);
  if (bytes.length > 0) {
    let from = 0;
    for (let at = 0; at < all.length; at += 1) from = putBytes(all[at][1], bytes, from);
  }
  storage.transactionSync(() => {
    for (let at = 0; at < all.length; at += 1) sql.exec(statements[all[at][0]], ...all[at][1]);
  });
}

/** Puts bytes in the place of arguments that JSON has the lengths of, and returns the start of the rest. */
function putBytes(args, bytes, from) {
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at];
    // A property of a text is expensive to look up.
    if (typeof arg !== 'object' || arg === null) continue;
    args[at] = bytes.slice(from, from + arg.b);
    from += arg.b;
  }
  return from;
}

/** The bytes that a call can take as arguments: a multiple of three, so that the parts join to one text. */
const BASE64_AT_ONCE = 24_576;

/** Encodes bytes in base64. */
function base64(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += BASE64_AT_ONCE) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + BASE64_AT_ONCE)));
  }
  return text;
}

/**
 * Sets the alarm without waiting for it: it is committed with the writes before it, and no reply leaves
 * before them.
 */
export function setAlarm(storage, atMs) {
  storage.setAlarm(atMs).catch(() => {});
}
