//! Withdrawal: a person takes consents back. The act is written, deliveries that need the consents stop, and
//! the recipients of the lead are notified. It reaches the submissions and acts of the link's subject, and
//! nobody else's.

use std::collections::BTreeSet;

use serde_json::json;

use super::recipients::Recipients;
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::base::moment::Moment;
use crate::base::time::rfc3339;
use crate::campaign::Channel;
use crate::ledger::admit::requests::refuse;
use crate::ledger::api::{Withdraw, Withdrawn};
use crate::ledger::campaigns::Campaigns;
use crate::ledger::consents::EVERY_PURPOSE;
use crate::ledger::consents::acts::{Circumstances, NewAct, PurposeChange, distinct};
use crate::ledger::consents::open::CountedSubmission;
use crate::ledger::consents::standing::{Change, gather, write_change};
use crate::ledger::db::act::Ends;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery;
use crate::ledger::db::delivery::{NewDelivery, Topic};
use crate::ledger::db::lead::forget_recipients;
use crate::ledger::db::queue::PersonDelivery;
use crate::ledger::db::state::{DeliveryState, State};
use crate::ledger::db::store::Store;
use crate::ledger::db::submission;
use crate::ledger::outbox::settle::settle_submission;
use crate::ledger::parts::Parts;
use crate::ledger::vault::payload_context;
use crate::ledger::wire::Admit;
use crate::pipeline::consent::{ConsentState, Head, Personal, Standing, follow};
use crate::pipeline::lead::subject_prefix;
use crate::pipeline::webhook::EventKind;

/// The consents that a person takes back.
struct WithdrawnConsents<'a>(Vec<&'a Standing>);

impl<'a> WithdrawnConsents<'a> {
    /// Selects the requested consents that are still valid.
    fn of(wanted: &str, now: &'a [Standing]) -> Self {
        let is_meant = |one: &&Standing| wanted == EVERY_PURPOSE || wanted == one.purpose;
        Self(now.iter().filter(|one| one.state.is_valid()).filter(is_meant).collect())
    }

    fn purposes(&self) -> Vec<&'a str> {
        self.0.iter().map(|one| one.purpose.as_str()).collect()
    }

    /// Returns the campaign in which the newest of them was given.
    fn campaign(&self) -> Option<&'a str> {
        self.0.iter().max_by_key(|one| one.by.seq).map(|one| one.by.campaign.as_str())
    }

    /// Returns the act's entries for them.
    fn consents(&self) -> Vec<PurposeChange> {
        let taken_back =
            |one: &&Standing| (one.purpose.clone(), ConsentState::Withdrawn, one.by.terms.clone());
        self.0.iter().map(taken_back).collect()
    }
}

/// A withdrawal: its subject and its consents.
struct Withdrawal<'a> {
    lead_id: &'a LeadId,
    /// The subject of the consents.
    whose: &'a str,
    /// The standing of the subject.
    now: &'a [Standing],
    taken: WithdrawnConsents<'a>,
    method: &'a str,
}

/// Withdraws a consent of a link's subject, or all of them. `None` if the subject has none, and nothing
/// waits.
pub(in crate::ledger) fn withdraw<S: Store>(
    parts: &Parts<S>,
    request: &Withdraw,
    moment: &Moment,
) -> Result<Option<Withdrawn>, Fault> {
    let lead_id = parts.db.lead_now(&request.lead_id)?;
    let wanted = request.purpose.as_deref().unwrap_or(EVERY_PURPOSE);
    let name = request.subject.as_deref();
    let found = parts.consents.subject_named(&lead_id, name)?;
    let whose = found.as_ref().map(|(whose, _)| whose.as_str());
    let waiting = waiting_of(parts, &lead_id, whose, name)?;
    if found.is_none() && waiting.is_empty() {
        return Ok(None);
    }
    let (whose, now) = found.unwrap_or_default();
    let method = request.method.as_deref().unwrap_or("link");
    let withdrawal = Withdrawal {
        lead_id: &lead_id,
        whose: &whose,
        now: &now,
        taken: WithdrawnConsents::of(wanted, &now),
        method,
    };
    let mut changes = Changes::default();
    let mut stopped = BTreeSet::new();
    if let Some(campaign) = withdrawal.taken.campaign() {
        let act = write_act(parts, &withdrawal, campaign, moment, &mut changes)?;
        stopped = stop_and_notify(parts, &withdrawal, &act, moment, &mut changes)?;
    }
    let (refused, mut tags) = end_waiting(parts, &withdrawal, wanted, &waiting, moment, &mut changes)?;
    parts.transaction(|effects| {
        effects.is_queue_stale = true;
        parts.db.apply(std::mem::take(&mut changes), effects)?;
        stopped.iter().try_for_each(|id| settle_submission(&parts.db, &lead_id, id, effects))
    })?;
    tags.extend(newest_tags_of(parts, &lead_id, &now)?);
    let purposes = withdrawal.taken.purposes().into_iter().map(str::to_owned).collect();
    Ok(Some(Withdrawn { purposes, refused, fingerprints: tags.into_iter().collect() }))
}

/// Returns the held and unconfirmed submissions of a subject. A request has no act yet: the link names its
/// subject, and without a name its lead has only one.
fn waiting_of<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    whose: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<CountedSubmission>, Fault> {
    let is_whose = |subject: &String| {
        whose == Some(subject.as_str()) || name.is_some_and(|name| subject_prefix(subject) == name)
    };
    let mut all = Vec::new();
    for row in parts.db.waiting_of(lead_id)? {
        let one = parts.consents.counted(lead_id, row);
        let is_first = one.subjects.iter().take(1).any(is_whose);
        if is_first || name.is_none() && whose.is_none() {
            all.push(one);
        }
    }
    Ok(all)
}

/// Ends waiting submissions that no destination can get any more. Returns their number, and the fingerprints
/// of requests.
fn end_waiting<'a, S: Store>(
    parts: &Parts<S>,
    withdrawal: &Withdrawal<'a>,
    wanted: &str,
    waiting: &'a [CountedSubmission],
    moment: &Moment,
    changes: &mut Changes<'a>,
) -> Result<(i64, BTreeSet<String>), Fault> {
    let (gone, lead_id) = (withdrawal.taken.purposes(), withdrawal.lead_id);
    let is_left = |one: &&Standing| one.state.is_valid() && !gone.contains(&one.purpose.as_str());
    let left: Vec<String> = withdrawal.now.iter().filter(is_left).map(|one| one.purpose.clone()).collect();
    let (mut refused, mut tags) = (0, BTreeSet::new());
    for one in waiting {
        let is_over = match one.state {
            State::Unconfirmed => wanted == EVERY_PURPOSE,
            State::Held => {
                !gone.is_empty() && !can_still_go(&parts.campaigns, &one.bucket.campaign, &gone, &left)
            }
            _ => false,
        };
        if !is_over {
            continue;
        }
        refused += 1;
        if one.state == State::Unconfirmed {
            delivery::stop_mails(lead_id, moment.now_ms, changes);
            if let Some(admit) = request_of(parts, lead_id, &one.submission_id)? {
                refuse(&admit, moment, changes);
                tags.extend(admit.fingerprints.into_iter().map(|print| print.tag));
            }
        }
        submission::end(lead_id, &one.submission_id, &one.bucket, one.state, State::Withdrawn, changes);
    }
    Ok((refused, tags))
}

/// Returns an unconfirmed submission, as it was posted. `None` if no living key opens it: then nobody can be
/// asked.
fn request_of<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    submission_id: &SubmissionId,
) -> Result<Option<Admit>, Fault> {
    let payload = parts.db.payload(lead_id, submission_id)?.and_then(|row| row.payload);
    let context = payload_context(lead_id, submission_id);
    Ok(payload.and_then(|payload| parts.vault.open_sealed(&payload, &context).ok()))
}

/// Returns the fingerprints that the newest acts of a subject name, under which KV may cache a submission of
/// the last minutes.
fn newest_tags_of<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    now: &[Standing],
) -> Result<BTreeSet<String>, Fault> {
    let numbers = distinct(now.iter().flat_map(Standing::acts).collect());
    let mut tags = BTreeSet::new();
    for number in numbers {
        for one in parts.db.acts_from(lead_id, number, 1)? {
            // An act that no living key opens any more names nothing; the others still count.
            let personal =
                one.sealed.as_ref().map(|sealed| parts.consents.personal(lead_id, &one.act, sealed));
            if let Some(Ok(personal)) = personal {
                tags.extend(personal.fingerprints);
            }
        }
    }
    Ok(tags)
}

/// Writes the act of a withdrawal, in the campaign of the newest of the consents.
fn write_act<S: Store>(
    parts: &Parts<S>,
    withdrawal: &Withdrawal<'_>,
    campaign: &str,
    moment: &Moment,
    changes: &mut Changes<'_>,
) -> Result<NewAct, Fault> {
    let Withdrawal { lead_id, whose, now, taken, method } = withdrawal;
    let subjects = vec![(*whose).to_owned()];
    let personal =
        Personal { subject: (*whose).to_owned(), method: (*method).to_owned(), ..Personal::default() };
    let known = parts.consents.lead_facts(lead_id, &subjects)?;
    let done = Circumstances { at_ms: moment.now_ms, campaign, personal, subjects };
    let act = parts.consents.next_act(known.head.as_ref(), lead_id, taken.consents(), done, moment)?;
    let mut standing = now.to_vec();
    follow(&mut standing, &act.act, &[]);
    let ends = record_ends(&parts.campaigns, campaign, moment)?;
    gather(lead_id, &known, changes);
    act.add(lead_id, ends, changes)?;
    let change = Change {
        lead_id,
        head: Some(Head::from(&*act.act)),
        standings: vec![(whose, &standing)],
        last_post: None,
        record_until_ms: ends.record_ms,
        recipients: None,
        names: &[],
    };
    write_change(&known, change, changes);
    Ok(act)
}

/// Returns when the record of a person's consents ends if their last act is done now in a campaign.
pub(in crate::ledger) fn record_ends<S: Store>(
    campaigns: &Campaigns<S>,
    campaign: &str,
    moment: &Moment,
) -> Result<Ends, Fault> {
    let kept_ms = campaigns.last_good(campaign)?.map_or(0, |found| found.retention.consents_ms);
    Ok(Ends { consent_ms: None, record_ms: moment.now_ms + kept_ms })
}

/// Stops the deliveries that need the withdrawn consents, and notifies those who have received the subject's
/// submissions, or may have. Returns the submissions whose deliveries were stopped.
fn stop_and_notify<S: Store>(
    parts: &Parts<S>,
    withdrawal: &Withdrawal<'_>,
    act: &NewAct,
    moment: &Moment,
    changes: &mut Changes<'_>,
) -> Result<BTreeSet<SubmissionId>, Fault> {
    let lead_id = withdrawal.lead_id;
    let (mut recipients, mut stopped) = (Recipients::default(), BTreeSet::new());
    for delivery in deliveries_of_subject(parts, withdrawal)? {
        if parts.outbox.is_in_flight(&delivery.delivery_id) || delivery.was_tried {
            recipients.add(&parts.campaigns, &delivery);
        }
        if must_stop(&parts.campaigns, withdrawal, &delivery) {
            delivery::stop(delivery.delivery_id, moment.now_ms, changes);
            stopped.insert(delivery.submission_id);
        }
    }
    if !stopped.is_empty() {
        forget_recipients(lead_id, changes);
    }
    notify(parts, withdrawal, act, &recipients, moment, changes)?;
    Ok(stopped)
}

/// Notifies recipients of a withdrawal. If another subject of the lead still consents, it is an update that
/// names the webhooks with the withdrawn consent.
fn notify<S: Store>(
    parts: &Parts<S>,
    withdrawal: &Withdrawal<'_>,
    act: &NewAct,
    recipients: &Recipients,
    moment: &Moment,
    changes: &mut Changes<'_>,
) -> Result<(), Fault> {
    let Withdrawal { lead_id, whose, taken, .. } = withdrawal;
    let others = parts.consents.standings(lead_id)?.into_iter().filter(|(subject, _)| subject != whose);
    let others: Vec<Standing> = others.flat_map(|(_, standing)| standing).collect();
    let stands = |purpose: &str| others.iter().any(|one| one.purpose == purpose && one.state.is_valid());
    let (left, ended): (Vec<&str>, Vec<&str>) =
        taken.purposes().into_iter().partition(|purpose| stands(purpose));
    let withdrawn_at = rfc3339(moment.now_ms);
    let history = json!({ "seq": act.act.seq, "head": act.act.mac });
    let mut at = 0;
    for one in recipients.iter() {
        let campaign = one.campaign();
        if !ended.is_empty() {
            let data = json!({
                "lead_id": lead_id, "campaign": campaign, "purposes": ended, "withdrawn_at": withdrawn_at,
                "history": history,
            });
            let event = EventKind::ConsentWithdrawn;
            NewDelivery::new(Topic::lead(lead_id), one.target(), &event, at, moment)
                .add_notification(&data, changes);
            at += 1;
        }
        if !left.is_empty() {
            let data = json!({
                "lead_id": lead_id, "campaign": campaign,
                "withdrawn": { "purposes": left, "webhook_ids": one.webhooks(), "at": withdrawn_at },
                "history": history,
            });
            let event = EventKind::Updated;
            NewDelivery::new(Topic::lead(lead_id), one.target(), &event, at, moment)
                .add_notification(&data, changes);
            at += 1;
        }
    }
    Ok(())
}

/// Returns whether a held lead could still be sent: no withdrawn consent is required by the campaign, and a
/// destination needs only consents that are left.
fn can_still_go<S: Store>(campaigns: &Campaigns<S>, campaign: &str, gone: &[&str], left: &[String]) -> bool {
    let Ok(Some(campaign)) = campaigns.last_good(campaign) else { return false };
    let required = |id: &str| campaign.purposes.iter().any(|purpose| purpose.required && purpose.id == id);
    let mut open = campaign.destinations.iter().filter(|one| one.channel == Channel::Webhook);
    !gone.iter().any(|id| required(id)) && open.any(|one| one.needs.iter().all(|need| left.contains(need)))
}

/// Returns the deliveries of the subject's submissions. If a submission does not name its subject or has
/// ended, it is the subject's only if the lead has no other.
fn deliveries_of_subject<S: Store>(
    parts: &Parts<S>,
    withdrawal: &Withdrawal<'_>,
) -> Result<Vec<PersonDelivery>, Fault> {
    let Withdrawal { lead_id, whose, .. } = withdrawal;
    let is_only = parts.consents.standings(lead_id)?.len() <= 1;
    let mut all = Vec::new();
    for delivery in parts.db.deliveries_with(lead_id, whose)? {
        if delivery.subject.is_none() {
            let row = parts.db.counted(lead_id, &delivery.submission_id)?;
            let first = row.and_then(|row| parts.consents.counted(lead_id, row).subjects.into_iter().next());
            if first.map_or(!is_only, |first| first != *whose) {
                continue;
            }
        }
        all.push(delivery);
    }
    Ok(all)
}

/// Returns whether a delivery must be stopped: it needs a withdrawn consent, or may, if the campaign does not
/// list it any more. A delivery that needs another subject's consents goes on.
fn must_stop<S: Store>(
    campaigns: &Campaigns<S>,
    withdrawal: &Withdrawal<'_>,
    delivery: &PersonDelivery,
) -> bool {
    let gone = withdrawal.taken.purposes();
    let known = campaigns.last_good(&delivery.campaign).ok().flatten();
    let destination = known.as_deref().and_then(|campaign| campaign.destination(&delivery.destination));
    let needs = destination.is_none_or(|to| to.needs.iter().any(|need| gone.contains(&need.as_str())));
    let is_own = delivery.subject.as_deref().is_none_or(|subject| subject == withdrawal.whose);
    let waits =
        matches!(delivery.state, DeliveryState::Pending | DeliveryState::Paused | DeliveryState::Dead);
    needs && is_own && waits
}
