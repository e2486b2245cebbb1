//! One request to a receiver.

use worker::{Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use super::now_ms;
use super::platform::timeout;
use crate::deliver::{ATTEMPT_TIMEOUT_MS, Outcome, retry_after_s};
use crate::ledger::Dispatch;

/// Sends it, and says what became of it. Redirects are not followed, and the answer's body is not
/// read: a receiver has nothing to say but its status.
pub async fn send(dispatch: Dispatch) -> Outcome {
    let started_ms = now_ms();
    match answer(dispatch).await {
        Ok(outcome) => outcome,
        Err(_) if now_ms() - started_ms >= i64::from(ATTEMPT_TIMEOUT_MS) => Outcome::TimedOut,
        Err(_) => Outcome::Unreachable,
    }
}

async fn answer(dispatch: Dispatch) -> worker::Result<Outcome> {
    let headers = Headers::new();
    for (name, value) in &dispatch.headers {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_redirect(RequestRedirect::Manual);
    init.with_body(Some(js_sys::Uint8Array::from(dispatch.body.as_slice()).into()));
    let request = Request::new_with_init(&dispatch.url, &init)?;
    let response = Fetch::Request(request).send_with_signal(&timeout(ATTEMPT_TIMEOUT_MS)).await?;
    let retry_after = response.headers().get("retry-after").ok().flatten();
    let outcome = Outcome::Answered {
        status: response.status_code(),
        retry_after_s: retry_after.and_then(|text| retry_after_s(&text, now_ms())),
    };
    if let worker::ResponseBody::Stream(body) = response.body() {
        let _ = body.cancel();
    }
    Ok(outcome)
}
