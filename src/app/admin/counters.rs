//! `GET /admin/api/counters` and `/keys`: what the ledgers have counted, added up.

use serde_json::json;

use super::error::AdminResult;
use super::merge::merge;
use super::request::AdminRequest;
use crate::app::ports::Ports;
use crate::app::registry;
use crate::http::response::Response;
use crate::ledger::api::{Counters, Keys, Report};
use crate::ledger::nothing_counted;

/// Returns the counters of a campaign, or of all.
pub async fn report(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let [from_ms, to_ms] = request.query.range()?;
    let campaign = request.query.text("campaign");
    let ledgers = request.ledgers(campaign.as_deref()).await?;
    if campaign.is_some() && ledgers.is_empty() {
        return Ok(Response::not_found());
    }
    let mut walk = request.walk(ledgers)?;
    let mut total = nothing_counted();
    while let Some((ledger, _)) = walk.next(1) {
        let query = Counters { campaign: campaign.clone(), from_ms, to_ms };
        let Report(report) = request.ask(&ledger, query).await?;
        total = merge(total, report);
    }
    Ok(walk.respond(total))
}

/// Returns the ids of the keys that rows name, by ledger and keyring.
pub async fn keys_in_use(request: &AdminRequest<'_, impl Ports>) -> AdminResult {
    let mut walk = request.walk(registry::ledgers(request.cx.ports).await?)?;
    let mut all = json!({ "ledgers": [] });
    while let Some((ledger, _)) = walk.next(1) {
        let Report(report) = request.ask(&ledger, Keys {}).await?;
        all = merge(all, report);
    }
    Ok(walk.respond(all))
}
