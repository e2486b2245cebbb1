//! Someone posts who is known: to this campaign, or to another one of the ledger.

use super::admit::{Plan, QUALIFIED, UPDATED, judge};
use super::consents::{ActRow, Open, standing_of};
use super::message::Admit;
use super::milestone::Milestone;
use super::rows::{delivery_range, is_same_address, receiver_of};
use super::state::Bucket;
use super::store::Store;
use super::{Ledger, State};
use crate::campaign::{Campaign, Destination, OnRepeat};
use crate::fault::Fault;
use crate::lead::Lead;
use crate::qualify::{self, Decision};

/// A submission that waits in this campaign for the person to tell more.
pub(super) struct Held {
    pub(super) submission_id: String,
    pub(super) bucket: Bucket,
    pub(super) milestone: Milestone,
    pub(super) score: i64,
    /// The acts by which its consents were given.
    pub(super) acts: Vec<i64>,
}

/// A delivery of the lead, of any campaign.
struct Had {
    campaign: String,
    destination: String,
    receiver: String,
    state: String,
}

impl Had {
    /// A delivery that has expired or was stopped can never arrive: its destination has not had the
    /// lead.
    fn counts(&self) -> bool {
        !matches!(self.state.as_str(), "expired" | "withdrawn")
    }
}

impl<S: Store> Ledger<S> {
    /// Someone who is known: by this campaign, or by another one of the ledger.
    pub(super) fn judge_known<'a>(
        &self,
        admit: &Admit,
        lead: Lead,
        campaign: &'a Campaign,
        lead_id: String,
        acts: &[ActRow],
    ) -> Result<Plan<'a>, Fault> {
        let had = self.deliveries_of(&lead_id)?;
        if had.iter().any(|had| had.campaign == campaign.id) {
            let regained = regains(&lead, acts);
            return Ok(judge_followed_up(campaign, lead, lead_id, &had, regained));
        }
        if let Some((held, older)) = self.held(admit, &lead_id, acts)? {
            let merged = older.merged_with_newer(lead, campaign);
            let plan = judge(campaign, merged, lead_id);
            return Ok(Plan { supersedes: Some(held), ..mark_known_elsewhere(plan, &had) });
        }
        Ok(mark_known_elsewhere(judge(campaign, lead, lead_id), &had))
    }

    fn deliveries_of(&self, lead_id: &str) -> Result<Vec<Had>, Fault> {
        let (from, to) = delivery_range(lead_id);
        let sql = "SELECT campaign, destination, receiver, state
                   FROM delivery WHERE delivery_id >= ? AND delivery_id < ? AND submission_id <> ''";
        let mut all = Vec::new();
        for mut row in self.store.rows(sql, &[(&from).into(), (&to).into()])? {
            all.push(Had {
                campaign: row.text(0)?,
                destination: row.text(1)?,
                receiver: row.text(2)?,
                state: row.text(3)?,
            });
        }
        Ok(all)
    }

    /// The newest held submission of this very person in this campaign. One whose payload no living
    /// key opens stays as it is: there is nothing left to merge.
    fn held(&self, admit: &Admit, lead_id: &str, acts: &[ActRow]) -> Result<Option<(Held, Lead)>, Fault> {
        let sql = "SELECT submission_id, hour, source, payload, consent, milestone FROM submission
                   WHERE lead_id = ? AND campaign = ? AND state = 'held' ORDER BY at_ms DESC";
        for mut row in self.store.rows(sql, &[lead_id.into(), (&admit.campaign).into()])? {
            let submission_id = row.text(0)?;
            // Given again after a withdrawal, it takes its own row's place.
            if submission_id == admit.submission_id {
                continue;
            }
            let bucket = Bucket { campaign: admit.campaign.clone(), hour: row.int(1)?, source: row.text(2)? };
            let (payload, consent) = (row.optional_text(3), row.optional_text(4));
            let milestone = Milestone::of(row.int(5)?);
            let payload = payload.and_then(|payload| {
                self.open_payload(&payload, consent.as_deref(), lead_id, &submission_id, acts.to_vec()).ok()
            });
            if let Some(Open { mut lead, acts, score, .. }) =
                payload.filter(|open| admit.fingerprints.iter().any(|print| print.tag == open.first))
            {
                if acts.is_empty() {
                    // Consents of before format 3 are no acts, and cannot be read with the new ones.
                    lead.consent.clear();
                }
                let score = score.total;
                return Ok(Some((Held { submission_id, bucket, milestone, score, acts }, lead)));
            }
        }
        Ok(None)
    }
}

/// Whether a purpose is granted now that was withdrawn, or had expired, before.
pub(super) fn regains(lead: &Lead, acts: &[ActRow]) -> bool {
    let granted = |id: &String| lead.consent.iter().any(|record| record.granted && record.purpose == *id);
    standing_of(acts).iter().any(|place| place.state.has_ended() && granted(&place.purpose))
}

/// A receiver that has had the lead from another campaign hears that it was updated.
fn mark_known_elsewhere<'a>(mut plan: Plan<'a>, had: &[Had]) -> Plan<'a> {
    for (destination, event) in &mut plan.sends {
        let receiver = receiver_of(destination);
        if had.iter().any(|had| had.counts() && is_same_address(&had.receiver, &receiver)) {
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
    let score = qualify::score(campaign, &lead);
    let has_had = |destination: &Destination| {
        let receiver = receiver_of(destination);
        had.iter().filter(|had| had.counts()).any(|had| {
            if had.campaign == campaign.id {
                had.destination == destination.name
            } else {
                is_same_address(&had.receiver, &receiver)
            }
        })
    };
    let wanted = match qualify::decide(campaign, &lead, &score) {
        Decision::Forward(to) => to,
        Decision::Hold(_) => Vec::new(),
    };
    let fresh = wanted.into_iter().filter(|destination| !has_had(destination)).map(|d| (d, QUALIFIED));
    let mut sends: Vec<_> = fresh.collect();
    // An existing customer who asks is business, not a duplicate; and whoever has had the lead has been
    // told that a consent was gone.
    let all = campaign.dedupe.on_repeat == OnRepeat::Update || !lead.lists.is_empty() || regained;
    let told = |d: &&Destination| all && has_had(d) && qualify::may_have(campaign, &lead, d);
    sends.extend(campaign.destinations.iter().filter(told).map(|d| (d, UPDATED)));
    let state = if sends.is_empty() { State::Duplicate } else { State::Pending };
    let payload = Some((lead, score));
    Plan { lead_id, state, because: "known", payload, sends, supersedes: None, is_first: false }
}
