//! Pages over several ledgers.

use serde_json::json;

use super::error::AdminResult;
use super::request::AdminRequest;
use super::walk::cursor;
use crate::app::ports::Ports;
use crate::http::response::Response;
use crate::ledger::api::{Page, Request, read_reply};
use crate::ledger::wire::Call;

/// The entries of a page unless the operator says otherwise.
const DEFAULT_ENTRIES: i64 = 50;

/// The part of a page that one ledger is asked for.
pub struct Part {
    /// The campaign that it is limited to, by its id.
    pub campaign: Option<String>,
    /// The cursor behind which it begins.
    pub after: Option<String>,
    /// The most entries.
    pub limit: Option<i64>,
}

/// Returns the page that a query asks for, of one campaign's ledger or of all. `query` makes the operation that asks a
/// ledger for its part.
pub async fn page<R: Request<Reply = Page>>(
    request: &AdminRequest<'_, impl Ports>,
    query: impl Fn(Part) -> R,
) -> AdminResult {
    page_of(request, R::KEY, &|part| request.call(query(part))).await
}

/// Returns the page whose entries replies have under a key.
async fn page_of(
    request: &AdminRequest<'_, impl Ports>,
    key: &str,
    call: &dyn Fn(Part) -> Call,
) -> AdminResult {
    let limit = request.query.limit(DEFAULT_ENTRIES)?;
    let campaign = request.query.text("campaign");
    let mut walk = request.walk(request.ledgers(campaign.as_deref()).await?)?;
    let mut found = Vec::new();
    while let Some((ledger, after)) = walk.next(1) {
        let room = limit - i64::try_from(found.len()).unwrap_or(limit);
        let part = Part { campaign: campaign.clone(), after, limit: Some(room) };
        let reply = request.cx.send(&ledger, &call(part)).await?;
        let page: Page = read_reply(reply, key)?;
        found.extend(page.entries);
        if let Some(next) = page.next {
            return Ok(Response::json(&json!({ key: found, "next": cursor(&ledger, &next) })));
        }
    }
    Ok(Response::json(&json!({ key: found, "next": walk.next_cursor() })))
}
