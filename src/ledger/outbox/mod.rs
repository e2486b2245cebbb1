//! The outbox: the deliveries of a ledger, from the decision until the receiver has them.

pub(in crate::ledger) mod claim;
mod due;
pub(in crate::ledger) mod immediate;
mod lanes;
mod mark;
mod open_leads;
mod origin;
pub(in crate::ledger) mod settle;

use std::cell::RefCell;
use std::rc::Rc;

use self::claim::Claim;
use self::immediate::{ImmediateDeliveries, NextMark};
use self::lanes::Lanes;
use self::open_leads::OpenLeads;
use super::consents::open::Open;
use super::db::Db;
use super::db::store::Store;
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};
use crate::pipeline::webhook::LONGEST_WAIT_MS;

/// The waiting deliveries of a ledger, and those on their way.
pub(in crate::ledger) struct Outbox<S> {
    db: Rc<Db<S>>,
    development: bool,
    lanes: RefCell<Lanes>,
    immediate: RefCell<ImmediateDeliveries>,
    /// The open leads that are about to be sent.
    open_leads: RefCell<OpenLeads>,
}

/// A lead that was just stored, and can be sent without being read again.
pub(in crate::ledger) struct OpenedLead<'a> {
    pub(in crate::ledger) lead_id: &'a LeadId,
    pub(in crate::ledger) submission_id: &'a SubmissionId,
    pub(in crate::ledger) open: Open,
    /// The number of bytes of its payload.
    pub(in crate::ledger) bytes: usize,
}

impl<S: Store> Outbox<S> {
    /// Makes an outbox with empty memory.
    pub(in crate::ledger) fn new(db: Rc<Db<S>>, development: bool) -> Self {
        let (lanes, immediate, open_leads) = Default::default();
        Self { db, development, lanes, immediate, open_leads }
    }

    /// Reads what waits.
    pub(in crate::ledger) fn open(&self, now_ms: i64) -> Result<(), Fault> {
        self.learn_the_mark()?;
        self.enter_all()?;
        // Deliveries that a clock that was ahead has put off beyond any wait are due now.
        self.db.bring_forward(now_ms + LONGEST_WAIT_MS, now_ms)?;
        self.read_what_is_due()
    }

    /// Discards what may stem from rows that were rolled back, and reads it anew.
    pub(in crate::ledger) fn reset(&self) -> Result<(), Fault> {
        self.open_leads.take();
        self.learn_the_mark()?;
        self.enter_all()?;
        self.read_what_is_due()
    }

    /// Notes a committed admission: its deliveries with an entry, the immediate ones, and its lead.
    pub(in crate::ledger) fn admitted(
        &self,
        marked: Option<NextMark>,
        entered: &[DeliveryId],
        claims: Vec<Claim>,
        opened: Option<OpenedLead<'_>>,
    ) {
        self.immediate.borrow_mut().note_all_written(marked, entered, &claims);
        let mut lanes = self.lanes.borrow_mut();
        for claim in claims {
            lanes.hand(claim);
        }
        if let Some(OpenedLead { lead_id, submission_id, open, bytes }) = opened {
            self.open_leads.borrow_mut().insert(lead_id, submission_id, open, bytes);
        }
    }

    /// Drops the open copy of a lead, so that it is read anew.
    pub(in crate::ledger) fn forget_open(&self, lead_id: &LeadId) {
        self.open_leads.borrow_mut().forget(lead_id);
    }

    /// Returns the open copy of a submission's lead.
    pub(in crate::ledger) fn open_lead(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Option<Rc<Open>> {
        self.open_leads.borrow().find(lead_id, submission_id)
    }

    /// Notes that confirmation mails were written.
    pub(in crate::ledger) fn note_mails(&self, mails: u64) {
        self.immediate.borrow_mut().note_mails(mails);
    }

    /// Notes the time, so that a clock that went back delays nothing.
    pub(in crate::ledger) fn note_clock(&self, now_ms: i64) {
        self.lanes.borrow_mut().note_clock(now_ms);
    }

    /// Returns the next mark of immediate deliveries, if it is time for one.
    pub(in crate::ledger) fn next_mark(&self) -> Option<NextMark> {
        self.immediate.borrow().next_mark()
    }
}
