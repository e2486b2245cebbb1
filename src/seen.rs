//! What KV remembers of a person's last minutes. It answers exact repeats (double clicks, retries,
//! floods) without waking the ledger, and judges nothing: stale, empty or refusing, it costs speed.

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
pub struct Seen {
    format: u32,
    /// `(submission id, milliseconds UTC)`, oldest first.
    submissions: Vec<(String, i64)>,
}

impl Seen {
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

fn recent(at_ms: i64, now_ms: i64) -> bool {
    (0..=REPEAT_MINUTES * 60_000).contains(&(now_ms - at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_answered_for_ten_minutes_by_the_time_in_the_value() {
        let text = Seen::read(None).remembering("sub_a", 1_000).expect("a value");
        assert_eq!(text, r#"{"format":1,"submissions":[["sub_a",1000]]}"#);
        let seen = Seen::read(Some(&text));
        assert!(seen.holds("sub_a", 601_000));
        assert!(!seen.holds("sub_a", 601_001));
        assert!(!seen.holds("sub_b", 1_000));
    }

    #[test]
    fn a_value_of_a_newer_code_is_left_untouched() {
        let seen = Seen::read(Some(r#"{"format":2,"submissions":[["sub_a",1000]]}"#));
        assert!(!seen.holds("sub_a", 1_000));
        assert_eq!(seen.remembering("sub_b", 1_000), None);
    }

    #[test]
    fn a_damaged_value_is_empty_and_the_oldest_are_forgotten_first() {
        let mut text = "not json".to_owned();
        for n in 0..10 {
            text = Seen::read(Some(&text)).remembering(&format!("sub_{n}"), 1_000 + n).expect("a value");
        }
        let seen = Seen::read(Some(&text));
        assert!(!seen.holds("sub_1", 1_010));
        assert!(seen.holds("sub_2", 1_010));
    }
}
