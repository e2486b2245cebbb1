//! The asker: a person, by the identifiers that they have proved.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::contact::{Email, Phone};
use crate::ledger::consents::standing::LeadFacts;
use crate::ledger::db::Db;
use crate::ledger::db::store::Store;
use crate::ledger::presence::QUARANTINED_LEADS;
use crate::pipeline::lead::{Identifier, Identity, Lead, subject};

/// The asker, by the fingerprints of proved identifiers, under every pepper.
#[derive(Clone)]
pub(in crate::ledger) struct Asker<'a> {
    pub(super) tags: &'a [String],
    pub(super) subjects: Vec<String>,
}

impl<'a> Asker<'a> {
    /// Makes the asker who has proved these.
    pub(super) fn of(tags: &'a [String]) -> Self {
        Self { tags, subjects: tags.iter().map(|tag| subject(tag)).collect() }
    }

    /// Returns the same, with the names that a lead knows them by.
    pub(super) fn in_lead(&self, known: &LeadFacts) -> Self {
        let names = self.subjects.iter().filter_map(|name| known.name_of(std::slice::from_ref(name)));
        let mut subjects = self.subjects.clone();
        subjects.extend(names.filter(|name| !self.subjects.contains(name)).collect::<Vec<_>>());
        Self { tags: self.tags, subjects }
    }

    /// Returns whether the asker is among these subjects.
    pub(super) fn is_among(&self, subjects: &[String]) -> bool {
        subjects.iter().any(|subject| self.subjects.contains(subject))
    }

    /// Returns whether these subjects are all the asker's.
    pub(super) fn is_alone_among(&self, subjects: &[String]) -> bool {
        subjects.iter().all(|subject| self.subjects.contains(subject))
    }

    /// Returns whether an identifier is the asker's.
    pub(super) fn is_by(&self, identity: &Identity, identifier: Option<Identifier>) -> bool {
        let tags = identifier.map(|identifier| identity.fingerprints_of(&identifier));
        tags.is_some_and(|tags| tags.iter().any(|tag| self.tags.contains(tag)))
    }

    /// Returns the fields of a lead whose answer is an address or a number of the asker's.
    pub(super) fn fields_in(&self, identity: &Identity, lead: &Lead) -> Vec<String> {
        let is_theirs = |answer: &Value| {
            let text = answer.as_str().unwrap_or_default();
            self.is_by(identity, Email::parse(text).map(Identifier::Email))
                || self.is_by(identity, Phone::parse(text, None).map(Identifier::Phone))
        };
        let theirs = lead.answers.iter().filter(|(_, answer)| is_theirs(answer));
        theirs.map(|(field, _)| field.clone()).collect()
    }

    /// Returns the leads under which anything of the asker's is stored, in order.
    pub(super) fn leads<S: Store>(&self, db: &Db<S>) -> Result<BTreeSet<LeadId>, Fault> {
        let mut leads = BTreeSet::new();
        leads.extend(db.leads_with(self.tags)?);
        leads.extend(db.quarantined_with(self.tags, QUARANTINED_LEADS)?);
        Ok(leads)
    }
}
