//! Problem details (RFC 9457): errors for programs.

use serde_json::{Value, json};

use super::response::Response;
use crate::base::limits;
use crate::pipeline::intake::Rejection;

/// `Retry-After` of our faults: long enough for an object to move, short for a person.
pub(super) const RETRY_AFTER_S: u32 = limits::number("retry_after_s");

impl Response {
    /// Returns 422: every problem at once.
    pub fn rejected(rejection: &Rejection) -> Self {
        problem_with(
            422,
            "The submission is not valid",
            "Correct the listed fields and send it again.",
            Some(("errors", json!(rejection.problems))),
        )
    }

    /// Returns 400: the body is not of its media type.
    pub fn malformed(detail: &str) -> Self {
        problem(400, "The body is malformed", detail)
    }

    /// Returns 401, with a challenge (RFC 6750).
    pub fn unauthorized() -> Self {
        problem(401, "Not authorised", "Send an admin token as Authorization: Bearer.")
            .with("www-authenticate", "Bearer")
    }

    /// Returns 403: the token lacks the scope (RFC 6750 section 3.1).
    pub fn insufficient_scope(scope: &str) -> Self {
        let detail = format!("This needs a token with the scope {scope}.");
        problem(403, "Not allowed", &detail)
            .with("www-authenticate", format!(r#"Bearer error="insufficient_scope", scope="{scope}""#))
    }

    /// Returns 429: too many wrong tokens came from the address, so a right one is not checked either.
    pub fn too_many_attempts(wait_s: i64) -> Self {
        let detail = "Too many wrong tokens came from your address. Wait, then send the right one.";
        problem(429, "Too many attempts", detail).with("retry-after", wait_s.to_string())
    }

    /// Returns 404: nothing is at this address.
    pub fn not_found() -> Self {
        problem(404, "Not found", "There is nothing at this address.")
    }

    /// Returns a static file of the platform; 404 if it has none.
    pub fn asset() -> Self {
        Self { is_asset: true, ..Self::not_found() }
    }

    /// Returns 405 with the allowed methods.
    pub fn method_not_allowed(allow: &str) -> Self {
        let detail = format!("This address answers {allow}.");
        problem(405, "Method not allowed", &detail).with("allow", allow)
    }

    /// Returns 409: the state does not allow the operation.
    pub fn conflict(detail: &str) -> Self {
        problem(409, "Not possible now", detail)
    }

    /// Returns 409: the operation would destroy something that nobody could restore.
    pub fn irreversible(field: &str, detail: &str) -> Self {
        let error = json!({ "field": field, "code": "cannot_be_undone", "detail": detail });
        problem_with(
            409,
            "Not possible",
            "What is lost so cannot be made again.",
            Some(("errors", json!([error]))),
        )
    }

    /// Returns 404: not found in the part that one request can search; the next one continues with `after`.
    pub fn not_found_yet(next: &str) -> Self {
        let detail = "It is nowhere where this request has looked. Ask again with after, which is next.";
        problem_with(404, "Not found yet", detail, Some(("next", next.into())))
    }

    /// Returns 413 with the limit.
    pub fn too_large(limit_bytes: usize) -> Self {
        problem(413, "The body is too large", &format!("At most {limit_bytes} bytes are read."))
    }

    /// Returns 415 with the media types that are accepted.
    pub fn unsupported_media_type(read: &str) -> Self {
        problem(415, "Unsupported media type", &format!("This address reads {read}, in UTF-8."))
    }

    /// Returns 422 of the admin API: every problem at once.
    pub fn unprocessable(problems: Vec<Value>) -> Self {
        problem_with(
            422,
            "Not valid",
            "Correct what is listed and send it again.",
            Some(("errors", Value::Array(problems))),
        )
    }

    /// Returns 429: a rate limit is exceeded.
    pub fn throttled(wait_s: i64) -> Self {
        problem(429, "Too many requests", "Please try again: the same post counts once.")
            .with("retry-after", wait_s.to_string())
    }

    /// Returns 503: our fault. No detail is shown.
    pub fn fault() -> Self {
        problem(503, "Not available now", "Please try again: the same post counts once.")
            .with("retry-after", RETRY_AFTER_S.to_string())
    }
}

/// Returns problem details.
fn problem(status: u16, title: &str, detail: &str) -> Response {
    problem_with(status, title, detail, None)
}

/// Returns problem details with one more member.
#[inline(never)]
fn problem_with(status: u16, title: &str, detail: &str, more: Option<(&str, Value)>) -> Response {
    let mut body = json!({ "type": "about:blank", "title": title, "status": status, "detail": detail });
    if let (Some(body), Some((name, value))) = (body.as_object_mut(), more) {
        body.insert(name.to_owned(), value);
    }
    Response::new(status, "application/problem+json", body.to_string())
}
