//! Origins and their lanes: how they respond, and since when something waits for them.

use std::collections::VecDeque;

use super::claim::Claim;
use crate::pipeline::webhook::{ATTEMPT_TIMEOUT_MS, Outcome};

/// The time for a response, its body included, beyond which an origin is slow: turns go round, so those that
/// hold a connection for long would leave few to the others.
const SLOW_MS: i64 = 500;

/// The responsiveness of an origin since the object started, in the order in which origins are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Responsiveness {
    /// Its last attempt got a response, whatever that was.
    Answers,
    /// Its last attempt got a late response, or one in the last minutes timed out.
    Slow,
    /// It is not known.
    #[default]
    Unknown,
    /// Its last attempt timed out, but one before got a response, or it had little time.
    Doubtful,
    /// Its last attempt timed out.
    Hangs,
}

impl Responsiveness {
    pub(super) const ALL: [Self; 5] = [Self::Answers, Self::Slow, Self::Unknown, Self::Doubtful, Self::Hangs];
    /// The order if origins that respond hold all connections but one: the last is for the others.
    pub(super) const OTHERS_FIRST: [Self; 5] =
        [Self::Slow, Self::Unknown, Self::Doubtful, Self::Hangs, Self::Answers];

    /// Returns the responsiveness after an attempt.
    pub(super) fn after(self, claim: &Claim, outcome: &Outcome, took_ms: i64, flaps: bool) -> Self {
        match outcome {
            Outcome::Responded { .. } if took_ms > SLOW_MS || flaps => Self::Slow,
            Outcome::Responded { .. } => Self::Answers,
            // A connection that is refused or breaks at once is held for no time.
            Outcome::Unreachable if took_ms <= SLOW_MS => self.min(Self::Unknown),
            Outcome::TimedOut | Outcome::Unreachable => match self {
                Self::Answers | Self::Slow => Self::Doubtful,
                _ if claim.timeout_ms < ATTEMPT_TIMEOUT_MS => Self::Doubtful,
                _ => Self::Hangs,
            },
            // Nothing was sent.
            _ => self,
        }
    }
}

/// The time since or from which somebody waits, and the number of their last turn. After a turn one queues
/// behind those who have had none, however old the delivery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wait {
    pub(super) from_ms: i64,
    pub(super) turn: u64,
}

/// The deliveries of one receiver, as far as they are known without a query.
pub(super) struct Lane {
    pub(super) receiver: String,
    /// The deliveries read ahead, the oldest first.
    pub(super) ahead: VecDeque<Claim>,
    /// The time before which nothing else of it is due; `None` if nothing else waits.
    pub(super) due_ms: Option<i64>,
    pub(super) last: Wait,
}

impl Lane {
    pub(super) fn new(receiver: &str) -> Self {
        let receiver = receiver.to_owned();
        Self { receiver, ahead: VecDeque::new(), due_ms: None, last: Wait::default() }
    }

    pub(super) fn wait(&self) -> Option<Wait> {
        let due_ms = self.ahead.front().map(|claim| claim.due_ms).or(self.due_ms)?;
        Some(Wait { from_ms: due_ms.max(self.last.from_ms), turn: self.last.turn })
    }
}

#[derive(Default)]
pub(super) struct Origin {
    pub(super) responsiveness: Responsiveness,
    pub(super) alone_until_ms: i64,
    pub(super) flaps_until_ms: i64,
    pub(super) last: Wait,
    /// The lanes in which something waits.
    pub(super) lanes: Vec<Lane>,
}

impl Origin {
    /// Returns the lane that waits longest.
    pub(super) fn first(&self) -> Option<(Wait, &Lane)> {
        self.lanes.iter().filter_map(|lane| Some((lane.wait()?, lane))).min_by_key(|(wait, _)| *wait)
    }

    pub(super) fn wait(&self) -> Option<Wait> {
        let (first, _) = self.first()?;
        Some(Wait { from_ms: first.from_ms.max(self.last.from_ms), turn: self.last.turn })
    }
}

/// The facts that the database has about a receiver.
pub(in crate::ledger) struct ReceiverFacts {
    pub(in crate::ledger) receiver: String,
    pub(in crate::ledger) due_ms: i64,
    /// True if the last known attempt timed out.
    pub(in crate::ledger) hung: bool,
}

/// The position of an origin in the queue: its responsiveness, its wait, and its name.
pub(super) type Position = (Responsiveness, Wait, String);

/// Inserts an origin in the queue, if something waits for it.
pub(super) fn enqueue(queue: &mut Vec<Position>, name: &str, origin: &Origin) {
    if let Some(wait) = origin.wait() {
        let position = (origin.responsiveness, wait, name.to_owned());
        if let Err(at) = queue.binary_search(&position) {
            queue.insert(at, position);
        }
    }
}
