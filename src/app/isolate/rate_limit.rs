//! Who was told to come again later. An isolate remembers it, so that a flood that a ledger has refused
//! does not reach the ledger again before its time.

use std::collections::BTreeMap;

use crate::app::admin::LoginAttempts;
use crate::app::ports::Ports;
use crate::base::moment::Moment;
use crate::base::time::seconds_until;
use crate::campaign::Campaign;
use crate::pipeline::abuse::Sender;

/// Every limit counts a minute: nobody waits longer. When the platform's minute ends, it does not say.
const LIMIT_WAIT_S: i64 = 60;
/// What is remembered: campaigns and networks, far below an isolate's memory. Beyond that all of it is
/// forgotten, and the ledger says it again.
const MAX_REMEMBERED: usize = 10_000;

/// Who must wait in this isolate.
#[derive(Default)]
pub struct RateLimit {
    /// By campaign, or campaign and network: until when nothing more is taken; UTC, milliseconds.
    closed: BTreeMap<String, i64>,
    /// Wrong tokens at the admin API.
    pub attempts: LoginAttempts,
}

impl RateLimit {
    /// Nothing more is taken for so many seconds.
    pub fn close(&mut self, whom: &str, wait_s: i64, now_ms: i64) {
        if self.closed.len() >= MAX_REMEMBERED {
            self.closed.clear();
        }
        self.closed.insert(whom.to_owned(), now_ms + wait_s * 1_000);
    }

    /// The seconds to wait, where nothing more is taken now: at most a minute, also for a post that
    /// arrived before the one that was refused. Where the clock was set back, the ledger is asked.
    pub fn wait_s(&self, whom: &str, now_ms: i64) -> Option<i64> {
        let left_s = seconds_until(*self.closed.get(whom)?, now_ms);
        (1..=2 * LIMIT_WAIT_S).contains(&left_s).then(|| left_s.min(LIMIT_WAIT_S))
    }
}

/// The seconds after which a post may come again, where too many come now: as a ledger has said, or
/// the platform says. Never by person, for that would tell who is known.
pub async fn must_wait(
    ports: &impl Ports,
    campaign: &Campaign,
    sender: Option<&Sender>,
    moment: &Moment,
) -> Option<i64> {
    for sender in [None, sender] {
        let wait_s = ports.throttle().borrow().wait_s(&door_of(campaign, sender), moment.now_ms);
        if wait_s.is_some() {
            return wait_s;
        }
    }
    let network = sender.map(|sender| sender.network.as_str());
    // A limit that cannot be asked keeps nobody out.
    let is_within = ports.is_within_limits(&campaign.id, network).await.unwrap_or(true);
    (!is_within).then_some(LIMIT_WAIT_S)
}

/// What is closed for a while: a campaign, or a campaign to one network.
pub fn door_of(campaign: &Campaign, sender: Option<&Sender>) -> String {
    match sender {
        None => campaign.id.clone(),
        Some(sender) => format!("{}/{}", campaign.id, sender.network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_is_closed_for_so_many_seconds_and_others_are_not() {
        let mut throttle = RateLimit::default();
        throttle.close("a", 5, 1_000);
        assert_eq!(throttle.wait_s("a", 1_000), Some(5));
        assert_eq!(throttle.wait_s("a", 5_999), Some(1));
        assert_eq!(throttle.wait_s("a", 6_000), None);
        assert_eq!(throttle.wait_s("b", 1_000), None);
    }

    #[test]
    fn nobody_waits_longer_than_a_minute() {
        let mut throttle = RateLimit::default();
        throttle.close("a", 60, 10_000);
        assert_eq!(throttle.wait_s("a", 9_999), Some(60), "a post that arrived before the refused one");
        assert_eq!(throttle.wait_s("a", -3_600_000), None, "the clock was set back");
    }
}
