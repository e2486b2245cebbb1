//! How many requests of an isolate wait for each ledger. One object does one thing at a time; who
//! comes while too many wait is told to come again, so that a flood on one ledger leaves the
//! isolate's memory and time to the others.

use std::collections::BTreeMap;

use crate::fault::Fault;

/// Requests that may wait for one ledger at once. An object takes some hundreds a second, so the
/// last of these waits for about a second.
pub const MAX_WAITING: usize = 256;

/// The numbers, by ledger.
#[derive(Default)]
pub struct Waiting(BTreeMap<String, usize>);

impl Waiting {
    /// One more waits.
    ///
    /// # Errors
    /// [`MAX_WAITING`] do already.
    pub fn begin(&mut self, ledger: &str) -> Result<(), Fault> {
        let count = self.0.entry(ledger.to_owned()).or_default();
        if *count >= MAX_WAITING {
            return Err(Fault::new("too many requests wait for this ledger"));
        }
        *count += 1;
        Ok(())
    }

    /// One waits no longer.
    pub fn end(&mut self, ledger: &str) {
        if let Some(count) = self.0.get_mut(ledger) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(ledger);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_of_one_ledger_others_still_get_through() {
        let mut waiting = Waiting::default();
        for _ in 0..MAX_WAITING {
            assert!(waiting.begin("a").is_ok());
        }
        assert!(waiting.begin("a").is_err());
        assert!(waiting.begin("b").is_ok());
        waiting.end("a");
        assert!(waiting.begin("a").is_ok());
        assert!(waiting.begin("a").is_err());
    }
}
