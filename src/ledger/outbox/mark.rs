//! The mark of immediate deliveries in the database, and the entries that the outbox gives by it.

use super::Outbox;
use super::at_once::{AtOnce, NextMark};
use crate::base::fault::Fault;
use crate::base::id::DeliveryId;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery::Target;
use crate::ledger::db::queue::{AtOnceRow, MarkRow};
use crate::ledger::db::store::Store;

impl<S: Store> Outbox<S> {
    /// Reads the mark up to which all rows have entries.
    pub(super) fn learn_the_mark(&self) -> Result<(), Fault> {
        let MarkRow { mark, behind } = self.db.mark()?;
        let (stored_mark, newest, written) = (mark.clone(), mark.clone(), u64::try_from(behind).unwrap_or(0));
        *self.at_once.borrow_mut() = AtOnce { mark, stored_mark, newest, written, ..AtOnce::default() };
        Ok(())
    }

    /// Gives all waiting deliveries an entry, so that they are found by it, and reads which destinations
    /// responded with 410.
    pub(super) fn enter_all(&self) -> Result<(), Fault> {
        let mut at_once = self.at_once.borrow_mut();
        self.db.enter_all(&at_once.mark)?;
        let AtOnceRow { is_held, newest, disabled } = self.db.at_once(&at_once.mark)?;
        at_once.is_held = is_held;
        at_once.newest = newest.max(std::mem::take(&mut at_once.newest));
        let unreadable = |_| Fault::new("a row is not what its reader expects");
        at_once.disabled = serde_json::from_str(&disabled).map_err(unreadable)?;
        if !at_once.is_held {
            at_once.mark = at_once.newest.clone();
        }
        at_once.waiting.clear();
        at_once.is_lost = false;
        Ok(())
    }

    /// Returns whether a new delivery is sent immediately, without an entry.
    pub(in crate::ledger) fn goes_at_once(
        &self,
        delivery_id: &DeliveryId,
        to: Target<'_>,
        marked: Option<&NextMark>,
        now_ms: i64,
    ) -> bool {
        self.at_once.borrow().takes(delivery_id, to.campaign, to.destination, marked)
            && self.lanes.borrow().takes_at_once(to.receiver, now_ms)
    }

    /// Moves the mark, if that is due.
    pub(in crate::ledger) fn move_mark(&self) -> Result<(), Fault> {
        let mut at_once = self.at_once.borrow_mut();
        let Some(marked) = at_once.next_mark() else { return Ok(()) };
        let mut changes = Changes::default();
        marked.store(&mut changes);
        self.db.write_all(&changes.writes)?;
        at_once.store_mark(marked);
        Ok(())
    }

    /// Returns the id up to which all waiting deliveries have an entry.
    pub(in crate::ledger) fn mark(&self) -> String {
        self.at_once.borrow().mark.clone()
    }
}
