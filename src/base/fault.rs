//! Our mistakes, as opposed to a [`Rejection`](crate::pipeline::intake::Rejection). Logged once where they are handled,
//! hidden outside: the caller hears 503 and may try again.

use std::fmt;

/// Something of ours failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    what: String,
}

impl Fault {
    /// `what` is logged; it must hold nothing of a visitor and no secret.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)
    }
}
