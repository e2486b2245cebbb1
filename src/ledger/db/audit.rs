//! The audit log: entries are added, and neither changed nor removed, which the table itself refuses.

use super::Db;
use super::store::{Arg, Store};
use crate::base::fault::Fault;
use crate::ledger::wire::OperationWire;

/// The actor of an operation from code that did not yet name the operator.
const UNKNOWN: &str = "unknown";

/// An entry that is about to be written.
pub(in crate::ledger) struct NewEntry<'a> {
    pub(in crate::ledger) at_ms: i64,
    pub(in crate::ledger) action: &'a str,
    pub(in crate::ledger) operation: &'a OperationWire,
    /// The campaign, if the reply names it and the operation does not.
    pub(in crate::ledger) campaign: Option<&'a str>,
    pub(in crate::ledger) outcome: &'a str,
    pub(in crate::ledger) count: Option<i64>,
}

impl<S: Store> Db<S> {
    /// Adds an entry to the audit log.
    pub(in crate::ledger) fn add_entry(&self, entry: &NewEntry<'_>) -> Result<(), Fault> {
        let sql =
            "INSERT INTO audit (at_ms, actor, act, campaign, destination, delivery_id, list, count, outcome, changes)
                   VALUES (?1, ?2, ?3, coalesce(?4, (SELECT campaign FROM delivery WHERE delivery_id = ?6)),
                     ?5, ?6, ?7, ?8, ?9, ?10)";
        let operation = entry.operation;
        let args: [Arg<'_>; 10] = [
            entry.at_ms.into(),
            operation.actor.as_deref().unwrap_or(UNKNOWN).into(),
            entry.action.into(),
            operation.campaign.as_deref().or(entry.campaign).into(),
            operation.destination.as_deref().into(),
            operation.delivery_id.as_deref().into(),
            operation.list.as_deref().into(),
            entry.count.into(),
            entry.outcome.into(),
            operation.changes.as_deref().into(),
        ];
        self.run(sql, &args)
    }
}
