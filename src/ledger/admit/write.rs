//! The changes of one admission: identifiers, the submission with its sealed payload and its act of consent,
//! deliveries and counters.

use std::rc::Rc;

use serde_json::json;

use super::admission::Admission;
use super::consent::{Acts, ConsentOutcome, consent};
use super::mentions::mention;
use super::plan::Plan;
use super::recognise::subject_names;
use crate::base::fault::Fault;
use crate::base::id::DeliveryId;
use crate::base::moment::Moment;
use crate::campaign::{Campaign, Purpose};
use crate::ledger::consents::acts::distinct;
use crate::ledger::consents::open::Open;
use crate::ledger::consents::payload::Payload;
use crate::ledger::consents::standing::{Change, LeadFacts, Recipient, gather, write_change};
use crate::ledger::consents::unconfirmed::email_tags;
use crate::ledger::db::act::{Ends, act_text};
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery::{NewDelivery, Target, Topic, receiver_of};
use crate::ledger::db::engagement::store_link;
use crate::ledger::db::funnel::Milestone;
use crate::ledger::db::idempotency::remember;
use crate::ledger::db::identifier::{IdentifierRole, add_identifiers, move_mentions};
use crate::ledger::db::state::State;
use crate::ledger::db::store::Store;
use crate::ledger::db::submission::{NewSubmission, format_after};
use crate::ledger::db::{request, submission};
use crate::ledger::outbox::OpenedLead;
use crate::ledger::outbox::claim::Claim;
use crate::ledger::outbox::immediate::NextMark;
use crate::ledger::parts::Parts;
use crate::ledger::vault::payload_context;
use crate::pipeline::consent::{Receipt, Standing, Terms};
use crate::pipeline::lead::{Identifier, Lead, recognising, subject};
use crate::pipeline::scoring::Score;

/// Stores an admission, and hands its deliveries to the outbox.
pub(super) fn write_admission<S: Store>(
    parts: &Parts<S>,
    mut admission: Admission<'_>,
    moment: &Moment,
) -> Result<(), Fault> {
    let consented = consent(parts, &admission, moment)?;
    let mentioned = mentioned(&admission);
    let (steps, milestone) = admission.steps();
    let payload = admission.plan.payload.take();
    let confirmed = admission.confirmed.take();
    let sealed = payload.map(|(lead, score)| seal(parts, &admission, lead, score, &consented, moment));
    let (sealed, open) = sealed.transpose()?.unzip();
    let Admission { admit, post, plan, .. } = &admission;
    let (now, lead_id, id) = (moment.now_ms, &plan.lead_id, &admit.submission_id);

    let mut changes = Changes::default();
    parts.consents.store_terms(&consented.terms, &mut changes);
    if let Some(known) = admission.lead_facts() {
        gather(lead_id, known, &mut changes);
    }
    identify(&admission, &mut changes);
    post.make_room(id, &mut changes);
    store_submission(&admission, &consented, milestone, sealed.as_deref(), moment, &mut changes)?;
    changes.push(post.count_steps(plan.state, steps));
    let receivers: Vec<_> = plan.sends.iter().map(|(destination, _)| receiver_of(destination)).collect();
    if !consented.is_lone {
        store_lead(&admission, &consented, &receivers, moment, &mut changes)?;
    }
    for one in &mentioned {
        mention(&parts.config.identity, one, lead_id, id, &mut changes);
    }
    let sent = store_deliveries(parts, &admission, &consented, &receivers, moment, &mut changes);
    if let Some(held) = &plan.supersedes {
        let handed_on = steps.passed_on(held.milestone, held.payload.score.total);
        submission::take_up(lead_id, &held.submission_id, &held.bucket, handed_on, &mut changes);
        // Its mentions are this one's now.
        move_mentions(lead_id, &held.submission_id, id, &mut changes);
    }
    if let Some(magnet) = &post.campaign.magnet {
        let until_ms = now + post.campaign.dedupe.window_ms + magnet.valid_ms;
        store_link(id, lead_id, &post.campaign.id, until_ms, &mut changes);
    }
    remember(admit, now, &mut changes);
    if post.prior.as_ref().is_some_and(|prior| prior.state == State::Unconfirmed) {
        let tags: Vec<&String> = email_tags(admit).collect();
        request::alias(&tags, &post.campaign.id, lead_id, &mut changes);
    }
    if let Some(confirmed) = confirmed {
        changes.append(confirmed);
    }
    parts.commit(changes)?;
    parts.consents.know_terms(&consented.terms);
    let bytes = sealed.as_ref().map_or(0, Vec::len);
    let opened = open.flatten().map(|open| OpenedLead { lead_id, submission_id: id, open, bytes });
    parts.outbox.admitted(sent.marked, &sent.entered, sent.claims, opened);
    Ok(())
}

/// Returns the other people whom the submission mentions.
fn mentioned(admission: &Admission<'_>) -> Vec<Identifier> {
    let Some((lead, _)) = &admission.plan.payload else { return Vec::new() };
    let mentioned = lead.mentioned(admission.post.campaign);
    mentioned.into_iter().map(|(_, one)| one).collect()
}

/// Stores the row of the submission, with its act if nothing else is known of the person.
fn store_submission<'a>(
    admission: &'a Admission<'a>,
    consented: &'a ConsentOutcome,
    milestone: Milestone,
    payload: Option<&'a [u8]>,
    moment: &Moment,
    changes: &mut Changes<'a>,
) -> Result<(), Fault> {
    let Admission { admit, given, post, plan, .. } = admission;
    let (now, campaign) = (moment.now_ms, post.campaign);
    let own = consented.acts.as_ref().filter(|_| consented.is_lone).map(|acts| &acts.act);
    let head = || admission.lead_facts().and_then(|known| known.head.as_ref()).map(|head| head.seq);
    let stands_by = match own {
        Some(_) => None,
        None => consented.acts.as_ref().map(|acts| acts.head().seq).or_else(head),
    };
    let row = NewSubmission {
        lead_id: &plan.lead_id,
        submission_id: &admit.submission_id,
        state: plan.state,
        milestone,
        at_ms: given.at_ms,
        known_until_ms: now + campaign.dedupe.window_ms,
        until_ms: (plan.state == State::Held).then_some(now + campaign.retention.held_ms),
        payload,
        consent: own.map(|own| own.sealed.as_slice()),
        act: own.map(|own| act_text(&own.act)).transpose()?,
        ends: if own.is_some() { consented.ends } else { Ends::default() },
        subjects: &consented.subjects,
        stands_by,
        first: recognising(&admit.fingerprints, &admit.by).first().map(|print| subject(&print.tag)),
        format: format_after(post.prior.as_ref().map(|prior| prior.format)),
    };
    row.add(post.bucket(), changes);
    Ok(())
}

/// Stores the acts in their table, and updates the row of the lead.
fn store_lead(
    admission: &Admission<'_>,
    consented: &ConsentOutcome,
    receivers: &[String],
    moment: &Moment,
    changes: &mut Changes<'_>,
) -> Result<(), Fault> {
    let Admission { admit, given, post, plan, .. } = admission;
    let nobody = LeadFacts::nobody();
    let known = admission.lead_facts().unwrap_or(&nobody);
    let lead_id = &plan.lead_id;
    for one in consented.acts.iter().flat_map(Acts::all) {
        one.add(lead_id, consented.ends, changes)?;
    }
    let names = subject_names(&admit.fingerprints);
    let whose = consented.subjects.first().map(String::as_str).unwrap_or_default();
    // Under a new pepper it has another name from then on.
    let is_named =
        names.first().is_none_or(|name| name == whose || known.name_of(std::slice::from_ref(name)).is_some());
    let is_moved = consented.is_moved || !known.knows(whose) || !is_named;
    let moved = is_moved.then_some((whose, consented.standing.as_slice()));
    let change = Change {
        lead_id,
        head: consented.acts.as_ref().map(Acts::head),
        standings: moved.into_iter().collect(),
        last_post: Some((given.at_ms, moment.now_ms + post.campaign.dedupe.window_ms)),
        record_until_ms: consented.ends.record_ms,
        recipients: Some(recipients_after(plan, post.campaign, receivers)),
        names: if is_moved { &names } else { &[] },
    };
    write_change(known, change, changes);
    Ok(())
}

/// The deliveries of an admission, for the outbox.
struct NewDeliveries {
    marked: Option<NextMark>,
    /// The deliveries with an entry.
    entered: Vec<DeliveryId>,
    /// The immediate deliveries.
    claims: Vec<Claim>,
}

/// Stores the deliveries of an admission.
fn store_deliveries<S: Store>(
    parts: &Parts<S>,
    admission: &Admission<'_>,
    consented: &ConsentOutcome,
    receivers: &[String],
    moment: &Moment,
    changes: &mut Changes<'_>,
) -> NewDeliveries {
    let Admission { admit, post, plan, person, .. } = admission;
    let with = plan.supersedes.as_ref().map(|held| held.payload.all_subjects());
    let with = with.filter(|all| all.iter().any(|one| !consented.subjects.contains(one)));
    let with = with.map(|all| json!(all).to_string());
    let format = format_after(post.prior.as_ref().map(|prior| prior.format));
    let of = Topic {
        subject: consented.subjects.first().map(String::as_str),
        beside: with.as_deref(),
        ..Topic::submission(&plan.lead_id, &admit.submission_id, format)
    };
    // Only for a lead with no earlier deliveries.
    let is_new = person.is_none() && post.prior.is_none();
    let marked = parts.outbox.next_mark();
    let (mut entered, mut claims) = (Vec::new(), Vec::new());
    for (at, ((destination, event), receiver)) in plan.sends.iter().zip(receivers).enumerate() {
        let to = Target { campaign: &post.campaign.id, destination: &destination.name, receiver };
        let delivery = NewDelivery::new(of, to, event, at, moment);
        let (id, now_ms) = (&delivery.delivery_id, moment.now_ms);
        if is_new && parts.outbox.goes_immediately(id, to, marked.as_ref(), now_ms) {
            delivery.add_immediate(changes);
            claims.push(Claim::of(&delivery));
        } else {
            delivery.add(changes);
            entered.push(delivery.delivery_id);
        }
    }
    if let Some(marked) = &marked {
        marked.store(changes);
    }
    NewDeliveries { marked, entered, claims }
}

/// Seals the payload, and keeps it open in memory if it is sent immediately. One that was merged, or that
/// brought no act, is read anew, with its current consents.
fn seal<S: Store>(
    parts: &Parts<S>,
    admission: &Admission<'_>,
    mut lead: Lead,
    score: Score,
    consented: &ConsentOutcome,
    moment: &Moment,
) -> Result<(Vec<u8>, Option<Open>), Fault> {
    let Admission { admit, post, plan, person, .. } = admission;
    let ConsentOutcome { subjects, acts, standing, terms, .. } = consented;
    let first = recognising(&admit.fingerprints, &admit.by).first().map(|print| print.tag.clone());
    let of_campaign = |one: &&Standing| post.campaign.purposes.iter().any(|two| two.id == one.purpose);
    let standing = standing.iter().filter(of_campaign).flat_map(Standing::acts);
    let own = acts.iter().flat_map(Acts::all).map(|one| one.act.seq);
    let numbers: Vec<i64> = match (&plan.supersedes, acts) {
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
        acts: distinct(numbers),
        subjects: subjects.clone(),
        recognised_by: person.as_ref().map(|person| person.recognised_by.clone()).unwrap_or_default(),
        own,
        parts: earlier.unwrap_or_default(),
    };
    let context = payload_context(&plan.lead_id, &admit.submission_id);
    let sealed = parts.vault.seal_value(&payload, &context, moment)?;
    let acts = acts.as_ref().filter(|_| plan.supersedes.is_none() && !plan.sends.is_empty());
    let Some(acts) = acts else { return Ok((sealed, None)) };
    let receipt = |(purpose, terms): (&Purpose, &Rc<Terms>)| Receipt {
        purpose: purpose.id.clone(),
        act: Rc::clone(&acts.act.act),
        personal: Rc::clone(&acts.act.personal),
        terms: Rc::clone(terms),
        confirmed: acts.confirmed(&purpose.id),
    };
    let all = post.campaign.purposes.iter().zip(terms.iter());
    if acts.confirmation.is_some() {
        return Ok((sealed, Some(Open::new(payload, all.map(receipt).collect()))));
    }
    let is_granted = |id: &str| consent.iter().any(|record| record.granted && record.purpose == id);
    let receipts = all.filter(|(purpose, _)| is_granted(&purpose.id)).map(receipt).collect();
    Ok((sealed, Some(Open::with(payload, consent, receipts))))
}

/// Adds the submission's identifiers to the lead: those that recognise, and the others, for access and
/// erasure only.
fn identify(admission: &Admission<'_>, changes: &mut Changes<'_>) {
    let recognising = recognising(&admission.admit.fingerprints, &admission.admit.by);
    let (mut known_by, mut carried) = (Vec::new(), Vec::new());
    for print in admission.prints() {
        let recognises = recognising.iter().any(|one| one.tag == print.tag);
        if recognises { &mut known_by } else { &mut carried }.push(print.tag.clone());
    }
    let lead_id = &admission.plan.lead_id;
    add_identifiers(IdentifierRole::Recognising, known_by, lead_id, changes);
    add_identifiers(IdentifierRole::Carried, carried, lead_id, changes);
}

/// Returns everybody who has received the lead, or may have, after the plan.
fn recipients_after(plan: &Plan<'_>, campaign: &Campaign, receivers: &[String]) -> Vec<Recipient> {
    let mut recipients = plan.recipients.clone();
    for ((destination, _), receiver) in plan.sends.iter().zip(receivers) {
        let new = Recipient {
            campaign: campaign.id.clone(),
            destination: destination.name.clone(),
            receiver: receiver.clone(),
            counts: true,
        };
        let same = |known: &&mut Recipient| Recipient { counts: true, ..(**known).clone() } == new;
        match recipients.iter_mut().find(same) {
            Some(known) => known.counts = true,
            None => recipients.push(new),
        }
    }
    recipients
}
