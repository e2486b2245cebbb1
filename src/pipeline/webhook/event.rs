//! Bodies of webhooks. They are the same in every attempt, except for receipts and links under a key that was rotated
//! in between.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::base::time::rfc3339;
use crate::campaign::{IdentifierKind, WeighedSignal};
use crate::pipeline::lead::{ConsentRecord, Contact, Lead};
use crate::pipeline::scoring::Score;

/// An event about a lead.
pub struct LeadEvent<'a> {
    /// The type: `lead.qualified` or `lead.updated`.
    pub kind: &'a str,
    /// The time of the decision; UTC, milliseconds.
    pub at_ms: i64,
    /// The lead's id: the same for this person in every event of the ledger.
    pub lead_id: &'a str,
    /// The campaign's id.
    pub campaign: &'a str,
    /// The lead.
    pub lead: &'a Lead,
    /// The identifiers by which the person was recognised; none for a new person.
    pub recognised_by: &'a [IdentifierKind],
    /// The consents, with their receipts.
    pub consent: &'a [ConsentRecord],
    /// The score.
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
    #[serde(skip_serializing_if = "<[IdentifierKind]>::is_empty")]
    recognised_by: &'a [IdentifierKind],
    contact: &'a Contact,
    answers: &'a BTreeMap<String, Value>,
    attribution: &'a BTreeMap<String, String>,
    consent: &'a [ConsentRecord],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    existing_customer: &'a [String],
    score: &'a Score,
    #[serde(skip_serializing_if = "<[WeighedSignal]>::is_empty")]
    signals: &'a [WeighedSignal],
    submitted_at: String,
}

/// Returns the body of any other event.
pub fn event_body(kind: &str, at_ms: i64, data: &Value) -> Vec<u8> {
    let body = serde_json::json!({ "type": kind, "timestamp": rfc3339(at_ms), "data": data });
    body.to_string().into_bytes()
}

/// Returns the body of an event about a lead.
pub fn lead_event_body(event: &LeadEvent<'_>) -> Vec<u8> {
    let body = Body {
        r#type: event.kind,
        timestamp: rfc3339(event.at_ms),
        data: Data {
            lead_id: event.lead_id,
            campaign: event.campaign,
            recognised_by: event.recognised_by,
            contact: &event.lead.contact,
            answers: &event.lead.answers,
            attribution: &event.lead.attribution,
            consent: event.consent,
            existing_customer: &event.lead.lists,
            score: event.score,
            signals: &event.lead.signals,
            submitted_at: rfc3339(event.lead.submitted_at_ms),
        },
    };
    // Maps with text keys and plain values always have a JSON form.
    serde_json::to_vec(&body).unwrap_or_default()
}
