//! A ledger's database on a Durable Object.

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::{SqlStorage, SqlStorageValue, Storage};

use crate::fault::Fault;
use crate::ledger::store::{Arg, Store};

#[wasm_bindgen]
extern "C" {
    /// `DurableObjectStorage`, for the method that `worker` does not bind.
    type Transactions;

    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &Transactions,
        step: &mut dyn FnMut() -> Result<(), JsValue>,
    ) -> Result<JsValue, JsValue>;
}

/// SQLite of the object.
pub struct ObjectStore {
    sql: SqlStorage,
    transactions: Transactions,
}

impl ObjectStore {
    pub fn new(storage: &Storage) -> Self {
        let raw: &JsValue = storage.as_raw().as_ref();
        Self { sql: storage.sql(), transactions: raw.clone().unchecked_into() }
    }
}

impl Store for ObjectStore {
    fn texts(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<String>, Fault> {
        let bind = |arg: &Arg<'_>| match arg {
            Arg::Null => JsValue::NULL,
            #[allow(clippy::cast_precision_loss, reason = "integers stay within 2^53")]
            Arg::Int(number) => JsValue::from_f64(*number as f64),
            Arg::Text(text) => JsValue::from_str(text),
        };
        let failed = |error: worker::Error| Fault::new(format!("SQL: {error}"));
        let cursor = self.sql.exec_raw(sql, args.iter().map(bind).collect::<Vec<_>>()).map_err(failed)?;
        let first = |row: worker::Result<Vec<SqlStorageValue>>| match row.map_err(failed)?.into_iter().next() {
            Some(SqlStorageValue::String(text)) => Ok(text),
            Some(SqlStorageValue::Integer(number)) => Ok(number.to_string()),
            Some(SqlStorageValue::Float(number)) => Ok(number.to_string()),
            _ => Err(Fault::new("SQL: a row without a text")),
        };
        cursor.raw().map(first).collect()
    }

    fn atomically(&self, step: &mut dyn FnMut() -> Result<(), Fault>) -> Result<(), Fault> {
        let mut failure = None;
        // A step that throws is rolled back; what it failed of is carried out beside the exception.
        let result = self.transactions.transaction_sync(&mut || {
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
