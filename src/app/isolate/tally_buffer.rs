//! Counts of what never reaches a ledger: rejections, and repeats that KV answered. They gather in
//! the isolate and go to the ledgers in batches, so that a flood of bad posts wakes no object for
//! each of them. An isolate that is stopped takes its last seconds with it: approximate.

use crate::ledger::wire::Tally;

/// How long counts gather. Well within the 30 s that the platform grants after a response.
pub const GATHER_MS: u64 = 2_000;
/// Kinds of count that gather: fields and codes are the campaign's, so few in a real one.
const MAX_KINDS: usize = 1_000;

/// The counts of one isolate.
#[derive(Default)]
pub struct TallyBuffer {
    /// By ledger. A list, for there are few kinds, and an ordered map is code of its own.
    counts: Vec<(String, Tally)>,
    flush_is_planned: bool,
}

impl TallyBuffer {
    /// Adds a count. True where the caller must plan a flush, for none is planned yet.
    pub fn add(&mut self, ledger: &str, tally: &Tally) -> bool {
        let same = |(known, kind): &&mut (String, Tally)| *known == ledger && is_same_kind(kind, tally);
        if let Some((_, known)) = self.counts.iter_mut().find(same) {
            known.count += tally.count;
        } else if self.counts.len() < MAX_KINDS {
            self.counts.push((ledger.to_owned(), tally.clone()));
        }
        !std::mem::replace(&mut self.flush_is_planned, true)
    }

    /// Takes what has gathered, by ledger.
    pub fn take(&mut self) -> Vec<(String, Vec<Tally>)> {
        self.flush_is_planned = false;
        let mut batches = Vec::<(String, Vec<Tally>)>::new();
        for (ledger, tally) in std::mem::take(&mut self.counts) {
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
        let mut tallies = TallyBuffer::default();
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
