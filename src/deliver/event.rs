//! The body of a webhook. It is the same in every attempt.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::lead::{ConsentRecord, Contact, Lead};
use crate::moment::rfc3339;
use crate::qualify::Score;

/// What happened to whom.
pub struct Event<'a> {
    /// `lead.qualified` or `lead.updated`.
    pub kind: &'a str,
    /// When it was decided; UTC, milliseconds.
    pub at_ms: i64,
    /// The lead's id: the same for this person in every event of the ledger.
    pub lead_id: &'a str,
    /// The campaign's id.
    pub campaign: &'a str,
    /// The lead.
    pub lead: &'a Lead,
    /// Its score.
    pub score: &'a Score,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    lead_id: &'a str,
    campaign: &'a str,
    contact: &'a Contact,
    answers: &'a BTreeMap<String, Value>,
    attribution: &'a BTreeMap<String, String>,
    consent: &'a [ConsentRecord],
    score: &'a Score,
    submitted_at: String,
}

/// The body as JSON.
pub fn body(event: &Event<'_>) -> Vec<u8> {
    let body = Body {
        r#type: event.kind,
        timestamp: rfc3339(event.at_ms),
        data: Data {
            lead_id: event.lead_id,
            campaign: event.campaign,
            contact: &event.lead.contact,
            answers: &event.lead.answers,
            attribution: &event.lead.attribution,
            consent: &event.lead.consent,
            score: event.score,
            submitted_at: rfc3339(event.lead.submitted_at_ms),
        },
    };
    // Maps with text keys and plain values always have a JSON form.
    serde_json::to_vec(&body).unwrap_or_default()
}
