//! Conditions of rules and destinations: a subject, and what must be true of it.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::base::json::number_text;
use crate::base::unicode::lowercase;

/// The facts about a lead that conditions are evaluated on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Answers by field, contact fields among them.
    pub answers: &'a BTreeMap<String, Value>,
    /// Attribution by name.
    pub attribution: &'a BTreeMap<String, String>,
    /// The country, ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
    /// The kind of e-mail address, one of [`EmailKind::NAMES`](crate::contact::EmailKind::NAMES).
    pub email_kind: Option<&'a str>,
}

/// A condition. Its `Display` is the `because` of a reason of the score.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub(super) subject: Subject,
    pub(super) test: Test,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subject {
    Field(String),
    Attribution(String),
    Country,
    EmailKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    OneOf(Vec<Value>),
    NoneOf(Vec<Value>),
    AtLeast(f64),
    AtMost(f64),
    Present(bool),
}

impl Condition {
    /// Returns whether it holds. Of an absent value only `present = false` and `is_none_of` are true.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        let text = |text: &str| Value::String(text.to_owned());
        let value = match &self.subject {
            Subject::Field(name) => facts.answers.get(name).cloned(),
            Subject::Attribution(name) => facts.attribution.get(name).map(|value| text(value)),
            Subject::Country => facts.country.map(text),
            Subject::EmailKind => facts.email_kind.map(text),
        };
        let number = || value.as_ref().and_then(Value::as_f64);
        // Of several choices each counts.
        let is_among = |list: &[Value]| match &value {
            Some(Value::Array(made)) => made.iter().any(|value| has(list, value)),
            Some(value) => has(list, value),
            None => false,
        };
        match &self.test {
            Test::OneOf(list) => is_among(list),
            Test::NoneOf(list) => !is_among(list),
            Test::AtLeast(least) => number().is_some_and(|number| number >= *least),
            Test::AtMost(most) => number().is_some_and(|number| number <= *most),
            Test::Present(wanted) => value.is_some() == *wanted,
        }
    }

    /// Returns whether it compares something with this text.
    pub fn names(&self, text: &str) -> bool {
        match &self.test {
            Test::OneOf(list) | Test::NoneOf(list) => has(list, &text.into()),
            _ => false,
        }
    }
}

/// Returns whether a list contains a value.
pub(super) fn has(list: &[Value], value: &Value) -> bool {
    list.iter().any(|one| same(one, value))
}

/// Compares two values: texts without case, numbers by value.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => lowercase(left) == lowercase(right),
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Field(name) | Subject::Attribution(name) => out.write_str(name)?,
            Subject::Country => out.write_str("country")?,
            Subject::EmailKind => out.write_str("kind of e-mail address")?,
        }
        let list = |list: &[Value]| {
            let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            list.iter().map(plain).collect::<Vec<_>>().join(", ")
        };
        match &self.test {
            Test::OneOf(values) if values.len() == 1 => write!(out, " is {}", list(values)),
            Test::OneOf(values) => write!(out, " is one of {}", list(values)),
            Test::NoneOf(values) => write!(out, " is none of {}", list(values)),
            Test::AtLeast(least) => write!(out, " is at least {}", number_text(*least)),
            Test::AtMost(most) => write!(out, " is at most {}", number_text(*most)),
            Test::Present(true) => out.write_str(" was given"),
            Test::Present(false) => out.write_str(" was not given"),
        }
    }
}
