//! `/c/{campaign}`: the address to which forms and programs post, and where they read what a campaign asks for.

use super::{cors, criteria, form, submit};
use crate::app::cx::Cx;
use crate::app::output::Output;
use crate::app::ports::Ports;
use crate::base::url::decoded_lower;
use crate::http::request::{Method, RawRequest};
use crate::http::response::Response;

/// Handles a request to `/c/{campaign}`.
pub async fn handle(cx: Cx<'_, impl Ports>, id: &str, request: &RawRequest) -> Output {
    // Whoever opens the address in a browser is led to the form, however it is written.
    let is_opened = request.method == Method::Get && request.prefers_html();
    let lower = is_opened.then(|| decoded_lower(id));
    let id = lower.as_deref().unwrap_or(id);
    let campaign = match cx.campaign(id).await {
        Ok(Some(campaign)) => campaign,
        Ok(None) => return Response::nothing_here(request).into(),
        Err(fault) => {
            return cors::with_headers(Output::unreadable_campaign(id, request, &fault), None, request);
        }
    };
    let output: Output = match request.method {
        Method::Post => submit::submit(cx, &campaign, request).await,
        Method::Get if is_opened => form::redirect(&campaign.id, request).into(),
        Method::Get => criteria::criteria(cx, &campaign, request).into(),
        Method::Options => cors::preflight(&campaign, request).into(),
        Method::Put | Method::Other => Response::method_not_allowed("GET, POST, OPTIONS").into(),
    };
    cors::with_headers(output, Some(&campaign), request)
}
