//! When a rule counts and when a destination wants a lead.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::file::{About, ConditionTable, address_of};
use super::table::table;
use super::{Field, Kind, Problem, is_attribution};
use crate::contact::EmailKind;
use crate::text::lowercase;

/// What conditions are asked about, in their words.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Answers by field, contact fields among them.
    pub answers: &'a BTreeMap<String, Value>,
    /// Attribution by name.
    pub attribution: &'a BTreeMap<String, String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
    /// One of [`EmailKind::NAMES`].
    pub email_kind: Option<&'a str>,
}

/// A subject and what must be true of it. Its `Display` is a reason's `because`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    subject: Subject,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Subject {
    Field(String),
    Attribution(String),
    Country,
    EmailKind,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    OneOf(Vec<Value>),
    NoneOf(Vec<Value>),
    AtLeast(f64),
    AtMost(f64),
    Present(bool),
}

impl Condition {
    /// Whether it holds. Of what is absent only `present = false` and `is_none_of` are true.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        let text = |text: &str| Value::String(text.to_owned());
        let value = match &self.subject {
            Subject::Field(name) => facts.answers.get(name).cloned(),
            Subject::Attribution(name) => facts.attribution.get(name).map(|value| text(value)),
            Subject::Country => facts.country.map(text),
            Subject::EmailKind => facts.email_kind.map(text),
        };
        let number = || value.as_ref().and_then(Value::as_f64);
        match &self.test {
            Test::OneOf(list) => value.as_ref().is_some_and(|value| list.iter().any(|one| same(one, value))),
            Test::NoneOf(list) => value.as_ref().is_none_or(|value| !list.iter().any(|one| same(one, value))),
            Test::AtLeast(least) => number().is_some_and(|number| number >= *least),
            Test::AtMost(most) => number().is_some_and(|number| number <= *most),
            Test::Present(wanted) => value.is_some() == *wanted,
        }
    }

    /// Reads a `when`: nothing, one condition or a list of them.
    pub(super) fn accept_all(
        when: Option<Value>,
        path: &str,
        fields: &[Field],
        problems: &mut Vec<Problem>,
    ) -> Vec<Self> {
        let (tables, many) = match when {
            None => return Vec::new(),
            Some(Value::Array(tables)) => (tables, true),
            Some(one) => (vec![one], false),
        };
        if tables.is_empty() {
            problems.push(Problem::new(format!("{path}.when"), "must hold at least one condition"));
        }
        let read = |(at, one): (usize, Value)| {
            let path = if many { format!("{path}.when[{at}]") } else { format!("{path}.when") };
            Self::accept(one, &path, fields, problems)
        };
        tables.into_iter().enumerate().filter_map(read).collect()
    }

    fn accept(one: Value, path: &str, fields: &[Field], problems: &mut Vec<Problem>) -> Option<Self> {
        let before = problems.len();
        let table: ConditionTable = table(one, path, problems);
        let mut refuse = |key: &str, reason: &str| {
            let path = if key.is_empty() { path.to_owned() } else { format!("{path}.{key}") };
            problems.push(Problem::new(path, reason));
        };
        let subject = match (&table.field, &table.attribution, table.about) {
            (Some(name), None, None) => Some(Subject::Field(name.clone())),
            (None, Some(name), None) => Some(Subject::Attribution(name.clone())),
            (None, None, Some(About::Country)) => Some(Subject::Country),
            (None, None, Some(About::EmailKind)) => Some(Subject::EmailKind),
            _ => None,
        };
        let mut tests: Vec<Test> = [
            table.is.map(|value| Test::OneOf(vec![value])),
            table.is_one_of.map(Test::OneOf),
            table.is_none_of.map(Test::NoneOf),
            table.at_least.map(Test::AtLeast),
            table.at_most.map(Test::AtMost),
            table.present.map(Test::Present),
        ]
        .into_iter()
        .flatten()
        .collect();
        if tests.len() != 1 {
            refuse("", "must have exactly one of is, is_one_of, is_none_of, at_least, at_most, present");
        }
        let field = match &subject {
            None => {
                refuse("", "must have exactly one of field, attribution, about");
                None
            }
            Some(Subject::Field(name)) => {
                let field = fields.iter().find(|field| field.name == *name);
                if field.is_none() {
                    refuse("field", "is not the name of a field");
                }
                field
            }
            Some(Subject::Attribution(name)) => {
                if !is_attribution(name) {
                    refuse(
                        "attribution",
                        "must be utm_…, a click id, page_url, landing_page or referrer, or first_ and one of them",
                    );
                }
                None
            }
            Some(Subject::EmailKind | Subject::Country) => None,
        };
        for test in &tests {
            match (test, field.map(|field| &field.kind), &subject) {
                (Test::OneOf(list) | Test::NoneOf(list), kind, subject) => {
                    if list.is_empty() {
                        refuse("", "the list is empty");
                    }
                    let fits = |value: &Value| match (kind, subject) {
                        (Some(Kind::Choice { choices }), _) => {
                            value.as_str().is_some_and(|text| choices.iter().any(|c| c == text))
                        }
                        (Some(Kind::Number { .. }), _) => value.is_number(),
                        (Some(Kind::Boolean), _) => value.is_boolean(),
                        (_, Some(Subject::EmailKind)) => {
                            value.as_str().is_some_and(|kind| EmailKind::NAMES.contains(&kind))
                        }
                        _ => value.is_string(),
                    };
                    if !list.iter().all(fits) {
                        refuse("", "compares with a value that the subject can never have");
                    }
                }
                (Test::AtLeast(_) | Test::AtMost(_), Some(Kind::Number { .. }), _)
                | (Test::Present(_), ..) => {}
                (Test::AtLeast(_) | Test::AtMost(_), ..) => {
                    refuse("", "at_least and at_most are for number fields")
                }
            }
        }
        let test = tests.pop()?;
        if problems.len() > before {
            return None;
        }
        let is_url = field.is_some_and(|field| matches!(field.kind, Kind::Url { .. }));
        Some(Self { subject: subject?, test: if is_url { test.of_addresses() } else { test } })
    }
}

impl Test {
    /// With addresses as answers are kept.
    fn of_addresses(self) -> Self {
        let read = |value: Value| {
            let address = value.as_str().and_then(address_of);
            address.map_or(value, |address| address.href().into())
        };
        let all = |values: Vec<Value>| values.into_iter().map(read).collect();
        match self {
            Self::OneOf(values) => Self::OneOf(all(values)),
            Self::NoneOf(values) => Self::NoneOf(all(values)),
            other => other,
        }
    }
}

/// A bound as the marketer wrote it: without a fraction where it has none. Through JSON's numbers,
/// whose code is linked anyhow; the standard library's would add 14 KB to the wasm.
pub fn plain(bound: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "only whole numbers within 2^53 are cast")]
    let whole = (bound.abs() < 9e15 && bound % 1.0 == 0.0).then_some(bound as i64);
    whole.map_or_else(|| serde_json::json!(bound).to_string(), |whole| whole.to_string())
}

/// Texts compare without case, numbers by value.
fn same(left: &Value, right: &Value) -> bool {
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
            Test::AtLeast(least) => write!(out, " is at least {}", plain(*least)),
            Test::AtMost(most) => write!(out, " is at most {}", plain(*most)),
            Test::Present(true) => out.write_str(" was given"),
            Test::Present(false) => out.write_str(" was not given"),
        }
    }
}
