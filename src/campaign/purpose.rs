//! `[[purpose]]`: what a visitor may consent to.

use super::checks::{MAX_SLUG, are_days, is_slug, is_text};
use super::table::{Check, Rules, Verdict, ensure, keys};
use crate::base::crypto::sha256_hex;

/// One `[[purpose]]`.
#[derive(Debug, Default)]
pub struct PurposeTable {
    pub id: String,
    pub text: String,
    pub version: String,
    pub required: bool,
    pub channel: Option<String>,
    pub category: Option<String>,
    pub retention_days: Option<u32>,
}

keys!(PurposeTable: id, text, version, required, channel, category, retention_days);

impl Rules for PurposeTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("id", is_slug(&self.id)),
            ("text", is_text(&self.text)),
            ("version", is_version(&self.version)),
            ("retention_days", self.retention_days.map_or(Ok(()), are_days)),
        ]
    }
}

/// A purpose that a visitor may consent to.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// The id; the name of its checkbox is `consent.{id}`.
    pub id: String,
    /// The text beside the checkbox.
    pub wording: Wording,
    /// The wording's version.
    pub version: String,
    /// True if a submission without this consent is rejected.
    pub required: bool,
    /// The channel by which the person will be contacted: a consent by e-mail says nothing about phone.
    pub channel: String,
    /// The kind of processing.
    pub category: String,
    /// The days for which the receiver keeps the consent, if stated. Not longer than the ledger's own record,
    /// [`Retention::consents_ms`](super::Retention::consents_ms).
    pub retention_days: Option<u32>,
}

impl Purpose {
    pub(super) fn accept(table: PurposeTable) -> Self {
        Self {
            wording: Wording::new(table.text, Some(table.version.clone())),
            id: table.id,
            version: table.version,
            required: table.required,
            channel: table.channel.unwrap_or_else(|| "email".to_owned()),
            category: table.category.unwrap_or_else(|| "marketing".to_owned()),
            retention_days: table.retention_days,
        }
    }
}

/// A text that visitors were shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// The text itself.
    pub text: String,
    /// The marketer's name for it, if stated.
    pub version: Option<String>,
    /// SHA-256 of `text`, hexadecimal.
    pub sha256: String,
}

impl Wording {
    pub(super) fn new(text: String, version: Option<String>) -> Self {
        let sha256 = sha256_hex(&text);
        Self { text, version, sha256 }
    }
}

fn is_version(text: &str) -> Check {
    let words = ["on", "off", "true", "false"];
    ensure(
        !text.is_empty() && text.len() <= MAX_SLUG && !words.contains(&text) && text.is_ascii(),
        "is required: up to 64 ASCII characters, and not on, off, true or false",
    )
}
