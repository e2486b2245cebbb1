//! Search for one thing, such as a delivery, in the ledgers that may have it.

use super::error::AdminResult;
use super::request::AdminRequest;
use crate::app::ports::Ports;
use crate::http::response::Response;
use crate::ledger::api::Request;

/// Asks one ledger after the other, or that of the campaign which the query names, and shows the reply of the first
/// that has what is asked for.
pub async fn find<T, R: Request<Reply = Option<T>> + Clone>(
    request: &AdminRequest<'_, impl Ports>,
    operation: R,
    show: impl Fn(T) -> Response,
) -> AdminResult {
    let ledgers = request.ledgers(request.query.text("campaign").as_deref()).await?;
    let mut walk = request.walk(ledgers)?;
    while let Some((ledger, _)) = walk.next(1) {
        if let Some(found) = request.ask(&ledger, operation.clone()).await? {
            return Ok(show(found));
        }
    }
    Ok(walk.next_cursor().map_or_else(Response::not_found, |next| Response::not_found_yet(&next)))
}
