//! One request to a receiver.

use super::drive::{Given, Kind, wish};
use super::platform::Platform;
use super::{glue, moment, now_ms};
use crate::app::conductor::{Exchange, Sender};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::ledger::Dispatch;
use crate::pipeline::webhook::{Outcome, retry_after_s};

impl Sender for Platform {
    fn now_ms(&self) -> i64 {
        now_ms()
    }

    fn moment(&self) -> Result<Moment, Fault> {
        moment()
    }

    async fn send(&self, dispatch: Dispatch, timeout_ms: u32) -> Exchange {
        let Ok(headers) = glue::lines(&dispatch.headers) else {
            return Exchange::unsent(Outcome::DestinationRefused);
        };
        let started_ms = now_ms();
        let parts: [&[u8]; 3] = [dispatch.url.as_bytes(), headers.as_bytes(), &dispatch.body];
        let given = wish(Kind::Send, timeout_ms, &parts).await;
        let took_ms = now_ms() - started_ms;
        let answered = |status: u32, retry_after: &str| Outcome::Answered {
            status: u16::try_from(status).unwrap_or(0),
            retry_after_s: retry_after_s(retry_after, now_ms()),
        };
        match given {
            // What there is to say beside the status: how many more requests it took, and the `Retry-After`.
            Given::Bytes(bytes) => {
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
            Given::Number(status) => Exchange { outcome: answered(status, ""), took_ms, more_requests: 0 },
            _ if took_ms >= i64::from(timeout_ms) => {
                Exchange { outcome: Outcome::TimedOut, took_ms, more_requests: 0 }
            }
            _ => Exchange { outcome: Outcome::Unreachable, took_ms, more_requests: 0 },
        }
    }
}
