//! The key `when` of a campaign file: conditions, checked against the fields that they are about.

use serde::Deserialize;
use serde_json::Value;

use super::answer::{Locale, Raw};
use super::attribution::{attribution_value, is_address, is_attribution};
use super::condition::{Condition, Subject, Test, has, same};
use super::field::{Field, Kind};
use super::table::{Problem, Rules, keys, table};
use crate::base::country::Country;
use crate::base::json::number_text;
use crate::base::unicode::{lowercase, tidy, tidy_word};
use crate::base::url::WebAddress;
use crate::contact::EmailKind;

/// The keys of a condition that name its subject.
const SUBJECTS: [&str; 3] = ["field", "attribution", "about"];
/// The keys of a condition that name its test.
const TESTS: [&str; 6] = ["is", "is_one_of", "is_none_of", "at_least", "at_most", "present"];

/// One condition: a subject and a test.
#[derive(Clone, Debug, Default)]
pub struct ConditionTable {
    pub field: Option<String>,
    pub attribution: Option<String>,
    pub about: Option<DerivedFact>,
    pub is: Option<Value>,
    pub is_one_of: Option<Vec<Value>>,
    pub is_none_of: Option<Vec<Value>>,
    pub at_least: Option<f64>,
    pub at_most: Option<f64>,
    pub present: Option<bool>,
}

keys!(ConditionTable: field, attribution, about, is, is_one_of, is_none_of, at_least, at_most, present);

impl Rules for ConditionTable {}

/// The values of `about`: facts that follow from the answers of a lead.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum DerivedFact {
    /// The answer of the first country field, else the phone number's country.
    Country,
    /// `business`, `free` or `disposable`.
    EmailKind,
}

impl ConditionTable {
    /// Returns the subject; `None` unless exactly one is named.
    fn subject(&self) -> Option<Subject> {
        match (&self.field, &self.attribution, self.about) {
            (Some(name), None, None) => Some(Subject::Field(name.clone())),
            (None, Some(name), None) => Some(Subject::Attribution(name.clone())),
            (None, None, Some(DerivedFact::Country)) => Some(Subject::Country),
            (None, None, Some(DerivedFact::EmailKind)) => Some(Subject::EmailKind),
            _ => None,
        }
    }

    /// Returns all tests with their keys.
    fn tests(self) -> Vec<(&'static str, Test)> {
        let tests = [
            ("is", self.is.map(|value| Test::OneOf(vec![value]))),
            ("is_one_of", self.is_one_of.map(Test::OneOf)),
            ("is_none_of", self.is_none_of.map(Test::NoneOf)),
            ("at_least", self.at_least.map(Test::AtLeast)),
            ("at_most", self.at_most.map(Test::AtMost)),
            ("present", self.present.map(Test::Present)),
        ];
        tests.into_iter().filter_map(|(key, test)| Some((key, test?))).collect()
    }
}

/// The problems of one condition.
struct Report<'a> {
    path: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Report<'_> {
    /// Reports a problem with a key, or with the whole condition if the key is empty.
    fn refuse(&mut self, key: &str, reason: &str) {
        let path = if key.is_empty() { self.path.to_owned() } else { format!("{}.{key}", self.path) };
        self.problems.push(Problem::new(path, reason));
    }
}

/// The campaign that conditions are checked against.
pub struct ConditionScope<'a> {
    /// The campaign's fields.
    pub fields: &'a [Field],
    /// The locale in which answers are parsed.
    pub locale: Locale,
    /// True if a condition that can never hold is a problem. In a campaign that is published already it does no harm.
    pub is_strict: bool,
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
        let has_sound_subject = table.field.is_some() || table.attribution.is_some() || table.about.is_some();
        let subject = table.subject();
        let mut tests = table.tests();
        let mut report = Report { path, problems };
        // A value of the wrong type is reported already.
        if tests.len() > 1 || !has_test {
            report
                .refuse("", "must have exactly one of is, is_one_of, is_none_of, at_least, at_most, present");
        }
        if subject.is_none() && (has_sound_subject || !has_subject) {
            report.refuse("", "must have exactly one of field, attribution, about");
        }
        let field = subject.as_ref().and_then(|subject| self.check_subject(subject, &mut report));
        for (key, test) in &mut tests {
            match test {
                Test::OneOf(_) | Test::NoneOf(_) => {
                    self.check_values(key, test, subject.as_ref(), field, &mut report);
                }
                _ => self.check_bound(key, test, subject.as_ref(), field, &mut report),
            }
        }
        let (_, test) = tests.pop()?;
        let condition = Condition { subject: subject?, test };
        (problems.len() == before).then_some(condition)
    }

    /// Checks that the subject exists. Returns its field.
    fn check_subject(&self, subject: &Subject, report: &mut Report<'_>) -> Option<&Field> {
        match subject {
            Subject::Field(name) => {
                let field = self.fields.iter().find(|field| field.name == *name);
                if field.is_none() {
                    report.refuse("field", "is not the name of a field");
                }
                return field;
            }
            Subject::Attribution(name) if !is_attribution(name) => report.refuse(
                "attribution",
                "must be utm_…, a click id, page_url, landing_page or referrer, or first_ and one of them",
            ),
            Subject::Country if self.is_strict && !self.asks_for(&[Kind::Country, Kind::Phone]) => {
                report.refuse("about", "can never be known: there is no field of kind country or phone");
            }
            Subject::EmailKind if self.is_strict && !self.asks_for(&[Kind::Email]) => {
                report.refuse("about", "can never be known: there is no field of kind email");
            }
            _ => {}
        }
        None
    }

    /// Checks the values of a list, and replaces each by the one that the subject can have.
    fn check_values(
        &self,
        key: &str,
        test: &mut Test,
        subject: Option<&Subject>,
        field: Option<&Field>,
        report: &mut Report<'_>,
    ) {
        let (Test::OneOf(list) | Test::NoneOf(list)) = test else { return };
        if list.is_empty() {
            report.refuse(key, "is empty");
        }
        // That there is no such field is reported already.
        let is_known = field.is_some() || !matches!(subject, Some(Subject::Field(_)));
        for (at, value) in list.iter_mut().enumerate() {
            match subject.map(|subject| self.possible_value(subject, field, value)) {
                // A reason of the score shows the condition as it was written.
                Some(Ok(possible)) if same(value, &possible) => {}
                Some(Ok(possible)) => *value = possible,
                Some(Err(reason)) if self.is_strict && is_known => {
                    let key = if key == "is" { key.to_owned() } else { format!("{key}[{at}]") };
                    report.refuse(&key, &format!("is a value that the subject can never have: {reason}"));
                }
                _ => {}
            }
        }
        if self.is_strict && matches!(test, Test::NoneOf(list) if self.is_all(subject, field, list)) {
            report.refuse(key, "can never hold: it names all that there is");
        }
    }

    /// Checks a bound or `present`.
    fn check_bound(
        &self,
        key: &str,
        test: &Test,
        subject: Option<&Subject>,
        field: Option<&Field>,
        report: &mut Report<'_>,
    ) {
        match (test, field.map(|field| &field.kind)) {
            (Test::AtLeast(least), Some(Kind::Number { max: Some(max), .. }))
                if least > max && self.is_strict =>
            {
                report.refuse(key, &format!("can never hold: max of the field is {}", number_text(*max)));
            }
            (Test::AtMost(most), Some(Kind::Number { min: Some(min), .. }))
                if most < min && self.is_strict =>
            {
                report.refuse(key, &format!("can never hold: min of the field is {}", number_text(*min)));
            }
            (Test::AtLeast(_) | Test::AtMost(_), Some(Kind::Number { .. })) => {}
            (Test::Present(false), _) if self.is_strict && self.is_always_present(subject, field) => {
                report.refuse(key, "can never hold: it is always there");
            }
            (Test::Present(_), _) => {}
            _ => report.refuse("", "at_least and at_most are for number fields"),
        }
    }

    /// Returns whether there is a field of one of these kinds.
    fn asks_for(&self, kinds: &[Kind]) -> bool {
        self.fields.iter().any(|field| kinds.contains(&field.kind))
    }

    /// Returns whether every lead has the subject.
    fn is_always_present(&self, subject: Option<&Subject>, field: Option<&Field>) -> bool {
        let is_contact = |field: &Field| matches!(field.kind, Kind::Email | Kind::Phone);
        let mut contacts = self.fields.iter().filter(|field| is_contact(field));
        // Without a contact there is no lead.
        let only = contacts.next().filter(|_| contacts.next().is_none());
        let is_there = |field: &Field| field.required || only.is_some_and(|only| only.name == field.name);
        match subject {
            Some(Subject::EmailKind) => {
                self.fields.iter().find(|field| field.kind == Kind::Email).is_some_and(is_there)
            }
            _ => field.is_some_and(is_there),
        }
    }

    /// Returns whether every lead has the subject, and with a value of the list.
    fn is_all(&self, subject: Option<&Subject>, field: Option<&Field>, list: &[Value]) -> bool {
        let has_words = |words: &[String]| words.iter().all(|word| has(list, &word.as_str().into()));
        let all = match (subject, field.map(|field| &field.kind)) {
            (Some(Subject::EmailKind), _) => has_words(&EmailKind::NAMES.map(str::to_owned)),
            (_, Some(Kind::Choice { choices, .. })) => has_words(choices),
            (_, Some(Kind::Boolean)) => [true, false].iter().all(|truth| has(list, &(*truth).into())),
            _ => false,
        };
        all && self.is_always_present(subject, field)
    }

    /// Returns a value as a lead has it.
    ///
    /// # Errors
    /// The subject can never have it: why not, or what to write instead if that is known.
    fn possible_value(
        &self,
        subject: &Subject,
        field: Option<&Field>,
        value: &Value,
    ) -> Result<Value, String> {
        if value.is_array() || value.is_object() {
            return Err("must be one value; is_one_of takes a list of them".to_owned());
        }
        let text = tidy_word(value.as_str().unwrap_or_default());
        match subject {
            Subject::Field(_) => match field {
                Some(field) => self.possible_answer(field, value, &text),
                None => Err(String::new()),
            },
            Subject::Attribution(name) => {
                let Value::String(written) = value else { return Err("must be text in quotes".to_owned()) };
                let kept = if is_address(name) { page_address(written) } else { None };
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

    /// Returns a value as an answer to the field.
    ///
    /// # Errors
    /// As [`Self::possible_value`].
    fn possible_answer(&self, field: &Field, value: &Value, text: &str) -> Result<Value, String> {
        let raw = match value {
            Value::String(text) => Raw::Text(text.clone()),
            Value::Number(number) => Raw::Number(number.clone()),
            Value::Bool(truth) => Raw::Bool(*truth),
            _ => Raw::Other,
        };
        let answer = field.answer(vec![raw], self.locale).map_err(|(_, detail)| {
            let meant = match &field.kind {
                Kind::Country => Country::suggest(text).map(|country| country.to_string()),
                Kind::Choice { choices, .. } => {
                    let is_near = |one: &&String| lowercase(&tidy_word(one)) == lowercase(text);
                    choices.iter().find(is_near).cloned()
                }
                _ => None,
            };
            meant.as_deref().map_or(detail, write)
        })?;
        // Of several choices the one that is compared with.
        Ok(match answer.ok_or("must not be empty")?.into_value() {
            Value::Array(mut made) => made.pop().unwrap_or_default(),
            answer => answer,
        })
    }
}

/// Says what to write instead.
fn write(meant: &str) -> String {
    format!("write {meant:?}")
}

/// Returns the URL of a page as the form script sends it.
fn page_address(written: &str) -> Option<String> {
    let address = WebAddress::parse_lenient(written.trim())?;
    matches!(address.scheme(), "http" | "https").then(|| address.page())
}
