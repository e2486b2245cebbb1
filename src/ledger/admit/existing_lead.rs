//! Further submissions of a known person: to this campaign, or to another one of the ledger.

use super::plan::{HeldSubmission, Plan, judge};
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::campaign::{Campaign, Destination, OnRepeat};
use crate::ledger::consents::Consents;
use crate::ledger::consents::standing::{Person, Recipient};
use crate::ledger::db::Db;
use crate::ledger::db::delivery::{is_same_address, receiver_of};
use crate::ledger::db::state::State;
use crate::ledger::db::store::Store;
use crate::ledger::db::submission_row::HeldRow;
use crate::ledger::wire::Admit;
use crate::pipeline::consent::Standing;
use crate::pipeline::lead::{Lead, recognising, subject};
use crate::pipeline::scoring;
use crate::pipeline::scoring::Decision;
use crate::pipeline::webhook::EventKind;

/// The number of held submissions of one person in one campaign that are read, the newest: each is opened.
const MAX_HELD: i64 = 4;

/// Judges a submission of a known person.
pub(in crate::ledger) fn judge_known<'a, S: Store>(
    db: &Db<S>,
    consents: &Consents<S>,
    admit: &Admit,
    lead: Lead,
    campaign: &'a Campaign,
    person: &Person,
) -> Result<Plan<'a>, Fault> {
    let lead_id = &person.lead_id;
    let recipients = consents.recipients(lead_id, &person.known)?;
    let plan = if recipients.iter().any(|one| one.campaign == campaign.id) {
        let regained = regains(&lead, person.standing());
        judge_followed_up(campaign, lead, lead_id.clone(), &recipients, regained)
    } else if let Some((mut held, older)) = held_submission(db, consents, admit, lead_id, campaign)? {
        held.newer = lead.clone();
        let merged = older.merged_with_newer(lead, campaign);
        let plan = judge(campaign, merged, lead_id.clone());
        Plan { supersedes: Some(held), ..mark_known_elsewhere(plan, &recipients) }
    } else {
        mark_known_elsewhere(judge(campaign, lead, lead_id.clone()), &recipients)
    };
    Ok(Plan { recipients, ..plan })
}

/// Returns the newest held submission of this person in this campaign, with its lead. One whose payload no
/// living key opens stays as it is: there is nothing left to merge. So does one that is merged from as many
/// senders' as it can hold.
fn held_submission<S: Store>(
    db: &Db<S>,
    consents: &Consents<S>,
    admit: &Admit,
    lead_id: &LeadId,
    campaign: &Campaign,
) -> Result<Option<(HeldSubmission, Lead)>, Fault> {
    let recognising = recognising(&admit.fingerprints, &admit.by);
    let first = recognising.first().map(|print| print.kind);
    let firsts = recognising.iter().filter(|print| Some(print.kind) == first);
    let firsts: Vec<String> = firsts.map(|print| subject(&print.tag)).collect();
    for row in db.held_submissions(lead_id, &admit.campaign, &firsts, MAX_HELD)? {
        let HeldRow { submission_id, bucket, milestone, content } = row;
        // A submission repeated after a withdrawal replaces its own row.
        if submission_id == admit.submission_id {
            continue;
        }
        let Ok((payload, open)) = consents.open(lead_id, &submission_id, content) else { continue };
        let is_own = admit.fingerprints.iter().any(|print| print.tag == payload.first);
        if !is_own || payload.handed_on(&submission_id, campaign).is_none() {
            continue;
        }
        let mut lead = open.lead;
        if payload.acts.is_empty() && payload.subjects.is_empty() {
            // Consents from before format 3 are no acts, and cannot be read with the new ones.
            lead.consent.clear();
        }
        let newer = Lead::default();
        return Ok(Some((HeldSubmission { submission_id, bucket, milestone, payload, newer }, lead)));
    }
    Ok(None)
}

/// Returns whether a purpose is granted now that was withdrawn, or had expired, before.
pub(in crate::ledger) fn regains(lead: &Lead, standing: &[Standing]) -> bool {
    let granted = |id: &String| lead.consent.iter().any(|record| record.granted && record.purpose == *id);
    standing.iter().any(|one| one.state.has_ended() && granted(&one.purpose))
}

/// Turns the event into an update for receivers that got the lead from another campaign.
fn mark_known_elsewhere<'a>(mut plan: Plan<'a>, recipients: &[Recipient]) -> Plan<'a> {
    for (destination, event) in &mut plan.sends {
        let receiver = receiver_of(destination);
        if recipients.iter().any(|one| one.counts && is_same_address(&one.receiver, &receiver)) {
            *event = EventKind::Updated;
        }
    }
    plan
}

/// Judges a lead that this campaign has followed up: destinations that it newly qualifies for get it, the
/// others get an update if the campaign wants that, and otherwise it is a duplicate.
fn judge_followed_up<'a>(
    campaign: &'a Campaign,
    lead: Lead,
    lead_id: LeadId,
    recipients: &[Recipient],
    regained: bool,
) -> Plan<'a> {
    let score = scoring::score(campaign, &lead);
    let has_had = |destination: &Destination| {
        let receiver = receiver_of(destination);
        recipients.iter().filter(|one| one.counts).any(|one| {
            if one.campaign == campaign.id {
                one.destination == destination.name
            } else {
                is_same_address(&one.receiver, &receiver)
            }
        })
    };
    let wanted = match scoring::decide(campaign, &lead, &score) {
        Decision::Forward(to) => to,
        Decision::Hold(_) => Vec::new(),
    };
    let fresh = wanted.into_iter().filter(|destination| !has_had(destination));
    let mut sends: Vec<_> = fresh.map(|destination| (destination, EventKind::Qualified)).collect();
    // An existing customer's inquiry is business, not a duplicate; and recipients were notified of the
    // withdrawal before.
    let all = campaign.dedupe.on_repeat == OnRepeat::Update || !lead.lists.is_empty() || regained;
    let hears = |d: &&Destination| all && has_had(d) && scoring::may_receive(campaign, &lead, d);
    sends.extend(campaign.destinations.iter().filter(hears).map(|d| (d, EventKind::Updated)));
    let state = if sends.is_empty() { State::Duplicate } else { State::Pending };
    let (payload, recipients) = (Some((lead, score)), Vec::new());
    Plan { lead_id, state, because: "known", payload, sends, supersedes: None, recipients, is_first: false }
}
