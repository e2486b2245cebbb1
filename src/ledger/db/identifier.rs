//! Identifiers: the keyed hashes by which leads are recognised, those that leads only carry, and those of
//! other people whom a submission mentions.

use super::Db;
use super::changes::Changes;
use super::row::row;
use super::store::{Arg, Store, union_all, write};
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::ledger::db::json_list;

/// The number of leads of one identifier that are read, the newest. Somebody may let many share a phone
/// number; the cost of a post stays bounded.
const MAX_LEADS: usize = 8;

row! {
    /// A lead that a fingerprint identifies.
    pub(in crate::ledger) struct Match {
        pub(in crate::ledger) tag: String,
        pub(in crate::ledger) lead_id: LeadId,
        /// The time of its last post.
        pub(in crate::ledger) last_ms: i64,
        pub(in crate::ledger) format: i64,
    }
}

/// The role of an identifier of a lead.
#[derive(Clone, Copy)]
pub(in crate::ledger) enum IdentifierRole {
    /// The lead is recognised by it.
    Recognising,
    /// Only access and erasure look for it.
    Carried,
}

impl IdentifierRole {
    /// Both roles.
    pub(in crate::ledger) const ALL: [Self; 2] = [Self::Recognising, Self::Carried];

    fn table(self) -> &'static str {
        match self {
            Self::Recognising => "fingerprint",
            Self::Carried => "carried",
        }
    }
}

/// Adds identifiers to a lead.
pub(in crate::ledger) fn add_identifiers(
    role: IdentifierRole,
    tags: Vec<String>,
    lead_id: &LeadId,
    changes: &mut Changes<'_>,
) {
    if tags.is_empty() {
        return;
    }
    let holes = vec!["(?, ?)"; tags.len()].join(", ");
    let sql = format!("INSERT INTO {} (tag, lead_id) VALUES {holes} ON CONFLICT DO NOTHING", role.table());
    let pairs: Vec<_> = tags.into_iter().flat_map(|tag| [tag.into(), lead_id.clone().into()]).collect();
    changes.push(write(sql, pairs));
}

/// Removes identifiers from a lead.
pub(in crate::ledger) fn remove_identifiers(lead_id: &LeadId, tags: &[String], changes: &mut Changes<'_>) {
    for role in IdentifierRole::ALL {
        let sql = format!(
            "DELETE FROM {} WHERE lead_id = ? AND tag IN (SELECT value FROM json_each(?))",
            role.table()
        );
        changes.push(write(sql, [lead_id.clone().into(), json_list(tags)]));
    }
}

/// Adds the mention of somebody in a further field of a submission.
pub(in crate::ledger) fn add_mention(
    tag: String,
    lead_id: &LeadId,
    submission_id: &SubmissionId,
    changes: &mut Changes<'_>,
) {
    let sql = "INSERT INTO mentioned (tag, lead_id, submission_id) VALUES (?, ?, ?)
               ON CONFLICT DO NOTHING";
    changes.push(write(sql, [tag.into(), lead_id.clone().into(), submission_id.clone().into()]));
}

/// Moves the mentions of a submission to the one that takes it up.
pub(in crate::ledger) fn move_mentions<'a>(
    lead_id: &'a LeadId,
    from: &'a SubmissionId,
    to: &'a SubmissionId,
    changes: &mut Changes<'a>,
) {
    let sql = "UPDATE OR IGNORE mentioned SET submission_id = ? WHERE lead_id = ? AND submission_id = ?";
    changes.push(write(sql, [to.into(), lead_id.into(), from.into()]));
}

/// Removes the mentions in submissions of a lead, a JSON list of ids.
pub(in crate::ledger) fn erase_mentions(
    lead_id: &LeadId,
    submissions: Arg<'static>,
    changes: &mut Changes<'_>,
) {
    let sql = "DELETE FROM mentioned
               WHERE lead_id = ? AND submission_id IN (SELECT value FROM json_each(?))";
    changes.push(write(sql, [lead_id.clone().into(), submissions]));
}

impl<S: Store> Db<S> {
    /// Returns the leads of these fingerprints whose deduplication windows end after a time.
    pub(in crate::ledger) fn matches<'a>(
        &self,
        tags: impl ExactSizeIterator<Item = &'a String>,
        now_ms: i64,
    ) -> Result<Vec<Match>, Fault> {
        let sql = matching(tags.len());
        let args: Vec<Arg<'_>> = tags.map(Arg::from).chain([now_ms.into()]).collect();
        self.all(&sql, &args)
    }

    /// Returns whether a lead has all of these identifiers.
    pub(in crate::ledger) fn has_identifiers(
        &self,
        lead_id: &LeadId,
        tags: &[String],
    ) -> Result<bool, Fault> {
        let sql = "SELECT count(*) FROM json_each(?2) asked
                   WHERE EXISTS (SELECT 1 FROM fingerprint WHERE tag = asked.value AND lead_id = ?1)
                      OR EXISTS (SELECT 1 FROM carried WHERE tag = asked.value AND lead_id = ?1)";
        let found: i64 = self.only(sql, &[lead_id.into(), json_list(tags)])?;
        Ok(usize::try_from(found).is_ok_and(|found| found == tags.len()))
    }

    /// Returns the leads with any of these identifiers, those of requests to confirm included.
    pub(in crate::ledger) fn leads_with(&self, tags: &[String]) -> Result<Vec<LeadId>, Fault> {
        let mut leads = Vec::new();
        for table in ["fingerprint", "carried", "request"] {
            let sql = format!("SELECT lead_id FROM {table} WHERE tag IN (SELECT value FROM json_each(?))");
            leads.extend(self.all::<LeadId>(&sql, &[json_list(tags)])?);
        }
        Ok(leads)
    }

    /// Returns those of these identifiers that a lead has.
    pub(in crate::ledger) fn identifiers_of(
        &self,
        lead_id: &LeadId,
        tags: &[String],
    ) -> Result<Vec<String>, Fault> {
        let sql =
            "SELECT tag FROM fingerprint WHERE lead_id = ?1 AND tag IN (SELECT value FROM json_each(?2))
                   UNION SELECT tag FROM carried WHERE lead_id = ?1
                     AND tag IN (SELECT value FROM json_each(?2))";
        self.all(sql, &[lead_id.into(), json_list(tags)])
    }

    /// Returns the submissions, with their leads, whose further fields mention any of these identifiers.
    pub(in crate::ledger) fn mentions(&self, tags: &[String]) -> Result<Vec<(LeadId, SubmissionId)>, Fault> {
        let sql = "SELECT DISTINCT lead_id, submission_id FROM mentioned
                   WHERE tag IN (SELECT value FROM json_each(?))";
        self.all(sql, &[json_list(tags)])
    }

    /// Removes all mentions of these identifiers.
    pub(in crate::ledger) fn remove_mentions(&self, tags: &[String]) -> Result<(), Fault> {
        let sql = "DELETE FROM mentioned WHERE tag IN (SELECT value FROM json_each(?))";
        self.run(sql, &[json_list(tags)])
    }

    /// Removes the mentions in submissions whose payload is gone.
    pub(in crate::ledger) fn sweep_mentions(&self) -> Result<(), Fault> {
        let sql = "DELETE FROM mentioned WHERE NOT EXISTS (SELECT 1 FROM submission s
                     WHERE s.lead_id = mentioned.lead_id AND s.submission_id = mentioned.submission_id
                       AND s.payload IS NOT NULL)";
        self.run(sql, &[])
    }

    /// Removes, between two hashes, the identifiers of leads of which nothing is left.
    pub(in crate::ledger) fn sweep_identifiers(
        &self,
        role: IdentifierRole,
        after: &str,
        to: &str,
    ) -> Result<(), Fault> {
        let table = role.table();
        let sql = format!(
            "DELETE FROM {table} WHERE tag > ? AND tag <= ? AND NOT EXISTS
               (SELECT 1 FROM submission s WHERE s.lead_id = {table}.lead_id)
             AND NOT EXISTS (SELECT 1 FROM act a WHERE a.lead_id = {table}.lead_id
               AND a.personal IS NOT NULL)"
        );
        self.run(&sql, &[after.into(), to.into()])
    }

    /// Returns the hash after which the next chunk of so many begins. `None` if this one is the last.
    pub(in crate::ledger) fn end_of_identifiers(
        &self,
        role: IdentifierRole,
        after: &str,
        rows: i64,
    ) -> Result<Option<String>, Fault> {
        self.end_of_chunk(role.table(), "tag", after, rows)
    }
}

/// Returns the query for the leads of so many fingerprints whose windows end after a time.
fn matching(prints: usize) -> String {
    let newest = format!(
        "SELECT * FROM (SELECT tag, lead_id FROM fingerprint WHERE tag = ? ORDER BY lead_id DESC
           LIMIT {MAX_LEADS})"
    );
    let found = union_all(vec![newest; prints]);
    // All of a lead without a row of its own follows from its only submission.
    let of_lead = |column: &str, stored: &str| {
        format!("coalesce(l.{stored}, (SELECT max({column}) FROM submission s WHERE s.lead_id = f.lead_id))")
    };
    format!(
        "SELECT f.tag, f.lead_id, {}, {} FROM ({found}) f LEFT JOIN lead l ON l.lead_id = f.lead_id
         WHERE {} > ?",
        of_lead("at_ms", "last_ms"),
        of_lead("format", "format"),
        of_lead("known_until_ms", "known_until_ms"),
    )
}
