//! Open leads: a cache of those that are about to be sent. To read one again it must be found, unsealed,
//! parsed and put together with its consents. A lead that is not cached is read again, so any can be dropped.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::base::id::{LeadId, SubmissionId};
use crate::ledger::consents::open::Open;

/// The bytes that the open leads of all ledgers in an isolate may take, which has 128 MB. Some three thousand
/// ordinary leads, or the backlog of a few busy seconds.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The number of later leads after which one is stale: it waits for a receiver that does not respond, and
/// makes room.
const STALE_AFTER: u64 = 10_000;
/// The bytes of an entry without the visitor's input: its act, its personal part, the nodes of its maps.
const ENTRY_BYTES: usize = 3_000;

thread_local! {
    /// The bytes taken by all ledgers.
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// A cached lead.
struct Entry {
    /// The number of leads that came before.
    number: u64,
    lead_id: LeadId,
    submission_id: SubmissionId,
    open: Rc<Open>,
    bytes: usize,
}

impl Entry {
    /// Makes an entry, and counts its bytes.
    fn new(number: u64, lead_id: &LeadId, submission_id: &SubmissionId, open: Open, bytes: usize) -> Self {
        TAKEN.set(TAKEN.get() + bytes);
        let (lead_id, submission_id) = (lead_id.clone(), submission_id.clone());
        Self { number, lead_id, submission_id, open: Rc::new(open), bytes }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        TAKEN.set(TAKEN.get() - self.bytes);
    }
}

/// The open leads of a ledger, each found without a scan. A lead has one: each further post replaces it.
#[derive(Default)]
pub(in crate::ledger) struct OpenLeads {
    /// The entries by lead. An id begins with the time when the lead came, so the oldest come first.
    leads: VecDeque<Entry>,
    /// The number of leads that came.
    came: u64,
}

impl OpenLeads {
    /// Returns the position of a lead, or where it would be.
    fn position(&self, lead_id: &LeadId) -> Result<usize, usize> {
        // Nearly all come in order.
        match self.leads.back() {
            Some(last) if last.lead_id >= *lead_id => {
                self.leads.binary_search_by(|entry| entry.lead_id.cmp(lead_id))
            }
            _ => Err(self.leads.len()),
        }
    }

    /// Caches a lead with `typed` bytes of text, if there is room: the oldest are sent first, so the newest
    /// is the one to be read again.
    pub(in crate::ledger) fn insert(
        &mut self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
        open: Open,
        typed: usize,
    ) {
        self.forget(lead_id);
        self.came += 1;
        // A text is stored once as it is and at most once more in names and answers.
        let bytes = ENTRY_BYTES + 2 * typed;
        let is_stale = |oldest: &mut Entry| self.came - oldest.number > STALE_AFTER;
        if TAKEN.get() + bytes > MAX_BYTES {
            self.leads.pop_front_if(is_stale);
        }
        if TAKEN.get() + bytes > MAX_BYTES {
            return;
        }
        if let Err(at) = self.position(lead_id) {
            self.leads.insert(at, Entry::new(self.came, lead_id, submission_id, open, bytes));
        }
    }

    /// Returns the lead of a submission, if it is cached.
    pub(in crate::ledger) fn find(&self, lead_id: &LeadId, submission_id: &SubmissionId) -> Option<Rc<Open>> {
        let entry = self.leads.get(self.position(lead_id).ok()?)?;
        (entry.submission_id == *submission_id).then(|| Rc::clone(&entry.open))
    }

    /// Drops a lead.
    pub(in crate::ledger) fn forget(&mut self, lead_id: &LeadId) {
        if let Ok(at) = self.position(lead_id) {
            self.leads.remove(at);
        }
    }

    /// Drops a submission's lead.
    pub(in crate::ledger) fn forget_submission(&mut self, lead_id: &LeadId, submission_id: &SubmissionId) {
        if self.find(lead_id, submission_id).is_some() {
            self.forget(lead_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::lead::Lead;
    use crate::pipeline::scoring::{Score, Stage, Temperature};

    fn open() -> Open {
        Open {
            lead: Lead::default(),
            score: Score {
                total: 0,
                temperature: Temperature::Cold,
                stage: Stage::Lead,
                reasons: Vec::new(),
            },
            recognised_by: Vec::new(),
            subject: String::new(),
            receipts: Vec::new(),
        }
    }

    fn is_sound(all: &OpenLeads) {
        assert_eq!(TAKEN.get(), all.leads.iter().map(|entry| entry.bytes).sum::<usize>());
        assert!(TAKEN.get() <= MAX_BYTES && all.leads.iter().is_sorted_by(|a, b| a.lead_id < b.lead_id));
    }

    #[test]
    fn beyond_the_bound_the_newest_are_not_kept_until_the_oldest_are_stale() {
        let mut all = OpenLeads::default();
        let typed = 10_000;
        let room = MAX_BYTES / (ENTRY_BYTES + 2 * typed);
        let insert = |all: &mut OpenLeads, n: usize| {
            all.insert(&format!("lead_{n:05}").into(), &"sub".into(), open(), typed);
            is_sound(all);
        };
        let is_open =
            |all: &OpenLeads, n: usize| all.find(&format!("lead_{n:05}").into(), &"sub".into()).is_some();
        (0..room + 10).for_each(|n| insert(&mut all, n));
        assert_eq!(all.leads.len(), room);
        assert!(is_open(&all, 0) && is_open(&all, room - 1) && !is_open(&all, room));
        all.forget(&"lead_00005".into());
        insert(&mut all, room + 10);
        assert!(is_open(&all, room + 10));
        let later = usize::try_from(STALE_AFTER).expect("small") + 20;
        (room + 11..later).for_each(|n| insert(&mut all, n));
        assert!(!is_open(&all, 0) && is_open(&all, later - 1) && all.leads.len() == room);
    }

    #[test]
    fn ledgers_share_the_room_and_give_it_back() {
        let (mut one, mut other) = (OpenLeads::default(), OpenLeads::default());
        one.insert(&"lead_1".into(), &"a".into(), open(), MAX_BYTES / 2 - ENTRY_BYTES);
        other.insert(&"lead_2".into(), &"b".into(), open(), ENTRY_BYTES);
        assert!(other.leads.is_empty());
        drop(one);
        other.insert(&"lead_2".into(), &"b".into(), open(), ENTRY_BYTES);
        assert_eq!(other.leads.len(), 1);
        is_sound(&other);
    }

    #[test]
    fn a_lead_is_closed_by_its_next_post_by_its_end_and_by_nothing_else() {
        let mut all = OpenLeads::default();
        all.insert(&"lead_1".into(), &"a".into(), open(), 10);
        all.insert(&"lead_2".into(), &"b".into(), open(), 10);
        all.insert(&"lead_1".into(), &"c".into(), open(), 20);
        assert!(
            all.find(&"lead_1".into(), &"a".into()).is_none()
                && all.find(&"lead_1".into(), &"c".into()).is_some()
        );
        all.forget_submission(&"lead_1".into(), &"a".into());
        assert!(all.find(&"lead_1".into(), &"c".into()).is_some());
        all.forget_submission(&"lead_1".into(), &"c".into());
        all.forget(&"lead_3".into());
        assert!(
            all.find(&"lead_1".into(), &"c".into()).is_none()
                && all.find(&"lead_2".into(), &"b".into()).is_some()
        );
        is_sound(&all);
    }

    #[test]
    fn one_that_is_larger_than_all_room_is_not_kept() {
        let mut all = OpenLeads::default();
        all.insert(&"lead_1".into(), &"a".into(), open(), 10);
        all.insert(&"lead_2".into(), &"b".into(), open(), MAX_BYTES);
        assert!(
            all.find(&"lead_1".into(), &"a".into()).is_some()
                && all.find(&"lead_2".into(), &"b".into()).is_none()
        );
        is_sound(&all);
    }
}
