//! When a rule counts and when a destination wants a lead.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::answer::{Locale, Raw};
use super::attribution::is_address;
use super::schema::{ConditionTable, DerivedFact};
use super::table::table;
use super::{Field, Kind, Problem, attribution_value, is_attribution};
use crate::base::country::Country;
use crate::base::json::number_text;
use crate::base::unicode::{lowercase, tidy, tidy_word};
use crate::base::url::WebAddress;
use crate::contact::EmailKind;

/// The keys of a condition that say what it is about, and what must be true of that.
const SUBJECTS: [&str; 3] = ["field", "attribution", "about"];
const TESTS: [&str; 6] = ["is", "is_one_of", "is_none_of", "at_least", "at_most", "present"];

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

    /// Whether it compares something with this text.
    pub fn names(&self, text: &str) -> bool {
        match &self.test {
            Test::OneOf(list) | Test::NoneOf(list) => has(list, &text.into()),
            _ => false,
        }
    }
}

/// What conditions may be about.
pub struct ConditionScope<'a> {
    /// The campaign's.
    pub fields: &'a [Field],
    /// What answers are read by.
    pub locale: Locale,
    /// Whether each value must be one that can occur. Of a campaign that is served already, a condition that
    /// can never hold harms nobody.
    pub proves: bool,
}

impl ConditionScope<'_> {
    /// Reads a `when`: nothing, one condition or a list of them.
    pub fn accept_all(&self, when: Option<Value>, path: &str, problems: &mut Vec<Problem>) -> Vec<Condition> {
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
            self.accept(one, &path, problems)
        };
        tables.into_iter().enumerate().filter_map(read).collect()
    }

    fn accept(&self, one: Value, path: &str, problems: &mut Vec<Problem>) -> Option<Condition> {
        let before = problems.len();
        let is_table = one.is_object();
        let has = |keys: &[&str]| keys.iter().any(|key| one.get(key).is_some_and(|value| !value.is_null()));
        let (has_test, has_subject) = (has(&TESTS), has(&SUBJECTS));
        let table: ConditionTable = table(one, path, problems);
        if !is_table {
            return None;
        }
        let named = [table.field.is_some(), table.attribution.is_some(), table.about.is_some()];
        let told_of_subject = has_subject && named == [false; 3];
        let mut refuse = |key: &str, reason: &str| {
            let path = if key.is_empty() { path.to_owned() } else { format!("{path}.{key}") };
            problems.push(Problem::new(path, reason));
        };
        let subject = match (&table.field, &table.attribution, table.about) {
            (Some(name), None, None) => Some(Subject::Field(name.clone())),
            (None, Some(name), None) => Some(Subject::Attribution(name.clone())),
            (None, None, Some(DerivedFact::Country)) => Some(Subject::Country),
            (None, None, Some(DerivedFact::EmailKind)) => Some(Subject::EmailKind),
            _ => None,
        };
        let mut tests: Vec<(&str, Test)> = [
            ("is", table.is.map(|value| Test::OneOf(vec![value]))),
            ("is_one_of", table.is_one_of.map(Test::OneOf)),
            ("is_none_of", table.is_none_of.map(Test::NoneOf)),
            ("at_least", table.at_least.map(Test::AtLeast)),
            ("at_most", table.at_most.map(Test::AtMost)),
            ("present", table.present.map(Test::Present)),
        ]
        .into_iter()
        .filter_map(|(key, test)| Some((key, test?)))
        .collect();
        // What is there and of a wrong type has been told.
        if tests.len() > 1 || !has_test {
            refuse("", "must have exactly one of is, is_one_of, is_none_of, at_least, at_most, present");
        }
        let mut field = None;
        match &subject {
            None if told_of_subject => {}
            None => refuse("", "must have exactly one of field, attribution, about"),
            Some(Subject::Field(name)) => {
                field = self.fields.iter().find(|field| field.name == *name);
                if field.is_none() {
                    refuse("field", "is not the name of a field");
                }
            }
            Some(Subject::Attribution(name)) if !is_attribution(name) => refuse(
                "attribution",
                "must be utm_…, a click id, page_url, landing_page or referrer, or first_ and one of them",
            ),
            Some(Subject::Country) if self.proves && !self.asks_for(&[Kind::Country, Kind::Phone]) => {
                refuse("about", "can never be known: there is no field of kind country or phone");
            }
            Some(Subject::EmailKind) if self.proves && !self.asks_for(&[Kind::Email]) => {
                refuse("about", "can never be known: there is no field of kind email");
            }
            Some(_) => {}
        }
        for (key, test) in &mut tests {
            if let Test::OneOf(list) | Test::NoneOf(list) = test {
                if list.is_empty() {
                    refuse(key, "is empty");
                }
                for (at, value) in list.iter_mut().enumerate() {
                    match subject.as_ref().map(|subject| self.as_it_occurs(subject, field, value)) {
                        // A reason names the condition as it was written.
                        Some(Ok(occurring)) if same(value, &occurring) => {}
                        Some(Ok(occurring)) => *value = occurring,
                        Some(Err(reason)) if self.proves && field.is_some() == is_field(&subject) => {
                            let key = if *key == "is" { (*key).to_owned() } else { format!("{key}[{at}]") };
                            refuse(&key, &format!("is a value that the subject can never have: {reason}"));
                        }
                        _ => {}
                    }
                }
                if self.proves && matches!(test, Test::NoneOf(list) if self.is_all(&subject, field, list)) {
                    refuse(key, "can never hold: it names all that there is");
                }
                continue;
            }
            match (&*test, field.map(|field| &field.kind)) {
                (Test::AtLeast(least), Some(Kind::Number { max: Some(max), .. }))
                    if least > max && self.proves =>
                {
                    refuse(key, &format!("can never hold: max of the field is {}", number_text(*max)));
                }
                (Test::AtMost(most), Some(Kind::Number { min: Some(min), .. }))
                    if most < min && self.proves =>
                {
                    refuse(key, &format!("can never hold: min of the field is {}", number_text(*min)));
                }
                (Test::AtLeast(_) | Test::AtMost(_), Some(Kind::Number { .. })) => {}
                (Test::Present(false), _) if self.proves && self.is_always_there(&subject, field) => {
                    refuse(key, "can never hold: it is always there");
                }
                (Test::Present(_), _) => {}
                _ => refuse("", "at_least and at_most are for number fields"),
            }
        }
        let (_, test) = tests.pop()?;
        let condition = Condition { subject: subject?, test };
        (problems.len() == before).then_some(condition)
    }

    /// Whether there is a field of one of these kinds.
    fn asks_for(&self, kinds: &[Kind]) -> bool {
        self.fields.iter().any(|field| kinds.contains(&field.kind))
    }

    /// Whether every lead has the subject.
    fn is_always_there(&self, subject: &Option<Subject>, field: Option<&Field>) -> bool {
        let is_contact = |field: &Field| matches!(field.kind, Kind::Email | Kind::Phone);
        let mut contacts = self.fields.iter().filter(|field| is_contact(field));
        // Without any there is no lead.
        let only = contacts.next().filter(|_| contacts.next().is_none());
        let is_there = |field: &Field| field.required || only.is_some_and(|only| only.name == field.name);
        match subject {
            Some(Subject::EmailKind) => {
                self.fields.iter().find(|field| field.kind == Kind::Email).is_some_and(is_there)
            }
            _ => field.is_some_and(is_there),
        }
    }

    /// Whether a list has every value of a subject that every lead has.
    fn is_all(&self, subject: &Option<Subject>, field: Option<&Field>, list: &[Value]) -> bool {
        let has_words = |words: &[String]| words.iter().all(|word| has(list, &word.as_str().into()));
        let all = match (subject, field.map(|field| &field.kind)) {
            (Some(Subject::EmailKind), _) => has_words(&EmailKind::NAMES.map(str::to_owned)),
            (_, Some(Kind::Choice { choices, .. })) => has_words(choices),
            (_, Some(Kind::Boolean)) => [true, false].iter().all(|truth| has(list, &(*truth).into())),
            _ => false,
        };
        all && self.is_always_there(subject, field)
    }

    /// A value as it stands where the subject has it.
    ///
    /// # Errors
    /// The subject can never have it: why not, and what to write where that is known.
    fn as_it_occurs(&self, subject: &Subject, field: Option<&Field>, value: &Value) -> Result<Value, String> {
        if value.is_array() || value.is_object() {
            return Err("must be one value; is_one_of takes a list of them".to_owned());
        }
        let text = tidy_word(value.as_str().unwrap_or_default());
        let write = |meant: &str| format!("write {meant:?}");
        match subject {
            Subject::Field(_) => {
                let Some(field) = field else { return Err(String::new()) };
                let raw = match value {
                    Value::String(text) => Raw::Text(text.clone()),
                    Value::Number(number) => Raw::Number(number.clone()),
                    Value::Bool(truth) => Raw::Bool(*truth),
                    _ => Raw::Other,
                };
                let answer = field.answer(vec![raw], self.locale).map_err(|(_, detail)| {
                    let meant = match &field.kind {
                        Kind::Country => Country::suggest(&text).map(|country| country.to_string()),
                        Kind::Choice { choices, .. } => {
                            let is_near = |one: &&String| lowercase(&tidy_word(one)) == lowercase(&text);
                            choices.iter().find(is_near).cloned()
                        }
                        _ => None,
                    };
                    meant.as_deref().map_or(detail, write)
                })?;
                let answer = answer.ok_or("must not be empty")?.into_value();
                // Of several choices the one that is compared with.
                Ok(match answer {
                    Value::Array(mut made) => made.pop().unwrap_or_default(),
                    answer => answer,
                })
            }
            Subject::Attribution(name) => {
                let Value::String(written) = value else { return Err("must be text in quotes".to_owned()) };
                let kept = if is_address(name) { as_browsers_write(written) } else { None };
                let kept = kept.unwrap_or_else(|| attribution_value(name, written));
                match kept.as_str() {
                    "" => Err("must not be empty".to_owned()),
                    kept if kept != &*tidy_word(&tidy(written)) => Err(write(kept)),
                    kept => Ok(kept.into()),
                }
            }
            Subject::Country => match (Country::parse(&text), Country::suggest(&text)) {
                (Some(country), _) => Ok(country.as_str().into()),
                (None, Some(meant)) => Err(write(meant.as_str())),
                (None, None) => Err("must be a country by ISO 3166-1, as in SE".to_owned()),
            },
            Subject::EmailKind => {
                let lower = lowercase(&text);
                match EmailKind::NAMES.into_iter().find(|name| *name == lower) {
                    Some(name) => Ok(name.into()),
                    None => Err(format!("must be one of {}", EmailKind::NAMES.join(", "))),
                }
            }
        }
    }
}

/// An address of a page as the script on it sends it.
fn as_browsers_write(written: &str) -> Option<String> {
    let address = WebAddress::parse_lenient(written.trim())?;
    matches!(address.scheme(), "http" | "https").then(|| address.page())
}

fn is_field(subject: &Option<Subject>) -> bool {
    matches!(subject, Some(Subject::Field(_)))
}

fn has(list: &[Value], value: &Value) -> bool {
    list.iter().any(|one| same(one, value))
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
            Test::AtLeast(least) => write!(out, " is at least {}", number_text(*least)),
            Test::AtMost(most) => write!(out, " is at most {}", number_text(*most)),
            Test::Present(true) => out.write_str(" was given"),
            Test::Present(false) => out.write_str(" was not given"),
        }
    }
}
