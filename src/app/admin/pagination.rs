//! Pages over several ledgers.

use serde_json::json;

use super::walk::within;
use super::{Asked, ledgers, wrong_parameter};
use crate::app::cx::Cx;
use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::http::response::Response;
use crate::ledger::api::{Page, Request};

/// Entries of a page unless the operator says otherwise.
const DEFAULT_PAGE: i64 = 50;

/// The part of a page that one ledger is asked for.
pub struct Part {
    /// Of one campaign, by its id.
    pub campaign: Option<String>,
    /// Behind this entry.
    pub after: Option<String>,
    /// At most so many.
    pub limit: Option<i64>,
}

/// Answers with the page that a query asks for, of one campaign's ledger or of all. `request` makes what a ledger
/// is asked for its part.
pub async fn page<R: Request<Reply = Page>>(
    cx: Cx<'_, impl Ports>,
    asked: &Asked<'_>,
    request: impl Fn(Part) -> R,
) -> Result<Response, Fault> {
    let limit = asked.query.text("limit").map(|text| text.parse::<i64>().ok().filter(|limit| *limit > 0));
    let Some(limit) = limit.unwrap_or(Some(DEFAULT_PAGE)) else {
        return Ok(wrong_parameter("limit", "must be a number above 0"));
    };
    let campaign = asked.query.text("campaign");
    let ledgers = ledgers(cx, campaign.as_deref()).await?;
    let mut walk = match asked.walk(ledgers) {
        Ok(walk) => walk,
        Err(response) => return Ok(response),
    };
    let mut found = Vec::new();
    while let Some((ledger, after)) = walk.next(1) {
        let room = limit - i64::try_from(found.len()).unwrap_or(limit);
        let part = Part { campaign: campaign.clone(), after, limit: Some(room) };
        let page = asked.ask(cx, &ledger, request(part)).await?;
        found.extend(page.entries);
        if let Some(next) = page.next {
            return Ok(Response::json(&json!({ R::KEY: found, "next": within(&ledger, &next) })));
        }
    }
    Ok(Response::json(&json!({ R::KEY: found, "next": walk.next_cursor() })))
}
