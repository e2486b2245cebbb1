//! The states that an accepted submission can be in, and the counters that add up to them.

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
}

/// The counter that counts a submission: its campaign, hour and source.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Its campaign.
    pub campaign: String,
    /// The hour in which it was accepted; UTC, milliseconds.
    pub hour: i64,
    /// Where it came from.
    pub source: String,
}

impl Bucket {
    /// Counts a submission that was accepted in this state.
    pub fn count(&self, state: State) -> Write<'_> {
        self.add(state.as_str())
    }

    /// Counts an exact repeat, beside the sum.
    pub fn count_repeat(&self) -> Write<'_> {
        self.add("repeats")
    }

    /// Moves a submission from one state to another.
    pub fn transfer(&self, from: State, to: State) -> Write<'_> {
        let (from, to) = (from.as_str(), to.as_str());
        let moves = match from == to {
            // Of two assignments to one column SQLite takes the last.
            true => format!("{from} = {from}"),
            false => format!("{from} = {from} - 1, {to} = {to} + 1"),
        };
        let sql = format!("UPDATE counter SET {moves} WHERE campaign = ? AND hour = ? AND source = ?");
        write(sql, self.place())
    }

    fn add(&self, column: &str) -> Write<'_> {
        let sql = format!(
            "INSERT INTO counter (campaign, hour, source, {column}) VALUES (?, ?, ?, 1)
             ON CONFLICT DO UPDATE SET {column} = {column} + 1"
        );
        write(sql, self.place())
    }

    fn place(&self) -> [Arg<'_>; 3] {
        [(&self.campaign).into(), self.hour.into(), (&self.source).into()]
    }
}
