//! The kinds of events, each with one spelling.

use std::fmt;

/// The kind of an event, the webhook's `type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A lead for a destination that has not had it.
    Qualified,
    /// News of a lead that the destination has had.
    Updated,
    /// The person has downloaded what the campaign gives in exchange.
    Engaged,
    /// The person has taken consents back.
    ConsentWithdrawn,
    /// The lead is to be forgotten.
    Erased,
    /// The owner of an address is asked to confirm.
    ConfirmationRequested,
    /// A kind of newer code, as it was written.
    Other(String),
}

impl EventKind {
    /// Returns the kind of that name.
    pub fn of(name: &str) -> Self {
        match name {
            "lead.qualified" => Self::Qualified,
            "lead.updated" => Self::Updated,
            "lead.engaged" => Self::Engaged,
            "consent.withdrawn" => Self::ConsentWithdrawn,
            "lead.erased" => Self::Erased,
            "confirmation.requested" => Self::ConfirmationRequested,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Returns the kind as it is stored and sent.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Qualified => "lead.qualified",
            Self::Updated => "lead.updated",
            Self::Engaged => "lead.engaged",
            Self::ConsentWithdrawn => "consent.withdrawn",
            Self::Erased => "lead.erased",
            Self::ConfirmationRequested => "confirmation.requested",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
