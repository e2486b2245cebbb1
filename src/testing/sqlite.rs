//! SQLite as a ledger's database, within the limits of the platform.

use std::cell::Cell;
use std::rc::Rc;

use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, StatementStatus, ToSql, params_from_iter};

use crate::base::fault::Fault;
use crate::ledger::db::store::{self, Arg, Row, Store};

/// The limits that workerd sets below SQLite's defaults (src/workerd/util/sqlite.c++).
const SQL_LIMITS: [(Limit, i32); 6] = [
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
];

/// Returns a fault with the database's message.
pub fn sql_fault(error: rusqlite::Error) -> Fault {
    Fault::new(format!("SQL: {error}"))
}

/// Opens an empty database with the platform's limits.
///
/// # Errors
/// SQLite's.
pub fn open_in_memory() -> Result<Rc<Connection>, Fault> {
    let connection = Connection::open_in_memory().map_err(sql_fault)?;
    for (limit, value) in SQL_LIMITS {
        connection.set_limit(limit, value).map_err(sql_fault)?;
    }
    Ok(Rc::new(connection))
}

/// A ledger's database on the host.
pub struct SqliteStore {
    connection: Rc<Connection>,
    meter: Rc<Meter>,
}

/// The switch for faults, and the counter of work, that several databases share.
#[derive(Default)]
pub struct Meter {
    /// Makes every statement fail.
    pub refuses: Cell<bool>,
    /// The steps of SQLite's virtual machine so far.
    pub steps: Cell<u64>,
}

impl SqliteStore {
    /// Creates a store over an open database.
    pub fn new(connection: Rc<Connection>) -> Self {
        Self::metered(connection, Rc::default())
    }

    /// Creates a store that counts its work in a meter.
    pub fn metered(connection: Rc<Connection>, meter: Rc<Meter>) -> Self {
        Self { connection, meter }
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Arg::Null => ValueRef::Null,
            Arg::Int(number) => ValueRef::Integer(*number),
            Arg::Text(text) => ValueRef::Text(text.as_bytes()),
            Arg::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Store for SqliteStore {
    fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Fault> {
        if self.meter.refuses.get() {
            return Err(Fault::new("SQL: refused"));
        }
        let run = || -> rusqlite::Result<Vec<Row>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut found = statement.query(params_from_iter(args))?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let cell = |column| {
                    Ok(match row.get_ref(column)? {
                        ValueRef::Integer(number) => store::Cell::Int(number),
                        ValueRef::Text(text) => store::Cell::Text(String::from_utf8_lossy(text).into_owned()),
                        ValueRef::Blob(bytes) => store::Cell::Bytes(bytes.to_vec()),
                        _ => store::Cell::Null,
                    })
                };
                rows.push(Row((0..columns).map(cell).collect::<rusqlite::Result<_>>()?));
            }
            drop(found);
            let steps = statement.reset_status(StatementStatus::VmStep);
            let steps = u64::try_from(steps).unwrap_or(0);
            self.meter.steps.set(self.meter.steps.get() + steps);
            Ok(rows)
        };
        run().map_err(sql_fault)
    }

    fn script(&self, sql: &str) -> Result<(), Fault> {
        // A prepared statement holds one statement only.
        self.connection.execute_batch(sql).map_err(sql_fault)
    }

    fn atomically(&self, step: &mut dyn FnMut() -> Result<(), Fault>) -> Result<(), Fault> {
        // The outermost savepoint is a transaction.
        self.run("SAVEPOINT step", &[])?;
        match step() {
            Ok(()) => self.run("RELEASE step", &[]),
            Err(fault) => {
                let _ = self.connection.execute_batch("ROLLBACK TO step; RELEASE step");
                Err(fault)
            }
        }
    }
}
