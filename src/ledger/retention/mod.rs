//! Retention: everything stored has an end. Dead letters, held leads, people whose window has passed,
//! consents, the record of them, idempotency keys: a sweep goes through the tables in chunks, so that no
//! alarm takes long. On its way it reseals what an older key has sealed, so that the key can be destroyed.

mod acts;
mod chunk;
mod cursor;
mod leads;
mod requests;

use self::chunk::{CHUNK_ROWS, NO_MORE};
use self::cursor::{Cursor, Phase};
use super::db::changes::Effects;
use super::db::identifier::IdentifierRole;
use super::db::lead::forget_recipients;
use super::db::store::Store;
use super::outbox::settle::settle_submission;
use super::parts::Parts;
use super::presence::QUARANTINED_LEADS;
use super::schedule::{DEAD_DAYS, NEXT_SWEEP, SWEEP_EVERY_MS};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::base::time::DAY_MS;
use crate::ledger::db::changes::Changes;

/// The pause between the chunks of one sweep, so that leads come first.
const CHUNK_PAUSE_MS: i64 = 1_000;

/// Ends expired requests, runs a chunk of the sweep if one is due, and the next step of a running table
/// migration.
///
/// # Errors
/// The database's; the chunk is run again then.
pub(super) fn sweep<S: Store>(parts: &Parts<S>, moment: &Moment) -> Result<(), Fault> {
    requests::expire_requests(parts, moment)?;
    sweep_chunk(parts, moment)?;
    parts.outbox.move_mark()?;
    parts.db.move_on(moment.now_ms)
}

fn sweep_chunk<S: Store>(parts: &Parts<S>, moment: &Moment) -> Result<(), Fault> {
    if !parts.schedule.is_sweep_due(moment.now_ms) {
        return Ok(());
    }
    let cursor = Cursor::read(&parts.db)?;
    let next_sweep_ms = parts.transaction(|effects| {
        let after = cursor.after.as_str();
        let last = match cursor.phase {
            Phase::Deliveries => sweep_deliveries(parts, after, moment, effects)?,
            Phase::Leads => leads::sweep_leads(parts, after, moment, effects)?,
            Phase::Acts => acts::sweep_acts(parts, after, moment, effects)?,
            Phase::Identifiers(role) => sweep_identifiers(parts, role, after)?,
        };
        let next = cursor.next(last);
        if next.is_none() {
            sweep_rest(parts, moment.now_ms)?;
        }
        let pause_ms = if next.is_some() { CHUNK_PAUSE_MS } else { SWEEP_EVERY_MS };
        next.unwrap_or(Cursor::START).store(&parts.db)?;
        parts.db.put_meta(NEXT_SWEEP, &(moment.now_ms + pause_ms).to_string())?;
        Ok(moment.now_ms + pause_ms)
    })?;
    parts.schedule.set_next_sweep(next_sweep_ms);
    Ok(())
}

fn sweep_deliveries<S: Store>(
    parts: &Parts<S>,
    after: &str,
    moment: &Moment,
    effects: &mut Effects,
) -> Result<Option<String>, Fault> {
    let end = parts.db.end_of_deliveries(after, CHUNK_ROWS)?;
    let to = end.as_deref().unwrap_or(NO_MORE);
    let before_ms = moment.now_ms - DEAD_DAYS * DAY_MS;
    for of in parts.db.expire_deliveries(after, to, before_ms)? {
        settle_submission(&parts.db, &of.lead_id, &of.submission_id, effects)?;
        let mut changes = Changes::default();
        forget_recipients(&of.lead_id, &mut changes);
        parts.db.apply(changes, effects)?;
    }
    // Those of a lead go with it; these have none any more.
    parts.db.remove_ended_deliveries(after, to, before_ms)?;
    Ok(end)
}

/// Removes the identifiers of leads of which nothing is left.
fn sweep_identifiers<S: Store>(
    parts: &Parts<S>,
    role: IdentifierRole,
    after: &str,
) -> Result<Option<String>, Fault> {
    let end = parts.db.end_of_identifiers(role, after, CHUNK_ROWS)?;
    parts.db.sweep_identifiers(role, after, end.as_deref().unwrap_or(NO_MORE))?;
    Ok(end)
}

/// Removes expired rows of the tables that need no chunks.
fn sweep_rest<S: Store>(parts: &Parts<S>, now_ms: i64) -> Result<(), Fault> {
    parts.db.sweep_keys(now_ms)?;
    parts.db.sweep_links(now_ms)?;
    parts.db.sweep_mentions()?;
    parts.db.sweep_revisions(QUARANTINED_LEADS)
}
