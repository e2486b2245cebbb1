//! What a ledger has at all, so that most posts need not look for it.

use std::cell::Cell;

use super::db::Db;
use super::db::store::{Arg, Store};
use crate::base::fault::Fault;

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
        let range = "EXISTS (SELECT 1 FROM submission WHERE lead_id >= ? AND lead_id < ?)";
        let sql = format!("SELECT EXISTS (SELECT 1 FROM listed), {range}, {range}");
        let args: Vec<_> =
            [SUPPRESSED_LEADS, QUARANTINED_LEADS].concat().into_iter().map(Arg::from).collect();
        let mut row = db.row(&sql, &args)?.ok_or_else(|| Fault::new("a row is missing"))?;
        self.lists.set(row.int(0)? == 1);
        self.suppressed.set(row.int(1)? == 1);
        self.quarantined.set(row.int(2)? == 1);
        Ok(())
    }

    /// Reads whether anybody is on a list.
    pub(in crate::ledger) fn learn_lists<S: Store>(&self, db: &Db<S>) -> Result<(), Fault> {
        self.lists.set(db.row("SELECT 1 FROM listed LIMIT 1", &[])?.is_some());
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
