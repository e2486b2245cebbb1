//! The end of leads, and of submissions that have waited for their time.

use super::acts::expire_consents;
use super::chunk::{CHUNK_ROWS, NO_MORE};
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::base::moment::Moment;
use crate::ledger::db::changes::{Changes, Effects};
use crate::ledger::db::state::State;
use crate::ledger::db::store::{MAX_SAFE, Store};
use crate::ledger::db::submission;
use crate::ledger::db::submission_row::{SealedColumn, StaleSubmission};
use crate::ledger::parts::Parts;
use crate::ledger::vault::{act_context, consent_context, payload_context};

/// Ends the leads of a chunk whose windows have passed, unless a delivery of them can still arrive.
pub(super) fn sweep_leads<S: Store>(
    parts: &Parts<S>,
    after: &str,
    moment: &Moment,
    effects: &mut Effects,
) -> Result<Option<String>, Fault> {
    let leads = parts.db.leads_due(after, moment.now_ms, CHUNK_ROWS)?;
    let is_full = i64::try_from(leads.len()).is_ok_and(|read| read == CHUNK_ROWS);
    for lead in leads.iter().filter(|lead| lead.is_known) {
        if lead.has_expired == Some(1) {
            expire_consents(parts, &lead.lead_id, moment, effects)?;
        }
        if lead.has_waited == Some(1) {
            end_waiting(parts, &lead.lead_id, moment.now_ms, effects)?;
        }
        if lead.has_ended {
            end_lead(parts, &lead.lead_id, effects)?;
        }
    }
    let last = leads.into_iter().next_back().map(|lead| lead.lead_id.to_string());
    reseal_submissions(parts, after, last.as_deref().unwrap_or(NO_MORE), moment)?;
    Ok(last.filter(|_| is_full))
}

/// Ends the submissions of a lead whose time to wait has passed, with their payloads.
fn end_waiting<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    now_ms: i64,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let waited = parts.db.waited(lead_id, now_ms)?;
    let mut changes = Changes::default();
    for one in &waited {
        submission::end(lead_id, &one.submission_id, &one.bucket, one.state, State::Expired, &mut changes);
    }
    parts.db.apply(changes, effects)
}

fn end_lead<S: Store>(parts: &Parts<S>, lead_id: &LeadId, effects: &mut Effects) -> Result<(), Fault> {
    end_waiting(parts, lead_id, MAX_SAFE, effects)?;
    parts.db.preserve_all_acts(lead_id)?;
    parts.db.remove_lead(lead_id)?;
    parts.db.remove_submissions(lead_id)?;
    parts.db.remove_deliveries_of_ended(lead_id)
}

fn reseal_submissions<S: Store>(
    parts: &Parts<S>,
    after: &str,
    to: &str,
    moment: &Moment,
) -> Result<(), Fault> {
    for one in parts.db.stale_submissions(after, to, &parts.vault.current_prefix())? {
        let StaleSubmission { lead_id, submission_id, payload, consent, seq } = one;
        let of_consent = match seq {
            Some(seq) => act_context(&lead_id, seq),
            None => consent_context(&lead_id, &submission_id),
        };
        let of_payload = payload_context(&lead_id, &submission_id);
        let columns =
            [(SealedColumn::Payload, payload, of_payload), (SealedColumn::Consent, consent, of_consent)];
        for (column, sealed, context) in columns {
            if let Some(sealed) = sealed.and_then(|sealed| parts.vault.resealed(&sealed, &context, moment)) {
                parts.db.put_sealed(&lead_id, &submission_id, column, sealed)?;
            }
        }
    }
    Ok(())
}
