//! Acceptance: [`Fields`] → [`Submission`], by the rules of the campaign.

use std::collections::BTreeMap;

use super::consent_choice::ConsentChoice;
use super::fields::{CONSENT, Entry, Fields};
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
    let Fields { entries: mut given, encoding } = fields;
    let mut problems = Vec::new();
    let mut submission = Submission {
        contact: Contact::default(),
        answers: BTreeMap::new(),
        attribution: BTreeMap::new(),
        choices: Vec::new(),
        encoding,
        gpc: false,
        traps: take_traps(&mut given, campaign),
    };
    take_answers(&mut given, campaign, &mut submission, &mut problems);
    take_choices(&mut given, campaign, &mut submission, &mut problems);
    take_attribution(&mut given, &mut submission);
    if !given.is_empty() && campaign.unknown_fields == UnknownFields::Refuse {
        let detail = "the submission has a field that the campaign does not declare";
        problems.push(FieldProblem::new("", ProblemCode::UnknownField, detail));
    }
    if problems.is_empty() { Ok(submission) } else { Err(Rejection { problems }) }
}

/// Takes out the answers to the campaign's fields. At least one must be an e-mail address or a phone number.
fn take_answers(
    given: &mut Vec<Entry>,
    campaign: &Campaign,
    submission: &mut Submission,
    problems: &mut Vec<FieldProblem>,
) {
    for field in &campaign.fields {
        let is_first = campaign.is_first(field);
        match field.answer(take(given, &field.name), campaign.locale) {
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
}

/// Takes out the choice for each purpose of the campaign.
fn take_choices(
    given: &mut Vec<Entry>,
    campaign: &Campaign,
    submission: &mut Submission,
    problems: &mut Vec<FieldProblem>,
) {
    for purpose in &campaign.purposes {
        let name = format!("{CONSENT}.{}", purpose.id);
        match ConsentChoice::read(take(given, &name), purpose) {
            Ok(choice) if purpose.required && !choice.granted => {
                let detail = "this consent is required";
                problems.push(FieldProblem::new(&name, ProblemCode::ConsentRequired, detail));
            }
            Ok(choice) => submission.choices.push(choice),
            Err(code) => {
                problems.push(FieldProblem::new(&name, code, "is not the version that is in force"));
            }
        }
    }
}

/// Takes out the attribution: of several values of a name the first that is not empty.
fn take_attribution(given: &mut Vec<Entry>, submission: &mut Submission) {
    let lower = |entry: &Entry| entry.name.to_ascii_lowercase();
    while let Some(name) = given.iter().map(lower).find(|name| is_attribution(name)) {
        let mut values = take(given, &name).into_iter().map(|value| match value {
            Raw::Text(text) => attribution_value(&name, &text),
            Raw::Number(number) => number.to_string(),
            Raw::Bool(_) | Raw::Other => String::new(),
        });
        if let Some(first) = values.find(|text| !text.is_empty()) {
            submission.attribution.entry(name).or_insert(first);
        }
    }
}

/// Takes out the traps.
fn take_traps(given: &mut Vec<Entry>, campaign: &Campaign) -> Traps {
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

/// Takes the values of a name out of the entries, in order of arrival. A framework may change the case of a name;
/// entries in the campaign's own case win.
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
