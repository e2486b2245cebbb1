//! How many requests of an isolate wait for each ledger. One object does one thing at a time; who
//! comes while too many wait is told to come again, so that a flood on one ledger leaves the
//! isolate's memory and time to the others.

use std::collections::BTreeMap;

use crate::base::fault::Fault;
use crate::base::limits;

/// Requests that may wait for one ledger at once. An object takes some hundreds a second, so the
/// last of these waits for about a second.
pub const MAX_WAITING: usize = limits::number("waiting_requests") as usize;

/// With so many a ledger is busy: a quarter of those who may wait.
const BUSY: usize = MAX_WAITING / 4;

/// Nobody waits for longer. The platform drops a request whose client has gone without a word, and
/// its place must not stay taken.
const LOST_MS: i64 = 30_000;

/// By ledger: since when each of them waits; UTC, milliseconds.
#[derive(Default)]
pub struct Backlog(BTreeMap<String, Vec<i64>>);

impl Backlog {
    /// One more waits.
    ///
    /// # Errors
    /// [`MAX_WAITING`] do already.
    pub fn begin(&mut self, ledger: &str, now_ms: i64) -> Result<(), Fault> {
        let since = self.0.entry(ledger.to_owned()).or_default();
        if since.len() >= MAX_WAITING {
            since.retain(|since_ms| now_ms - since_ms < LOST_MS);
        }
        if since.len() >= MAX_WAITING {
            return Err(Fault::new("too many requests wait for this ledger"));
        }
        since.push(now_ms);
        Ok(())
    }

    /// Whether many wait.
    pub fn is_busy(&self, ledger: &str) -> bool {
        self.0.get(ledger).is_some_and(|since| since.len() >= BUSY)
    }

    /// One that began to wait then waits no longer.
    pub fn end(&mut self, ledger: &str, began_ms: i64) {
        if let Some(since) = self.0.get_mut(ledger)
            && let Some(at) = since.iter().position(|since_ms| *since_ms == began_ms)
        {
            since.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_of_one_ledger_others_still_get_through() {
        let mut waiting = Backlog::default();
        for number in 0..MAX_WAITING {
            assert_eq!(waiting.is_busy("a"), number >= BUSY, "{number}");
            assert!(waiting.begin("a", 1).is_ok());
        }
        assert!(waiting.is_busy("a") && !waiting.is_busy("b"));
        assert!(waiting.begin("a", 2).is_err());
        assert!(waiting.begin("b", 2).is_ok());
        waiting.end("a", 1);
        assert!(waiting.begin("a", 2).is_ok());
        assert!(waiting.begin("a", 2).is_err());
    }

    #[test]
    fn a_request_that_was_dropped_without_a_word_gives_its_place_back() {
        let mut waiting = Backlog::default();
        for _ in 0..MAX_WAITING {
            assert!(waiting.begin("a", 1).is_ok());
        }
        assert!(waiting.begin("a", LOST_MS).is_err());
        assert!(waiting.begin("a", LOST_MS + 1).is_ok());
        waiting.end("a", 1);
        waiting.end("unknown", 1);
    }
}
