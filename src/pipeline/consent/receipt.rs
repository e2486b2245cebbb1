//! Receipts: signed proofs of a consent, which anybody can verify.
//!
//! The payload is a Kantara Consent Receipt 1.1.0
//! (<https://kantarainitiative.org/download/consent-receipt-specification/>) with a consent record by ISO/IEC TS
//! 27560:2023 in `record`. What the campaign does not state is `not stated`. The receipt itself is a JWS in compact
//! form (RFC 7515), signed with Ed25519 (RFC 8037).

use std::rc::Rc;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::history::{Act, ConsentState, Personal};
use super::terms::Terms;
use crate::base::crypto::{base64url, from_base64url, sha256};
use crate::base::time::rfc3339;
use crate::base::{json, template};
use crate::pipeline::lead::{ConsentRecord, PrivacyNotice};

/// The value of everything that the campaign does not state.
const NOT_STATED: &str = "not stated";
/// The payload, with a placeholder for the JSON of each value.
const TEMPLATE: &str = include_str!("receipt.json");
static LINE: OnceLock<String> = OnceLock::new();
/// 144 bits: no two are the same, and 24 characters without a remainder.
const RECEIPT_ID_BYTES: usize = 18;

/// A given consent, with everything that proves it.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The purpose's id.
    pub purpose: String,
    /// The act that gave or requested it.
    pub act: Rc<Act>,
    /// The personal part of that act.
    pub personal: Rc<Personal>,
    /// The terms that it was given to.
    pub terms: Rc<Terms>,
    /// The act that confirmed the address.
    pub confirmed: Option<Rc<Act>>,
}

impl Receipt {
    /// Returns the record of the consent, as webhooks have it.
    pub fn record(&self) -> ConsentRecord {
        let Self { purpose, act, personal, terms, confirmed } = self;
        let state = act.of(purpose).map(|(state, _)| state);
        let shown = personal.shown.iter().find(|(known, _)| known == purpose).map(|(_, version)| version);
        let text = |pointer: &str| terms.text_at(pointer).to_owned();
        let granted = match state {
            Some(ConsentState::Requested) => confirmed.is_some(),
            Some(state) => state.is_valid(),
            None => false,
        };
        ConsentRecord {
            purpose: purpose.clone(),
            granted,
            version: text("/version"),
            version_shown: shown.map_or_else(|| "unstated".to_owned(), Clone::clone),
            text_sha256: text("/text_sha256"),
            language: text("/language"),
            channel: text("/channel"),
            category: text("/category"),
            retention_days: terms.retention_days(),
            notice: PrivacyNotice {
                url: text("/notice/url"),
                version: terms.at("/notice/version").and_then(Value::as_str).map(str::to_owned),
                sha256: text("/notice/sha256"),
            },
            at: rfc3339(act.at_ms),
            confirmed_at: confirmed.as_ref().map(|act| rfc3339(act.at_ms)),
            page: personal.page.clone(),
            method: personal.method.clone(),
            gpc: personal.gpc,
            withdraw_url: None,
            receipt: None,
        }
    }

    /// Returns the act that the receipt vouches for: changes of the chain up to it show.
    fn head(&self) -> &Act {
        self.confirmed.as_deref().unwrap_or(&self.act)
    }

    /// Returns the receipt's id, which is the same each time the receipt is made.
    pub fn id(&self) -> String {
        let hash =
            sha256(&[b"leadhook/receipt/v1/", self.head().mac.as_bytes(), b"/", self.purpose.as_bytes()]);
        format!("rcpt_{}", base64url(hash.get(..RECEIPT_ID_BYTES).unwrap_or(&hash)))
    }

    /// Returns the payload as JSON. The person can withdraw the consent at `withdraw_url`.
    pub fn payload(&self, withdraw_url: Option<&str>) -> String {
        let Self { personal, terms, .. } = self;
        let stated = |pointer: &str| terms.at(pointer).map_or_else(|| text(NOT_STATED), Value::to_string);
        let record = self.record();
        let control = format!("consent.{}", self.purpose);
        let list = |pointer: &str| terms.at(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let pii: Vec<Value> = list("/fields").into_iter().map(|field| json!({ "pii_type": field })).collect();
        let recipients = list("/recipients");
        let retention =
            terms.retention_days().map_or_else(|| text(NOT_STATED), |days| text(&format!("P{days}D")));
        let head = self.head();
        // On one line: every webhook carries it.
        let form = LINE.get_or_init(|| TEMPLATE.lines().map(str::trim_start).collect());
        template::fill(
            form,
            &[
                ("jurisdiction", &stated("/controller/country")),
                ("seconds", &(head.at_ms / 1_000).to_string()),
                ("collection", &text(&format!("{control} sent as {}", personal.method))),
                ("id", &text(&self.id())),
                // ISO 639-1, without the rest of the tag.
                ("language", &text(record.language.split('-').next().unwrap_or_default())),
                ("language_tag", &text(&record.language)),
                ("subject", &text(&personal.subject)),
                ("controller", &stated("/controller/name")),
                ("address", &stated("/controller/address")),
                ("email", &stated("/controller/email")),
                ("phone", &stated("/controller/phone")),
                ("notice_url", &stated("/notice/url")),
                ("notice_version", &stated("/notice/version")),
                ("notice_sha", &stated("/notice/sha256")),
                ("service", &stated("/service")),
                ("text", &stated("/text")),
                ("category", &stated("/category")),
                ("fields", &stated("/fields")),
                ("required", &stated("/required")),
                ("withdrawal", &text(withdraw_url.unwrap_or(NOT_STATED))),
                ("third_parties", &third_parties(&recipients)),
                ("purpose", &stated("/purpose")),
                ("version", &stated("/version")),
                ("text_sha", &stated("/text_sha256")),
                ("shown", &text(&record.version_shown)),
                ("control", &text(&control)),
                ("channel", &stated("/channel")),
                ("pii", &Value::Array(pii).to_string()),
                ("retention", &retention),
                ("recipients", &Value::Array(recipients).to_string()),
                ("events", &self.events(&retention)),
                ("page", &text(personal.page.as_deref().unwrap_or(NOT_STATED))),
                ("gpc", &personal.gpc.to_string()),
                ("campaign", &stated("/campaign")),
                ("submission", &text(&personal.submission_id)),
                ("terms", &text(&terms.digest)),
                ("seq", &head.seq.to_string()),
                ("head", &text(&head.mac)),
            ],
        )
    }

    /// Returns the events of the consent as a JSON array: given, or requested and confirmed.
    fn events(&self, retention: &str) -> String {
        let Self { act, personal, confirmed, .. } = self;
        let event = |act: &Act, state: ConsentState| {
            format!(
                r#"{{"event_time":"{}","event_type":"explicit","event_state":"{}","validity_duration":{retention},"entity_id":{}}}"#,
                rfc3339(act.at_ms),
                state.as_str(),
                text(&personal.subject)
            )
        };
        match confirmed {
            None => format!("[{}]", event(act, ConsentState::Given)),
            Some(confirmed) => {
                let (requested, confirmation) = (ConsentState::Requested, ConsentState::Confirmed);
                format!("[{},{}]", event(act, requested), event(confirmed, confirmation))
            }
        }
    }
}

/// Returns whether there are third parties among the recipients, followed by a member with their names if there are.
fn third_parties(recipients: &[Value]) -> String {
    let third: Vec<&str> = recipients
        .iter()
        .filter(|recipient| recipient.get("third_party") == Some(&Value::Bool(true)))
        .filter_map(|recipient| recipient.get("name")?.as_str())
        .collect();
    match third.is_empty() {
        true => "false".to_owned(),
        false => format!("true, \"thirdPartyName\": {}", text(&third.join(", "))),
    }
}

/// Returns a text as JSON.
fn text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// Returns the text that is signed: header and payload, in base64url (RFC 7515 section 5.1).
pub fn signing_input(key_id: &str, payload: &str) -> String {
    // A key's id holds nothing that JSON would escape.
    let header = format!(r#"{{"alg":"EdDSA","kid":"{key_id}"}}"#);
    format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()))
}

/// Returns the JWS of an input and its signature.
pub fn compact(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", base64url(signature))
}

/// Returns header and payload of a JWS, unverified, with the signing input and the signature.
pub fn payload_of(jws: &str) -> Option<(Value, Value, &str, Vec<u8>)> {
    let (input, signature) = jws.trim().rsplit_once('.')?;
    let (header, payload) = input.split_once('.')?;
    let decoded = |part: &str| json::read(&from_base64url(part)?);
    Some((decoded(header)?, decoded(payload)?, input, from_base64url(signature)?))
}
