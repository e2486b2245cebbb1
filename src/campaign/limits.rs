//! `[limits]`: rate limits of a campaign.

use validator::ValidateRange;

use super::table::{Rules, Verdict, ensure, keys};

/// 2,500 a second: more than one ledger takes. It bounds what a flood costs, not a campaign's success.
const DEFAULT_PER_MINUTE: u32 = 150_000;
/// A thousand people behind one network's address may answer one e-mail in the same minute.
const DEFAULT_NETWORK_PER_MINUTE: u32 = 3_000;
/// An office or a stand at a fair signs up fewer people in an hour; a script that mails strangers, more.
const DEFAULT_NETWORK_MAILS_PER_HOUR: u32 = 30;
/// A million a minute is beyond every ledger.
const MAX_PER_MINUTE: u32 = 1_000_000;

/// `[limits]`.
#[derive(Debug, Default)]
pub struct LimitsTable {
    pub per_minute: Option<u32>,
    pub network_per_minute: Option<u32>,
    pub network_mails_per_hour: Option<u32>,
}

keys!(LimitsTable: per_minute, network_per_minute, network_mails_per_hour);

impl Rules for LimitsTable {
    fn verdicts(&self) -> Vec<Verdict> {
        let is_rate = |rate: u32| {
            ensure(rate.validate_range(Some(1), Some(MAX_PER_MINUTE), None, None), "must be 1 to 1000000")
        };
        vec![
            ("per_minute", self.per_minute.map_or(Ok(()), is_rate)),
            ("network_per_minute", self.network_per_minute.map_or(Ok(()), is_rate)),
            ("network_mails_per_hour", self.network_mails_per_hour.map_or(Ok(()), is_rate)),
        ]
    }
}

/// Rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Posts of the campaign, by its ledger.
    pub per_minute: i64,
    /// Posts from one network: an IPv4 /24, an IPv6 /48.
    pub network_per_minute: i64,
    /// Confirmation e-mails an hour that posts from one network cause; beyond it posts are quarantined.
    pub network_mails_per_hour: i64,
}

impl Limits {
    pub(super) fn accept(table: &LimitsTable) -> Self {
        Self {
            per_minute: table.per_minute.unwrap_or(DEFAULT_PER_MINUTE).into(),
            network_per_minute: table.network_per_minute.unwrap_or(DEFAULT_NETWORK_PER_MINUTE).into(),
            network_mails_per_hour: table
                .network_mails_per_hour
                .unwrap_or(DEFAULT_NETWORK_MAILS_PER_HOUR)
                .into(),
        }
    }
}
