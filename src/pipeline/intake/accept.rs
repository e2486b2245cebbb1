//! [`Fields`] → [`Submission`], by the rules of the campaign.

use std::collections::BTreeMap;

use super::consent_choice;
use super::fields::{Entry, Fields};
use super::rejection::{FieldProblem, Rejection};
use super::submission::{Contact, Submission, Traps};
use crate::base::unicode::is_blank;
use crate::campaign::{
    Answer, Campaign, FORM_TOKEN, Kind, ProblemCode, Raw, TURNSTILE_TOKEN, UnknownFields, attribution_value,
    is_attribution,
};

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
                problems.push(FieldProblem::new(&field.name, ProblemCode::Required, "is required"));
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
        problems.push(FieldProblem::new(&field.name, ProblemCode::Required, detail));
    }

    for purpose in &campaign.purposes {
        let name = format!("consent.{}", purpose.id);
        match consent_choice::consent(take(&mut given, &name), purpose) {
            Ok(choice) if purpose.required && !choice.granted => {
                problems.push(FieldProblem::new(
                    &name,
                    ProblemCode::ConsentRequired,
                    "this consent is required",
                ));
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
        problems.push(FieldProblem::new("", ProblemCode::UnknownField, detail));
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
