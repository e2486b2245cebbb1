//! Nothing stays without an end: dead letters, people whose window has passed, idempotency keys.
//! A sweep goes through the tables in chunks, so that no alarm takes long.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::state::Bucket;
use super::store::Store;
use super::{Ledger, State};
use crate::fault::Fault;
use crate::moment::{DAY_MS, HOUR_MS, Moment};

/// A dead letter, and a delivery to a destination that answered 410, can be brought back for so
/// long: a month covers a holiday and a monthly report.
pub const DEAD_DAYS: i64 = 30;
/// Terms are counted in days; four sweeps a day end them in time.
const SWEEP_EVERY_MS: i64 = 6 * HOUR_MS;
/// Between the chunks of one sweep, so that leads come first.
const CHUNK_PAUSE_MS: i64 = 1_000;
/// Rows of a chunk: a few milliseconds.
const CHUNK_ROWS: i64 = 500;
/// Beyond every key that a table holds.
const NO_MORE: &str = "\u{10ffff}";

/// Where the running sweep is.
#[derive(Default, Deserialize, Serialize)]
struct Cursor {
    phase: Phase,
    after: String,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Serialize)]
enum Phase {
    #[default]
    Deliveries,
    Leads,
    Fingerprints,
}

#[derive(Deserialize)]
struct Ended {
    lead_id: String,
    ended: i64,
}

#[derive(Deserialize)]
struct HeldRow {
    #[serde(flatten)]
    bucket: Bucket,
}

impl<S: Store> Ledger<S> {
    pub(super) fn plan_first_sweep(&self, now_ms: i64) -> Result<(), Fault> {
        let at = self.store.texts("SELECT value FROM meta WHERE key = 'next_sweep_ms'", &[])?;
        match at.first().and_then(|text| text.parse().ok()) {
            Some(at) => self.next_sweep_ms.set(at),
            None => self.plan_sweep(now_ms + SWEEP_EVERY_MS)?,
        }
        Ok(())
    }

    fn plan_sweep(&self, at_ms: i64) -> Result<(), Fault> {
        self.next_sweep_ms.set(at_ms);
        self.put_meta("next_sweep_ms", &at_ms.to_string())
    }

    fn put_meta(&self, key: &str, value: &str) -> Result<(), Fault> {
        let sql = "INSERT INTO meta (key, value) VALUES (?, ?)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.store.run(sql, &[key.into(), value.into()])
    }

    /// Does a chunk of the sweep where one is due.
    ///
    /// # Errors
    /// The database's; the chunk is done again then.
    pub fn sweep(&self, moment: &Moment) -> Result<(), Fault> {
        if self.next_sweep_ms.get() > moment.now_ms {
            return Ok(());
        }
        let cursor = self.store.rows::<Cursor>("SELECT value FROM meta WHERE key = 'sweep'", &[])?;
        let cursor = cursor.into_iter().next().unwrap_or_default();
        let mut next = None;
        self.store.atomically(&mut || {
            let last = match cursor.phase {
                Phase::Deliveries => self.sweep_deliveries(&cursor.after, moment)?,
                Phase::Leads => self.sweep_leads(&cursor.after, moment)?,
                Phase::Fingerprints => self.sweep_fingerprints(&cursor.after)?,
            };
            next = match (last, cursor.phase) {
                (Some(after), phase) => Some(Cursor { phase, after }),
                (None, Phase::Deliveries) => Some(Cursor { phase: Phase::Leads, after: String::new() }),
                (None, Phase::Leads) => Some(Cursor { phase: Phase::Fingerprints, after: String::new() }),
                (None, Phase::Fingerprints) => None,
            };
            self.store.run("DELETE FROM idempotency WHERE expires_ms <= ?", &[moment.now_ms.into()])?;
            self.put_meta("sweep", &json!(next.as_ref().unwrap_or(&Cursor::default())).to_string())?;
            let wait_ms = if next.is_some() { CHUNK_PAUSE_MS } else { SWEEP_EVERY_MS };
            self.plan_sweep(moment.now_ms + wait_ms)
        })
    }

    /// The key behind which the next chunk begins; nothing where this one is the last.
    fn chunk_end(&self, table: &str, key: &str, after: &str) -> Result<Option<String>, Fault> {
        let sql = format!("SELECT {key} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT 1 OFFSET ?");
        let end = self.store.texts(&sql, &[after.into(), (CHUNK_ROWS - 1).into()])?;
        Ok(end.into_iter().next())
    }

    fn sweep_deliveries(&self, after: &str, moment: &Moment) -> Result<Option<String>, Fault> {
        let end = self.chunk_end("delivery", "delivery_id", after)?;
        let sql = "UPDATE delivery SET state = 'expired' WHERE delivery_id > ? AND delivery_id <= ?
                   AND state IN ('dead', 'paused') AND settled_ms <= ?
                   RETURNING json_array(lead_id, submission_id)";
        let to = end.as_deref().unwrap_or(NO_MORE);
        let before = moment.now_ms - DEAD_DAYS * DAY_MS;
        let expired: Vec<(String, String)> =
            self.store.rows(sql, &[after.into(), to.into(), before.into()])?;
        for (lead_id, submission_id) in expired {
            self.settle_submission(&lead_id, &submission_id)?;
        }
        Ok(end)
    }

    /// A lead ends with its window, unless a delivery of it can still arrive.
    fn sweep_leads(&self, after: &str, moment: &Moment) -> Result<Option<String>, Fault> {
        let sql = "SELECT json_object('lead_id', s.lead_id, 'ended', max(s.known_until_ms) <= ?
                     AND NOT EXISTS (SELECT 1 FROM delivery d
                       WHERE d.delivery_id >= 'msg_' || substr(s.lead_id, 6)
                         AND d.delivery_id < 'msg_' || substr(s.lead_id, 6) || '~'
                         AND d.state IN ('pending', 'paused', 'dead')))
                   FROM submission s WHERE s.lead_id > ?
                   GROUP BY s.lead_id ORDER BY s.lead_id LIMIT ?";
        let args = [moment.now_ms.into(), after.into(), CHUNK_ROWS.into()];
        let leads: Vec<Ended> = self.store.rows(sql, &args)?;
        let full = i64::try_from(leads.len()).is_ok_and(|read| read == CHUNK_ROWS);
        let end = leads.last().filter(|_| full).map(|last| last.lead_id.clone());
        for lead in leads.iter().filter(|lead| lead.ended == 1) {
            let id = (&lead.lead_id).into();
            let sql = "SELECT json_object('campaign', campaign, 'hour', hour, 'source', source)
                       FROM submission WHERE lead_id = ? AND state = 'held'";
            for held in self.store.rows::<HeldRow>(sql, &[id])? {
                held.bucket.transfer(&self.store, State::Held, State::Expired)?;
            }
            self.store.run("DELETE FROM submission WHERE lead_id = ?", &[id])?;
            let sql = "DELETE FROM delivery WHERE delivery_id >= 'msg_' || substr(?, 6)
                       AND delivery_id < 'msg_' || substr(?, 6) || '~'";
            self.store.run(sql, &[id, id])?;
        }
        Ok(end)
    }

    /// A fingerprint ends with the lead that it leads to.
    fn sweep_fingerprints(&self, after: &str) -> Result<Option<String>, Fault> {
        let end = self.chunk_end("fingerprint", "tag", after)?;
        let sql = "DELETE FROM fingerprint WHERE tag > ? AND tag <= ? AND NOT EXISTS
                     (SELECT 1 FROM submission s WHERE s.lead_id = fingerprint.lead_id)";
        self.store.run(sql, &[after.into(), end.as_deref().unwrap_or(NO_MORE).into()])?;
        Ok(end)
    }
}
