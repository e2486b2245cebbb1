//! Payloads: the sealed part of a submission's row, kept until its last delivery is confirmed. A payload
//! holds the lead as it is scored and sent, and the subjects of each of its parts.

use serde::{Deserialize, Serialize};

use super::Consents;
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::campaign::{Campaign, IdentifierKind};
use crate::ledger::db::store::Store;
use crate::ledger::vault::payload_context;
use crate::ledger::wire::Admit;
use crate::pipeline::lead::Lead;
use crate::pipeline::scoring::Score;

/// The number of earlier submissions of different senders whose answers are merged into one lead: more than a
/// form has steps. Further ones are leads of their own, so that nobody can make another's grow.
const MAX_PARTS: usize = 8;

/// The payload of a row.
#[derive(Clone, Deserialize, Serialize)]
pub(in crate::ledger) struct Payload {
    /// The lead without its consents, which are acts of the person's history.
    pub(in crate::ledger) lead: Lead,
    pub(in crate::ledger) score: Score,
    /// The fingerprint of the identifier that it was recognised by first: only its owner's posts are merged.
    pub(in crate::ledger) first: String,
    /// The numbers of the acts by which the lead's consents were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::ledger) acts: Vec<i64>,
    /// The subjects of the submission, that of its consents first. Empty in a row from before format 4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::ledger) subjects: Vec<String>,
    /// The kinds of identifiers by which its person was recognised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::ledger) recognised_by: Vec<IdentifierKind>,
    /// The submission's own lead, if `lead` contains earlier ones too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::ledger) own: Option<Lead>,
    /// The earlier submissions, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::ledger) parts: Vec<Part>,
}

/// An earlier submission that is merged into a later one's lead. Neighbours of the same subjects are one
/// part.
#[derive(Clone, Deserialize, Serialize)]
pub(in crate::ledger) struct Part {
    pub(in crate::ledger) submission_id: SubmissionId,
    pub(in crate::ledger) subjects: Vec<String>,
    pub(in crate::ledger) lead: Lead,
}

impl Payload {
    /// Returns the submission's own lead.
    pub(in crate::ledger) fn own_lead(&self) -> &Lead {
        self.own.as_ref().unwrap_or(&self.lead)
    }

    /// Returns the subjects of all parts.
    pub(in crate::ledger) fn all_subjects(&self) -> Vec<String> {
        let parts = self.parts.iter().flat_map(|part| &part.subjects);
        super::acts::distinct(self.subjects.iter().chain(parts).cloned().collect())
    }

    /// Returns the parts of a later submission that takes this one up. `None` if it would have too many.
    pub(in crate::ledger) fn handed_on(
        &self,
        submission_id: &SubmissionId,
        campaign: &Campaign,
    ) -> Option<Vec<Part>> {
        let mut parts = self.parts.clone();
        let own = self.own_lead().clone();
        match parts.last_mut().filter(|last| last.subjects == self.subjects) {
            Some(last) => {
                last.lead = std::mem::take(&mut last.lead).merged_with_newer(own, campaign);
                last.submission_id = submission_id.clone();
            }
            None => parts.push(Part {
                submission_id: submission_id.clone(),
                subjects: self.subjects.clone(),
                lead: own,
            }),
        }
        (parts.len() <= MAX_PARTS).then_some(parts)
    }

    /// Removes the parts of an erased person. Returns whether there were any.
    pub(in crate::ledger) fn drop_parts(
        &mut self,
        is_gone: impl Fn(&[String]) -> bool,
        campaign: &Campaign,
    ) -> bool {
        let before = self.parts.len();
        self.parts.retain(|part| !is_gone(&part.subjects));
        if self.parts.len() == before {
            return false;
        }
        self.merge_again(self.own_lead().clone(), campaign);
        true
    }

    /// Merges the lead anew from the parts and the submission's own lead.
    fn merge_again(&mut self, own: Lead, campaign: &Campaign) {
        let earlier = self.parts.iter().map(|part| part.lead.clone());
        let earlier = earlier.reduce(|older, newer| older.merged_with_newer(newer, campaign));
        (self.lead, self.own) = match earlier {
            Some(earlier) => (earlier.merged_with_newer(own.clone(), campaign), Some(own)),
            None => (own, None),
        };
    }

    /// Returns what is left if its own submission is erased: its newest part, with the others as that one's
    /// parts.
    pub(in crate::ledger) fn without_own(mut self, campaign: &Campaign) -> Option<(SubmissionId, Self)> {
        let newest = self.parts.pop()?;
        self.merge_again(newest.lead, campaign);
        Some((newest.submission_id, Self { subjects: newest.subjects, ..self }))
    }

    /// Returns every lead in it: the merged one, the submission's own, and those of the parts.
    pub(in crate::ledger) fn leads_mut(&mut self) -> impl Iterator<Item = &mut Lead> {
        let parts = self.parts.iter_mut().map(|part| &mut part.lead);
        std::iter::once(&mut self.lead).chain(&mut self.own).chain(parts)
    }
}

/// The content of a row while something waits: a judged lead, or a whole unjudged post.
pub(in crate::ledger) enum WaitingPayload {
    Judged(Box<Payload>),
    Unjudged(Box<Admit>),
}

/// A submission whose payload still exists.
pub(in crate::ledger) struct Waiting {
    pub(in crate::ledger) campaign: String,
    pub(in crate::ledger) payload: WaitingPayload,
}

impl Waiting {
    /// Returns its own lead and those of its parts.
    pub(in crate::ledger) fn leads(&self) -> impl Iterator<Item = &Lead> {
        let (own, parts) = match &self.payload {
            WaitingPayload::Judged(payload) => (payload.own_lead(), payload.parts.as_slice()),
            WaitingPayload::Unjudged(admit) => (&admit.lead, &[][..]),
        };
        std::iter::once(own).chain(parts.iter().map(|part| &part.lead))
    }
}

impl<S: Store> Consents<S> {
    /// Opens the content of a submission's row. `None` if there is none, or no available key decrypts it.
    pub(in crate::ledger) fn waiting(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<Waiting>, Fault> {
        let Some(row) = self.db.payload(lead_id, submission_id)? else { return Ok(None) };
        let Some(sealed) = row.payload else { return Ok(None) };
        let context = payload_context(lead_id, submission_id);
        let payload = if row.state.is_unjudged() {
            self.vault
                .open_sealed(&sealed, &context)
                .ok()
                .map(|admit| WaitingPayload::Unjudged(Box::new(admit)))
        } else {
            self.vault
                .open_sealed(&sealed, &context)
                .ok()
                .map(|payload| WaitingPayload::Judged(Box::new(payload)))
        };
        Ok(payload.map(|payload| Waiting { campaign: row.campaign, payload }))
    }
}
