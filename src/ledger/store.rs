//! The database of one ledger: SQLite, on a Durable Object or on the host.

use serde::de::DeserializeOwned;

use crate::fault::Fault;

/// A statement's argument. Integers stay within ±2^53, for they pass through JavaScript numbers.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(&'a str),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Runs statements, synchronously.
pub trait Store {
    /// Runs one statement and gives the first column of each row, as text.
    ///
    /// # Errors
    /// The database refused or is not there.
    fn texts(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<String>, Fault>;

    /// Runs the step in one transaction: all of it is kept, or nothing where it fails.
    ///
    /// # Errors
    /// The step's own, or the database's.
    fn atomically(&self, step: &mut dyn FnMut() -> Result<(), Fault>) -> Result<(), Fault>;

    /// Runs one statement for its effect.
    ///
    /// # Errors
    /// The database refused or is not there.
    fn run(&self, sql: &str, args: &[Arg<'_>]) -> Result<(), Fault> {
        self.texts(sql, args).map(|_| ())
    }

    /// Rows whose first column is a JSON text, decoded.
    ///
    /// # Errors
    /// As [`Store::texts`], or a row is not what the reader expects.
    fn rows<T: DeserializeOwned>(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<T>, Fault>
    where
        Self: Sized,
    {
        let decode = |text: String| {
            serde_json::from_str(&text).map_err(|error| Fault::new(format!("a row is unreadable: {error}")))
        };
        self.texts(sql, args)?.into_iter().map(decode).collect()
    }
}
