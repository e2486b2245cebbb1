//! Leads that are about to be sent, kept open in memory: to read one again it must be found, unsealed, parsed
//! and put together with its consents. What is not here any more is read again, so to drop one is always
//! right.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::consents::Open;

/// What all of them may take. An isolate has 128 MB, and the objects of many ledgers may share it. Some two
/// thousand ordinary leads, or what waits after a few busy seconds.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// What an entry takes beside what the visitor typed: its act, its personal part, the nodes of its maps.
const ENTRY_BYTES: usize = 3_000;

/// One of them.
struct Kept {
    submission_id: String,
    open: Rc<Open>,
    bytes: usize,
    /// Its place among all, by age.
    number: u64,
}

/// The newest of them, each found without looking at the others.
#[derive(Default)]
pub(super) struct OpenLeads {
    /// By lead. It has one: each further post of a lead closes what was open of it.
    leads: BTreeMap<String, Kept>,
    /// The leads by age, the oldest first.
    by_age: BTreeMap<u64, String>,
    bytes: usize,
    number: u64,
}

impl OpenLeads {
    /// Keeps a lead, which is as long as `typed` bytes of text. The oldest ones make room for it.
    pub(super) fn keep(&mut self, lead_id: &str, submission_id: &str, open: Open, typed: usize) {
        self.forget(lead_id);
        // A text lies there as it is and, in names and answers, once more at most.
        let bytes = ENTRY_BYTES + 2 * typed;
        self.number += 1;
        let (number, submission_id) = (self.number, submission_id.to_owned());
        let kept = Kept { submission_id, open: Rc::new(open), bytes, number };
        self.leads.insert(lead_id.to_owned(), kept);
        self.by_age.insert(number, lead_id.to_owned());
        self.bytes += bytes;
        while self.bytes > MAX_BYTES
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.forget(&oldest);
        }
    }

    /// The lead of a submission, if it is still open.
    pub(super) fn find(&self, lead_id: &str, submission_id: &str) -> Option<Rc<Open>> {
        let kept = self.leads.get(lead_id).filter(|kept| kept.submission_id == submission_id)?;
        Some(Rc::clone(&kept.open))
    }

    /// Closes what is open of a lead.
    pub(super) fn forget(&mut self, lead_id: &str) {
        if let Some(kept) = self.leads.remove(lead_id) {
            self.by_age.remove(&kept.number);
            self.bytes -= kept.bytes;
        }
    }

    /// Closes a submission's lead.
    pub(super) fn forget_submission(&mut self, lead_id: &str, submission_id: &str) {
        if self.leads.get(lead_id).is_some_and(|kept| kept.submission_id == submission_id) {
            self.forget(lead_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lead::Lead;
    use crate::qualify::{Score, Stage, Temperature};

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

    fn sums_are_right(all: &OpenLeads) {
        assert_eq!(all.bytes, all.leads.values().map(|kept| kept.bytes).sum::<usize>());
        assert!(all.bytes <= MAX_BYTES);
        let by_age: Vec<_> = all.by_age.iter().map(|(number, lead)| (lead.clone(), *number)).collect();
        let mut by_lead: Vec<_> = all.leads.iter().map(|(lead, kept)| (lead.clone(), kept.number)).collect();
        by_lead.sort_by_key(|(_, number)| *number);
        assert_eq!(by_age, by_lead);
    }

    #[test]
    fn beyond_the_bound_the_oldest_are_dropped() {
        let mut all = OpenLeads::default();
        let typed = 10_000;
        let room = MAX_BYTES / (ENTRY_BYTES + 2 * typed);
        for n in 0..room + 10 {
            all.keep(&format!("lead_{n}"), "sub", open(), typed);
            sums_are_right(&all);
        }
        assert_eq!(all.leads.len(), room);
        let is_open = |n: usize| all.find(&format!("lead_{n}"), "sub").is_some();
        assert!(!is_open(9) && is_open(10) && is_open(room + 9));
    }

    #[test]
    fn a_lead_is_closed_by_its_next_post_by_its_end_and_by_nothing_else() {
        let mut all = OpenLeads::default();
        all.keep("lead_1", "a", open(), 10);
        all.keep("lead_2", "b", open(), 10);
        all.keep("lead_1", "c", open(), 20);
        assert!(all.find("lead_1", "a").is_none() && all.find("lead_1", "c").is_some());
        all.forget_submission("lead_1", "a");
        assert!(all.find("lead_1", "c").is_some());
        all.forget_submission("lead_1", "c");
        all.forget("lead_3");
        assert!(all.find("lead_1", "c").is_none() && all.find("lead_2", "b").is_some());
        sums_are_right(&all);
    }

    #[test]
    fn one_that_is_larger_than_all_room_is_not_kept() {
        let mut all = OpenLeads::default();
        all.keep("lead_1", "a", open(), 10);
        all.keep("lead_2", "b", open(), MAX_BYTES);
        assert!(all.leads.is_empty());
        sums_are_right(&all);
    }
}
