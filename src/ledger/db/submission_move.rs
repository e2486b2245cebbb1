//! The migration of an older ledger's submissions to their new table, however many there are, while leads
//! come in: the new table is filled beside the old one in small steps, and triggers repeat each write to the
//! old one there. When everything is copied the two swap names, and the old one is emptied in small steps as
//! well. Each step is a transaction, so it can be interrupted at any time.
//!
//! Until the names are swapped the old table is `submission` and complete; from then on the new one is.
//! Changes in the new one are removed from the old one at once: no data that was erased here stays there.

use super::store::{Arg, Store};
use crate::base::fault::Fault;
use crate::base::time::DAY_MS;

/// The number of rows of a step: a few milliseconds.
pub(super) const STEP_ROWS: i64 = 250;
/// The number of rows that are moved in a day. Copying one is two rows written, and the free plan has 100,000
/// a day, of which leads must have most: a ledger that has used up the day's rows pauses until the next day.
const ROWS_A_DAY: i64 = 24_000;
/// The time between two steps: a quarter of an hour.
pub(super) const STEP_PAUSE_MS: i64 = DAY_MS * STEP_ROWS / ROWS_A_DAY;
/// The number of rows up to which a ledger is moved when it is opened: some ten milliseconds.
const ROWS_AT_ONCE: i64 = 1_000;

/// The columns of both tables.
const COLUMNS: &str = "lead_id, submission_id, format, campaign, source, hour, state, at_ms, known_until_ms,
   until_ms, consent_until_ms, record_until_ms, milestone, stands_by, first, subjects, quarantine, act, consent,
   payload";

/// The triggers that repeat each write to `submission` in the new table. A row that has not been copied yet
/// is not there to be changed, and is copied later as it is then.
pub(in crate::ledger) const REPEAT_WRITES: [&str; 3] = [
    "CREATE TRIGGER moved_insert AFTER INSERT ON submission BEGIN
       INSERT OR REPLACE INTO submission_next (lead_id, submission_id, format, campaign, source, hour, state,
         at_ms, known_until_ms, until_ms, consent_until_ms, record_until_ms, milestone, stands_by, first,
         subjects, quarantine, act, consent, payload)
       VALUES (NEW.lead_id, NEW.submission_id, NEW.format, NEW.campaign, NEW.source, NEW.hour, NEW.state,
         NEW.at_ms, NEW.known_until_ms, NEW.until_ms, NEW.consent_until_ms, NEW.record_until_ms,
         NEW.milestone, NEW.stands_by, NEW.first, NEW.subjects, NEW.quarantine, NEW.act, NEW.consent,
         NEW.payload);
     END",
    "CREATE TRIGGER moved_update AFTER UPDATE ON submission BEGIN
       UPDATE submission_next SET lead_id = NEW.lead_id, submission_id = NEW.submission_id,
         format = NEW.format, campaign = NEW.campaign, source = NEW.source, hour = NEW.hour,
         state = NEW.state, at_ms = NEW.at_ms, known_until_ms = NEW.known_until_ms, until_ms = NEW.until_ms,
         consent_until_ms = NEW.consent_until_ms, record_until_ms = NEW.record_until_ms,
         milestone = NEW.milestone, stands_by = NEW.stands_by, first = NEW.first, subjects = NEW.subjects,
         quarantine = NEW.quarantine, act = NEW.act, consent = NEW.consent, payload = NEW.payload
       WHERE lead_id = OLD.lead_id AND submission_id = OLD.submission_id;
     END",
    "CREATE TRIGGER moved_delete AFTER DELETE ON submission BEGIN
       DELETE FROM submission_next WHERE lead_id = OLD.lead_id AND submission_id = OLD.submission_id;
     END",
];

/// The statements that swap the names, and let each later change remove the old copy.
const CHANGE_NAMES: [&str; 7] = [
    "DROP TRIGGER moved_insert",
    "DROP TRIGGER moved_update",
    "DROP TRIGGER moved_delete",
    "ALTER TABLE submission RENAME TO submission_before",
    "ALTER TABLE submission_next RENAME TO submission",
    "CREATE TRIGGER moved_update AFTER UPDATE ON submission BEGIN
       DELETE FROM submission_before WHERE lead_id = OLD.lead_id AND submission_id = OLD.submission_id;
     END",
    "CREATE TRIGGER moved_delete AFTER DELETE ON submission BEGIN
       DELETE FROM submission_before WHERE lead_id = OLD.lead_id AND submission_id = OLD.submission_id;
     END",
];

/// The statements that end the migration, once the old table is empty.
const END: [&str; 4] = [
    "DROP TRIGGER moved_update",
    "DROP TRIGGER moved_delete",
    "DROP TABLE submission_before",
    "DELETE FROM meta WHERE key = 'moving'",
];

/// The progress of the migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Rows after this lead and submission are not copied yet.
    Copying(String, String),
    /// All rows are copied, and those of the old table are being removed.
    Emptying,
}

impl Progress {
    fn parse(text: &str) -> Option<Self> {
        match text.split(' ').collect::<Vec<_>>().as_slice() {
            ["copying"] => Some(Self::Copying(String::new(), String::new())),
            ["copying", lead_id, submission_id] => {
                Some(Self::Copying((*lead_id).to_owned(), (*submission_id).to_owned()))
            }
            ["emptying"] => Some(Self::Emptying),
            _ => None,
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Copying(lead_id, submission_id) => format!("copying {lead_id} {submission_id}"),
            Self::Emptying => "emptying".to_owned(),
        }
    }
}

/// The state of the migration in memory: whether `submission` is the new table, and when the next step is
/// due.
#[derive(Clone, Copy)]
pub(in crate::ledger) struct Moving {
    pub(in crate::ledger) is_new: bool,
    pub(in crate::ledger) next_ms: i64,
}

impl Moving {
    /// The finished migration.
    pub(in crate::ledger) const DONE: Self = Self { is_new: true, next_ms: i64::MAX };

    /// Returns the index of held submissions by lead and submission. No index can be renamed, so each table
    /// has its own.
    pub(in crate::ledger) fn held_by_submission(self) -> &'static str {
        if self.is_new { "held_by_submission" } else { "submission_held" }
    }

    /// Returns the index of held submissions by lead and the subject that they were recognised by.
    pub(in crate::ledger) fn held_by_first(self) -> &'static str {
        if self.is_new { "held_by_first" } else { "submission_held_first" }
    }
}

/// Moves everything, if there is little. More goes in steps.
pub(in crate::ledger) fn move_at_once(store: &impl Store) -> Result<(), Fault> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM submission LIMIT ?)";
    let rows = store.row(sql, &[(ROWS_AT_ONCE + 1).into()])?.map_or(Ok(0), |mut row| row.int(0))?;
    let mut progress = progress_in(store)?.map(|(_, progress)| progress);
    while rows <= ROWS_AT_ONCE
        && let Some(from) = &progress
    {
        progress = step(store, from, ROWS_AT_ONCE + 1, 0)?;
    }
    Ok(())
}

/// Returns when the next step is due, and where it begins.
pub(super) fn progress_in(store: &impl Store) -> Result<Option<(i64, Progress)>, Fault> {
    let row = store.row("SELECT value FROM meta WHERE key = 'moving'", &[])?;
    let Some(text) = row.map(|mut row| row.text(0)).transpose()? else { return Ok(None) };
    let read = text.split_once(' ').and_then(|(at, text)| Some((at.parse().ok()?, Progress::parse(text)?)));
    read.map(Some).ok_or_else(|| Fault::new("where submissions are moved to is not readable"))
}

/// Runs a step of at most so many rows. Returns where the next one begins. `None` if this was the last.
pub(super) fn step(
    store: &impl Store,
    from: &Progress,
    rows: i64,
    next_ms: i64,
) -> Result<Option<Progress>, Fault> {
    let mut next = None;
    store.atomically(&mut || {
        next = match from {
            Progress::Copying(lead_id, submission_id) => Some(copy(store, lead_id, submission_id, rows)?),
            Progress::Emptying => empty(store, rows)?,
        };
        let Some(next) = &next else { return END.iter().try_for_each(|sql| store.run(sql, &[])) };
        let text = format!("{next_ms} {}", next.to_text());
        store.run("UPDATE meta SET value = ? WHERE key = 'moving'", &[text.into()])
    })?;
    Ok(next)
}

fn copy(store: &impl Store, lead_id: &str, submission_id: &str, rows: i64) -> Result<Progress, Fault> {
    let after: [Arg<'_>; 2] = [lead_id.into(), submission_id.into()];
    let sql = "SELECT lead_id, submission_id FROM submission WHERE (lead_id, submission_id) > (?, ?)
               ORDER BY lead_id, submission_id LIMIT 1 OFFSET ?";
    let last = store.row(sql, &[&after[..], &[(rows - 1).into()]].concat())?;
    let last = last.map(|mut row| Ok::<_, Fault>((row.text(0)?, row.text(1)?))).transpose()?;
    // Rows that came in meanwhile are there already.
    let copied = format!(
        "INSERT INTO submission_next ({COLUMNS}) SELECT {COLUMNS} FROM submission
         WHERE (lead_id, submission_id) > (?1, ?2)"
    );
    let Some((lead_id, submission_id)) = last else {
        store.run(&format!("{copied} ON CONFLICT DO NOTHING"), &after)?;
        CHANGE_NAMES.iter().try_for_each(|sql| store.run(sql, &[]))?;
        return Ok(Progress::Emptying);
    };
    let to: [Arg<'_>; 2] = [(&lead_id).into(), (&submission_id).into()];
    let sql = format!("{copied} AND (lead_id, submission_id) <= (?3, ?4) ON CONFLICT DO NOTHING");
    store.run(&sql, &[after, to].concat())?;
    Ok(Progress::Copying(lead_id, submission_id))
}

fn empty(store: &impl Store, rows: i64) -> Result<Option<Progress>, Fault> {
    let sql = "DELETE FROM submission_before WHERE (lead_id, submission_id) IN (SELECT lead_id, submission_id
                 FROM submission_before ORDER BY lead_id, submission_id LIMIT ?) RETURNING 1";
    let gone = store.rows(sql, &[rows.into()])?.len();
    Ok(i64::try_from(gone).is_ok_and(|gone| gone >= rows).then_some(Progress::Emptying))
}
