//! What is remembered of a person's last minutes before the ledger: by an isolate for a minute, and by KV for
//! those who repeat. It answers exact repeats (double clicks, retries, floods) without waking the ledger, and
//! judges nothing: stale, empty or refusing, it costs speed.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::Value;

/// How old a submission may be to be answered from KV, by the time in the value. Long enough for
/// retries, short enough that a withdrawal is not outlived for long.
pub const REPEAT_MINUTES: i64 = 10;
/// Submissions of one person that a value holds: the newest count.
const MAX_REMEMBERED: usize = 8;
/// The format of the value. What is newer is left untouched.
const SEEN_FORMAT: u32 = 1;

/// The value under a person's first fingerprint.
#[derive(Debug, Serialize)]
pub struct RepeatRecord {
    format: u32,
    /// `(submission id, milliseconds UTC)`, oldest first.
    submissions: Vec<(String, i64)>,
}

impl RepeatRecord {
    /// The KV key of a fingerprint in a ledger.
    pub fn key(ledger: &str, tag: &str) -> String {
        format!("seen/v1/{ledger}/{tag}")
    }

    /// How long KV keeps the value, in seconds.
    pub fn ttl_s() -> u32 {
        u32::try_from(REPEAT_MINUTES * 60).unwrap_or(u32::MAX)
    }

    /// Reads a value; an absent or damaged one is empty.
    pub fn read(text: Option<&str>) -> Self {
        let value: Value = serde_json::from_str(text.unwrap_or_default()).unwrap_or_default();
        let format =
            value.get("format").and_then(Value::as_u64).and_then(|format| u32::try_from(format).ok());
        let submissions = match format {
            Some(..=SEEN_FORMAT) => value.get("submissions").and_then(submissions).unwrap_or_default(),
            // A newer code may have written another shape.
            _ => Vec::new(),
        };
        Self { format: format.unwrap_or(SEEN_FORMAT), submissions }
    }

    /// Whether this very submission was accepted within the last minutes.
    pub fn holds(&self, submission_id: &str, now_ms: i64) -> bool {
        self.format <= SEEN_FORMAT
            && self.submissions.iter().any(|(id, at)| id == submission_id && recent(*at, now_ms))
    }

    /// The value that also remembers this submission; nothing where a newer code wrote the old one.
    pub fn remembering(mut self, submission_id: &str, now_ms: i64) -> Option<String> {
        if self.format > SEEN_FORMAT {
            return None;
        }
        self.submissions.retain(|(id, at)| id != submission_id && recent(*at, now_ms));
        self.submissions.push((submission_id.to_owned(), now_ms));
        let too_many = self.submissions.len().saturating_sub(MAX_REMEMBERED);
        self.submissions.drain(..too_many);
        serde_json::to_string(&self).ok()
    }
}

/// The list of a value, where every item of it is sound.
fn submissions(list: &Value) -> Option<Vec<(String, i64)>> {
    let read = |item: &Value| match item.as_array()?.as_slice() {
        [id, at_ms] => Some((id.as_str()?.to_owned(), at_ms.as_i64()?)),
        _ => None,
    };
    list.as_array()?.iter().map(read).collect()
}

/// How long an isolate remembers what was accepted: as long as KV itself may take to spread that something is
/// forgotten, so that nothing is remembered for longer here than there.
const RECENT_MS: i64 = 60_000;
/// Submissions that an isolate remembers: half a megabyte of its 128.
const MAX_RECENT: usize = 4_000;

/// What an isolate has seen accepted within the last minute, so that retries and double clicks, which come to the
/// same isolate as a rule, are answered without asking anybody.
#[derive(Default)]
pub struct RepeatCache {
    /// By the submission's id: when it was accepted, and the KV key of its person.
    accepted: BTreeMap<String, (i64, String)>,
    /// The ids with their times, oldest first.
    order: VecDeque<(i64, String)>,
}

impl RepeatCache {
    /// Whether this very submission was accepted within the last minute.
    pub fn holds(&self, submission_id: &str, now_ms: i64) -> bool {
        let accepted = self.accepted.get(submission_id);
        accepted.is_some_and(|(at_ms, _)| (0..RECENT_MS).contains(&(now_ms - at_ms)))
    }

    /// A submission was accepted. `key` is the person's in KV.
    pub fn note(&mut self, submission_id: &str, key: &str, now_ms: i64) {
        if self.order.len() >= MAX_RECENT
            && let Some((at_ms, oldest)) = self.order.pop_front()
            && self.accepted.get(&oldest).is_some_and(|(latest_ms, _)| *latest_ms == at_ms)
        {
            self.accepted.remove(&oldest);
        }
        self.order.push_back((now_ms, submission_id.to_owned()));
        self.accepted.insert(submission_id.to_owned(), (now_ms, key.to_owned()));
    }

    /// Forgets a person, by the key in KV.
    pub fn forget(&mut self, key: &str) {
        self.accepted.retain(|_, (_, person)| person != key);
    }
}

fn recent(at_ms: i64, now_ms: i64) -> bool {
    (0..=REPEAT_MINUTES * 60_000).contains(&(now_ms - at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_answered_for_ten_minutes_by_the_time_in_the_value() {
        let text = RepeatRecord::read(None).remembering("sub_a", 1_000).expect("a value");
        assert_eq!(text, r#"{"format":1,"submissions":[["sub_a",1000]]}"#);
        let seen = RepeatRecord::read(Some(&text));
        assert!(seen.holds("sub_a", 601_000));
        assert!(!seen.holds("sub_a", 601_001));
        assert!(!seen.holds("sub_b", 1_000));
    }

    #[test]
    fn an_isolate_remembers_for_a_minute_and_forgets_a_person() {
        let mut recent = RepeatCache::default();
        recent.note("sub_a", "ada", 1_000);
        recent.note("sub_b", "ada", 2_000);
        recent.note("sub_c", "eve", 2_000);
        assert!(recent.holds("sub_a", 60_999) && !recent.holds("sub_a", 61_000));
        // A clock that was ahead.
        assert!(!recent.holds("sub_a", 999));
        recent.forget("ada");
        assert!(
            !recent.holds("sub_a", 2_000) && !recent.holds("sub_b", 2_000) && recent.holds("sub_c", 2_000)
        );
    }

    #[test]
    fn an_isolate_remembers_so_many() {
        let mut recent = RepeatCache::default();
        recent.note("first", "k", 0);
        recent.note("twice", "k", 0);
        for n in 0..MAX_RECENT - 2 {
            recent.note(&format!("sub_{n}"), "k", 0);
        }
        recent.note("twice", "k", 1);
        assert!(!recent.holds("first", 1) && recent.holds("sub_0", 1));
        recent.note("one more", "k", 1);
        assert!(recent.holds("twice", 1), "the later time counts");
        assert!(recent.accepted.len() <= MAX_RECENT && recent.order.len() <= MAX_RECENT);
    }

    #[test]
    fn a_value_of_a_newer_code_is_left_untouched() {
        let seen = RepeatRecord::read(Some(r#"{"format":2,"submissions":[["sub_a",1000]]}"#));
        assert!(!seen.holds("sub_a", 1_000));
        assert_eq!(seen.remembering("sub_b", 1_000), None);
    }

    #[test]
    fn a_damaged_value_is_empty_and_the_oldest_are_forgotten_first() {
        let mut text = "not json".to_owned();
        for n in 0..10 {
            text =
                RepeatRecord::read(Some(&text)).remembering(&format!("sub_{n}"), 1_000 + n).expect("a value");
        }
        let seen = RepeatRecord::read(Some(&text));
        assert!(!seen.holds("sub_1", 1_010));
        assert!(seen.holds("sub_2", 1_010));
    }
}
