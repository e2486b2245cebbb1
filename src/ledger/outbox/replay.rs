//! An operator sends again what was given up, and lets a destination that answered 410 have its deliveries.

use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::ledger::api::{Conflict, Count, Enable, ReplayAll};
use crate::ledger::db::store::Store;
use crate::ledger::parts::Parts;

/// Deliveries that are replayed in one go: each is four rows written, and leads must not wait for long.
pub const MAX_REPLAYED: i64 = 500;

pub(in crate::ledger) fn replay<S: Store>(
    parts: &Parts<S>,
    delivery_id: &str,
    moment: &Moment,
) -> Result<Option<Result<Count, Conflict>>, Fault> {
    let sql = "SELECT state FROM delivery WHERE delivery_id = ?";
    let Some(mut row) = parts.db.row(sql, &[delivery_id.into()])? else {
        return Ok(None);
    };
    if row.text(0)? != "dead" {
        return Ok(Some(Err(Conflict)));
    }
    Ok(Some(Ok(replay_ids(parts, &[delivery_id.to_owned()], moment)?)))
}

/// Those of a campaign that were dead at a time, so many at once; what dies again meanwhile stays. What a
/// clock that was ahead has settled was dead before.
pub(in crate::ledger) fn replay_all<S: Store>(
    parts: &Parts<S>,
    request: &ReplayAll,
    moment: &Moment,
) -> Result<Count, Fault> {
    let sql = format!(
        "SELECT delivery_id FROM delivery WHERE state = 'dead' AND campaign = ?
           AND (coalesce(settled_ms, 0) <= ? OR settled_ms > ?) LIMIT {MAX_REPLAYED}"
    );
    let to_ms = request.to_ms.unwrap_or(moment.now_ms);
    let args = [(&request.campaign).into(), to_ms.into(), moment.now_ms.into()];
    let mut dead = Vec::new();
    for mut row in parts.db.rows(&sql, &args)? {
        dead.push(row.text(0)?);
    }
    replay_ids(parts, &dead, moment)
}

/// A replay keeps its `webhook-id` and gets the whole schedule again.
fn replay_ids<S: Store>(parts: &Parts<S>, ids: &[String], moment: &Moment) -> Result<Count, Fault> {
    parts.db.atomically(&mut || {
        for id in ids {
            let sql = "UPDATE delivery SET state = 'pending', due_ms = ?, attempt_count = 0,
                         settled_ms = NULL WHERE delivery_id = ?
                       RETURNING lead_id, submission_id";
            for mut row in parts.db.rows(sql, &[moment.now_ms.into(), id.into()])? {
                parts.outbox.settle_submission(&row.text(0)?, &row.text(1)?)?;
            }
        }
        Ok(())
    })?;
    parts.outbox.learn_what_is_due()?;
    Ok(Count(i64::try_from(ids.len()).unwrap_or(i64::MAX)))
}

pub(in crate::ledger) fn enable<S: Store>(
    parts: &Parts<S>,
    Enable { campaign, destination }: &Enable,
    moment: &Moment,
) -> Result<Count, Fault> {
    let mut resumed = 0;
    parts.db.atomically(&mut || {
        let place = [campaign.into(), destination.into()];
        parts.db.run("DELETE FROM disabled WHERE campaign = ? AND destination = ?", &place)?;
        let sql = "UPDATE delivery SET state = 'pending', due_ms = ?, attempt_count = 0,
                     settled_ms = NULL
                   WHERE state = 'paused' AND campaign = ? AND destination = ? RETURNING 1";
        let args = [moment.now_ms.into(), campaign.into(), destination.into()];
        resumed = i64::try_from(parts.db.rows(sql, &args)?.len()).unwrap_or(i64::MAX);
        Ok(())
    })?;
    parts.outbox.learn_what_is_due()?;
    Ok(Count(resumed))
}
