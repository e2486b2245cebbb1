//! The states that an accepted submission can be in, and the counters that add up to them.

use super::funnel::Steps;
use super::store::{Arg, Write, write};

/// Where an accepted submission is. It is in exactly one at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A destination has yet to confirm it.
    Pending,
    /// Every destination has confirmed it.
    Delivered,
    /// A destination was given up; it can be replayed.
    Dead,
    /// It does not qualify yet.
    Held,
    /// The person is known, and nothing new goes out.
    Duplicate,
    /// The person is on a suppression list.
    Suppressed,
    /// It looks like abuse and waits for a decision.
    Quarantined,
    /// It waits for a double opt-in.
    Unconfirmed,
    /// Its consent was withdrawn.
    Withdrawn,
    /// It was looked at and thrown away.
    Discarded,
    /// It waited for longer than it may.
    Expired,
    /// The person asked to be forgotten.
    Erased,
}

impl State {
    /// All of them: each has a column in `counter`.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Delivered,
        Self::Dead,
        Self::Held,
        Self::Duplicate,
        Self::Suppressed,
        Self::Quarantined,
        Self::Unconfirmed,
        Self::Withdrawn,
        Self::Discarded,
        Self::Expired,
        Self::Erased,
    ];

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// As it is stored, and the name of its column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Held => "held",
            Self::Duplicate => "duplicate",
            Self::Suppressed => "suppressed",
            Self::Quarantined => "quarantined",
            Self::Unconfirmed => "unconfirmed",
            Self::Withdrawn => "withdrawn",
            Self::Discarded => "discarded",
            Self::Expired => "expired",
            Self::Erased => "erased",
        }
    }

    /// Whether its payload is the whole admission: it has not been judged yet.
    pub(in crate::ledger) fn is_unjudged(self) -> bool {
        matches!(self, Self::Unconfirmed | Self::Quarantined)
    }
}

/// The counter that counts a submission: its campaign, hour and source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket {
    /// Its campaign.
    pub campaign: String,
    /// The hour in which it was accepted; UTC, milliseconds.
    pub hour: i64,
    /// Where it came from.
    pub source: String,
}

/// One more or less of a score's bin; `?4` is the bin. A lead of before scores were counted is in none.
fn binned(sign: i64) -> String {
    let bin = r#"'$."' || ?4 || '"'"#;
    format!("json_set(scores, {bin}, max(0, coalesce(json_extract(scores, {bin}), 0) + {sign}))")
}

impl Bucket {
    /// Counts a submission that was accepted in this state, with the steps that it takes.
    pub fn count(&self, state: State, steps: Steps) -> Write<'_> {
        self.add(state.as_str(), steps)
    }

    /// Counts an exact repeat, beside the sum.
    pub fn count_repeat(&self) -> Write<'_> {
        self.add("repeats", Steps::NONE)
    }

    /// Moves a submission from one state to another, with the steps that it takes.
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

    /// Moves so many submissions from pending to delivered, of which so many have arrived now.
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
