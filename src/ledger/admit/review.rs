//! The review of quarantined submissions: an operator reads, releases or discards them.

use serde_json::{Value, json};

use super::decision::Provenance;
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::base::json::value_of;
use crate::base::limits;
use crate::base::moment::Moment;
use crate::ledger::api::{Decided, Discard, Page, Quarantine, Release, Report};
use crate::ledger::db::changes::{Changes, Effects};
use crate::ledger::db::state::State;
use crate::ledger::db::store::Store;
use crate::ledger::db::submission_row::QuarantinedRow;
use crate::ledger::db::{Db, object, submission};
use crate::ledger::parts::Parts;
use crate::ledger::presence::{QUARANTINED_LEADS, quarantined_lead};
use crate::ledger::vault::payload_context;
use crate::ledger::wire::Admit;

/// The number of submissions in a page: a reply of about 100 KB.
const MAX_PAGE: i64 = limits::number("page_entries") as i64;

/// The number of submissions that one call releases or discards: each is an admission, and leads must not
/// wait for long meanwhile.
const MAX_DECIDED: i64 = limits::number("request_ids") as i64;

/// Quarantined submissions that an operator has chosen.
struct Selection<'a> {
    campaign: Option<&'a str>,
    submission_ids: &'a [SubmissionId],
    after: Option<&'a SubmissionId>,
}

/// Reports quarantined submissions, a page of them.
pub(in crate::ledger) fn quarantine_page<S: Store>(db: &Db<S>, query: &Quarantine) -> Result<Page, Fault> {
    let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let after = quarantined_lead(query.after.as_ref().unwrap_or(&SubmissionId::default()));
    let [_, to] = QUARANTINED_LEADS;
    let entries = db.quarantine_shown([&after, to], query.campaign.as_deref(), limit)?;
    let full = i64::try_from(entries.len()).is_ok_and(|read| read == limit);
    let next = entries.last().filter(|_| full).and_then(|one| one.get("submission_id")?.as_str());
    Ok(Page { next: next.map(str::to_owned), entries })
}

/// Reports a quarantined submission with its content, for the operator who decides.
pub(in crate::ledger) fn quarantined<S: Store>(
    parts: &Parts<S>,
    submission_id: &SubmissionId,
) -> Result<Option<Report>, Fault> {
    let lead_id = quarantined_lead(submission_id);
    let Some(found) = parts.db.quarantined_shown(&lead_id, submission_id)? else { return Ok(None) };
    let mut about = object(&found.shown)?;
    let payload = found.payload.ok_or_else(|| Fault::new("a quarantined payload is gone"))?;
    let admit: Admit = parts.vault.open_sealed(&payload, &payload_context(&lead_id, submission_id))?;
    about.insert("contact".to_owned(), value_of(&admit.lead.contact));
    about.insert("answers".to_owned(), json!(admit.lead.answers));
    about.insert("attribution".to_owned(), json!(admit.lead.attribution));
    about.insert("consent".to_owned(), value_of(&admit.lead.consent));
    Ok(Some(Report(Value::Object(about))))
}

/// Releases quarantined submissions: they are judged as if they had just arrived and shown no signal.
pub(in crate::ledger) fn release_quarantined<S: Store>(
    parts: &Parts<S>,
    request: &Release,
    moment: &Moment,
) -> Result<Decided, Fault> {
    let Release { campaign, submission_ids, after } = request;
    let chosen = Selection { campaign: campaign.as_deref(), submission_ids, after: after.as_ref() };
    decide(parts, &chosen, &|submission_id, revision, _| {
        let Some(campaign) = parts.campaigns.of_revision(revision)? else { return Ok(false) };
        let lead_id = quarantined_lead(submission_id);
        let payload = parts.db.payload(&lead_id, submission_id)?.and_then(|row| row.payload);
        let context = payload_context(&lead_id, submission_id);
        // A submission whose key is gone can only be discarded.
        let opened = payload.map(|payload| parts.vault.open_sealed::<Admit>(&payload, &context));
        let Some(Ok(mut admit)) = opened else { return Ok(false) };
        // The peppers may have been rotated since.
        admit.fingerprints = parts.config.identity.fingerprints_of_contact(&admit.lead.contact, &campaign);
        super::admit_to(parts, &campaign, &mut admit, Provenance::Released, &moment.fork(submission_id))?;
        Ok(true)
    })
}

/// Discards quarantined submissions.
pub(in crate::ledger) fn discard_quarantined<S: Store>(
    parts: &Parts<S>,
    request: &Discard,
) -> Result<Decided, Fault> {
    let Discard { campaign, submission_ids, after } = request;
    let chosen = Selection { campaign: campaign.as_deref(), submission_ids, after: after.as_ref() };
    decide(parts, &chosen, &|submission_id, _, effects| {
        let lead_id = quarantined_lead(submission_id);
        let Some(row) = parts.db.counted(&lead_id, submission_id)? else { return Ok(false) };
        let mut changes = Changes::default();
        let (from, to) = (State::Quarantined, State::Discarded);
        submission::end(&lead_id, submission_id, &row.bucket, from, to, &mut changes);
        parts.db.apply(changes, effects)?;
        Ok(true)
    })
}

/// A decision on a quarantined submission, by its campaign's revision. Its result tells if it could be
/// carried out.
type Decision<'a> = dyn Fn(&SubmissionId, &str, &mut Effects) -> Result<bool, Fault> + 'a;

/// Decides on the named submissions, or on a page of the campaign's.
fn decide<S: Store>(
    parts: &Parts<S>,
    chosen: &Selection<'_>,
    decision: &Decision<'_>,
) -> Result<Decided, Fault> {
    let leads: Vec<LeadId> = chosen.submission_ids.iter().map(quarantined_lead).collect();
    let leads: Vec<String> = leads.into_iter().map(String::from).collect();
    let after = quarantined_lead(chosen.after.unwrap_or(&SubmissionId::default()));
    let [_, to] = QUARANTINED_LEADS;
    let named = Some(leads.as_slice()).filter(|leads| !leads.is_empty());
    let rows = parts.db.quarantined([&after, to], chosen.campaign, named, MAX_DECIDED)?;
    let full = i64::try_from(rows.len()).is_ok_and(|read| read == MAX_DECIDED);
    let next = rows.last().filter(|_| full).map(|last| last.submission_id.to_string());
    let (mut done, mut not_possible, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
    parts.transaction(|effects| {
        for QuarantinedRow { submission_id, revision, tags } in &rows {
            if decision(submission_id, revision.as_deref().unwrap_or_default(), effects)? {
                fingerprints.extend(tags.iter().cloned());
                done.push(submission_id.to_string());
            } else {
                not_possible.push(submission_id.to_string());
            }
        }
        Ok(())
    })?;
    Ok(Decided { done, not_possible, fingerprints, next })
}
