//! All that one admission writes, in one transaction: fingerprints, the submission with its sealed
//! payload and its act of consent, deliveries and counters.

use std::rc::Rc;

use serde_json::json;

use super::admit::{Plan, Post};
use super::consents::{ActRow, Ends, NewAct, Open, text_of};
use super::double_opt_in::email_tags;
use super::engagement::linked;
use super::message::Admit;
use super::milestone::{Milestone, Steps};
use super::rows::{SubmissionRow, delivery_row, receiver_of, remember, taken_up};
use super::store::{Store, Write, write};
use super::{Ledger, Payload, State, payload_place, serialised};
use crate::campaign::Purpose;
use crate::consent::{Act, ConsentState, Personal, Receipt, Terms};
use crate::fault::Fault;
use crate::lead::{Lead, recognising, subject};
use crate::moment::Moment;
use crate::qualify::Score;

/// A post that has been judged.
pub(super) struct Admission<'a> {
    pub(super) admit: &'a Admit,
    pub(super) given: Given,
    pub(super) post: &'a Post<'a>,
    pub(super) plan: Plan<'a>,
    /// The person's acts so far.
    pub(super) acts: &'a [ActRow],
    /// What else is written where the owner of the address has confirmed a request just now.
    pub(super) confirmed: Option<Vec<Write<'a>>>,
}

impl Admission<'_> {
    /// The fingerprints under the pepper that writes.
    fn tags(&self) -> Vec<&String> {
        self.admit.fingerprints.iter().filter(|print| print.current).map(|print| &print.tag).collect()
    }

    /// The steps that the submission takes as a lead, and where it stands after them.
    fn steps(&self) -> (Steps, Milestone) {
        let (before, plan) = (self.post.milestone(), &self.plan);
        let score = plan.payload.as_ref().filter(|_| plan.is_first).map(|(_, score)| score.total);
        let held = plan.supersedes.as_ref().map(|held| held.milestone);
        score.map_or((Steps::NONE, before), |score| Steps::judged(before, held, plan.state, score))
    }
}

/// What the person has done: consented, and confirmed it.
struct Acted {
    act: NewAct,
    confirmation: Option<NewAct>,
}

impl Acted {
    fn all(&self) -> impl Iterator<Item = &NewAct> {
        std::iter::once(&self.act).chain(&self.confirmation)
    }

    /// The act that confirms a purpose: a refused one it does not mention.
    fn confirmed(&self, purpose: &str) -> Option<Rc<Act>> {
        let mentions = |one: &&NewAct| one.act.of(purpose).is_some();
        self.confirmation.as_ref().filter(mentions).map(|one| Rc::clone(&one.act))
    }
}

/// What a post said of consents, before it is judged.
pub(super) struct Given {
    /// Purposes, and whether each was granted.
    choices: Vec<(String, bool)>,
    /// By purpose, the version that the form said it showed.
    shown: Vec<(String, String)>,
    method: String,
    page: Option<String>,
    gpc: bool,
    at_ms: i64,
}

impl Given {
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

impl<S: Store> Ledger<S> {
    /// Writes it, and notes what is due.
    pub(super) fn write_admission(&self, mut admission: Admission<'_>, moment: &Moment) -> Result<(), Fault> {
        let terms = self.terms_of(admission.post.campaign);
        let acted = self.acts_of(&admission, &terms, moment)?;
        let (steps, milestone) = admission.steps();
        let (sealed, open) = match admission.plan.payload.take() {
            Some((lead, score)) => {
                let (sealed, open) = self.sealed_lead(&admission, lead, score, &acted, &terms, moment)?;
                (Some(sealed), open)
            }
            None => (None, None),
        };
        let beside = admission.confirmed.take().unwrap_or_default();
        let Admission { admit, given, post, plan, .. } = &admission;
        let (now, campaign, lead_id) = (moment.now_ms, post.campaign, &plan.lead_id);
        let mut writes = self.keep_terms(&terms);
        let tags = admission.tags();
        if !tags.is_empty() {
            let holes = vec!["(?, ?)"; tags.len()].join(", ");
            let sql = format!("INSERT INTO fingerprint (tag, lead_id) VALUES {holes} ON CONFLICT DO NOTHING");
            let pairs: Vec<_> = tags.into_iter().flat_map(|tag| [tag.into(), lead_id.into()]).collect();
            writes.push(write(sql, pairs));
        }
        writes.extend(post.make_room(&admit.submission_id));
        let ends = Ends::of(campaign, &given.choices, given.at_ms);
        let row = SubmissionRow {
            lead_id,
            submission_id: &admit.submission_id,
            state: plan.state,
            milestone,
            at_ms: given.at_ms,
            known_until_ms: now + campaign.dedupe.window_ms,
            until_ms: (plan.state == State::Held).then_some(now + campaign.retention.held_ms),
            payload: sealed.as_deref(),
            consent: &acted.act.sealed,
            act: Some(text_of(&acted.act.act)?),
            ends,
        };
        writes.extend([row.write(post.bucket()), post.count_steps(plan.state, steps)]);
        if let Some(confirmation) = &acted.confirmation {
            writes.push(confirmation.row(lead_id, ends)?);
        }
        let receivers: Vec<_> = plan.sends.iter().map(|(destination, _)| receiver_of(destination)).collect();
        for (at, ((destination, event), receiver)) in plan.sends.iter().zip(&receivers).enumerate() {
            let to = (campaign.id.as_str(), destination.name.as_str(), receiver.as_str());
            writes.push(delivery_row(lead_id, &admit.submission_id, to, event, None, at, moment));
        }
        if let Some(held) = &plan.supersedes {
            let handed_on = steps.passed_on(held.milestone, held.score);
            writes.extend(taken_up(lead_id, &held.submission_id, &held.bucket, handed_on));
        }
        writes.extend(linked(campaign, lead_id, &admit.submission_id, now));
        writes.extend(remember(admit, now));
        if post.prior.as_ref().is_some_and(|prior| prior.state == State::Unconfirmed) {
            let sql = "INSERT INTO alias (lead_id, is_now) SELECT DISTINCT lead_id, ?1 FROM request
                         WHERE tag IN (SELECT value FROM json_each(?2)) AND campaign = ?3 AND lead_id <> ?1
                       ON CONFLICT DO NOTHING";
            let tags = json!(email_tags(admit).collect::<Vec<_>>()).to_string();
            writes.push(write(sql, [lead_id.into(), tags.into(), (&campaign.id).into()]));
        }
        writes.extend(beside);
        self.store.write_all(&writes)?;
        self.know_terms(&terms);
        self.forget_open(lead_id);
        for receiver in &receivers {
            self.note_due(receiver, now);
        }
        if let Some(open) = open {
            self.keep_open((lead_id.clone(), admit.submission_id.clone()), open);
        }
        Ok(())
    }

    /// The act by which consents were given or refused, and that by which the address was confirmed.
    fn acts_of(
        &self,
        admission: &Admission<'_>,
        terms: &[Rc<Terms>],
        moment: &Moment,
    ) -> Result<Acted, Fault> {
        let Admission { admit, given, post, plan, acts, confirmed } = admission;
        let campaign = post.campaign;
        let state_of = |granted| match (granted, confirmed) {
            (false, _) => ConsentState::Refused,
            (true, None) => ConsentState::Given,
            (true, Some(_)) => ConsentState::Requested,
        };
        let chosen = given.choices.iter().filter_map(|(id, granted)| {
            let digest = campaign.purposes.iter().position(|purpose| purpose.id == *id);
            let digest = digest.and_then(|at| terms.get(at)).map(|terms| terms.digest.clone())?;
            Some((id.clone(), state_of(*granted), digest))
        });
        let tags = admission.tags();
        let personal = Personal {
            subject: tags.first().map(|tag| subject(tag)).unwrap_or_default(),
            fingerprints: tags.into_iter().cloned().collect(),
            submission_id: admit.submission_id.clone(),
            method: given.method.clone(),
            page: given.page.clone(),
            gpc: given.gpc,
            shown: given.shown.clone(),
            ..Personal::default()
        };
        let at = (given.at_ms, campaign.id.as_str());
        let previous = acts.last().map(|(act, _)| &**act);
        let act = self.next_act(previous, &plan.lead_id, at, chosen.collect(), personal, moment)?;
        if confirmed.is_none() {
            return Ok(Acted { act, confirmation: None });
        }
        let requested = act.act.consents.iter().filter(|(_, state, _)| *state == ConsentState::Requested);
        let consents = requested.map(|(id, _, digest)| (id.clone(), ConsentState::Confirmed, digest.clone()));
        let personal = Personal {
            salt: String::new(),
            method: "link".to_owned(),
            shown: Vec::new(),
            ..(*act.personal).clone()
        };
        let at = (moment.now_ms, campaign.id.as_str());
        let confirmation =
            self.next_act(Some(&act.act), &plan.lead_id, at, consents.collect(), personal, moment)?;
        Ok(Acted { act, confirmation: Some(confirmation) })
    }

    /// The payload, sealed; and open where it is sent at once. One that was merged is read anew, with the
    /// consents of both posts.
    fn sealed_lead(
        &self,
        admission: &Admission<'_>,
        mut lead: Lead,
        score: Score,
        acted: &Acted,
        terms: &[Rc<Terms>],
        moment: &Moment,
    ) -> Result<(String, Option<Open>), Fault> {
        let Admission { admit, post, plan, .. } = admission;
        let first = recognising(&admit.fingerprints, &admit.by).first().map(|print| print.tag.clone());
        let older = plan.supersedes.iter().flat_map(|held| held.acts.iter().copied());
        let acts: Vec<i64> = older.chain(acted.all().map(|one| one.act.seq)).collect();
        let consent = std::mem::take(&mut lead.consent);
        let payload = Payload { lead, score, first: first.unwrap_or_default(), acts };
        let place = payload_place(&plan.lead_id, &admit.submission_id);
        let sealed = self.seal(&serialised(&payload)?, &place, moment)?;
        if plan.supersedes.is_some() || plan.sends.is_empty() {
            return Ok((sealed, None));
        }
        let receipt = |(purpose, terms): (&Purpose, &Rc<Terms>)| Receipt {
            purpose: purpose.id.clone(),
            act: Rc::clone(&acted.act.act),
            personal: Rc::clone(&acted.act.personal),
            terms: Rc::clone(terms),
            confirmed: acted.confirmed(&purpose.id),
        };
        let all = post.campaign.purposes.iter().zip(terms);
        if acted.confirmation.is_some() {
            return Ok((sealed, Some(Open::new(payload, all.map(receipt).collect()))));
        }
        let is_granted = |id: &str| consent.iter().any(|record| record.granted && record.purpose == id);
        let receipts = all.filter(|(purpose, _)| is_granted(&purpose.id)).map(receipt).collect();
        let Payload { lead, score, first, acts } = payload;
        Ok((sealed, Some(Open { lead: Lead { consent, ..lead }, score, first, acts, receipts })))
    }
}
