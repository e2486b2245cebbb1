//! Decoding of one TOML table, which reports all problems of it at once.
//!
//! A key that the table's struct does not have is a problem; so is a value of the wrong type, which then counts as
//! absent; the other values are checked by the table's rules.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A mistake in a campaign file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The path of the key, as in `destination[0].url`.
    pub path: String,
    /// The reason, for the marketer.
    pub reason: String,
}

impl Problem {
    /// Makes a problem at a path.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.reason)
    }
}

/// The result of checking a value; an error is the reason, for the marketer.
pub type Check = Result<(), &'static str>;

/// Returns the reason as an error unless the condition holds.
pub fn ensure(holds: bool, reason: &'static str) -> Check {
    if holds { Ok(()) } else { Err(reason) }
}

/// A key, and the result of checking its value.
pub type Verdict = (&'static str, Check);

/// The checks of a table's values, each by itself.
pub trait Rules {
    /// Checks every key that has a rule, in the order of the struct.
    fn verdicts(&self) -> Vec<Verdict> {
        Vec::new()
    }
}

/// A struct with a field for each key of a table; [`keys!`](keys) implements it.
pub trait Table: Default + Rules {
    /// Lists the keys with the fields that take their values, in the order of the struct.
    fn keys(&mut self) -> Vec<Key<'_>>;
}

/// A key of a table, and the field that takes its value.
pub type Key<'a> = (&'static str, &'a mut dyn Slot);

/// A field that a value is decoded into. Behind a pointer, so that the wasm has one decoder for each type and one for
/// all tables, instead of one for each table.
pub trait Slot {
    /// Decodes the value into the field, which stays as it is if the value is of the wrong type.
    fn fill(&mut self, value: Value) -> serde_json::Result<()>;
}

impl<T: DeserializeOwned> Slot for T {
    fn fill(&mut self, value: Value) -> serde_json::Result<()> {
        *self = T::deserialize(value)?;
        Ok(())
    }
}

/// Lists the keys of a table. Does not compile if one is left out.
macro_rules! keys {
    ($table:ident: $($key:ident),+) => {
        impl $crate::campaign::table::Table for $table {
            fn keys(&mut self) -> Vec<$crate::campaign::table::Key<'_>> {
                let Self { $($key),+ } = self;
                vec![$((stringify!($key), $key)),+]
            }
        }
    };
}

pub(super) use keys;

/// Decodes an array of tables.
pub fn tables<T: Table>((name, value): (&str, Option<Value>), problems: &mut Vec<Problem>) -> Vec<T> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => {
            let read = |(at, item)| table(item, &format!("{name}[{at}]"), problems);
            items.into_iter().enumerate().map(read).collect()
        }
        Some(_) => {
            problems.push(Problem::new(name, format!("must be written as [[{name}]]")));
            Vec::new()
        }
    }
}

/// Decodes one table.
pub fn table<T: Table>(value: Value, path: &str, problems: &mut Vec<Problem>) -> T {
    let mut table = T::default();
    if let Some(sound) = fill(table.keys(), value, path, problems) {
        report(table.verdicts(), path, &sound, problems);
    }
    table
}

/// Decodes the values of a table, and reports problems with keys before those with values. Returns the keys without a
/// value of the wrong type; `None` if the value is no table.
fn fill(
    mut slots: Vec<Key<'_>>,
    value: Value,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<Vec<&'static str>> {
    let Value::Object(values) = value else {
        let is_list = value.is_array() && !path.contains('[');
        let reason =
            if is_list { format!("must be written as [{path}]") } else { "must be a table".to_owned() };
        problems.push(Problem::new(path, reason));
        return None;
    };
    let known: Vec<&str> = slots.iter().map(|(key, _)| *key).collect();
    let mut sound = known.clone();
    let mut mistyped = Vec::new();
    for (key, value) in values {
        match slots.iter_mut().find(|(known, _)| *known == key) {
            None => {
                let reason = format!("is unknown; known are {}", known.join(", "));
                problems.push(Problem::new(within(path, &key), reason));
            }
            // Counts as absent.
            Some(_) if value.is_null() => {}
            Some((_, slot)) => {
                let given = value.clone();
                if let Err(error) = slot.fill(value) {
                    mistyped.push(Problem::new(within(path, &key), expected(&error.to_string(), &given)));
                    sound.retain(|sound| *sound != key);
                }
            }
        }
    }
    problems.append(&mut mistyped);
    Some(sound)
}

/// Says what to write instead of a value of the wrong type, by the decoder's message.
fn expected(said: &str, given: &Value) -> String {
    let (_, wanted) = said.split_once("expected ").unwrap_or_default();
    let plain = wanted.replace('`', "");
    match wanted {
        _ if said.starts_with("unknown variant") => format!("must be {plain}"),
        "a string" if given.is_number() || given.is_boolean() => {
            format!("must be text in quotes: write \"{given}\"")
        }
        "a string" => "must be text in quotes".to_owned(),
        "string or map" => "must be text in quotes".to_owned(),
        "a boolean" => "must be true or false, without quotes".to_owned(),
        "a sequence" if given.is_string() => {
            let parts = given.as_str().unwrap_or_default().split(',');
            format!("must be a list: write {}", Value::from_iter(parts.map(str::trim)))
        }
        "a sequence" => "must be a list, as in [\"a\", \"b\"]".to_owned(),
        "i64" => "must be a whole number, without quotes".to_owned(),
        "u32" => "must be a whole number that is not below 0, without quotes".to_owned(),
        "f64" => "must be a number, without quotes".to_owned(),
        _ => said.to_owned(),
    }
}

/// Reports failed checks, except of values of the wrong type, which are reported already.
fn report(verdicts: Vec<Verdict>, path: &str, sound: &[&str], problems: &mut Vec<Problem>) {
    for (key, check) in verdicts {
        if let Err(reason) = check
            && sound.contains(&key)
        {
            problems.push(Problem::new(within(path, key), reason));
        }
    }
}

/// Returns whether a problem with the value at this path, or with a table around it, is reported already, so that its
/// consequences need not be.
pub fn is_reported(problems: &[Problem], path: &str) -> bool {
    let around = |problem: &Problem| path.strip_prefix(problem.path.as_str());
    problems.iter().filter_map(around).any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// Appends a key to a path.
pub(super) fn within(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
