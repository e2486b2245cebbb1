//! Leads: [`Submission`] → [`Lead`], with keyed hashes of the person and a record of each consent.

mod consent;
mod contact;
mod download_link;
mod identifier;
mod identity;
mod source;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::consent::{ConsentRecord, PrivacyNotice};
pub use self::contact::Contact;
pub use self::download_link::DownloadLink;
pub use self::identifier::Identifier;
pub use self::identity::{
    Fingerprint, Identity, Link, SubmissionId, list_tag, recognising, subject, subject_prefix,
};
pub use self::source::source_of;
use super::intake::Submission;
use crate::campaign::{Campaign, Facts, Kind, WeighedSignal};
use crate::contact::{Email, Phone};

/// A person to follow up, before the ledger has recognised them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Lead {
    /// The contact data, normalised.
    pub contact: Contact,
    /// The answers by field, without the two fields of the contact.
    pub answers: BTreeMap<String, Value>,
    /// The visitor's source: campaign parameters, page, referrer.
    pub attribution: BTreeMap<String, String>,
    /// The consents: one for each purpose of the campaign.
    pub consent: Vec<ConsentRecord>,
    /// The country (ISO 3166-1 alpha-2): of the first country field, else of the phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The kind of the e-mail address: `business`, `free` or `disposable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_kind: Option<String>,
    /// True if the browser sent `Sec-GPC: 1`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gpc: bool,
    /// The lists of existing customers that the ledger found the person on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<String>,
    /// Abuse signals, which were not enough for quarantine. They give no points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<WeighedSignal>,
    /// The time of the submission; UTC, milliseconds.
    pub submitted_at_ms: i64,
}

impl Lead {
    /// Returns the lead of a submission.
    pub fn new(submission: Submission, campaign: &Campaign, now_ms: i64) -> Self {
        let consent = consent::records(&submission, campaign, now_ms);
        let Submission { contact, answers, attribution, gpc, .. } = submission;
        let of_field = answered_country(campaign, &answers);
        let of_phone = contact.phone.as_ref().and_then(|phone| phone.country());
        let country = of_field.or(of_phone.as_ref().map(|country| country.as_str())).map(str::to_owned);
        Self {
            country,
            email_kind: contact.email_kind().map(|kind| kind.as_str().to_owned()),
            contact: Contact {
                email: contact.email.map(|email| email.address().to_owned()),
                phone: contact.phone.map(|phone| phone.e164().to_owned()),
            },
            answers,
            attribution,
            consent,
            gpc,
            lists: Vec::new(),
            signals: Vec::new(),
            submitted_at_ms: now_ms,
        }
    }

    /// Returns the answers as conditions see them, with the contact under the names of its fields.
    pub fn all_answers(&self, campaign: &Campaign) -> BTreeMap<String, Value> {
        let mut answers = self.answers.clone();
        let contact = [(Kind::Email, &self.contact.email), (Kind::Phone, &self.contact.phone)];
        for (kind, value) in contact {
            let field = campaign.fields.iter().find(|field| field.kind == kind);
            if let (Some(field), Some(value)) = (field, value) {
                answers.insert(field.name.clone(), Value::String(value.clone()));
            }
        }
        answers
    }

    /// Returns the identifiers of a lead beside its contact, with the names of their fields: the answers to the
    /// second and later fields of these kinds. The people that they belong to have not submitted anything.
    pub fn mentioned<'a>(&'a self, campaign: &'a Campaign) -> Vec<(&'a str, Identifier)> {
        let mut found = Vec::new();
        for field in &campaign.fields {
            let Some(text) = self.answers.get(&field.name).and_then(Value::as_str) else { continue };
            let identifier = match field.kind {
                Kind::Email => Email::parse(text).map(Identifier::Email),
                Kind::Phone => Phone::parse(text, None).map(Identifier::Phone),
                _ => None,
            };
            found.extend(identifier.map(|identifier| (field.name.as_str(), identifier)));
        }
        found
    }

    /// Returns the facts that conditions are checked against; `answers` come from [`Lead::all_answers`].
    pub fn facts<'a>(&'a self, answers: &'a BTreeMap<String, Value>) -> Facts<'a> {
        Facts {
            answers,
            attribution: &self.attribution,
            country: self.country.as_deref(),
            email_kind: self.email_kind.as_deref(),
        }
    }

    /// Checks that every purpose in `needs` was granted.
    pub fn consents_to(&self, needs: &[String]) -> bool {
        let granted = |need: &String| self.consent.iter().any(|c| c.granted && c.purpose == *need);
        needs.iter().all(granted)
    }

    /// Merges two submissions of one person into one lead; the newer one wins. A box that is left empty the second
    /// time withdraws nothing, so a consent that was granted stays.
    pub fn merged_with_newer(self, newer: Self, campaign: &Campaign) -> Self {
        let mut consent = newer.consent;
        for older in self.consent {
            match consent.iter_mut().find(|record| record.purpose == older.purpose) {
                Some(record) if !record.granted && older.granted => *record = older,
                Some(_) => {}
                None => consent.push(older),
            }
        }
        let overlay = |mut older: BTreeMap<String, Value>, newer| {
            older.extend(newer);
            older
        };
        let mut attribution = self.attribution;
        attribution.extend(newer.attribution);
        let answers = overlay(self.answers, newer.answers);
        let of_field = answered_country(campaign, &answers).map(str::to_owned);
        Self {
            contact: Contact {
                email: newer.contact.email.or(self.contact.email),
                phone: newer.contact.phone.or(self.contact.phone),
            },
            answers,
            attribution,
            consent,
            country: of_field.or(newer.country).or(self.country),
            email_kind: newer.email_kind.or(self.email_kind),
            gpc: newer.gpc,
            lists: newer.lists,
            signals: newer.signals,
            submitted_at_ms: newer.submitted_at_ms,
        }
    }
}

/// Returns the answer to the first country field.
fn answered_country<'a>(campaign: &Campaign, answers: &'a BTreeMap<String, Value>) -> Option<&'a str> {
    let field = campaign.fields.iter().find(|field| field.kind == Kind::Country)?;
    answers.get(&field.name)?.as_str()
}
