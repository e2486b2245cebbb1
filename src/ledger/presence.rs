//! The presence of rare kinds of rows, so that most posts need no query for them.

use std::cell::Cell;

use super::db::Db;
use super::db::store::Store;
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};

/// Flags for the kinds of rows that exist.
#[derive(Default)]
pub(in crate::ledger) struct Presence {
    lists: Cell<bool>,
    suppressed: Cell<bool>,
    quarantined: Cell<bool>,
}

/// The bounds, both exclusive, of the leads under which suppressed submissions are stored. These leads are no
/// person's.
pub(in crate::ledger) const SUPPRESSED_LEADS: [&str; 2] = ["suppressed_", "suppressed_~"];
/// The same bounds for quarantined submissions.
pub(in crate::ledger) const QUARANTINED_LEADS: [&str; 2] = ["quarantine_", "quarantine_~"];

impl Presence {
    /// Reads all flags.
    pub(in crate::ledger) fn learn<S: Store>(&self, db: &Db<S>) -> Result<(), Fault> {
        let [lists, suppressed, quarantined] = db.presence([SUPPRESSED_LEADS, QUARANTINED_LEADS])?;
        self.lists.set(lists);
        self.suppressed.set(suppressed);
        self.quarantined.set(quarantined);
        Ok(())
    }

    /// Reads whether any list has an entry.
    pub(in crate::ledger) fn learn_lists<S: Store>(&self, db: &Db<S>) -> Result<(), Fault> {
        self.lists.set(db.has_lists()?);
        Ok(())
    }

    /// Returns whether any list has an entry.
    pub(in crate::ledger) fn has_lists(&self) -> bool {
        self.lists.get()
    }

    /// Returns whether the row of a suppressed submission exists.
    pub(in crate::ledger) fn has_suppressed(&self) -> bool {
        self.suppressed.get()
    }

    /// Notes that one exists.
    pub(in crate::ledger) fn note_suppressed(&self) {
        self.suppressed.set(true);
    }

    /// Returns whether the row of a quarantined or decided submission exists.
    pub(in crate::ledger) fn has_quarantined(&self) -> bool {
        self.quarantined.get()
    }

    /// Notes that one exists.
    pub(in crate::ledger) fn note_quarantined(&self) {
        self.quarantined.set(true);
    }
}

/// Returns the lead under which a suppressed submission's row is stored.
pub(in crate::ledger) fn suppressed_lead(submission_id: &SubmissionId) -> LeadId {
    let [prefix, _] = SUPPRESSED_LEADS;
    format!("{prefix}{submission_id}").into()
}

/// Returns the lead under which a quarantined submission's row is stored.
pub(in crate::ledger) fn quarantined_lead(submission_id: &SubmissionId) -> LeadId {
    let [prefix, _] = QUARANTINED_LEADS;
    format!("{prefix}{submission_id}").into()
}
