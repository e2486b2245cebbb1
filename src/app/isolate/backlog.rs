//! Backlog: the requests of an isolate that wait for each ledger. An object does one thing at a time. Once too many
//! requests wait, more are refused at once, so that a flood on one ledger leaves the isolate's memory and time to
//! the others.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::base::fault::Fault;
use crate::base::limits;

/// The most requests that wait for one ledger at once. An object handles some hundreds a second, so the last of
/// them waits for about a second.
pub const MAX_WAITING: usize = limits::number("waiting_requests") as usize;

/// The number of waiting requests from which on a ledger is busy: a quarter of the most.
const BUSY: usize = MAX_WAITING / 4;

/// The time after which a slot counts as lost. The platform drops requests whose clients have gone without telling
/// anybody, and nothing waits for so long.
const LOST_MS: i64 = 30_000;

/// The backlog of every ledger.
#[derive(Default)]
pub struct Backlog {
    /// The times at which the requests of each ledger began to wait; UTC, milliseconds.
    since_ms: RefCell<BTreeMap<String, Vec<i64>>>,
}

/// The slot of a request that waits for a ledger. It is free again once this is dropped.
pub struct Slot<'a> {
    backlog: &'a Backlog,
    ledger: &'a str,
    since_ms: i64,
}

impl Backlog {
    /// Takes a slot.
    ///
    /// # Errors
    /// [`MAX_WAITING`] requests wait for the ledger already.
    pub fn enter<'a>(&'a self, ledger: &'a str, now_ms: i64) -> Result<Slot<'a>, Fault> {
        let mut since_ms = self.since_ms.borrow_mut();
        let waiting = since_ms.entry(ledger.to_owned()).or_default();
        if waiting.len() >= MAX_WAITING {
            waiting.retain(|since_ms| now_ms - since_ms < LOST_MS);
        }
        if waiting.len() >= MAX_WAITING {
            return Err(Fault::new("too many requests wait for this ledger"));
        }
        waiting.push(now_ms);
        Ok(Slot { backlog: self, ledger, since_ms: now_ms })
    }

    /// Checks whether so many requests wait for a ledger that KV is worth asking first.
    pub fn is_busy(&self, ledger: &str) -> bool {
        self.since_ms.borrow().get(ledger).is_some_and(|waiting| waiting.len() >= BUSY)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut since_ms = self.backlog.since_ms.borrow_mut();
        if let Some(waiting) = since_ms.get_mut(self.ledger)
            && let Some(at) = waiting.iter().position(|since_ms| *since_ms == self.since_ms)
        {
            waiting.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_of_one_ledger_others_still_get_through() {
        let backlog = Backlog::default();
        let mut slots = Vec::new();
        for number in 0..MAX_WAITING {
            assert_eq!(backlog.is_busy("a"), number >= BUSY, "{number}");
            slots.push(backlog.enter("a", 1).expect("a slot"));
        }
        assert!(backlog.is_busy("a") && !backlog.is_busy("b"));
        assert!(backlog.enter("a", 2).is_err());
        assert!(backlog.enter("b", 2).is_ok());
        slots.pop();
        let last = backlog.enter("a", 2);
        assert!(last.is_ok());
        assert!(backlog.enter("a", 2).is_err());
    }

    #[test]
    fn a_request_that_was_dropped_without_a_word_gives_its_slot_back() {
        let backlog = Backlog::default();
        let dropped: Vec<_> = (0..MAX_WAITING).map(|_| backlog.enter("a", 1).expect("a slot")).collect();
        assert!(backlog.enter("a", LOST_MS).is_err());
        assert!(backlog.enter("a", LOST_MS + 1).is_ok());
        drop(dropped);
        assert!(!backlog.is_busy("a"));
    }
}
