//! Idempotency keys, and tokens of forms: values that only one submission should bring.

use super::Db;
use super::changes::Changes;
use super::store::{Arg, Store, write};
use crate::base::fault::Fault;
use crate::base::id::SubmissionId;
use crate::base::time::HOUR_MS;
use crate::ledger::wire::Admit;

/// The time for which an idempotency key is remembered. Clients that retry do so within minutes; a day covers
/// one that was offline.
const KEY_MS: i64 = 24 * HOUR_MS;

/// Stores the idempotency key of a submission, and its form's token, which stays with the first submission
/// that brought it.
pub(in crate::ledger) fn remember<'a>(admit: &'a Admit, now_ms: i64, changes: &mut Changes<'a>) {
    if let Some(tag) = &admit.idempotency_tag {
        let sql = "INSERT INTO idempotency (tag, submission_id, expires_ms) VALUES (?, ?, ?)
                   ON CONFLICT (tag) DO UPDATE SET
                     submission_id = excluded.submission_id, expires_ms = excluded.expires_ms";
        let args = [tag.into(), (&admit.submission_id).into(), (now_ms + KEY_MS).into()];
        changes.push(write(sql, args));
    }
    if let Some(token) = &admit.evidence.token {
        let sql = "INSERT INTO idempotency (tag, submission_id, expires_ms) VALUES (?, ?, ?)
                   ON CONFLICT DO NOTHING";
        let args = [(&token.tag).into(), (&admit.submission_id).into(), token.until_ms.into()];
        changes.push(write(sql, args));
    }
}

/// Removes the keys and tokens of submissions, a JSON list of ids.
pub(in crate::ledger) fn forget_keys(submissions: Arg<'static>, changes: &mut Changes<'_>) {
    let sql = "DELETE FROM idempotency WHERE submission_id IN (SELECT value FROM json_each(?))";
    changes.push(write(sql, [submissions]));
}

impl<S: Store> Db<S> {
    /// Returns the submission of an idempotency key.
    pub(in crate::ledger) fn submission_of_key(
        &self,
        tag: &str,
        now_ms: i64,
    ) -> Result<Option<SubmissionId>, Fault> {
        let sql = "SELECT submission_id FROM idempotency WHERE tag = ? AND expires_ms > ?";
        self.first(sql, &[tag.into(), now_ms.into()])
    }

    /// Returns whether another submission has brought a token.
    pub(in crate::ledger) fn is_token_reused(
        &self,
        tag: &str,
        submission_id: &SubmissionId,
    ) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM idempotency WHERE tag = ? AND submission_id <> ?";
        self.exists(sql, &[tag.into(), submission_id.into()])
    }

    /// Removes expired keys and tokens.
    pub(in crate::ledger) fn sweep_keys(&self, now_ms: i64) -> Result<(), Fault> {
        self.run("DELETE FROM idempotency WHERE expires_ms <= ?", &[now_ms.into()])
    }
}
