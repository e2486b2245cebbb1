// What Rust calls. These functions carry values and decide nothing.

const statements = [];

/** Keeps a statement's text; the number that names it from then on. */
export function prepare(statement) {
  return statements.push(statement) - 1;
}

/** Runs a statement; its rows as JSON, or nothing where there are none. */
export function query({ sql }, statement, args) {
  const rows = sql.exec(statements[statement], ...JSON.parse(args)).raw().toArray();
  return rows.length === 0 ? undefined : JSON.stringify(rows);
}

/** Runs statements in one transaction. What throws is rolled back. */
export function writeAll(storage, writes) {
  const { sql } = storage;
  storage.transactionSync(() => {
    for (const [statement, args] of JSON.parse(writes)) sql.exec(statements[statement], ...args);
  });
}

/** Without waiting for it: it is kept with the writes before it, and no answer leaves before them. */
export function setAlarm(storage, atMs) {
  storage.setAlarm(atMs).catch(() => {});
}
