//! `[retention]`: the periods for which data is kept.

use super::checks::are_days;
use super::purpose::Purpose;
use super::table::{Problem, Rules, Verdict, is_reported, keys};
use crate::base::time::DAY_MS;

/// Three years: the usual limitation period of claims about a consent.
const DEFAULT_CONSENTS_DAYS: u32 = 1_095;
/// A month: time to review the quarantine, and no archive of it.
const DEFAULT_QUARANTINE_DAYS: u32 = 30;

/// `[retention]`.
#[derive(Debug, Default)]
pub struct RetentionTable {
    pub held_days: Option<u32>,
    pub consents_days: Option<u32>,
    pub quarantine_days: Option<u32>,
}

keys!(RetentionTable: held_days, consents_days, quarantine_days);

impl Rules for RetentionTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("held_days", self.held_days.map_or(Ok(()), are_days)),
            ("consents_days", self.consents_days.map_or(Ok(()), are_days)),
            ("quarantine_days", self.quarantine_days.map_or(Ok(()), are_days)),
        ]
    }
}

/// Retention periods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The time for which a lead below its threshold is held.
    pub held_ms: i64,
    /// The time for which a person's consents are kept after the last one.
    pub consents_ms: i64,
    /// The time for which a quarantined submission can be reviewed.
    pub quarantine_ms: i64,
}

impl Retention {
    pub(super) fn accept(
        table: &RetentionTable,
        window_days: u32,
        purposes: &[Purpose],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let longest = purposes.iter().filter_map(|purpose| purpose.retention_days).max().unwrap_or(0);
        let consents_days = table.consents_days.unwrap_or(DEFAULT_CONSENTS_DAYS.max(longest));
        if !is_reported(problems, "retention.consents_days") {
            for (at, purpose) in purposes.iter().enumerate() {
                let path = format!("purpose[{at}].retention_days");
                let is_longer = purpose.retention_days.is_some_and(|kept| kept > consents_days);
                if is_longer && !is_reported(problems, &path) {
                    let reason = format!("must not be above consents_days of [retention], {consents_days}");
                    problems.push(Problem::new(path, reason));
                }
            }
        }
        let ms = |days: u32| i64::from(days) * DAY_MS;
        Self {
            held_ms: ms(table.held_days.unwrap_or(window_days)),
            consents_ms: ms(consents_days),
            quarantine_ms: ms(table.quarantine_days.unwrap_or(DEFAULT_QUARANTINE_DAYS)),
        }
    }
}
