//! A receipt: what was agreed to, signed, for anybody to verify.
//!
//! The payload is a Kantara Consent Receipt 1.1.0
//! (<https://kantarainitiative.org/download/consent-receipt-specification/>) with a consent record by
//! ISO/IEC TS 27560:2023 beside it, under `record`. What the campaign does not state is `not stated`.
//! The receipt itself is a JWS in compact form (RFC 7515), signed with Ed25519 (RFC 8037).

use std::rc::Rc;

use serde_json::{Value, json};

use super::{Act, ConsentState, Personal, Terms};
use crate::hash::{base64url, from_base64url, sha256};
use crate::lead::{ConsentRecord, Notice};
use crate::moment::rfc3339;

/// What stands where the campaign is silent.
const NOT_STATED: &str = "not stated";
/// The controller's id within a record.
const CONTROLLER: &str = "controller";
/// 144 bits: no two are the same, and 24 characters without a remainder.
const RECEIPT_ID_BYTES: usize = 18;

/// A consent that was given, with all that proves it.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The purpose's id.
    pub purpose: String,
    /// The act by which it was given or asked for.
    pub act: Rc<Act>,
    /// Its personal part.
    pub personal: Rc<Personal>,
    /// What it was given to.
    pub terms: Rc<Terms>,
    /// The act by which the address was confirmed.
    pub confirmed: Option<Rc<Act>>,
}

impl Receipt {
    /// The record of the consent, as the webhook has it.
    pub fn record(&self) -> ConsentRecord {
        let Self { purpose, act, personal, terms, confirmed } = self;
        let state = act.consents.iter().find(|(known, ..)| known == purpose).map(|(_, state, _)| *state);
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
            notice: Notice {
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

    /// The act that the receipt vouches for: the chain up to it cannot be changed unseen.
    fn head(&self) -> &Act {
        self.confirmed.as_deref().unwrap_or(&self.act)
    }

    /// The receipt's id: the same each time it is made.
    pub fn id(&self) -> String {
        let hash =
            sha256(&[b"leadhook/receipt/v1/", self.head().mac.as_bytes(), b"/", self.purpose.as_bytes()]);
        format!("rcpt_{}", base64url(hash.get(..RECEIPT_ID_BYTES).unwrap_or(&hash)))
    }

    /// The payload. `withdraw_url` is where the person can take the consent back.
    pub fn payload(&self, withdraw_url: Option<&str>) -> Value {
        let Self { act, personal, terms, confirmed, .. } = self;
        let stated = |pointer: &str| terms.at(pointer).cloned().unwrap_or_else(|| json!(NOT_STATED));
        let withdraw = withdraw_url.unwrap_or(NOT_STATED);
        let record = self.record();
        let method = format!("{} sent as {}", field_of(&self.purpose), personal.method);
        let recipients = terms.at("/recipients").and_then(Value::as_array).cloned().unwrap_or_default();
        let third: Vec<&str> = recipients
            .iter()
            .filter(|recipient| recipient.get("third_party") == Some(&Value::Bool(true)))
            .filter_map(|recipient| recipient.get("name")?.as_str())
            .collect();
        let mut purpose = json!({
            "purpose": stated("/text"),
            "purposeCategory": [stated("/category")],
            "consentType": "EXPLICIT",
            "piiCategory": stated("/fields"),
            "primaryPurpose": stated("/required"),
            "termination": withdraw,
            "thirdPartyDisclosure": !third.is_empty(),
        });
        if let (false, Some(purpose)) = (third.is_empty(), purpose.as_object_mut()) {
            purpose.insert("thirdPartyName".to_owned(), json!(third.join(", ")));
        }
        let retention = terms.retention_days().map_or(json!(NOT_STATED), |days| json!(format!("P{days}D")));
        let event = |act: &Act, state: ConsentState| {
            json!({
                "event_time": rfc3339(act.at_ms), "event_type": "explicit",
                "event_state": state.as_str(),
                "validity_duration": retention, "entity_id": personal.subject,
            })
        };
        let first = if confirmed.is_some() { ConsentState::Requested } else { ConsentState::Given };
        let mut events = vec![event(act, first)];
        events.extend(confirmed.iter().map(|act| event(act, ConsentState::Confirmed)));
        let head = self.head();
        let fields = terms.at("/fields").and_then(Value::as_array).cloned().unwrap_or_default();
        let pii: Vec<Value> = fields.into_iter().map(|field| json!({ "pii_type": field })).collect();
        let party = json!({
            "party_id": CONTROLLER,
            "party_role": "PII controller",
            "party_type": NOT_STATED,
            "party_name": stated("/controller/name"),
            "party_address": stated("/controller/address"),
            "party_email": stated("/controller/email"),
            "party_phone": stated("/controller/phone"),
            "party_contact": NOT_STATED,
        });
        // ISO 639-1, without the rest of the tag.
        let language = terms.text_at("/language").split('-').next().unwrap_or_default();
        let processing = json!({
            "purpose": stated("/purpose"),
            "purpose_type": stated("/category"),
            "lawful_basis": "consent",
            "wording": { "version": stated("/version"), "sha256": stated("/text_sha256"),
                         "version_shown": record.version_shown },
            "control": field_of(&self.purpose),
            "channel": stated("/channel"),
            "pii_information": pii,
            "pii_controllers": [CONTROLLER],
            "collection_method": method,
            "processing_method": NOT_STATED,
            "storage_locations": NOT_STATED,
            "retention_period": retention,
            "processing_locations": NOT_STATED,
            "geographic_restrictions": NOT_STATED,
            "services": [stated("/service")],
            "jurisdiction": stated("/controller/country"),
            "recipient_third_parties": recipients,
            "withdrawal_method": withdraw,
            "privacy_rights": NOT_STATED,
            "codes_of_conduct": NOT_STATED,
            "impact_assessment": NOT_STATED,
            "authority_party": NOT_STATED,
        });
        let notice = json!({
            "url": stated("/notice/url"), "version": stated("/notice/version"), "sha256": stated("/notice/sha256"),
        });
        let own = json!({
            "schema_version": "ISO/IEC TS 27560:2023",
            "record_id": self.id(),
            "pii_principal_id": personal.subject,
            "pii_processing": {
                "privacy_notice": notice, "language": stated("/language"), "purposes": [processing],
            },
            "party_identification": [party],
            "events": events,
            "page": personal.page.as_deref().unwrap_or(NOT_STATED),
            "gpc": personal.gpc,
            "campaign": stated("/campaign"),
            "submission_id": personal.submission_id,
            "terms": terms.digest,
            "history": { "seq": head.seq, "head": head.mac },
        });
        json!({
            "version": "KI-CR-v1.1.0",
            "jurisdiction": stated("/controller/country"),
            "consentTimestamp": head.at_ms / 1_000,
            "collectionMethod": method,
            "consentReceiptID": self.id(),
            "language": language,
            "piiPrincipalId": personal.subject,
            "piiControllers": [{
                "piiController": stated("/controller/name"),
                "onBehalf": false,
                "contact": NOT_STATED,
                "address": {
                    "streetAddress": stated("/controller/address"),
                    "addressCountry": stated("/controller/country"),
                },
                "email": stated("/controller/email"),
                "phone": stated("/controller/phone"),
            }],
            "policyUrl": stated("/notice/url"),
            "services": [{ "service": stated("/service"), "purposes": [purpose] }],
            "sensitive": false,
            "spiCat": [],
            "record": own,
        })
    }
}

/// The control that was used, by the name under which it is sent.
fn field_of(purpose: &str) -> String {
    format!("consent.{purpose}")
}

/// What is signed of a payload: header and payload, in base64url (RFC 7515 section 5.1).
pub fn signing_input(key_id: &str, payload: &Value) -> String {
    let header = json!({ "alg": "EdDSA", "kid": key_id });
    format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(payload.to_string().as_bytes()))
}

/// The JWS of an input and its signature.
pub fn compact(input: &str, signature: &[u8]) -> String {
    format!("{input}.{}", base64url(signature))
}

/// Header and payload of a JWS, unverified, with what was signed and the signature.
pub fn payload_of(jws: &str) -> Option<(Value, Value, &str, Vec<u8>)> {
    let (input, signature) = jws.trim().rsplit_once('.')?;
    let (header, payload) = input.split_once('.')?;
    let json = |part: &str| serde_json::from_slice(&from_base64url(part)?).ok();
    Some((json(header)?, json(payload)?, input, from_base64url(signature)?))
}
