//! What lies sealed in a submission's row until its last delivery is confirmed: the lead as it is scored and
//! sent, and what of it came from whom.

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

/// Earlier submissions of different senders whose answers stand in one lead: more than a form has steps. What
/// comes beyond is a lead of its own, so that nobody can make another's grow.
const MAX_PARTS: usize = 8;

/// The payload of a row.
#[derive(Clone, Deserialize, Serialize)]
pub(in crate::ledger) struct Payload {
    /// Without its consents, which are acts of the person's history.
    pub(in crate::ledger) lead: Lead,
    pub(in crate::ledger) score: Score,
    /// The fingerprint of the identifier that it was recognised by first: only its owner's posts are merged.
    pub(in crate::ledger) first: String,
    /// The acts by which the lead's consents were given, by their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::ledger) acts: Vec<i64>,
    /// Whose the submission is, the subject of its consents first. Empty in a row of before format 4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::ledger) subjects: Vec<String>,
    /// By which of its identifiers its person was recognised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::ledger) recognised_by: Vec<IdentifierKind>,
    /// What the submission itself says, where `lead` holds earlier ones too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::ledger) own: Option<Lead>,
    /// The earlier ones, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::ledger) parts: Vec<Part>,
}

/// An earlier submission whose answers stand in a later one's lead. Neighbours of the same subjects are one.
#[derive(Clone, Deserialize, Serialize)]
pub(in crate::ledger) struct Part {
    pub(in crate::ledger) submission_id: SubmissionId,
    pub(in crate::ledger) subjects: Vec<String>,
    pub(in crate::ledger) lead: Lead,
}

impl Payload {
    /// What the submission itself says.
    pub(in crate::ledger) fn own_lead(&self) -> &Lead {
        self.own.as_ref().unwrap_or(&self.lead)
    }

    /// Whose all of it is.
    pub(in crate::ledger) fn all_subjects(&self) -> Vec<String> {
        let parts = self.parts.iter().flat_map(|part| &part.subjects);
        super::acts::distinct(self.subjects.iter().chain(parts).cloned().collect())
    }

    /// The parts of a later submission that takes this one up; nothing where it would have too many.
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

    /// The same without the parts that are somebody's who is forgotten; whether any was.
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

    /// Makes the lead anew, of the parts and of what the submission itself says.
    fn merge_again(&mut self, own: Lead, campaign: &Campaign) {
        let earlier = self.parts.iter().map(|part| part.lead.clone());
        let earlier = earlier.reduce(|older, newer| older.merged_with_newer(newer, campaign));
        (self.lead, self.own) = match earlier {
            Some(earlier) => (earlier.merged_with_newer(own.clone(), campaign), Some(own)),
            None => (own, None),
        };
    }

    /// What is left where its own submission is forgotten: its newest part, with the others behind it.
    pub(in crate::ledger) fn without_own(mut self, campaign: &Campaign) -> Option<(SubmissionId, Self)> {
        let newest = self.parts.pop()?;
        self.merge_again(newest.lead, campaign);
        Some((newest.submission_id, Self { subjects: newest.subjects, ..self }))
    }

    /// Every lead in it: what is sent, what the submission says, and what earlier ones do.
    pub(in crate::ledger) fn leads_mut(&mut self) -> impl Iterator<Item = &mut Lead> {
        let parts = self.parts.iter_mut().map(|part| &mut part.lead);
        std::iter::once(&mut self.lead).chain(&mut self.own).chain(parts)
    }
}

/// What a row keeps while something waits: a lead that was judged, or a post that was not.
pub(in crate::ledger) enum Kept {
    Judged(Box<Payload>),
    Whole(Box<Admit>),
}

/// A submission whose payload is there.
pub(in crate::ledger) struct Waiting {
    pub(in crate::ledger) campaign: String,
    pub(in crate::ledger) kept: Kept,
}

impl Waiting {
    /// What it says.
    pub(in crate::ledger) fn leads(&self) -> impl Iterator<Item = &Lead> {
        let (own, parts) = match &self.kept {
            Kept::Judged(payload) => (payload.own_lead(), payload.parts.as_slice()),
            Kept::Whole(admit) => (&admit.lead, &[][..]),
        };
        std::iter::once(own).chain(parts.iter().map(|part| &part.lead))
    }
}

impl<S: Store> Consents<S> {
    /// Opens what a submission's row keeps. `None` if it keeps nothing, or no living key opens it.
    pub(in crate::ledger) fn waiting(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<Waiting>, Fault> {
        let Some(row) = self.db.payload(lead_id, submission_id)? else { return Ok(None) };
        let Some(sealed) = row.payload else { return Ok(None) };
        let context = payload_context(lead_id, submission_id);
        let kept = if row.state.is_unjudged() {
            self.vault.open_sealed(&sealed, &context).ok().map(|admit| Kept::Whole(Box::new(admit)))
        } else {
            self.vault.open_sealed(&sealed, &context).ok().map(|payload| Kept::Judged(Box::new(payload)))
        };
        Ok(kept.map(|kept| Waiting { campaign: row.campaign, kept }))
    }
}
