//! Pages over several ledgers.

use serde_json::{Value, json};

use super::walk::within;
use super::{Asked, ledgers, wrong_parameter};
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::http::response::Reply;
use crate::ledger::api::{Answer, Operation};

/// Entries of a page unless the operator says otherwise.
const DEFAULT_PAGE: i64 = 50;

/// The page that a query asks for, of one campaign's ledger or of all. `operation` asks a ledger for its
/// part; the entries stand under `key` in its answer and in this one.
pub async fn page(
    ports: &impl Ports,
    asked: &Asked<'_>,
    operation: Operation,
    key: &str,
) -> Result<Reply, Fault> {
    let limit = asked.query.text("limit").map(|text| text.parse::<i64>().ok().filter(|limit| *limit > 0));
    let Some(limit) = limit.unwrap_or(Some(DEFAULT_PAGE)) else {
        return Ok(wrong_parameter("limit", "must be a number above 0"));
    };
    let campaign = asked.query.text("campaign");
    let ledgers = ledgers(ports, campaign.as_deref(), asked.moment).await?;
    let mut walk = match asked.walk(ledgers) {
        Ok(walk) => walk,
        Err(reply) => return Ok(reply),
    };
    let mut found = Vec::new();
    while let Some((ledger, after)) = walk.next(1) {
        let room = limit - i64::try_from(found.len()).unwrap_or(limit);
        let operation =
            Operation { campaign: campaign.clone(), after, limit: Some(room), ..operation.clone() };
        let Answer::Report(report) = asked.ask(ports, &ledger, operation).await? else {
            return Err(Fault::new("a ledger gave another answer"));
        };
        found.extend(report.get(key).and_then(Value::as_array).cloned().unwrap_or_default());
        if let Some(next) = report.get("next").and_then(Value::as_str) {
            return Ok(Reply::json(&json!({ key: found, "next": within(&ledger, next) })));
        }
    }
    Ok(Reply::json(&json!({ key: found, "next": walk.next_cursor() })))
}
