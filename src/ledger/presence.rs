//! What a ledger has at all, so that most posts need not look for it.

use std::cell::Cell;

use super::db::Db;
use super::db::store::Store;
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};

/// Whether some kinds of rows are there.
#[derive(Default)]
pub(in crate::ledger) struct Presence {
    lists: Cell<bool>,
    suppressed: Cell<bool>,
    quarantined: Cell<bool>,
}

/// The bounds, both exclusive, between which the leads of suppressed submissions lie: they are nobody's.
pub(in crate::ledger) const SUPPRESSED_LEADS: [&str; 2] = ["suppressed_", "suppressed_~"];
/// The same of quarantined submissions.
pub(in crate::ledger) const QUARANTINED_LEADS: [&str; 2] = ["quarantine_", "quarantine_~"];

impl Presence {
    /// Reads what is there.
    pub(in crate::ledger) fn learn<S: Store>(&self, db: &Db<S>) -> Result<(), Fault> {
        let [lists, suppressed, quarantined] = db.presence([SUPPRESSED_LEADS, QUARANTINED_LEADS])?;
        self.lists.set(lists);
        self.suppressed.set(suppressed);
        self.quarantined.set(quarantined);
        Ok(())
    }

    /// Reads whether anybody is on a list.
    pub(in crate::ledger) fn learn_lists<S: Store>(&self, db: &Db<S>) -> Result<(), Fault> {
        self.lists.set(db.has_lists()?);
        Ok(())
    }

    /// Returns whether anybody is on a list.
    pub(in crate::ledger) fn has_lists(&self) -> bool {
        self.lists.get()
    }

    /// Returns whether a submission of somebody who is suppressed is remembered.
    pub(in crate::ledger) fn has_suppressed(&self) -> bool {
        self.suppressed.get()
    }

    /// Notes that one is.
    pub(in crate::ledger) fn note_suppressed(&self) {
        self.suppressed.set(true);
    }

    /// Returns whether anything is quarantined, or was within its time.
    pub(in crate::ledger) fn has_quarantined(&self) -> bool {
        self.quarantined.get()
    }

    /// Notes that something is.
    pub(in crate::ledger) fn note_quarantined(&self) {
        self.quarantined.set(true);
    }
}

/// Returns the lead that a suppressed submission's row is under.
pub(in crate::ledger) fn suppressed_lead(submission_id: &SubmissionId) -> LeadId {
    let [prefix, _] = SUPPRESSED_LEADS;
    format!("{prefix}{submission_id}").into()
}

/// Returns the lead that a quarantined submission's row is under.
pub(in crate::ledger) fn quarantined_lead(submission_id: &SubmissionId) -> LeadId {
    let [prefix, _] = QUARANTINED_LEADS;
    format!("{prefix}{submission_id}").into()
}
