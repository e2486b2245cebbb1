//! [`Submission`] → [`Lead`]: who it is in keyed hashes, and what was consented to.

mod consent;
mod contact;
mod download_link;
mod identifier;
mod identity;
mod source;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::consent::{ConsentRecord, Notice};
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

/// A person to follow up, before the ledger has said who it is.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Lead {
    /// Normalised.
    pub contact: Contact,
    /// By field; the contact's two fields are not among them.
    pub answers: BTreeMap<String, Value>,
    /// Where the visitor came from.
    pub attribution: BTreeMap<String, String>,
    /// One for each purpose of the campaign.
    pub consent: Vec<ConsentRecord>,
    /// ISO 3166-1 alpha-2: of the first country field, else of the phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// `business`, `free` or `disposable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_kind: Option<String>,
    /// Whether the browser sent `Sec-GPC: 1`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gpc: bool,
    /// The lists of existing customers that the person stands on, as the ledger found them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<String>,
    /// Signs of abuse, which were not enough to keep it back. They give no points.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<WeighedSignal>,
    /// UTC, milliseconds.
    pub submitted_at_ms: i64,
}

impl Lead {
    /// The lead of a valid submission.
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

    /// The answers as conditions see them: the contact stands under its fields' names.
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

    /// The addresses and numbers of a lead beside its contact: what stands in the second and later fields of
    /// these kinds, with the field's name. Whoever they belong to has not posted.
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

    /// What conditions are asked about; `answers` from [`Lead::all_answers`].
    pub fn facts<'a>(&'a self, answers: &'a BTreeMap<String, Value>) -> Facts<'a> {
        Facts {
            answers,
            attribution: &self.attribution,
            country: self.country.as_deref(),
            email_kind: self.email_kind.as_deref(),
        }
    }

    /// Whether every purpose in `needs` was granted.
    pub fn consents_to(&self, needs: &[String]) -> bool {
        let granted = |need: &String| self.consent.iter().any(|c| c.granted && c.purpose == *need);
        needs.iter().all(granted)
    }

    /// Both posts of one person as one lead, the newer winning. A box that was left empty the
    /// second time withdraws nothing, so a consent once granted stays.
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

/// The answer of the first country field.
fn answered_country<'a>(campaign: &Campaign, answers: &'a BTreeMap<String, Value>) -> Option<&'a str> {
    let field = campaign.fields.iter().find(|field| field.kind == Kind::Country)?;
    answers.get(&field.name)?.as_str()
}
