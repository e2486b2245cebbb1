//! Tally buffer: counts of what never reaches a ledger, which are rejections and repeats that were recognised before
//! it. They gather in the isolate and go to the ledgers in batches, so that a flood of bad posts does not wake an
//! object for each of them. Approximate: an isolate that is stopped takes its last seconds with it.

use std::cell::RefCell;

use crate::app::ports::Ports;
use crate::base::fault::Fault;
use crate::ledger::wire::{Call, Tally};

/// The time for which counts gather, well within the 30 s that the platform grants after a response.
pub const GATHER_MS: u64 = 2_000;
/// The most kinds of count that gather: fields and codes are the campaign's, so there are few in a real one.
const MAX_KINDS: usize = 1_000;

/// The counts of one isolate.
#[derive(Default)]
pub struct TallyBuffer(RefCell<Entries>);

#[derive(Default)]
struct Entries {
    /// The counts by ledger. A list, for there are few kinds, and an ordered map is code of its own.
    counts: Vec<(String, Tally)>,
    flush_is_planned: bool,
}

impl TallyBuffer {
    /// Adds a count. Returns whether the caller must plan a flush, because none is planned yet.
    pub fn add(&self, ledger: &str, tally: &Tally) -> bool {
        let entries = &mut *self.0.borrow_mut();
        let same = |(known, kind): &&mut (String, Tally)| *known == ledger && is_same_kind(kind, tally);
        if let Some((_, known)) = entries.counts.iter_mut().find(same) {
            known.count += tally.count;
        } else if entries.counts.len() < MAX_KINDS {
            entries.counts.push((ledger.to_owned(), tally.clone()));
        }
        !std::mem::replace(&mut entries.flush_is_planned, true)
    }

    /// Sends the counts to their ledgers. Returns a fault for each ledger that could not be reached, whose counts are
    /// lost.
    pub async fn flush(&self, ports: &impl Ports) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (ledger, tallies) in self.take() {
            faults.extend(ports.ask(&ledger, &Call::Tally(tallies)).await.err());
        }
        faults
    }

    /// Takes the counts, by ledger.
    fn take(&self) -> Vec<(String, Vec<Tally>)> {
        let Entries { counts, .. } = self.0.take();
        let mut batches = Vec::<(String, Vec<Tally>)>::new();
        for (ledger, tally) in counts {
            match batches.iter_mut().find(|(known, _)| *known == ledger) {
                Some((_, batch)) => batch.push(tally),
                None => batches.push((ledger, vec![tally])),
            }
        }
        batches
    }
}

fn is_same_kind(left: &Tally, right: &Tally) -> bool {
    left.hour == right.hour
        && left.code == right.code
        && left.field == right.field
        && left.campaign == right.campaign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_gather_by_ledger_and_one_flush_is_planned() {
        let tally = |code: &str| Tally {
            campaign: "c".into(),
            hour: 0,
            field: "email".into(),
            code: code.into(),
            count: 1,
        };
        let tallies = TallyBuffer::default();
        assert!(tallies.add("l", &tally("required")));
        assert!(!tallies.add("l", &tally("required")));
        assert!(!tallies.add("m", &tally("too_long")));
        let batches = tallies.take();
        let twice = Tally { count: 2, ..tally("required") };
        assert_eq!(batches, [("l".into(), vec![twice]), ("m".into(), vec![tally("too_long")])]);
        assert!(tallies.take().is_empty());
        assert!(tallies.add("l", &tally("required")));
    }
}
