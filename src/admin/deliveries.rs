//! Deliveries: what became of them, and what an operator does about it.

use serde_json::json;

use super::pages::page;
use super::{Asked, registry, wrong_parameter};
use crate::campaigns;
use crate::fault::Fault;
use crate::ledger::message::{Answer, Operation, Verb};
use crate::ports::Ports;
use crate::reply::Reply;

/// Deliveries, a page of them.
pub async fn list(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let state = asked.query.text("state");
    let states = ["pending", "paused", "delivered", "dead", "withdrawn", "expired"];
    if state.as_deref().is_some_and(|state| !states.contains(&state)) {
        return Ok(wrong_parameter(
            "state",
            "must be pending, paused, delivered, dead, withdrawn or expired",
        ));
    }
    let operation = Operation { state, ..asked.operation(Verb::Deliveries) };
    page(ports, asked, operation, "deliveries").await
}

/// Asks one ledger after the other for something that one of them has.
pub async fn first_that_knows(
    ports: &impl Ports,
    verb: Verb,
    delivery_id: &str,
    asked: &Asked<'_>,
) -> Result<Reply, Fault> {
    let operation = Operation { delivery_id: Some(delivery_id.to_owned()), ..asked.operation(verb) };
    for ledger in registry(ports).await? {
        match asked.ask(ports, &ledger, operation.clone()).await? {
            Answer::NotFound => {}
            Answer::Report(report) => return Ok(Reply::json(&report)),
            Answer::Done(count) => return Ok(Reply::json(&json!({ "replayed": count }))),
            Answer::Conflict => return Ok(Reply::conflict("Only a dead delivery can be replayed.")),
            _ => return Err(Fault::new("a ledger gave another answer")),
        }
    }
    Ok(Reply::not_found())
}

/// Sends every dead delivery of a campaign again.
pub async fn replay_all(ports: &impl Ports, asked: &Asked<'_>) -> Result<Reply, Fault> {
    let Some(campaign) = asked.query.text("campaign") else {
        return Ok(wrong_parameter("campaign", "is required"));
    };
    let operation = Operation { campaign: Some(campaign), ..asked.operation(Verb::ReplayAll) };
    one_ledger(ports, operation, asked, "replayed").await
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
    one_ledger(ports, operation, asked, "resumed").await
}

/// Asks the campaign's ledger for something that it does to so many.
async fn one_ledger(
    ports: &impl Ports,
    operation: Operation,
    asked: &Asked<'_>,
    done: &str,
) -> Result<Reply, Fault> {
    let campaign = operation.campaign.as_deref().unwrap_or_default();
    let Some(found) = campaigns::find(ports, campaign, asked.moment.now_ms).await? else {
        return Ok(Reply::not_found());
    };
    match asked.ask(ports, &found.ledger, operation).await? {
        Answer::Done(count) => Ok(Reply::json(&json!({ done: count }))),
        _ => Err(Fault::new("a ledger gave another answer")),
    }
}
