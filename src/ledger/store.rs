//! The database of one ledger: SQLite, on a Durable Object or on the host.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// The largest integer that JavaScript holds exactly.
pub const MAX_SAFE: i64 = (1 << 53) - 1;

/// A statement's argument. Integers stay within ±2^53, for they pass through JavaScript numbers.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Arg<'a> {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(Cow<'a, str>),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Option<&'a str>> for Arg<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::from)
    }
}

impl From<Option<i64>> for Arg<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Int)
    }
}

impl From<i64> for Arg<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// A value of a row.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub enum Cell {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
}

/// One row, by column. Reading moves a text out, so each column is read once.
#[derive(Debug)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// The text in a column.
    ///
    /// # Errors
    /// It holds something else: the row is not what the reader expects.
    pub fn text(&mut self, column: usize) -> Result<String, Fault> {
        match self.take(column) {
            Cell::Text(text) => Ok(text),
            _ => Err(Fault::new("a row is not what its reader expects")),
        }
    }

    /// The text in a column that may be NULL.
    pub fn optional_text(&mut self, column: usize) -> Option<String> {
        self.text(column).ok()
    }

    /// The integer in a column.
    ///
    /// # Errors
    /// It holds something else: the row is not what the reader expects.
    pub fn int(&mut self, column: usize) -> Result<i64, Fault> {
        match self.take(column) {
            Cell::Int(number) => Ok(number),
            _ => Err(Fault::new("a row is not what its reader expects")),
        }
    }

    fn take(&mut self, column: usize) -> Cell {
        self.0.get_mut(column).map_or(Cell::Null, |cell| std::mem::replace(cell, Cell::Null))
    }
}

/// A statement that writes: its SQL and its arguments.
pub type Write<'a> = (Cow<'static, str>, Vec<Arg<'a>>);

/// The platform's limit of SELECTs in one compound. One in brackets counts as one.
const MAX_SELECTS: usize = 5;

/// The rows of all of these SELECTs, however many they are.
pub(super) fn union_all(mut selects: Vec<String>) -> String {
    while selects.len() > MAX_SELECTS {
        let some = |some: &[String]| format!("SELECT * FROM ({})", some.join(" UNION ALL "));
        selects = selects.chunks(MAX_SELECTS).map(some).collect();
    }
    selects.join(" UNION ALL ")
}

/// A [`Write`].
pub fn write<'a>(sql: impl Into<Cow<'static, str>>, args: impl Into<Vec<Arg<'a>>>) -> Write<'a> {
    (sql.into(), args.into())
}

/// The same, of arguments that it owns.
pub fn owned((sql, args): Write<'_>) -> Write<'static> {
    let args = args.into_iter().map(|arg| match arg {
        Arg::Null => Arg::Null,
        Arg::Int(number) => Arg::Int(number),
        Arg::Text(text) => Arg::Text(text.into_owned().into()),
    });
    (sql, args.collect())
}

/// Runs statements, synchronously.
pub trait Store {
    /// Runs one statement and gives its rows.
    ///
    /// # Errors
    /// The database refused or is not there.
    fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Fault>;

    /// Runs the step in one transaction: all of it is kept, or nothing where it fails. Within another
    /// step it is a part of that one's transaction, which may still undo it.
    ///
    /// # Errors
    /// The step's own, or the database's.
    fn atomically(&self, step: &mut dyn FnMut() -> Result<(), Fault>) -> Result<(), Fault>;

    /// Runs the statements in one transaction.
    ///
    /// # Errors
    /// The database's; nothing was written then.
    fn write_all(&self, writes: &[Write<'_>]) -> Result<(), Fault> {
        self.atomically(&mut || writes.iter().try_for_each(|write| self.write(write)))
    }

    /// Runs one of them.
    ///
    /// # Errors
    /// The database's.
    fn write(&self, (sql, args): &Write<'_>) -> Result<(), Fault> {
        self.run(sql, args)
    }

    /// Runs one statement for its effect.
    ///
    /// # Errors
    /// The database refused or is not there.
    fn run(&self, sql: &str, args: &[Arg<'_>]) -> Result<(), Fault> {
        self.rows(sql, args).map(|_| ())
    }

    /// The first row.
    ///
    /// # Errors
    /// The database refused or is not there.
    fn row(&self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, args)?.into_iter().next())
    }
}
