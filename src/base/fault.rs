//! Faults: our mistakes, as opposed to a [`Rejection`](crate::pipeline::intake::Rejection). They are logged once where
//! they are handled, and hidden outside: the client gets 503 and may try again.

use std::fmt;

/// A failure on our side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    what: String,
}

impl Fault {
    /// Makes a fault. `what` is logged; it must contain nothing of a visitor and no secret.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)
    }
}
