//! What is due, and who gets it next.
//!
//! While a fetch is awaited other events enter the object, so what is in flight is remembered, in
//! memory: nobody but this object sends its deliveries, and one that stops with a delivery in flight
//! sends it again.

use std::collections::{BTreeMap, VecDeque};

use super::Ledger;
use super::rows::is_delivery_of_submission;
use super::schema::ROW_FORMAT;
use super::store::Store;
use crate::deliver::{ATTEMPT_TIMEOUT_MS, LONGEST_WAIT_MS};
use crate::fault::Fault;
use crate::moment::Moment;

/// The platform's limit of connections that one invocation may hold open.
const MAX_CONNECTIONS: usize = 6;
/// One hanging receiver must not take the connections of the others.
const MAX_CONNECTIONS_EACH: usize = 2;
/// Longer than an attempt can take; then its caller is gone, and the delivery is due again.
const FLIGHT_MS: i64 = ATTEMPT_TIMEOUT_MS as i64 + 15_000;
/// Deliveries of one receiver that are read at once: a few kilobytes.
const READ_AHEAD: i64 = 32;

/// A delivery that is the caller's to send, and to settle.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The `webhook-id`.
    pub delivery_id: String,
    /// The campaign's id.
    pub campaign: String,
    /// The destination's name.
    pub destination: String,
    pub(super) lead_id: String,
    pub(super) submission_id: String,
    pub(super) receiver: String,
    pub(super) event: String,
    /// What it says, where it is about no submission.
    pub(super) notice: Option<String>,
    due_ms: i64,
    pub(super) created_ms: i64,
    pub(super) attempt_count: i64,
    /// Its submission has no other delivery.
    pub(super) alone: bool,
    /// Of its row.
    pub(super) format: i64,
    /// Whose consents it rests on, where that is known.
    pub(super) subject: Option<String>,
}

/// What is known of one receiver's deliveries without asking the database.
#[derive(Default)]
pub(super) struct Lane {
    /// Read ahead, the oldest first.
    ahead: VecDeque<Claim>,
    /// Before then nothing else of it is due; nothing where nothing else waits.
    due_ms: Option<i64>,
}

impl Lane {
    fn next_due_ms(&self) -> Option<i64> {
        self.ahead.front().map(|claim| claim.due_ms).or(self.due_ms)
    }
}

/// A claim, from its request until it is settled, or until its time has run out: a caller that
/// never settles must not keep the connection.
pub(super) struct Flight {
    delivery_id: String,
    receiver: String,
    until_ms: i64,
    has_connection: bool,
}

/// Whether one more request to a receiver may be under way.
fn has_room(in_flight: &[Flight], receiver: &str) -> bool {
    let connections = || in_flight.iter().filter(|flight| flight.has_connection);
    connections().count() < MAX_CONNECTIONS
        && connections().filter(|flight| flight.receiver == receiver).count() < MAX_CONNECTIONS_EACH
}

impl<S: Store> Ledger<S> {
    /// Claims what is due, the oldest first, as far as connections are free.
    ///
    /// # Errors
    /// The database's.
    pub fn claim(&self, moment: &Moment) -> Result<Vec<Claim>, Fault> {
        let now = moment.now_ms;
        self.in_flight.borrow_mut().retain(|flight| {
            let lost = flight.until_ms <= now;
            if lost {
                self.note_due(&flight.receiver, now);
            }
            !lost
        });
        let mut claims = Vec::new();
        while let Some(receiver) = self.next_receiver(now) {
            if self.lane(&receiver, |lane| lane.ahead.is_empty()) {
                self.read_ahead(&receiver, now)?;
            }
            let Some(claim) = self.lane(&receiver, |lane| lane.ahead.pop_front()) else { continue };
            self.in_flight.borrow_mut().push(Flight {
                delivery_id: claim.delivery_id.clone(),
                receiver,
                until_ms: now + FLIGHT_MS,
                has_connection: true,
            });
            claims.push(claim);
        }
        Ok(claims)
    }

    /// The receiver whose next delivery has waited longest, of those with a connection to spare.
    fn next_receiver(&self, now_ms: i64) -> Option<String> {
        let in_flight = self.in_flight.borrow();
        let lanes = self.lanes.borrow();
        let due = lanes.iter().filter_map(|(to, lane)| Some((lane.next_due_ms()?, to)));
        due.filter(|(at, to)| *at <= now_ms && has_room(&in_flight, to)).min().map(|(_, to)| to.clone())
    }

    fn lane<T>(&self, receiver: &str, look: impl FnOnce(&mut Lane) -> T) -> T {
        look(self.lanes.borrow_mut().entry(receiver.to_owned()).or_default())
    }

    /// Reads the next deliveries of a receiver that are due, and when the first one behind them is.
    fn read_ahead(&self, receiver: &str, now_ms: i64) -> Result<(), Fault> {
        let sql = format!(
            "SELECT delivery_id, due_ms, campaign, destination, lead_id, submission_id, event, created_ms,
               attempt_count, NOT EXISTS (SELECT 1 FROM delivery other WHERE {}
                 AND other.delivery_id <> delivery.delivery_id), notice, format, subject
             FROM delivery WHERE state = 'pending' AND receiver = ? AND format <= ?
             ORDER BY due_ms LIMIT ?",
            is_delivery_of_submission("other", "delivery")
        );
        // What is in flight is still pending, and comes first.
        let in_flight = self.in_flight.borrow();
        let limit = READ_AHEAD + i64::try_from(in_flight.len()).unwrap_or(0);
        let rows = self.store.rows(&sql, &[receiver.into(), ROW_FORMAT.into(), limit.into()])?;
        let all = i64::try_from(rows.len()).is_ok_and(|read| read < limit);
        let mut lane = Lane::default();
        for mut row in rows {
            let (delivery_id, due_ms) = (row.text(0)?, row.int(1)?);
            lane.due_ms = Some(due_ms);
            if due_ms > now_ms {
                break;
            }
            if all {
                lane.due_ms = None;
            }
            if in_flight.iter().any(|flight| flight.delivery_id == delivery_id) {
                continue;
            }
            lane.ahead.push_back(Claim {
                delivery_id,
                due_ms,
                campaign: row.text(2)?,
                destination: row.text(3)?,
                lead_id: row.text(4)?,
                submission_id: row.text(5)?,
                receiver: receiver.to_owned(),
                event: row.text(6)?,
                created_ms: row.int(7)?,
                attempt_count: row.int(8)?,
                alone: row.int(9)? == 1,
                notice: row.optional_text(10),
                format: row.int(11)?,
                subject: row.optional_text(12),
            });
        }
        self.lane(receiver, |known| *known = lane);
        Ok(())
    }

    /// A claim's request has been answered, or has failed: its connection is free.
    pub fn release(&self, claim: &Claim) {
        let mut in_flight = self.in_flight.borrow_mut();
        if let Some(flight) = in_flight.iter_mut().find(|flight| flight.delivery_id == claim.delivery_id) {
            flight.has_connection = false;
        }
    }

    /// Whether a delivery is on its way just now.
    pub(super) fn is_in_flight(&self, delivery_id: &str) -> bool {
        self.in_flight.borrow().iter().any(|flight| flight.delivery_id == delivery_id)
    }

    /// What a clock that went ahead has put off for longer than any wait is due now.
    pub(super) fn mend_what_is_due(&self, now_ms: i64) -> Result<(), Fault> {
        let sql = "UPDATE delivery SET due_ms = ? WHERE state = 'pending' AND format <= ? AND due_ms > ?";
        self.store.run(sql, &[now_ms.into(), ROW_FORMAT.into(), (now_ms + LONGEST_WAIT_MS).into()])
    }

    /// Learns from the database when each receiver's next delivery is due.
    pub(super) fn learn_what_is_due(&self) -> Result<(), Fault> {
        let sql = "SELECT receiver, min(due_ms) FROM delivery WHERE state = 'pending' AND format <= ?
                   GROUP BY receiver";
        let mut lanes = BTreeMap::new();
        for mut row in self.store.rows(sql, &[ROW_FORMAT.into()])? {
            lanes.insert(row.text(0)?, Lane { ahead: VecDeque::new(), due_ms: Some(row.int(1)?) });
        }
        *self.lanes.borrow_mut() = lanes;
        Ok(())
    }

    /// Something of a receiver's becomes due then.
    pub(super) fn note_due(&self, receiver: &str, at_ms: i64) {
        self.lane(receiver, |lane| lane.due_ms = Some(lane.due_ms.map_or(at_ms, |known| known.min(at_ms))));
    }

    /// When the outbox wants to be looked at. What waits for a connection is looked at when one is free:
    /// whoever settles a claim asks again.
    pub(super) fn next_due_ms(&self) -> i64 {
        let (lanes, in_flight) = (self.lanes.borrow(), self.in_flight.borrow());
        let lost = in_flight.iter().map(|flight| flight.until_ms);
        let open = lanes.iter().filter(|(to, _)| has_room(&in_flight, to));
        open.filter_map(|(_, lane)| lane.next_due_ms()).chain(lost).min().unwrap_or(i64::MAX)
    }

    /// A claim is settled, and its delivery may be claimed again.
    pub(super) fn land(&self, claim: &Claim) {
        self.in_flight.borrow_mut().retain(|flight| flight.delivery_id != claim.delivery_id);
    }
}
