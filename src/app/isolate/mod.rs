//! The memory of an isolate: caches, rate limits and counts that live between requests and nowhere else.

pub mod backlog;
pub mod campaign_cache;
pub mod login_attempts;
pub mod rate_limit;
pub mod repeat_cache;
pub mod tally_buffer;
