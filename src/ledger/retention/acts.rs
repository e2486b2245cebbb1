//! The expiry of consents, and the end of their record.

use super::chunk::{CHUNK_ROWS, NO_MORE};
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::base::moment::Moment;
use crate::base::time::DAY_MS;
use crate::ledger::consents::acts::{Circumstances, PurposeChange, add_new};
use crate::ledger::consents::standing::{Change, gather, write_change};
use crate::ledger::db::act::StalePersonal;
use crate::ledger::db::changes::{Changes, Effects};
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;
use crate::ledger::person::withdraw::record_ends;
use crate::ledger::vault::act_context;
use crate::pipeline::consent::{ConsentState, Head, Personal, Standing, follow};

/// Removes the records of a chunk of leads: each ends after the last of its acts, once the lead has ended.
pub(super) fn sweep_acts<S: Store>(
    parts: &Parts<S>,
    after: &str,
    moment: &Moment,
    effects: &mut Effects,
) -> Result<Option<String>, Fault> {
    let leads = parts.db.acts_due(after, moment.now_ms, CHUNK_ROWS)?;
    let is_full = i64::try_from(leads.len()).is_ok_and(|read| read == CHUNK_ROWS);
    for lead in leads.iter().filter(|lead| lead.is_known) {
        if lead.has_ended {
            parts.db.remove_acts(&lead.lead_id)?;
            parts.db.remove_deliveries(&lead.lead_id)?;
            parts.db.remove_aliases(&lead.lead_id)?;
        } else if lead.has_expired == Some(1) {
            expire_consents(parts, &lead.lead_id, moment, effects)?;
        }
    }
    let last = leads.into_iter().next_back().map(|lead| lead.lead_id.to_string());
    reseal_acts(parts, after, last.as_deref().unwrap_or(NO_MORE), moment)?;
    Ok(last.filter(|_| is_full))
}

/// The expired consents of a subject.
struct ExpiredConsents {
    subject: String,
    standing: Vec<Standing>,
    consents: Vec<PurposeChange>,
}

/// Expires the consents of a lead whose time has passed, by an act for each subject.
pub(super) fn expire_consents<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    moment: &Moment,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let (due, next_ms) = expired_consents(parts, lead_id, moment.now_ms)?;
    let mut changes = Changes::default();
    gather(lead_id, &parts.consents.lead_facts(lead_id, &[])?, &mut changes);
    parts.db.apply(changes, effects)?;
    parts.db.set_expiry(lead_id, None)?;
    for expired in due {
        expire(parts, lead_id, expired, moment, effects)?;
    }
    let head = parts.consents.lead_facts(lead_id, &[])?.head;
    if let (Some(next_ms), Some(head)) = (next_ms, head) {
        parts.db.set_expiry(lead_id, Some((head.seq, next_ms)))?;
    }
    effects.changed_leads.push(lead_id.clone());
    Ok(())
}

/// Returns the expired consents of a lead, by subject, and when the next one expires.
fn expired_consents<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    now_ms: i64,
) -> Result<(Vec<ExpiredConsents>, Option<i64>), Fault> {
    let (mut due, mut next_ms) = (Vec::new(), None::<i64>);
    for (subject, standing) in parts.consents.standings(lead_id)? {
        let mut consents = Vec::new();
        for entry in standing.iter().filter(|entry| entry.state.is_valid()) {
            let Some(days) = parts.consents.terms_under(&entry.by.terms)?.retention_days() else { continue };
            let end_ms = entry.by.at_ms + i64::from(days) * DAY_MS;
            if end_ms <= now_ms {
                consents.push((entry.purpose.clone(), ConsentState::Expired, entry.by.terms.clone()));
            } else {
                next_ms = Some(next_ms.map_or(end_ms, |known| known.min(end_ms)));
            }
        }
        if !consents.is_empty() {
            due.push(ExpiredConsents { subject, standing, consents });
        }
    }
    Ok((due, next_ms))
}

/// Writes the act by which consents of a subject expire.
fn expire<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    expired: ExpiredConsents,
    moment: &Moment,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let ExpiredConsents { subject, mut standing, consents } = expired;
    let newest = standing.iter().max_by_key(|entry| entry.by.seq);
    let campaign = newest.map(|entry| entry.by.campaign.clone()).unwrap_or_default();
    // Everybody who can have an act erased can have its end erased with it.
    let mut subjects = vec![subject.clone()];
    for entry in standing.iter().filter(|entry| consents.iter().any(|(id, ..)| *id == entry.purpose)) {
        for other in &entry.by.with {
            add_new(&mut subjects, other.clone());
        }
    }
    let known = parts.consents.lead_facts(lead_id, std::slice::from_ref(&subject))?;
    let done = Circumstances {
        at_ms: moment.now_ms,
        campaign: &campaign,
        personal: Personal {
            subject: subject.clone(),
            method: "retention".to_owned(),
            ..Personal::default()
        },
        subjects,
    };
    let act = parts.consents.next_act(known.head.as_ref(), lead_id, consents, done, moment)?;
    let ends = record_ends(&parts.campaigns, &campaign, moment)?;
    follow(&mut standing, &act.act, &[]);
    let mut changes = Changes::default();
    act.add(lead_id, ends, &mut changes)?;
    let change = Change {
        lead_id,
        head: Some(Head::from(&*act.act)),
        standings: vec![(&subject, &standing)],
        last_post: None,
        record_until_ms: ends.record_ms,
        recipients: None,
        names: &[],
    };
    write_change(&known, change, &mut changes);
    parts.db.apply(changes, effects)
}

fn reseal_acts<S: Store>(parts: &Parts<S>, after: &str, to: &str, moment: &Moment) -> Result<(), Fault> {
    for one in parts.db.stale_personal(after, to, &parts.vault.current_prefix())? {
        let StalePersonal { lead_id, seq, personal } = one;
        let context = act_context(&lead_id, seq);
        let sealed = personal.and_then(|sealed| parts.vault.resealed(&sealed, &context, moment));
        if let Some(sealed) = sealed {
            parts.db.put_personal(&lead_id, seq, sealed)?;
        }
    }
    Ok(())
}
