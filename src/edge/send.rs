//! One request to a receiver.

use js_sys::futures::JsFuture;
use wasm_bindgen::JsValue;

use super::{glue, now_ms};
use crate::deliver::{ATTEMPT_TIMEOUT_MS, Outcome, retry_after_s};
use crate::ledger::Dispatch;

/// Sends it, and says what became of it. Redirects are not followed: a receiver has nothing to say
/// but its status.
pub async fn send(dispatch: Dispatch) -> Outcome {
    let Ok(headers) = glue::lines(&dispatch.headers) else {
        return Outcome::DestinationRefused;
    };
    let started_ms = now_ms();
    match answer(&dispatch, &headers).await {
        Ok(outcome) => outcome,
        Err(_) if now_ms() - started_ms >= i64::from(ATTEMPT_TIMEOUT_MS) => Outcome::TimedOut,
        Err(_) => Outcome::Unreachable,
    }
}

async fn answer(dispatch: &Dispatch, headers: &str) -> Result<Outcome, JsValue> {
    let sent = glue::send(&dispatch.url, headers, &dispatch.body, ATTEMPT_TIMEOUT_MS)?;
    let answered = JsFuture::from(sent).await?.as_string().unwrap_or_default();
    let (status, retry_after) = answered.split_once('\n').unwrap_or((&answered, ""));
    Ok(Outcome::Answered {
        status: status.parse().unwrap_or(0),
        retry_after_s: retry_after_s(retry_after, now_ms()),
    })
}
