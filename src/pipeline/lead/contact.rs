//! The contact of a lead.

use serde::{Deserialize, Serialize};

/// How to reach the person.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// Trimmed, lower case, the domain as A-labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}
