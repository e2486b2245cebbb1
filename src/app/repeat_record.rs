//! Repeat record: a person's accepted submissions of the last minutes, as KV holds them for those who repeat. An
//! exact repeat (a double click, a retry, a flood) is answered from it without waking the ledger. It decides
//! nothing else: stale, empty or refusing, it costs time alone.

use serde::Serialize;
use serde_json::Value;

/// The age up to which a submission is answered from KV, by the time in the value: long enough for retries, short
/// enough that a withdrawal is not outlived for long.
pub const REPEAT_MINUTES: i64 = 10;
/// The most submissions of one value: the newest count.
const MAX_SUBMISSIONS: usize = 8;
/// The format of the value. A newer one is left untouched.
const FORMAT: u32 = 1;

/// The value under a person's first fingerprint.
#[derive(Debug, Serialize)]
pub struct RepeatRecord {
    format: u32,
    /// Pairs of a submission's id and its time in milliseconds UTC, the oldest first.
    submissions: Vec<(String, i64)>,
}

impl Default for RepeatRecord {
    fn default() -> Self {
        Self { format: FORMAT, submissions: Vec::new() }
    }
}

impl RepeatRecord {
    /// Returns the KV key of a fingerprint in a ledger.
    pub fn key(ledger: &str, tag: &str) -> String {
        format!("seen/v1/{ledger}/{tag}")
    }

    /// Returns the seconds for which KV keeps the value.
    pub fn ttl_s() -> u32 {
        u32::try_from(REPEAT_MINUTES * 60).unwrap_or(u32::MAX)
    }

    /// Reads a value; an absent or damaged one is empty.
    pub fn read(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::default() };
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let format =
            value.get("format").and_then(Value::as_u64).and_then(|format| u32::try_from(format).ok());
        let submissions = match format {
            Some(..=FORMAT) => value.get("submissions").and_then(read_submissions).unwrap_or_default(),
            // A newer code may have written another shape.
            _ => Vec::new(),
        };
        Self { format: format.unwrap_or(FORMAT), submissions }
    }

    /// Checks whether this very submission was accepted within the last minutes.
    pub fn holds(&self, submission_id: &str, now_ms: i64) -> bool {
        self.format <= FORMAT
            && self.submissions.iter().any(|(id, at_ms)| id == submission_id && is_recent(*at_ms, now_ms))
    }

    /// Returns the value with this submission added. `None` if newer code wrote the value.
    pub fn remembering(mut self, submission_id: &str, now_ms: i64) -> Option<String> {
        if self.format > FORMAT {
            return None;
        }
        self.submissions.retain(|(id, at_ms)| id != submission_id && is_recent(*at_ms, now_ms));
        self.submissions.push((submission_id.to_owned(), now_ms));
        let too_many = self.submissions.len().saturating_sub(MAX_SUBMISSIONS);
        self.submissions.drain(..too_many);
        serde_json::to_string(&self).ok()
    }
}

/// Reads the list of a value. `None` unless every item of it is sound.
fn read_submissions(list: &Value) -> Option<Vec<(String, i64)>> {
    let read = |item: &Value| match item.as_array()?.as_slice() {
        [id, at_ms] => Some((id.as_str()?.to_owned(), at_ms.as_i64()?)),
        _ => None,
    };
    list.as_array()?.iter().map(read).collect()
}

fn is_recent(at_ms: i64, now_ms: i64) -> bool {
    (0..=REPEAT_MINUTES * 60_000).contains(&(now_ms - at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_is_answered_for_ten_minutes_by_the_time_in_the_value() {
        let text = RepeatRecord::read(None).remembering("sub_a", 1_000).expect("a value");
        assert_eq!(text, r#"{"format":1,"submissions":[["sub_a",1000]]}"#);
        let record = RepeatRecord::read(Some(&text));
        assert!(record.holds("sub_a", 601_000));
        assert!(!record.holds("sub_a", 601_001));
        assert!(!record.holds("sub_b", 1_000));
    }

    #[test]
    fn a_value_of_a_newer_code_is_left_untouched() {
        let record = RepeatRecord::read(Some(r#"{"format":2,"submissions":[["sub_a",1000]]}"#));
        assert!(!record.holds("sub_a", 1_000));
        assert_eq!(record.remembering("sub_b", 1_000), None);
    }

    #[test]
    fn a_damaged_value_is_empty_and_the_oldest_are_forgotten_first() {
        let mut text = "not json".to_owned();
        for n in 0..10 {
            text =
                RepeatRecord::read(Some(&text)).remembering(&format!("sub_{n}"), 1_000 + n).expect("a value");
        }
        let record = RepeatRecord::read(Some(&text));
        assert!(!record.holds("sub_1", 1_010));
        assert!(record.holds("sub_2", 1_010));
    }
}
