//! What a person does after the lead came: the download of the campaign's magnet. It is recorded under
//! the submission that got the link, and whoever has the lead hears of it once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Ledger;
use super::consents::standing_of;
use super::message::{Answer, Operation};
use super::report::rfc3339_of;
use super::rows::{delivery_range, notice_row, receiver_of};
use super::store::{Store, Write, owned, write};
use crate::campaign::Campaign;
use crate::fault::Fault;
use crate::moment::{Moment, rfc3339};

/// The event that tells a destination of it.
pub(super) const ENGAGED: &str = "lead.engaged";

/// Lets the person behind a submission be recognised by its link. A repeat of the submission gets another
/// link for as long as it is known.
pub(super) fn linked<'a>(
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

impl<S: Store> Ledger<S> {
    /// The magnet is downloaded by a submission's link. Nothing is found where nothing is kept of whoever
    /// got the link, which they are not told.
    pub(super) fn engage(&self, operation: &Operation, moment: &Moment) -> Result<Answer, Fault> {
        let submission_id = operation.submission_id.as_deref().unwrap_or_default();
        let sql = "SELECT lead_id, campaign, downloads FROM engagement WHERE submission_id = ?";
        let Some(mut row) = self.store.row(sql, &[submission_id.into()])? else {
            return Ok(Answer::NotFound);
        };
        let (lead_id, campaign, downloads) = (row.text(0)?, row.text(1)?, row.int(2)?);
        let sql = "UPDATE engagement SET downloads = downloads + 1, first_ms = coalesce(first_ms, ?)
                   WHERE submission_id = ?";
        let mut writes = vec![write(sql, [moment.now_ms.into(), submission_id.into()])];
        if downloads == 0 {
            writes.extend(self.told_of(&lead_id, &campaign, moment)?);
        }
        self.store.write_all(&writes)?;
        self.learn_what_is_due()?;
        Ok(Answer::Done(downloads + 1))
    }

    /// What tells those who have the lead from this campaign, or will have it.
    fn told_of(&self, lead_id: &str, campaign: &str, moment: &Moment) -> Result<Vec<Write<'static>>, Fault> {
        let Some(campaign) = self.last_good_campaign(campaign)? else { return Ok(Vec::new()) };
        let Some(magnet) = &campaign.magnet else { return Ok(Vec::new()) };
        let (from, to) = delivery_range(lead_id);
        let sql = "SELECT DISTINCT destination FROM delivery WHERE delivery_id >= ? AND delivery_id < ?
                     AND submission_id <> '' AND campaign = ? AND state NOT IN ('expired', 'withdrawn')";
        let data = json!({
            "lead_id": lead_id, "campaign": campaign.id,
            "engagement": { "kind": "download", "title": magnet.title, "at": rfc3339(moment.now_ms) },
        });
        let mut writes = Vec::new();
        let rows = self.store.rows(sql, &[(&from).into(), (&to).into(), (&campaign.id).into()])?;
        for (at, mut row) in rows.into_iter().enumerate() {
            let Some(destination) = campaign.destination(&row.text(0)?) else { continue };
            if self.consents_to(lead_id, &destination.needs)? {
                let receiver = receiver_of(destination);
                let to = (campaign.id.as_str(), destination.name.as_str(), receiver.as_str());
                writes.push(owned(notice_row(lead_id, to, ENGAGED, &data, at, moment)));
            }
        }
        Ok(writes)
    }

    /// Whether a person's consents, as they stand now, allow these purposes.
    pub(super) fn consents_to(&self, lead_id: &str, needs: &[String]) -> Result<bool, Fault> {
        let now = standing_of(&self.acts(lead_id)?);
        let valid: BTreeSet<_> =
            now.iter().filter(|one| one.state.is_valid()).map(|one| &one.purpose).collect();
        Ok(needs.iter().all(|need| valid.contains(need)))
    }

    /// What was downloaded of a lead, for its person.
    pub(super) fn engagements(&self, lead_id: &str) -> Result<Vec<Value>, Fault> {
        let sql = format!(
            "SELECT json_object('submission_id', submission_id, 'campaign', campaign, 'downloads', downloads,
               'first_at', {}) FROM engagement
             WHERE lead_id = ?",
            rfc3339_of("first_ms")
        );
        self.objects(&sql, &[lead_id.into()])
    }
}
