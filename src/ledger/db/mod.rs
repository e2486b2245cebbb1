//! The database of a ledger: its tables, and the statements over them.

pub(super) mod act;
pub(super) mod audit;
pub(super) mod bucket;
pub(super) mod campaign;
pub(super) mod changes;
pub(super) mod counter;
pub(super) mod delivery;
pub(super) mod engagement;
pub(super) mod funnel;
pub(super) mod idempotency;
pub(super) mod identifier;
pub(super) mod integrity;
pub(super) mod keys;
pub(super) mod lead;
pub(super) mod listed;
mod moving;
pub(super) mod overview;
pub(super) mod queue;
pub(super) mod request;
pub(super) mod row;
pub(super) mod schema;
pub(super) mod shown;
pub(super) mod state;
pub mod store;
pub(super) mod submission;
pub(super) mod submission_move;
pub(super) mod submission_row;
pub(super) mod tables;

use std::cell::Cell;

use serde::Serialize;
use serde_json::{Map, Value};

use self::row::{FromRow, Reader};
use self::store::{Arg, Row, Store, Write};
use self::submission_move::Moving;
use crate::base::fault::Fault;

/// The database of one ledger, its tables up to date.
pub(in crate::ledger) struct Db<S> {
    store: S,
    /// The progress of the submissions' migration to their new table.
    moving: Cell<Moving>,
}

impl<S: Store> Db<S> {
    /// Brings the tables up to date.
    ///
    /// # Errors
    /// The database's, or that its tables are newer than this code.
    pub(in crate::ledger) fn open(store: S) -> Result<Self, Fault> {
        schema::migrate(&store)?;
        Ok(Self { store, moving: Cell::new(Moving::DONE) })
    }

    /// Returns the rows of a statement.
    fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Fault> {
        self.store.rows(sql, args)
    }

    /// Returns the rows of a statement as values.
    fn all<T: FromRow>(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<T>, Fault> {
        let mut all = Vec::new();
        for row in self.store.rows(sql, args)? {
            all.push(Reader::value(row)?);
        }
        Ok(all)
    }

    /// Returns the first row of a statement as a value.
    fn first<T: FromRow>(&self, sql: &str, args: &[Arg<'_>]) -> Result<Option<T>, Fault> {
        self.store.row(sql, args)?.map(Reader::value).transpose()
    }

    /// Returns the only row of a statement that always has one.
    fn only<T: FromRow>(&self, sql: &str, args: &[Arg<'_>]) -> Result<T, Fault> {
        self.first(sql, args)?.ok_or_else(|| Fault::new("a row is missing"))
    }

    /// Returns whether a statement has a row.
    fn exists(&self, sql: &str, args: &[Arg<'_>]) -> Result<bool, Fault> {
        Ok(self.store.row(sql, args)?.is_some())
    }

    /// Runs a statement for its effect.
    fn run(&self, sql: &str, args: &[Arg<'_>]) -> Result<(), Fault> {
        self.store.run(sql, args)
    }

    /// Runs a statement with its arguments.
    fn write(&self, write: &Write<'_>) -> Result<(), Fault> {
        self.store.write(write)
    }

    /// Runs statements in one transaction.
    pub(in crate::ledger) fn write_all(&self, writes: &[Write<'_>]) -> Result<(), Fault> {
        self.store.write_all(writes)
    }

    /// Runs a step in one transaction.
    pub(in crate::ledger) fn atomically(
        &self,
        step: &mut dyn FnMut() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.store.atomically(step)
    }

    /// Returns the JSON objects that a statement makes, one per row.
    fn objects(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Value>, Fault> {
        let mut all = Vec::new();
        for mut row in self.store.rows(sql, args)? {
            all.push(Value::Object(object(&row.text(0)?)?));
        }
        Ok(all)
    }

    /// Returns the key after which the next chunk of so many rows of a table begins. `None` if this chunk is
    /// the last.
    fn end_of_chunk(&self, table: &str, key: &str, after: &str, rows: i64) -> Result<Option<String>, Fault> {
        let sql = format!("SELECT {key} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT 1 OFFSET ?");
        self.first(&sql, &[after.into(), (rows - 1).into()])
    }

    /// Returns whether any list has an entry, and whether there are submissions under leads in each of two
    /// ranges.
    pub(in crate::ledger) fn presence(&self, leads: [[&str; 2]; 2]) -> Result<[bool; 3], Fault> {
        let range = "EXISTS (SELECT 1 FROM submission WHERE lead_id >= ? AND lead_id < ?)";
        let sql = format!("SELECT EXISTS (SELECT 1 FROM listed), {range}, {range}");
        let args: Vec<_> = leads.into_iter().flatten().map(Arg::from).collect();
        let (lists, one, other) = self.only(&sql, &args)?;
        Ok([lists, one, other])
    }

    /// Stores the name under which the ledger was opened first.
    pub(in crate::ledger) fn name_ledger(&self, name: &str) -> Result<(), Fault> {
        let sql = "INSERT INTO meta (key, value) VALUES ('ledger', ?) ON CONFLICT DO NOTHING";
        self.run(sql, &[name.into()])
    }

    /// Returns the value under a key of `meta`.
    pub(in crate::ledger) fn meta(&self, key: &str) -> Result<Option<String>, Fault> {
        let row = self.store.row("SELECT value FROM meta WHERE key = ?", &[key.into()])?;
        row.map(|mut row| row.text(0)).transpose()
    }

    /// Stores a value under a key of `meta`.
    pub(in crate::ledger) fn put_meta(&self, key: &str, value: &str) -> Result<(), Fault> {
        let sql = "INSERT INTO meta (key, value) VALUES (?, ?)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.store.run(sql, &[key.into(), value.into()])
    }
}

/// Parses an object that SQL has made.
pub(in crate::ledger) fn object(text: &str) -> Result<Map<String, Value>, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::new("a row is not what its reader expects"))
}

/// Returns texts as the JSON list that `json_each` reads.
pub(in crate::ledger) fn json_list<T: Serialize>(texts: &[T]) -> Arg<'static> {
    serde_json::to_string(texts).unwrap_or_default().into()
}
