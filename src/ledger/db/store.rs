//! The database of one ledger: SQLite, on a Durable Object or on the host.

use std::borrow::Cow;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::crypto::from_base64;
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};

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
    /// Bytes. JSON has only their length: they cross beside it, in the arguments' order.
    #[serde(serialize_with = "number_of_bytes")]
    Bytes(Cow<'a, [u8]>),
}

/// The only member of the object that stands for bytes in JSON.
const BYTES: &str = "b";

fn number_of_bytes<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(1))?;
    map.serialize_entry(BYTES, &bytes.len())?;
    map.end()
}

impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Arg<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }
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

macro_rules! arg_of_id {
    ($($id:ty),+) => {
        $(impl<'a> From<&'a $id> for Arg<'a> {
            fn from(id: &'a $id) -> Self {
                Self::Text(Cow::Borrowed(id))
            }
        }

        impl From<$id> for Arg<'_> {
            fn from(id: $id) -> Self {
                Self::Text(Cow::Owned(id.into()))
            }
        })+
    };
}

arg_of_id!(LeadId, SubmissionId, DeliveryId);

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes. In JSON they stand as an object with their base64.
    Bytes(Vec<u8>),
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("a value of a row")
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Cell, E> {
        Ok(Cell::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Cell, E> {
        i64::try_from(number).map(Cell::Int).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Cell, E> {
        Ok(Cell::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        let entry: Option<(String, String)> = map.next_entry()?;
        let bytes = entry.filter(|(name, _)| name == BYTES).and_then(|(_, text)| from_base64(&text));
        bytes.map(Cell::Bytes).ok_or_else(|| A::Error::custom("not bytes"))
    }
}

/// The content of a sealed column: bytes, or a text from before bytes were written.
#[derive(Clone, Debug)]
pub enum SealedCell {
    /// Bytes as the sealer makes them.
    Bytes(Vec<u8>),
    /// A text with its ciphertext in base64url.
    Text(String),
}

impl SealedCell {
    /// Returns whether it has a prefix.
    pub fn starts_with(&self, prefix: &str) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.starts_with(prefix.as_bytes()),
            Self::Text(text) => text.starts_with(prefix),
        }
    }
}

/// One row, by column. Reading moves a text out, so each column is read once.
#[derive(Debug)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// Returns the text in a column.
    ///
    /// # Errors
    /// It holds something else: the row is not what the reader expects.
    pub fn text(&mut self, column: usize) -> Result<String, Fault> {
        match self.take(column) {
            Cell::Text(text) => Ok(text),
            _ => Err(Fault::new("a row is not what its reader expects")),
        }
    }

    /// Returns the text in a column that may be NULL.
    pub fn optional_text(&mut self, column: usize) -> Option<String> {
        self.text(column).ok()
    }

    /// Returns the sealed content of a column. `None` if the column is NULL or an empty text.
    pub fn sealed(&mut self, column: usize) -> Option<SealedCell> {
        match self.take(column) {
            Cell::Bytes(bytes) => Some(SealedCell::Bytes(bytes)),
            Cell::Text(text) => (!text.is_empty()).then_some(SealedCell::Text(text)),
            Cell::Null | Cell::Int(_) => None,
        }
    }

    /// Returns the integer in a column.
    ///
    /// # Errors
    /// It holds something else: the row is not what the reader expects.
    pub fn int(&mut self, column: usize) -> Result<i64, Fault> {
        match self.take(column) {
            Cell::Int(number) => Ok(number),
            _ => Err(Fault::new("a row is not what its reader expects")),
        }
    }

    /// Returns whether a column holds NULL, or is not there.
    pub fn is_null(&self, column: usize) -> bool {
        self.0.get(column).is_none_or(|cell| *cell == Cell::Null)
    }

    fn take(&mut self, column: usize) -> Cell {
        self.0.get_mut(column).map_or(Cell::Null, |cell| std::mem::replace(cell, Cell::Null))
    }
}

/// A statement that writes: its SQL and its arguments.
pub type Write<'a> = (Cow<'static, str>, Vec<Arg<'a>>);

/// The platform's limit of SELECTs in one compound. One in brackets counts as one.
const MAX_SELECTS: usize = 5;

/// Returns the query for the rows of all of these SELECTs, however many there are.
pub(in crate::ledger) fn union_all(mut selects: Vec<String>) -> String {
    while selects.len() > MAX_SELECTS {
        let some = |some: &[String]| format!("SELECT * FROM ({})", some.join(" UNION ALL "));
        selects = selects.chunks(MAX_SELECTS).map(some).collect();
    }
    selects.join(" UNION ALL ")
}

/// Returns, in SQL, a column of milliseconds as RFC 3339 in UTC.
pub(in crate::ledger) fn rfc3339_of(column: &str) -> String {
    format!("strftime('%Y-%m-%dT%H:%M:%fZ', {column} / 1000.0, 'unixepoch')")
}

/// Makes a [`Write`].
pub fn write<'a>(sql: impl Into<Cow<'static, str>>, args: impl Into<Vec<Arg<'a>>>) -> Write<'a> {
    (sql.into(), args.into())
}

/// Returns the write with arguments that it owns.
pub fn owned((sql, args): Write<'_>) -> Write<'static> {
    let args = args.into_iter().map(|arg| match arg {
        Arg::Null => Arg::Null,
        Arg::Int(number) => Arg::Int(number),
        Arg::Text(text) => Arg::Text(text.into_owned().into()),
        Arg::Bytes(bytes) => Arg::Bytes(bytes.into_owned().into()),
    });
    (sql, args.collect())
}

/// A database that runs statements synchronously.
pub trait Store {
    /// Runs one statement and returns its rows.
    ///
    /// # Errors
    /// The database refused or is not there.
    fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Fault>;

    /// Runs the step in one transaction: it is committed whole, or rolled back if it fails. Within another
    /// step it is part of that transaction, which may still undo it.
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

    /// Runs a write.
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

    /// Runs all statements of a text, which have no arguments.
    ///
    /// # Errors
    /// The database refused or is not there; the statements before the refused one were run.
    fn script(&self, sql: &str) -> Result<(), Fault> {
        self.run(sql, &[])
    }

    /// Returns the first row of a statement.
    ///
    /// # Errors
    /// The database refused or is not there.
    fn row(&self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>, Fault> {
        Ok(self.rows(sql, args)?.into_iter().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_cells_have_the_form_that_javascript_reads_and_writes() {
        let args = [Arg::Null, 7.into(), "a".into(), vec![1, 2, 3].into(), Arg::from(&[][..])];
        let json = serde_json::to_string(&args).expect("JSON");
        assert_eq!(json, r#"[null,7,"a",{"b":3},{"b":0}]"#);
        let cells: Vec<Cell> = serde_json::from_str(r#"[null,-7,"a",{"b":"AQID"}]"#).expect("cells");
        let expected = [Cell::Null, Cell::Int(-7), Cell::Text("a".into()), Cell::Bytes(vec![1, 2, 3])];
        assert_eq!(cells, expected);
        for bad in ["1.5", "[]", "{}", r#"{"b":"?"}"#, r#"{"c":"AQID"}"#, r#"{"b":"AQID","c":1}"#] {
            assert!(serde_json::from_str::<Cell>(bad).is_err(), "{bad}");
        }
    }
}
