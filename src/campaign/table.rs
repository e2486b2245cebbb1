//! How one table is read, so that every problem of it is found in one reading.
//!
//! Keys that its mirror does not name are problems, a value of the wrong type is a problem and
//! counts as absent, and what remains is judged by `validator`.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::{Map, Value};
use validator::{Validate, ValidationErrors};

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

/// Reads an array of tables.
pub fn tables<T: DeserializeOwned + Default + Validate>(
    (name, value): (&str, Option<Value>),
    problems: &mut Vec<Problem>,
) -> Vec<T> {
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

/// Reads one table into its mirror. What does not depend on the mirror's type stands in functions
/// of its own, for the Worker carries this one once for every table.
pub fn table<T: DeserializeOwned + Default + Validate>(
    value: Value,
    path: &str,
    problems: &mut Vec<Problem>,
) -> T {
    let known = keys_of::<T>();
    let judge = |alone: Value| T::deserialize(alone).err().map(|error| error.to_string());
    let Some((readable, refused)) = sift(value, path, known, &judge, problems) else {
        return T::default();
    };
    let mirror = T::deserialize(readable).unwrap_or_default();
    if let Err(errors) = mirror.validate() {
        report(&errors, path, known, &refused, problems);
    }
    mirror
}

/// Parts the keys that can be read, as a table, from those of a wrong type. Unknown ones are gone.
fn sift(
    value: Value,
    path: &str,
    known: &[&str],
    judge: &dyn Fn(Value) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> Option<(Value, Vec<String>)> {
    let Value::Object(keys) = value else {
        problems.push(Problem::new(path, "must be a table"));
        return None;
    };
    let (keys, unknown): (Vec<_>, Vec<_>) =
        keys.into_iter().partition(|(key, _)| known.contains(&key.as_str()));
    for (key, _) in unknown {
        problems
            .push(Problem::new(within(path, &key), format!("is unknown; known are {}", known.join(", "))));
    }
    let (mut readable, mut refused) = (Map::new(), Vec::new());
    for (key, value) in keys {
        // Every mirror takes an absent key, so each key can be judged by itself.
        let mut alone = Map::new();
        alone.insert(key.clone(), value.clone());
        match judge(Value::Object(alone)) {
            None => {
                readable.insert(key, value);
            }
            Some(reason) => {
                problems.push(Problem::new(within(path, &key), reason));
                refused.push(key);
            }
        }
    }
    Some((Value::Object(readable), refused))
}

/// Adds what `validator` found, in the mirror's order.
fn report(
    errors: &ValidationErrors,
    path: &str,
    known: &[&str],
    refused: &[String],
    problems: &mut Vec<Problem>,
) {
    let errors = errors.field_errors();
    for key in known.iter().filter(|key| !refused.iter().any(|refused| refused == *key)) {
        if let Some(reasons) = errors.get(*key) {
            let reason = reasons.iter().find_map(|reason| reason.message.as_deref());
            problems.push(Problem::new(within(path, key), reason.unwrap_or("is invalid")));
        }
    }
}

fn within(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The keys that a mirror names, as its derived `Deserialize` tells them.
fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Ask(&'static [&'static str]);

    /// Says nothing, so that no code is linked to say it.
    #[derive(Debug)]
    struct Asked;

    impl fmt::Display for Asked {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Ok(())
        }
    }

    impl std::error::Error for Asked {}

    impl serde::de::Error for Asked {
        fn custom<T: fmt::Display>(_: T) -> Self {
            Self
        }
    }

    impl<'de> Deserializer<'de> for &mut Ask {
        type Error = Asked;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(Asked)
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            self.0 = fields;
            self.deserialize_any(visitor)
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    let mut ask = Ask(&[]);
    let _ = T::deserialize(&mut ask);
    ask.0
}
