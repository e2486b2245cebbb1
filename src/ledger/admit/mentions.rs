//! Mentions of other people in a submission's further fields, for access and erasure.

use crate::base::id::{LeadId, SubmissionId};
use crate::ledger::db::changes::Changes;
use crate::ledger::db::identifier::add_mention;
use crate::pipeline::lead::{Identifier, Identity};

/// Adds the mention of somebody in a further field of a submission.
pub(super) fn mention(
    identity: &Identity,
    one: &Identifier,
    lead_id: &LeadId,
    submission_id: &SubmissionId,
    changes: &mut Changes<'_>,
) {
    if let Some(tag) = identity.current_tag(one) {
        add_mention(tag, lead_id, submission_id, changes);
    }
}
