//! Engagement: the download of a campaign's magnet. It is recorded under the submission that got the link,
//! and the recipients of the lead are notified once.

use std::collections::BTreeSet;

use serde_json::json;

use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::base::moment::Moment;
use crate::base::time::rfc3339;
use crate::ledger::api::Count;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::delivery::{NewDelivery, Target, Topic, receiver_of};
use crate::ledger::db::engagement::{Downloads, count_download};
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;
use crate::pipeline::webhook::EventKind;

/// Records a download by a submission's link. `None` if nothing is stored about the link's owner, which they
/// cannot tell.
pub(in crate::ledger) fn engage<S: Store>(
    parts: &Parts<S>,
    submission_id: &SubmissionId,
    moment: &Moment,
) -> Result<Option<Count>, Fault> {
    let Some(Downloads { lead_id, campaign, downloads }) = parts.db.downloads(submission_id)? else {
        return Ok(None);
    };
    let mut changes = Changes::default();
    count_download(submission_id, moment.now_ms, &mut changes);
    if downloads == 0 {
        notify(parts, &lead_id, submission_id, &campaign, moment, &mut changes)?;
    }
    parts.commit(changes)?;
    Ok(Some(Count(downloads + 1)))
}

/// Notifies the recipients of the lead from this campaign, present and future.
fn notify<S: Store>(
    parts: &Parts<S>,
    lead_id: &LeadId,
    submission_id: &SubmissionId,
    campaign: &str,
    moment: &Moment,
    changes: &mut Changes<'_>,
) -> Result<(), Fault> {
    let Some(campaign) = parts.campaigns.last_good(campaign)? else { return Ok(()) };
    let Some(magnet) = &campaign.magnet else { return Ok(()) };
    // A submission that has ended belongs to the only subject of its lead.
    let row = parts.db.counted(lead_id, submission_id)?;
    let whose = row.and_then(|row| parts.consents.counted(lead_id, row).subjects.into_iter().next());
    let data = json!({
        "lead_id": lead_id, "campaign": campaign.id,
        "engagement": { "kind": "download", "title": magnet.title, "at": rfc3339(moment.now_ms) },
    });
    let recipients = parts.consents.recipients(lead_id, &parts.consents.lead_facts(lead_id, &[])?)?;
    let here = recipients.into_iter().filter(|one| one.counts && one.campaign == campaign.id);
    let mut names = BTreeSet::new();
    names.extend(here.map(|one| one.destination));
    for (at, destination) in names.iter().filter_map(|name| campaign.destination(name)).enumerate() {
        if parts.consents.allow(lead_id, whose.as_deref(), &destination.needs)? {
            let receiver = receiver_of(destination);
            let to = Target { campaign: &campaign.id, destination: &destination.name, receiver: &receiver };
            let of = Topic { subject: whose.as_deref(), ..Topic::lead(lead_id) };
            NewDelivery::new(of, to, &EventKind::Engaged, at, moment).add_notification(&data, changes);
        }
    }
    Ok(())
}
