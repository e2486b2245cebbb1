//! The writes of one transaction, and the updates of memory that follow its commit. A statement notes its
//! effects where it is made, so its callers need not remember them.

use super::store::Write;
use crate::base::id::LeadId;

/// The updates of memory after a commit.
#[derive(Default)]
pub(in crate::ledger) struct Effects {
    /// Receivers with the time at which something becomes due for them.
    pub(in crate::ledger) due: Vec<(String, i64)>,
    /// True if waiting deliveries were changed: the lanes are read anew.
    pub(in crate::ledger) is_queue_stale: bool,
    /// Leads whose open copies differ from what is stored now.
    pub(in crate::ledger) changed_leads: Vec<LeadId>,
    /// True if entries were added to a list or taken from one.
    pub(in crate::ledger) are_lists_stale: bool,
    /// True if requests to confirm were ended.
    pub(in crate::ledger) is_expiry_stale: bool,
    /// The number of confirmation mails added: the mark of immediate deliveries counts them.
    pub(in crate::ledger) mails: u64,
    /// The time at which a new request to confirm expires.
    pub(in crate::ledger) expires_ms: Option<i64>,
}

/// The writes of one transaction, with their effects.
#[derive(Default)]
pub(in crate::ledger) struct Changes<'a> {
    pub(in crate::ledger) writes: Vec<Write<'a>>,
    pub(in crate::ledger) effects: Effects,
}

impl<'a> Changes<'a> {
    /// Adds a write without an effect.
    pub(in crate::ledger) fn push(&mut self, write: Write<'a>) {
        self.writes.push(write);
    }

    /// Adds writes without an effect.
    pub(in crate::ledger) fn extend(&mut self, writes: impl IntoIterator<Item = Write<'a>>) {
        self.writes.extend(writes);
    }

    /// Adds all of another transaction's changes.
    pub(in crate::ledger) fn append(&mut self, other: Self) {
        self.writes.extend(other.writes);
        self.effects.merge(other.effects);
    }
}

impl Effects {
    /// Adds other effects.
    pub(in crate::ledger) fn merge(&mut self, other: Self) {
        self.due.extend(other.due);
        self.is_queue_stale |= other.is_queue_stale;
        self.changed_leads.extend(other.changed_leads);
        self.are_lists_stale |= other.are_lists_stale;
        self.is_expiry_stale |= other.is_expiry_stale;
        self.mails += other.mails;
        self.expires_ms = match (self.expires_ms, other.expires_ms) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
    }
}
