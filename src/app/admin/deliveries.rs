//! Deliveries: what became of them, and what an operator does about it.

use serde_json::json;

use super::pagination::page;
use super::walk::MAX_REQUESTS;
use super::{Asked, ledgers, wrong_parameter};
use crate::app::isolate::campaign_cache;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::http::response::Reply;
use crate::ledger::api::{Answer, Operation, Verb};
use crate::ledger::{DELIVERY_STATES, MAX_REPLAYED};

/// Deliveries that a request may name: an address of 6 KB.
const MAX_NAMED: usize = 100;

/// Deliveries, a page of them.
pub async fn list(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let state = asked.query.text("state");
    if state.as_deref().is_some_and(|state| !DELIVERY_STATES.contains(&state)) {
        return Ok(wrong_parameter(
            "state",
            "must be pending, paused, delivered, dead, withdrawn or expired",
        ));
    }
    let ids = asked.query.text("ids");
    let delivery_ids: Vec<_> = ids.iter().flat_map(|ids| ids.split(',')).map(str::to_owned).collect();
    if delivery_ids.len() > MAX_NAMED {
        return Ok(wrong_parameter("ids", "must name at most 100"));
    }
    let operation = Operation { state, delivery_ids, ..asked.operation(Verb::Deliveries) };
    page(ports, asked, operation, "deliveries").await
}

/// Asks one ledger after the other for something that one of them has, or that of the campaign which is named.
pub async fn first_that_knows(
    ports: &impl Ports,
    verb: Verb,
    delivery_id: &str,
    asked: &Asked<'_>,
) -> Result<Reply, Fault> {
    let operation = Operation { delivery_id: Some(delivery_id.to_owned()), ..asked.operation(verb) };
    find(ports, operation, asked).await
}

/// The answer of the first ledger that has what is asked for.
pub async fn find(ports: &impl Ports, operation: Operation, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let ledgers = ledgers(ports, asked.query.text("campaign").as_deref(), asked.moment).await?;
    let mut walk = match asked.walk(ledgers) {
        Ok(walk) => walk,
        Err(reply) => return Ok(reply),
    };
    while let Some((ledger, _)) = walk.next(1) {
        match asked.ask(ports, &ledger, operation.clone()).await? {
            Answer::NotFound => {}
            Answer::Report(report) => return Ok(Reply::json(&report)),
            Answer::Done(count) => return Ok(Reply::json(&json!({ "replayed": count }))),
            Answer::Conflict => return Ok(Reply::conflict("Only a dead delivery can be replayed.")),
            _ => return Err(Fault::new("a ledger gave another answer")),
        }
    }
    Ok(walk.next_cursor().map_or_else(Reply::not_found, |next| Reply::not_found_yet(&next)))
}

/// Sends every delivery of a campaign again that is dead now. The ledger takes them in parts, so that leads
/// come in between. What is more than one request can do the next one does, with the first one's now.
pub async fn replay_all(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let Some(campaign) = asked.query.text("campaign") else {
        return Ok(wrong_parameter("campaign", "is required"));
    };
    let Some(found) = campaign_cache::find(ports, &campaign, asked.moment.now_ms).await? else {
        return Ok(Reply::not_found());
    };
    let after = asked.query.text("after").map(|after| after.parse::<i64>());
    let Ok(to_ms) = after.unwrap_or(Ok(asked.moment.now_ms)) else {
        return Ok(wrong_parameter("after", "must be the next of an earlier answer"));
    };
    let to_ms = to_ms.min(asked.moment.now_ms);
    let operation =
        Operation { campaign: Some(campaign), to_ms: Some(to_ms), ..asked.operation(Verb::ReplayAll) };
    let mut replayed = 0;
    for _ in 0..MAX_REQUESTS {
        let Answer::Done(part) = asked.ask(ports, &found.ledger, operation.clone()).await? else {
            return Err(Fault::new("a ledger gave another answer"));
        };
        replayed += part;
        if part < MAX_REPLAYED {
            return Ok(Reply::json(&json!({ "replayed": replayed })));
        }
    }
    Ok(Reply::json(&json!({ "replayed": replayed, "next": to_ms.to_string() })))
}

/// Lets a destination that answered 410 have its deliveries again.
pub async fn enable(
    ports: &impl Ports,
    campaign: &str,
    destination: &str,
    asked: &Asked<'_>,
) -> Result<Reply, Fault> {
    let operation = Operation {
        campaign: Some(campaign.to_owned()),
        destination: Some(destination.to_owned()),
        ..asked.operation(Verb::Enable)
    };
    let Some(found) = campaign_cache::find(ports, campaign, asked.moment.now_ms).await? else {
        return Ok(Reply::not_found());
    };
    match asked.ask(ports, &found.ledger, operation).await? {
        Answer::Done(count) => Ok(Reply::json(&json!({ "resumed": count }))),
        _ => Err(Fault::new("a ledger gave another answer")),
    }
}
