//! What the ledgers have counted, added up.

use serde_json::{Value, json};

use super::{Asked, ledgers, range, registry};
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::http::response::Response;
use crate::ledger::api::{Counters, Keys, Report};
use crate::ledger::nothing_counted;

/// The counters of a campaign, or of all.
pub async fn report(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let [from_ms, to_ms] = match range(&asked.query) {
        Ok(range) => range,
        Err(response) => return Ok(response),
    };
    let campaign = asked.query.text("campaign");
    let ledgers = ledgers(cx, campaign.as_deref()).await?;
    if campaign.is_some() && ledgers.is_empty() {
        return Ok(Response::not_found());
    }
    let mut walk = match asked.walk(ledgers) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    let mut total = nothing_counted();
    while let Some((ledger, _)) = walk.next(1) {
        let query = Counters { campaign: campaign.clone(), from_ms, to_ms };
        let Report(report) = asked.ask(cx, &ledger, query).await?;
        total = added(total, report);
    }
    Ok(walk.answer(total))
}

/// Two reports as one: numbers are added, lists joined.
pub fn added(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Object(mut left), Value::Object(right)) => {
            for (key, value) in right {
                let sum = added(left.remove(&key).unwrap_or(Value::Null), value);
                left.insert(key, sum);
            }
            Value::Object(left)
        }
        (Value::Array(mut left), Value::Array(right)) => {
            left.extend(right);
            Value::Array(left)
        }
        (Value::Number(left), Value::Number(right)) => {
            json!(left.as_i64().unwrap_or(0) + right.as_i64().unwrap_or(0))
        }
        (_, right) => right,
    }
}

/// The ids of the keys that rows name, by ledger and ring.
pub async fn keys_in_use(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let mut walk = match asked.walk(registry(cx.ports).await?) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    let mut all = json!({ "ledgers": [] });
    while let Some((ledger, _)) = walk.next(1) {
        let Report(report) = asked.ask(cx, &ledger, Keys {}).await?;
        all = added(all, report);
    }
    Ok(walk.answer(all))
}
