//! The sender of requests to receivers.

use super::drive::{Completion, Kind, perform};
use super::glue;
use super::platform::Platform;
use super::runtime;
use crate::app::conductor::{Exchange, Sender};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::ledger::Dispatch;
use crate::pipeline::webhook::{Outcome, retry_after_s};

impl Sender for Platform {
    fn now_ms(&self) -> i64 {
        runtime::now_ms()
    }

    fn moment(&self) -> Result<Moment, Fault> {
        runtime::moment()
    }

    async fn send(&self, dispatch: Dispatch, timeout_ms: u32) -> Exchange {
        let Ok(headers) = glue::lines(&dispatch.headers) else {
            return Exchange::unsent(Outcome::DestinationRefused);
        };
        let started_ms = self.now_ms();
        let parts: [&[u8]; 3] = [dispatch.url.as_bytes(), headers.as_bytes(), &dispatch.body];
        let completion = perform(Kind::Send, timeout_ms, &parts).await;
        let took_ms = self.now_ms() - started_ms;
        let answered = |status: u32, retry_after: &str| Outcome::Responded {
            status: u16::try_from(status).unwrap_or(0),
            retry_after_s: retry_after_s(retry_after, self.now_ms()),
        };
        match completion {
            // The status, the number of further requests, and the `Retry-After`.
            Completion::Bytes(bytes) => {
                let text = String::from_utf8(bytes).unwrap_or_default();
                let mut lines = text.splitn(3, '\n');
                let mut line = || lines.next().unwrap_or_default();
                let (status, more_requests, retry_after) = (line(), line(), line());
                Exchange {
                    outcome: answered(status.parse().unwrap_or(0), retry_after),
                    took_ms,
                    more_requests: more_requests.parse().unwrap_or(0),
                }
            }
            Completion::Number(status) => {
                Exchange { outcome: answered(status, ""), took_ms, more_requests: 0 }
            }
            _ if took_ms >= i64::from(timeout_ms) => {
                Exchange { outcome: Outcome::TimedOut, took_ms, more_requests: 0 }
            }
            _ => Exchange { outcome: Outcome::Unreachable, took_ms, more_requests: 0 },
        }
    }
}
