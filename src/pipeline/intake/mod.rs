//! Bytes → [`Submission`], or a [`Rejection`] that names every problem at once.

mod choice;
pub mod decode;
mod idempotency_key;
mod json;
mod mime;
mod multipart;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use serde_json::Value;

use self::decode::{Encoding, Entry, Fields};
pub use self::idempotency_key::idempotency_key;
use crate::base::unicode::is_blank;
use crate::campaign::{
    Answer, Campaign, FORM_TOKEN, Kind, Raw, TURNSTILE_TOKEN, UnknownFields, attribution_value,
    is_attribution,
};
use crate::contact::{Email, EmailKind, Phone};

/// What a channel sent, decoded and valid.
#[derive(Debug)]
pub struct Submission {
    /// The first field of kind e-mail, and of kind phone.
    pub contact: Contact,
    /// Every other answer, by field.
    pub answers: BTreeMap<String, Value>,
    /// Where the visitor came from.
    pub attribution: BTreeMap<String, String>,
    /// One for each purpose of the campaign, in its order.
    pub choices: Vec<ConsentChoice>,
    /// How it was sent.
    pub encoding: Encoding,
    /// Whether the browser sent `Sec-GPC: 1`; the request says so, not the body.
    pub gpc: bool,
    /// What the form sent beside its fields.
    pub traps: Traps,
}

/// What a form sends that no visitor types: it is looked at once, and never kept.
#[derive(Debug, Default)]
pub struct Traps {
    /// Whether the hidden field was filled in; nothing where it was not sent.
    pub honeypot: Option<bool>,
    /// Says when the form was rendered.
    pub token: Option<String>,
    /// Turnstile's.
    pub turnstile: Option<String>,
}

/// How to reach the person.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Contact {
    pub email: Option<Email>,
    pub phone: Option<Phone>,
    email_kind: OnceCell<EmailKind>,
}

impl Contact {
    /// What the address's domain is known as. It is looked up once, for that takes longer than a score.
    pub fn email_kind(&self) -> Option<EmailKind> {
        self.email.as_ref().map(|email| *self.email_kind.get_or_init(|| email.kind()))
    }
}

/// What the visitor chose for one purpose.
#[derive(Debug, PartialEq, Eq)]
pub struct ConsentChoice {
    /// The purpose's id.
    pub purpose: String,
    /// Whether the box was ticked.
    pub granted: bool,
    /// The version that the form said it showed.
    pub version_shown: Option<String>,
}

/// Their mistakes.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// At least one, in the campaign's order.
    pub problems: Vec<FieldProblem>,
}

/// One of their mistakes. It never holds what was submitted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldProblem {
    /// The field's name as declared; empty where the name itself is not ours.
    pub field: String,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

impl FieldProblem {
    /// A problem of one field.
    pub fn new(field: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code, detail: detail.into() }
    }

    /// Whether a consent is missing, or was given to a wording that is not in force any more.
    pub fn is_missing_consent(&self) -> bool {
        matches!(self.code, "consent_required" | "wording_outdated")
    }
}

/// Checks decoded fields against the campaign.
///
/// # Errors
/// Every problem of the submission, at once.
pub fn accept(fields: Fields, campaign: &Campaign) -> Result<Submission, Rejection> {
    let encoding = fields.encoding;
    let mut given = fields.entries;
    let mut problems = Vec::new();
    let mut submission = Submission {
        contact: Contact::default(),
        answers: BTreeMap::new(),
        attribution: BTreeMap::new(),
        choices: Vec::new(),
        encoding,
        gpc: false,
        traps: traps(&mut given, campaign),
    };

    for field in &campaign.fields {
        let is_first = campaign.is_first(field);
        match field.answer(take(&mut given, &field.name), campaign.locale) {
            Ok(None) if field.required => {
                problems.push(FieldProblem::new(&field.name, "required", "is required"));
            }
            Ok(None) => {}
            Ok(Some(Answer::Email(email))) if is_first => {
                submission.contact.email = Some(email);
            }
            Ok(Some(Answer::Phone(phone))) if is_first => {
                submission.contact.phone = Some(phone);
            }
            Ok(Some(answer)) => {
                submission.answers.insert(field.name.clone(), answer.into_value());
            }
            Err((code, detail)) => problems.push(FieldProblem::new(&field.name, code, detail)),
        }
    }
    let nobody = submission.contact.email.is_none() && submission.contact.phone.is_none();
    if let Some(field) = campaign.first_contact_field()
        && nobody
        && !problems.iter().any(|problem| is_contact(campaign, &problem.field))
    {
        let detail = "an e-mail address or a phone number is required";
        problems.push(FieldProblem::new(&field.name, "required", detail));
    }

    for purpose in &campaign.purposes {
        let name = format!("consent.{}", purpose.id);
        match choice::consent(take(&mut given, &name), purpose) {
            Ok(choice) if purpose.required && !choice.granted => {
                problems.push(FieldProblem::new(&name, "consent_required", "this consent is required"));
            }
            Ok(choice) => submission.choices.push(choice),
            Err(code) => {
                problems.push(FieldProblem::new(&name, code, "is not the version that is in force"));
            }
        }
    }

    let lower = |entry: &Entry| entry.name.to_ascii_lowercase();
    while let Some(name) = given.iter().map(lower).find(|name| is_attribution(name)) {
        let mut said = take(&mut given, &name).into_iter().map(|value| match value {
            Raw::Text(text) => attribution_value(&name, &text),
            Raw::Number(number) => number.to_string(),
            Raw::Bool(_) | Raw::Other => String::new(),
        });
        if let Some(first) = said.find(|text| !text.is_empty()) {
            submission.attribution.entry(name).or_insert(first);
        }
    }
    if !given.is_empty() && campaign.unknown_fields == UnknownFields::Refuse {
        let detail = "the submission has a field that the campaign does not declare";
        problems.push(FieldProblem::new("", "unknown_field", detail));
    }
    if problems.is_empty() { Ok(submission) } else { Err(Rejection { problems }) }
}

/// Takes out what the form sent beside its fields.
fn traps(given: &mut Vec<Entry>, campaign: &Campaign) -> Traps {
    let is_empty = |raw: &Raw| matches!(raw, Raw::Text(text) if text.chars().all(is_blank));
    let honeypot = campaign.abuse.honeypot.as_deref().map(|name| take(given, name));
    let mut text = |name: &str| match take(given, name).pop() {
        Some(Raw::Text(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        _ => None,
    };
    Traps {
        token: text(FORM_TOKEN),
        turnstile: text(TURNSTILE_TOKEN),
        honeypot: honeypot.filter(|sent| !sent.is_empty()).map(|sent| !sent.iter().all(is_empty)),
    }
}

/// Takes the values of a name out of what was given, in order of arrival. A framework may write the name in
/// other letters; what has the campaign's own goes ahead of that.
fn take(given: &mut Vec<Entry>, name: &str) -> Vec<Raw> {
    let is_empty = |value: &Raw| matches!(value, Raw::Text(text) if text.chars().all(is_blank));
    let is_exact = given.iter().any(|entry| entry.name == name && !is_empty(&entry.value));
    let is_meant = |entry: &mut Entry| {
        if is_exact { entry.name == name } else { entry.name.eq_ignore_ascii_case(name) }
    };
    given.extract_if(.., is_meant).map(|entry| entry.value).collect()
}

fn is_contact(campaign: &Campaign, field: &str) -> bool {
    campaign.field(field).is_some_and(|field| matches!(field.kind, Kind::Email | Kind::Phone))
}

#[cfg(test)]
mod tests;
