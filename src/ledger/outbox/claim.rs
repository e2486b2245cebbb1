//! Claims of deliveries.

use crate::base::id::{DeliveryId, LeadId, SubmissionId};
use crate::ledger::db::delivery::NewDelivery;
use crate::ledger::db::queue::Due;
use crate::pipeline::webhook::{ATTEMPT_TIMEOUT_MS, EventKind};

/// A delivery that its caller must send and settle.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The `webhook-id`.
    pub delivery_id: DeliveryId,
    /// The campaign's id.
    pub campaign: String,
    /// The destination's name.
    pub destination: String,
    /// The time that its request may take.
    pub timeout_ms: u32,
    pub(in crate::ledger) lead_id: LeadId,
    pub(in crate::ledger) submission_id: SubmissionId,
    pub(in crate::ledger) receiver: String,
    pub(in crate::ledger) event: EventKind,
    /// The data of an event that is about no submission.
    pub(in crate::ledger) data: Option<String>,
    pub(in crate::ledger) due_ms: i64,
    pub(in crate::ledger) created_ms: i64,
    pub(in crate::ledger) attempt_count: i64,
    /// The format of its row.
    pub(in crate::ledger) format: i64,
    /// The subject whose consents it needs, if known.
    pub(in crate::ledger) subject: Option<String>,
}

impl Claim {
    /// Makes the claim of a submission's delivery that is about to be written.
    pub(in crate::ledger) fn of(delivery: &NewDelivery<'_>) -> Self {
        let NewDelivery { delivery_id, of, to, event, now_ms } = delivery;
        Self {
            delivery_id: delivery_id.clone(),
            campaign: to.campaign.to_owned(),
            destination: to.destination.to_owned(),
            timeout_ms: ATTEMPT_TIMEOUT_MS,
            lead_id: of.lead_id.clone(),
            submission_id: of.submission_id.cloned().unwrap_or_default(),
            receiver: to.receiver.to_owned(),
            event: (*event).clone(),
            data: None,
            due_ms: *now_ms,
            created_ms: *now_ms,
            attempt_count: 0,
            format: of.format,
            subject: of.subject.map(str::to_owned),
        }
    }

    /// Makes the claim of a receiver's delivery that is due.
    pub(super) fn due(due: Due, receiver: &str) -> Self {
        Self {
            delivery_id: due.delivery_id,
            campaign: due.campaign,
            destination: due.destination,
            timeout_ms: ATTEMPT_TIMEOUT_MS,
            lead_id: due.lead_id,
            submission_id: due.submission_id,
            receiver: receiver.to_owned(),
            event: EventKind::of(&due.event),
            data: due.data,
            due_ms: due.due_ms,
            created_ms: due.created_ms,
            attempt_count: due.attempt_count,
            format: due.format,
            subject: due.subject,
        }
    }
}
