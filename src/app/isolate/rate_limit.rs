//! Rate limiting per isolate: a campaign, or a campaign for one network, from which a ledger takes nothing for some
//! seconds. An isolate remembers that, so that a flood does not reach the ledger again before its time. Never by
//! person, for that would tell who is known.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::app::ports::Ports;
use crate::base::time::seconds_until;
use crate::campaign::Campaign;
use crate::pipeline::abuse::Sender;

/// The longest wait: every limit counts a minute. When the platform's own minute ends, it does not say.
const MAX_WAIT_S: i64 = 60;
/// The most campaigns and networks that are remembered, far below an isolate's memory. Beyond that all of them are
/// forgotten, and the ledger refuses again.
const MAX_REMEMBERED: usize = 10_000;

/// The rate limits that were exceeded.
#[derive(Default)]
pub struct RateLimit {
    /// The time until which nothing more is accepted, by campaign, or campaign and network; UTC, milliseconds.
    until_ms: RefCell<BTreeMap<String, i64>>,
}

impl RateLimit {
    /// Remembers that a campaign takes nothing more for some seconds: of this network, or of anybody if there is no
    /// sender.
    pub fn close(&self, campaign: &Campaign, sender: Option<&Sender>, wait_s: i64, now_ms: i64) {
        self.close_key(key(campaign, sender), wait_s, now_ms);
    }

    /// Returns the seconds after which a post may come again, if too many come now: by what a ledger has said, or by
    /// the platform's limit.
    pub async fn wait_s(
        &self,
        ports: &impl Ports,
        campaign: &Campaign,
        sender: Option<&Sender>,
        now_ms: i64,
    ) -> Option<i64> {
        for sender in [None, sender] {
            let wait_s = self.remembered_wait_s(&key(campaign, sender), now_ms);
            if wait_s.is_some() {
                return wait_s;
            }
        }
        let network = sender.map(|sender| sender.network.as_str());
        // A limit that cannot be asked keeps nobody out.
        let is_within = ports.is_within_limits(&campaign.id, network).await.unwrap_or(true);
        (!is_within).then_some(MAX_WAIT_S)
    }

    fn close_key(&self, key: String, wait_s: i64, now_ms: i64) {
        let mut until_ms = self.until_ms.borrow_mut();
        if until_ms.len() >= MAX_REMEMBERED {
            until_ms.clear();
        }
        until_ms.insert(key, now_ms + wait_s * 1_000);
    }

    /// Returns at most a minute, also to a post that arrived before the one that was refused. `None` if the clock
    /// was set back: then the ledger is asked.
    fn remembered_wait_s(&self, key: &str, now_ms: i64) -> Option<i64> {
        let left_s = seconds_until(*self.until_ms.borrow().get(key)?, now_ms);
        (1..=2 * MAX_WAIT_S).contains(&left_s).then(|| left_s.min(MAX_WAIT_S))
    }
}

fn key(campaign: &Campaign, sender: Option<&Sender>) -> String {
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
        let limit = RateLimit::default();
        limit.close_key("a".into(), 5, 1_000);
        assert_eq!(limit.remembered_wait_s("a", 1_000), Some(5));
        assert_eq!(limit.remembered_wait_s("a", 5_999), Some(1));
        assert_eq!(limit.remembered_wait_s("a", 6_000), None);
        assert_eq!(limit.remembered_wait_s("b", 1_000), None);
    }

    #[test]
    fn nobody_waits_longer_than_a_minute() {
        let limit = RateLimit::default();
        limit.close_key("a".into(), 60, 10_000);
        assert_eq!(
            limit.remembered_wait_s("a", 9_999),
            Some(60),
            "a post that arrived before the refused one"
        );
        assert_eq!(limit.remembered_wait_s("a", -3_600_000), None, "the clock was set back");
    }
}
