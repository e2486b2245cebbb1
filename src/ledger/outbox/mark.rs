//! The mark of immediate deliveries in the database, and the entries that the outbox gives by it.

use super::Outbox;
use super::immediate::{ImmediateDeliveries, NextMark};
use crate::base::fault::Fault;
use crate::base::id::DeliveryId;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery::Target;
use crate::ledger::db::queue::{ImmediateRow, MarkRow};
use crate::ledger::db::store::Store;

impl<S: Store> Outbox<S> {
    /// Reads the mark up to which all rows have entries.
    pub(super) fn learn_the_mark(&self) -> Result<(), Fault> {
        let MarkRow { mark, behind } = self.db.mark()?;
        let (stored_mark, newest, written) = (mark.clone(), mark.clone(), u64::try_from(behind).unwrap_or(0));
        *self.immediate.borrow_mut() =
            ImmediateDeliveries { mark, stored_mark, newest, written, ..ImmediateDeliveries::default() };
        Ok(())
    }

    /// Gives all waiting deliveries an entry, so that they are found by it, and reads which destinations
    /// responded with 410.
    pub(super) fn enter_all(&self) -> Result<(), Fault> {
        let mut immediate = self.immediate.borrow_mut();
        self.db.enter_all(&immediate.mark)?;
        let ImmediateRow { is_held, newest, disabled } = self.db.immediate(&immediate.mark)?;
        immediate.is_held = is_held;
        immediate.newest = newest.max(std::mem::take(&mut immediate.newest));
        let unreadable = |_| Fault::new("a row is not what its reader expects");
        immediate.disabled = serde_json::from_str(&disabled).map_err(unreadable)?;
        if !immediate.is_held {
            immediate.mark = immediate.newest.clone();
        }
        immediate.waiting.clear();
        immediate.is_lost = false;
        Ok(())
    }

    /// Returns whether a new delivery is sent immediately, without an entry.
    pub(in crate::ledger) fn goes_immediately(
        &self,
        delivery_id: &DeliveryId,
        to: Target<'_>,
        marked: Option<&NextMark>,
        now_ms: i64,
    ) -> bool {
        self.immediate.borrow().takes(delivery_id, to.campaign, to.destination, marked)
            && self.lanes.borrow().takes_immediately(to.receiver, now_ms)
    }

    /// Moves the mark, if that is due.
    pub(in crate::ledger) fn move_mark(&self) -> Result<(), Fault> {
        let mut immediate = self.immediate.borrow_mut();
        let Some(marked) = immediate.next_mark() else { return Ok(()) };
        let mut changes = Changes::default();
        marked.store(&mut changes);
        self.db.write_all(&changes.writes)?;
        immediate.store_mark(marked);
        Ok(())
    }

    /// Returns the id up to which all waiting deliveries have an entry.
    pub(in crate::ledger) fn mark(&self) -> String {
        self.immediate.borrow().mark.clone()
    }
}
