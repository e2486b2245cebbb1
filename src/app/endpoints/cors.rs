//! CORS (Fetch standard): the access of scripts of other origins to a campaign.

use crate::app::output::Output;
use crate::campaign::Campaign;
use crate::http::request::RawRequest;
use crate::http::response::Response;

/// The most characters of the header names that a page asks to send; a page's tracing has some five names.
const MAX_REQUESTED_HEADERS: usize = 2_000;

/// Answers a preflight request.
pub fn preflight(campaign: &Campaign, request: &RawRequest) -> Response {
    let response = Response::no_content();
    if !is_allowed(campaign, request) {
        return response;
    }
    // Nothing here reads the headers that a page's tracing adds to its requests.
    let requested = request.requested_headers.as_deref().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_, ".contains(c);
    let is_sound = requested.len() <= MAX_REQUESTED_HEADERS && requested.chars().all(is_name);
    let more = if requested.is_empty() || !is_sound { String::new() } else { format!(", {requested}") };
    response
        .with("access-control-allow-methods", "GET, POST")
        .with("access-control-allow-headers", format!("Content-Type, Idempotency-Key{more}"))
        .with("access-control-max-age", "86400")
}

/// Adds the headers to a response. The one origin that matches is echoed; any other gets none, whatever the response.
pub fn with_headers(mut output: Output, campaign: Option<&Campaign>, request: &RawRequest) -> Output {
    let mut response = output.response;
    if campaign.is_some_and(|campaign| is_allowed(campaign, request)) {
        let origin = request.origin.clone().unwrap_or_default();
        response = response.with("access-control-allow-origin", origin);
        // There are no cookies: what comes with them is as good as without.
        response = response.with("access-control-allow-credentials", "true");
        // Scripts of other origins read no header that is not named.
        if response.header("retry-after").is_some() {
            response = response.with("access-control-expose-headers", "Retry-After");
        }
    }
    output.response = response.with("vary", "Origin");
    output
}

fn is_allowed(campaign: &Campaign, request: &RawRequest) -> bool {
    request.origin.as_ref().is_some_and(|origin| campaign.origins.contains(origin))
}
