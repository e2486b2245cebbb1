//! The mail that asks a person to confirm: what it says, and how an e-mail provider takes it.

use serde_json::Value;

use super::Campaign;
use super::schema::{DestinationKind, DestinationTable, DoubleOptInTable, is_line};
use super::table::{Check, Problem, is_reported};
use crate::base::json::object_of;
use crate::base::template;

/// The header that carries the secret where none is named; the only one that says `Bearer`.
pub const AUTHORIZATION: &str = "Authorization";
/// Letters of a header's name: no provider's is longer.
const MAX_HEADER: usize = 64;
/// Headers that are the request's own.
const OWN_HEADERS: [&str; 4] = ["content-type", "host", "content-length", "cookie"];
/// What a provider's body may hold.
const BODY_WORDS: [&str; 5] = ["to", "subject", "text", "confirm_link", "withdraw_link"];

/// A lead counts once the person has followed a link in a mail.
#[derive(Clone, Debug)]
pub struct DoubleOptIn {
    /// The name of the destination that gets `confirmation.requested`.
    pub destination: String,
    /// Of the mail, as written: [`DoubleOptIn::subject`] fills it in.
    pub subject: String,
    /// Of the mail, as written: [`DoubleOptIn::text`] fills it in.
    pub text: String,
}

impl DoubleOptIn {
    /// The text with its placeholders filled in.
    pub fn text(&self, confirm_link: &str, withdraw_link: &str, campaign: &Campaign) -> String {
        let values = [
            ("confirm_link", confirm_link),
            ("withdraw_link", withdraw_link),
            ("controller", &campaign.controller.name),
            ("title", &campaign.title),
        ];
        template::fill(&self.text, &values)
    }

    /// The subject with its placeholders filled in: one line.
    pub fn subject(&self, campaign: &Campaign) -> String {
        fill_subject(&self.subject, &campaign.controller.name, &campaign.title)
    }

    pub(super) fn accept(
        table: DoubleOptInTable,
        controller: &str,
        title: &str,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let path = "double_opt_in.subject";
        let filled = fill_subject(&table.subject, controller, title);
        // Empty only where the name or the title is, which is told at its own place.
        if !is_reported(problems, path) && !filled.is_empty() && !is_line(&filled) {
            let reason =
                "must be one line of up to 200 characters once {controller} and {title} are filled in";
            problems.push(Problem::new(path, reason));
        }
        Self { destination: table.destination, subject: table.subject, text: table.text }
    }
}

fn fill_subject(subject: &str, controller: &str, title: &str) -> String {
    template::fill(subject, &[("controller", controller), ("title", title)])
}

/// How a destination is spoken to.
#[derive(Clone, Debug, PartialEq)]
pub enum Channel {
    /// Signed events.
    Webhook,
    /// Confirmation mails alone, never leads.
    Email(EmailApi),
}

/// An e-mail provider's HTTP API.
#[derive(Clone, Debug, PartialEq)]
pub struct EmailApi {
    /// The header that carries the secret: as `Bearer …` in `Authorization`, else as it is.
    pub header: String,
    /// The JSON body as written: [`EmailApi::body`] fills it in.
    pub body: Value,
}

impl EmailApi {
    /// The JSON body with its placeholders filled in, in strings at any depth. A value that is filled
    /// in is never itself searched for placeholders.
    pub fn body(&self, fill: &[(&str, &str)]) -> Value {
        filled(&self.body, fill)
    }
}

fn filled(value: &Value, values: &[(&str, &str)]) -> Value {
    match value {
        Value::String(text) => Value::String(template::fill(text, values)),
        Value::Array(list) => list.iter().map(|one| filled(one, values)).collect(),
        Value::Object(table) => object_of(table.iter().map(|(key, one)| (key.clone(), filled(one, values)))),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

impl Channel {
    /// Reads what only one of the kinds takes.
    pub(super) fn accept(table: &DestinationTable, path: &str, problems: &mut Vec<Problem>) -> Self {
        // What a misspelt kind would have taken is not known.
        let misspelt = is_reported(problems, &format!("{path}.kind"));
        let mut judge = |key: &str, judged: Check| {
            if let Err(reason) = judged {
                problems.push(Problem::new(format!("{path}.{key}"), reason));
            }
        };
        let absent = |is_given: bool, reason| if is_given { Err(reason) } else { Ok(()) };
        match table.kind {
            DestinationKind::Webhook => {
                for (key, is_given) in [("header", table.header.is_some()), ("body", table.body.is_some())] {
                    judge(key, absent(is_given && !misspelt, "is for kind email"));
                }
                Self::Webhook
            }
            DestinationKind::Email => {
                for (key, is_given) in [
                    ("needs", table.needs.is_some()),
                    ("when", table.when.is_some()),
                    ("forward_at", table.forward_at.is_some()),
                    ("third_party", table.third_party.is_some()),
                ] {
                    judge(key, absent(is_given, "is for kind webhook: kind email gets no leads"));
                }
                judge("header", table.header.as_deref().map_or(Ok(()), is_header));
                let body = table.body.clone().unwrap_or_default();
                judge("body", is_body(&body));
                let own = table.header.as_ref().filter(|name| !name.eq_ignore_ascii_case(AUTHORIZATION));
                Self::Email(EmailApi { header: own.map_or(AUTHORIZATION, String::as_str).to_owned(), body })
            }
        }
    }
}

fn is_header(name: &str) -> Check {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || name.len() > MAX_HEADER || !name.chars().all(plain) {
        return Err("must be a header's name: up to 64 letters, digits and hyphens");
    }
    if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err("must not be content-type, host, content-length or cookie");
    }
    Ok(())
}

fn is_body(body: &Value) -> Check {
    if !body.is_object() {
        return Err(
            "is required: a table, as in { To = \"{to}\", Subject = \"{subject}\", TextBody = \"{text}\" }",
        );
    }
    let mut found = Vec::new();
    collect_words(body, &mut found);
    if !found.iter().all(|word| BODY_WORDS.contains(word)) {
        return Err("may hold only {to}, {subject}, {text}, {confirm_link} and {withdraw_link}");
    }
    if !found.contains(&"to") || !(found.contains(&"text") || found.contains(&"confirm_link")) {
        return Err("must hold {to}, and {text} or {confirm_link}");
    }
    Ok(())
}

fn collect_words<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.extend(template::words(text)),
        Value::Array(list) => list.iter().for_each(|one| collect_words(one, found)),
        Value::Object(table) => table.values().for_each(|one| collect_words(one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
