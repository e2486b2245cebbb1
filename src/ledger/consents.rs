//! The history of a person's consents: how acts are written and read, and what a lead's consents are by
//! them.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Value, json};

use super::message::Answer;
use super::schema::ROW_FORMAT;
use super::state::Bucket;
use super::store::{Store, Write, write};
use super::{Ledger, Payload, State, act_place, consent_place, payload_place};
use crate::campaign::Campaign;
use crate::consent::{Act, ConsentState, Personal, Receipt, Standing, Terms, signing_input, standing};
use crate::fault::Fault;
use crate::hash::base64url;
use crate::lead::{Lead, Link};
use crate::moment::{DAY_MS, Moment, rfc3339};
use crate::qualify::Score;

/// Digests whose terms are kept parsed: every revision of a campaign has its own.
const MAX_TERMS: usize = 256;

/// A lead that is ready to be sent: its consents are in their place.
pub(super) struct Open {
    pub(super) lead: Lead,
    pub(super) score: Score,
    pub(super) first: String,
    pub(super) acts: Vec<i64>,
    /// Of the consents that hold.
    pub(super) receipts: Vec<Receipt>,
}

impl Open {
    /// The lead with the consents that these receipts and refusals record.
    pub(super) fn new(payload: Payload, all: Vec<Receipt>) -> Self {
        let Payload { mut lead, score, first, acts } = payload;
        lead.consent = all.iter().map(Receipt::record).collect();
        let granted = lead.consent.iter().map(|record| record.granted);
        let receipts = all.into_iter().zip(granted).filter_map(|(one, granted)| granted.then_some(one));
        let receipts = receipts.collect();
        Self { lead, score, first, acts, receipts }
    }
}

/// An act that is about to be written.
pub(super) struct NewAct {
    pub(super) act: Rc<Act>,
    pub(super) personal: Rc<Personal>,
    /// The personal part as it lies there.
    pub(super) sealed: String,
}

impl NewAct {
    /// The row of an act that came with no submission.
    pub(super) fn row(&self, lead_id: &str, ends: Ends) -> Result<Write<'static>, Fault> {
        let sql = "INSERT INTO act (lead_id, seq, format, act, personal, consent_until_ms, record_until_ms)
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let args = [
            lead_id.to_owned().into(),
            self.act.seq.into(),
            ROW_FORMAT.into(),
            text_of(&self.act)?.into(),
            self.sealed.clone().into(),
            ends.consent_ms.into(),
            ends.record_ms.into(),
        ];
        Ok(write(sql, args))
    }
}

/// When consents and the record of them end; UTC, milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    /// The first of the consents, where a purpose says how long it is good for.
    pub(super) consent_ms: Option<i64>,
    pub(super) record_ms: i64,
}

impl Ends {
    /// Of consents that were given then.
    pub(super) fn of(campaign: &Campaign, choices: &[(String, bool)], at_ms: i64) -> Self {
        let granted = |id: &String| choices.iter().any(|(purpose, granted)| *granted && purpose == id);
        let days = campaign.purposes.iter().filter(|purpose| granted(&purpose.id));
        let days = days.filter_map(|purpose| purpose.retention_days).min();
        Self {
            consent_ms: days.map(|days| at_ms + i64::from(days) * DAY_MS),
            record_ms: at_ms + campaign.retention.consents_ms,
        }
    }
}

pub(super) fn read_act(text: &str) -> Result<Act, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::new("an act is not what its reader expects"))
}

/// An act as it is kept.
pub(super) fn text_of(act: &Act) -> Result<String, Fault> {
    serde_json::to_string(act).map_err(|_| Fault::new("an act cannot be written"))
}

/// An act and its personal part as it lies there, if it does.
pub(super) type ActRow = (Rc<Act>, Option<String>);

/// Whether nothing is there of a person but, at most, acts without their personal parts.
pub(super) fn is_erased(acts: &[ActRow]) -> bool {
    acts.iter().all(|(_, personal)| personal.is_none())
}

/// Where the consents of these acts stand.
pub(super) fn standing_of(acts: &[ActRow]) -> Vec<Standing> {
    standing(acts.iter().map(|(act, _)| &**act))
}

impl<S: Store> Ledger<S> {
    /// A person's acts, the first one first.
    pub(super) fn acts(&self, lead_id: &str) -> Result<Vec<ActRow>, Fault> {
        let sql = "SELECT act, consent FROM submission WHERE lead_id = ?1 AND act IS NOT NULL
                   UNION ALL SELECT act, personal FROM act WHERE lead_id = ?1";
        let mut acts = Vec::<ActRow>::new();
        for mut row in self.store.rows(sql, &[lead_id.into()])? {
            let act = read_act(&row.text(0)?)?;
            // A person has few.
            let place = acts.iter().rposition(|(known, _)| known.seq < act.seq).map_or(0, |at| at + 1);
            acts.insert(place, (Rc::new(act), row.optional_text(1)));
        }
        Ok(acts)
    }

    /// The personal part of an act, as the text that the act commits to.
    pub(super) fn personal_text(&self, lead_id: &str, act: &Act, sealed: &str) -> Result<String, Fault> {
        let plain = self.unsealed(sealed, &act_place(lead_id, act.seq))?;
        String::from_utf8(plain).map_err(|_| Fault::new("a personal part is unreadable"))
    }

    pub(super) fn personal(&self, lead_id: &str, act: &Act, sealed: &str) -> Result<Personal, Fault> {
        let text = self.personal_text(lead_id, act, sealed)?;
        serde_json::from_str(&text).map_err(|_| Fault::new("a personal part is unreadable"))
    }

    /// The next act of a person, ready to be written.
    pub(super) fn next_act(
        &self,
        previous: Option<&Act>,
        lead_id: &str,
        place: (i64, &str),
        consents: Vec<(String, ConsentState, String)>,
        mut personal: Personal,
        moment: &Moment,
    ) -> Result<NewAct, Fault> {
        let key = self.identity.history_keys().first().ok_or_else(|| Fault::new("there is no pepper"))?;
        let seq = previous.map_or(1, |act| act.seq + 1);
        let at = act_place(lead_id, seq);
        personal.salt = base64url(&moment.random::<16>(&at, 1));
        let text = personal.text();
        let act = Act::after(previous, lead_id, place, consents, &text, key);
        let sealed = self.seal(text.as_bytes(), &at, moment)?;
        Ok(NewAct { act: Rc::new(act), personal: Rc::new(personal), sealed })
    }

    /// The terms of a campaign's purposes, in their order.
    pub(super) fn terms_of(&self, campaign: &Campaign) -> Rc<Vec<Rc<Terms>>> {
        let key = (campaign.id.clone(), campaign.revision.clone());
        let mut known = self.current_terms.borrow_mut();
        if let Some(terms) = known.get(&key) {
            return Rc::clone(terms);
        }
        if known.len() >= super::MAX_PARSED {
            known.clear();
        }
        let terms = campaign.purposes.iter().map(|purpose| Rc::new(Terms::of(campaign, purpose)));
        let terms = Rc::new(terms.collect::<Vec<_>>());
        known.insert(key, Rc::clone(&terms));
        terms
    }

    /// What the database needs, so that it has these terms.
    pub(super) fn keep_terms<'a>(&self, all: &'a [Rc<Terms>]) -> Vec<Write<'a>> {
        let known = self.terms.borrow();
        let sql = "INSERT INTO terms (digest, terms) VALUES (?, ?) ON CONFLICT DO NOTHING";
        let missing = all.iter().filter(|terms| !known.contains_key(&terms.digest));
        missing.map(|terms| write(sql, [(&terms.digest).into(), (&terms.text).into()])).collect()
    }

    /// The database has these terms.
    pub(super) fn know_terms(&self, all: &[Rc<Terms>]) {
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

    pub(super) fn terms_under(&self, digest: &str) -> Result<Rc<Terms>, Fault> {
        if let Some(terms) = self.terms.borrow().get(digest) {
            return Ok(Rc::clone(terms));
        }
        let row = self.store.row("SELECT terms FROM terms WHERE digest = ?", &[digest.into()])?;
        let text = row.map(|mut row| row.text(0)).transpose()?;
        let terms = text.and_then(|text| Terms::read(&text, digest));
        let terms = terms.map(Rc::new).ok_or_else(|| Fault::new("a consent's terms are gone"))?;
        self.know_terms(std::slice::from_ref(&terms));
        Ok(terms)
    }

    /// For each purpose of these acts: how it was given or refused.
    fn receipts_of(&self, lead_id: &str, acts: &[ActRow]) -> Result<Vec<Receipt>, Fault> {
        let mut receipts = Vec::<Receipt>::new();
        for place in standing_of(acts) {
            let mentions = |act: &Act| act.of(&place.purpose).is_some();
            let by = place.granted_by.or_else(|| acts.iter().rposition(|(act, _)| mentions(act)));
            let Some((act, Some(sealed))) = by.and_then(|at| acts.get(at)) else { continue };
            let digest = act.of(&place.purpose).map(|(_, digest)| digest).unwrap_or_default();
            let confirms = |act: &Act| Some(act.at_ms) == place.confirmed_ms && mentions(act);
            receipts.push(Receipt {
                terms: self.terms_under(digest)?,
                personal: Rc::new(self.personal(lead_id, act, sealed)?),
                act: Rc::clone(act),
                confirmed: acts.iter().map(|(act, _)| act).find(|act| confirms(act)).map(Rc::clone),
                purpose: place.purpose,
            });
        }
        Ok(receipts)
    }

    /// A submission's lead, with its consents in their place. `all` are the person's acts. What was
    /// withdrawn since, or has expired, is not granted.
    pub(super) fn open_payload(
        &self,
        payload: &str,
        consent: Option<&str>,
        lead_id: &str,
        submission_id: &str,
        all: Vec<ActRow>,
    ) -> Result<Open, Fault> {
        let mut payload: Payload = self.open_sealed(payload, &payload_place(lead_id, submission_id))?;
        let now = standing_of(&all);
        if payload.acts.is_empty() {
            // Of a row before format 3.
            let mut consents = std::mem::take(&mut payload.lead.consent);
            if let (true, Some(consent)) = (consents.is_empty(), consent) {
                consents = self.open_sealed(consent, &consent_place(lead_id, submission_id))?;
            }
            let gone = |id: &String| now.iter().any(|one| one.purpose == *id && one.state.has_ended());
            for record in &mut consents {
                record.granted &= !gone(&record.purpose);
            }
            let mut open = Open::new(payload, Vec::new());
            open.lead.consent = consents;
            return Ok(open);
        }
        let chosen: Vec<ActRow> =
            all.into_iter().filter(|(act, _)| payload.acts.contains(&act.seq)).collect();
        let receipts = self.receipts_of(lead_id, &chosen)?;
        let mut open = Open::new(payload, receipts);
        let holds = |id: &String| now.iter().any(|one| one.purpose == *id && one.state.is_valid());
        for record in &mut open.lead.consent {
            record.granted &= holds(&record.purpose);
        }
        open.receipts.retain(|receipt| holds(&receipt.purpose));
        Ok(open)
    }

    /// What a receipt's signature is over; nothing where no key signs.
    pub(super) fn receipt_input(&self, receipt: &Receipt, lead_id: &str) -> Option<String> {
        let key_id = self.signing_key.as_deref()?;
        let withdraw = self.withdraw_url(receipt, lead_id);
        Some(signing_input(key_id, &receipt.payload(withdraw.as_deref())))
    }

    /// Where a person takes a consent back.
    pub(super) fn withdraw_url(&self, receipt: &Receipt, lead_id: &str) -> Option<String> {
        let pepper = receipt.act.mac.split('.').next();
        self.withdraw_link(&receipt.act.campaign, pepper, lead_id, &receipt.purpose)
    }

    /// A link under the pepper of this id: one that a row names lives as long as the row.
    pub(super) fn withdraw_link(
        &self,
        campaign: &str,
        pepper: Option<&str>,
        lead_id: &str,
        purpose: &str,
    ) -> Option<String> {
        let url = self.public_url.as_ref()?;
        let token = self.identity.link(Link::Withdraw, pepper, &[lead_id, purpose]);
        Some(format!("{url}/withdraw/{campaign}/{token}"))
    }

    /// The lead that a link means.
    pub(super) fn lead_now(&self, lead_id: &str) -> Result<String, Fault> {
        let row = self.store.row("SELECT is_now FROM alias WHERE lead_id = ?", &[lead_id.into()])?;
        row.map_or_else(|| Ok(lead_id.to_owned()), |mut row| row.text(0))
    }

    /// What a person's consents are now, each with what is signed of its receipt.
    pub(super) fn consents(&self, lead_id: &str) -> Result<Answer, Fault> {
        let lead_id = self.lead_now(lead_id)?;
        let acts = self.acts(&lead_id)?;
        if is_erased(&acts) {
            return Ok(Answer::NotFound);
        }
        let receipts = self.receipts_of(&lead_id, &acts)?;
        let shown = |place: Standing| {
            let receipt = receipts.iter().find(|receipt| receipt.purpose == place.purpose);
            let input = receipt.filter(|_| place.state.is_valid());
            let input = input.and_then(|receipt| self.receipt_input(receipt, &lead_id));
            json!({
                "purpose": place.purpose, "state": place.state, "since": rfc3339(place.since_ms),
                "text": receipt.map(|receipt| receipt.terms.text_at("/text").to_owned()), "receipt": input,
            })
        };
        let consents: Vec<Value> = standing_of(&acts).into_iter().map(shown).collect();
        Ok(if consents.is_empty() {
            Answer::NotFound
        } else {
            Answer::Report(json!({ "consents": consents }))
        })
    }

    /// A lead's submissions with their states.
    pub(super) fn ledgered(&self, lead_id: &str) -> Result<Vec<Ledgered>, Fault> {
        let sql = "SELECT submission_id, state, campaign, hour, source FROM submission WHERE lead_id = ?";
        let mut all = Vec::new();
        for mut row in self.store.rows(sql, &[lead_id.into()])? {
            let submission_id = row.text(0)?;
            let state = State::parse(&row.text(1)?).ok_or_else(|| Fault::new("a state is not known"))?;
            let bucket = Bucket { campaign: row.text(2)?, hour: row.int(3)?, source: row.text(4)? };
            all.push(Ledgered { submission_id, state, bucket });
        }
        Ok(all)
    }

    /// The fingerprints that lead to a person, as far as the acts tell.
    pub(super) fn fingerprints_of(&self, lead_id: &str, acts: &[ActRow]) -> Result<Vec<String>, Fault> {
        let mut all = BTreeSet::new();
        for (act, sealed) in acts {
            // One that no living key opens any more tells nothing; the others still count.
            if let Some(Ok(personal)) = sealed.as_ref().map(|sealed| self.personal(lead_id, act, sealed)) {
                all.extend(personal.fingerprints);
            }
        }
        Ok(all.into_iter().collect())
    }

    /// What lies open of a lead is read anew.
    pub(super) fn forget_open(&self, lead_id: &str) {
        self.open.borrow_mut().retain(|(lead, _), _| lead != lead_id);
    }
}

/// A submission, as counters see it.
pub(super) struct Ledgered {
    pub(super) submission_id: String,
    pub(super) state: State,
    pub(super) bucket: Bucket,
}
