//! Retries: the outcome of an attempt, and the time of the next one.

use crate::base::limits;
use crate::base::moment::Moment;
use crate::base::time::{HOUR_MS, parse_http_date};

/// The timeout of an attempt. Standard Webhooks asks for 15 to 30 s; the shorter end, so that a hanging receiver soon
/// gives its connection back.
pub const ATTEMPT_TIMEOUT_MS: u32 = limits::number("attempt_timeout_ms");
/// The waits before the attempts, as Standard Webhooks recommends: three days in all.
const WAITS_MS: [i64; 10] = [
    0,
    5_000,
    5 * 60_000,
    30 * 60_000,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
];
/// The longest wait in development, where nobody waits for hours to see a retry.
const MAX_DEVELOPMENT_WAIT_MS: i64 = 5_000;
/// The longest wait that a receiver can ask for: the longest of the schedule.
const MAX_RETRY_AFTER_MS: i64 = 24 * HOUR_MS;
/// The time in which a publication spreads: a minute of KV and one of an isolate, with a margin. A younger delivery
/// may follow from a campaign that the sender does not know yet.
const SPREADING_MS: i64 = 3 * 60_000;
/// The longest time between two attempts. A delivery that waits longer was written by a clock that was wrong.
pub const LONGEST_WAIT_MS: i64 = 27 * HOUR_MS;
/// The jitter: waits grow by up to a tenth, so that deliveries that failed together do not return together.
const JITTER: f64 = 0.1;

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver responded.
    Responded {
        /// The HTTP status.
        status: u16,
        /// `Retry-After` in seconds, if it was sent.
        retry_after_s: Option<i64>,
    },
    /// The receiver did not respond in time.
    TimedOut,
    /// There was no connection, or it broke.
    Unreachable,
    /// The Worker has no such secret, or it is not `whsec_…`, or no header can carry it.
    SecretMissing,
    /// The secret signs webhooks, so it is never sent itself.
    SecretSigns,
    /// The operator has not bound the secret to the destination's host.
    SecretUnbound,
    /// The Worker has no `LEADHOOK_PUBLIC_URL`, which the links are built from.
    PublicUrlMissing,
    /// The destination's address or the header of its secret is not allowed, or a header of the request cannot be
    /// written.
    DestinationRefused,
    /// The campaign could not be read, or the payload could not be opened.
    Unreadable,
    /// The campaign no longer has the destination.
    DestinationRemoved,
    /// The destination now needs a consent that the lead does not have.
    ConsentMissing,
}

impl Outcome {
    /// Returns the outcome's name in the list of attempts, in logs and as the reason of a dead letter.
    pub fn name(&self) -> String {
        match self {
            Self::Responded { status, .. } => format!("status {status}"),
            Self::TimedOut => "timed_out".to_owned(),
            Self::Unreachable => "unreachable".to_owned(),
            Self::SecretMissing => "secret_missing".to_owned(),
            Self::SecretSigns => "secret_signs".to_owned(),
            Self::SecretUnbound => "secret_unbound".to_owned(),
            Self::PublicUrlMissing => "public_url_missing".to_owned(),
            Self::DestinationRefused => "destination_refused".to_owned(),
            Self::Unreadable => "unreadable".to_owned(),
            Self::DestinationRemoved => "destination_removed".to_owned(),
            Self::ConsentMissing => "consent_missing".to_owned(),
        }
    }
}

/// Parses `Retry-After`, a number or a date (RFC 9110 section 10.2.3), into seconds from now.
pub fn retry_after_s(header: &str, now_ms: i64) -> Option<i64> {
    let header = header.trim();
    header.parse().ok().or_else(|| Some((parse_http_date(header)? - now_ms) / 1_000))
}

/// The step after an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// The delivery is done: 2xx, and nothing else.
    Delivered,
    /// Another attempt is due at this time.
    At(i64),
    /// 410: the destination is paused until it is enabled again.
    Disable,
    /// The delivery is given up: a dead letter.
    Dead,
}

/// Returns the step after the attempt of this number, counted from 1, for a delivery of `created_ms`. Each delivery
/// has its own jitter by its id, also among those of one moment.
pub fn next(
    outcome: &Outcome,
    attempt: usize,
    delivery_id: &str,
    created_ms: i64,
    development: bool,
    moment: &Moment,
) -> Next {
    let spreading_ms = if development { MAX_DEVELOPMENT_WAIT_MS } else { SPREADING_MS };
    let settled = moment.now_ms - created_ms >= spreading_ms;
    let asked_ms = match outcome {
        Outcome::Responded { status: 200..=299, .. } => return Next::Delivered,
        Outcome::Responded { status: 410, .. } => return Next::Disable,
        Outcome::DestinationRemoved | Outcome::ConsentMissing if settled => return Next::Dead,
        Outcome::Responded { status: 429 | 502 | 503 | 504, retry_after_s: Some(seconds) } => {
            seconds.saturating_mul(1_000).clamp(0, MAX_RETRY_AFTER_MS)
        }
        _ => 0,
    };
    let Some(wait_ms) = WAITS_MS.get(attempt) else {
        return Next::Dead;
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
    let jitter_ms = (*wait_ms as f64 * JITTER * moment.fraction(delivery_id)) as i64;
    let wait_ms = (wait_ms + jitter_ms).max(asked_ms);
    let longest_ms = if development { MAX_DEVELOPMENT_WAIT_MS } else { i64::MAX };
    Next::At(moment.now_ms + wait_ms.min(longest_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> Moment {
        Moment { now_ms: 1_000_000, seed: [0; 32] }
    }

    fn next(outcome: &Outcome, attempt: usize, created_ms: i64, development: bool, moment: &Moment) -> Next {
        super::next(outcome, attempt, "msg_1", created_ms, development, moment)
    }

    fn failed(status: u16, retry_after_s: Option<i64>) -> Outcome {
        Outcome::Responded { status, retry_after_s }
    }

    #[test]
    fn waits_follow_the_schedule_with_up_to_a_tenth_more() {
        for (attempt, wait_ms) in WAITS_MS.into_iter().enumerate().skip(1) {
            let Next::At(at) = next(&failed(500, None), attempt, 0, false, &moment()) else {
                panic!("attempt {attempt} has no next one");
            };
            let waited = at - 1_000_000;
            assert!((wait_ms..=wait_ms + wait_ms / 10).contains(&waited), "{attempt}: {waited}");
        }
        assert_eq!(next(&failed(500, None), 10, 0, false, &moment()), Next::Dead);
    }

    #[test]
    fn only_2xx_is_delivered_and_a_redirect_is_not_followed() {
        assert_eq!(next(&failed(204, None), 1, 0, false, &moment()), Next::Delivered);
        for status in [301, 302, 307, 400, 401, 404, 500] {
            assert!(matches!(next(&failed(status, None), 1, 0, false, &moment()), Next::At(_)));
        }
        assert_eq!(next(&failed(410, None), 1, 0, false, &moment()), Next::Disable);
        for gone in [Outcome::DestinationRemoved, Outcome::ConsentMissing] {
            assert_eq!(next(&gone, 1, 0, false, &moment()), Next::Dead);
            let young = next(&gone, 1, 1_000_000 - SPREADING_MS + 1, false, &moment());
            assert!(matches!(young, Next::At(_)), "the campaign may not have spread yet");
        }
    }

    #[test]
    fn retry_after_is_honoured_within_a_day() {
        let at = |seconds| next(&failed(429, Some(seconds)), 1, 0, false, &moment());
        assert_eq!(at(120), Next::At(1_000_000 + 120_000));
        assert_eq!(at(i64::MAX), Next::At(1_000_000 + 24 * HOUR_MS));
        assert!(matches!(at(-5), Next::At(at) if at >= 1_005_000));
        assert!(matches!(at(1), Next::At(at) if at >= 1_005_000));
    }

    #[test]
    fn retry_after_may_be_a_date() {
        assert_eq!(retry_after_s(" 120 ", 0), Some(120));
        assert_eq!(retry_after_s("Thu, 01 Jan 1970 00:02:00 GMT", 60_000), Some(60));
        assert_eq!(retry_after_s("soon", 0), None);
    }

    #[test]
    fn in_development_no_wait_is_longer_than_five_seconds() {
        for attempt in 1..10 {
            let Next::At(at) = next(&failed(503, Some(900)), attempt, 0, true, &moment()) else {
                panic!("attempt {attempt} has no next one");
            };
            assert!(at <= 1_005_000);
        }
    }
}
