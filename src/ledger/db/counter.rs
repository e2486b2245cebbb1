//! Counters: numbers of submissions by state, in hourly buckets by campaign and source.

use super::Db;
use super::funnel::Steps;
use super::row::{FromRow, Reader, row};
use super::state::State;
use super::store::{Arg, Store, Write, write};
use crate::base::fault::Fault;
use crate::ledger::wire::Tally;

/// The counter of a submission: its campaign, hour and source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    /// Its campaign.
    pub campaign: String,
    /// The hour in which it was accepted; UTC, milliseconds.
    pub hour: i64,
    /// The source.
    pub source: String,
}

/// Returns, in SQL, one more or less in a score's bin; `?4` is the bin. A lead from before scores were
/// counted is in none.
fn binned(sign: i64) -> String {
    let bin = r#"'$."' || ?4 || '"'"#;
    format!("json_set(scores, {bin}, max(0, coalesce(json_extract(scores, {bin}), 0) + {sign}))")
}

impl Bucket {
    /// Returns the write that counts a submission accepted in this state, with the steps that it takes.
    pub fn count(&self, state: State, steps: Steps) -> Write<'_> {
        self.add(state.as_str(), steps)
    }

    /// Returns the write that counts an exact repeat, outside the sum of states.
    pub fn count_repeat(&self) -> Write<'_> {
        self.add("repeats", Steps::NONE)
    }

    /// Returns the write that moves a submission from one state to another, with the steps that it takes.
    pub fn transfer(&self, from: State, to: State, steps: Steps) -> Write<'_> {
        let (from, to) = (from.as_str(), to.as_str());
        let mut moves = match from == to {
            // Of two assignments to one column SQLite takes the last.
            true => vec![format!("{from} = {from}")],
            false => vec![format!("{from} = {from} - 1"), format!("{to} = {to} + 1")],
        };
        let sign = steps.sign();
        moves.extend(steps.columns().map(|column| format!("{column} = {column} + {sign}")));
        moves.extend(steps.bin().map(|_| format!("scores = {}", binned(sign))));
        let moves = moves.join(", ");
        let sql = format!("UPDATE counter SET {moves} WHERE campaign = ?1 AND hour = ?2 AND source = ?3");
        write(sql, self.place(steps))
    }

    /// Returns the write that moves so many submissions from pending to delivered, of which so many arrive
    /// for the first time.
    pub fn deliver(&self, leads: i64, arrived: i64) -> Write<'_> {
        let sql = "UPDATE counter
                   SET pending = pending - ?4, delivered = delivered + ?4, arrived = arrived + ?5
                   WHERE campaign = ?1 AND hour = ?2 AND source = ?3";
        write(sql, [self.place(Steps::NONE), vec![leads.into(), arrived.into()]].concat())
    }

    fn add(&self, column: &'static str, steps: Steps) -> Write<'_> {
        let columns: Vec<_> = std::iter::once(column).chain(steps.columns()).collect();
        let mut sums: Vec<_> = columns.iter().map(|column| format!("{column} = {column} + 1")).collect();
        let (names, ones) = (columns.join(", "), vec!["1"; columns.len()].join(", "));
        let (mut scores, mut bin) = ("", "");
        if steps.bin().is_some() {
            (scores, bin) = (", scores", ", json_object(?4, 1)");
            sums.push(format!("scores = {}", binned(1)));
        }
        let sums = sums.join(", ");
        let sql = format!(
            "INSERT INTO counter (campaign, hour, source, {names}{scores}) VALUES (?1, ?2, ?3, {ones}{bin})
             ON CONFLICT DO UPDATE SET {sums}"
        );
        write(sql, self.place(steps))
    }

    fn place(&self, steps: Steps) -> Vec<Arg<'_>> {
        let place = [(&self.campaign).into(), self.hour.into(), (&self.source).into()];
        place.into_iter().chain(steps.bin().map(Arg::from)).collect()
    }
}

/// The number of submissions in each state, in the order of [`State::ALL`].
pub(in crate::ledger) type Counts = [i64; State::ALL.len()];

/// A column for each state.
impl FromRow for Counts {
    fn read(from: &mut Reader) -> Result<Self, Fault> {
        let mut counts = [0; State::ALL.len()];
        for count in &mut counts {
            *count = FromRow::read(from)?;
        }
        Ok(counts)
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
pub(in crate::ledger) struct Chosen<'a> {
    pub(in crate::ledger) campaign: Option<&'a str>,
    pub(in crate::ledger) from_ms: i64,
    pub(in crate::ledger) to_ms: i64,
}

const CHOSEN: &str = "WHERE (?1 IS NULL OR campaign = ?1) AND hour >= ?2 AND hour < ?3";

impl Chosen<'_> {
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
    pub(in crate::ledger) fn repeats_and_counts(&self, chosen: &Chosen<'_>) -> Result<(i64, Counts), Fault> {
        let sql = format!("SELECT coalesce(sum(repeats), 0), {} FROM counter {CHOSEN}", sums());
        self.only(&sql, &chosen.args())
    }

    /// Returns counters by campaign and hour, the newest hours, at most so many. Not by source: somebody who
    /// posts with a source of their own could read from it how the company knows the person.
    pub(in crate::ledger) fn hours(&self, chosen: &Chosen<'_>, limit: i64) -> Result<Vec<HourRow>, Fault> {
        let columns = State::ALL.map(|state| format!("sum({})", state.as_str())).join(", ");
        let sql = format!(
            "SELECT * FROM (SELECT campaign, hour, sum(repeats), {columns} FROM counter {CHOSEN}
               GROUP BY campaign, hour ORDER BY hour DESC LIMIT {limit})
             ORDER BY campaign, hour"
        );
        self.all(&sql, &chosen.args())
    }

    /// Returns tallies by campaign, field and code.
    pub(in crate::ledger) fn tallies(&self, chosen: &Chosen<'_>) -> Result<Vec<TallyRow>, Fault> {
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
