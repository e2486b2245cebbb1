//! Repeat cache: the submissions that an isolate has accepted within the last minute. Retries and double clicks, which
//! come to the same isolate as a rule, are answered from it without asking anybody.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

/// The time for which a submission is remembered: as long as KV itself may take to spread that something is deleted,
/// so that nothing is remembered for longer here than there.
const REMEMBERED_MS: i64 = 60_000;
/// The most submissions of one isolate: half a megabyte of its 128.
const MAX_SUBMISSIONS: usize = 4_000;

/// The submissions that were accepted.
#[derive(Default)]
pub struct RepeatCache(RefCell<Entries>);

#[derive(Default)]
struct Entries {
    /// The time at which each submission was accepted, by its id, and the KV key of its person.
    accepted: BTreeMap<String, (i64, String)>,
    /// The ids with their times, the oldest first.
    order: VecDeque<(i64, String)>,
}

impl RepeatCache {
    /// Checks whether this very submission was accepted within the last minute.
    pub fn holds(&self, submission_id: &str, now_ms: i64) -> bool {
        let entries = self.0.borrow();
        let accepted = entries.accepted.get(submission_id);
        accepted.is_some_and(|(at_ms, _)| (0..REMEMBERED_MS).contains(&(now_ms - at_ms)))
    }

    /// Notes that a submission was accepted. `person` is the person's key in KV.
    pub fn note(&self, submission_id: &str, person: &str, now_ms: i64) {
        let Entries { accepted, order } = &mut *self.0.borrow_mut();
        if order.len() >= MAX_SUBMISSIONS
            && let Some((at_ms, oldest)) = order.pop_front()
            && accepted.get(&oldest).is_some_and(|(latest_ms, _)| *latest_ms == at_ms)
        {
            accepted.remove(&oldest);
        }
        order.push_back((now_ms, submission_id.to_owned()));
        accepted.insert(submission_id.to_owned(), (now_ms, person.to_owned()));
    }

    /// Forgets a person, by the key in KV.
    pub fn forget(&self, person: &str) {
        self.0.borrow_mut().accepted.retain(|_, (_, known)| known != person);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_isolate_remembers_for_a_minute_and_forgets_a_person() {
        let cache = RepeatCache::default();
        cache.note("sub_a", "ada", 1_000);
        cache.note("sub_b", "ada", 2_000);
        cache.note("sub_c", "eve", 2_000);
        assert!(cache.holds("sub_a", 60_999) && !cache.holds("sub_a", 61_000));
        // A clock that was ahead.
        assert!(!cache.holds("sub_a", 999));
        cache.forget("ada");
        assert!(!cache.holds("sub_a", 2_000) && !cache.holds("sub_b", 2_000) && cache.holds("sub_c", 2_000));
    }

    #[test]
    fn an_isolate_remembers_so_many() {
        let cache = RepeatCache::default();
        cache.note("first", "k", 0);
        cache.note("twice", "k", 0);
        for n in 0..MAX_SUBMISSIONS - 2 {
            cache.note(&format!("sub_{n}"), "k", 0);
        }
        cache.note("twice", "k", 1);
        assert!(!cache.holds("first", 1) && cache.holds("sub_0", 1));
        cache.note("one more", "k", 1);
        assert!(cache.holds("twice", 1), "the later time counts");
        let entries = cache.0.borrow();
        assert!(entries.accepted.len() <= MAX_SUBMISSIONS && entries.order.len() <= MAX_SUBMISSIONS);
    }
}
