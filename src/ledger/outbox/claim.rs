//! Claims of due deliveries, and the order in which receivers get theirs.
//!
//! While a fetch is awaited other events enter the object, so what is in flight is remembered, in
//! memory: nobody but this object sends its deliveries, and one that stops with a delivery in flight
//! sends it again.

use super::Outbox;
use std::collections::VecDeque;

use super::lanes::{Known, Turn};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::ledger::db::rows::Of;
use crate::ledger::db::schema::ROW_FORMAT;
use crate::ledger::db::store::Store;
use crate::pipeline::webhook::{ATTEMPT_TIMEOUT_MS, LONGEST_WAIT_MS, Outcome};

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
    /// How long its request may take.
    pub timeout_ms: u32,
    pub(in crate::ledger) lead_id: String,
    pub(in crate::ledger) submission_id: String,
    pub(in crate::ledger) receiver: String,
    pub(in crate::ledger) event: String,
    /// What it says, where it is about no submission.
    pub(in crate::ledger) notice: Option<String>,
    pub(in crate::ledger) due_ms: i64,
    pub(in crate::ledger) created_ms: i64,
    pub(in crate::ledger) attempt_count: i64,
    /// Of its row.
    pub(in crate::ledger) format: i64,
    /// Whose consents it rests on, where that is known.
    pub(in crate::ledger) subject: Option<String>,
}

impl Claim {
    /// Of a delivery that is about to be written: to a campaign, destination and receiver.
    pub(in crate::ledger) fn new(
        delivery_id: String,
        of: Of<'_>,
        (campaign, destination, receiver): (&str, &str, &str),
        event: &str,
        now_ms: i64,
    ) -> Self {
        Self {
            delivery_id,
            campaign: campaign.to_owned(),
            destination: destination.to_owned(),
            timeout_ms: ATTEMPT_TIMEOUT_MS,
            lead_id: of.lead_id.to_owned(),
            submission_id: of.submission_id.to_owned(),
            receiver: receiver.to_owned(),
            event: event.to_owned(),
            notice: None,
            due_ms: now_ms,
            created_ms: now_ms,
            attempt_count: 0,
            format: of.format,
            subject: of.subject.map(str::to_owned),
        }
    }
}

impl<S: Store> Outbox<S> {
    /// Claims what is due, as far as connections are free.
    ///
    /// # Errors
    /// The database's.
    pub fn claim(&self, moment: &Moment) -> Result<Vec<Claim>, Fault> {
        let now = moment.now_ms;
        let has_lost = self.lanes.borrow_mut().look_at_clock(now);
        if has_lost || self.at_once.borrow().has_lost() {
            self.learn_what_is_due()?;
        }
        let mut claims = Vec::new();
        while let Some(turn) = self.next_turn(now) {
            if self.lanes.borrow().is_empty(&turn.receiver) {
                self.read_ahead(&turn.receiver, now)?;
            }
            claims.extend(self.lanes.borrow_mut().take(&turn, now));
        }
        Ok(claims)
    }

    fn next_turn(&self, now_ms: i64) -> Option<Turn> {
        self.lanes.borrow().next(now_ms)
    }

    /// Reads the next deliveries of a receiver that are due, and when the first one behind them is.
    fn read_ahead(&self, receiver: &str, now_ms: i64) -> Result<(), Fault> {
        let sql =
            "SELECT delivery_id, due_ms, campaign, destination, lead_id, submission_id, event, created_ms,
                     attempt_count, notice, format, subject
                   FROM delivery WHERE state = 'pending' AND due_ms > 0 AND receiver = ? AND format <= ?
                   ORDER BY due_ms LIMIT ?";
        // What is in flight is still pending, and comes first.
        let mut lanes = self.lanes.borrow_mut();
        let limit = READ_AHEAD + i64::try_from(lanes.in_flight()).unwrap_or(0);
        let rows = self.db.rows(sql, &[receiver.into(), ROW_FORMAT.into(), limit.into()])?;
        let all = i64::try_from(rows.len()).is_ok_and(|read| read < limit);
        let (mut ahead, mut next_ms) = (VecDeque::new(), None);
        for mut row in rows {
            let (delivery_id, due_ms) = (row.text(0)?, row.int(1)?);
            next_ms = Some(due_ms);
            if due_ms > now_ms {
                break;
            }
            if all {
                next_ms = None;
            }
            if lanes.is_in_flight(&delivery_id) {
                continue;
            }
            ahead.push_back(Claim {
                delivery_id,
                due_ms,
                campaign: row.text(2)?,
                destination: row.text(3)?,
                timeout_ms: ATTEMPT_TIMEOUT_MS,
                lead_id: row.text(4)?,
                submission_id: row.text(5)?,
                receiver: receiver.to_owned(),
                event: row.text(6)?,
                created_ms: row.int(7)?,
                attempt_count: row.int(8)?,
                notice: row.optional_text(9),
                format: row.int(10)?,
                subject: row.optional_text(11),
            });
        }
        lanes.fill(receiver, ahead, next_ms);
        Ok(())
    }

    /// A claim's request has been answered, or has failed: its connection is free, and how its origin
    /// answers is known. `left_doubt`: the answer was such that its connection had to be ended.
    pub fn release(&self, claim: &Claim, outcome: &Outcome, took_ms: i64, left_doubt: bool) {
        self.lanes.borrow_mut().release(claim, outcome, took_ms, left_doubt);
    }

    /// Whether a delivery is on its way just now.
    pub(in crate::ledger) fn is_in_flight(&self, delivery_id: &str) -> bool {
        self.lanes.borrow().is_in_flight(delivery_id)
    }

    /// What a clock that went ahead has put off for longer than any wait is due now.
    pub(in crate::ledger) fn mend_what_is_due(&self, now_ms: i64) -> Result<(), Fault> {
        let sql = "UPDATE delivery SET due_ms = ?
                   WHERE state = 'pending' AND due_ms > 0 AND format <= ? AND due_ms > ?";
        self.db.run(sql, &[now_ms.into(), ROW_FORMAT.into(), (now_ms + LONGEST_WAIT_MS).into()])
    }

    /// Learns from the database when each receiver's next delivery is due, with a few steps for each
    /// however much waits. Of what waits, that which is due last has been tried most lately.
    pub(in crate::ledger) fn learn_what_is_due(&self) -> Result<(), Fault> {
        self.enter_all()?;
        self.read_what_is_due()
    }

    /// The same where all that waits has its entry.
    pub(in crate::ledger) fn read_what_is_due(&self) -> Result<(), Fault> {
        let of = "FROM delivery WHERE state = 'pending' AND due_ms > 0 AND format <= ?1";
        let sql = format!(
            "WITH RECURSIVE known (receiver) AS (SELECT min(receiver) FROM delivery
                 WHERE state = 'pending' AND due_ms > 0
               UNION ALL SELECT (SELECT min(receiver) FROM delivery
                 WHERE state = 'pending' AND due_ms > 0 AND receiver > known.receiver) FROM known WHERE receiver IS NOT NULL)
             SELECT receiver,
               (SELECT due_ms {of} AND receiver = known.receiver ORDER BY due_ms LIMIT 1),
               (SELECT reason {of} AND receiver = known.receiver ORDER BY due_ms DESC LIMIT 1)
             FROM known WHERE receiver IS NOT NULL"
        );
        let mut known = Vec::new();
        for mut row in self.db.rows(&sql, &[ROW_FORMAT.into()])? {
            let receiver = row.text(0)?;
            // What a newer version has written is left alone.
            let Ok(due_ms) = row.int(1) else { continue };
            let hung = row.optional_text(2).is_some_and(|reason| reason == Outcome::TimedOut.name());
            known.push(Known { receiver, due_ms, hung });
        }
        self.lanes.borrow_mut().learn(known);
        Ok(())
    }

    /// Something of a receiver's becomes due then.
    pub(in crate::ledger) fn note_due(&self, receiver: &str, at_ms: i64) {
        self.lanes.borrow_mut().note_due(receiver, at_ms);
    }

    /// When the outbox wants to be looked at.
    pub fn next_due_ms(&self) -> i64 {
        self.lanes.borrow().next_due_ms()
    }
}
