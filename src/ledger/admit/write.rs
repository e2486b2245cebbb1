//! All that one admission writes, in one transaction: fingerprints, the submission with its sealed
//! payload and its act of consent, deliveries and counters.

use crate::ledger::outbox::OpenedLead;
use crate::ledger::parts::Parts;
use crate::ledger::vault::payload_context;
use std::rc::Rc;

use serde_json::json;

use super::double_opt_in::email_tags;
use super::{Plan, Post, subject_names};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::campaign::{Campaign, Purpose};
use crate::ledger::consents::history::{Ends, NewAct, Open, add_new, distinct, list, text_of};
use crate::ledger::consents::payload::Payload;
use crate::ledger::consents::standing::{Change, Had, Known, Person};
use crate::ledger::db::funnel::{Milestone, Steps};
use crate::ledger::db::rows::{
    Of, SubmissionRow, claimed_row, delivery_id, delivery_row, format_after, receiver_of, remember, taken_up,
};
use crate::ledger::db::store::{Store, Write, write};
use crate::ledger::db::submission_state::State;
use crate::ledger::outbox::at_once::Marked;
use crate::ledger::outbox::claim::Claim;
use crate::ledger::person::engagement::linked;
use crate::ledger::wire::Admit;
use crate::pipeline::consent::{Act, ConsentState, Head, Personal, Receipt, Standing, Terms, follow};
use crate::pipeline::lead::{Fingerprint, Identifier, Lead, recognising, subject};
use crate::pipeline::scoring::Score;

/// A post that has been judged.
pub(in crate::ledger) struct Admission<'a> {
    pub(in crate::ledger) admit: &'a Admit,
    pub(in crate::ledger) given: Given,
    pub(in crate::ledger) post: &'a Post<'a>,
    pub(in crate::ledger) plan: Plan<'a>,
    /// Whoever it is of, where the lead is known.
    pub(in crate::ledger) person: Option<Person>,
    /// What else is written where the owner of the address has confirmed a request just now.
    pub(in crate::ledger) confirmed: Option<Vec<Write<'a>>>,
}

impl Admission<'_> {
    /// The fingerprints under the pepper that writes.
    fn prints(&self) -> Vec<&Fingerprint> {
        self.admit.fingerprints.iter().filter(|print| print.current).collect()
    }

    /// Whose the submission is: the subject of its consents first, by the name that the lead knows it by.
    fn subjects(&self) -> Vec<String> {
        // A request may have been made under another pepper, and its links name that subject.
        let asked = self.post.prior.as_ref().filter(|prior| prior.state == State::Unconfirmed);
        let first = match &self.person {
            Some(person) => Some(person.subject.clone()),
            None => asked
                .and_then(|prior| prior.subject.clone())
                .or_else(|| subject_names(&self.admit.fingerprints).into_iter().next()),
        };
        let mut subjects: Vec<String> = first.into_iter().collect();
        for print in self.prints() {
            add_new(&mut subjects, subject(&print.tag));
        }
        subjects
    }

    /// The steps that the submission takes as a lead, and where it stands after them.
    fn steps(&self) -> (Steps, Milestone) {
        let (before, plan) = (self.post.milestone(), &self.plan);
        let score = plan.payload.as_ref().filter(|_| plan.is_first).map(|(_, score)| score.total);
        let held = plan.supersedes.as_ref().map(|held| held.milestone);
        score.map_or((Steps::NONE, before), |score| Steps::judged(before, held, plan.state, score))
    }

    fn known(&self) -> Option<&Known> {
        self.person.as_ref().map(|person| &person.known)
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

    fn head(&self) -> Head {
        Head::from(&*self.confirmation.as_ref().unwrap_or(&self.act).act)
    }

    /// The act that confirms a purpose: a refused one it does not mention.
    fn confirmed(&self, purpose: &str) -> Option<Rc<Act>> {
        let mentions = |one: &&NewAct| one.act.of(purpose).is_some();
        self.confirmation.as_ref().filter(mentions).map(|one| Rc::clone(&one.act))
    }
}

/// What a post said of consents, before it is judged.
pub(in crate::ledger) struct Given {
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
    pub(in crate::ledger) fn of(lead: &Lead) -> Self {
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

/// What a lead's payload is made of, beside the lead.
struct Sealing<'a> {
    subjects: &'a [String],
    acted: Option<&'a Acted>,
    /// Where the consents of its subject stand after it.
    standing: &'a [Standing],
    terms: &'a [Rc<Terms>],
}

/// Writes it, and notes what is due.
pub(in crate::ledger) fn write_admission<S: Store>(
    parts: &Parts<S>,
    mut admission: Admission<'_>,
    moment: &Moment,
) -> Result<(), Fault> {
    let terms = parts.consents.terms_of(admission.post.campaign);
    let subjects = admission.subjects();
    let acted = acts_of(parts, &admission, &subjects, &terms, moment)?;
    let before = admission.person.as_ref().map(Person::standing).unwrap_or_default();
    let mut standing = before.to_vec();
    for one in acted.iter().flat_map(Acted::all) {
        follow(&mut standing, &one.act, subjects.get(1..).unwrap_or_default());
    }
    let is_moved = standing != before;
    let (steps, milestone) = admission.steps();
    let mentioned = match &admission.plan.payload {
        Some((lead, _)) => parts.config.identity.mentioned(lead, admission.post.campaign),
        None => Vec::new(),
    };
    let mentioned: Vec<Identifier> = mentioned.into_iter().map(|(_, one)| one).collect();
    let (sealed, open) = match admission.plan.payload.take() {
        Some((lead, score)) => {
            let acted = acted.as_ref();
            let sealing = Sealing { subjects: &subjects, acted, standing: &standing, terms: &terms };
            let (sealed, open) = sealed_lead(parts, &admission, lead, score, sealing, moment)?;
            (Some(sealed), open)
        }
        None => (None, None),
    };
    let beside = admission.confirmed.take().unwrap_or_default();
    let is_lone =
        admission.person.is_none() && acted.as_ref().is_some_and(|acted| acted.confirmation.is_none());
    let Admission { admit, given, post, plan, .. } = &admission;
    let (now, campaign, lead_id) = (moment.now_ms, post.campaign, &plan.lead_id);
    let mut writes = parts.consents.keep_terms(&terms);
    let nobody = Known::nobody();
    let known = admission.known().unwrap_or(&nobody);
    if admission.person.is_some() {
        writes.extend(parts.consents.gather_acts(lead_id, known));
    }
    writes.extend(identifier_rows(&admission));
    writes.extend(post.make_room(&admit.submission_id));
    let ends = Ends::of(campaign, &given.choices, given.at_ms);
    let own = acted.as_ref().filter(|_| is_lone).map(|acted| &acted.act);
    let stands_by = match own {
        Some(_) => None,
        None => acted.as_ref().map(|acted| acted.head().seq).or(known.head.as_ref().map(|head| head.seq)),
    };
    let format = format_after(post.prior.as_ref().map(|prior| prior.format));
    let first = recognising(&admit.fingerprints, &admit.by).first().map(|print| subject(&print.tag));
    let row = SubmissionRow {
        lead_id,
        submission_id: &admit.submission_id,
        state: plan.state,
        milestone,
        at_ms: given.at_ms,
        known_until_ms: now + campaign.dedupe.window_ms,
        until_ms: (plan.state == State::Held).then_some(now + campaign.retention.held_ms),
        payload: sealed.as_deref(),
        consent: own.map(|own| own.sealed.as_slice()),
        act: own.map(|own| text_of(&own.act)).transpose()?,
        ends: if own.is_some() { ends } else { Ends { consent_ms: None, record_ms: 0 } },
        subjects: &subjects,
        stands_by,
        first,
        format,
    };
    writes.extend([row.write(post.bucket()), post.count_steps(plan.state, steps)]);
    for one in acted.iter().flat_map(Acted::all).filter(|_| !is_lone) {
        writes.push(one.row(lead_id, ends)?);
    }
    let receivers: Vec<_> = plan.sends.iter().map(|(destination, _)| receiver_of(destination)).collect();
    let names = subject_names(&admit.fingerprints);
    if !is_lone {
        let whose = subjects.first().map(String::as_str).unwrap_or_default();
        // Under a new pepper it has another name from then on.
        let is_named = names
            .first()
            .is_none_or(|name| name == whose || known.name_of(std::slice::from_ref(name)).is_some());
        let is_moved = is_moved || !known.knows(whose) || !is_named;
        let moved = is_moved.then_some((whose, standing.as_slice()));
        writes.extend(parts.consents.keep_change(
            known,
            Change {
                lead_id,
                head: acted.as_ref().map(Acted::head),
                standings: moved.into_iter().collect(),
                heard: Some((given.at_ms, now + campaign.dedupe.window_ms)),
                record_until_ms: ends.record_ms,
                had: Some(had_after(plan, campaign, &receivers)),
                names: if is_moved { &names } else { &[] },
            },
        ));
    }
    let mentions = mentioned.iter().filter_map(|one| mention(parts, one, lead_id, &admit.submission_id));
    writes.extend(mentions);
    let whose = subjects.first().map(String::as_str);
    let with = plan.supersedes.as_ref().map(|held| held.payload.all_subjects());
    let with = with.filter(|all| all.iter().any(|one| !subjects.contains(one)));
    let with = with.map(|all| json!(all).to_string());
    let of =
        Of { lead_id, submission_id: &admit.submission_id, format, subject: whose, beside: with.as_deref() };
    let (mut claims, mut entered) = (Vec::new(), Vec::new());
    let marked = parts.outbox.next_mark();
    for (at, ((destination, event), receiver)) in plan.sends.iter().zip(&receivers).enumerate() {
        let to = (campaign.id.as_str(), destination.name.as_str(), receiver.as_str());
        let delivery_id = delivery_id(of, at, moment);
        // Only of a lead whose every delivery is here.
        let is_new = admission.person.is_none() && post.prior.is_none();
        if is_new && parts.outbox.goes_at_once(&delivery_id, to, marked.as_ref(), now) {
            let claim = Claim::new(delivery_id, of, to, event, now);
            writes.push(claimed_row(&claim, of.beside));
            claims.push(claim);
        } else {
            writes.push(delivery_row(of, to, event, None, at, moment));
            entered.push((delivery_id, receiver));
        }
    }
    writes.extend(marked.iter().flat_map(Marked::writes));
    if let Some(held) = &plan.supersedes {
        let handed_on = steps.passed_on(held.milestone, held.payload.score.total);
        writes.extend(taken_up(lead_id, &held.submission_id, &held.bucket, handed_on));
        // Whom it names besides is named by this one now.
        let sql = "UPDATE OR IGNORE mentioned SET submission_id = ? WHERE lead_id = ? AND submission_id = ?";
        let place = [(&admit.submission_id).into(), lead_id.into(), (&held.submission_id).into()];
        writes.push(write(sql, place));
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
    parts.db.write_all(&writes)?;
    parts.consents.know_terms(&terms);
    parts.outbox.forget_open(lead_id);
    let opened = open.map(|open| OpenedLead {
        lead_id,
        submission_id: &admit.submission_id,
        open,
        bytes: sealed.as_ref().map_or(0, Vec::len),
    });
    parts.outbox.admitted(marked, entered, claims, opened, now);
    Ok(())
}

/// The act by which consents were given or refused, and that by which the address was confirmed. None where
/// the lead is known, and they change nothing: no standing, no end, nobody's identifier, and not who could
/// have the act erased that they rest on.
fn acts_of<S: Store>(
    parts: &Parts<S>,
    admission: &Admission<'_>,
    subjects: &[String],
    terms: &[Rc<Terms>],
    moment: &Moment,
) -> Result<Option<Acted>, Fault> {
    let Admission { admit, given, post, plan, person, confirmed } = admission;
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
    let chosen: Vec<_> = chosen.collect();
    let prints = admission.prints();
    if let (None, Some(person)) = (confirmed, person) {
        let is_change = |(id, state, digest): &(String, ConsentState, String)| {
            let ends = || campaign.purposes.iter().any(|one| one.id == *id && one.retention_days.is_some());
            changes(person.standing(), id, *state, digest, ends())
        };
        let is_others = |place: &Standing| {
            chosen.iter().any(|(id, ..)| *id == place.purpose)
                && place.by.with.iter().any(|other| !subjects.contains(other))
        };
        let tags: Vec<String> = prints.iter().map(|print| print.tag.clone()).collect();
        let has_acted = person.known.head.is_some() && person.known.knows(&person.subject);
        if has_acted
            && !chosen.iter().any(is_change)
            && !person.standing().iter().any(is_others)
            && has_identifiers(parts, &person.lead_id, &tags)?
        {
            return Ok(None);
        }
    }
    let personal = Personal {
        subject: subjects.first().cloned().unwrap_or_default(),
        fingerprints: prints.iter().map(|print| print.tag.clone()).collect(),
        submission_id: admit.submission_id.clone(),
        method: given.method.clone(),
        page: given.page.clone(),
        gpc: given.gpc,
        shown: given.shown.clone(),
        ..Personal::default()
    };
    let at = (given.at_ms, campaign.id.as_str());
    let previous = admission.known().and_then(|known| known.head.as_ref());
    let whose = || subjects.to_vec();
    let act = parts.consents.next_act(previous, &plan.lead_id, at, chosen, (personal, whose()), moment)?;
    if confirmed.is_none() {
        return Ok(Some(Acted { act, confirmation: None }));
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
    let head = Head::from(&*act.act);
    let confirmation = parts.consents.next_act(
        Some(&head),
        &plan.lead_id,
        at,
        consents.collect(),
        (personal, whose()),
        moment,
    )?;
    Ok(Some(Acted { act, confirmation: Some(confirmation) }))
}

/// Whether all of these lead to a lead already.
fn has_identifiers<S: Store>(parts: &Parts<S>, lead_id: &str, tags: &[String]) -> Result<bool, Fault> {
    let sql = "SELECT count(*) FROM json_each(?2) asked
               WHERE EXISTS (SELECT 1 FROM fingerprint WHERE tag = asked.value AND lead_id = ?1)
                  OR EXISTS (SELECT 1 FROM carried WHERE tag = asked.value AND lead_id = ?1)";
    let found = parts.db.row(sql, &[lead_id.into(), list(tags)])?.map_or(Ok(0), |mut row| row.int(0))?;
    Ok(usize::try_from(found).is_ok_and(|found| found == tags.len()))
}

/// Lets somebody be found whom a further field of a submission names.
pub(in crate::ledger) fn mention<'a, S: Store>(
    parts: &Parts<S>,
    who: &Identifier,
    lead_id: &str,
    submission_id: &str,
) -> Option<Write<'a>> {
    let sql = "INSERT INTO mentioned (tag, lead_id, submission_id) VALUES (?, ?, ?)
               ON CONFLICT DO NOTHING";
    let tag = parts.config.identity.current_tag(who)?;
    Some(write(sql, [tag.into(), lead_id.to_owned().into(), submission_id.to_owned().into()]))
}

/// The payload, sealed; and open where it is sent at once. One that was merged, or that brought no act, is
/// read anew, with the consents as they stand.
fn sealed_lead<S: Store>(
    parts: &Parts<S>,
    admission: &Admission<'_>,
    mut lead: Lead,
    score: Score,
    sealing: Sealing<'_>,
    moment: &Moment,
) -> Result<(Vec<u8>, Option<Open>), Fault> {
    let Admission { admit, post, plan, person, .. } = admission;
    let Sealing { subjects, acted, standing, terms } = sealing;
    let first = recognising(&admit.fingerprints, &admit.by).first().map(|print| print.tag.clone());
    let of_campaign = |place: &&Standing| post.campaign.purposes.iter().any(|one| one.id == place.purpose);
    let standing = standing.iter().filter(of_campaign).flat_map(Standing::acts);
    let own = acted.into_iter().flat_map(Acted::all).map(|one| one.act.seq);
    let acts: Vec<i64> = match (&plan.supersedes, acted) {
        (Some(held), _) if held.payload.subjects.first() == subjects.first() => standing.collect(),
        (Some(_), _) => standing.chain(own).collect(),
        (None, Some(_)) => own.collect(),
        (None, None) => standing.collect(),
    };
    let consent = std::mem::take(&mut lead.consent);
    let merged = plan.supersedes.as_ref().map(|held| {
        let own = Lead { consent: Vec::new(), ..held.newer.clone() };
        (own, held.payload.handed_on(&held.submission_id, post.campaign).unwrap_or_default())
    });
    let (own, earlier) = merged.unzip();
    let payload = Payload {
        lead,
        score,
        first: first.unwrap_or_default(),
        acts: distinct(acts),
        subjects: subjects.to_vec(),
        recognised_by: person.as_ref().map(|person| person.recognised_by.clone()).unwrap_or_default(),
        own,
        parts: earlier.unwrap_or_default(),
    };
    let place = payload_context(&plan.lead_id, &admit.submission_id);
    let sealed = parts.vault.seal_value(&payload, &place, moment)?;
    let Some(acted) = acted.filter(|_| plan.supersedes.is_none() && !plan.sends.is_empty()) else {
        return Ok((sealed, None));
    };
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
    Ok((sealed, Some(Open::with(payload, consent, receipts))))
}

/// Whether an act says something new of a purpose. One that was granted is granted anew where its terms are
/// others, or where it would end later.
fn changes(standing: &[Standing], purpose: &str, state: ConsentState, terms: &str, ends: bool) -> bool {
    let Some(place) = standing.iter().find(|place| place.purpose == purpose) else { return true };
    match state {
        ConsentState::Refused => place.state == ConsentState::Requested,
        _ => !place.state.is_valid() || place.by.terms != terms || ends,
    }
}

/// The rows by which the post's identifiers lead to the lead: those that recognise, and the others, by which
/// only access and erasure look.
fn identifier_rows<'a>(admission: &Admission<'_>) -> Vec<Write<'a>> {
    let recognising = recognising(&admission.admit.fingerprints, &admission.admit.by);
    let (mut known_by, mut carried) = (Vec::new(), Vec::new());
    for print in admission.prints() {
        let recognises = recognising.iter().any(|one| one.tag == print.tag);
        if recognises { &mut known_by } else { &mut carried }.push(print.tag.clone());
    }
    let mut writes = Vec::new();
    for (table, tags) in [("fingerprint", known_by), ("carried", carried)] {
        if !tags.is_empty() {
            let holes = vec!["(?, ?)"; tags.len()].join(", ");
            let sql = format!("INSERT INTO {table} (tag, lead_id) VALUES {holes} ON CONFLICT DO NOTHING");
            let lead_id = &admission.plan.lead_id;
            let pairs: Vec<_> =
                tags.into_iter().flat_map(|tag| [tag.into(), lead_id.clone().into()]).collect();
            writes.push(write(sql, pairs));
        }
    }
    writes
}

/// Who has had the lead, or may have, after what is decided.
fn had_after(plan: &Plan<'_>, campaign: &Campaign, receivers: &[String]) -> Vec<Had> {
    let mut had = plan.had.clone();
    for ((destination, _), receiver) in plan.sends.iter().zip(receivers) {
        let new = Had {
            campaign: campaign.id.clone(),
            destination: destination.name.clone(),
            receiver: receiver.clone(),
            counts: true,
        };
        let same = |known: &&mut Had| Had { counts: true, ..(**known).clone() } == new;
        match had.iter_mut().find(same) {
            Some(known) => known.counts = true,
            None => had.push(new),
        }
    }
    had
}
