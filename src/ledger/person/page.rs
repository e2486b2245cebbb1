//! Pages of an access report: what they show of a lead, and where they begin.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::base::id::{LeadId, SubmissionId};
use crate::pipeline::consent::Standing;

/// The position at which a page begins: after a row of a lead.
pub(super) struct Position {
    pub(super) lead_id: LeadId,
    pub(super) in_acts: bool,
    pub(super) after: String,
}

impl Position {
    /// Parses `{lead}/{table}/{key}`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '/');
        let lead_id = parts.next()?.into();
        let in_acts = match parts.next()? {
            "acts" => true,
            "submissions" => false,
            _ => return None,
        };
        Some(Self { lead_id, in_acts, after: parts.next()?.to_owned() })
    }

    pub(super) fn to_text(&self) -> String {
        let table = if self.in_acts { "acts" } else { "submissions" };
        format!("{}/{table}/{}", self.lead_id, self.after)
    }
}

/// The page of a lead.
#[derive(Default)]
pub(super) struct LeadPage {
    pub(super) submissions: Vec<Value>,
    pub(super) ids: BTreeSet<SubmissionId>,
    pub(super) history: Vec<Value>,
    /// The MAC of the last act in `history`.
    pub(super) last_mac: Option<String>,
    /// The standing by acts whose consents are another subject's.
    pub(super) standing: Vec<Standing>,
    pub(super) has_other_identifiers: bool,
    pub(super) has_other_people: bool,
}
