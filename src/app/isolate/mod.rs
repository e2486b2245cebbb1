//! Memory of an isolate: caches, rate limits and counts that live between requests. Every isolate has its own, and
//! takes it along when the platform stops it. Each part keeps its state to itself.

pub mod backlog;
pub mod campaign_cache;
pub mod login_attempts;
pub mod rate_limit;
pub mod repeat_cache;
pub mod tally_buffer;

use self::backlog::Backlog;
use self::campaign_cache::CampaignCache;
use self::login_attempts::LoginAttempts;
use self::rate_limit::RateLimit;
use self::repeat_cache::RepeatCache;
use self::tally_buffer::TallyBuffer;

/// The memory of one isolate.
#[derive(Default)]
pub struct Isolate {
    /// The campaigns that were read.
    pub campaigns: CampaignCache,
    /// The submissions that were accepted within the last minute.
    pub repeats: RepeatCache,
    /// The campaigns and networks from which too many posts came.
    pub rate_limit: RateLimit,
    /// The wrong tokens that were sent to the admin API.
    pub logins: LoginAttempts,
    /// The requests that wait for each ledger.
    pub backlog: Backlog,
    /// The counts that were not sent to their ledgers yet.
    pub tallies: TallyBuffer,
}
