// Tables of a ledger. A lead with one identifier and one destination writes a fingerprint, a lead,
// a submission, a counter, and a delivery with its entry in `due`.
const STATES = ['pending', 'delivered', 'dead', 'held', 'duplicate'] as const;
export type State = (typeof STATES)[number];

const TABLES = [
  // Many to many: one phone may belong to two leads, one lead has several identifiers.
  `fingerprint (tag TEXT NOT NULL, lead INTEGER NOT NULL, PRIMARY KEY (tag, lead)) WITHOUT ROWID`,
  // Numbered, so that what is written together lies together. `sent`: what the person's deliveries were, as JSON.
  `lead (
     lead INTEGER PRIMARY KEY, lead_id TEXT NOT NULL, heard_ms INTEGER NOT NULL, known_until_ms INTEGER NOT NULL,
     submissions INTEGER NOT NULL, sent TEXT NOT NULL)`,
  // `payload` is that of a held one; `payload` and `consent` are sealed. `hour` and `source` name the counter.
  `submission (
     seq INTEGER PRIMARY KEY, submission_id TEXT NOT NULL, campaign TEXT NOT NULL, source TEXT NOT NULL,
     hour INTEGER NOT NULL, at_ms INTEGER NOT NULL, first_tag TEXT NOT NULL, payload BLOB, consent BLOB NOT NULL)`,
  // The payload lies with what sends it, so that one row's update both settles and erases it.
  // A submission's deliveries are siblings in a row, beginning with first_seq.
  `delivery (
     seq INTEGER PRIMARY KEY, lead_id TEXT NOT NULL, submission_id TEXT NOT NULL, first_seq INTEGER NOT NULL,
     siblings INTEGER NOT NULL, campaign TEXT NOT NULL, destination TEXT NOT NULL, receiver TEXT NOT NULL,
     event TEXT NOT NULL, granted TEXT NOT NULL, source TEXT NOT NULL, hour INTEGER NOT NULL,
     created_ms INTEGER NOT NULL, state TEXT NOT NULL, due_ms INTEGER NOT NULL,
     attempt_count INTEGER NOT NULL DEFAULT 0, attempts TEXT NOT NULL DEFAULT '[]', reason TEXT,
     settled_ms INTEGER, payload BLOB)`,
  `disabled (campaign TEXT NOT NULL, destination TEXT NOT NULL, at_ms INTEGER NOT NULL,
     PRIMARY KEY (campaign, destination)) WITHOUT ROWID`,
  `idempotency (tag TEXT PRIMARY KEY, submission_id TEXT NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID`,
  `counter (
     campaign TEXT NOT NULL, hour INTEGER NOT NULL, source TEXT NOT NULL, repeats INTEGER NOT NULL DEFAULT 0,
     ${STATES.map((state) => `${state} INTEGER NOT NULL DEFAULT 0`).join(', ')},
     PRIMARY KEY (campaign, hour, source)) WITHOUT ROWID`,
];

/** A lead's submissions are numbered from its own number times this: no index is needed to find them. */
export const SUBMISSIONS_A_LEAD = 2 ** 20;

export function migrate(sql: SqlStorage): void {
  for (const table of TABLES) sql.exec(`CREATE TABLE IF NOT EXISTS ${table}`);
  sql.exec("CREATE INDEX IF NOT EXISTS due ON delivery (receiver, due_ms) WHERE state = 'pending'");
  sql.exec('DELETE FROM idempotency WHERE expires_ms <= ?', Date.now());
}

const statements = <Name extends string>(names: readonly Name[], sql: (name: Name) => string) =>
  Object.fromEntries(names.map((name) => [name, sql(name)])) as Record<Name, string>;

/** Counts a submission in a state, or a repeat beside the sum; arguments: campaign, hour, source. */
export const COUNT = statements(
  [...STATES, 'repeats'],
  (column) =>
    `INSERT INTO counter (campaign, hour, source, ${column}) VALUES (?, ?, ?, 1)
   ON CONFLICT DO UPDATE SET ${column} = ${column} + 1`,
);

/** Moves a submission from one state to another; the same arguments. */
export const MOVE = Object.fromEntries(
  STATES.map((from) => [
    from,
    statements(
      STATES,
      (to) =>
        `UPDATE counter SET ${from} = ${from} - 1, ${to} = ${to} + 1 WHERE campaign = ? AND hour = ? AND source = ?`,
    ),
  ]),
) as Record<State, Record<State, string>>;
