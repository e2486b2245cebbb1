//! A judged submission that is about to be written, with the consents in it.

use super::plan::{Plan, Post};
use super::recognise::subject_names;
use crate::ledger::consents::acts::add_new;
use crate::ledger::consents::standing::{LeadFacts, Person};
use crate::ledger::db::changes::Changes;
use crate::ledger::db::funnel::{Milestone, Steps};
use crate::ledger::db::state::State;
use crate::ledger::wire::Admit;
use crate::pipeline::lead::{Fingerprint, Lead, subject};

/// A submission that was judged.
pub(super) struct Admission<'a> {
    pub(super) admit: &'a Admit,
    pub(super) given: ConsentChoices,
    pub(super) post: &'a Post<'a>,
    pub(super) plan: Plan<'a>,
    /// The person, if the lead is known.
    pub(super) person: Option<Person>,
    /// The additional changes if the owner of the address has just confirmed a request.
    pub(super) confirmed: Option<Changes<'a>>,
}

impl Admission<'_> {
    /// Returns the fingerprints under the current pepper.
    pub(super) fn prints(&self) -> Vec<&Fingerprint> {
        self.admit.fingerprints.iter().filter(|print| print.current).collect()
    }

    /// Returns the subjects of the submission: that of its consents first, by the name that the lead knows.
    pub(super) fn subjects(&self) -> Vec<String> {
        // A request may have been made under another pepper, and its links name that subject.
        let request = self.post.prior.as_ref().filter(|prior| prior.state == State::Unconfirmed);
        let first = match &self.person {
            Some(person) => Some(person.subject.clone()),
            None => request
                .and_then(|prior| prior.subject.clone())
                .or_else(|| subject_names(&self.admit.fingerprints).into_iter().next()),
        };
        let mut subjects: Vec<String> = first.into_iter().collect();
        for print in self.prints() {
            add_new(&mut subjects, subject(&print.tag));
        }
        subjects
    }

    /// Returns the steps that the submission takes as a lead, and its milestone after them.
    pub(super) fn steps(&self) -> (Steps, Milestone) {
        let (before, plan) = (self.post.milestone(), &self.plan);
        let score = plan.payload.as_ref().filter(|_| plan.is_first).map(|(_, score)| score.total);
        let held = plan.supersedes.as_ref().map(|held| held.milestone);
        score.map_or((Steps::NONE, before), |score| Steps::judged(before, held, plan.state, score))
    }

    pub(super) fn lead_facts(&self) -> Option<&LeadFacts> {
        self.person.as_ref().map(|person| &person.known)
    }
}

/// The consents in a submission, before it is judged.
pub(super) struct ConsentChoices {
    /// The purposes, each with whether it was granted.
    pub(super) choices: Vec<(String, bool)>,
    /// The versions of wordings that the form claims to have shown, by purpose.
    pub(super) shown: Vec<(String, String)>,
    pub(super) method: String,
    pub(super) page: Option<String>,
    pub(super) gpc: bool,
    pub(super) at_ms: i64,
}

impl ConsentChoices {
    /// Extracts the consents from a lead.
    pub(super) fn of(lead: &Lead) -> Self {
        let records = lead.consent.iter();
        Self {
            choices: records.clone().map(|record| (record.purpose.clone(), record.granted)).collect(),
            shown: records.map(|record| (record.purpose.clone(), record.version_shown.clone())).collect(),
            method: lead.consent.first().map(|record| record.method.clone()).unwrap_or_default(),
            page: lead.attribution.get("page_url").cloned(),
            gpc: lead.gpc,
            at_ms: lead.submitted_at_ms,
        }
    }
}
