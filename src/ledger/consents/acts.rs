//! Acts: their writing and reading, and their subjects.

use std::rc::Rc;

use super::Consents;
use crate::base::crypto::base64url;
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::base::moment::Moment;
use crate::base::time::DAY_MS;
use crate::campaign::Campaign;
use crate::ledger::db::act;
use crate::ledger::db::act::{ActRow, Ends};
use crate::ledger::db::changes::Changes;
use crate::ledger::db::store::{SealedCell, Store};
use crate::ledger::vault::act_context;
use crate::pipeline::consent::{Act, ConsentState, Head, Personal};
use crate::pipeline::lead::subject;

/// A purpose, its new state, and the digest of its terms.
pub(in crate::ledger) type PurposeChange = (String, ConsentState, String);

/// An act that is about to be written.
pub(in crate::ledger) struct NewAct {
    pub(in crate::ledger) act: Rc<Act>,
    pub(in crate::ledger) personal: Rc<Personal>,
    /// The personal part as it is stored.
    pub(in crate::ledger) sealed: Vec<u8>,
    /// The subjects of the act, that of its consents first.
    pub(in crate::ledger) subjects: Vec<String>,
}

impl NewAct {
    /// Adds it to the table of acts.
    pub(in crate::ledger) fn add(
        &self,
        lead_id: &LeadId,
        ends: Ends,
        changes: &mut Changes<'_>,
    ) -> Result<(), Fault> {
        act::add_act(lead_id, &self.act, &self.sealed, &self.subjects, ends, changes)
    }
}

/// The circumstances of an act: its time, its campaign, and its personal part.
pub(in crate::ledger) struct Circumstances<'a> {
    pub(in crate::ledger) at_ms: i64,
    pub(in crate::ledger) campaign: &'a str,
    pub(in crate::ledger) personal: Personal,
    /// The subjects of the act, that of its consents first.
    pub(in crate::ledger) subjects: Vec<String>,
}

/// Returns when consents expire that are given at a time, and when the record of them ends.
pub(in crate::ledger) fn ends_of(campaign: &Campaign, choices: &[(String, bool)], at_ms: i64) -> Ends {
    let granted = |id: &String| choices.iter().any(|(purpose, granted)| *granted && purpose == id);
    let days = campaign.purposes.iter().filter(|purpose| granted(&purpose.id));
    let days = days.filter_map(|purpose| purpose.retention_days).min();
    Ends {
        consent_ms: days.map(|days| at_ms + i64::from(days) * DAY_MS),
        record_ms: at_ms + campaign.retention.consents_ms,
    }
}

/// Returns each element once, sorted.
pub(in crate::ledger) fn distinct<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}

/// Adds a subject, unless it is empty or there already.
pub(in crate::ledger) fn add_new(subjects: &mut Vec<String>, one: String) {
    if !one.is_empty() && !subjects.contains(&one) {
        subjects.push(one);
    }
}

impl<S: Store> Consents<S> {
    /// Returns the acts of these numbers, in their order. `own` is one that is at hand.
    pub(super) fn acts_at(
        &self,
        lead_id: &LeadId,
        numbers: &[i64],
        own: Option<ActRow>,
    ) -> Result<Vec<ActRow>, Fault> {
        let mut found: Vec<ActRow> = own.into_iter().filter(|one| numbers.contains(&one.act.seq)).collect();
        if found.len() < numbers.len() {
            found.extend(self.db.acts_beside(lead_id, numbers)?);
        }
        if found.len() < numbers.len() {
            // In rows of other submissions of a lead that has no row of its own yet.
            found = self.db.acts(lead_id)?;
            found.retain(|one| numbers.contains(&one.act.seq));
        }
        let mut in_order = Vec::new();
        for number in numbers {
            if let Some(at) = found.iter().position(|one| one.act.seq == *number) {
                in_order.push(found.swap_remove(at));
            }
        }
        Ok(in_order)
    }

    /// Returns the subjects of an act, that of its consents first. Empty if its personal part is gone.
    pub(in crate::ledger) fn subjects_of(&self, lead_id: &LeadId, row: &ActRow) -> Vec<String> {
        if !row.subjects.is_empty() {
            return row.subjects.clone();
        }
        let personal = row.sealed.as_ref().map(|sealed| self.personal(lead_id, &row.act, sealed));
        let Some(Ok(personal)) = personal else { return Vec::new() };
        let mut subjects = Vec::new();
        add_new(&mut subjects, personal.subject);
        for tag in &personal.fingerprints {
            add_new(&mut subjects, subject(tag));
        }
        subjects
    }

    /// Opens the personal part of an act, as the text that the act commits to.
    pub(in crate::ledger) fn personal_text(
        &self,
        lead_id: &LeadId,
        act: &Act,
        sealed: &SealedCell,
    ) -> Result<String, Fault> {
        let plain = self.vault.unsealed(sealed, &act_context(lead_id, act.seq))?;
        String::from_utf8(plain).map_err(|_| Fault::new("a personal part is unreadable"))
    }

    /// Opens the personal part of an act.
    pub(in crate::ledger) fn personal(
        &self,
        lead_id: &LeadId,
        act: &Act,
        sealed: &SealedCell,
    ) -> Result<Personal, Fault> {
        let text = self.personal_text(lead_id, act, sealed)?;
        serde_json::from_str(&text).map_err(|_| Fault::new("a personal part is unreadable"))
    }

    /// Makes the next act of a lead.
    pub(in crate::ledger) fn next_act(
        &self,
        previous: Option<&Head>,
        lead_id: &LeadId,
        consents: Vec<PurposeChange>,
        done: Circumstances<'_>,
        moment: &Moment,
    ) -> Result<NewAct, Fault> {
        let Circumstances { at_ms, campaign, mut personal, subjects } = done;
        let key = self.config.identity.history_keys().first();
        let key = key.ok_or_else(|| Fault::new("there is no pepper"))?;
        let seq = previous.map_or(1, |head| head.seq + 1);
        let context = act_context(lead_id, seq);
        personal.salt = base64url(&moment.random::<16>(&context, 1));
        let text = personal.text();
        let act = Act::after(previous, lead_id, (at_ms, campaign), consents, &text, key);
        let sealed = self.vault.seal(text.as_bytes(), &context, moment)?;
        Ok(NewAct { act: Rc::new(act), personal: Rc::new(personal), sealed, subjects })
    }
}
