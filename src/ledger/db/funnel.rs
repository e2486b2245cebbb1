//! The funnel: how far submissions have come as leads of their campaigns. Each step is counted once, in the
//! counter of the submission that takes it, and no erasure, withdrawal or expiry takes it back.
//!
//! A counter's `fresh` is never less than its `qualified`, nor that less than its `arrived`: every submission
//! that is `fresh` becomes `qualified` at most once, and one that takes up a held lead is `fresh` in its
//! stead.

use crate::base::limits;
use crate::ledger::db::state::State;

/// The number of points in one bin of scores. A rule rarely gives fewer.
pub const BIN_POINTS: i64 = limits::number("score_bin_points") as i64;
/// The first and the last bin. Thresholds are between 0 and 100 in nearly every campaign; with anything
/// beyond in the outermost bins a counter's row stays below a kilobyte, whatever the rules give.
const FIRST_BIN: i64 = -100;
const LAST_BIN: i64 = 200;

/// The last step that a submission has taken as a lead of its campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// No lead: the submission is of a known person, suppressed, quarantined, or not judged yet.
    Nothing,
    /// It became a lead.
    Fresh,
    /// It was forwarded.
    Qualified,
    /// Every destination has confirmed it.
    Arrived,
    /// A held lead whose place a later post of the person has taken.
    PassedOn,
}

impl Milestone {
    const ALL: [Self; 5] = [Self::Nothing, Self::Fresh, Self::Qualified, Self::Arrived, Self::PassedOn];

    /// Returns the milestone as it is stored.
    pub fn number(self) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Fresh => 1,
            Self::Qualified => 2,
            Self::Arrived => 3,
            Self::PassedOn => 4,
        }
    }

    /// Returns the milestone that is stored as this number. An unknown one has nothing more to count.
    pub fn of(number: i64) -> Self {
        Self::ALL.into_iter().find(|one| one.number() == number).unwrap_or(Self::PassedOn)
    }
}

/// The steps that a submission takes at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    /// The score with which it becomes a lead, if it does.
    fresh: Option<i64>,
    /// True if it hands its step `fresh` on to a later submission.
    is_passed_on: bool,
    is_qualified: bool,
    has_arrived: bool,
}

impl Steps {
    /// No step.
    pub const NONE: Self = Self { fresh: None, is_passed_on: false, is_qualified: false, has_arrived: false };

    /// Returns the steps of a lead that the rules have judged, and its milestone after them. `before` is the
    /// submission's milestone, `held` that of the submission that it takes up.
    pub fn judged(before: Milestone, held: Option<Milestone>, state: State, score: i64) -> (Self, Milestone) {
        use Milestone::{Fresh, Nothing, PassedOn, Qualified};
        let is_fresh = match held {
            None => before == Nothing,
            Some(held) => held == Fresh && matches!(before, Nothing | PassedOn),
        };
        let at = match before {
            _ if is_fresh => Fresh,
            Nothing | PassedOn => held.unwrap_or(before),
            stood => stood,
        };
        let is_qualified = at == Fresh && state == State::Pending;
        let steps = Self { fresh: is_fresh.then_some(score), is_qualified, ..Self::NONE };
        (steps, if is_qualified { Qualified } else { at })
    }

    /// Returns the steps that are taken back from the held submission with this score that a later one takes
    /// up.
    pub fn passed_on(self, held: Milestone, score: i64) -> Self {
        let is_passed_on = self.fresh.is_some() && held == Milestone::Fresh;
        Self { fresh: is_passed_on.then_some(score), is_passed_on, ..Self::NONE }
    }

    /// Returns the step of a submission that every destination has confirmed for the first time.
    pub fn delivered(before: Milestone) -> (Self, Milestone) {
        let has_arrived = before == Milestone::Qualified;
        (Self { has_arrived, ..Self::NONE }, if has_arrived { Milestone::Arrived } else { before })
    }

    /// Returns the amount that each step adds to a counter.
    pub fn sign(self) -> i64 {
        if self.is_passed_on { -1 } else { 1 }
    }

    /// Returns the columns of `counter` that count the steps.
    pub fn columns(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.fresh.is_some(), "fresh"),
            (self.is_qualified, "qualified"),
            (self.has_arrived, "arrived"),
        ];
        all.into_iter().filter(|(is_taken, _)| *is_taken).map(|(_, column)| column)
    }

    /// Returns the bin of `scores` for the score of a fresh lead.
    pub fn bin(self) -> Option<String> {
        let bin = |score: i64| (score.div_euclid(BIN_POINTS) * BIN_POINTS).clamp(FIRST_BIN, LAST_BIN);
        self.fresh.map(|score| bin(score).to_string())
    }
}
