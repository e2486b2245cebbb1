//! Open leads: a submission's payload with its current consents, and their receipts.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Value, json};

use super::Consents;
use super::acts::distinct;
use super::payload::Payload;
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::base::time::rfc3339;
use crate::campaign::IdentifierKind;
use crate::ledger::api;
use crate::ledger::api::List;
use crate::ledger::db::act::ActRow;
use crate::ledger::db::bucket::Bucket;
use crate::ledger::db::state::State;
use crate::ledger::db::store::{SealedCell, Store};
use crate::ledger::db::submission_row::{Content, CountedRow};
use crate::ledger::vault::{consent_context, payload_context};
use crate::pipeline::consent::{Receipt, Standing, signing_input, standing};
use crate::pipeline::lead::{ConsentRecord, Lead, Link, subject_prefix};
use crate::pipeline::scoring::Score;

/// A lead that is ready to be sent, with its consents.
pub(in crate::ledger) struct Open {
    pub(in crate::ledger) lead: Lead,
    pub(in crate::ledger) score: Score,
    /// The kinds of identifiers by which its person was recognised.
    pub(in crate::ledger) recognised_by: Vec<IdentifierKind>,
    /// The subject of its consents.
    pub(in crate::ledger) subject: String,
    /// The receipts of the valid consents.
    pub(in crate::ledger) receipts: Vec<Receipt>,
}

impl Open {
    /// Makes an open lead of a payload, with the consents that these receipts record.
    pub(in crate::ledger) fn new(payload: Payload, all: Vec<Receipt>) -> Self {
        let consent: Vec<_> = all.iter().map(Receipt::record).collect();
        let granted = consent.iter().map(|record| record.granted);
        let receipts = all.into_iter().zip(granted).filter_map(|(one, granted)| granted.then_some(one));
        let receipts = receipts.collect();
        Self::with(payload, consent, receipts)
    }

    /// Makes an open lead of a payload with these consents, and the receipts of the valid ones.
    pub(in crate::ledger) fn with(
        payload: Payload,
        consent: Vec<ConsentRecord>,
        receipts: Vec<Receipt>,
    ) -> Self {
        let Payload { mut lead, score, recognised_by, subjects, .. } = payload;
        lead.consent = consent;
        let subject = subjects.into_iter().next().unwrap_or_default();
        Self { lead, score, recognised_by, subject, receipts }
    }
}

/// A submission as counters see it, with its subjects.
pub(in crate::ledger) struct CountedSubmission {
    pub(in crate::ledger) submission_id: SubmissionId,
    pub(in crate::ledger) state: State,
    pub(in crate::ledger) bucket: Bucket,
    /// The subjects of the submission, that of its consents first.
    pub(in crate::ledger) subjects: Vec<String>,
}

impl<S: Store> Consents<S> {
    /// Returns a submission with its subjects, from its row or its act.
    pub(in crate::ledger) fn counted(&self, lead_id: &LeadId, row: CountedRow) -> CountedSubmission {
        let CountedRow { submission_id, state, bucket, mut subjects, own } = row;
        if subjects.is_empty()
            && let Some(own) = own
        {
            subjects = self.subjects_of(lead_id, &ActRow { subjects, ..own });
        }
        CountedSubmission { submission_id, state, bucket, subjects }
    }

    /// Opens the content of a submission's row. Consents that were withdrawn since, or have expired, are not
    /// granted.
    pub(in crate::ledger) fn open(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
        content: Content,
    ) -> Result<(Payload, Open), Fault> {
        let Content { payload, consent, own, is_alone } = content;
        let payload = payload.ok_or_else(|| Fault::new("a submission's payload is gone"))?;
        let mut payload: Payload =
            self.vault.open_sealed(&payload, &payload_context(lead_id, submission_id))?;
        if payload.acts.is_empty() && payload.subjects.is_empty() {
            return self.open_old(payload, consent, lead_id, submission_id);
        }
        let alone = own.as_ref().filter(|_| is_alone).cloned();
        let (all, valid) = self.receipts_now(lead_id, &payload.acts, own, alone.as_ref())?;
        if payload.subjects.is_empty() {
            // A row of format 3.
            payload.subjects = alone.map(|own| self.subjects_of(lead_id, &own)).unwrap_or_default();
        }
        let mut open = Open::new(payload.clone(), all);
        for record in &mut open.lead.consent {
            record.granted &= valid.contains(&record.purpose);
        }
        open.receipts.retain(|receipt| valid.contains(&receipt.purpose));
        Ok((payload, open))
    }

    /// Returns a receipt for each purpose of these acts, and the purposes whose consents are valid now. `own`
    /// is an act that is at hand, `alone` the only one of its lead.
    fn receipts_now(
        &self,
        lead_id: &LeadId,
        acts: &[i64],
        own: Option<ActRow>,
        alone: Option<&ActRow>,
    ) -> Result<(Vec<Receipt>, BTreeSet<String>), Fault> {
        let mut by_subject = Vec::<(String, Vec<ActRow>)>::new();
        for one in self.acts_at(lead_id, acts, own)? {
            let whose = self.subjects_of(lead_id, &one).into_iter().next().unwrap_or_default();
            match by_subject.iter_mut().find(|(known, _)| *known == whose) {
                Some((_, acts)) => acts.push(one),
                None => by_subject.push((whose, vec![one])),
            }
        }
        let mut all = Vec::<Receipt>::new();
        let mut valid = BTreeSet::new();
        for (whose, acts) in by_subject {
            let now = match alone {
                Some(own) => standing([&*own.act]),
                None => self.standing_of(lead_id, &whose)?,
            };
            for receipt in self.receipts_of(lead_id, &acts)? {
                let holds = now.iter().any(|one| one.purpose == receipt.purpose && one.state.is_valid());
                let known = all.iter().position(|known| known.purpose == receipt.purpose);
                match known {
                    Some(at) if holds && !valid.contains(&receipt.purpose) => {
                        if let Some(known) = all.get_mut(at) {
                            *known = receipt.clone();
                        }
                    }
                    Some(_) => {}
                    None => all.push(receipt.clone()),
                }
                if holds {
                    valid.insert(receipt.purpose);
                }
            }
        }
        Ok((all, valid))
    }

    /// Opens a row from before format 3, whose consents are stored beside the payload.
    fn open_old(
        &self,
        mut payload: Payload,
        consent: Option<SealedCell>,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<(Payload, Open), Fault> {
        let acts = self.db.acts(lead_id)?;
        let now = standing(acts.iter().map(|one| &*one.act));
        let mut consents = std::mem::take(&mut payload.lead.consent);
        if let (true, Some(consent)) = (consents.is_empty(), consent) {
            consents = self.vault.open_sealed(&consent, &consent_context(lead_id, submission_id))?;
        }
        let gone = |id: &String| now.iter().any(|one| one.purpose == *id && one.state.has_ended());
        for record in &mut consents {
            record.granted &= !gone(&record.purpose);
        }
        let mut open = Open::new(payload.clone(), Vec::new());
        open.lead.consent = consents;
        Ok((payload, open))
    }

    /// Returns for each purpose of these acts how it was given or refused.
    fn receipts_of(&self, lead_id: &LeadId, acts: &[ActRow]) -> Result<Vec<Receipt>, Fault> {
        let mut receipts = Vec::<Receipt>::new();
        let at = |seq: i64| acts.iter().find(|one| one.act.seq == seq);
        for one in standing(acts.iter().map(|one| &*one.act)) {
            let Some(ActRow { act, sealed: Some(sealed), .. }) = at(one.by.seq) else { continue };
            let confirmed = one.confirmed.and_then(|(seq, _)| at(seq));
            receipts.push(Receipt {
                terms: self.terms_under(&one.by.terms)?,
                personal: Rc::new(self.personal(lead_id, act, sealed)?),
                act: Rc::clone(act),
                confirmed: confirmed.map(|one| Rc::clone(&one.act)),
                purpose: one.purpose,
            });
        }
        Ok(receipts)
    }

    /// Returns the text that a receipt's signature covers, for a subject of a lead. `None` if no key signs.
    pub(in crate::ledger) fn receipt_input(
        &self,
        receipt: &Receipt,
        whose: (&LeadId, &str),
    ) -> Option<String> {
        let key_id = self.config.signing_key.as_deref()?;
        let withdraw = self.withdraw_url(receipt, whose);
        Some(signing_input(key_id, &receipt.payload(withdraw.as_deref())))
    }

    /// Returns the address at which a subject of a lead withdraws a consent.
    pub(in crate::ledger) fn withdraw_url(
        &self,
        receipt: &Receipt,
        whose: (&LeadId, &str),
    ) -> Option<String> {
        let pepper = receipt.act.mac.split('.').next();
        self.withdraw_link(&receipt.act.campaign, pepper, whose, &receipt.purpose)
    }

    /// Returns that address under the pepper of this id: a pepper that a row names lives as long as the row.
    pub(in crate::ledger) fn withdraw_link(
        &self,
        campaign: &str,
        pepper: Option<&str>,
        (lead_id, subject): (&LeadId, &str),
        purpose: &str,
    ) -> Option<String> {
        let url = self.config.public_url.as_ref()?;
        let parts = [lead_id, purpose, subject_prefix(subject)];
        let token = self.config.identity.link(Link::Withdraw, Some(campaign), pepper, &parts);
        Some(format!("{url}/withdraw/{campaign}/{token}"))
    }

    /// Reports the consents of a link's subject, each with the text that is signed as its receipt.
    pub(in crate::ledger) fn consents(&self, query: &api::Consents) -> Result<Option<List>, Fault> {
        let lead_id = self.db.lead_now(&query.lead_id)?;
        let Some((whose, now)) = self.subject_named(&lead_id, query.subject.as_deref())? else {
            return Ok(None);
        };
        let numbers = distinct(now.iter().flat_map(Standing::acts).collect());
        let acts = self.acts_at(&lead_id, &numbers, None)?;
        let receipts = self.receipts_of(&lead_id, &acts)?;
        let shown = |one: Standing| {
            let receipt = receipts.iter().find(|receipt| receipt.purpose == one.purpose);
            let input = receipt.filter(|_| one.state.is_valid());
            let input = input.and_then(|receipt| self.receipt_input(receipt, (&lead_id, &whose)));
            json!({
                "purpose": one.purpose, "state": one.state, "since": rfc3339(one.since_ms),
                "text": receipt.map(|receipt| receipt.terms.text_at("/text").to_owned()), "receipt": input,
            })
        };
        let consents: Vec<Value> = now.into_iter().map(shown).collect();
        Ok((!consents.is_empty()).then_some(List(consents)))
    }
}
