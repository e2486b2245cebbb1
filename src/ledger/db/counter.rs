//! Counters: numbers of submissions by state, in hourly buckets by campaign and source.

use super::Db;
use super::row::{FromRow, Reader, row};
use super::state::State;
use super::store::{Arg, Store, write};
use crate::base::fault::Fault;
use crate::ledger::wire::Tally;

/// The number of submissions in each state, in the order of [`State::ALL`].
pub(in crate::ledger) type Counts = [i64; State::ALL.len()];

/// A column for each state.
impl FromRow for Counts {
    fn read(from: &mut Reader) -> Self {
        let mut counts = [0; State::ALL.len()];
        for count in &mut counts {
            *count = FromRow::read(from);
        }
        counts
    }
}

row! {
    /// The sums of a campaign's hour, over its sources.
    pub(in crate::ledger) struct HourRow {
        pub(in crate::ledger) campaign: String,
        pub(in crate::ledger) hour: i64,
        pub(in crate::ledger) repeats: i64,
        pub(in crate::ledger) counts: Counts,
    }
}

row! {
    /// The sum of a tally.
    pub(in crate::ledger) struct TallyRow {
        pub(in crate::ledger) campaign: String,
        pub(in crate::ledger) field: String,
        pub(in crate::ledger) code: String,
        pub(in crate::ledger) count: i64 = "sum(count)",
    }
}

/// The counters of a report: of one campaign or all, from an hour on, before a time.
pub(in crate::ledger) struct CounterRange<'a> {
    pub(in crate::ledger) campaign: Option<&'a str>,
    pub(in crate::ledger) from_ms: i64,
    pub(in crate::ledger) to_ms: i64,
}

const CHOSEN: &str = "WHERE (?1 IS NULL OR campaign = ?1) AND hour >= ?2 AND hour < ?3";

impl CounterRange<'_> {
    fn args(&self) -> [Arg<'_>; 3] {
        [self.campaign.into(), self.from_ms.into(), self.to_ms.into()]
    }
}

impl<S: Store> Db<S> {
    /// Adds up tallies.
    pub(in crate::ledger) fn add_tallies(&self, tallies: &[Tally]) -> Result<(), Fault> {
        let add = |Tally { campaign, hour, field, code, count }| {
            let sql = "INSERT INTO tally (campaign, hour, field, code, count) VALUES (?, ?, ?, ?, ?)
                       ON CONFLICT DO UPDATE SET count = count + excluded.count";
            write(sql, [campaign.into(), hour.into(), field.into(), code.into(), count.into()])
        };
        self.write_all(&tallies.iter().cloned().map(add).collect::<Vec<_>>())
    }

    /// Returns the sources that count in a campaign's hour.
    pub(in crate::ledger) fn sources(&self, campaign: &str, hour: i64) -> Result<Vec<String>, Fault> {
        let sql = "SELECT source FROM counter WHERE campaign = ? AND hour = ?";
        self.all(sql, &[campaign.into(), hour.into()])
    }

    /// Returns the sums of all counters by state.
    pub(in crate::ledger) fn counts(&self) -> Result<Counts, Fault> {
        self.only(&format!("SELECT {} FROM counter", sums()), &[])
    }

    /// Returns the number of repeats and the sums by state of counters.
    pub(in crate::ledger) fn repeats_and_counts(
        &self,
        chosen: &CounterRange<'_>,
    ) -> Result<(i64, Counts), Fault> {
        let sql = format!("SELECT coalesce(sum(repeats), 0), {} FROM counter {CHOSEN}", sums());
        self.only(&sql, &chosen.args())
    }

    /// Returns counters by campaign and hour, the newest hours, at most so many. Not by source: somebody who
    /// posts with a source of their own could read from it how the company knows the person.
    pub(in crate::ledger) fn hours(
        &self,
        chosen: &CounterRange<'_>,
        limit: i64,
    ) -> Result<Vec<HourRow>, Fault> {
        let columns = State::ALL.map(|state| format!("sum({})", state.as_str())).join(", ");
        let sql = format!(
            "SELECT * FROM (SELECT campaign, hour, sum(repeats), {columns} FROM counter {CHOSEN}
               GROUP BY campaign, hour ORDER BY hour DESC LIMIT {limit})
             ORDER BY campaign, hour"
        );
        self.all(&sql, &chosen.args())
    }

    /// Returns tallies by campaign, field and code.
    pub(in crate::ledger) fn tallies(&self, chosen: &CounterRange<'_>) -> Result<Vec<TallyRow>, Fault> {
        let sql = format!(
            "SELECT {} FROM tally {CHOSEN}
             GROUP BY campaign, field, code ORDER BY campaign, field, code",
            TallyRow::COLUMNS
        );
        self.all(&sql, &chosen.args())
    }
}

/// Returns the columns of [`Counts`] over several counters.
fn sums() -> String {
    State::ALL.map(|state| format!("coalesce(sum({}), 0)", state.as_str())).join(", ")
}
