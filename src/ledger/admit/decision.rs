//! Decisions on submissions, as they are replied to and logged.

use serde_json::{Value, json};

use crate::ledger::handled::Handled;
use crate::ledger::wire::{Admit, Reply};

/// The way by which a submission comes to be judged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Provenance {
    /// A visitor has posted it.
    Posted,
    /// An operator has released it from quarantine.
    Released,
}

/// Returns the reply to a decision, and its line for the log.
pub(super) fn logged(admit: &Admit, decision: &str, more: Value) -> Handled {
    let mut log = json!({
        "event": "decision", "campaign": admit.campaign, "submission_id": admit.submission_id,
        "decision": decision,
    });
    if let (Some(log), Value::Object(more)) = (log.as_object_mut(), more) {
        log.extend(more);
    }
    Handled { reply: Reply::Admitted, log: Some(log) }
}
