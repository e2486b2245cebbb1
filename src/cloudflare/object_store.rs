//! The SQLite database of a Durable Object as a ledger's store.

use std::cell::RefCell;
use std::collections::BTreeMap;

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};

use super::glue;
use super::runtime::message_of;
use crate::base::fault::Fault;
use crate::ledger::db::store::{Arg, Cell, Row, Store, Write};

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectStorage`, for the method that `worker` does not bind.
    type ObjectStorage;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &ObjectStorage,
        step: &mut dyn FnMut() -> Result<(), JsValue>,
    ) -> Result<JsValue, JsValue>;
}

/// The object's database.
pub struct ObjectStore {
    storage: ObjectStorage,
}

impl ObjectStore {
    /// Creates a store over `DurableObjectStorage`.
    pub fn new(storage: &JsValue) -> Self {
        Self { storage: storage.clone().unchecked_into() }
    }
}

thread_local! {
    static PREPARED: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) };
}

/// Returns the number under which JavaScript knows a statement, whose text crosses once. There are some dozens of
/// statements.
fn prepared(sql: &str) -> u32 {
    PREPARED.with_borrow_mut(|known| match known.get(sql) {
        Some(number) => *number,
        None => {
            let number = glue::prepare(sql);
            known.insert(sql.to_owned(), number);
            number
        }
    })
}

/// Returns an exception of the database as a fault.
fn failed(error: &JsValue) -> Fault {
    Fault::new(format!("SQL: {}", message_of(error)))
}

/// Joins the bytes among arguments. JSON has the length of each.
fn bytes_of<'a>(args: impl IntoIterator<Item = &'a Arg<'a>>) -> Vec<u8> {
    let mut all = Vec::new();
    for arg in args {
        if let Arg::Bytes(bytes) = arg {
            all.extend_from_slice(bytes);
        }
    }
    all
}

impl Store for ObjectStore {
    fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Fault> {
        let arguments = serde_json::to_string(args).unwrap_or_default();
        let rows = glue::query(&self.storage, prepared(sql), &arguments, &bytes_of(args));
        let rows = rows.map_err(|error| failed(&error))?;
        let Some(rows) = rows else { return Ok(Vec::new()) };
        let unreadable = |_| Fault::new("SQL: unreadable rows");
        let rows: Vec<Vec<Cell>> = serde_json::from_str(&rows).map_err(unreadable)?;
        Ok(rows.into_iter().map(Row).collect())
    }

    fn write_all(&self, writes: &[Write<'_>]) -> Result<(), Fault> {
        let bytes = bytes_of(writes.iter().flat_map(|(_, args)| args));
        let writes: Vec<_> = writes.iter().map(|(sql, args)| (prepared(sql), args)).collect();
        let writes = serde_json::to_string(&writes).unwrap_or_default();
        glue::write_all(&self.storage, &writes, &bytes).map_err(|error| failed(&error))
    }

    fn atomically(&self, step: &mut dyn FnMut() -> Result<(), Fault>) -> Result<(), Fault> {
        let mut failure = None;
        // An exception rolls the step back; its fault is carried out beside the exception.
        let result = self.storage.transaction_sync(&mut || {
            step().map_err(|fault| {
                failure = Some(fault);
                JsValue::from_str("rolled back")
            })
        });
        match (failure, result) {
            (Some(fault), _) => Err(fault),
            (None, Err(_)) => Err(Fault::new("SQL: the transaction failed")),
            (None, Ok(_)) => Ok(()),
        }
    }
}
