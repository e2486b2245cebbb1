//! How far submissions have come as leads of their campaigns. Each step is counted once, in the counter of
//! the submission that takes it, and no erasure, withdrawal or expiry takes it back: what the funnel is
//! made of.
//!
//! A counter's `fresh` is never less than its `qualified`, nor that less than its `arrived`: every submission
//! that is `fresh` becomes `qualified` once at most, and one that takes up a held lead is `fresh` in its
//! place.

use crate::base::limits;
use crate::ledger::db::state::State;

/// Points that count as one score. A rule rarely gives fewer.
pub const BIN_POINTS: i64 = limits::number("score_bin_points") as i64;
/// The first and the last bin. Thresholds lie between 0 and 100 in nearly every campaign; with what lies
/// beyond in the outermost bins a counter's row stays below a kilobyte, whatever the rules give.
const FIRST_BIN: i64 = -100;
const LAST_BIN: i64 = 200;

/// The last step that a submission has taken as a lead of its campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// It is none: known already, put aside, or not judged yet.
    Nothing,
    /// It became a lead.
    Fresh,
    /// It was forwarded.
    Qualified,
    /// Every destination has confirmed it.
    Arrived,
    /// It was held, and a later post of the person goes on in its place.
    PassedOn,
}

impl Milestone {
    const ALL: [Self; 5] = [Self::Nothing, Self::Fresh, Self::Qualified, Self::Arrived, Self::PassedOn];

    /// As it is stored.
    pub fn number(self) -> i64 {
        match self {
            Self::Nothing => 0,
            Self::Fresh => 1,
            Self::Qualified => 2,
            Self::Arrived => 3,
            Self::PassedOn => 4,
        }
    }

    /// The one that is stored as this number. One that is not known has nothing more to count.
    pub fn of(number: i64) -> Self {
        Self::ALL.into_iter().find(|one| one.number() == number).unwrap_or(Self::PassedOn)
    }
}

/// The steps that a submission takes at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    /// It becomes a lead, with this score.
    fresh: Option<i64>,
    /// It hands that on to a later one.
    is_passed_on: bool,
    is_qualified: bool,
    has_arrived: bool,
}

impl Steps {
    /// None.
    pub const NONE: Self = Self { fresh: None, is_passed_on: false, is_qualified: false, has_arrived: false };

    /// Those of a lead that the rules have judged, and where it stands after them. `before` is where the
    /// submission stood, `held` where the one did that it takes up.
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

    /// What is taken back from the held submission with this score that a later one takes up.
    pub fn passed_on(self, held: Milestone, score: i64) -> Self {
        let is_passed_on = self.fresh.is_some() && held == Milestone::Fresh;
        Self { fresh: is_passed_on.then_some(score), is_passed_on, ..Self::NONE }
    }

    /// That of a submission which every destination has confirmed, the first time that they have.
    pub fn delivered(before: Milestone) -> (Self, Milestone) {
        let has_arrived = before == Milestone::Qualified;
        (Self { has_arrived, ..Self::NONE }, if has_arrived { Milestone::Arrived } else { before })
    }

    /// What each of them adds to a counter.
    pub fn sign(self) -> i64 {
        if self.is_passed_on { -1 } else { 1 }
    }

    /// The columns of `counter` that count them.
    pub fn columns(self) -> impl Iterator<Item = &'static str> {
        let all = [
            (self.fresh.is_some(), "fresh"),
            (self.is_qualified, "qualified"),
            (self.has_arrived, "arrived"),
        ];
        all.into_iter().filter(|(is_taken, _)| *is_taken).map(|(_, column)| column)
    }

    /// The bin of `scores` that counts the score of what is fresh.
    pub fn bin(self) -> Option<String> {
        let bin = |score: i64| (score.div_euclid(BIN_POINTS) * BIN_POINTS).clamp(FIRST_BIN, LAST_BIN);
        self.fresh.map(|score| bin(score).to_string())
    }
}
