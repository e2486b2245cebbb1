//! What a person does after the lead came: the download of the campaign's magnet. It is recorded under
//! the submission that got the link, and whoever has the lead hears of it once.

use crate::ledger::parts::Parts;
use crate::ledger::person::withdraw::submission_of;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::base::fault::Fault;
use crate::base::moment::{Moment, rfc3339};
use crate::campaign::Campaign;
use crate::ledger::api::Count;
use crate::ledger::consents::history::list;
use crate::ledger::db::rows::{Of, delivery_row, receiver_of};
use crate::ledger::db::store::{Store, Write, owned, write};
use crate::ledger::report::rfc3339_of;

/// The event that tells a destination of it.
pub(in crate::ledger) const ENGAGED: &str = "lead.engaged";

/// Lets the person behind a submission be recognised by its link. A repeat of the submission gets another
/// link for as long as it is known.
pub(in crate::ledger) fn linked<'a>(
    campaign: &'a Campaign,
    lead_id: &'a str,
    submission_id: &'a str,
    now_ms: i64,
) -> Option<Write<'a>> {
    let magnet = campaign.magnet.as_ref()?;
    let until_ms = now_ms + campaign.dedupe.window_ms + magnet.valid_ms;
    let sql = "INSERT INTO engagement (submission_id, lead_id, campaign, until_ms) VALUES (?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET lead_id = excluded.lead_id, until_ms = excluded.until_ms";
    Some(write(sql, [submission_id.into(), lead_id.into(), (&campaign.id).into(), until_ms.into()]))
}

/// The magnet is downloaded by a submission's link. Nothing is found where nothing is kept of whoever
/// got the link, which they are not told.
pub(in crate::ledger) fn engage<S: Store>(
    parts: &Parts<S>,
    submission_id: &str,
    moment: &Moment,
) -> Result<Option<Count>, Fault> {
    let sql = "SELECT lead_id, campaign, downloads FROM engagement WHERE submission_id = ?";
    let Some(mut row) = parts.db.row(sql, &[submission_id.into()])? else {
        return Ok(None);
    };
    let (lead_id, campaign, downloads) = (row.text(0)?, row.text(1)?, row.int(2)?);
    let sql = "UPDATE engagement SET downloads = downloads + 1, first_ms = coalesce(first_ms, ?)
               WHERE submission_id = ?";
    let mut writes = vec![write(sql, [moment.now_ms.into(), submission_id.into()])];
    if downloads == 0 {
        writes.extend(told_of(parts, &lead_id, submission_id, &campaign, moment)?);
    }
    parts.db.write_all(&writes)?;
    parts.outbox.learn_what_is_due()?;
    Ok(Some(Count(downloads + 1)))
}

/// What tells those who have the lead from this campaign, or will have it.
fn told_of<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    submission_id: &str,
    campaign: &str,
    moment: &Moment,
) -> Result<Vec<Write<'static>>, Fault> {
    let Some(campaign) = parts.campaigns.last_good(campaign)? else { return Ok(Vec::new()) };
    let Some(magnet) = &campaign.magnet else { return Ok(Vec::new()) };
    let whose = subject_of_submission(parts, lead_id, submission_id)?;
    let data = json!({
        "lead_id": lead_id, "campaign": campaign.id,
        "engagement": { "kind": "download", "title": magnet.title, "at": rfc3339(moment.now_ms) },
    });
    let mut writes = Vec::new();
    let had = parts.consents.had(lead_id, &parts.consents.known(lead_id, &[])?)?;
    let here = had.into_iter().filter(|had| had.counts && had.campaign == campaign.id);
    let mut names = BTreeSet::new();
    names.extend(here.map(|had| had.destination));
    for (at, destination) in names.iter().filter_map(|name| campaign.destination(name)).enumerate() {
        if consents_to(parts, lead_id, whose.as_deref(), &destination.needs)? {
            let receiver = receiver_of(destination);
            let to = (campaign.id.as_str(), destination.name.as_str(), receiver.as_str());
            let of = Of { subject: whose.as_deref(), ..Of::nothing(lead_id) };
            let notice = Some(data.to_string());
            writes.push(owned(delivery_row(of, to, ENGAGED, notice, at, moment)));
        }
    }
    Ok(writes)
}

/// Whose consents a submission rests on; of one that has ended, whose the whole lead is.
fn subject_of_submission<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    submission_id: &str,
) -> Result<Option<String>, Fault> {
    let one = submission_of(parts, lead_id, submission_id)?;
    Ok(one.and_then(|one| one.subjects.into_iter().next()))
}

/// Whether a subject's consents, as they stand now, allow these purposes. Where it is not known whose they
/// would have to be, nobody else's count.
pub(in crate::ledger) fn consents_to<S: Store>(
    parts: &Parts<S>,
    lead_id: &str,
    whose: Option<&str>,
    needs: &[String],
) -> Result<bool, Fault> {
    let now = match whose {
        Some(whose) => parts.consents.standing_of(lead_id, whose)?,
        None => {
            let mut all = parts.consents.standings(lead_id)?.into_iter();
            let only = all.next().filter(|_| all.next().is_none());
            only.map(|(_, standing)| standing).unwrap_or_default()
        }
    };
    let holds = |need: &String| now.iter().any(|one| one.purpose == *need && one.state.is_valid());
    Ok(needs.iter().all(holds))
}

/// What was downloaded of these submissions, for their person.
pub(in crate::ledger) fn engagements<S: Store>(
    parts: &Parts<S>,
    submissions: &BTreeSet<String>,
) -> Result<Vec<Value>, Fault> {
    let sql = format!(
        "SELECT json_object('submission_id', submission_id, 'campaign', campaign, 'downloads', downloads,
           'first_at', {}) FROM engagement
         WHERE submission_id IN (SELECT value FROM json_each(?))",
        rfc3339_of("first_ms")
    );
    let ids: Vec<String> = submissions.iter().cloned().collect();
    parts.db.objects(&sql, &[list(&ids)])
}
