//! Output of a use case: the response, a line for the log, and the work that follows the response.

use serde_json::{Value, json};

use crate::base::fault::Fault;
use crate::base::time::hour_of;
use crate::campaign::Campaign;
use crate::http::request::RawRequest;
use crate::http::response::Response;
use crate::ledger::wire::Tally;

/// Work that follows a response: best effort, one try.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    /// A value for KV.
    Remember {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The seconds for which KV keeps it.
        ttl_s: u32,
    },
    /// A count for the tally buffer.
    Count {
        /// The ledger's name.
        ledger: String,
        /// The count.
        tally: Tally,
    },
}

impl After {
    /// Returns the count of one event of a campaign.
    pub fn count(campaign: &Campaign, field: &str, code: &str, now_ms: i64) -> Self {
        let tally = Tally {
            campaign: campaign.id.clone(),
            hour: hour_of(now_ms),
            field: field.to_owned(),
            code: code.to_owned(),
            count: 1,
        };
        Self::Count { ledger: campaign.ledger.clone(), tally }
    }
}

/// A response with everything that goes along with it.
pub struct Output {
    /// The response.
    pub response: Response,
    /// The event for the log. It holds nothing of a visitor.
    pub log: Option<Value>,
    /// The work that follows once the response is on its way.
    pub after: Vec<After>,
    /// The response is delayed until the time that it took is a multiple of this.
    pub even_ms: Option<u32>,
}

impl From<Response> for Output {
    fn from(response: Response) -> Self {
        Self { response, log: None, after: Vec::new(), even_ms: None }
    }
}

impl Output {
    /// Returns 503 for a fault. It is logged here, where it is handled, and hidden outside.
    pub fn fault(place: &str, campaign: &str, fault: &Fault) -> Self {
        let log = json!({ "event": "fault", "in": place, "campaign": campaign, "fault": fault.to_string() });
        Self { log: Some(log), ..Response::fault().into() }
    }

    /// Returns 503 for a campaign that could not be read: a page, if the client wants one.
    pub fn unreadable_campaign(id: &str, request: &RawRequest, fault: &Fault) -> Self {
        Self { response: Response::not_now(request), ..Self::fault("campaign", id, fault) }
    }

    /// Returns the milliseconds by which a response that took so long is delayed. Its text is the same whatever is
    /// known of a person, and so its time is the same too, but for the number of steps.
    pub fn delay_ms(&self, took_ms: i64) -> u64 {
        let Some(even_ms) = self.even_ms.map(u64::from).filter(|even_ms| *even_ms > 0) else { return 0 };
        let took_ms = u64::try_from(took_ms).unwrap_or(0);
        took_ms.max(1).next_multiple_of(even_ms).saturating_sub(took_ms)
    }
}
