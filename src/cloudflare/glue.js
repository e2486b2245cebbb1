// What Rust calls. These functions carry values and decide nothing.

const statements = [];

/** Keeps a statement's text; the number that names it from then on. */
export function prepare(statement) {
  return statements.push(statement) - 1;
}

/** Runs a statement; its rows as JSON, or nothing where there are none. */
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

/** Runs statements in one transaction. What throws is rolled back. */
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

/** Puts bytes to the places of arguments that JSON says the number of; where those behind them begin. */
function putBytes(args, bytes, from) {
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at];
    // Asking a text for a property is dear.
    if (typeof arg !== 'object' || arg === null) continue;
    args[at] = bytes.slice(from, from + arg.b);
    from += arg.b;
  }
  return from;
}

/** A function takes so many arguments; a multiple of three, so that the parts are one text. */
const BASE64_AT_ONCE = 24_576;

function base64(bytes) {
  let text = '';
  for (let at = 0; at < bytes.length; at += BASE64_AT_ONCE) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + BASE64_AT_ONCE)));
  }
  return text;
}

/** Without waiting for it: it is kept with the writes before it, and no answer leaves before them. */
export function setAlarm(storage, atMs) {
  storage.setAlarm(atMs).catch(() => {});
}
