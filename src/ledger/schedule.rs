//! The times of a ledger's housekeeping: the next sweep, and the first request that expires.

use std::cell::Cell;

use super::db::Db;
use super::db::store::Store;
use crate::base::fault::Fault;
use crate::base::limits;
use crate::base::time::DAY_MS;

/// The days for which a dead letter, or a delivery to a destination that responded with 410, can be replayed:
/// a month covers a holiday and a monthly report.
pub(in crate::ledger) const DEAD_DAYS: i64 = limits::number("dead_letter_days") as i64;
/// The time between two sweeps: retention is counted in days, and a sweep reads every row.
pub(in crate::ledger) const SWEEP_EVERY_MS: i64 = DAY_MS;
/// The key of the next sweep's time in `meta`.
pub(in crate::ledger) const NEXT_SWEEP: &str = "next_sweep_ms";

/// The times; UTC, milliseconds.
pub(in crate::ledger) struct Schedule {
    next_sweep_ms: Cell<i64>,
    next_expiry_ms: Cell<i64>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { next_sweep_ms: Cell::new(0), next_expiry_ms: Cell::new(i64::MAX) }
    }
}

impl Schedule {
    /// Reads both times.
    pub(in crate::ledger) fn learn<S: Store>(&self, db: &Db<S>, now_ms: i64) -> Result<(), Fault> {
        self.learn_expiry(db)?;
        match db.meta(NEXT_SWEEP)?.and_then(|text| text.parse().ok()) {
            // A time further ahead was written by a clock that was wrong.
            Some(at_ms) => self.next_sweep_ms.set(i64::min(at_ms, now_ms + SWEEP_EVERY_MS)),
            None => {
                let at_ms = now_ms + SWEEP_EVERY_MS;
                db.put_meta(NEXT_SWEEP, &at_ms.to_string())?;
                self.next_sweep_ms.set(at_ms);
            }
        }
        Ok(())
    }

    /// Reads when the first request expires.
    pub(in crate::ledger) fn learn_expiry<S: Store>(&self, db: &Db<S>) -> Result<(), Fault> {
        self.next_expiry_ms.set(db.first_expiry()?.unwrap_or(i64::MAX));
        Ok(())
    }

    /// Notes that a request expires at a time.
    pub(in crate::ledger) fn note_expiry(&self, at_ms: i64) {
        self.next_expiry_ms.set(self.next_expiry_ms.get().min(at_ms));
    }

    /// Returns whether a request may have expired.
    pub(in crate::ledger) fn has_expired(&self, now_ms: i64) -> bool {
        self.next_expiry_ms.get() <= now_ms
    }

    /// Returns whether a chunk of a sweep is due.
    pub(in crate::ledger) fn is_sweep_due(&self, now_ms: i64) -> bool {
        self.next_sweep_ms.get() <= now_ms
    }

    /// Sets when the next chunk of a sweep is due.
    pub(in crate::ledger) fn set_next_sweep(&self, at_ms: i64) {
        self.next_sweep_ms.set(at_ms);
    }

    /// Returns when the ledger has to be woken for an expiry or a sweep.
    pub(in crate::ledger) fn next_ms(&self) -> i64 {
        self.next_expiry_ms.get().min(self.next_sweep_ms.get())
    }
}
