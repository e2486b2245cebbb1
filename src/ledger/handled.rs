//! The outcome of a message: what its sender gets, and what is logged.

use serde_json::Value;

use super::wire::Answer;

/// A message that was handled.
#[derive(Debug)]
pub struct Handled {
    /// The answer to the sender.
    pub answer: Answer,
    /// The line of the log: a decision's name and its ids.
    pub log: Option<Value>,
}

impl Handled {
    /// An answer of which nothing is logged.
    pub(in crate::ledger) fn quiet(answer: Answer) -> Self {
        Self { answer, log: None }
    }
}
