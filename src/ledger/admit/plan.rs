//! The plan of a submission that the rules have judged, and its earlier row.

use crate::base::id::{LeadId, SubmissionId};
use crate::campaign::{Campaign, Destination};
use crate::ledger::consents::payload::Payload;
use crate::ledger::consents::standing::Recipient;
use crate::ledger::db::act;
use crate::ledger::db::bucket::Bucket;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::funnel::{Milestone, Steps};
use crate::ledger::db::state::State;
use crate::ledger::db::store::Write;
use crate::ledger::db::submission;
use crate::pipeline::lead::Lead;
use crate::pipeline::scoring;
use crate::pipeline::scoring::{Decision, Score};
use crate::pipeline::webhook::EventKind;

/// The plan of what is written of one submission.
pub(in crate::ledger) struct Plan<'a> {
    pub(in crate::ledger) lead_id: LeadId,
    pub(in crate::ledger) state: State,
    /// The reason, for the log.
    pub(in crate::ledger) because: &'static str,
    /// The payload, stored until the last delivery is confirmed, or while the submission is held.
    pub(in crate::ledger) payload: Option<(Lead, Score)>,
    pub(in crate::ledger) sends: Vec<(&'a Destination, EventKind)>,
    /// The held submission that this one has taken up.
    pub(in crate::ledger) supersedes: Option<HeldSubmission>,
    /// Everybody who has received the lead before, if it existed.
    pub(in crate::ledger) recipients: Vec<Recipient>,
    /// True if the campaign has not followed its lead up before.
    pub(in crate::ledger) is_first: bool,
}

/// A held submission of the person in this campaign.
pub(in crate::ledger) struct HeldSubmission {
    pub(in crate::ledger) submission_id: SubmissionId,
    pub(in crate::ledger) bucket: Bucket,
    pub(in crate::ledger) milestone: Milestone,
    pub(in crate::ledger) payload: Payload,
    /// The own content of the submission that takes it up.
    pub(in crate::ledger) newer: Lead,
}

/// An earlier row of the same submission, which the new one replaces.
pub(in crate::ledger) struct Prior {
    pub(in crate::ledger) lead_id: LeadId,
    pub(in crate::ledger) state: State,
    pub(in crate::ledger) bucket: Bucket,
    /// True if it is the row of a lead, not of a request.
    pub(in crate::ledger) is_lead: bool,
    pub(in crate::ledger) milestone: Milestone,
    pub(in crate::ledger) format: i64,
    /// The subject of its consents, if its row names it.
    pub(in crate::ledger) subject: Option<String>,
}

impl Prior {
    /// Returns whether its row is under a person's lead, and not under one that is made from the submission.
    pub(in crate::ledger) fn is_somebody(&self) -> bool {
        !matches!(self.state, State::Suppressed | State::Quarantined | State::Discarded)
    }

    /// Returns whether it was quarantined, and not released.
    pub(in crate::ledger) fn was_quarantined(&self) -> bool {
        matches!(self.state, State::Quarantined | State::Discarded)
    }
}

/// A submission without its person: its campaign, its counter, and its earlier row.
pub(in crate::ledger) struct Post<'a> {
    pub(in crate::ledger) campaign: &'a Campaign,
    pub(in crate::ledger) bucket: Bucket,
    pub(in crate::ledger) prior: Option<Prior>,
}

impl Post<'_> {
    /// Returns the counter that counts it: a submission keeps that of its first arrival.
    pub(in crate::ledger) fn bucket(&self) -> &Bucket {
        self.prior.as_ref().map_or(&self.bucket, |prior| &prior.bucket)
    }

    /// Counts it in a state, with the steps that it takes.
    pub(in crate::ledger) fn count(&self, state: State) -> Write<'_> {
        self.count_steps(state, Steps::NONE)
    }

    /// Counts it in a state, with the steps that it takes.
    pub(in crate::ledger) fn count_steps(&self, state: State, steps: Steps) -> Write<'_> {
        match &self.prior {
            None => self.bucket.count(state, steps),
            Some(prior) => prior.bucket.transfer(prior.state, state, steps),
        }
    }

    /// Returns its milestone before.
    pub(in crate::ledger) fn milestone(&self) -> Milestone {
        self.prior.as_ref().map_or(Milestone::Nothing, |prior| prior.milestone)
    }

    /// Removes its earlier row; the act stays in the history.
    pub(in crate::ledger) fn make_room<'a>(
        &'a self,
        submission_id: &'a SubmissionId,
        changes: &mut Changes<'a>,
    ) {
        if let Some(prior) = &self.prior {
            act::preserve_act(&prior.lead_id, submission_id, changes);
            submission::remove(&prior.lead_id, submission_id, changes);
        }
    }
}

/// Judges a lead that this campaign has not followed up yet, by the rules.
pub(in crate::ledger) fn judge(campaign: &Campaign, lead: Lead, lead_id: LeadId) -> Plan<'_> {
    let score = scoring::score(campaign, &lead);
    let (state, because, sends) = match scoring::decide(campaign, &lead, &score) {
        Decision::Forward(to) => {
            (State::Pending, "qualified", to.into_iter().map(|d| (d, EventKind::Qualified)).collect())
        }
        Decision::Hold(because) => (State::Held, because, Vec::new()),
    };
    let (payload, recipients) = (Some((lead, score)), Vec::new());
    Plan { lead_id, state, because, payload, sends, supersedes: None, recipients, is_first: true }
}
