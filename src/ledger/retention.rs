//! Nothing stays without an end: dead letters, people whose window has passed, idempotency keys.
//! A sweep goes through the tables in chunks, so that no alarm takes long.

use super::admit::{delivery_range, is_delivery_of};
use super::schema::ROW_FORMAT;
use super::state::Bucket;
use super::store::Store;
use super::{Ledger, State};
use crate::fault::Fault;
use crate::moment::{DAY_MS, Moment};

/// A dead letter, and a delivery to a destination that answered 410, can be brought back for so
/// long: a month covers a holiday and a monthly report.
pub const DEAD_DAYS: i64 = 30;
/// Terms are counted in days, and a sweep reads every row.
const SWEEP_EVERY_MS: i64 = DAY_MS;
/// Between the chunks of one sweep, so that leads come first.
const CHUNK_PAUSE_MS: i64 = 1_000;
/// Rows of a chunk: a few milliseconds.
const CHUNK_ROWS: i64 = 500;
/// Beyond every key that a table holds.
const NO_MORE: &str = "\u{10ffff}";

/// The tables, in the order in which a sweep goes through them.
#[derive(Clone, Copy)]
enum Phase {
    Deliveries,
    Leads,
    Fingerprints,
}

/// Where the running sweep is: its phase, and the key that it has come to.
struct Cursor {
    phase: Phase,
    after: String,
}

impl Cursor {
    const START: Self = Self { phase: Phase::Deliveries, after: String::new() };

    fn parse(text: &str) -> Option<Self> {
        let (phase, after) = text.split_once(' ')?;
        let phase = match phase {
            "deliveries" => Phase::Deliveries,
            "leads" => Phase::Leads,
            "fingerprints" => Phase::Fingerprints,
            _ => return None,
        };
        Some(Self { phase, after: after.to_owned() })
    }

    fn to_text(&self) -> String {
        let phase = match self.phase {
            Phase::Deliveries => "deliveries",
            Phase::Leads => "leads",
            Phase::Fingerprints => "fingerprints",
        };
        format!("{phase} {}", self.after)
    }
}

impl<S: Store> Ledger<S> {
    pub(super) fn plan_first_sweep(&self, now_ms: i64) -> Result<(), Fault> {
        match self.meta("next_sweep_ms")?.and_then(|text| text.parse().ok()) {
            Some(at) => self.next_sweep_ms.set(at),
            None => {
                let at_ms = now_ms + SWEEP_EVERY_MS;
                self.put_meta("next_sweep_ms", &at_ms.to_string())?;
                self.next_sweep_ms.set(at_ms);
            }
        }
        Ok(())
    }

    fn meta(&self, key: &str) -> Result<Option<String>, Fault> {
        let row = self.store.row("SELECT value FROM meta WHERE key = ?", &[key.into()])?;
        row.map(|mut row| row.text(0)).transpose()
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
        let cursor = self.meta("sweep")?.and_then(|text| Cursor::parse(&text)).unwrap_or(Cursor::START);
        let mut next_sweep_ms = 0;
        self.store.atomically(&mut || {
            let last = match cursor.phase {
                Phase::Deliveries => self.sweep_deliveries(&cursor.after, moment)?,
                Phase::Leads => self.sweep_leads(&cursor.after, moment)?,
                Phase::Fingerprints => self.sweep_fingerprints(&cursor.after)?,
            };
            let next = match (last, cursor.phase) {
                (Some(after), phase) => Some(Cursor { phase, after }),
                (None, Phase::Deliveries) => Some(Cursor { phase: Phase::Leads, after: String::new() }),
                (None, Phase::Leads) => Some(Cursor { phase: Phase::Fingerprints, after: String::new() }),
                (None, Phase::Fingerprints) => None,
            };
            if next.is_none() {
                self.store.run("DELETE FROM idempotency WHERE expires_ms <= ?", &[moment.now_ms.into()])?;
            }
            self.put_meta("sweep", &next.as_ref().unwrap_or(&Cursor::START).to_text())?;
            next_sweep_ms = moment.now_ms + if next.is_some() { CHUNK_PAUSE_MS } else { SWEEP_EVERY_MS };
            self.put_meta("next_sweep_ms", &next_sweep_ms.to_string())
        })?;
        self.next_sweep_ms.set(next_sweep_ms);
        Ok(())
    }

    /// The key behind which the next chunk begins; nothing where this one is the last.
    fn chunk_end(&self, table: &str, key: &str, after: &str) -> Result<Option<String>, Fault> {
        let sql = format!("SELECT {key} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT 1 OFFSET ?");
        let row = self.store.row(&sql, &[after.into(), (CHUNK_ROWS - 1).into()])?;
        row.map(|mut row| row.text(0)).transpose()
    }

    fn sweep_deliveries(&self, after: &str, moment: &Moment) -> Result<Option<String>, Fault> {
        let end = self.chunk_end("delivery", "delivery_id", after)?;
        let sql = "UPDATE delivery SET state = 'expired' WHERE delivery_id > ? AND delivery_id <= ?
                   AND state IN ('dead', 'paused') AND coalesce(settled_ms, created_ms) <= ?
                   AND format <= ? RETURNING lead_id, submission_id";
        let to = end.as_deref().unwrap_or(NO_MORE);
        let before = moment.now_ms - DEAD_DAYS * DAY_MS;
        for mut row in self.store.rows(sql, &[after.into(), to.into(), before.into(), ROW_FORMAT.into()])? {
            self.settle_submission(&row.text(0)?, &row.text(1)?)?;
        }
        Ok(end)
    }

    /// A lead ends with its window, unless a delivery of it can still arrive.
    fn sweep_leads(&self, after: &str, moment: &Moment) -> Result<Option<String>, Fault> {
        let sql = format!(
            "SELECT s.lead_id, max(s.known_until_ms) <= ? AND max(s.format) <= ? AND NOT EXISTS (
               SELECT 1 FROM delivery d WHERE {} AND d.state IN ('pending', 'paused', 'dead'))
             FROM submission s WHERE s.lead_id > ?
             GROUP BY s.lead_id ORDER BY s.lead_id LIMIT ?",
            is_delivery_of("d.delivery_id", "s.lead_id")
        );
        let args = [moment.now_ms.into(), ROW_FORMAT.into(), after.into(), CHUNK_ROWS.into()];
        let leads = self.store.rows(&sql, &args)?;
        let full = i64::try_from(leads.len()).is_ok_and(|read| read == CHUNK_ROWS);
        let mut last = None;
        for mut row in leads {
            let (lead_id, ended) = (row.text(0)?, row.int(1)? == 1);
            if ended {
                self.end_lead(&lead_id)?;
            }
            last = Some(lead_id);
        }
        Ok(last.filter(|_| full))
    }

    fn end_lead(&self, lead_id: &str) -> Result<(), Fault> {
        let sql = "SELECT campaign, hour, source FROM submission WHERE lead_id = ? AND state = 'held'";
        for mut row in self.store.rows(sql, &[lead_id.into()])? {
            let bucket = Bucket { campaign: row.text(0)?, hour: row.int(1)?, source: row.text(2)? };
            self.store.write(&bucket.transfer(State::Held, State::Expired))?;
        }
        self.store.run("DELETE FROM submission WHERE lead_id = ?", &[lead_id.into()])?;
        let (from, to) = delivery_range(lead_id);
        let sql = "DELETE FROM delivery WHERE delivery_id >= ? AND delivery_id < ?";
        self.store.run(sql, &[(&from).into(), (&to).into()])
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
