//! Recognition: the person of a submission, and its earlier row.

use super::lists::{lists_with, suppressing};
use super::plan::Prior;
use super::requests::Requests;
use crate::base::fault::Fault;
use crate::base::id::LeadId;
use crate::base::moment::Moment;
use crate::campaign::{Campaign, IdentifierKind};
use crate::ledger::consents::standing::Person;
use crate::ledger::db::Db;
use crate::ledger::db::identifier::Match;
use crate::ledger::db::schema::ROW_FORMAT;
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;
use crate::ledger::presence::{quarantined_lead, suppressed_lead};
use crate::ledger::wire::Admit;
use crate::pipeline::lead::{Fingerprint, recognising, subject};

/// Returns the leads with one of the submission's identifiers whose windows have not passed.
pub(super) fn living_matches<S: Store>(
    db: &Db<S>,
    admit: &Admit,
    moment: &Moment,
) -> Result<Vec<Match>, Fault> {
    let prints = recognising(&admit.fingerprints, &admit.by);
    let matches = db.matches(prints.iter().map(|print| &print.tag), moment.now_ms)?;
    if matches.iter().any(|found| found.format > ROW_FORMAT) {
        return Err(Fault::new("a row of this person is newer than this code"));
    }
    Ok(matches)
}

/// Returns the person of a submission: if its identifiers match two people, the e-mail's; of several leads
/// with one identifier, the one with the latest post.
pub(super) fn person<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    matches: &[Match],
) -> Result<Option<Person>, Fault> {
    let kind_of = |tag: &str| admit.fingerprints.iter().find(|print| print.tag == tag).map(|p| p.kind);
    let by_email = |found: &&Match| kind_of(&found.tag) == Some(IdentifierKind::Email);
    let found = matches
        .iter()
        .max_by_key(|found| (by_email(found), found.last_ms, std::cmp::Reverse(&found.lead_id)));
    let Some(lead_id) = found.map(|found| found.lead_id.clone()) else { return Ok(None) };
    let of_lead = matches.iter().filter(|found| found.lead_id == lead_id);
    let is_known_by = |kind: &IdentifierKind| of_lead.clone().any(|found| kind_of(&found.tag) == Some(*kind));
    let recognised_by = IdentifierKind::ALL.into_iter().filter(is_known_by).collect();
    let names = subject_names(&admit.fingerprints);
    let known = parts.consents.lead_facts(&lead_id, &names)?;
    let subject = known.name_of(&names).or_else(|| names.first().cloned()).unwrap_or_default();
    Ok(Some(Person { lead_id, recognised_by, subject, known }))
}

/// Returns whether a further field of the submission holds a suppressed address or number.
pub(super) fn mentions_suppressed<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    campaign: &Campaign,
) -> Result<bool, Fault> {
    let identity = &parts.config.identity;
    let mentioned = admit.lead.mentioned(campaign);
    let tags: Vec<_> = mentioned.iter().flat_map(|(_, one)| identity.list_tags(one)).collect();
    Ok(suppressing(campaign, &lists_with(parts, &tags)?).is_some())
}

/// Returns the earlier row of this submission, if there is one.
pub(super) fn prior<S: Store>(
    parts: &Parts<S>,
    admit: &Admit,
    matches: &[Match],
    requests: &Requests,
) -> Result<Option<Prior>, Fault> {
    let id = &admit.submission_id;
    let suppressed = parts.presence.has_suppressed().then(|| suppressed_lead(id));
    let quarantined = parts.presence.has_quarantined().then(|| quarantined_lead(id));
    let known: Vec<&LeadId> = matches
        .iter()
        .map(|found| &found.lead_id)
        .chain(requests.leads())
        .chain(&suppressed)
        .chain(&quarantined)
        .collect();
    for lead_id in known {
        if let Some(row) = parts.db.prior(lead_id, id)? {
            return Ok(Some(Prior {
                lead_id: lead_id.clone(),
                state: row.state,
                bucket: row.bucket,
                is_lead: row.is_lead,
                milestone: row.milestone,
                format: row.format,
                subject: row.subject,
            }));
        }
    }
    Ok(None)
}

/// Returns the possible names of the subject of a submission's consents: those of its first identifier under
/// every pepper, the current one first.
pub(super) fn subject_names(fingerprints: &[Fingerprint]) -> Vec<String> {
    let first = fingerprints.first().map(|print| print.kind);
    let of_first = fingerprints.iter().filter(|print| Some(print.kind) == first);
    of_first.map(|print| subject(&print.tag)).collect()
}
