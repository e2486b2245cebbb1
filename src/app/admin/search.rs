//! Search for one thing, such as a delivery, in the ledgers that may have it.

use super::error::AdminResult;
use super::request::AdminRequest;
use crate::app::ports::Ports;
use crate::http::response::Response;
use crate::ledger::api::Request;
use crate::ledger::wire::{Call, Reply};

/// Asks one ledger after the other, or that of the campaign which the query names, and shows the reply of the first
/// that has what is asked for.
pub async fn find<T, R: Request<Reply = Option<T>>>(
    request: &AdminRequest<'_, impl Ports>,
    operation: R,
    show: impl Fn(T) -> Response,
) -> AdminResult {
    let reply = first_reply(request, &request.call(operation)).await?;
    Ok(R::read(reply)?.map_or_else(Response::not_found, show))
}

/// Returns the first reply that is not [`Reply::NotFound`].
///
/// # Errors
/// 404 if there is none, with the cursor to go on from if there may be one.
async fn first_reply(request: &AdminRequest<'_, impl Ports>, call: &Call) -> AdminResult<Reply> {
    let ledgers = request.ledgers(request.query.text("campaign").as_deref()).await?;
    let mut walk = request.walk(ledgers)?;
    while let Some((ledger, _)) = walk.next(1) {
        let reply = request.cx.send(&ledger, call).await?;
        if reply != Reply::NotFound {
            return Ok(reply);
        }
    }
    let next = walk.next_cursor();
    Err(next.map_or_else(Response::not_found, |next| Response::not_found_yet(&next)).into())
}
