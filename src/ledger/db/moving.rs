//! The migration of submissions in a running ledger: the next step, when it is due.

use super::Db;
use super::store::Store;
use super::submission_move::{Moving, Progress, STEP_PAUSE_MS, STEP_ROWS, progress_in, step};
use crate::base::fault::Fault;

impl<S: Store> Db<S> {
    /// Reads the progress of the migration.
    pub(in crate::ledger) fn learn_moving(&self, now_ms: i64) -> Result<(), Fault> {
        self.moving.set(progress_in(&self.store)?.map_or(Moving::DONE, |(next_ms, progress)| Moving {
            is_new: progress == Progress::Emptying,
            // A time further ahead was written by a clock that was wrong.
            next_ms: next_ms.min(now_ms + STEP_PAUSE_MS),
        }));
        Ok(())
    }

    /// Runs the next step of the migration, if it is due.
    pub(in crate::ledger) fn move_on(&self, now_ms: i64) -> Result<(), Fault> {
        if self.moving_next_ms() > now_ms {
            return Ok(());
        }
        if let Some((_, from)) = progress_in(&self.store)? {
            step(&self.store, &from, STEP_ROWS, now_ms + STEP_PAUSE_MS)?;
        }
        self.learn_moving(now_ms)
    }

    /// Returns when the next step of the migration is due.
    pub(in crate::ledger) fn moving_next_ms(&self) -> i64 {
        self.moving.get().next_ms
    }
}
