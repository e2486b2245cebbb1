//! A person takes consents back: the act is written, what needed them stops, and whoever has had the
//! lead hears of it. It reaches the submissions and acts of the link's subject, and nobody else's.

use crate::ledger::admit::double_opt_in::refuse_request;
use crate::ledger::parts::Parts;
use crate::ledger::vault::payload_context;
use std::collections::BTreeSet;

use serde_json::json;

use crate::base::fault::Fault;
use crate::base::moment::{Moment, rfc3339};
use crate::campaign::Channel;
use crate::ledger::admit::UPDATED;
use crate::ledger::admit::double_opt_in::stop_asking;
use crate::ledger::api::{Withdraw, Withdrawn};
use crate::ledger::consents::history::{Ledgered, NewAct, distinct};
use crate::ledger::consents::standing::Change;
use crate::ledger::db::rows::{delivery_range, ended, notice_row, receiver_of};
use crate::ledger::db::store::{Store, Write, owned, write};
use crate::ledger::db::submission_state::State;
use crate::ledger::wire::Admit;
use crate::pipeline::consent::{ConsentState, Head, Personal, Standing, follow};
use crate::pipeline::lead::named;

/// A purpose's place in a link that is about all of them. No purpose has this id.
pub const EVERY_PURPOSE: &str = "_";
/// The event that tells a destination of a withdrawal.
const WITHDRAWN: &str = "consent.withdrawn";
/// Webhooks that are named to a destination as those that something was in, the newest.
const MAX_NAMED: usize = 100;

/// The consents that a person takes back.
struct TakenBack<'a>(Vec<&'a Standing>);

impl<'a> TakenBack<'a> {
    /// Those that are meant and still valid.
    fn of(wanted: &str, now: &'a [Standing]) -> Self {
        let is_meant = |place: &&Standing| wanted == EVERY_PURPOSE || wanted == place.purpose;
        Self(now.iter().filter(|place| place.state.is_valid()).filter(is_meant).collect())
    }

    fn purposes(&self) -> Vec<&'a str> {
        self.0.iter().map(|place| place.purpose.as_str()).collect()
    }

    /// Where the newest of them was given.
    fn campaign(&self) -> Option<&'a str> {
        self.0.iter().max_by_key(|place| place.by.seq).map(|place| place.by.campaign.as_str())
    }

    /// What an act says of them.
    fn consents(&self) -> Vec<(String, ConsentState, String)> {
        let taken_back =
            |place: &&Standing| (place.purpose.clone(), ConsentState::Withdrawn, place.by.terms.clone());
        self.0.iter().map(taken_back).collect()
    }
}

/// Campaign, destination and receiver.
pub(in crate::ledger) type To = (String, String, String);
/// Those who are told, each with the webhooks that it is about.
pub(in crate::ledger) type Told = Vec<(To, Vec<String>)>;

/// One more webhook of a destination.
pub(in crate::ledger) fn tell(told: &mut Told, to: To, webhook: String) {
    match told.iter_mut().find(|(known, _)| *known == to) {
        Some((_, webhooks)) => webhooks.push(webhook),
        None => told.push((to, vec![webhook])),
    }
}

/// A delivery of a subject's submission.
struct Concerned {
    delivery_id: String,
    submission_id: String,
    to: To,
    stops: bool,
    was_tried: bool,
}

/// The subject of a link takes a consent back, or all of them.
pub(in crate::ledger) fn withdraw<S: Store>(
    parts: &Parts<S>,
    request: &Withdraw,
    moment: &Moment,
) -> Result<Option<Withdrawn>, Fault> {
    let lead_id = parts.consents.lead_now(&request.lead_id)?;
    let wanted = request.purpose.as_deref().unwrap_or(EVERY_PURPOSE);
    let name = request.subject.as_deref();
    let found = parts.consents.subject_named(&lead_id, name)?;
    let whose = found.as_ref().map(|(whose, _)| whose.as_str());
    let waiting = waiting_of(parts, &lead_id, whose, name)?;
    if found.is_none() && waiting.is_empty() {
        return Ok(None);
    }
    let (whose, now) = found.unwrap_or_default();
    let taken = TakenBack::of(wanted, &now);
    let gone = taken.purposes();
    let (mut writes, mut settled) = (Vec::new(), BTreeSet::new());
    if let Some(campaign) = taken.campaign() {
        let act = write_withdrawal(parts, &lead_id, (&whose, &now), campaign, &taken, request, moment)?;
        let (act, kept) = act;
        writes.extend(kept);
        settled = stop_and_tell(parts, &lead_id, &whose, &gone, &act, moment, &mut writes)?;
    }
    let left = now.iter().filter(|place| place.state.is_valid() && !gone.contains(&place.purpose.as_str()));
    let left: Vec<String> = left.map(|place| place.purpose.clone()).collect();
    let (mut refused, mut tags) = (0, BTreeSet::new());
    for one in waiting {
        let is_over = match one.state {
            State::Unconfirmed => wanted == EVERY_PURPOSE,
            State::Held => !gone.is_empty() && !can_still_go(parts, &one.bucket.campaign, &gone, &left),
            _ => false,
        };
        if !is_over {
            continue;
        }
        refused += 1;
        if one.state == State::Unconfirmed {
            writes.push(stop_asking(&lead_id, moment));
            if let Some(admit) = request_of(parts, &lead_id, &one.submission_id)? {
                writes.push(refuse_request(&admit, moment));
                tags.extend(admit.fingerprints.into_iter().map(|print| print.tag));
            }
        }
        let end = ended(&lead_id, &one.submission_id, &one.bucket, one.state, State::Withdrawn);
        writes.extend(end.map(owned));
    }
    parts.db.atomically(&mut || {
        writes.iter().try_for_each(|write| parts.db.write(write))?;
        settled.iter().try_for_each(|submission_id| parts.outbox.settle_submission(&lead_id, submission_id))
    })?;
    parts.outbox.forget_open(&lead_id);
    parts.outbox.learn_what_is_due()?;
    tags.extend(newest_tags_of(parts, &lead_id, &now)?);
    let purposes = gone.into_iter().map(str::to_owned).collect();
    Ok(Some(Withdrawn { purposes, refused, fingerprints: tags.into_iter().collect() }))
}

/// What is held or waits for a confirmation of a subject's. A request has no act yet: there the link's name
/// says whose it is, and without one its lead is nobody else's.
fn waiting_of<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    whose: Option<&str>,
    name: Option<&str>,
) -> Result<Vec<Ledgered>, Fault> {
    let columns = Ledgered::COLUMNS;
    let index = parts.schedule.moving().held_by_submission();
    let held =
        format!("SELECT {columns} FROM submission INDEXED BY {index} WHERE lead_id = ? AND state = 'held'");
    let asked = format!("SELECT {columns} FROM submission WHERE lead_id = ? AND state = 'unconfirmed'");
    let mut all = Vec::new();
    for sql in [held, asked] {
        for mut row in parts.db.rows(&sql, &[lead_id.into()])? {
            let one = parts.consents.ledgered(lead_id, &mut row)?;
            let is_whose = |subject: &String| {
                whose == Some(subject.as_str()) || name.is_some_and(|name| named(subject) == name)
            };
            let is_first = one.subjects.iter().take(1).any(is_whose);
            if is_first || name.is_none() && whose.is_none() {
                all.push(one);
            }
        }
    }
    Ok(all)
}

/// A submission of a lead, as counters see it.
pub(in crate::ledger) fn submission_of<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    submission_id: &str,
) -> Result<Option<Ledgered>, Fault> {
    let columns = Ledgered::COLUMNS;
    let sql = format!("SELECT {columns} FROM submission WHERE lead_id = ? AND submission_id = ?");
    let row = parts.db.row(&sql, &[lead_id.into(), submission_id.into()])?;
    row.map(|mut row| parts.consents.ledgered(lead_id, &mut row)).transpose()
}

/// A submission that waits for a confirmation, as it came.
fn request_of<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    submission_id: &str,
) -> Result<Option<Admit>, Fault> {
    let sql = "SELECT payload FROM submission WHERE lead_id = ? AND submission_id = ?";
    let row = parts.db.row(sql, &[lead_id.into(), submission_id.into()])?;
    let payload = row.and_then(|mut row| row.sealed(0));
    let place = payload_context(lead_id, submission_id);
    // One that no living key opens has nobody left to be asked.
    Ok(payload.and_then(|payload| parts.vault.open_sealed(&payload, &place).ok()))
}

/// The fingerprints that the newest acts of a subject name: those under which KV may remember a post of the
/// last minutes.
fn newest_tags_of<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    now: &[Standing],
) -> Result<BTreeSet<String>, Fault> {
    let numbers = distinct(now.iter().flat_map(Standing::acts).collect());
    let mut tags = BTreeSet::new();
    for number in numbers {
        for one in parts.consents.acts_from(lead_id, number, 1)? {
            // One that no living key opens any more tells nothing; the others still count.
            let personal =
                one.sealed.as_ref().map(|sealed| parts.consents.personal(lead_id, &one.act, sealed));
            if let Some(Ok(personal)) = personal {
                tags.extend(personal.fingerprints);
            }
        }
    }
    Ok(tags)
}

/// The act of it, in the campaign of the newest of the consents, and what keeps it.
fn write_withdrawal<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    (whose, now): (&str, &[Standing]),
    campaign: &str,
    taken: &TakenBack<'_>,
    request: &Withdraw,
    moment: &Moment,
) -> Result<(NewAct, Vec<Write<'static>>), Fault> {
    let personal = Personal {
        subject: whose.to_owned(),
        method: request.method.clone().unwrap_or_else(|| "link".to_owned()),
        ..Personal::default()
    };
    let known = parts.consents.known(lead_id, &[whose.to_owned()])?;
    let place = (moment.now_ms, campaign);
    let subjects = vec![whose.to_owned()];
    let previous = known.head.as_ref();
    let act =
        parts.consents.next_act(previous, lead_id, place, taken.consents(), (personal, subjects), moment)?;
    let mut standing = now.to_vec();
    follow(&mut standing, &act.act, &[]);
    let ends = record_ends(parts, campaign, None, moment)?;
    let mut writes = parts.consents.gather_acts(lead_id, &known);
    writes.push(act.row(lead_id, ends)?);
    writes.extend(parts.consents.keep_change(
        &known,
        Change {
            lead_id,
            head: Some(Head::from(&*act.act)),
            standings: vec![(whose, &standing)],
            heard: None,
            record_until_ms: ends.record_ms,
            had: None,
            names: &[],
        },
    ));
    Ok((act, writes.into_iter().map(owned).collect()))
}

/// When the record of a person's consents ends whose last act is done now in a campaign.
pub(in crate::ledger) fn record_ends<S: Store>(
    parts: &Parts<S>,
    campaign: &str,
    consent_ms: Option<i64>,
    moment: &Moment,
) -> Result<crate::ledger::consents::history::Ends, Fault> {
    let kept_ms = parts.campaigns.last_good(campaign)?.map_or(0, |found| found.retention.consents_ms);
    Ok(crate::ledger::consents::history::Ends { consent_ms, record_ms: moment.now_ms + kept_ms })
}

/// Stops the deliveries that need what is gone, and tells those who have had the subject's submissions, or
/// may have. Where somebody else of the lead still consents, it is an update that says in which webhooks
/// the consent was. Gives the submissions whose deliveries were stopped.
fn stop_and_tell<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    whose: &str,
    gone: &[&str],
    act: &NewAct,
    moment: &Moment,
    writes: &mut Vec<Write<'static>>,
) -> Result<BTreeSet<String>, Fault> {
    let (mut told, mut stopped) = (Told::new(), BTreeSet::new());
    for delivery in deliveries_concerned(parts, lead_id, whose, gone)? {
        if delivery.stops {
            let sql = "UPDATE delivery SET state = 'withdrawn', settled_ms = ?, reason = 'consent_withdrawn'
                       WHERE delivery_id = ?";
            writes.push(write(sql, [moment.now_ms.into(), delivery.delivery_id.clone().into()]));
            stopped.insert(delivery.submission_id);
        }
        if delivery.was_tried {
            tell(&mut told, delivery.to, delivery.delivery_id);
        }
    }
    if !stopped.is_empty() {
        writes.push(forget_had(lead_id));
    }
    let others = parts.consents.standings(lead_id)?.into_iter().filter(|(subject, _)| subject != whose);
    let others: Vec<Standing> = others.flat_map(|(_, standing)| standing).collect();
    let stands = |purpose: &str| others.iter().any(|one| one.purpose == purpose && one.state.is_valid());
    let (left, ended): (Vec<&str>, Vec<&str>) = gone.iter().partition(|purpose| stands(purpose));
    let mut at = 0;
    for ((campaign, destination, receiver), mut webhooks) in told {
        let to = (campaign.as_str(), destination.as_str(), receiver.as_str());
        let withdrawn_at = rfc3339(moment.now_ms);
        let history = json!({ "seq": act.act.seq, "head": act.act.mac });
        if !ended.is_empty() {
            let data = json!({
                "lead_id": lead_id, "campaign": campaign, "purposes": ended, "withdrawn_at": withdrawn_at,
                "history": history,
            });
            writes.push(owned(notice_row(lead_id, to, WITHDRAWN, &data, at, moment)));
            at += 1;
        }
        if !left.is_empty() {
            webhooks.drain(..webhooks.len().saturating_sub(MAX_NAMED));
            let data = json!({
                "lead_id": lead_id, "campaign": campaign,
                "withdrawn": {
                    "purposes": left, "webhook_ids": webhooks, "at": withdrawn_at,
                },
                "history": history,
            });
            writes.push(owned(notice_row(lead_id, to, UPDATED, &data, at, moment)));
            at += 1;
        }
    }
    Ok(stopped)
}

/// Whether a held lead could still go anywhere: no consent that the campaign requires is gone, and
/// a destination is there that needs none but those that are left.
fn can_still_go<S: Store>(parts: &Parts<S>, campaign: &str, gone: &[&str], left: &[String]) -> bool {
    let Ok(Some(campaign)) = parts.campaigns.last_good(campaign) else { return false };
    let required = |id: &str| campaign.purposes.iter().any(|purpose| purpose.required && purpose.id == id);
    let mut open = campaign.destinations.iter().filter(|one| one.channel == Channel::Webhook);
    !gone.iter().any(|id| required(id)) && open.any(|one| one.needs.iter().all(|need| left.contains(need)))
}

/// The same destination with its address of now: what is told goes there once, whatever it was before.
pub(in crate::ledger) fn to_now<S: Store>(parts: &Parts<S>, (campaign, destination, receiver): To) -> To {
    let known = parts.campaigns.last_good(&campaign).ok().flatten();
    let now = known.as_deref().and_then(|campaign| campaign.destination(&destination)).map(receiver_of);
    (campaign, destination, now.unwrap_or(receiver))
}

/// The deliveries of a subject's submissions, and which of them need one of these purposes. Where the
/// campaign does not say any more, they count as if they did.
fn deliveries_concerned<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    whose: &str,
    purposes: &[&str],
) -> Result<Vec<Concerned>, Fault> {
    let (from, to) = delivery_range(lead_id);
    // A row of before format 4 does not say whose it is.
    let sql = "SELECT delivery_id, campaign, destination, receiver, state, attempts <> '[]',
                 submission_id, subject, EXISTS (SELECT 1 FROM json_each(beside) WHERE value = ?3)
               FROM delivery WHERE delivery_id >= ?1 AND delivery_id < ?2 AND submission_id <> ''
                 AND (subject = ?3 OR subject IS NULL
                   OR EXISTS (SELECT 1 FROM json_each(beside) WHERE value = ?3))
               ORDER BY campaign, destination, delivery_id";
    let is_only = parts.consents.standings(lead_id)?.len() <= 1;
    let mut all = Vec::new();
    for mut row in parts.db.rows(sql, &[(&from).into(), (&to).into(), whose.into()])? {
        let delivery_id = row.text(0)?;
        let to = to_now(parts, (row.text(1)?, row.text(2)?, row.text(3)?));
        let state = row.text(4)?;
        let was_tried = row.int(5)? == 1 || parts.outbox.is_in_flight(&delivery_id);
        let submission_id = row.text(6)?;
        let subject = row.optional_text(7);
        if subject.is_none() {
            let of = submission_of(parts, lead_id, &submission_id)?;
            let first = of.and_then(|of| of.subjects.into_iter().next());
            // Where the submission does not say it or has ended, nothing is known but whose the lead is.
            if first.map_or(!is_only, |first| first != whose) {
                continue;
            }
        }
        let known = parts.campaigns.last_good(&to.0).ok().flatten();
        let destination = known.as_deref().and_then(|campaign| campaign.destination(&to.1));
        let needs =
            destination.is_none_or(|to| to.needs.iter().any(|need| purposes.contains(&need.as_str())));
        // One that rests on somebody else's consents goes on.
        let is_own = subject.is_none_or(|subject| subject == whose);
        let stops = needs && is_own && matches!(state.as_str(), "pending" | "paused" | "dead");
        all.push(Concerned { delivery_id, submission_id, to, stops, was_tried });
    }
    Ok(all)
}

/// Who has had a lead is to be looked at anew: a delivery of it can never arrive any more.
pub(in crate::ledger) fn forget_had(lead_id: &str) -> Write<'static> {
    write("UPDATE lead SET had = NULL WHERE lead_id = ?", [lead_id.to_owned().into()])
}
