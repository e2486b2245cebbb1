//! A ledger's database on a Durable Object.

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::{SqlStorage, SqlStorageValue, Storage};

use crate::fault::Fault;
use crate::ledger::store::{Arg, Cell, Row, Store};

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
    fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Fault> {
        let bind = |arg: &Arg<'_>| match arg {
            Arg::Null => JsValue::NULL,
            #[allow(clippy::cast_precision_loss, reason = "integers stay within 2^53")]
            Arg::Int(number) => JsValue::from_f64(*number as f64),
            Arg::Text(text) => JsValue::from_str(text),
        };
        let failed = |error: worker::Error| Fault::new(format!("SQL: {error}"));
        let cursor = self.sql.exec_raw(sql, args.iter().map(bind).collect::<Vec<_>>()).map_err(failed)?;
        let mut rows = Vec::new();
        for row in cursor.raw() {
            rows.push(Row(row.map_err(failed)?.into_iter().map(cell).collect()));
        }
        Ok(rows)
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

fn cell(value: SqlStorageValue) -> Cell {
    match value {
        SqlStorageValue::Integer(number) => Cell::Int(number),
        SqlStorageValue::String(text) => Cell::Text(text),
        SqlStorageValue::Boolean(truth) => Cell::Int(truth.into()),
        // No column holds these.
        SqlStorageValue::Null | SqlStorageValue::Float(_) | SqlStorageValue::Blob(_) => Cell::Null,
    }
}
