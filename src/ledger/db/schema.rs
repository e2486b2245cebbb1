//! The schema of a ledger: its tables, and the migrations of older ones.

use super::store::Store;
use super::submission_move::{REPEAT_WRITES, move_at_once};
use super::tables::TABLES;
use crate::base::fault::Fault;

/// The format of rows. A reader leaves rows of a newer format untouched.
///
/// 2: a payload does not repeat the consents, which are stored beside it.
/// 3: consents are acts of the person's history.
pub const ROW_FORMAT: i64 = 4;

/// The migrations. Each entry is one step forward, never changed once released. Rows per lead are few: with
/// one identifier and one destination an admission writes a fingerprint, a submission with its key's entry, a
/// delivery, and a counter. A delivery that cannot be sent immediately has its entry in `delivery_due` as
/// well. Facts about people who post again have rows of their own, for nearly everybody posts once.
const MIGRATIONS: &[&[&str]] = &[
    &[
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        // The last good copies of campaigns: deliveries do not depend on KV being available.
        "CREATE TABLE campaign (id TEXT PRIMARY KEY, revision TEXT NOT NULL, stored TEXT NOT NULL)
     WITHOUT ROWID",
        // Many to many: one phone may belong to two leads, one lead has several identifiers.
        "CREATE TABLE fingerprint (tag TEXT NOT NULL, lead_id TEXT NOT NULL, PRIMARY KEY (tag, lead_id))
     WITHOUT ROWID",
        // `payload` and `consent` are sealed. `hour` and `source` name the counter that counts the row.
        "CREATE TABLE submission (
       lead_id TEXT NOT NULL, submission_id TEXT NOT NULL, format INTEGER NOT NULL,
       campaign TEXT NOT NULL, source TEXT NOT NULL, hour INTEGER NOT NULL, state TEXT NOT NULL,
       at_ms INTEGER NOT NULL, known_until_ms INTEGER NOT NULL, payload TEXT, consent TEXT NOT NULL,
       PRIMARY KEY (lead_id, submission_id)) WITHOUT ROWID",
        // A delivery's id begins with its lead's, so that the primary key finds a lead's deliveries.
        "CREATE TABLE delivery (
       delivery_id TEXT PRIMARY KEY, format INTEGER NOT NULL, lead_id TEXT NOT NULL,
       submission_id TEXT NOT NULL, campaign TEXT NOT NULL, destination TEXT NOT NULL,
       receiver TEXT NOT NULL, event TEXT NOT NULL, state TEXT NOT NULL, due_ms INTEGER NOT NULL,
       leased INTEGER NOT NULL DEFAULT 0, attempt_count INTEGER NOT NULL DEFAULT 0,
       attempts TEXT NOT NULL DEFAULT '[]', reason TEXT, created_ms INTEGER NOT NULL,
       settled_ms INTEGER) WITHOUT ROWID",
        "CREATE INDEX delivery_due ON delivery (due_ms) WHERE state = 'pending'",
        "CREATE TABLE disabled (campaign TEXT NOT NULL, destination TEXT NOT NULL,
       at_ms INTEGER NOT NULL, PRIMARY KEY (campaign, destination)) WITHOUT ROWID",
        "CREATE TABLE idempotency (tag TEXT PRIMARY KEY, submission_id TEXT NOT NULL,
       expires_ms INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE counter (
       campaign TEXT NOT NULL, hour INTEGER NOT NULL, source TEXT NOT NULL,
       repeats INTEGER NOT NULL DEFAULT 0, pending INTEGER NOT NULL DEFAULT 0,
       delivered INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0,
       held INTEGER NOT NULL DEFAULT 0, duplicate INTEGER NOT NULL DEFAULT 0,
       suppressed INTEGER NOT NULL DEFAULT 0, quarantined INTEGER NOT NULL DEFAULT 0,
       unconfirmed INTEGER NOT NULL DEFAULT 0, withdrawn INTEGER NOT NULL DEFAULT 0,
       discarded INTEGER NOT NULL DEFAULT 0, expired INTEGER NOT NULL DEFAULT 0,
       erased INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (campaign, hour, source)) WITHOUT ROWID",
        // Posts that never reached the ledger, counted in batches: approximate.
        "CREATE TABLE tally (campaign TEXT NOT NULL, hour INTEGER NOT NULL, field TEXT NOT NULL,
       code TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (campaign, hour, field, code))
     WITHOUT ROWID",
    ],
    &[
        // Only the object knows which deliveries are in flight: nobody else sends them.
        "UPDATE delivery SET due_ms = created_ms WHERE leased = 1 AND state = 'pending'",
        "ALTER TABLE delivery DROP COLUMN leased",
        // By receiver, so that deliveries of a busy one need not be skipped each time.
        "DROP INDEX delivery_due",
        "CREATE INDEX delivery_due ON delivery (receiver, due_ms) WHERE state = 'pending'",
    ],
    &[
        // The consents of a submission are an act: `act` the link of the chain, `consent` its sealed
        // personal part. `until_ms` is when a state ends by itself, `consent_until_ms` when the first of
        // the consents expires, `record_until_ms` when the record of them ends.
        "ALTER TABLE submission ADD COLUMN act TEXT",
        "ALTER TABLE submission ADD COLUMN until_ms INTEGER",
        "ALTER TABLE submission ADD COLUMN consent_until_ms INTEGER",
        "ALTER TABLE submission ADD COLUMN record_until_ms INTEGER NOT NULL DEFAULT 0",
        // Acts that came with no submission, and those whose submission has ended.
        "CREATE TABLE act (lead_id TEXT NOT NULL, seq INTEGER NOT NULL, format INTEGER NOT NULL,
       act TEXT NOT NULL, personal TEXT, consent_until_ms INTEGER, record_until_ms INTEGER NOT NULL,
       PRIMARY KEY (lead_id, seq)) WITHOUT ROWID",
        "CREATE TABLE terms (digest TEXT PRIMARY KEY, terms TEXT NOT NULL) WITHOUT ROWID",
        // Hashes under the list keys.
        "CREATE TABLE listed (tag TEXT NOT NULL, list TEXT NOT NULL, at_ms INTEGER NOT NULL,
       PRIMARY KEY (tag, list)) WITHOUT ROWID",
        // Submissions that wait for the owner of the address, under its fingerprint.
        "CREATE TABLE request (tag TEXT NOT NULL, submission_id TEXT NOT NULL, lead_id TEXT NOT NULL,
       campaign TEXT NOT NULL, mails INTEGER NOT NULL, mailed_ms INTEGER NOT NULL,
       expires_ms INTEGER NOT NULL, confirmed_ms INTEGER, PRIMARY KEY (tag, submission_id))
     WITHOUT ROWID",
        "CREATE INDEX request_expires ON request (expires_ms)",
        // Leads of requests that turned out to be known leads: links name the former.
        "CREATE TABLE alias (lead_id TEXT PRIMARY KEY, is_now TEXT NOT NULL) WITHOUT ROWID",
        // The data of a delivery that is about no submission.
        "ALTER TABLE delivery ADD COLUMN notice TEXT",
    ],
    &[
        // The reason for a quarantine: the signals, the hashes by which the submission is found, the
        // campaign's revision.
        "ALTER TABLE submission ADD COLUMN quarantine TEXT",
        // The campaigns by which quarantined submissions will be judged.
        "CREATE TABLE revision (revision TEXT PRIMARY KEY, stored TEXT NOT NULL) WITHOUT ROWID",
        // The operators' actions, without the people whom they concern. REPLACE removes a row without firing
        // the trigger that guards deletion, so an existing number is refused as well.
        "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, actor TEXT NOT NULL,
       act TEXT NOT NULL, campaign TEXT, destination TEXT, delivery_id TEXT, list TEXT, count INTEGER,
       outcome TEXT NOT NULL)",
        "CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
     BEGIN SELECT RAISE(ABORT, 'the audit log is not changed'); END",
        "CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
     BEGIN SELECT RAISE(ABORT, 'the audit log is not deleted'); END",
        "CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
       WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)
     BEGIN SELECT RAISE(ABORT, 'the audit log is not replaced'); END",
    ],
    &[
        // The last step that a submission has taken as a lead, and the counts of these steps: the funnel.
        "ALTER TABLE submission ADD COLUMN milestone INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE counter ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE counter ADD COLUMN qualified INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE counter ADD COLUMN arrived INTEGER NOT NULL DEFAULT 0",
        // Keyed by the least points of each bin.
        "ALTER TABLE counter ADD COLUMN scores TEXT NOT NULL DEFAULT '{}'",
        // The lead of a link to a magnet, by the submission that got it.
        "CREATE TABLE engagement (submission_id TEXT PRIMARY KEY, lead_id TEXT NOT NULL,
       campaign TEXT NOT NULL, until_ms INTEGER NOT NULL, downloads INTEGER NOT NULL DEFAULT 0,
       first_ms INTEGER) WITHOUT ROWID",
        // Operators look for few rows among many.
        "CREATE INDEX delivery_dead ON delivery (delivery_id) WHERE state = 'dead'",
        "CREATE INDEX delivery_paused ON delivery (delivery_id) WHERE state = 'paused'",
        "CREATE INDEX submission_held ON submission (lead_id, submission_id) WHERE state = 'held'",
        // Only the states of earlier submissions are known. Approximate: those withdrawn, expired or erased
        // since are left out, a known person's post that was forwarded counts as a lead of its own, and no
        // score was counted.
        "UPDATE counter SET fresh = pending + delivered + dead + held,
       qualified = pending + delivered + dead, arrived = delivered",
        // Only rows that can still move: a delivered one counts nothing more.
        "UPDATE submission SET milestone = CASE state WHEN 'held' THEN 1 ELSE 2 END
       WHERE state IN ('pending', 'dead', 'held')",
    ],
    &[
        // Leads with a second submission or act: the head of the history, and the facts that each further
        // post needs. `founder` is the subject of the first act; `had` lists the recipients of the lead, if
        // known. While the row exists, all acts of the lead are in `act`.
        "CREATE TABLE lead (number INTEGER PRIMARY KEY, lead_id TEXT NOT NULL UNIQUE, format INTEGER NOT NULL,
       seq INTEGER NOT NULL, mac TEXT NOT NULL, founder TEXT NOT NULL, last_ms INTEGER NOT NULL,
       known_until_ms INTEGER NOT NULL, record_until_ms INTEGER NOT NULL, had TEXT)",
        // The standing of each subject of a lead.
        "CREATE TABLE standing (lead INTEGER NOT NULL, subject TEXT NOT NULL, consents TEXT NOT NULL,
       PRIMARY KEY (lead, subject)) WITHOUT ROWID",
        // Identifiers that a lead's posts carry but that do not recognise anybody: for access and erasure.
        "CREATE TABLE carried (tag TEXT NOT NULL, lead_id TEXT NOT NULL, PRIMARY KEY (tag, lead_id))
     WITHOUT ROWID",
        // Identifiers of other people in further fields, while the payload exists.
        "CREATE TABLE mentioned (tag TEXT NOT NULL, lead_id TEXT NOT NULL, submission_id TEXT NOT NULL,
       PRIMARY KEY (tag, lead_id, submission_id)) WITHOUT ROWID",
        // The subjects, that of the consents first. `stands_by` is the newest act of that subject, if the
        // submission brought none of its own; `first` the subject that it was recognised by.
        "ALTER TABLE submission ADD COLUMN subjects TEXT",
        "ALTER TABLE submission ADD COLUMN stands_by INTEGER",
        "ALTER TABLE submission ADD COLUMN first TEXT",
        "ALTER TABLE act ADD COLUMN subjects TEXT",
        "ALTER TABLE delivery ADD COLUMN subject TEXT",
        // The subjects of earlier submissions contained in it.
        "ALTER TABLE delivery ADD COLUMN beside TEXT",
        "CREATE INDEX submission_held_first ON submission (lead_id, first) WHERE state = 'held'",
        // Hashes of the mailbox that was asked, and when its owner refused.
        "ALTER TABLE request ADD COLUMN mailbox TEXT",
        "ALTER TABLE request ADD COLUMN stem TEXT",
        "ALTER TABLE request ADD COLUMN refused_ms INTEGER",
        "CREATE INDEX request_stem ON request (stem) WHERE stem IS NOT NULL",
        // When somebody on the suppression list was last asked whether they still object.
        "ALTER TABLE listed ADD COLUMN asked_ms INTEGER",
        // Identifiers by which no campaign of a lead recognises were taken for fingerprints before.
        "INSERT INTO carried SELECT tag, lead_id FROM fingerprint
       WHERE tag >= 'phone.' AND tag < 'phone/'
         AND lead_id IN (SELECT lead_id FROM fingerprint WHERE tag >= 'email.' AND tag < 'email/')
         AND lead_id NOT IN (SELECT lead_id FROM submission WHERE campaign IN (SELECT id FROM campaign
           WHERE 'phone' IN (SELECT value FROM json_each(stored, '$.campaign.dedupe.by'))))",
        "INSERT INTO carried SELECT tag, lead_id FROM fingerprint
       WHERE tag >= 'email.' AND tag < 'email/'
         AND lead_id IN (SELECT lead_id FROM fingerprint WHERE tag >= 'phone.' AND tag < 'phone/')
         AND lead_id NOT IN (SELECT lead_id FROM submission WHERE campaign NOT IN (SELECT id FROM campaign
           WHERE json_array_length(stored, '$.campaign.dedupe.by') > 0
             AND 'email' NOT IN (SELECT value FROM json_each(stored, '$.campaign.dedupe.by'))))",
        "DELETE FROM fingerprint WHERE EXISTS
       (SELECT 1 FROM carried c WHERE c.tag = fingerprint.tag AND c.lead_id = fingerprint.lead_id)",
        // The changes of a publication, as JSON: where events go and by which secrets.
        "ALTER TABLE audit ADD COLUMN changes TEXT",
    ],
    &[
        // A row is longer than a page of an index may hold: WITHOUT ROWID each comparison of a search read
        // one row whole, with its overflow pages. `payload` and `consent` are bytes now; earlier ones stay
        // texts.
        "CREATE TABLE submission_next (
       lead_id TEXT NOT NULL, submission_id TEXT NOT NULL, format INTEGER NOT NULL,
       campaign TEXT NOT NULL, source TEXT NOT NULL, hour INTEGER NOT NULL, state TEXT NOT NULL,
       at_ms INTEGER NOT NULL, known_until_ms INTEGER NOT NULL, until_ms INTEGER, consent_until_ms INTEGER,
       record_until_ms INTEGER NOT NULL DEFAULT 0, milestone INTEGER NOT NULL DEFAULT 0, stands_by INTEGER,
       first TEXT, subjects TEXT, quarantine TEXT, act TEXT, consent BLOB NOT NULL, payload BLOB,
       PRIMARY KEY (lead_id, submission_id))",
        "CREATE INDEX held_by_submission ON submission_next (lead_id, submission_id) WHERE state = 'held'",
        "CREATE INDEX held_by_first ON submission_next (lead_id, first) WHERE state = 'held'",
        // `moving` copies the existing rows, in steps.
        REPEAT_WRITES[0],
        REPEAT_WRITES[1],
        REPEAT_WRITES[2],
        "INSERT INTO meta (key, value) VALUES ('moving', '0 copying')",
    ],
    &[
        // An immediate delivery has no entry: its `due_ms` is 0. `immediate` finds it after this id.
        "DROP INDEX delivery_due",
        "CREATE INDEX delivery_due ON delivery (receiver, due_ms) WHERE state = 'pending' AND due_ms > 0",
        "INSERT INTO meta (key, value) SELECT 'sent', newest
       FROM (SELECT max(delivery_id) AS newest FROM delivery) WHERE newest IS NOT NULL",
    ],
];

/// Brings the tables up to date.
///
/// # Errors
/// The database failed, or a newer version of the code has already moved it on.
pub fn migrate(store: &impl Store) -> Result<(), Fault> {
    store.run("CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY)", &[])?;
    let done = store.row("SELECT count(*) FROM migration", &[])?.map_or(Ok(0), |mut row| row.int(0))?;
    match usize::try_from(done).unwrap_or(usize::MAX) {
        0 => make(store),
        done if done > MIGRATIONS.len() => Err(Fault::new("the ledger's tables are newer than this code")),
        done if done < MIGRATIONS.len() => step_forward(store, done),
        _ => Ok(()),
    }
}

/// Makes the tables of a new ledger.
fn make(store: &impl Store) -> Result<(), Fault> {
    let script = format!(
        "{TABLES} WITH RECURSIVE step (version) AS (SELECT 1 UNION ALL SELECT version + 1 FROM step
           WHERE version < {}) INSERT INTO migration SELECT version FROM step",
        MIGRATIONS.len()
    );
    store.atomically(&mut || store.script(&script))
}

/// Takes an older ledger's tables through the steps that it has not taken yet.
fn step_forward(store: &impl Store, done: usize) -> Result<(), Fault> {
    for (at, statements) in MIGRATIONS.iter().enumerate().skip(done) {
        store.atomically(&mut || {
            for statement in *statements {
                store.run(statement, &[])?;
            }
            let version = i64::try_from(at + 1).unwrap_or(i64::MAX);
            store.run("INSERT INTO migration (version) VALUES (?)", &[version.into()])
        })?;
    }
    move_at_once(store)
}

#[cfg(feature = "host")]
#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use rusqlite::Connection;

    use super::*;
    use crate::testing::world::SqliteStore;

    /// Returns everything that the database is made of, without the leftovers of its history.
    fn made_of(connection: &Connection) -> Vec<(String, String, String)> {
        let sql = "SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY 1, 2";
        let mut statement = connection.prepare(sql).expect("a statement");
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)));
        let plain = |sql: String| {
            let sql = sql.replace('"', "").replace('(', " ( ").replace(')', " ) ").replace(',', " , ");
            sql.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        rows.expect("rows")
            .map(|row| row.expect("a row"))
            .map(|(kind, name, sql)| (kind, name, plain(sql)))
            .collect()
    }

    fn database() -> (Rc<Connection>, SqliteStore) {
        let connection = Rc::new(Connection::open_in_memory().expect("a database"));
        let store = SqliteStore::new(Rc::clone(&connection));
        (connection, store)
    }

    #[test]
    fn the_tables_of_a_new_ledger_are_those_that_an_old_one_comes_to() {
        let (new, store) = database();
        migrate(&store).expect("made");
        let (old, store) = database();
        old.execute_batch("CREATE TABLE migration (version INTEGER PRIMARY KEY)").expect("a table");
        step_forward(&store, 0).expect("every step");
        assert_eq!(made_of(&new), made_of(&old));
        for connection in [new, old] {
            let sql = "SELECT count(*), max(version) FROM migration";
            let versions = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
            assert_eq!(versions, Ok((MIGRATIONS.len(), MIGRATIONS.len())));
            let sql = "SELECT count(*) FROM meta WHERE key = 'moving'";
            assert_eq!(connection.query_row(sql, [], |row| row.get(0)), Ok(0));
        }
    }
}
