//! The ledgers of a world: real ones over SQLite, and the objects that drive them, with faults on the way.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use rusqlite::Connection;

use super::sqlite::{Meter, SqliteStore, open_in_memory, sql_fault};
use crate::app::conductor::Conductor;
use crate::base::fault::Fault;
use crate::ledger::Ledger;
use crate::settings::Settings;

/// The behaviour of the connection to the ledgers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerMode {
    /// Messages are answered.
    #[default]
    Up,
    /// Messages are lost.
    LosesRequests,
    /// Messages are handled, and their replies lost.
    LosesAnswers,
    /// The database refuses every statement.
    RefusesStatements,
}

/// The object of a ledger.
pub type Object = Conductor<SqliteStore>;

/// All ledgers, by name.
#[derive(Default)]
pub struct Ledgers {
    databases: RefCell<BTreeMap<String, Rc<Connection>>>,
    objects: RefCell<BTreeMap<String, Rc<Object>>>,
    meter: Rc<Meter>,
    /// The behaviour of the connection.
    pub mode: Cell<LedgerMode>,
}

impl Ledgers {
    /// Returns the names of the ledgers that have ever received a message.
    pub fn names(&self) -> Vec<String> {
        self.databases.borrow().keys().cloned().collect()
    }

    /// Returns the database of a ledger.
    pub fn database(&self, name: &str) -> Option<Rc<Connection>> {
        self.databases.borrow().get(name).cloned()
    }

    /// Sets if every statement of every database is refused.
    pub fn set_refuses_statements(&self, refuses: bool) {
        self.meter.refuses.set(refuses);
    }

    /// Returns the steps that the databases have taken since the last call.
    pub fn take_steps(&self) -> u64 {
        self.meter.steps.take()
    }

    /// Creates a ledger's database from statements.
    ///
    /// # Errors
    /// The database's.
    pub fn restore(&self, name: &str, statements: &str) -> Result<(), Fault> {
        let connection = open_in_memory()?;
        connection.execute_batch(statements).map_err(sql_fault)?;
        self.databases.borrow_mut().insert(name.to_owned(), connection);
        Ok(())
    }

    /// Stops every object; the databases stay.
    pub fn evict(&self) {
        self.objects.borrow_mut().clear();
    }

    /// Returns the object of a ledger, started if it is not running.
    ///
    /// # Errors
    /// The database's.
    pub fn open(&self, name: &str, settings: &Settings, now_ms: i64) -> Result<Rc<Object>, Fault> {
        if let Some(object) = self.objects.borrow().get(name) {
            return Ok(Rc::clone(object));
        }
        let connection = match self.database(name) {
            Some(connection) => connection,
            None => {
                let opened = open_in_memory()?;
                self.databases.borrow_mut().insert(name.to_owned(), Rc::clone(&opened));
                opened
            }
        };
        let store = SqliteStore::metered(connection, Rc::clone(&self.meter));
        let object = Conductor::new(Ledger::open(store, name, settings, now_ms)?);
        self.objects.borrow_mut().insert(name.to_owned(), Rc::clone(&object));
        Ok(object)
    }
}
