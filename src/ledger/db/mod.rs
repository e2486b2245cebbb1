//! The database of a ledger: its tables, and the statements over them.

pub(super) mod funnel;
pub(super) mod rows;
pub(super) mod schema;
pub mod store;
pub(super) mod submission_move;
pub(super) mod submission_state;
pub(super) mod tables;

use serde_json::{Map, Value};

use self::store::{Arg, Row, Store, Write};
use crate::base::fault::Fault;

/// The database of one ledger, its tables up to date.
pub(in crate::ledger) struct Db<S> {
    store: S,
}

impl<S: Store> Db<S> {
    /// Brings the tables up to date.
    ///
    /// # Errors
    /// The database's, or that its tables are newer than this code.
    pub(in crate::ledger) fn open(store: S) -> Result<Self, Fault> {
        schema::migrate(&store)?;
        Ok(Self { store })
    }

    /// Returns the rows of a statement.
    pub(in crate::ledger) fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Fault> {
        self.store.rows(sql, args)
    }

    /// Returns the first row of a statement.
    pub(in crate::ledger) fn row(&self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>, Fault> {
        self.store.row(sql, args)
    }

    /// Runs a statement for its effect.
    pub(in crate::ledger) fn run(&self, sql: &str, args: &[Arg<'_>]) -> Result<(), Fault> {
        self.store.run(sql, args)
    }

    /// Runs a statement with its arguments.
    pub(in crate::ledger) fn write(&self, write: &Write<'_>) -> Result<(), Fault> {
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

    /// Returns the JSON objects that a statement makes, one a row.
    pub(in crate::ledger) fn objects(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Value>, Fault> {
        let mut all = Vec::new();
        for mut row in self.store.rows(sql, args)? {
            all.push(Value::Object(object(&row.text(0)?)?));
        }
        Ok(all)
    }

    /// Returns the value under a key of `meta`.
    pub(in crate::ledger) fn meta(&self, key: &str) -> Result<Option<String>, Fault> {
        let row = self.store.row("SELECT value FROM meta WHERE key = ?", &[key.into()])?;
        row.map(|mut row| row.text(0)).transpose()
    }

    /// Keeps a value under a key of `meta`.
    pub(in crate::ledger) fn put_meta(&self, key: &str, value: &str) -> Result<(), Fault> {
        let sql = "INSERT INTO meta (key, value) VALUES (?, ?)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.store.run(sql, &[key.into(), value.into()])
    }
}

/// Reads an object that SQL has made.
pub(in crate::ledger) fn object(text: &str) -> Result<Map<String, Value>, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::new("a row is not what its reader expects"))
}
