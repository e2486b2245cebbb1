//! How one table is read, so that every problem of it is found in one reading.
//!
//! Keys that its mirror does not name are problems, a value of the wrong type is a problem and
//! counts as absent, and what remains is judged by its rules.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is wrong in a campaign file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The place, as in `destination[0].url`.
    pub path: String,
    /// The reason, for the marketer.
    pub reason: String,
}

impl Problem {
    /// A problem at a path.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path, self.reason)
    }
}

/// What a rule says of a value: nothing, or why it cannot be.
pub type Check = Result<(), &'static str>;

/// That it holds, or why it cannot be.
pub fn ensure(holds: bool, reason: &'static str) -> Check {
    if holds { Ok(()) } else { Err(reason) }
}

/// What its rule says of a key's value.
pub type Verdict = (&'static str, Check);

/// What each value of a table must be by itself.
pub trait Rules {
    /// The verdict on every key that has a rule, in the mirror's order.
    fn verdicts(&self) -> Vec<Verdict> {
        Vec::new()
    }
}

/// The mirror of a table: [`keys!`](keys) implements it.
pub trait Table: Default + Rules {
    /// Its keys with their places, in the mirror's order.
    fn keys(&mut self) -> Vec<Key<'_>>;
}

/// A key of a table and where its value goes.
pub type Key<'a> = (&'static str, &'a mut dyn Slot);

/// Where a value goes. Behind a pointer, so that the Worker carries the reading of a type once and
/// that of a table once, instead of a decoder for each table.
pub trait Slot {
    /// Takes the value, or stays as it is where the value is of a wrong type.
    fn fill(&mut self, value: Value) -> serde_json::Result<()>;
}

impl<T: DeserializeOwned> Slot for T {
    fn fill(&mut self, value: Value) -> serde_json::Result<()> {
        *self = T::deserialize(value)?;
        Ok(())
    }
}

/// Names a table's keys. One that is left out does not compile.
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

/// Reads an array of tables.
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

/// Reads one table into its mirror.
pub fn table<T: Table>(value: Value, path: &str, problems: &mut Vec<Problem>) -> T {
    let mut mirror = T::default();
    if let Some(sound) = fill(mirror.keys(), value, path, problems) {
        report(mirror.verdicts(), path, &sound, problems);
    }
    mirror
}

/// Puts the values in their places, the problems with keys before those with values. Gives the keys
/// whose places hold what the file says of them; nothing where it is no table.
fn fill(
    mut places: Vec<Key<'_>>,
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
    let known: Vec<&str> = places.iter().map(|(key, _)| *key).collect();
    let mut sound = known.clone();
    let mut mistyped = Vec::new();
    for (key, value) in values {
        match places.iter_mut().find(|(known, _)| *known == key) {
            None => {
                let reason = format!("is unknown; known are {}", known.join(", "));
                problems.push(Problem::new(within(path, &key), reason));
            }
            // As if it were not there.
            Some(_) if value.is_null() => {}
            Some((_, place)) => {
                let given = value.clone();
                if let Err(error) = place.fill(value) {
                    mistyped.push(Problem::new(within(path, &key), expected(&error.to_string(), &given)));
                    sound.retain(|sound| *sound != key);
                }
            }
        }
    }
    problems.append(&mut mistyped);
    Some(sound)
}

/// What to write instead of a value of a wrong type, from the decoder's words.
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

/// Adds what the rules refuse, but where the value was of a wrong type, which is reported already.
fn report(verdicts: Vec<Verdict>, path: &str, sound: &[&str], problems: &mut Vec<Problem>) {
    for (key, judged) in verdicts {
        if let Err(reason) = judged
            && sound.contains(&key)
        {
            problems.push(Problem::new(within(path, key), reason));
        }
    }
}

/// Whether a problem with the value at this place, or with a table around it, has been told already,
/// so that what follows from it is not told as well.
pub fn is_reported(problems: &[Problem], path: &str) -> bool {
    let around = |problem: &Problem| path.strip_prefix(problem.path.as_str());
    problems.iter().filter_map(around).any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

pub(super) fn within(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
