//! The times at which a ledger keeps house: the next sweep, the first request that expires, the next step of a
//! migration.

use std::cell::Cell;

use super::db::Db;
use super::db::store::Store;
use super::db::submission_move::Moving;
use crate::base::fault::Fault;
use crate::base::moment::DAY_MS;

/// Between two sweeps: terms are counted in days, and a sweep reads every row.
pub(in crate::ledger) const SWEEP_EVERY_MS: i64 = DAY_MS;
/// The next sweep in `meta`.
pub(in crate::ledger) const NEXT_SWEEP: &str = "next_sweep_ms";

/// The times; UTC, milliseconds.
pub(in crate::ledger) struct Schedule {
    next_sweep_ms: Cell<i64>,
    next_expiry_ms: Cell<i64>,
    moving: Cell<Moving>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            next_sweep_ms: Cell::new(0),
            next_expiry_ms: Cell::new(i64::MAX),
            moving: Cell::new(Moving::DONE),
        }
    }
}

impl Schedule {
    /// Reads all of them.
    pub(in crate::ledger) fn learn<S: Store>(&self, db: &Db<S>, now_ms: i64) -> Result<(), Fault> {
        self.learn_expiry(db)?;
        self.moving.set(db.moving(now_ms)?);
        match db.meta(NEXT_SWEEP)?.and_then(|text| text.parse().ok()) {
            // One that lies further ahead was written by a clock that was wrong.
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
        let row = db.row("SELECT coalesce(min(expires_ms), -1) FROM request", &[])?;
        let first_ms = row.map_or(Ok(-1), |mut row| row.int(0))?;
        self.next_expiry_ms.set(if first_ms < 0 { i64::MAX } else { first_ms });
        Ok(())
    }

    /// Notes that a request expires then.
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

    /// Returns how far the submissions of an older ledger have been moved.
    pub(in crate::ledger) fn moving(&self) -> Moving {
        self.moving.get()
    }

    /// Moves submissions of an older ledger on, where that is due.
    pub(in crate::ledger) fn move_on<S: Store>(&self, db: &Db<S>, now_ms: i64) -> Result<(), Fault> {
        if self.moving.get().next_ms <= now_ms {
            db.move_on(now_ms)?;
            self.moving.set(db.moving(now_ms)?);
        }
        Ok(())
    }

    /// Returns when the ledger has to be woken to keep house.
    pub(in crate::ledger) fn next_ms(&self) -> i64 {
        self.next_expiry_ms.get().min(self.next_sweep_ms.get()).min(self.moving.get().next_ms)
    }
}
