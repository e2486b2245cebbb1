//! Immediate deliveries: those that nearly every lead brings. Their claims wait in memory, and their rows
//! have no entry in `delivery_due`, by which all others are found: their `due_ms` is 0 until they get one.
//!
//! If the object stops before they are sent, the next one finds them by their ids, which begin with the time
//! when their lead came. A mark in the database says up to which id none of them waits. It is moved
//! regularly, so that few rows come after it. Deliveries that the object cannot send immediately get an
//! entry.

use std::collections::VecDeque;

use super::claim::Claim;
use crate::base::id::DeliveryId;
use crate::base::limits;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery;

/// The number of claims that wait in memory: some two megabytes, and the load of a few busy seconds. Further
/// ones get their entry at once, and are read and unsealed again before they are sent: a tenth of what a lead
/// costs.
const MAX_WAITING: usize = 3_000;
/// The number of deliveries after which the mark is written anew: one row for so many.
const MARK_EVERY: u64 = limits::number("mark_deliveries") as u64;
/// The number of later deliveries after which a waiting one gets its entry. With those of a mark, these are
/// the rows that are read when the ledger is opened, and that get their entries then if they wait: some
/// milliseconds, and two rows written for each.
const MAX_BEHIND: u64 = 5_000;

/// The immediate deliveries in memory.
#[derive(Default)]
pub(in crate::ledger) struct ImmediateDeliveries {
    /// The id up to which no delivery without an entry waits.
    pub(super) mark: String,
    /// The mark in the database, which may be behind.
    pub(super) stored_mark: String,
    /// The last id of a written delivery.
    pub(super) newest: String,
    /// The deliveries without an entry: each id with the number of those written before.
    pub(super) waiting: VecDeque<(DeliveryId, u64)>,
    /// The number of written deliveries, those after the database's mark counted first.
    pub(super) written: u64,
    /// The number that had been written when that mark was.
    pub(super) marked: u64,
    /// True if rows of a newer format have no entry either, which this code must not touch.
    pub(super) is_held: bool,
    /// True if one was lost on its way: the rows must be read.
    pub(super) is_lost: bool,
    /// The campaigns and destinations that responded with 410.
    pub(super) disabled: Vec<(String, String)>,
}

/// The next mark, and the late deliveries that get an entry for it.
pub(in crate::ledger) struct NextMark {
    mark: String,
    late: Vec<DeliveryId>,
}

impl ImmediateDeliveries {
    /// Returns whether a delivery that is about to be written, with a mark or without, may go without an
    /// entry.
    pub(super) fn takes(
        &self,
        delivery_id: &str,
        campaign: &str,
        destination: &str,
        marked: Option<&NextMark>,
    ) -> bool {
        delivery_id > marked.map_or(&self.mark, |marked| &marked.mark).as_str()
            && self.waiting.len() < MAX_WAITING
            && !self.disabled.iter().any(|(id, name)| id == campaign && name == destination)
    }

    /// Notes that the deliveries of an admission are written, those with an entry and those without, and with
    /// them the mark.
    pub(in crate::ledger) fn note_all_written(
        &mut self,
        marked: Option<NextMark>,
        entered: &[DeliveryId],
        claims: &[Claim],
    ) {
        if let Some(marked) = marked {
            self.store_mark(marked);
        }
        entered.iter().for_each(|id| self.note_written(id, true));
        claims.iter().for_each(|claim| self.note_written(&claim.delivery_id, false));
    }

    /// Notes that a delivery was written, with an entry or without.
    fn note_written(&mut self, delivery_id: &str, has_entry: bool) {
        if delivery_id > self.newest.as_str() {
            delivery_id.clone_into(&mut self.newest);
        }
        if let (false, Err(at)) = (has_entry, self.position(delivery_id)) {
            self.waiting.insert(at, (delivery_id.into(), self.written));
        }
        self.written += 1;
    }

    /// Notes confirmation mails, which have an entry and ids as young as their leads.
    pub(in crate::ledger) fn note_mails(&mut self, mails: u64) {
        self.written += mails;
    }

    /// Forgets a delivery whose outcome is written, or which has an entry now.
    pub(in crate::ledger) fn forget(&mut self, delivery_id: &str) {
        if let Ok(at) = self.position(delivery_id) {
            self.waiting.remove(at);
        }
    }

    /// Returns the position of a delivery among those that wait, or where it would be.
    fn position(&self, delivery_id: &str) -> Result<usize, usize> {
        self.waiting.binary_search_by(|(id, _)| (**id).cmp(delivery_id))
    }

    /// Notes that a delivery is not on its way any more, and its outcome is not written.
    pub(in crate::ledger) fn lose(&mut self) {
        self.is_lost = true;
    }

    pub(in crate::ledger) fn has_lost(&self) -> bool {
        self.is_lost
    }

    /// Returns the next mark, if it is time for one.
    pub(in crate::ledger) fn next_mark(&self) -> Option<NextMark> {
        if self.written - self.marked < MARK_EVERY || self.is_held {
            return None;
        }
        let is_late = |number: u64| self.written - number > MAX_BEHIND;
        let late: Vec<DeliveryId> = self
            .waiting
            .iter()
            .take_while(|(_, number)| is_late(*number))
            .map(|(id, _)| id.clone())
            .collect();
        let mark = match self.waiting.get(late.len()) {
            // A prefix of an id sorts before it.
            Some((first, _)) => first.get(..first.len() - 1).unwrap_or_default().to_owned(),
            None => self.newest.clone(),
        };
        let mark = mark.max(self.mark.clone());
        (mark > self.stored_mark).then_some(NextMark { mark, late })
    }

    /// Notes that a mark is written.
    pub(super) fn store_mark(&mut self, marked: NextMark) {
        marked.late.iter().for_each(|id| self.forget(id));
        self.stored_mark.clone_from(&marked.mark);
        self.mark = marked.mark;
        self.marked = self.written;
    }
}

impl NextMark {
    /// Stores the mark, and gives an entry to the deliveries that it passes.
    pub(in crate::ledger) fn store(&self, changes: &mut Changes<'_>) {
        delivery::store_mark(self.mark.clone(), &self.late, changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> String {
        format!("msg_{n:09}")
    }

    /// Moves the mark as an admission does. Returns the number of entries given.
    fn mark(all: &mut ImmediateDeliveries) -> usize {
        let Some(marked) = all.next_mark() else { return 0 };
        let late = marked.late.len();
        let mut changes = Changes::default();
        marked.store(&mut changes);
        assert_eq!(changes.writes.len(), 1 + usize::from(late > 0));
        all.store_mark(marked);
        late
    }

    fn is_sound(all: &ImmediateDeliveries) {
        assert!(all.waiting.iter().all(|(id, _)| **id > *all.mark), "{} {:?}", all.mark, all.waiting.front());
        assert!(all.waiting.len() <= MAX_WAITING);
    }

    #[test]
    fn the_mark_follows_what_is_sent() {
        let mut all = ImmediateDeliveries::default();
        for n in 0..10_000 {
            assert!(all.takes(&id(n), "guide", "crm", None));
            all.note_written(&id(n), false);
            assert_eq!(mark(&mut all), 0);
            is_sound(&all);
            if n >= 5 {
                all.forget(&id(n - 5));
            }
            assert!(all.written - all.marked <= MARK_EVERY);
        }
        assert!(all.mark > id(9_900) && !all.takes(&all.mark, "guide", "crm", None));
    }

    #[test]
    fn what_waits_for_long_gets_an_entry_and_lets_the_mark_pass() {
        let mut all = ImmediateDeliveries::default();
        let mut entered = 0;
        for n in 0..5 * MAX_BEHIND {
            all.note_written(&id(n), false);
            entered += mark(&mut all);
            is_sound(&all);
            if n % MAX_BEHIND > 0 {
                all.forget(&id(n));
            }
        }
        assert_eq!(entered, 4, "those that the newest are far ahead of");
        let newest = all.newest[4..].parse::<u64>().expect("a number");
        let mark = format!("{:0<9}", &all.mark[4..]).parse::<u64>().expect("a number");
        assert!(newest - mark <= MAX_BEHIND + MARK_EVERY + 10, "{newest} {mark}");
    }

    #[test]
    fn what_is_too_much_or_too_early_or_disabled_has_an_entry() {
        let mut all = ImmediateDeliveries { mark: id(7), ..ImmediateDeliveries::default() };
        all.disabled.push(("guide".to_owned(), "old".to_owned()));
        assert!(!all.takes(&id(7), "guide", "crm", None) && !all.takes(&id(3), "guide", "crm", None));
        assert!(all.takes(&id(8), "guide", "crm", None) && !all.takes(&id(8), "guide", "old", None));
        for n in 0..MAX_WAITING as u64 {
            assert!(all.takes(&id(8 + n), "guide", "crm", None));
            all.note_written(&id(8 + n), false);
        }
        assert!(!all.takes(&id(9_999), "guide", "crm", None));
        is_sound(&all);
    }
}
