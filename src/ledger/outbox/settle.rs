//! Outcomes of attempts: the changes of a delivery and of its submission.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Outbox;
use super::claim::Claim;
use crate::base::fault::Fault;
use crate::base::id::{DeliveryId, LeadId, SubmissionId};
use crate::base::moment::Moment;
use crate::base::time::rfc3339;
use crate::ledger::db::Db;
use crate::ledger::db::bucket::Bucket;
use crate::ledger::db::changes::{Changes, Effects};
use crate::ledger::db::delivery;
use crate::ledger::db::delivery::{Settlement, Target, Topic};
use crate::ledger::db::funnel::{Milestone, Steps};
use crate::ledger::db::queue::{AttemptRow, SubmissionProgress};
use crate::ledger::db::state::{DeliveryState, state_of};
use crate::ledger::db::store::Store;
use crate::ledger::db::submission;
use crate::pipeline::webhook;
use crate::pipeline::webhook::{Next, Outcome};

/// The number of attempts listed with a delivery: every one of a schedule, and those of a replay.
const MAX_ATTEMPTS_LISTED: usize = 20;

/// A finished attempt.
pub struct Attempt<'a> {
    /// The claim that was attempted.
    pub claim: &'a Claim,
    /// The outcome of the attempt.
    pub outcome: &'a Outcome,
    /// The duration of the attempt; milliseconds.
    pub took_ms: i64,
}

impl Attempt<'_> {
    fn next(&self, development: bool, moment: &Moment) -> Next {
        let attempt = usize::try_from(self.claim.attempt_count + 1).unwrap_or(usize::MAX);
        let Claim { delivery_id, created_ms, .. } = self.claim;
        webhook::next(self.outcome, attempt, delivery_id, *created_ms, development, moment)
    }

    /// Returns the attempt as it is listed with its delivery.
    fn listed(&self, now_ms: i64) -> Value {
        json!({
            "attempt": self.claim.attempt_count + 1, "at": rfc3339(now_ms), "outcome": self.outcome.name(),
            "ms": self.took_ms,
        })
    }
}

impl<S: Store> Outbox<S> {
    /// Writes the outcomes of attempts and their consequences. Returns for each, in order, the event for the
    /// log, or the fault that kept it from being written: then the delivery is due again. Arrivals are
    /// written together.
    pub(in crate::ledger) fn settle(
        &self,
        attempts: &[Attempt<'_>],
        moment: &Moment,
    ) -> Vec<Result<Value, Fault>> {
        let mut lanes = self.lanes.borrow_mut();
        for one in attempts {
            lanes.release(one.claim, one.outcome, one.took_ms, false);
            lanes.land(&one.claim.delivery_id);
        }
        drop(lanes);
        let nexts: Vec<Next> = attempts.iter().map(|one| one.next(self.development, moment)).collect();
        let mut ids = BTreeSet::new();
        let all = attempts
            .iter()
            .zip(&nexts)
            .filter(|(one, next)| **next == Next::Delivered && ids.insert(one.claim.delivery_id.clone()));
        let arrived: Vec<&Attempt<'_>> = all.map(|(one, _)| one).collect();
        // If that fails each is written by itself, and reports its fault.
        let mut written = self.write_arrived(&arrived, moment.now_ms).unwrap_or_default();
        let events = attempts.iter().zip(nexts).map(|(one, next)| {
            // A duplicate is written once.
            self.settled(one, next, written.remove(&one.claim.delivery_id), moment)
        });
        events.collect()
    }

    /// Writes the outcome of an attempt, unless its arrival is already written, and notes the consequences.
    fn settled(
        &self,
        one: &Attempt<'_>,
        next: Next,
        is_written: bool,
        moment: &Moment,
    ) -> Result<Value, Fault> {
        let Attempt { claim, outcome, took_ms } = *one;
        let (state, due_ms) = match next {
            Next::Delivered => (DeliveryState::Delivered, moment.now_ms),
            Next::At(due_ms) => (DeliveryState::Pending, due_ms),
            Next::Disable => (DeliveryState::Paused, moment.now_ms),
            Next::Dead => (DeliveryState::Dead, moment.now_ms),
        };
        let written = match is_written {
            true => Ok(state),
            false => self.write_outcome(one, state, due_ms, moment.now_ms),
        };
        match &written {
            Ok(_) => self.immediate.borrow_mut().forget(&claim.delivery_id),
            // Its row may have no entry.
            Err(_) => self.immediate.borrow_mut().lose(),
        }
        if written.as_ref().map_or(true, |state| *state == DeliveryState::Pending) {
            self.note_due(&claim.receiver, due_ms);
        }
        self.open_leads.borrow_mut().forget_submission(&claim.lead_id, &claim.submission_id);
        Ok(json!({
            "event": "delivery", "outcome": outcome.name(), "state": written?.as_str(),
            "campaign": claim.campaign, "destination": claim.destination, "delivery_id": claim.delivery_id,
            "lead_id": claim.lead_id, "attempt": claim.attempt_count + 1, "ms": took_ms,
        }))
    }

    /// Writes the arrival of deliveries that are the only ones of submissions waiting for them, which nearly
    /// all are. However many there are, it takes three statements, and one for each counter. Returns their
    /// ids.
    fn write_arrived(&self, all: &[&Attempt<'_>], now_ms: i64) -> Result<BTreeSet<DeliveryId>, Fault> {
        let mut written = BTreeSet::new();
        if all.is_empty() {
            return Ok(written);
        }
        let ids: Vec<_> = all.iter().map(|one| &one.claim.delivery_id).collect();
        let mut counts: BTreeMap<Bucket, (i64, i64)> = BTreeMap::new();
        for one in self.db.arrived(&json!(ids).to_string())? {
            written.insert(one.delivery_id);
            let (leads, arrived) = counts.entry(one.bucket).or_default();
            *leads += 1;
            *arrived += i64::from(one.milestone == Milestone::Qualified);
        }
        if written.is_empty() {
            return Ok(written);
        }
        let rows = all.iter().filter(|one| written.contains(&one.claim.delivery_id));
        let rows: Vec<_> = rows
            .map(|one| (&one.claim.delivery_id, one.claim.attempt_count + 1, one.listed(now_ms)))
            .collect();
        let rows = json!(rows).to_string();
        let mut changes = Changes::default();
        changes.extend(counts.iter().map(|(bucket, (leads, arrived))| bucket.deliver(*leads, *arrived)));
        submission::arrive(&rows, &mut changes);
        delivery::settle_arrived(&rows, now_ms, &mut changes);
        self.db.write_all(&changes.writes)?;
        Ok(written)
    }

    /// Writes the outcome of an attempt. Returns the state that was written.
    fn write_outcome(
        &self,
        one: &Attempt<'_>,
        state: DeliveryState,
        due_ms: i64,
        now_ms: i64,
    ) -> Result<DeliveryState, Fault> {
        let Attempt { claim, outcome, .. } = *one;
        let of = Topic::submission(&claim.lead_id, &claim.submission_id, claim.format);
        let Some(found) = self.db.attempted(&claim.delivery_id, of)? else {
            // Retention has ended the lead.
            return Ok(state);
        };
        let AttemptRow { state: before, attempts, submission } = found;
        // After a lost claim a later attempt may have delivered it: that stands. A delivery that was stopped
        // on its way stays stopped: its recipient has been notified.
        if matches!(before, DeliveryState::Delivered | DeliveryState::Withdrawn) {
            return Ok(before);
        }
        // Another delivery's 410 may have paused this one while it was on its way.
        let state = match (before, state) {
            (DeliveryState::Paused, DeliveryState::Pending) => DeliveryState::Paused,
            _ => state,
        };
        let reason = (state != DeliveryState::Delivered).then(|| outcome.name());
        let mark = self.mark();
        let mut submission = submission;
        let mut changes = Changes::default();
        let settled = Settlement {
            state,
            due_ms,
            attempt_count: claim.attempt_count + 1,
            attempts: listed(&attempts, one.listed(now_ms)),
            reason: reason.as_deref(),
            now_ms,
        };
        delivery::settle(&claim.delivery_id, settled, &mut changes);
        if matches!(outcome, Outcome::Responded { status: 410, .. }) {
            let Claim { campaign, destination, receiver, .. } = claim;
            delivery::pause(Target { campaign, destination, receiver }, &mark, now_ms, &mut changes);
        }
        if let Some(followed) = &mut submission {
            followed.deliveries.push(Some(state));
            follow(&claim.lead_id, &claim.submission_id, followed, &mut changes);
        }
        self.db.write_all(&changes.writes)?;
        if state == DeliveryState::Paused {
            // Some deliveries that were read ahead may be paused as well.
            self.refresh()?;
        }
        Ok(state)
    }
}

/// Returns the attempts of a delivery, a JSON list, with one more, cut to the newest.
fn listed(attempts: &str, one: Value) -> Value {
    let mut attempts: Vec<Value> = serde_json::from_str(attempts).unwrap_or_default();
    attempts.push(one);
    let too_many = attempts.len().saturating_sub(MAX_ATTEMPTS_LISTED);
    attempts.drain(..too_many);
    Value::Array(attempts)
}

/// Brings a submission's state in line with its deliveries'.
pub(in crate::ledger) fn settle_submission<S: Store>(
    db: &Db<S>,
    lead_id: &LeadId,
    submission_id: &SubmissionId,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let Some(followed) = db.followed(lead_id, submission_id)? else { return Ok(()) };
    let mut changes = Changes::default();
    follow(lead_id, submission_id, &followed, &mut changes);
    db.apply(changes, effects)
}

/// Updates a submission's row and its counter by the states of its deliveries.
fn follow<'a>(
    lead_id: &'a LeadId,
    submission_id: &'a SubmissionId,
    followed: &'a SubmissionProgress,
    changes: &mut Changes<'a>,
) {
    let state = state_of(&followed.deliveries);
    if state == followed.state {
        return;
    }
    // If one has expired or was withdrawn, not every destination has confirmed it.
    let is_delivered = |one: &Option<DeliveryState>| *one == Some(DeliveryState::Delivered);
    let are_delivered = !followed.deliveries.is_empty() && followed.deliveries.iter().all(is_delivered);
    let (steps, milestone) = match are_delivered {
        true => Steps::delivered(followed.milestone),
        false => (Steps::NONE, followed.milestone),
    };
    submission::follow(lead_id, submission_id, state, milestone, changes);
    changes.push(followed.bucket.transfer(followed.state, state, steps));
}
