//! Stored campaigns: the last copy of each, and those by which quarantined submissions will be judged.

use super::Db;
use super::changes::Changes;
use super::store::{Arg, Store, write};
use crate::base::fault::Fault;

/// Stores the campaign by which a quarantined submission will be judged.
pub(in crate::ledger) fn store_revision<'a>(revision: &'a str, stored: String, changes: &mut Changes<'a>) {
    let sql = "INSERT INTO revision (revision, stored) VALUES (?, ?) ON CONFLICT DO NOTHING";
    changes.push(write(sql, [revision.into(), stored.into()]));
}

impl<S: Store> Db<S> {
    /// Returns the last copy of a campaign.
    pub(in crate::ledger) fn campaign(&self, id: &str) -> Result<Option<String>, Fault> {
        self.first("SELECT stored FROM campaign WHERE id = ?", &[id.into()])
    }

    /// Returns the last copy of a campaign, if it is of this revision.
    pub(in crate::ledger) fn campaign_of(&self, id: &str, revision: &str) -> Result<Option<String>, Fault> {
        let sql = "SELECT stored FROM campaign WHERE id = ? AND revision = ?";
        self.first(sql, &[id.into(), revision.into()])
    }

    /// Stores a copy of a campaign.
    pub(in crate::ledger) fn put_campaign(
        &self,
        id: &str,
        revision: &str,
        stored: &str,
    ) -> Result<(), Fault> {
        let sql = "INSERT INTO campaign (id, revision, stored) VALUES (?, ?, ?) ON CONFLICT (id)
                   DO UPDATE SET revision = excluded.revision, stored = excluded.stored";
        self.run(sql, &[id.into(), revision.into(), stored.into()])
    }

    /// Returns campaigns with the names of the secrets that sign their webhooks.
    pub(in crate::ledger) fn signing_secrets(&self) -> Result<Vec<(String, String)>, Fault> {
        let sql = "SELECT DISTINCT c.id, json_extract(d.value, '$.secret')
                   FROM campaign c, json_each(c.stored, '$.campaign.destination') d
                   WHERE coalesce(json_extract(d.value, '$.kind'), 'webhook') = 'webhook'";
        self.all(sql, &[])
    }

    /// Returns the ids and revisions of campaigns' copies after an id, at most so many.
    pub(in crate::ledger) fn campaign_copies(
        &self,
        after: &str,
        limit: i64,
    ) -> Result<Vec<(String, String)>, Fault> {
        let sql = "SELECT id, revision FROM campaign WHERE id > ? ORDER BY id LIMIT ?";
        self.all(sql, &[after.into(), limit.into()])
    }

    /// Returns the campaign of a revision, if a quarantined submission will be judged by it.
    pub(in crate::ledger) fn revision(&self, revision: &str) -> Result<Option<String>, Fault> {
        self.first("SELECT stored FROM revision WHERE revision = ?", &[revision.into()])
    }

    /// Removes the campaigns of which nothing is quarantined any more; quarantined leads lie between these
    /// ids.
    pub(in crate::ledger) fn sweep_revisions(&self, leads: [&str; 2]) -> Result<(), Fault> {
        let sql = "DELETE FROM revision WHERE revision NOT IN (SELECT json_extract(quarantine, '$.revision')
                     FROM submission WHERE lead_id >= ? AND lead_id < ? AND quarantine IS NOT NULL)";
        self.run(sql, &leads.map(Arg::from))
    }
}
