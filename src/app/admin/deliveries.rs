//! Deliveries: a look at them, replaying dead letters, and enabling destinations.

use serde_json::json;

use super::error::{AdminResult, wrong_cursor, wrong_parameter};
use super::pagination::{Part, page};
use super::request::AdminRequest;
use super::search::find;
use crate::app::ports::{MAX_REQUESTS, Ports};
use crate::base::id::DeliveryId;
use crate::base::limits;
use crate::http::response::Response;
use crate::ledger::api::{Conflict, Count, Deliveries, Delivery, Enable, Replay, ReplayAll, Report};
use crate::ledger::{DeliveryState, MAX_REPLAYED};

/// The most deliveries that a request names: an address of 6 KB.
const MAX_NAMED: usize = limits::number("request_ids") as usize;

/// Returns a page of deliveries.
pub async fn list(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let state = request.query.text("state");
    if state.as_deref().is_some_and(|state| DeliveryState::parse(state).is_none()) {
        return Err(wrong_parameter(
            "state",
            "must be pending, paused, delivered, dead, withdrawn or expired",
        ));
    }
    let ids = request.query.text("ids");
    let delivery_ids: Vec<_> = ids.iter().flat_map(|ids| ids.split(',')).map(DeliveryId::from).collect();
    if delivery_ids.len() > MAX_NAMED {
        return Err(wrong_parameter("ids", "must name at most 100"));
    }
    let query = |Part { campaign, after, limit }| {
        let (state, delivery_ids) = (state.clone(), delivery_ids.clone());
        Deliveries { campaign, state, delivery_ids, after, limit }
    };
    page(request, query).await
}

/// Returns one delivery with its attempts.
pub async fn show(request: &AdminRequest<'_, impl Ports>, delivery_id: &str) -> AdminResult {
    let query = Delivery { delivery_id: delivery_id.into() };
    find(request, query, |Report(delivery)| Response::json(&delivery)).await
}

/// Sends a dead letter again.
pub async fn replay(request: &AdminRequest<'_, impl Ports>, delivery_id: &str) -> AdminResult {
    let replay = Replay { delivery_id: delivery_id.into() };
    let show = |replayed| match replayed {
        Ok(Count(count)) => Response::json(&json!({ "replayed": count })),
        Err(Conflict) => Response::conflict("Only a dead delivery can be replayed."),
    };
    find(request, replay, show).await
}

/// Sends every delivery of a campaign again that is dead now. The ledger takes them in parts, so that leads come in
/// between. Where one request is not enough the next one goes on, with the now of the first.
pub async fn replay_all(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let Some(campaign) = request.query.text("campaign") else {
        return Err(wrong_parameter("campaign", "is required"));
    };
    let Some(found) = request.cx.campaign(&campaign).await? else {
        return Ok(Response::not_found());
    };
    let now_ms = request.cx.now_ms();
    let after = request.query.text("after").map(|after| after.parse::<i64>());
    let Ok(to_ms) = after.unwrap_or(Ok(now_ms)) else {
        return Err(wrong_cursor("answer"));
    };
    let to_ms = to_ms.min(now_ms);
    let replay = ReplayAll { campaign, to_ms: Some(to_ms) };
    let mut replayed = 0;
    for _ in 0..MAX_REQUESTS {
        let Count(part) = request.ask(&found.ledger, replay.clone()).await?;
        replayed += part;
        if part < MAX_REPLAYED {
            return Ok(Response::json(&json!({ "replayed": replayed })));
        }
    }
    Ok(Response::json(&json!({ "replayed": replayed, "next": to_ms.to_string() })))
}

/// Gives a destination that answered 410 its deliveries again.
pub async fn enable(
    request: &AdminRequest<'_, impl Ports>,
    campaign: &str,
    destination: &str,
) -> AdminResult {
    let Some(found) = request.cx.campaign(campaign).await? else {
        return Ok(Response::not_found());
    };
    let enable = Enable { campaign: campaign.to_owned(), destination: destination.to_owned() };
    let Count(resumed) = request.ask(&found.ledger, enable).await?;
    Ok(Response::json(&json!({ "resumed": resumed })))
}
