//! Unconfirmed submissions: the whole message is sealed until the owner of the address confirms it.

use super::Consents;
use crate::base::fault::Fault;
use crate::base::id::{LeadId, SubmissionId};
use crate::base::time::HOUR_MS;
use crate::campaign::IdentifierKind;
use crate::ledger::db::bucket::Bucket;
use crate::ledger::db::funnel::Milestone;
use crate::ledger::db::store::Store;
use crate::ledger::vault::payload_context;
use crate::ledger::wire::Admit;

/// The time for which a submission waits for its confirmation: a long weekend.
pub(in crate::ledger) const REQUEST_MS: i64 = 72 * HOUR_MS;

/// A submission that waits for its confirmation.
pub(in crate::ledger) struct Unconfirmed {
    pub(in crate::ledger) admit: Admit,
    pub(in crate::ledger) bucket: Bucket,
    pub(in crate::ledger) milestone: Milestone,
    pub(in crate::ledger) format: i64,
    /// The subject of its consents, if its row names it.
    pub(in crate::ledger) subject: Option<String>,
}

impl<S: Store> Consents<S> {
    /// Opens a submission that waits for its confirmation. `None` if it does not wait any more.
    pub(in crate::ledger) fn unconfirmed(
        &self,
        lead_id: &LeadId,
        submission_id: &SubmissionId,
    ) -> Result<Option<Unconfirmed>, Fault> {
        let Some(row) = self.db.unconfirmed(lead_id, submission_id)? else { return Ok(None) };
        let payload = row.payload.ok_or_else(|| Fault::new("a request's payload is gone"))?;
        let admit = self.vault.open_sealed(&payload, &payload_context(lead_id, submission_id))?;
        let (bucket, milestone, format, subject) = (row.bucket, row.milestone, row.format, row.subject);
        Ok(Some(Unconfirmed { admit, bucket, milestone, format, subject }))
    }
}

/// Returns the fingerprints of a submission's e-mail address, the current pepper's first.
pub(in crate::ledger) fn email_tags(admit: &Admit) -> impl Iterator<Item = &String> {
    let prints = admit.fingerprints.iter().filter(|print| print.kind == IdentifierKind::Email);
    prints.map(|print| &print.tag)
}
