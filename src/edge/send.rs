//! One request to a receiver.

use js_sys::futures::JsFuture;
use wasm_bindgen::JsValue;

use super::{glue, now_ms};
use crate::deliver::{Outcome, retry_after_s};
use crate::ledger::Dispatch;

/// What became of a request.
pub struct Sent {
    pub outcome: Outcome,
    /// The receiver alone.
    pub took_ms: i64,
    /// Requests that it took beside its own.
    pub more_requests: usize,
}

impl Sent {
    /// Nothing was sent.
    pub fn not(outcome: Outcome) -> Self {
        Self { outcome, took_ms: 0, more_requests: 0 }
    }
}

/// Sends it, and says what became of it. Redirects are not followed: a receiver has nothing to say
/// but its status.
pub async fn send(dispatch: Dispatch, timeout_ms: u32) -> Sent {
    let Ok(headers) = glue::lines(&dispatch.headers) else {
        return Sent::not(Outcome::DestinationRefused);
    };
    let started_ms = now_ms();
    let answered = answer(&dispatch, &headers, timeout_ms).await;
    let took_ms = now_ms() - started_ms;
    match answered {
        Ok((outcome, more_requests)) => Sent { outcome, took_ms, more_requests },
        Err(_) if took_ms >= i64::from(timeout_ms) => {
            Sent { outcome: Outcome::TimedOut, took_ms, more_requests: 0 }
        }
        Err(_) => Sent { outcome: Outcome::Unreachable, took_ms, more_requests: 0 },
    }
}

async fn answer(dispatch: &Dispatch, headers: &str, timeout_ms: u32) -> Result<(Outcome, usize), JsValue> {
    let sent = glue::send(&dispatch.url, headers, &dispatch.body, timeout_ms)?;
    let answered = JsFuture::from(sent).await?.as_string().unwrap_or_default();
    let mut lines = answered.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (status, more_requests, retry_after) = (line(), line(), line());
    let outcome = Outcome::Answered {
        status: status.parse().unwrap_or(0),
        retry_after_s: retry_after_s(retry_after, now_ms()),
    };
    Ok((outcome, more_requests.parse().unwrap_or(0)))
}
