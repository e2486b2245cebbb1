//! Deliveries: what became of them, and what an operator does about it.

use serde_json::json;

use super::pagination::{Part, page};
use super::walk::MAX_REQUESTS;
use super::{Asked, ledgers, wrong_parameter};
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::base::id::DeliveryId;
use crate::base::limits;
use crate::http::response::Response;
use crate::ledger::api::{Conflict, Count, Deliveries, Delivery, Enable, Replay, ReplayAll, Report, Request};
use crate::ledger::{DeliveryState, MAX_REPLAYED};

/// Deliveries that a request may name: an address of 6 KB.
const MAX_NAMED: usize = limits::number("request_ids") as usize;

/// Deliveries, a page of them.
pub async fn list(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let state = asked.query.text("state");
    if state.as_deref().is_some_and(|state| DeliveryState::parse(state).is_none()) {
        return Ok(wrong_parameter(
            "state",
            "must be pending, paused, delivered, dead, withdrawn or expired",
        ));
    }
    let ids = asked.query.text("ids");
    let delivery_ids: Vec<_> = ids.iter().flat_map(|ids| ids.split(',')).map(DeliveryId::from).collect();
    if delivery_ids.len() > MAX_NAMED {
        return Ok(wrong_parameter("ids", "must name at most 100"));
    }
    let query = |Part { campaign, after, limit }| {
        let (state, delivery_ids) = (state.clone(), delivery_ids.clone());
        Deliveries { campaign, state, delivery_ids, after, limit }
    };
    page(cx, asked, query).await
}

/// One delivery with its attempts.
pub async fn show(cx: Cx<'_, impl Ports>, delivery_id: &str, asked: &Asked<'_>) -> Result<Response, Fault> {
    let query = Delivery { delivery_id: delivery_id.into() };
    find(cx, asked, query, |Report(delivery)| Response::json(&delivery)).await
}

/// Sends a dead delivery again.
pub async fn replay(cx: Cx<'_, impl Ports>, delivery_id: &str, asked: &Asked<'_>) -> Result<Response, Fault> {
    let request = Replay { delivery_id: delivery_id.into() };
    let show = |replayed| match replayed {
        Ok(Count(count)) => Response::json(&json!({ "replayed": count })),
        Err(Conflict) => Response::conflict("Only a dead delivery can be replayed."),
    };
    find(cx, asked, request, show).await
}

/// Asks one ledger after the other, or that of the campaign which is named, and shows the reply of the first that
/// has what is asked for.
pub async fn find<T, R: Request<Reply = Option<T>> + Clone>(
    cx: Cx<'_, impl Ports>,
    asked: &Asked<'_>,
    request: R,
    show: impl Fn(T) -> Response,
) -> Result<Response, Fault> {
    let ledgers = ledgers(cx, asked.query.text("campaign").as_deref()).await?;
    let mut walk = match asked.walk(ledgers) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    while let Some((ledger, _)) = walk.next(1) {
        if let Some(found) = asked.ask(cx, &ledger, request.clone()).await? {
            return Ok(show(found));
        }
    }
    Ok(walk.next_cursor().map_or_else(Response::not_found, |next| Response::not_found_yet(&next)))
}

/// Sends every delivery of a campaign again that is dead now. The ledger takes them in parts, so that leads
/// come in between. What is more than one request can do the next one does, with the first one's now.
pub async fn replay_all(cx: Cx<'_, impl Ports>, asked: &Asked<'_>) -> Result<Response, Fault> {
    let Some(campaign) = asked.query.text("campaign") else {
        return Ok(wrong_parameter("campaign", "is required"));
    };
    let Some(found) = cx.campaign(&campaign).await? else {
        return Ok(Response::not_found());
    };
    let after = asked.query.text("after").map(|after| after.parse::<i64>());
    let Ok(to_ms) = after.unwrap_or(Ok(cx.now_ms())) else {
        return Ok(wrong_parameter("after", "must be the next of an earlier answer"));
    };
    let to_ms = to_ms.min(cx.now_ms());
    let request = ReplayAll { campaign, to_ms: Some(to_ms) };
    let mut replayed = 0;
    for _ in 0..MAX_REQUESTS {
        let Count(part) = asked.ask(cx, &found.ledger, request.clone()).await?;
        replayed += part;
        if part < MAX_REPLAYED {
            return Ok(Response::json(&json!({ "replayed": replayed })));
        }
    }
    Ok(Response::json(&json!({ "replayed": replayed, "next": to_ms.to_string() })))
}

/// Lets a destination that answered 410 have its deliveries again.
pub async fn enable(
    cx: Cx<'_, impl Ports>,
    campaign: &str,
    destination: &str,
    asked: &Asked<'_>,
) -> Result<Response, Fault> {
    let request = Enable { campaign: campaign.to_owned(), destination: destination.to_owned() };
    let Some(found) = cx.campaign(campaign).await? else {
        return Ok(Response::not_found());
    };
    let Count(resumed) = asked.ask(cx, &found.ledger, request).await?;
    Ok(Response::json(&json!({ "resumed": resumed })))
}
