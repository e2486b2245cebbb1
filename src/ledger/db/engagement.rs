//! Downloads of campaigns' magnets, by the submission that got the link.

use serde_json::Value;

use super::Db;
use super::changes::Changes;
use super::row::row;
use super::store::{Arg, Store, rfc3339_of, write};
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};

row! {
    /// The downloads of a submission's link.
    pub(in crate::ledger) struct Downloads {
        pub(in crate::ledger) lead_id: LeadId,
        pub(in crate::ledger) campaign: String,
        pub(in crate::ledger) downloads: i64,
    }
}

/// Stores a link, under the current lead of its submission, until a time.
pub(in crate::ledger) fn store_link<'a>(
    submission_id: &'a SubmissionId,
    lead_id: &'a LeadId,
    campaign: &'a str,
    until_ms: i64,
    changes: &mut Changes<'a>,
) {
    let sql = "INSERT INTO engagement (submission_id, lead_id, campaign, until_ms) VALUES (?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET lead_id = excluded.lead_id, until_ms = excluded.until_ms";
    changes.push(write(sql, [submission_id.into(), lead_id.into(), campaign.into(), until_ms.into()]));
}

/// Counts a download.
pub(in crate::ledger) fn count_download<'a>(
    submission_id: &'a SubmissionId,
    now_ms: i64,
    changes: &mut Changes<'a>,
) {
    let sql = "UPDATE engagement SET downloads = downloads + 1, first_ms = coalesce(first_ms, ?)
               WHERE submission_id = ?";
    changes.push(write(sql, [now_ms.into(), submission_id.into()]));
}

/// Erases the downloads of a lead's submissions, a JSON list of ids. The owner of a link whose submission has
/// ended is not known, so it goes too.
pub(in crate::ledger) fn erase_downloads(
    lead_id: &LeadId,
    submissions: Arg<'static>,
    changes: &mut Changes<'_>,
) {
    let sql = "DELETE FROM engagement WHERE lead_id = ?1
                 AND (submission_id IN (SELECT value FROM json_each(?2)) OR NOT EXISTS (SELECT 1
                   FROM submission s WHERE s.lead_id = ?1 AND s.submission_id = engagement.submission_id))";
    changes.push(write(sql, [lead_id.clone().into(), submissions]));
}

impl<S: Store> Db<S> {
    /// Returns the downloads of a submission's link.
    pub(in crate::ledger) fn downloads(
        &self,
        submission_id: &SubmissionId,
    ) -> Result<Option<Downloads>, Fault> {
        let sql = format!("SELECT {} FROM engagement WHERE submission_id = ?", Downloads::COLUMNS);
        self.first(&sql, &[submission_id.into()])
    }

    /// Returns the downloads of submissions, a JSON list of ids, as they are shown.
    pub(in crate::ledger) fn downloads_shown(&self, submissions: Arg<'_>) -> Result<Vec<Value>, Fault> {
        let sql = format!(
            "SELECT json_object('submission_id', submission_id, 'campaign', campaign, 'downloads', downloads,
               'first_at', {}) FROM engagement
             WHERE submission_id IN (SELECT value FROM json_each(?))",
            rfc3339_of("first_ms")
        );
        self.objects(&sql, &[submissions])
    }

    /// Removes expired links.
    pub(in crate::ledger) fn sweep_links(&self, now_ms: i64) -> Result<(), Fault> {
        self.run("DELETE FROM engagement WHERE until_ms <= ?", &[now_ms.into()])
    }
}
