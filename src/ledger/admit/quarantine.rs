//! Quarantine: suspicious submissions are sealed, under no person's fingerprint and listed with their
//! signals, until an operator releases or discards them or their time is over. A released one is judged as if
//! it had shown no signal.

use serde_json::json;

use super::decision::logged;
use super::mentions::mention;
use super::plan::Post;
use super::requests::subjects_of;
use crate::base::fault::Fault;
use crate::base::json::value_of;
use crate::base::moment::Moment;
use crate::campaign::{Campaign, Signal, WeighedSignal};
use crate::ledger::db::campaign::store_revision;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::idempotency::remember;
use crate::ledger::db::state::State;
use crate::ledger::db::store::Store;
use crate::ledger::db::submission;
use crate::ledger::db::submission::NewSubmission;
use crate::ledger::handled::Handled;
use crate::ledger::parts::Parts;
use crate::ledger::presence::quarantined_lead;
use crate::ledger::vault::payload_context;
use crate::ledger::wire::Admit;

/// Returns every signal of a submission, those included that only the ledger sees.
pub(super) fn signals_of<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    campaign: &Campaign,
    moment: &Moment,
) -> Result<Vec<WeighedSignal>, Fault> {
    let mut signals = admit.evidence.signals.clone();
    if let Some(token) = &admit.evidence.token
        && parts.db.is_token_reused(&token.tag, &admit.submission_id)?
    {
        signals.extend(campaign.abuse.weigh(Signal::TokenReused));
    }
    signals.extend(parts.velocity.signals(admit, &campaign.abuse, moment.now_ms));
    Ok(signals)
}

/// Quarantines a submission, with the current campaign.
pub(super) fn quarantine<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    post: &Post<'_>,
    moment: &Moment,
) -> Result<Handled, Fault> {
    let id = &admit.submission_id;
    let lead_id = quarantined_lead(id);
    let until_ms = moment.now_ms + post.campaign.retention.quarantine_ms;
    let waiting = Admit { stored: None, idempotency_tag: None, ..admit.clone() };
    let payload = parts.vault.seal_value(&waiting, &payload_context(&lead_id, id), moment)?;
    let subjects = subjects_of(admit);
    let signals = &admit.lead.signals;
    let weight: i64 = signals.iter().map(|sign| sign.weight).sum();
    let tags: Vec<&String> =
        admit.fingerprints.iter().filter(|print| print.current).map(|print| &print.tag).collect();
    let about = json!({
        "weight": weight, "signals": value_of(signals), "tags": tags, "revision": post.campaign.revision,
    });
    let mut changes = Changes::default();
    let row = NewSubmission {
        until_ms: Some(until_ms),
        payload: Some(&payload),
        subjects: &subjects,
        ..NewSubmission::bare(&lead_id, id, State::Quarantined, moment.now_ms, until_ms)
    };
    row.add(post.bucket(), &mut changes);
    changes.push(post.count(State::Quarantined));
    submission::quarantine(&lead_id, id, about.to_string(), &mut changes);
    store_revision(&post.campaign.revision, post.campaign.to_stored(), &mut changes);
    for (_, one) in admit.lead.mentioned(post.campaign) {
        mention(&parts.config.identity, &one, &lead_id, id, &mut changes);
    }
    remember(admit, moment.now_ms, &mut changes);
    parts.commit(changes)?;
    parts.presence.note_quarantined();
    let names: Vec<_> = signals.iter().map(|weighed| weighed.signal.name()).collect();
    Ok(logged(admit, "quarantined", json!({ "weight": weight, "signals": names })))
}
