//! Expiry of requests that nobody has confirmed.

use super::chunk::CHUNK_ROWS;
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::ledger::db::changes::{Changes, Effects};
use crate::ledger::db::delivery;
use crate::ledger::db::request::ExpiredRequest;
use crate::ledger::db::state::State;
use crate::ledger::db::store::Store;
use crate::ledger::db::submission;
use crate::ledger::parts::Parts;

/// Ends expired requests, with the submissions that waited for them.
pub(super) fn expire_requests<S: Store>(parts: &Parts<S>, moment: &Moment) -> Result<(), Fault> {
    if !parts.schedule.has_expired(moment.now_ms) {
        return Ok(());
    }
    let expired = parts.db.expired_requests(moment.now_ms, CHUNK_ROWS)?;
    parts.transaction(|effects| {
        expired.iter().try_for_each(|one| expire(parts, one, moment.now_ms, effects))
    })?;
    parts.schedule.learn_expiry(&parts.db)
}

fn expire<S: Store>(
    parts: &Parts<S>,
    request: &ExpiredRequest,
    now_ms: i64,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let ExpiredRequest { lead_id, submission_id, .. } = request;
    let unconfirmed = parts.db.unconfirmed(lead_id, submission_id)?;
    // With it ends what came beside it and was never confirmed.
    parts.db.remove_unconfirmed(lead_id, submission_id, now_ms)?;
    if let Some(one) = unconfirmed {
        let mut changes = Changes::default();
        let (from, to) = (State::Unconfirmed, State::Expired);
        submission::end(lead_id, submission_id, &one.bucket, from, to, &mut changes);
        delivery::stop_mails(lead_id, now_ms, &mut changes);
        parts.db.apply(changes, effects)?;
        parts.db.remove_deliveries_of_request(lead_id, effects)?;
    }
    parts.db.remove_request(request, effects)
}
