//! The HTTP API of an e-mail provider: the header that carries the token, and the JSON body.

use serde_json::Value;

use super::table::{Check, Problem};
use crate::base::json::object_of;
use crate::base::template;

/// The default header for the secret; the only one in which `Bearer` stands before it.
pub const AUTHORIZATION: &str = "Authorization";
/// Bytes of a header's name: no provider's is longer.
const MAX_HEADER: usize = 64;
/// Headers that the request sets itself.
const OWN_HEADERS: [&str; 4] = ["content-type", "host", "content-length", "cookie"];
/// Placeholders that a body may have.
const BODY_WORDS: [&str; 5] = ["to", "subject", "text", "confirm_link", "withdraw_link"];

/// An e-mail provider's HTTP API.
#[derive(Clone, Debug, PartialEq)]
pub struct EmailApi {
    /// The header that carries the secret: as `Bearer …` in `Authorization`, else as it is.
    pub header: String,
    /// The JSON body with its placeholders, which [`EmailApi::body`] fills in.
    pub body: Value,
}

impl EmailApi {
    pub(super) fn accept(
        header: Option<&str>,
        body: Option<&Value>,
        path: &str,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let body = body.cloned().unwrap_or_default();
        for (key, check) in [("header", header.map_or(Ok(()), is_header)), ("body", is_body(&body))] {
            if let Err(reason) = check {
                problems.push(Problem::new(format!("{path}.{key}"), reason));
            }
        }
        let own = header.filter(|name| !name.eq_ignore_ascii_case(AUTHORIZATION));
        Self { header: own.unwrap_or(AUTHORIZATION).to_owned(), body }
    }

    /// Returns the JSON body with its placeholders filled in, in strings at any depth. What is filled in is not itself
    /// searched for placeholders.
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
