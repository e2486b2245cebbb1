//! Time and randomness, read once at the edge and handed to the core as values.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::hash::{base64url, hmac_sha256};

/// Milliseconds in an hour: the width of a counter's bucket.
pub const HOUR_MS: i64 = 3_600_000;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// When something happens, and the randomness that it may use.
#[derive(Clone)]
pub struct Moment {
    /// UTC, milliseconds since 1970-01-01.
    pub now_ms: i64,
    /// 32 random bytes, fresh for every call.
    pub seed: [u8; 32],
}

impl Moment {
    /// `N` random bytes (at most 32). Each `label` and `count` gives others.
    pub fn random<const N: usize>(&self, label: &str, count: usize) -> [u8; N] {
        let block = hmac_sha256(&self.seed, &[label.as_bytes(), &count.to_be_bytes()]);
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(block) {
            *to = from;
        }
        bytes
    }

    /// A random identifier of 128 bits behind a prefix, 22 characters of base64url.
    pub fn random_id(&self, prefix: &str) -> String {
        format!("{prefix}{}", base64url(&self.random::<16>(prefix, 0)))
    }

    /// A number from 0 up to 1, for jitter.
    pub fn fraction(&self, label: &str) -> f64 {
        f64::from(u32::from_be_bytes(self.random::<4>(label, 0))) / (f64::from(u32::MAX) + 1.0)
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T14:00:00.000Z`.
pub fn rfc3339(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Milliseconds since 1970 of an RFC 3339 time in any offset.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

/// The start of the hour in which the time lies.
pub fn hour_of(ms: i64) -> i64 {
    ms - ms.rem_euclid(HOUR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(1_795_356_000_123), "2026-11-22T14:00:00.123Z");
        assert_eq!(parse_rfc3339("2026-11-22T15:00:00.123+01:00"), Some(1_795_356_000_123));
        assert_eq!(hour_of(1_795_356_000_123), 1_795_356_000_000);
    }

    #[test]
    fn one_moment_gives_different_randomness_to_different_uses() {
        let moment = Moment { now_ms: 0, seed: [7; 32] };
        assert_ne!(moment.random::<16>("a", 0), moment.random::<16>("a", 1));
        assert_ne!(moment.random_id("lead_"), moment.random_id("msg_"));
        assert_eq!(moment.random_id("lead_").len(), 27);
    }
}
