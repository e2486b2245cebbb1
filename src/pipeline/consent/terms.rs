//! Terms: the part of a consent that is the same for everybody. A ledger stores it once, under its digest.

use serde_json::{Value, json};

use crate::base::crypto::{base64url, sha256};
use crate::base::url::WebAddress;
use crate::campaign::{Campaign, Channel, Purpose};

/// The format of the text.
const TERMS_FORMAT: u32 = 1;

/// The terms of one purpose of a campaign, as they were at a moment.
#[derive(Debug)]
pub struct Terms {
    /// The digest of the text: base64url of its SHA-256.
    pub digest: String,
    /// The text, as it is stored: JSON.
    pub text: String,
    value: Value,
}

impl Terms {
    /// Returns the terms of a purpose as the campaign has it now.
    pub fn of(campaign: &Campaign, purpose: &Purpose) -> Self {
        let recipient = |destination: &crate::campaign::Destination| {
            let takes = destination.channel == Channel::Webhook && destination.needs.contains(&purpose.id);
            let host = WebAddress::parse(&destination.url).map(|url| url.host().to_owned());
            takes.then(
                || json!({ "name": destination.name, "host": host, "third_party": destination.third_party }),
            )
        };
        let notice = &campaign.notice;
        Self::from_value(json!({
            "format": TERMS_FORMAT,
            "campaign": campaign.id,
            "service": campaign.title,
            "purpose": purpose.id,
            "text": purpose.wording.text,
            "version": purpose.version,
            "text_sha256": purpose.wording.sha256,
            "language": campaign.language,
            "channel": purpose.channel,
            "category": purpose.category,
            "required": purpose.required,
            "retention_days": purpose.retention_days,
            "record_ms": campaign.retention.consents_ms,
            "notice": {
                "url": campaign.privacy_notice, "version": notice.version, "sha256": notice.sha256,
            },
            "controller": campaign.controller,
            "fields": campaign.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(),
            "recipients": campaign.destinations.iter().filter_map(recipient).collect::<Vec<_>>(),
        }))
    }

    /// Reads stored terms; `None` if the text does not match the digest.
    pub fn read(text: &str, digest: &str) -> Option<Self> {
        let terms = Self::from_value(serde_json::from_str(text).ok()?);
        (digest_of(text) == digest).then(|| Self {
            digest: digest.to_owned(),
            text: text.to_owned(),
            ..terms
        })
    }

    fn from_value(value: Value) -> Self {
        let text = value.to_string();
        Self { digest: digest_of(&text), text, value }
    }

    /// Returns the value at a JSON pointer; `None` if it is not stated.
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer).filter(|value| !value.is_null())
    }

    /// Returns the text at a JSON pointer; empty if it is not stated.
    pub fn text_at(&self, pointer: &str) -> &str {
        self.at(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the days that a consent is good for, if they are stated.
    pub fn retention_days(&self) -> Option<u32> {
        self.at("/retention_days").and_then(Value::as_u64).and_then(|days| days.try_into().ok())
    }
}

fn digest_of(text: &str) -> String {
    base64url(&sha256(&[text.as_bytes()]))
}
