//! Replays of dead letters, and the resumption of destinations that responded with 410.

use crate::base::fault::Fault;
use crate::base::id::DeliveryId;
use crate::base::moment::Moment;
use crate::ledger::api::{Conflict, Count, Enable, ReplayAll};
use crate::ledger::db::state::DeliveryState;
use crate::ledger::db::store::Store;
use crate::ledger::outbox::settle::settle_submission;
use crate::ledger::parts::Parts;

/// The number of deliveries that are replayed in one go: each is four rows written, and leads must not wait
/// for long.
pub const MAX_REPLAYED: i64 = 500;

/// Replays a dead letter. `None` if there is no such delivery.
pub(in crate::ledger) fn replay<S: Store>(
    parts: &Parts<S>,
    delivery_id: &DeliveryId,
    moment: &Moment,
) -> Result<Option<Result<Count, Conflict>>, Fault> {
    match parts.db.delivery_state(delivery_id)? {
        None => Ok(None),
        Some(DeliveryState::Dead) => {
            replay_each(parts, std::slice::from_ref(delivery_id), moment).map(|count| Some(Ok(count)))
        }
        Some(_) => Ok(Some(Err(Conflict))),
    }
}

/// Replays a part of a campaign's dead letters: those that had been given up before a time. Later ones stay.
pub(in crate::ledger) fn replay_all<S: Store>(
    parts: &Parts<S>,
    request: &ReplayAll,
    moment: &Moment,
) -> Result<Count, Fault> {
    let until_ms = request.to_ms.unwrap_or(moment.now_ms);
    let dead = parts.db.dead_letters(&request.campaign, until_ms, moment.now_ms, MAX_REPLAYED)?;
    replay_each(parts, &dead, moment)
}

/// Replays deliveries. Each keeps its `webhook-id` and gets the whole schedule again.
fn replay_each<S: Store>(parts: &Parts<S>, ids: &[DeliveryId], moment: &Moment) -> Result<Count, Fault> {
    parts.transaction(|effects| {
        for id in ids {
            if let Some(of) = parts.db.replay(id, moment.now_ms, effects)? {
                settle_submission(&parts.db, &of.lead_id, &of.submission_id, effects)?;
            }
        }
        Ok(())
    })?;
    Ok(Count(i64::try_from(ids.len()).unwrap_or(i64::MAX)))
}

/// Enables a destination that responded with 410.
pub(in crate::ledger) fn enable<S: Store>(
    parts: &Parts<S>,
    Enable { campaign, destination }: &Enable,
    moment: &Moment,
) -> Result<Count, Fault> {
    let resumed = parts.transaction(|effects| parts.db.enable(campaign, destination, moment.now_ms, effects));
    resumed.map(Count)
}
