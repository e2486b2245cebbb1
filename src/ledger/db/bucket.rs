//! Buckets: the counters of submissions, and the writes that count in them.

use super::funnel::Steps;
use super::state::State;
use super::store::{Arg, Write, write};

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
        write(sql, self.args(steps))
    }

    /// Returns the write that moves so many submissions from pending to delivered, of which so many arrive
    /// for the first time.
    pub fn deliver(&self, leads: i64, arrived: i64) -> Write<'_> {
        let sql = "UPDATE counter
                   SET pending = pending - ?4, delivered = delivered + ?4, arrived = arrived + ?5
                   WHERE campaign = ?1 AND hour = ?2 AND source = ?3";
        write(sql, [self.args(Steps::NONE), vec![leads.into(), arrived.into()]].concat())
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
        write(sql, self.args(steps))
    }

    fn args(&self, steps: Steps) -> Vec<Arg<'_>> {
        let key = [(&self.campaign).into(), self.hour.into(), (&self.source).into()];
        key.into_iter().chain(steps.bin().map(Arg::from)).collect()
    }
}
