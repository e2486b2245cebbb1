//! A person asks to be forgotten: the submissions and acts whose own subject is an identifier that they can
//! prove go, and whoever has had them is told. Of a lead that others' submissions are in as well, those stay.

use crate::ledger::parts::Parts;
use crate::ledger::person::access::fields_of;
use crate::ledger::person::access::leads_of;
use crate::ledger::person::access::mentioned_in;
use crate::ledger::person::withdraw::to_now;
use crate::ledger::vault::payload_context;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::access::Asker;
use super::withdraw::{Told, tell};
use crate::base::fault::Fault;
use crate::base::moment::{Moment, rfc3339};
use crate::ledger::admit::UPDATED;
use crate::ledger::admit::double_opt_in::UNNAMED;
use crate::ledger::admit::lists::suppress;
use crate::ledger::api::{Erase, Report};
use crate::ledger::consents::history::{ActRow, Ledgered, distinct, list};
use crate::ledger::consents::payload::Kept;
use crate::ledger::consents::standing::forget_known;
use crate::ledger::db::funnel::Steps;
use crate::ledger::db::rows::{KEEP_ACT, delivery_range, notice_row};
use crate::ledger::db::store::{Arg, Store, Write, owned, write};
use crate::ledger::db::submission_state::State;
use crate::pipeline::lead::{Lead, subject};
use crate::pipeline::scoring;

/// The event that tells a destination to forget a lead.
const ERASED: &str = "lead.erased";
/// Webhooks that are named to a destination as those that hold what went, the newest.
const MAX_NAMED: usize = 100;

/// What of a lead an erasure reaches.
struct Reach {
    lead_id: String,
    /// Submissions that go.
    gone: Vec<Ledgered>,
    /// The others.
    left: Vec<Ledgered>,
    /// The numbers of the acts whose personal parts go.
    acts: Vec<i64>,
    /// The fingerprints that what goes came under.
    named: Vec<String>,
    /// Those of them that lead to nothing of the lead any more, and the asker's.
    tags: Vec<String>,
    /// Submissions that these acts came with, some of which have ended.
    came_with: Vec<String>,
    /// Nothing of anybody else is left.
    is_whole: bool,
}

impl Reach {
    fn is_nothing(&self) -> bool {
        self.gone.is_empty() && self.acts.is_empty()
    }

    /// The submissions whose deliveries go.
    fn submissions(&self) -> Vec<String> {
        let gone = self.gone.iter().map(|one| &one.submission_id);
        distinct(gone.chain(&self.came_with).cloned().collect())
    }
}

/// What is written, and what is told of it.
#[derive(Default)]
struct Done {
    writes: Vec<Write<'static>>,
    told: Vec<Value>,
}

/// Forgets the subjects behind these fingerprints, tells those who had their submissions, and remembers by a
/// keyed hash that they want to hear nothing.
pub(in crate::ledger) fn erase<S: Store>(
    parts: &Parts<S>,
    request: &Erase,
    moment: &Moment,
) -> Result<Option<Report>, Fault> {
    let asker = Asker::of(&request.fingerprints);
    let mut done = Done::default();
    let mut tags = request.fingerprints.clone();
    let (mut leads, mut left, mut submissions) = (Vec::new(), Vec::new(), 0);
    let mut reached = Vec::new();
    for lead_id in leads_of(parts, &asker)? {
        let asker = asker.in_lead(&parts.consents.known(&lead_id, &asker.subjects)?);
        let reach = reach(parts, lead_id, &asker)?;
        let_go(parts, &reach, &asker, moment, &mut done)?;
        tags.extend(reach.named.iter().chain(&reach.tags).cloned());
        submissions += reach.gone.len();
        if reach.is_whole {
            leads.push(reach.lead_id.clone());
        } else if !reach.is_nothing() {
            left.push(json!({ "lead_id": reach.lead_id, "submissions": reach.gone.len() }));
        }
        reached.push(reach.lead_id);
    }
    let asked = "DELETE FROM request WHERE tag IN (SELECT value FROM json_each(?))";
    done.writes.push(write(asked, [list(&request.fingerprints)]));
    done.writes.push(suppress(&request.list_tags, moment));
    parts.db.write_all(&done.writes)?;
    // Behind them, for it reads what is left.
    let mentions = let_go_of_mentions(parts, &asker, &moment.part("mentions"))?;
    for lead_id in &reached {
        parts.outbox.forget_open(lead_id);
    }
    parts.presence.learn_lists(&parts.db)?;
    parts.schedule.learn_expiry(&parts.db)?;
    parts.outbox.learn_what_is_due()?;
    Ok(Some(Report(json!({
        "ledger": parts.config.name, "leads": leads, "left": left, "submissions": submissions, "mentions": mentions,
        "told": done.told,
        "fingerprints": distinct(tags),
    }))))
}

/// What of a lead is theirs. What has no subject goes with the last that has one.
fn reach<S: Store>(parts: &Parts<S>, lead_id: String, asker: &Asker<'_>) -> Result<Reach, Fault> {
    let sql = format!("SELECT {} FROM submission WHERE lead_id = ?", Ledgered::COLUMNS);
    let (mut all, mut named) = (Vec::new(), Vec::new());
    for mut row in parts.db.rows(&sql, &[(&lead_id).into()])? {
        let mut one = parts.consents.ledgered(&lead_id, &mut row)?;
        // No act names the fingerprints of one that waits for its judgement.
        if one.state.is_unjudged()
            && let Some(waiting) = parts.consents.waiting(&lead_id, &one.submission_id)?
            && let Kept::Whole(admit) = waiting.kept
        {
            let tags: Vec<_> = admit.fingerprints.into_iter().map(|print| print.tag).collect();
            if one.subjects.is_empty() {
                // Of before format 4.
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
    for row in parts.consents.acts(&lead_id)? {
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
    let is_others = |one: &&Ledgered| !one.subjects.is_empty() && !asker.is_among(&one.subjects);
    others.extend(all.iter().filter(is_others).flat_map(|one| one.subjects.clone()));
    let is_whole = others.is_empty();
    let (gone, left): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| is_whole || asker.is_among(&one.subjects));
    let own = named.iter().filter(|tag| !others.contains(&subject(tag)));
    let tags = distinct(own.chain(asker.tags).cloned().collect());
    Ok(Reach { lead_id, gone, left, acts, named, tags, came_with, is_whole })
}

/// The fingerprints that an act names, and the submission that it came with.
fn named_in<S: Store>(parts: &Parts<S>, lead_id: &str, row: &ActRow) -> (Vec<String>, Option<String>) {
    let personal = row.sealed.as_ref().map(|sealed| parts.consents.personal(lead_id, &row.act, sealed));
    match personal {
        Some(Ok(personal)) => {
            let came_with = Some(personal.submission_id).filter(|id| !id.is_empty());
            (personal.fingerprints, came_with)
        }
        // One that no living key opens any more tells nothing.
        _ => (Vec::new(), None),
    }
}

/// What of a lead goes, with what hangs on it.
fn let_go<S: Store>(
    parts: &Parts<S>,
    reach: &Reach,
    asker: &Asker<'_>,
    moment: &Moment,
    done: &mut Done,
) -> Result<(), Fault> {
    let lead_id = reach.lead_id.as_str();
    let submissions = reach.submissions();
    let told = who_had(parts, lead_id, reach, asker, &submissions)?;
    // First, for it reads what goes.
    let parts = parts_left(parts, reach, asker, moment)?;
    for one in &reach.gone {
        done.writes.push(owned(one.bucket.transfer(one.state, State::Erased, Steps::NONE)));
    }
    let lead = || Arg::from(lead_id.to_owned());
    let gone = || list(&submissions);
    let (from, to) = delivery_range(lead_id);
    let in_lead = "lead_id = ? AND submission_id IN (SELECT value FROM json_each(?))";
    let keep = format!("{KEEP_ACT} WHERE {in_lead} AND act IS NOT NULL");
    let of_act = "UPDATE act SET personal = NULL, subjects = NULL, consent_until_ms = NULL
                  WHERE lead_id = ? AND seq IN (SELECT value FROM json_each(?))";
    let notices = if reach.is_whole { "1" } else { "0" };
    done.writes.extend([
        write("DELETE FROM idempotency WHERE submission_id IN (SELECT value FROM json_each(?))", [gone()]),
        write(keep, [lead(), gone()]),
        write(of_act, [lead(), json!(reach.acts).to_string().into()]),
        write(format!("DELETE FROM submission WHERE {in_lead}"), [lead(), gone()]),
        write(format!("DELETE FROM mentioned WHERE {in_lead}"), [lead(), gone()]),
        // That somebody else's mailbox was asked, or refused, is all that stays: nobody resets a cap by it.
        write(
            format!(
                "UPDATE request SET tag = '{UNNAMED}', lead_id = '', submission_id = hex(randomblob(8))
                 WHERE {in_lead} AND mailbox IS NOT NULL
                   AND tag NOT IN (SELECT value FROM json_each(?))"
            ),
            [lead(), gone(), list(asker.tags)],
        ),
        write(format!("DELETE FROM request WHERE {in_lead}"), [lead(), gone()]),
        // Whose one of a submission that has ended was is not known.
        write(
            "DELETE FROM engagement WHERE lead_id = ?1
               AND (submission_id IN (SELECT value FROM json_each(?2)) OR NOT EXISTS (SELECT 1
                 FROM submission s WHERE s.lead_id = ?1 AND s.submission_id = engagement.submission_id))",
            [lead(), gone()],
        ),
        write(
            format!(
                "DELETE FROM delivery WHERE delivery_id >= ? AND delivery_id < ?
                   AND ({notices} OR submission_id IN (SELECT value FROM json_each(?))
                     OR subject IN (SELECT value FROM json_each(?)))"
            ),
            [from.into(), to.into(), gone(), list(&asker.subjects)],
        ),
    ]);
    // What is left has had theirs in it, and does not say so any more.
    let (from, to) = delivery_range(lead_id);
    let sql = "UPDATE delivery SET beside = (SELECT json_group_array(value) FROM json_each(beside)
                 WHERE value NOT IN (SELECT value FROM json_each(?3)))
               WHERE delivery_id >= ?1 AND delivery_id < ?2 AND beside IS NOT NULL";
    done.writes.push(write(sql, [from.into(), to.into(), list(&asker.subjects)]));
    for table in ["fingerprint", "carried"] {
        let sql =
            format!("DELETE FROM {table} WHERE lead_id = ? AND tag IN (SELECT value FROM json_each(?))");
        done.writes.push(write(sql, [lead(), list(&reach.tags)]));
    }
    done.writes.extend(forget_known("= ?", &[lead()]));
    if reach.is_whole {
        done.writes.push(write("DELETE FROM alias WHERE is_now = ?", [lead()]));
    }
    done.writes.extend(parts);
    tell_receivers(reach, told, moment, done);
    Ok(())
}

/// Those that have had the submissions that go, or may have, each with the webhooks that they were in.
fn who_had<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    reach: &Reach,
    asker: &Asker<'_>,
    submissions: &[String],
) -> Result<Told, Fault> {
    let (from, to) = delivery_range(lead_id);
    let sql = "SELECT delivery_id, campaign, destination, receiver, attempts <> '[]' FROM delivery
               WHERE delivery_id >= ?1 AND delivery_id < ?2 AND submission_id <> ''
                 AND (?3 OR submission_id IN (SELECT value FROM json_each(?4))
                   OR subject IN (SELECT value FROM json_each(?5))
                   OR EXISTS (SELECT 1 FROM json_each(beside) WHERE value IN (SELECT value FROM json_each(?5))))
               ORDER BY campaign, destination, delivery_id";
    let args: [Arg<'_>; 5] =
        [from.into(), to.into(), i64::from(reach.is_whole).into(), list(submissions), list(&asker.subjects)];
    let mut had = Told::new();
    for mut row in parts.db.rows(sql, &args)? {
        let delivery_id = row.text(0)?;
        let to = to_now(parts, (row.text(1)?, row.text(2)?, row.text(3)?));
        if row.int(4)? == 1 || parts.outbox.is_in_flight(&delivery_id) {
            tell(&mut had, to, delivery_id);
        }
    }
    Ok(had)
}

/// Lets receivers forget: the lead where nothing of it is left, else what they had of those who go.
fn tell_receivers(reach: &Reach, had: Told, moment: &Moment, done: &mut Done) {
    let lead_id = reach.lead_id.as_str();
    for (at, ((campaign, destination, receiver), mut webhooks)) in had.into_iter().enumerate() {
        let to = (campaign.as_str(), destination.as_str(), receiver.as_str());
        let erased_at = rfc3339(moment.now_ms);
        let (event, data) = if reach.is_whole {
            (ERASED, json!({ "lead_id": lead_id, "campaign": campaign, "erased_at": erased_at }))
        } else {
            webhooks.drain(..webhooks.len().saturating_sub(MAX_NAMED));
            let erased = json!({ "webhook_ids": webhooks, "at": erased_at });
            (UPDATED, json!({ "lead_id": lead_id, "campaign": campaign, "erased": erased }))
        };
        done.writes.push(owned(notice_row(lead_id, to, event, &data, at, moment)));
        done.told.push(json!({ "lead_id": lead_id, "campaign": campaign, "destination": destination }));
    }
}

/// What becomes of merged payloads: a part of somebody who goes leaves the lead that it stands in, and a part
/// of somebody else, whose own submission the lead was not, waits by itself again.
fn parts_left<S: Store>(
    parts: &Parts<S>,
    reach: &Reach,
    asker: &Asker<'_>,
    moment: &Moment,
) -> Result<Vec<Write<'static>>, Fault> {
    let mut writes = Vec::new();
    if reach.is_whole {
        return Ok(writes);
    }
    let lead_id = reach.lead_id.as_str();
    let is_gone = |subjects: &[String]| asker.is_among(subjects);
    let waits = |one: &&Ledgered| matches!(one.state, State::Held | State::Pending | State::Dead);
    let mut waiting_again = Vec::new();
    for one in reach.gone.iter().chain(&reach.left).filter(waits) {
        let Some(Kept::Judged(mut payload)) =
            parts.consents.waiting(lead_id, &one.submission_id)?.map(|waiting| waiting.kept)
        else {
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
            let sql = "UPDATE submission SET state = 'held', until_ms = ?
                       WHERE lead_id = ? AND submission_id = ?";
            let place = [until_ms.into(), lead_id.to_owned().into(), submission_id.clone().into()];
            writes.push(write(sql, place));
            let (from, to) = (State::Duplicate, State::Held);
            writes.push(owned(taken_up.bucket.transfer(from, to, Steps::NONE)));
            waiting_again.push(submission_id.clone());
        }
        writes.push(resealed_payload(parts, lead_id, &submission_id, &payload, moment)?);
    }
    Ok(writes)
}

fn resealed_payload<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    submission_id: &str,
    payload: &impl serde::Serialize,
    moment: &Moment,
) -> Result<Write<'static>, Fault> {
    let place = payload_context(lead_id, submission_id);
    let sealed = parts.vault.seal_value(payload, &place, moment)?;
    let sql = "UPDATE submission SET payload = ? WHERE lead_id = ? AND submission_id = ?";
    let args = [sealed.into(), lead_id.to_owned().into(), submission_id.to_owned().into()];
    Ok(write(sql, args))
}

/// Other people's submissions lose what they say of whoever goes. Gives how many did.
fn let_go_of_mentions<S: Store>(
    parts: &Parts<S>,
    asker: &Asker<'_>,
    moment: &Moment,
) -> Result<usize, Fault> {
    let mut mentions = 0;
    for (lead_id, submission_id) in mentioned_in(parts, asker)? {
        let Some(mut waiting) = parts.consents.waiting(&lead_id, &submission_id)? else { continue };
        let forget = |lead: &mut Lead| {
            let fields = fields_of(parts, lead, asker);
            for field in fields {
                lead.answers.remove(&field);
            }
        };
        let write = match &mut waiting.kept {
            Kept::Judged(payload) => {
                payload.leads_mut().for_each(forget);
                resealed_payload(parts, &lead_id, &submission_id, payload, moment)?
            }
            Kept::Whole(admit) => {
                forget(&mut admit.lead);
                resealed_payload(parts, &lead_id, &submission_id, admit, moment)?
            }
        };
        parts.db.write(&write)?;
        parts.outbox.forget_open(&lead_id);
        mentions += 1;
    }
    let sql = "DELETE FROM mentioned WHERE tag IN (SELECT value FROM json_each(?))";
    parts.db.run(sql, &[list(asker.tags)])?;
    Ok(mentions)
}
