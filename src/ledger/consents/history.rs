//! The history of a lead's consents: how acts are written and read, and what the consents of a submission are
//! by them.

use super::Consents;
use crate::ledger::vault::{act_context, consent_context, payload_context};
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Value, json};

use super::payload::Payload;
use crate::base::crypto::base64url;
use crate::base::fault::Fault;
use crate::base::moment::{DAY_MS, Moment, rfc3339};
use crate::campaign::Campaign;
use crate::ledger::api;
use crate::ledger::api::List;
use crate::ledger::db::schema::ROW_FORMAT;
use crate::ledger::db::store::{Arg, Row, SealedCell, Store, Write, write};
use crate::ledger::db::submission_state::Bucket;
use crate::ledger::db::submission_state::State;
use crate::pipeline::consent::{
    Act, ConsentState, Head, Personal, Receipt, Standing, Terms, signing_input, standing,
};
use crate::pipeline::lead::{ConsentRecord, Lead, Link, named, subject};
use crate::pipeline::scoring::Score;

/// Digests whose terms are kept parsed: every revision of a campaign has its own.
const MAX_TERMS: usize = 256;

/// A lead that is ready to be sent: its consents are in their place.
pub(in crate::ledger) struct Open {
    pub(in crate::ledger) lead: Lead,
    pub(in crate::ledger) score: Score,
    /// By which identifiers its person was recognised.
    pub(in crate::ledger) recognised_by: Vec<crate::campaign::IdentifierKind>,
    /// Whose its consents are.
    pub(in crate::ledger) subject: String,
    /// Of the consents that hold.
    pub(in crate::ledger) receipts: Vec<Receipt>,
}

impl Open {
    /// A payload with the consents that these receipts and refusals record.
    pub(in crate::ledger) fn new(payload: Payload, all: Vec<Receipt>) -> Self {
        let consent: Vec<_> = all.iter().map(Receipt::record).collect();
        let granted = consent.iter().map(|record| record.granted);
        let receipts = all.into_iter().zip(granted).filter_map(|(one, granted)| granted.then_some(one));
        let receipts = receipts.collect();
        Self::with(payload, consent, receipts)
    }

    /// A payload with these consents, and the receipts of those that hold.
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

/// An act that is about to be written.
pub(in crate::ledger) struct NewAct {
    pub(in crate::ledger) act: Rc<Act>,
    pub(in crate::ledger) personal: Rc<Personal>,
    /// The personal part as it lies there.
    pub(in crate::ledger) sealed: Vec<u8>,
    /// Whose it is, the subject of its consents first.
    pub(in crate::ledger) subjects: Vec<String>,
}

impl NewAct {
    /// The row of an act that lies beside the submissions.
    pub(in crate::ledger) fn row(&self, lead_id: &str, ends: Ends) -> Result<Write<'static>, Fault> {
        let sql =
            "INSERT INTO act (lead_id, seq, format, act, personal, consent_until_ms, record_until_ms, subjects)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        let args = [
            lead_id.to_owned().into(),
            self.act.seq.into(),
            ROW_FORMAT.into(),
            text_of(&self.act)?.into(),
            self.sealed.clone().into(),
            ends.consent_ms.into(),
            ends.record_ms.into(),
            json!(self.subjects).to_string().into(),
        ];
        Ok(write(sql, args))
    }
}

/// When consents and the record of them end; UTC, milliseconds.
#[derive(Clone, Copy)]
pub(in crate::ledger) struct Ends {
    /// The first of the consents, where a purpose says how long it is good for.
    pub(in crate::ledger) consent_ms: Option<i64>,
    pub(in crate::ledger) record_ms: i64,
}

impl Ends {
    /// Of consents that were given then.
    pub(in crate::ledger) fn of(campaign: &Campaign, choices: &[(String, bool)], at_ms: i64) -> Self {
        let granted = |id: &String| choices.iter().any(|(purpose, granted)| *granted && purpose == id);
        let days = campaign.purposes.iter().filter(|purpose| granted(&purpose.id));
        let days = days.filter_map(|purpose| purpose.retention_days).min();
        Self {
            consent_ms: days.map(|days| at_ms + i64::from(days) * DAY_MS),
            record_ms: at_ms + campaign.retention.consents_ms,
        }
    }
}

/// Each once, in order.
pub(in crate::ledger) fn distinct<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}

/// Adds a subject that is not there yet.
pub(in crate::ledger) fn add_new(subjects: &mut Vec<String>, one: String) {
    if !one.is_empty() && !subjects.contains(&one) {
        subjects.push(one);
    }
}

pub(in crate::ledger) fn read_act(text: &str) -> Result<Act, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::new("an act is not what its reader expects"))
}

/// An act as it is kept.
pub(in crate::ledger) fn text_of(act: &Act) -> Result<String, Fault> {
    serde_json::to_string(act).map_err(|_| Fault::new("an act cannot be written"))
}

/// The texts of a column that holds a list of them.
pub(in crate::ledger) fn texts_in(column: Option<String>) -> Vec<String> {
    column.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// An act as it lies there.
#[derive(Clone)]
pub(in crate::ledger) struct ActRow {
    pub(in crate::ledger) act: Rc<Act>,
    /// Its personal part, if it has not been erased.
    pub(in crate::ledger) sealed: Option<SealedCell>,
    /// Whose it is, where the row says so: one of before format 4 does not.
    pub(in crate::ledger) subjects: Vec<String>,
}

impl ActRow {
    /// Of a row's act, personal part and subjects.
    pub(in crate::ledger) fn read(row: &mut Row, first: usize) -> Result<Self, Fault> {
        let act = Rc::new(read_act(&row.text(first)?)?);
        let sealed = row.sealed(first + 1);
        Ok(Self { act, sealed, subjects: texts_in(row.optional_text(first + 2)) })
    }
}

impl<S: Store> Consents<S> {
    /// A lead's acts, the first one first: those from number `from` on, so many of them.
    pub(in crate::ledger) fn acts_from(
        &self,
        lead_id: &str,
        from: i64,
        limit: i64,
    ) -> Result<Vec<ActRow>, Fault> {
        let sql = "SELECT act, personal, subjects, seq FROM act WHERE lead_id = ?1 AND seq >= ?2
                   UNION ALL SELECT act, consent, subjects, json_extract(act, '$.seq') FROM submission
                     WHERE lead_id = ?1 AND act IS NOT NULL AND json_extract(act, '$.seq') >= ?2
                   ORDER BY 4 LIMIT ?3";
        let rows = self.db.rows(sql, &[lead_id.into(), from.into(), limit.into()])?;
        rows.into_iter().map(|mut row| ActRow::read(&mut row, 0)).collect()
    }

    /// A lead's acts, the first one first.
    pub(in crate::ledger) fn acts(&self, lead_id: &str) -> Result<Vec<ActRow>, Fault> {
        self.acts_from(lead_id, 0, crate::ledger::db::store::MAX_SAFE)
    }

    /// The acts of these numbers, in their order. `own` is one that is at hand.
    fn acts_at(&self, lead_id: &str, numbers: &[i64], own: Option<ActRow>) -> Result<Vec<ActRow>, Fault> {
        let mut found: Vec<ActRow> = own.into_iter().filter(|one| numbers.contains(&one.act.seq)).collect();
        if found.len() < numbers.len() {
            let sql = "SELECT act, personal, subjects FROM act WHERE lead_id = ?
                         AND seq IN (SELECT value FROM json_each(?))";
            for mut row in self.db.rows(sql, &[lead_id.into(), json!(numbers).to_string().into()])? {
                found.push(ActRow::read(&mut row, 0)?);
            }
        }
        if found.len() < numbers.len() {
            // In rows of other submissions, of a lead that has no row of its own yet.
            found = self.acts(lead_id)?;
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

    /// Whose an act is, the subject of its consents first. Nobody's where its personal part is gone.
    pub(in crate::ledger) fn subjects_of(&self, lead_id: &str, row: &ActRow) -> Vec<String> {
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

    /// The personal part of an act, as the text that the act commits to.
    pub(in crate::ledger) fn personal_text(
        &self,
        lead_id: &str,
        act: &Act,
        sealed: &SealedCell,
    ) -> Result<String, Fault> {
        let plain = self.vault.unsealed(sealed, &act_context(lead_id, act.seq))?;
        String::from_utf8(plain).map_err(|_| Fault::new("a personal part is unreadable"))
    }

    pub(in crate::ledger) fn personal(
        &self,
        lead_id: &str,
        act: &Act,
        sealed: &SealedCell,
    ) -> Result<Personal, Fault> {
        let text = self.personal_text(lead_id, act, sealed)?;
        serde_json::from_str(&text).map_err(|_| Fault::new("a personal part is unreadable"))
    }

    /// The next act of a lead, ready to be written.
    pub(in crate::ledger) fn next_act(
        &self,
        previous: Option<&Head>,
        lead_id: &str,
        place: (i64, &str),
        consents: Vec<(String, ConsentState, String)>,
        (mut personal, subjects): (Personal, Vec<String>),
        moment: &Moment,
    ) -> Result<NewAct, Fault> {
        let key =
            self.config.identity.history_keys().first().ok_or_else(|| Fault::new("there is no pepper"))?;
        let seq = previous.map_or(1, |head| head.seq + 1);
        let at = act_context(lead_id, seq);
        personal.salt = base64url(&moment.random::<16>(&at, 1));
        let text = personal.text();
        let act = Act::after(previous, lead_id, place, consents, &text, key);
        let sealed = self.vault.seal(text.as_bytes(), &at, moment)?;
        Ok(NewAct { act: Rc::new(act), personal: Rc::new(personal), sealed, subjects })
    }

    /// The terms of a campaign's purposes, in their order.
    pub(in crate::ledger) fn terms_of(&self, campaign: &Campaign) -> Rc<Vec<Rc<Terms>>> {
        let mut known = self.current_terms.borrow_mut();
        let is_meant =
            |(id, revision, _): &&(String, String, _)| *id == campaign.id && *revision == campaign.revision;
        if let Some((.., terms)) = known.iter().find(is_meant) {
            return Rc::clone(terms);
        }
        if known.len() >= crate::ledger::campaigns::MAX_PARSED {
            known.clear();
        }
        let terms = campaign.purposes.iter().map(|purpose| Rc::new(Terms::of(campaign, purpose)));
        let terms = Rc::new(terms.collect::<Vec<_>>());
        known.push((campaign.id.clone(), campaign.revision.clone(), Rc::clone(&terms)));
        terms
    }

    /// What the database needs, so that it has these terms.
    pub(in crate::ledger) fn keep_terms<'a>(&self, all: &'a [Rc<Terms>]) -> Vec<Write<'a>> {
        let known = self.terms.borrow();
        let sql = "INSERT INTO terms (digest, terms) VALUES (?, ?) ON CONFLICT DO NOTHING";
        let missing = all.iter().filter(|terms| !known.contains_key(&terms.digest));
        missing.map(|terms| write(sql, [(&terms.digest).into(), (&terms.text).into()])).collect()
    }

    /// The database has these terms.
    pub(in crate::ledger) fn know_terms(&self, all: &[Rc<Terms>]) {
        let mut known = self.terms.borrow_mut();
        if known.len() >= MAX_TERMS {
            known.clear();
        }
        for terms in all {
            if !known.contains_key(&terms.digest) {
                known.insert(terms.digest.clone(), Rc::clone(terms));
            }
        }
    }

    pub(in crate::ledger) fn terms_under(&self, digest: &str) -> Result<Rc<Terms>, Fault> {
        if let Some(terms) = self.terms.borrow().get(digest) {
            return Ok(Rc::clone(terms));
        }
        let row = self.db.row("SELECT terms FROM terms WHERE digest = ?", &[digest.into()])?;
        let text = row.map(|mut row| row.text(0)).transpose()?;
        let terms = text.and_then(|text| Terms::read(&text, digest));
        let terms = terms.map(Rc::new).ok_or_else(|| Fault::new("a consent's terms are gone"))?;
        self.know_terms(std::slice::from_ref(&terms));
        Ok(terms)
    }

    /// For each purpose of these acts: how it was given or refused.
    fn receipts_of(&self, lead_id: &str, acts: &[ActRow]) -> Result<Vec<Receipt>, Fault> {
        let mut receipts = Vec::<Receipt>::new();
        let at = |seq: i64| acts.iter().find(|one| one.act.seq == seq);
        for place in standing(acts.iter().map(|one| &*one.act)) {
            let Some(ActRow { act, sealed: Some(sealed), .. }) = at(place.by.seq) else { continue };
            let confirmed = place.confirmed.and_then(|(seq, _)| at(seq));
            receipts.push(Receipt {
                terms: self.terms_under(&place.by.terms)?,
                personal: Rc::new(self.personal(lead_id, act, sealed)?),
                act: Rc::clone(act),
                confirmed: confirmed.map(|one| Rc::clone(&one.act)),
                purpose: place.purpose,
            });
        }
        Ok(receipts)
    }

    /// What a row holds of a submission's lead, with its consents in their place. What was withdrawn since, or
    /// has expired, is not granted.
    pub(in crate::ledger) fn open_row(&self, row: SealedRow<'_>) -> Result<(Payload, Open), Fault> {
        let SealedRow { lead_id, submission_id, payload, consent, own, is_alone } = row;
        let mut payload: Payload =
            self.vault.open_sealed(payload, &payload_context(lead_id, submission_id))?;
        if payload.acts.is_empty() && payload.subjects.is_empty() {
            return self.open_old(payload, consent, lead_id, submission_id);
        }
        let alone = own.as_ref().filter(|_| is_alone).cloned();
        let chosen = self.acts_at(lead_id, &payload.acts, own)?;
        let mut by_subject = Vec::<(String, Vec<ActRow>)>::new();
        for one in chosen {
            let whose = self.subjects_of(lead_id, &one).into_iter().next().unwrap_or_default();
            match by_subject.iter_mut().find(|(known, _)| *known == whose) {
                Some((_, acts)) => acts.push(one),
                None => by_subject.push((whose, vec![one])),
            }
        }
        let mut all = Vec::<Receipt>::new();
        let mut held = BTreeSet::new();
        for (whose, acts) in by_subject {
            let now = match &alone {
                Some(own) => standing([&*own.act]),
                None => self.standing_of(lead_id, &whose)?,
            };
            for receipt in self.receipts_of(lead_id, &acts)? {
                let holds = now.iter().any(|one| one.purpose == receipt.purpose && one.state.is_valid());
                let known = all.iter().position(|known| known.purpose == receipt.purpose);
                match known {
                    Some(at) if holds && !held.contains(&receipt.purpose) => {
                        if let Some(known) = all.get_mut(at) {
                            *known = receipt.clone();
                        }
                    }
                    Some(_) => {}
                    None => all.push(receipt.clone()),
                }
                if holds {
                    held.insert(receipt.purpose);
                }
            }
        }
        if payload.subjects.is_empty() {
            // Of format 3.
            payload.subjects = alone.map(|own| self.subjects_of(lead_id, &own)).unwrap_or_default();
        }
        let mut open = Open::new(payload.clone(), all);
        for record in &mut open.lead.consent {
            record.granted &= held.contains(&record.purpose);
        }
        open.receipts.retain(|receipt| held.contains(&receipt.purpose));
        Ok((payload, open))
    }

    /// The same of a row of before format 3, whose consents lie beside it.
    fn open_old(
        &self,
        mut payload: Payload,
        consent: Option<&SealedCell>,
        lead_id: &str,
        submission_id: &str,
    ) -> Result<(Payload, Open), Fault> {
        let acts = self.acts(lead_id)?;
        let now = standing(acts.iter().map(|one| &*one.act));
        let mut consents = std::mem::take(&mut payload.lead.consent);
        if let (true, Some(consent)) = (consents.is_empty(), consent) {
            consents = self.vault.open_sealed(consent, &consent_context(lead_id, submission_id))?;
        }
        let gone = |id: &String| now.iter().any(|one| one.purpose == *id && one.state.has_ended());
        for record in &mut consents {
            record.granted &= !gone(&record.purpose);
        }
        let mut open = Open::new(payload.clone(), Vec::new());
        open.lead.consent = consents;
        Ok((payload, open))
    }

    /// What a receipt's signature is over; nothing where no key signs.
    pub(in crate::ledger) fn receipt_input(&self, receipt: &Receipt, whose: (&str, &str)) -> Option<String> {
        let key_id = self.config.signing_key.as_deref()?;
        let withdraw = self.withdraw_url(receipt, whose);
        Some(signing_input(key_id, &receipt.payload(withdraw.as_deref())))
    }

    /// Where a person takes a consent back: a lead's, and of it a subject's.
    pub(in crate::ledger) fn withdraw_url(&self, receipt: &Receipt, whose: (&str, &str)) -> Option<String> {
        let pepper = receipt.act.mac.split('.').next();
        self.withdraw_link(&receipt.act.campaign, pepper, whose, &receipt.purpose)
    }

    /// A link under the pepper of this id: one that a row names lives as long as the row.
    pub(in crate::ledger) fn withdraw_link(
        &self,
        campaign: &str,
        pepper: Option<&str>,
        (lead_id, subject): (&str, &str),
        purpose: &str,
    ) -> Option<String> {
        let url = self.config.public_url.as_ref()?;
        let parts = [lead_id, purpose, named(subject)];
        let token = self.config.identity.link(Link::Withdraw, Some(campaign), pepper, &parts);
        Some(format!("{url}/withdraw/{campaign}/{token}"))
    }

    /// The lead that a link means.
    pub(in crate::ledger) fn lead_now(&self, lead_id: &str) -> Result<String, Fault> {
        let row = self.db.row("SELECT is_now FROM alias WHERE lead_id = ?", &[lead_id.into()])?;
        row.map_or_else(|| Ok(lead_id.to_owned()), |mut row| row.text(0))
    }

    /// What the consents of a link's subject are now, each with what is signed of its receipt.
    pub(in crate::ledger) fn consents(&self, query: &api::Consents) -> Result<Option<List>, Fault> {
        let lead_id = self.lead_now(&query.lead_id)?;
        let Some((whose, now)) = self.subject_named(&lead_id, query.subject.as_deref())? else {
            return Ok(None);
        };
        let numbers = distinct(now.iter().flat_map(Standing::acts).collect());
        let acts = self.acts_at(&lead_id, &numbers, None)?;
        let receipts = self.receipts_of(&lead_id, &acts)?;
        let shown = |place: Standing| {
            let receipt = receipts.iter().find(|receipt| receipt.purpose == place.purpose);
            let input = receipt.filter(|_| place.state.is_valid());
            let input = input.and_then(|receipt| self.receipt_input(receipt, (&lead_id, &whose)));
            json!({
                "purpose": place.purpose, "state": place.state, "since": rfc3339(place.since_ms),
                "text": receipt.map(|receipt| receipt.terms.text_at("/text").to_owned()), "receipt": input,
            })
        };
        let consents: Vec<Value> = now.into_iter().map(shown).collect();
        Ok((!consents.is_empty()).then_some(List(consents)))
    }
}

/// What a row holds of a submission.
pub(in crate::ledger) struct SealedRow<'a> {
    pub(in crate::ledger) lead_id: &'a str,
    pub(in crate::ledger) submission_id: &'a str,
    pub(in crate::ledger) payload: &'a SealedCell,
    /// Of a row of before format 3, its consents.
    pub(in crate::ledger) consent: Option<&'a SealedCell>,
    /// The act that lies in it.
    pub(in crate::ledger) own: Option<ActRow>,
    /// Whether its lead has no other one.
    pub(in crate::ledger) is_alone: bool,
}

/// In SQL, of a submission's row `s`: whether its lead has nothing else.
pub(in crate::ledger) const IS_ALONE: &str = "NOT EXISTS (SELECT 1 FROM lead l WHERE l.lead_id = s.lead_id)
   AND NOT EXISTS (SELECT 1 FROM act a WHERE a.lead_id = s.lead_id)
   AND NOT EXISTS (SELECT 1 FROM submission o WHERE o.lead_id = s.lead_id
     AND o.submission_id <> s.submission_id)";

/// A submission, as counters see it.
pub(in crate::ledger) struct Ledgered {
    pub(in crate::ledger) submission_id: String,
    pub(in crate::ledger) state: State,
    pub(in crate::ledger) bucket: Bucket,
    /// Whose it is, the subject of its consents first.
    pub(in crate::ledger) subjects: Vec<String>,
}

impl Ledgered {
    /// The columns that [`Ledger::ledgered`] reads, in their order.
    pub(in crate::ledger) const COLUMNS: &'static str =
        "submission_id, state, campaign, hour, source, subjects, act, consent";
}

impl<S: Store> Consents<S> {
    /// A submission of a lead, of the columns that [`Ledgered`] names.
    pub(in crate::ledger) fn ledgered(&self, lead_id: &str, row: &mut Row) -> Result<Ledgered, Fault> {
        let submission_id = row.text(0)?;
        let state = State::parse(&row.text(1)?).ok_or_else(|| Fault::new("a state is not known"))?;
        let bucket = Bucket { campaign: row.text(2)?, hour: row.int(3)?, source: row.text(4)? };
        let mut subjects = texts_in(row.optional_text(5));
        if let (true, Some(act)) = (subjects.is_empty(), row.optional_text(6)) {
            let act = Rc::new(read_act(&act)?);
            let old = ActRow { act, sealed: row.sealed(7), subjects };
            subjects = self.subjects_of(lead_id, &old);
        }
        Ok(Ledgered { submission_id, state, bucket, subjects })
    }
}

/// A list of texts as one argument.
pub(in crate::ledger) fn list<'a>(texts: &[String]) -> Arg<'a> {
    json!(texts).to_string().into()
}
