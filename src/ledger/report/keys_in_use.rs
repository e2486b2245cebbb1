//! Keys in use: a key that no row names any more can be destroyed.

use serde_json::json;

use crate::base::fault::Fault;
use crate::ledger::api::Report;
use crate::ledger::config::Config;
use crate::ledger::db::Db;
use crate::ledger::db::store::Store;

/// Reports by keyring the ids of the keys that rows name, each with their number.
pub(in crate::ledger) fn keys_in_use<S: Store>(config: &Config, db: &Db<S>) -> Result<Report, Fault> {
    Ok(Report(json!({ "ledgers": [{ "ledger": config.name, "in_use": db.keys_in_use()? }] })))
}
