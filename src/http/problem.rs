//! Problem details (RFC 9457): what programs get where something is wrong.

use serde_json::{Value, json};

use super::response::Response;
use crate::base::limits;
use crate::pipeline::intake::Rejection;

/// When to try again after a fault of ours: long enough for an object to move, short for a person.
pub(super) const RETRY_AFTER_S: u32 = limits::number("retry_after_s");
impl Response {
    /// 422: every problem at once.
    pub fn rejected(rejection: &Rejection) -> Self {
        problem_with(
            422,
            "The submission is not valid",
            "Correct the listed fields and send it again.",
            Some(("errors", json!(rejection.problems))),
        )
    }

    /// 400: the body is not of its media type.
    pub fn malformed(detail: &str) -> Self {
        problem(400, "The body is malformed", detail)
    }

    /// 401, with a challenge (RFC 6750).
    pub fn unauthorized() -> Self {
        problem(401, "Not authorised", "Send an admin token as Authorization: Bearer.")
            .with("www-authenticate", "Bearer")
    }

    /// 403: the token does not let its holder do that (RFC 6750 section 3.1).
    pub fn insufficient_scope(scope: &str) -> Self {
        let detail = format!("This needs a token with the scope {scope}.");
        problem(403, "Not allowed", &detail)
            .with("www-authenticate", format!(r#"Bearer error="insufficient_scope", scope="{scope}""#))
    }

    /// 429: too many wrong tokens came from there, so a right one is not looked at either.
    pub fn too_many_attempts(wait_s: i64) -> Self {
        let detail = "Too many wrong tokens came from your address. Wait, then send the right one.";
        problem(429, "Too many attempts", detail).with("retry-after", wait_s.to_string())
    }

    /// 404.
    pub fn not_found() -> Self {
        problem(404, "Not found", "There is nothing at this address.")
    }

    /// A static file of the platform's; 404 where it has none.
    pub fn asset() -> Self {
        Self { is_asset: true, ..Self::not_found() }
    }

    /// 405 with what is allowed.
    pub fn method_not_allowed(allow: &str) -> Self {
        let detail = format!("This address answers {allow}.");
        problem(405, "Method not allowed", &detail).with("allow", allow)
    }

    /// 409: it is not in a state in which that can be done.
    pub fn conflict(detail: &str) -> Self {
        problem(409, "Not possible now", detail)
    }

    /// 409: what it would take away nobody could make again.
    pub fn irreversible(field: &str, detail: &str) -> Self {
        let error = json!({ "field": field, "code": "cannot_be_undone", "detail": detail });
        problem_with(
            409,
            "Not possible",
            "What is lost so cannot be made again.",
            Some(("errors", json!([error]))),
        )
    }

    /// 404: not among what one request can look through; `after` goes on.
    pub fn not_found_yet(next: &str) -> Self {
        let detail = "It is nowhere where this request has looked. Ask again with after, which is next.";
        problem_with(404, "Not found yet", detail, Some(("next", next.into())))
    }

    /// 413.
    pub fn too_large(limit_bytes: usize) -> Self {
        problem(413, "The body is too large", &format!("At most {limit_bytes} bytes are read."))
    }

    /// 415 with what is read.
    pub fn unsupported_media_type(read: &str) -> Self {
        problem(415, "Unsupported media type", &format!("This address reads {read}, in UTF-8."))
    }

    /// 422 of the admin API: every problem at once.
    pub fn unprocessable(problems: Vec<Value>) -> Self {
        problem_with(
            422,
            "Not valid",
            "Correct what is listed and send it again.",
            Some(("errors", Value::Array(problems))),
        )
    }

    /// 429: too much at once, whoever it is.
    pub fn throttled(wait_s: i64) -> Self {
        problem(429, "Too many requests", "Please try again: the same post counts once.")
            .with("retry-after", wait_s.to_string())
    }

    /// 503: our fault. Nothing of it is shown.
    pub fn fault() -> Self {
        problem(503, "Not available now", "Please try again: the same post counts once.")
            .with("retry-after", RETRY_AFTER_S.to_string())
    }
}

/// Problem details (RFC 9457).
fn problem(status: u16, title: &str, detail: &str) -> Response {
    problem_with(status, title, detail, None)
}

/// The same with one more member.
#[inline(never)]
fn problem_with(status: u16, title: &str, detail: &str, more: Option<(&str, Value)>) -> Response {
    let mut body = json!({ "type": "about:blank", "title": title, "status": status, "detail": detail });
    if let (Some(body), Some((name, value))) = (body.as_object_mut(), more) {
        body.insert(name.to_owned(), value);
    }
    Response::new(status, "application/problem+json", body.to_string())
}
