//! The tables of a ledger as they are now. An older ledger reaches them by the steps of `schema`, and a test
//! compares both: columns that came later stand last.

/// The statements that make all tables, as one text. Its comments are not part of it.
#[rustfmt::skip]
pub(in crate::ledger) const TABLES: &str = concat!(
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",

    // The last good copies of campaigns: deliveries do not depend on KV being available.
    "CREATE TABLE campaign (id TEXT PRIMARY KEY, revision TEXT NOT NULL, stored TEXT NOT NULL) WITHOUT ROWID;",

    // The campaigns by which quarantined submissions will be judged.
    "CREATE TABLE revision (revision TEXT PRIMARY KEY, stored TEXT NOT NULL) WITHOUT ROWID;",

    // Many to many: one phone may belong to two leads, one lead has several identifiers.
    "CREATE TABLE fingerprint (tag TEXT NOT NULL, lead_id TEXT NOT NULL, PRIMARY KEY (tag, lead_id)) WITHOUT ROWID;",

    // Identifiers that a lead's posts carry but that do not recognise anybody: for access and erasure.
    "CREATE TABLE carried (tag TEXT NOT NULL, lead_id TEXT NOT NULL, PRIMARY KEY (tag, lead_id)) WITHOUT ROWID;",

    // Identifiers of other people in further fields, while the payload exists.
    "CREATE TABLE mentioned (tag TEXT NOT NULL, lead_id TEXT NOT NULL, submission_id TEXT NOT NULL, ",
    "PRIMARY KEY (tag, lead_id, submission_id)) WITHOUT ROWID;",

    // `payload` and `consent` are sealed. `hour` and `source` name the counter that counts the row. `act` is
    // a link of the chain of consents, `consent` its personal part. `until_ms` is when a state ends by
    // itself, `consent_until_ms` when the first of the consents expires, `record_until_ms` when the record of
    // them ends. `milestone` is the last step that it has taken as a lead. `stands_by` is the newest act of
    // its subject, if it brought none of its own; `first` the subject that it was recognised by; `subjects`
    // its subjects, that of its consents first; `quarantine` the reason for its quarantine: its signals, the
    // hashes by which it is found, the campaign's revision.
    "CREATE TABLE submission ( ",
    "lead_id TEXT NOT NULL, submission_id TEXT NOT NULL, format INTEGER NOT NULL, campaign TEXT NOT NULL, ",
    "source TEXT NOT NULL, hour INTEGER NOT NULL, state TEXT NOT NULL, at_ms INTEGER NOT NULL, ",
    "known_until_ms INTEGER NOT NULL, until_ms INTEGER, consent_until_ms INTEGER, ",
    "record_until_ms INTEGER NOT NULL DEFAULT 0, milestone INTEGER NOT NULL DEFAULT 0, stands_by INTEGER, first TEXT, ",
    "subjects TEXT, quarantine TEXT, act TEXT, consent BLOB NOT NULL, payload BLOB, ",
    "PRIMARY KEY (lead_id, submission_id));",
    "CREATE INDEX held_by_submission ON submission (lead_id, submission_id) WHERE state = 'held';",
    "CREATE INDEX held_by_first ON submission (lead_id, first) WHERE state = 'held';",

    // Acts that came with no submission, those whose submission has ended, and all acts of a lead that has a
    // row.
    "CREATE TABLE act (lead_id TEXT NOT NULL, seq INTEGER NOT NULL, format INTEGER NOT NULL, act TEXT NOT NULL, ",
    "personal TEXT, consent_until_ms INTEGER, record_until_ms INTEGER NOT NULL, subjects TEXT, ",
    "PRIMARY KEY (lead_id, seq)) WITHOUT ROWID;",

    "CREATE TABLE terms (digest TEXT PRIMARY KEY, terms TEXT NOT NULL) WITHOUT ROWID;",

    // Leads with a second submission or act: the head of the history, and the facts that each further post
    // needs. `founder` is the subject of the first act; `had` lists the recipients of the lead, if known.
    // While the row exists, all acts of the lead are in `act`.
    "CREATE TABLE lead (number INTEGER PRIMARY KEY, lead_id TEXT NOT NULL UNIQUE, format INTEGER NOT NULL, ",
    "seq INTEGER NOT NULL, mac TEXT NOT NULL, founder TEXT NOT NULL, last_ms INTEGER NOT NULL, ",
    "known_until_ms INTEGER NOT NULL, record_until_ms INTEGER NOT NULL, had TEXT);",

    // The standing of each subject of a lead.
    "CREATE TABLE standing (lead INTEGER NOT NULL, subject TEXT NOT NULL, consents TEXT NOT NULL, ",
    "PRIMARY KEY (lead, subject)) WITHOUT ROWID;",

    // A delivery's id begins with its lead's, so that the primary key finds a lead's deliveries. `notice` is
    // the data of a delivery that is about no submission, `beside` the subjects of earlier submissions
    // contained in it. An immediate delivery has a `due_ms` of 0, and no entry in `delivery_due`.
    "CREATE TABLE delivery ( ",
    "delivery_id TEXT PRIMARY KEY, format INTEGER NOT NULL, lead_id TEXT NOT NULL, submission_id TEXT NOT NULL, ",
    "campaign TEXT NOT NULL, destination TEXT NOT NULL, receiver TEXT NOT NULL, event TEXT NOT NULL, ",
    "state TEXT NOT NULL, due_ms INTEGER NOT NULL, attempt_count INTEGER NOT NULL DEFAULT 0, ",
    "attempts TEXT NOT NULL DEFAULT '[]', reason TEXT, created_ms INTEGER NOT NULL, settled_ms INTEGER, notice TEXT, ",
    "subject TEXT, beside TEXT) WITHOUT ROWID;",
    // By receiver, so that deliveries of a busy one need not be skipped each time.
    "CREATE INDEX delivery_due ON delivery (receiver, due_ms) WHERE state = 'pending' AND due_ms > 0;",
    // Operators look for few rows among many.
    "CREATE INDEX delivery_dead ON delivery (delivery_id) WHERE state = 'dead';",
    "CREATE INDEX delivery_paused ON delivery (delivery_id) WHERE state = 'paused';",

    "CREATE TABLE disabled (campaign TEXT NOT NULL, destination TEXT NOT NULL, at_ms INTEGER NOT NULL, ",
    "PRIMARY KEY (campaign, destination)) WITHOUT ROWID;",

    "CREATE TABLE idempotency (tag TEXT PRIMARY KEY, submission_id TEXT NOT NULL, expires_ms INTEGER NOT NULL) ",
    "WITHOUT ROWID;",

    // `fresh`, `qualified` and `arrived` count the submissions that have taken these steps; `scores` is keyed
    // by the least points of each bin.
    "CREATE TABLE counter ( ",
    "campaign TEXT NOT NULL, hour INTEGER NOT NULL, source TEXT NOT NULL, repeats INTEGER NOT NULL DEFAULT 0, ",
    "pending INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0, ",
    "held INTEGER NOT NULL DEFAULT 0, duplicate INTEGER NOT NULL DEFAULT 0, suppressed INTEGER NOT NULL DEFAULT 0, ",
    "quarantined INTEGER NOT NULL DEFAULT 0, unconfirmed INTEGER NOT NULL DEFAULT 0, ",
    "withdrawn INTEGER NOT NULL DEFAULT 0, discarded INTEGER NOT NULL DEFAULT 0, expired INTEGER NOT NULL DEFAULT 0, ",
    "erased INTEGER NOT NULL DEFAULT 0, fresh INTEGER NOT NULL DEFAULT 0, qualified INTEGER NOT NULL DEFAULT 0, ",
    "arrived INTEGER NOT NULL DEFAULT 0, scores TEXT NOT NULL DEFAULT '{}', ",
    "PRIMARY KEY (campaign, hour, source)) WITHOUT ROWID;",

    // Posts that never reached the ledger, counted in batches: approximate.
    "CREATE TABLE tally (campaign TEXT NOT NULL, hour INTEGER NOT NULL, field TEXT NOT NULL, code TEXT NOT NULL, ",
    "count INTEGER NOT NULL, PRIMARY KEY (campaign, hour, field, code)) WITHOUT ROWID;",

    // Hashes under the list keys. `asked_ms` is when somebody on the suppression list was last asked whether
    // they still object.
    "CREATE TABLE listed (tag TEXT NOT NULL, list TEXT NOT NULL, at_ms INTEGER NOT NULL, asked_ms INTEGER, ",
    "PRIMARY KEY (tag, list)) WITHOUT ROWID;",

    // Submissions that wait for the owner of the address, under its fingerprint; the hashes of the mailbox
    // that was asked, and when its owner refused.
    "CREATE TABLE request (tag TEXT NOT NULL, submission_id TEXT NOT NULL, lead_id TEXT NOT NULL, ",
    "campaign TEXT NOT NULL, mails INTEGER NOT NULL, mailed_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, ",
    "confirmed_ms INTEGER, mailbox TEXT, stem TEXT, refused_ms INTEGER, PRIMARY KEY (tag, submission_id)) ",
    "WITHOUT ROWID;",
    "CREATE INDEX request_expires ON request (expires_ms);",
    "CREATE INDEX request_stem ON request (stem) WHERE stem IS NOT NULL;",

    // Leads of requests that turned out to be known leads: links name the former.
    "CREATE TABLE alias (lead_id TEXT PRIMARY KEY, is_now TEXT NOT NULL) WITHOUT ROWID;",

    // The lead of a link to a magnet, by the submission that got it.
    "CREATE TABLE engagement (submission_id TEXT PRIMARY KEY, lead_id TEXT NOT NULL, campaign TEXT NOT NULL, ",
    "until_ms INTEGER NOT NULL, downloads INTEGER NOT NULL DEFAULT 0, first_ms INTEGER) WITHOUT ROWID;",

    // The operators' actions, without the people whom they concern. `changes` is what a publication changed,
    // as JSON: where events go and by which secrets. REPLACE removes a row without firing the trigger that
    // guards deletion, so an existing number is refused as well.
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, actor TEXT NOT NULL, act TEXT NOT NULL, ",
    "campaign TEXT, destination TEXT, delivery_id TEXT, list TEXT, count INTEGER, outcome TEXT NOT NULL, ",
    "changes TEXT);",
    "CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit ",
    "BEGIN SELECT RAISE(ABORT, 'the audit log is not changed'); END;",
    "CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit ",
    "BEGIN SELECT RAISE(ABORT, 'the audit log is not deleted'); END;",
    "CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit ",
    "WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq) ",
    "BEGIN SELECT RAISE(ABORT, 'the audit log is not replaced'); END;",
);
