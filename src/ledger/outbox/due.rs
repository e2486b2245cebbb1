//! Due deliveries: they are read ahead and claimed.
//!
//! While a fetch is awaited other events enter the object, so deliveries in flight are remembered, in memory:
//! only this object sends its deliveries, and after a restart it sends those again that were in flight.

use std::collections::VecDeque;

use super::Outbox;
use super::claim::Claim;
use super::origin::ReceiverFacts;
use crate::base::fault::Fault;
use crate::base::id::DeliveryId;
use crate::base::moment::Moment;
use crate::ledger::db::store::Store;
use crate::pipeline::webhook::Outcome;

/// The number of deliveries of one receiver that are read at once: a few kilobytes.
const READ_AHEAD: i64 = 32;

impl<S: Store> Outbox<S> {
    /// Claims deliveries that are due, as far as connections are free.
    pub(in crate::ledger) fn claim(&self, moment: &Moment) -> Result<Vec<Claim>, Fault> {
        let now = moment.now_ms;
        let has_lost = self.lanes.borrow_mut().look_at_clock(now);
        if has_lost || self.immediate.borrow().has_lost() {
            self.refresh()?;
        }
        let mut claims = Vec::new();
        loop {
            let turn = self.lanes.borrow().next(now);
            let Some(turn) = turn else { return Ok(claims) };
            if self.lanes.borrow().is_empty(&turn.receiver) {
                self.read_ahead(&turn.receiver, now)?;
            }
            claims.extend(self.lanes.borrow_mut().take(&turn, now));
        }
    }

    /// Reads the next due deliveries of a receiver, and when the first one after them is due.
    fn read_ahead(&self, receiver: &str, now_ms: i64) -> Result<(), Fault> {
        // Deliveries in flight are still pending, and come first.
        let mut lanes = self.lanes.borrow_mut();
        let limit = READ_AHEAD + i64::try_from(lanes.in_flight()).unwrap_or(0);
        let rows = self.db.due_of(receiver, limit)?;
        let all = i64::try_from(rows.len()).is_ok_and(|read| read < limit);
        let (mut ahead, mut next_ms) = (VecDeque::new(), None);
        for due in rows {
            next_ms = Some(due.due_ms);
            if due.due_ms > now_ms {
                break;
            }
            if all {
                next_ms = None;
            }
            if !lanes.is_in_flight(&due.delivery_id) {
                ahead.push_back(Claim::due(due, receiver));
            }
        }
        lanes.fill(receiver, ahead, next_ms);
        Ok(())
    }

    /// Notes that a claim's request has been answered or has failed: its connection is free, and how its
    /// origin responds is known. `left_doubt`: the connection had to be ended because of the response.
    pub(in crate::ledger) fn release(
        &self,
        claim: &Claim,
        outcome: &Outcome,
        took_ms: i64,
        left_doubt: bool,
    ) {
        self.lanes.borrow_mut().release(claim, outcome, took_ms, left_doubt);
    }

    /// Returns whether a delivery is on its way.
    pub(in crate::ledger) fn is_in_flight(&self, delivery_id: &DeliveryId) -> bool {
        self.lanes.borrow().is_in_flight(delivery_id)
    }

    /// Reads what waits from the database; all of it has an entry from now on.
    pub(in crate::ledger) fn refresh(&self) -> Result<(), Fault> {
        self.enter_all()?;
        self.read_what_is_due()
    }

    /// Reads when each receiver's next delivery is due. All that waits must have its entry.
    pub(super) fn read_what_is_due(&self) -> Result<(), Fault> {
        let mut known = Vec::new();
        for row in self.db.receivers_due()? {
            // Rows of a newer version are left alone.
            let Some(due_ms) = row.due_ms else { continue };
            let hung = row.reason.is_some_and(|reason| reason == Outcome::TimedOut.name());
            known.push(ReceiverFacts { receiver: row.receiver, due_ms, hung });
        }
        self.lanes.borrow_mut().learn(known);
        Ok(())
    }

    /// Notes that something of a receiver becomes due at a time.
    pub(in crate::ledger) fn note_due(&self, receiver: &str, at_ms: i64) {
        self.lanes.borrow_mut().note_due(receiver, at_ms);
    }

    /// Returns when the outbox must be woken.
    pub(in crate::ledger) fn next_due_ms(&self) -> i64 {
        self.lanes.borrow().next_due_ms()
    }
}
