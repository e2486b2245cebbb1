//! Erasure: it removes the submissions and acts whose subject is an identifier that a person can prove, and
//! notifies their recipients. Other people's submissions in the same lead stay.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::asker::Asker;
use super::recipients::Recipients;
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::base::moment::Moment;
use crate::base::time::rfc3339;
use crate::campaign::SUPPRESSED;
use crate::ledger::api::{Erase, Report};
use crate::ledger::consents::acts::distinct;
use crate::ledger::consents::open::CountedSubmission;
use crate::ledger::consents::payload::WaitingPayload;
use crate::ledger::db::act;
use crate::ledger::db::act::ActRow;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery;
use crate::ledger::db::delivery::{NewDelivery, Topic};
use crate::ledger::db::engagement::erase_downloads;
use crate::ledger::db::funnel::Steps;
use crate::ledger::db::idempotency::forget_keys;
use crate::ledger::db::identifier::{erase_mentions, remove_identifiers};
use crate::ledger::db::json_list;
use crate::ledger::db::lead::forget_lead;
use crate::ledger::db::listed::list_people;
use crate::ledger::db::request;
use crate::ledger::db::state::State;
use crate::ledger::db::store::{Store, owned};
use crate::ledger::db::submission;
use crate::ledger::parts::Parts;
use crate::ledger::vault::payload_context;
use crate::pipeline::lead::{Lead, subject};
use crate::pipeline::scoring;
use crate::pipeline::webhook::EventKind;

/// The part of a lead that an erasure reaches.
struct Reach {
    lead_id: LeadId,
    /// The erased submissions.
    gone: Vec<CountedSubmission>,
    /// The other submissions.
    left: Vec<CountedSubmission>,
    /// The numbers of the acts whose personal parts are erased.
    acts: Vec<i64>,
    /// The fingerprints of the erased submissions and acts.
    named: Vec<String>,
    /// The fingerprints that identify nothing of the lead any more, and the asker's.
    tags: Vec<String>,
    /// The submissions that these acts came with, some of which have ended.
    came_with: Vec<SubmissionId>,
    /// True if nothing of another subject is left.
    is_whole: bool,
}

impl Reach {
    fn is_nothing(&self) -> bool {
        self.gone.is_empty() && self.acts.is_empty()
    }

    /// Returns the submissions whose deliveries are erased.
    fn submissions(&self) -> Vec<SubmissionId> {
        let gone = self.gone.iter().map(|one| &one.submission_id);
        distinct(gone.chain(&self.came_with).cloned().collect())
    }
}

/// Erases the subjects of these fingerprints, notifies the recipients of their submissions, and stores a
/// keyed hash so that they are suppressed from now on.
pub(in crate::ledger) fn erase<S: Store>(
    parts: &Parts<S>,
    request: &Erase,
    moment: &Moment,
) -> Result<Option<Report>, Fault> {
    let asker = Asker::of(&request.fingerprints);
    let mut changes = Changes::default();
    let mut notified = Vec::new();
    let mut tags = request.fingerprints.clone();
    let (mut leads, mut left, mut submissions) = (Vec::new(), Vec::new(), 0);
    for lead_id in asker.leads(&parts.db)? {
        let asker = asker.in_lead(&parts.consents.lead_facts(&lead_id, &asker.subjects)?);
        let reach = reach(parts, lead_id, &asker)?;
        erase_in_lead(parts, &reach, &asker, moment, &mut changes, &mut notified)?;
        tags.extend(reach.named.iter().chain(&reach.tags).cloned());
        submissions += reach.gone.len();
        if reach.is_whole {
            leads.push(reach.lead_id);
        } else if !reach.is_nothing() {
            left.push(json!({ "lead_id": reach.lead_id, "submissions": reach.gone.len() }));
        }
    }
    request::erase_by(&request.fingerprints, &mut changes);
    list_people(SUPPRESSED, &request.list_tags, moment.now_ms, &mut changes);
    changes.effects.is_queue_stale = true;
    parts.commit(changes)?;
    // After them, because it reads what is left.
    let mentions = erase_mentions_of(parts, &asker, &moment.fork("mentions"))?;
    Ok(Some(Report(json!({
        "ledger": parts.config.name, "leads": leads, "left": left, "submissions": submissions, "mentions": mentions,
        "told": notified,
        "fingerprints": distinct(tags),
    }))))
}

/// Finds the asker's part of a lead. Rows without a subject are erased with the last that has one.
fn reach<S: Store>(parts: &Parts<S>, lead_id: LeadId, asker: &Asker<'_>) -> Result<Reach, Fault> {
    let (mut all, mut named) = (Vec::new(), Vec::new());
    for row in parts.db.submissions_of(&lead_id)? {
        let mut one = parts.consents.counted(&lead_id, row);
        // No act names the fingerprints of an unjudged submission.
        if one.state.is_unjudged()
            && let Some(waiting) = parts.consents.waiting(&lead_id, &one.submission_id)?
            && let WaitingPayload::Unjudged(admit) = waiting.payload
        {
            let tags: Vec<_> = admit.fingerprints.into_iter().map(|print| print.tag).collect();
            if one.subjects.is_empty() {
                // From before format 4.
                one.subjects = tags.iter().map(|tag| subject(tag)).collect();
            }
            if asker.is_among(&one.subjects) {
                named.extend(tags);
            }
        }
        all.push(one);
    }
    let (mut acts, mut came_with) = (Vec::new(), Vec::new());
    let mut others = BTreeSet::new();
    for row in parts.db.acts(&lead_id)? {
        let subjects = parts.consents.subjects_of(&lead_id, &row);
        if !subjects.is_empty() && !asker.is_among(&subjects) {
            others.extend(subjects);
            continue;
        }
        if row.sealed.is_some() {
            acts.push(row.act.seq);
            let (tags, submission_id) = named_in(parts, &lead_id, &row);
            named.extend(tags);
            came_with.extend(submission_id);
        }
    }
    let is_others = |one: &&CountedSubmission| !one.subjects.is_empty() && !asker.is_among(&one.subjects);
    others.extend(all.iter().filter(is_others).flat_map(|one| one.subjects.clone()));
    let is_whole = others.is_empty();
    let (gone, left): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| is_whole || asker.is_among(&one.subjects));
    let own = named.iter().filter(|tag| !others.contains(&subject(tag)));
    let tags = distinct(own.chain(asker.tags).cloned().collect());
    Ok(Reach { lead_id, gone, left, acts, named, tags, came_with, is_whole })
}

/// Returns the fingerprints that an act names, and the submission that it came with.
fn named_in<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    row: &ActRow,
) -> (Vec<String>, Option<SubmissionId>) {
    let personal = row.sealed.as_ref().map(|sealed| parts.consents.personal(lead_id, &row.act, sealed));
    match personal {
        Some(Ok(personal)) => {
            let came_with = Some(personal.submission_id).filter(|id| !id.is_empty());
            (personal.fingerprints, came_with.map(Into::into))
        }
        // An act that no living key opens any more names nothing.
        _ => (Vec::new(), None),
    }
}

/// Erases the reached part of a lead with everything that depends on it, and notifies its recipients.
fn erase_in_lead<S: Store>(
    parts: &Parts<S>,
    reach: &Reach,
    asker: &Asker<'_>,
    moment: &Moment,
    changes: &mut Changes<'_>,
    notified: &mut Vec<Value>,
) -> Result<(), Fault> {
    let lead_id = &reach.lead_id;
    let submissions = json_list(&reach.submissions());
    // First, because both read the rows that are erased.
    let recipients = recipients_of(parts, reach, asker)?;
    let mut waiting = Changes::default();
    preserve_parts(parts, reach, asker, moment, &mut waiting)?;
    for one in &reach.gone {
        changes.push(owned(one.bucket.transfer(one.state, State::Erased, Steps::NONE)));
    }
    forget_keys(submissions.clone(), changes);
    act::preserve_acts(lead_id, submissions.clone(), changes);
    act::erase_personal(lead_id, &reach.acts, changes);
    submission::erase(lead_id, submissions.clone(), changes);
    erase_mentions(lead_id, submissions.clone(), changes);
    request::erase(lead_id, submissions.clone(), asker.tags, changes);
    erase_downloads(lead_id, submissions.clone(), changes);
    delivery::erase(lead_id, submissions, json_list(&asker.subjects), reach.is_whole, changes);
    remove_identifiers(lead_id, &reach.tags, changes);
    forget_lead(lead_id, changes);
    if reach.is_whole {
        request::erase_aliases(lead_id, changes);
    }
    for write in waiting.writes {
        changes.push(owned(write));
    }
    changes.effects.merge(waiting.effects);
    notify(reach, &recipients, moment, changes, notified);
    Ok(())
}

/// Returns those who have received the erased submissions, or may have.
fn recipients_of<S: Store>(parts: &Parts<S>, reach: &Reach, asker: &Asker<'_>) -> Result<Recipients, Fault> {
    let (submissions, subjects) = (json_list(&reach.submissions()), json_list(&asker.subjects));
    let mut recipients = Recipients::default();
    for delivery in parts.db.deliveries_reached(&reach.lead_id, submissions, subjects, reach.is_whole)? {
        if delivery.was_tried || parts.outbox.is_in_flight(&delivery.delivery_id) {
            recipients.add(&parts.campaigns, &delivery);
        }
    }
    Ok(recipients)
}

/// Notifies recipients: of the erasure of the lead if nothing of it is left, otherwise of the part.
fn notify(
    reach: &Reach,
    recipients: &Recipients,
    moment: &Moment,
    changes: &mut Changes<'_>,
    notified: &mut Vec<Value>,
) {
    let lead_id = &reach.lead_id;
    for (at, one) in recipients.iter().enumerate() {
        let (campaign, erased_at) = (one.campaign(), rfc3339(moment.now_ms));
        let (event, data) = if reach.is_whole {
            let data = json!({ "lead_id": lead_id, "campaign": campaign, "erased_at": erased_at });
            (EventKind::Erased, data)
        } else {
            let erased = json!({ "webhook_ids": one.webhooks(), "at": erased_at });
            (EventKind::Updated, json!({ "lead_id": lead_id, "campaign": campaign, "erased": erased }))
        };
        NewDelivery::new(Topic::lead(lead_id), one.target(), &event, at, moment)
            .add_notification(&data, changes);
        notified.push(json!({ "lead_id": lead_id, "campaign": campaign, "destination": one.destination() }));
    }
}

/// Keeps other subjects' parts of merged payloads: an erased subject's part is taken out of the lead, and
/// another subject's part in an erased submission is held by itself again.
fn preserve_parts<S: Store>(
    parts: &Parts<S>,
    reach: &Reach,
    asker: &Asker<'_>,
    moment: &Moment,
    changes: &mut Changes<'_>,
) -> Result<(), Fault> {
    if reach.is_whole {
        return Ok(());
    }
    let lead_id = &reach.lead_id;
    let is_gone = |subjects: &[String]| asker.is_among(subjects);
    let waits = |one: &&CountedSubmission| matches!(one.state, State::Held | State::Pending | State::Dead);
    let mut waiting_again = Vec::new();
    for one in reach.gone.iter().chain(&reach.left).filter(waits) {
        let waiting = parts.consents.waiting(lead_id, &one.submission_id)?;
        let Some(WaitingPayload::Judged(mut payload)) = waiting.map(|waiting| waiting.payload) else {
            continue;
        };
        let Some(campaign) = parts.campaigns.last_good(&one.bucket.campaign)? else { continue };
        let is_changed = payload.drop_parts(is_gone, &campaign);
        let goes = reach.gone.iter().any(|gone| gone.submission_id == one.submission_id);
        let (submission_id, mut payload) = match goes {
            true => match payload.without_own(&campaign) {
                Some(part) => part,
                None => continue,
            },
            false if is_changed => (one.submission_id.clone(), *payload),
            false => continue,
        };
        payload.score = scoring::score(&campaign, &payload.lead);
        if goes {
            let taken_up = reach.left.iter().find(|left| left.submission_id == submission_id);
            let Some(taken_up) = taken_up.filter(|left| left.state == State::Duplicate) else { continue };
            if waiting_again.contains(&submission_id) {
                continue;
            }
            let until_ms = moment.now_ms + campaign.retention.held_ms;
            submission::hold_again(lead_id, &submission_id, until_ms, changes);
            let (from, to) = (State::Duplicate, State::Held);
            changes.push(owned(taken_up.bucket.transfer(from, to, Steps::NONE)));
            waiting_again.push(submission_id.clone());
        }
        reseal(parts, lead_id, &submission_id, &payload, moment, changes)?;
    }
    Ok(())
}

/// Seals and stores a changed payload.
fn reseal<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    submission_id: &SubmissionId,
    payload: &impl Serialize,
    moment: &Moment,
    changes: &mut Changes<'_>,
) -> Result<(), Fault> {
    let context = payload_context(lead_id, submission_id);
    let sealed = parts.vault.seal_value(payload, &context, moment)?;
    submission::put_payload(lead_id, submission_id, sealed, changes);
    Ok(())
}

/// Erases the asker's data in other people's submissions. Returns the number of submissions.
fn erase_mentions_of<S: Store>(parts: &Parts<S>, asker: &Asker<'_>, moment: &Moment) -> Result<usize, Fault> {
    let mut mentions = 0;
    for (lead_id, submission_id) in parts.db.mentions(asker.tags)? {
        let Some(mut waiting) = parts.consents.waiting(&lead_id, &submission_id)? else { continue };
        let forget = |lead: &mut Lead| {
            for field in asker.fields_in(&parts.config.identity, lead) {
                lead.answers.remove(&field);
            }
        };
        let mut changes = Changes::default();
        match &mut waiting.payload {
            WaitingPayload::Judged(payload) => {
                payload.leads_mut().for_each(forget);
                reseal(parts, &lead_id, &submission_id, payload, moment, &mut changes)?;
            }
            WaitingPayload::Unjudged(admit) => {
                forget(&mut admit.lead);
                reseal(parts, &lead_id, &submission_id, admit, moment, &mut changes)?;
            }
        }
        parts.commit(changes)?;
        mentions += 1;
    }
    parts.db.remove_mentions(asker.tags)?;
    Ok(mentions)
}
