//! Contact data of a lead.

use serde::{Deserialize, Serialize};

/// The contact data of a lead.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// The e-mail address: trimmed, lower case, the domain as A-labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The phone number, in E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}
