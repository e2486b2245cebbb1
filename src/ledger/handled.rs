//! The outcome of a message: the reply to its sender, and the line for the log.

use serde_json::Value;

use super::wire::Reply;

/// The outcome of a handled message.
#[derive(Debug)]
pub struct Handled {
    /// The reply to the sender.
    pub reply: Reply,
    /// The line of the log: a decision's name and its ids.
    pub log: Option<Value>,
}

impl Handled {
    /// Makes a reply of which nothing is logged.
    pub(in crate::ledger) fn quiet(reply: Reply) -> Self {
        Self { reply, log: None }
    }
}
