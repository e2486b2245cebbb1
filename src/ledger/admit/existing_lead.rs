//! Someone posts who is known: to this campaign, or to another one of the ledger.

use super::{Plan, QUALIFIED, UPDATED, judge};
use crate::base::fault::Fault;
use crate::campaign::{Campaign, Destination, OnRepeat};
use crate::ledger::consents::history::{ActRow, IS_ALONE, SealedRow, list};
use crate::ledger::consents::payload::Payload;
use crate::ledger::consents::standing::{Had, Person};
use crate::ledger::db::funnel::Milestone;
use crate::ledger::db::rows::{is_same_address, receiver_of};
use crate::ledger::db::store::{Arg, Store};
use crate::ledger::db::submission_state::Bucket;
use crate::ledger::db::submission_state::State;
use crate::ledger::parts::Parts;
use crate::ledger::wire::Admit;
use crate::pipeline::consent::Standing;
use crate::pipeline::lead::{Lead, recognising, subject};
use crate::pipeline::scoring;
use crate::pipeline::scoring::Decision;

/// Held submissions of one person in one campaign that are looked at, the newest: each is opened.
const MAX_HELD: i64 = 4;

/// A submission that waits in this campaign for the person to tell more.
pub(in crate::ledger) struct Held {
    pub(in crate::ledger) submission_id: String,
    pub(in crate::ledger) bucket: Bucket,
    pub(in crate::ledger) milestone: Milestone,
    pub(in crate::ledger) payload: Payload,
    /// What the post says that takes it up, by itself.
    pub(in crate::ledger) newer: Lead,
}

/// Someone who is known: by this campaign, or by another one of the ledger.
pub(in crate::ledger) fn judge_known<'a, S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    lead: Lead,
    campaign: &'a Campaign,
    person: &Person,
) -> Result<Plan<'a>, Fault> {
    let lead_id = &person.lead_id;
    let had = parts.consents.had(lead_id, &person.known)?;
    let plan = if had.iter().any(|had| had.campaign == campaign.id) {
        let regained = regains(&lead, person.standing());
        judge_followed_up(campaign, lead, lead_id.clone(), &had, regained)
    } else if let Some((mut held, older)) = held(parts, admit, lead_id, campaign)? {
        held.newer = lead.clone();
        let merged = older.merged_with_newer(lead, campaign);
        let plan = judge(campaign, merged, lead_id.clone());
        Plan { supersedes: Some(held), ..mark_known_elsewhere(plan, &had) }
    } else {
        mark_known_elsewhere(judge(campaign, lead, lead_id.clone()), &had)
    };
    Ok(Plan { had, ..plan })
}

/// The newest held submission of this very person in this campaign, with its lead. One whose payload no
/// living key opens stays as it is: there is nothing left to merge. So does one that has been merged with
/// as many senders' as it can hold.
fn held<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    lead_id: &str,
    campaign: &Campaign,
) -> Result<Option<(Held, Lead)>, Fault> {
    let recognising = recognising(&admit.fingerprints, &admit.by);
    let first = recognising.first().map(|print| print.kind);
    let firsts = recognising.iter().filter(|print| Some(print.kind) == first);
    let firsts: Vec<String> = firsts.map(|print| subject(&print.tag)).collect();
    // A row of before format 4 does not say whom it was recognised as.
    let index = parts.schedule.moving().held_by_first();
    let of_first = |which: &str| {
        format!(
            "SELECT submission_id, hour, source, payload, consent, milestone, {IS_ALONE}, act, consent, subjects
             FROM submission s INDEXED BY {index}
             WHERE lead_id = ?1 AND first {which} AND state = 'held' AND campaign = ?2
             ORDER BY at_ms DESC LIMIT {MAX_HELD}"
        )
    };
    let place: [Arg<'_>; 2] = [lead_id.into(), (&admit.campaign).into()];
    let [lead, in_campaign] = place.clone();
    let named = of_first("IN (SELECT value FROM json_each(?3))");
    let mut rows = parts.db.rows(&named, &[lead, in_campaign, list(&firsts)])?;
    rows.extend(parts.db.rows(&of_first("IS NULL"), &place)?);
    for mut row in rows {
        let submission_id = row.text(0)?;
        // Given again after a withdrawal, it takes its own row's place.
        if submission_id == admit.submission_id {
            continue;
        }
        let bucket = Bucket { campaign: admit.campaign.clone(), hour: row.int(1)?, source: row.text(2)? };
        let Some(payload) = row.sealed(3) else { continue };
        let consent = row.sealed(4);
        let milestone = Milestone::of(row.int(5)?);
        let is_alone = row.int(6)? == 1;
        let own = ActRow::read(&mut row, 7).ok();
        let consent = consent.as_ref();
        let submission = submission_id.as_str();
        let sealed =
            SealedRow { lead_id, submission_id: submission, payload: &payload, consent, own, is_alone };
        let Ok((payload, open)) = parts.consents.open_row(sealed) else { continue };
        let is_own = admit.fingerprints.iter().any(|print| print.tag == payload.first);
        if !is_own || payload.handed_on(&submission_id, campaign).is_none() {
            continue;
        }
        let mut lead = open.lead;
        if payload.acts.is_empty() && payload.subjects.is_empty() {
            // Consents of before format 3 are no acts, and cannot be read with the new ones.
            lead.consent.clear();
        }
        let newer = Lead::default();
        return Ok(Some((Held { submission_id, bucket, milestone, payload, newer }, lead)));
    }
    Ok(None)
}

/// Whether a purpose is granted now that was withdrawn, or had expired, before.
pub(in crate::ledger) fn regains(lead: &Lead, standing: &[Standing]) -> bool {
    let granted = |id: &String| lead.consent.iter().any(|record| record.granted && record.purpose == *id);
    standing.iter().any(|place| place.state.has_ended() && granted(&place.purpose))
}

/// A receiver that has had the lead from another campaign hears that it was updated.
fn mark_known_elsewhere<'a>(mut plan: Plan<'a>, had: &[Had]) -> Plan<'a> {
    for (destination, event) in &mut plan.sends {
        let receiver = receiver_of(destination);
        if had.iter().any(|had| had.counts && is_same_address(&had.receiver, &receiver)) {
            *event = UPDATED;
        }
    }
    plan
}

/// A lead that this campaign has followed up: destinations that it now qualifies for get it,
/// the others hear of it where the campaign wants that, and else it is a duplicate.
fn judge_followed_up<'a>(
    campaign: &'a Campaign,
    lead: Lead,
    lead_id: String,
    had: &[Had],
    regained: bool,
) -> Plan<'a> {
    let score = scoring::score(campaign, &lead);
    let has_had = |destination: &Destination| {
        let receiver = receiver_of(destination);
        had.iter().filter(|had| had.counts).any(|had| {
            if had.campaign == campaign.id {
                had.destination == destination.name
            } else {
                is_same_address(&had.receiver, &receiver)
            }
        })
    };
    let wanted = match scoring::decide(campaign, &lead, &score) {
        Decision::Forward(to) => to,
        Decision::Hold(_) => Vec::new(),
    };
    let fresh = wanted.into_iter().filter(|destination| !has_had(destination)).map(|d| (d, QUALIFIED));
    let mut sends: Vec<_> = fresh.collect();
    // An existing customer who asks is business, not a duplicate; and whoever has had the lead has been
    // told that a consent was gone.
    let all = campaign.dedupe.on_repeat == OnRepeat::Update || !lead.lists.is_empty() || regained;
    let told = |d: &&Destination| all && has_had(d) && scoring::may_have(campaign, &lead, d);
    sends.extend(campaign.destinations.iter().filter(told).map(|d| (d, UPDATED)));
    let state = if sends.is_empty() { State::Duplicate } else { State::Pending };
    let payload = Some((lead, score));
    let had = Vec::new();
    Plan { lead_id, state, because: "known", payload, sends, supersedes: None, had, is_first: false }
}
