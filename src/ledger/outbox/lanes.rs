//! The lanes of receivers, and the choice of the one that gets the next connection. Receivers are addresses,
//! and each has a lane; connections are given to origins, because addresses of one origin share its fate.
//!
//! Everything is in memory, and a choice costs the same however many deliveries or lanes wait.

use std::collections::{BTreeMap, VecDeque};

use super::claim::Claim;
use super::origin::{Lane, Origin, Position, ReceiverFacts, Responsiveness, Wait, enqueue};
use crate::base::id::DeliveryId;
use crate::base::limits;
use crate::ledger::db::delivery::origin_of;
use crate::pipeline::webhook::{ATTEMPT_TIMEOUT_MS, Outcome};

/// The platform's limit of connections that one invocation may hold open.
const MAX_CONNECTIONS: usize = 6;
/// The connections of one origin that responds. Any other has one.
const MAX_CONNECTIONS_EACH: usize = limits::number("origin_connections") as usize;
/// The connections of origins that do not respond or are not known to, half of all: as many are left to those
/// that do.
const MAX_UNPROVEN: usize = MAX_CONNECTIONS / 2;
/// The connections of origins that are known not to respond: one of that half is left to the unknown ones.
const MAX_HANGING: usize = MAX_UNPROVEN - 1;
/// The connections of slow origins. With the half above, one connection is always left to those that respond
/// at once.
const MAX_SLOW: usize = 2;
/// The time for which an origin that has timed out is slow, whatever it responds: half of its machines may
/// hang.
const FLAPS_MS: i64 = 300_000;
/// The age of a connection beyond which an origin gets no second one: it may have begun to hang. Most
/// responses come sooner.
const DOUBTFUL_MS: i64 = 500;
/// The time for which an origin has one connection after a response left its connection in doubt. Such
/// responses come in a row, and no other request is to begin before that connection has ended.
const ALONE_MS: i64 = 60_000;
/// The time that an attempt may take if it occupies the only connection left to unknown origins, for which
/// the next of them waits.
const SHORT_ATTEMPT_MS: u32 = 2_000;
/// The time after which a claim is lost, longer than an attempt can take: its caller is gone, and the
/// delivery is due again.
const FLIGHT_MS: i64 = ATTEMPT_TIMEOUT_MS as i64 + 15_000;
/// The number of origins remembered although nothing waits for them: more than a company sends to, and a few
/// hundred kilobytes.
const MAX_ORIGINS: usize = 1_000;

/// A claim from its request until it is settled or its time has run out: a caller that never settles must not
/// keep the connection.
struct Flight {
    delivery_id: DeliveryId,
    receiver: String,
    since_ms: i64,
    until_ms: i64,
    has_connection: bool,
    /// True if it has lasted longer than [`DOUBTFUL_MS`].
    is_doubtful: bool,
}

/// The turn of a receiver to send its next delivery.
pub(in crate::ledger) struct Turn {
    pub(in crate::ledger) receiver: String,
    timeout_ms: u32,
}

/// The lanes of all receivers, and the claims on their way.
#[derive(Default)]
pub(in crate::ledger) struct Lanes {
    origins: BTreeMap<String, Origin>,
    /// The origins for which something waits, in order.
    queue: Vec<Position>,
    flights: Vec<Flight>,
    clock_ms: i64,
    turns: u64,
}

impl Lanes {
    /// Notes that something of a receiver becomes due then, which is now or later.
    pub(in crate::ledger) fn note_due(&mut self, receiver: &str, at_ms: i64) {
        self.change(receiver, |_, lane| {
            lane.due_ms = Some(lane.due_ms.map_or(at_ms, |known| known.min(at_ms)))
        });
    }

    /// Replaces the lanes by the facts that the database has.
    pub(in crate::ledger) fn learn(&mut self, known: Vec<ReceiverFacts>) {
        self.queue.clear();
        for origin in self.origins.values_mut() {
            origin.lanes.clear();
        }
        for one in known {
            let is_new = !self.origins.contains_key(origin_of(&one.receiver));
            self.change(&one.receiver, |origin, lane| {
                lane.due_ms = Some(one.due_ms);
                if is_new && one.hung {
                    origin.responsiveness = Responsiveness::Hangs;
                }
            });
        }
    }

    /// Returns the receiver whose turn is next, of those for whom a connection is free.
    pub(in crate::ledger) fn next(&self, now_ms: i64) -> Option<Turn> {
        let order = match self.connections_of(Responsiveness::Answers, Responsiveness::Answers) + 1
            < MAX_CONNECTIONS
        {
            true => Responsiveness::ALL,
            false => Responsiveness::OTHERS_FIRST,
        };
        let (responsiveness, _, name) = order.into_iter().find_map(|responsiveness| {
            self.first(responsiveness).filter(|(_, wait, _)| wait.from_ms <= now_ms)
        })?;
        let (_, lane) = self.origins.get(name)?.first()?;
        let is_short = *responsiveness == Responsiveness::Unknown && self.unproven() >= MAX_HANGING;
        let timeout_ms = if is_short { SHORT_ATTEMPT_MS } else { ATTEMPT_TIMEOUT_MS };
        Some(Turn { receiver: lane.receiver.clone(), timeout_ms })
    }

    /// Returns the origin of this responsiveness that waits longest, of those for whom a connection is free.
    /// Those that are passed over have one already, so they are few.
    fn first(&self, responsiveness: Responsiveness) -> Option<&Position> {
        let from = self.queue.partition_point(|(other, ..)| *other < responsiveness);
        let rest = self.queue.get(from..)?.iter();
        let mut all = rest.take_while(|(other, ..)| *other == responsiveness).peekable();
        let is_worth_it = all.peek().is_some() && self.has_room_for(responsiveness);
        all.filter(|_| is_worth_it).find(|(.., name)| self.has_room_at(name, responsiveness))
    }

    /// Returns whether one more request may be under way to any origin of this responsiveness.
    fn has_room_for(&self, responsiveness: Responsiveness) -> bool {
        let room = match responsiveness {
            Responsiveness::Answers => true,
            Responsiveness::Slow => {
                self.connections_of(Responsiveness::Slow, Responsiveness::Slow) < MAX_SLOW
            }
            Responsiveness::Unknown => self.unproven() < MAX_UNPROVEN,
            Responsiveness::Doubtful | Responsiveness::Hangs => {
                self.unproven() < MAX_UNPROVEN
                    && self.connections_of(Responsiveness::Doubtful, Responsiveness::Hangs) < MAX_HANGING
            }
        };
        room && self.connections_of(Responsiveness::Answers, Responsiveness::Hangs) < MAX_CONNECTIONS
    }

    fn has_room_at(&self, name: &str, responsiveness: Responsiveness) -> bool {
        let mut own = self.connections().filter(|flight| origin_of(&flight.receiver) == name);
        let is_alone = || self.origins.get(name).is_some_and(|origin| origin.alone_until_ms > self.clock_ms);
        match own.clone().count() {
            0 => true,
            count => {
                let is_well = responsiveness == Responsiveness::Answers && !own.any(|one| one.is_doubtful);
                count < MAX_CONNECTIONS_EACH && is_well && !is_alone()
            }
        }
    }

    fn unproven(&self) -> usize {
        self.connections_of(Responsiveness::Unknown, Responsiveness::Hangs)
    }

    /// Returns how many connections are held by origins of a responsiveness in this range. One that is held
    /// for long counts as a hanging origin's, whatever the origin was when it began.
    fn connections_of(&self, from: Responsiveness, to: Responsiveness) -> usize {
        let responsiveness = |flight: &Flight| {
            let origin = self.origins.get(origin_of(&flight.receiver));
            match origin.map(|origin| origin.responsiveness).unwrap_or_default() {
                Responsiveness::Answers | Responsiveness::Unknown if flight.is_doubtful => {
                    Responsiveness::Doubtful
                }
                responsiveness => responsiveness,
            }
        };
        self.connections().filter(|flight| (from..=to).contains(&responsiveness(flight))).count()
    }

    fn connections(&self) -> impl Iterator<Item = &Flight> + Clone {
        self.flights.iter().filter(|flight| flight.has_connection)
    }

    /// Returns whether nothing is read ahead in a lane.
    pub(in crate::ledger) fn is_empty(&self, receiver: &str) -> bool {
        let mut lanes = self.origins.get(origin_of(receiver)).into_iter().flat_map(|origin| &origin.lanes);
        lanes.find(|lane| lane.receiver == receiver).is_none_or(|lane| lane.ahead.is_empty())
    }

    /// Returns whether a receiver's lane has nothing in the database that should go first.
    pub(in crate::ledger) fn takes_immediately(&self, receiver: &str, now_ms: i64) -> bool {
        let mut lanes = self.origins.get(origin_of(receiver)).into_iter().flat_map(|origin| &origin.lanes);
        let lane = lanes.find(|lane| lane.receiver == receiver);
        lane.is_none_or(|lane| lane.due_ms.is_none_or(|due_ms| due_ms > now_ms))
    }

    /// Appends a delivery that has just been written to its lane.
    pub(in crate::ledger) fn hand(&mut self, claim: Claim) {
        let receiver = claim.receiver.clone();
        self.change(&receiver, |_, lane| lane.ahead.push_back(claim));
    }

    /// Fills a lane with deliveries that were read ahead, and notes when the next one after them is due.
    pub(in crate::ledger) fn fill(&mut self, receiver: &str, ahead: VecDeque<Claim>, due_ms: Option<i64>) {
        self.change(receiver, |_, lane| {
            lane.ahead = ahead;
            lane.due_ms = due_ms;
        });
    }

    /// Takes the next delivery of a turn. `None` if its lane has none after all.
    pub(in crate::ledger) fn take(&mut self, turn: &Turn, now_ms: i64) -> Option<Claim> {
        let receiver = &turn.receiver;
        self.turns += 1;
        let last = Wait { from_ms: now_ms, turn: self.turns };
        let mut claim = None;
        self.change(receiver, |origin, lane| {
            (origin.last, lane.last) = (last, last);
            claim = lane.ahead.pop_front();
        });
        let mut claim = claim?;
        claim.timeout_ms = turn.timeout_ms;
        self.flights.push(Flight {
            delivery_id: claim.delivery_id.clone(),
            receiver: receiver.clone(),
            since_ms: now_ms,
            until_ms: now_ms + FLIGHT_MS,
            has_connection: true,
            is_doubtful: false,
        });
        Some(claim)
    }

    /// Updates which flights are doubtful and which are lost. Returns whether any was lost and is due again.
    pub(in crate::ledger) fn look_at_clock(&mut self, now_ms: i64) -> bool {
        self.note_clock(now_ms);
        for flight in &mut self.flights {
            flight.is_doubtful = now_ms - flight.since_ms > DOUBTFUL_MS;
        }
        let mut has_lost = false;
        while let Some(at) = self.flights.iter().position(|one| one.until_ms <= now_ms) {
            let lost = self.flights.swap_remove(at);
            self.note_due(&lost.receiver, now_ms);
            has_lost = true;
        }
        has_lost
    }

    /// Notes the current time. If the clock was ahead, turns that it dated would delay their owners, so they
    /// count as none.
    pub(in crate::ledger) fn note_clock(&mut self, now_ms: i64) {
        let was_ahead = now_ms < self.clock_ms;
        self.clock_ms = now_ms;
        if !was_ahead {
            return;
        }
        for flight in &mut self.flights {
            flight.until_ms = flight.until_ms.min(now_ms + FLIGHT_MS);
        }
        self.queue.clear();
        for (name, origin) in &mut self.origins {
            (origin.last, origin.alone_until_ms, origin.flaps_until_ms) = (Wait::default(), 0, 0);
            origin.lanes.iter_mut().for_each(|lane| lane.last = Wait::default());
            enqueue(&mut self.queue, name, origin);
        }
    }

    /// Notes that a claim's request has been answered or has failed: its connection is free. `left_doubt`:
    /// that connection had to be ended.
    pub(in crate::ledger) fn release(
        &mut self,
        claim: &Claim,
        outcome: &Outcome,
        took_ms: i64,
        left_doubt: bool,
    ) {
        let mut flights = self.flights.iter_mut().filter(|one| one.has_connection);
        if let Some(flight) = flights.find(|one| one.delivery_id == claim.delivery_id) {
            flight.has_connection = false;
            let clock_ms = self.clock_ms;
            let alone_until_ms = if left_doubt { clock_ms + ALONE_MS } else { 0 };
            self.change(&claim.receiver, |origin, _| {
                if *outcome == Outcome::TimedOut {
                    origin.flaps_until_ms = clock_ms + FLAPS_MS;
                }
                let flaps = origin.flaps_until_ms > clock_ms;
                origin.responsiveness = origin.responsiveness.after(claim, outcome, took_ms, flaps);
                origin.alone_until_ms = origin.alone_until_ms.max(alone_until_ms);
            });
        }
    }

    /// Notes that a claim is settled, and its delivery may be claimed again.
    pub(in crate::ledger) fn land(&mut self, delivery_id: &DeliveryId) {
        self.flights.retain(|flight| flight.delivery_id != *delivery_id);
    }

    /// Returns whether a delivery is on its way.
    pub(in crate::ledger) fn is_in_flight(&self, delivery_id: &DeliveryId) -> bool {
        self.flights.iter().any(|flight| flight.delivery_id == *delivery_id)
    }

    /// Returns how many deliveries are on their way.
    pub(in crate::ledger) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Returns when to look again. Deliveries that wait for a connection are not counted: whoever settles a
    /// claim asks again.
    pub(in crate::ledger) fn next_due_ms(&self) -> i64 {
        let lost = self.flights.iter().map(|flight| flight.until_ms);
        let firsts = Responsiveness::ALL.into_iter().filter_map(|responsiveness| self.first(responsiveness));
        firsts.map(|(_, wait, _)| wait.from_ms).chain(lost).min().unwrap_or(i64::MAX)
    }

    /// Changes a receiver's lane and its origin, and keeps the queue in order.
    fn change(&mut self, receiver: &str, change: impl FnOnce(&mut Origin, &mut Lane)) {
        let name = origin_of(receiver);
        if !self.origins.contains_key(name) {
            self.make_room();
        }
        let origin = self.origins.entry(name.to_owned()).or_default();
        if let Some(wait) = origin.wait() {
            let position = (origin.responsiveness, wait, name.to_owned());
            if let Ok(at) = self.queue.binary_search(&position) {
                self.queue.remove(at);
            }
        }
        let known = origin.lanes.iter().position(|lane| lane.receiver == receiver);
        let mut lane = known.map_or_else(|| Lane::new(receiver), |at| origin.lanes.swap_remove(at));
        change(origin, &mut lane);
        if lane.wait().is_some() {
            origin.lanes.push(lane);
        }
        enqueue(&mut self.queue, name, origin);
    }

    /// Forgets origins for which nothing waits, if too many are known.
    fn make_room(&mut self) {
        if self.origins.len() >= MAX_ORIGINS {
            let is_under_way = |name: &str| self.flights.iter().any(|one| origin_of(&one.receiver) == name);
            let all = std::mem::take(&mut self.origins).into_iter();
            let needed = all.filter(|(name, origin)| !origin.lanes.is_empty() || is_under_way(name));
            self.origins.extend(needed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::crypto::sha256_hex;
    use crate::base::id::{LeadId, SubmissionId};
    use crate::pipeline::webhook::EventKind;

    const RECEIVERS: [&str; 7] = ["a.1", "a.2", "b.1", "c.1", "d.1", "e.1", "older"];

    fn claim(receiver: &str, id: usize, due_ms: i64) -> Claim {
        Claim {
            delivery_id: format!("{receiver}/{id}").into(),
            campaign: String::new(),
            destination: String::new(),
            timeout_ms: ATTEMPT_TIMEOUT_MS,
            lead_id: LeadId::default(),
            submission_id: SubmissionId::default(),
            receiver: receiver.to_owned(),
            event: EventKind::Qualified,
            data: None,
            due_ms,
            created_ms: due_ms,
            attempt_count: 0,
            format: crate::ledger::db::schema::ROW_FORMAT,
            subject: None,
        }
    }

    /// Returns the queue as it follows from the origins.
    fn meant(lanes: &Lanes) -> Vec<Position> {
        assert!(lanes.origins.values().all(|origin| origin.lanes.iter().all(|lane| lane.wait().is_some())));
        let position =
            |(name, origin): (&String, &Origin)| Some((origin.responsiveness, origin.wait()?, name.clone()));
        let mut positions: Vec<_> = lanes.origins.iter().filter_map(position).collect();
        positions.sort();
        positions
    }

    /// Applies random events in random order.
    #[test]
    fn the_queue_is_what_is_known_and_the_limits_hold() {
        let (mut lanes, mut open, mut now_ms) = (Lanes::default(), Vec::<Claim>::new(), 1_000_000);
        for step in 0..20_000_usize {
            let text = sha256_hex(&step.to_string());
            let die = |at: usize, sides: usize| {
                usize::from_str_radix(&text[at * 4..at * 4 + 4], 16).unwrap() % sides
            };
            let receiver = RECEIVERS[die(0, RECEIVERS.len())];
            match die(1, 10) {
                0 => now_ms += die(2, 20_000) as i64,
                1 if die(2, 20) == 0 => now_ms -= 500_000,
                2 | 3 => lanes.note_due(receiver, now_ms + die(2, 3) as i64 * 1_000),
                4 if die(2, 10) == 0 => {
                    let known = |to: &&str| ReceiverFacts {
                        receiver: (*to).to_owned(),
                        due_ms: now_ms - 5,
                        hung: die(3, 2) == 0,
                    };
                    lanes.learn(RECEIVERS.iter().take(die(4, 8)).map(known).collect());
                }
                5 | 6 if !open.is_empty() => {
                    let claim = open.swap_remove(die(2, open.len()));
                    let outcome = match die(3, 4) {
                        0 => Outcome::TimedOut,
                        1 => Outcome::Unreachable,
                        2 => Outcome::SecretMissing,
                        _ => Outcome::Responded { status: 200, retry_after_s: None },
                    };
                    lanes.release(&claim, &outcome, die(4, 4_000) as i64, die(5, 9) == 0);
                    lanes.land(&claim.delivery_id);
                }
                _ => {
                    lanes.look_at_clock(now_ms);
                    while let Some(turn) = lanes.next(now_ms) {
                        if lanes.is_empty(&turn.receiver) {
                            let ahead =
                                (0..die(2, 3)).map(|at| claim(&turn.receiver, step * 8 + at, now_ms - 1));
                            lanes.fill(&turn.receiver, ahead.collect(), None);
                        }
                        open.extend(lanes.take(&turn, now_ms));
                    }
                    assert!(lanes.next_due_ms() > now_ms, "what can go has gone");
                }
            }
            assert_eq!(lanes.queue, meant(&lanes), "step {step}");
            assert!(lanes.connections_of(Responsiveness::Answers, Responsiveness::Hangs) <= MAX_CONNECTIONS);
            for receiver in RECEIVERS {
                let own = lanes.connections().filter(|one| origin_of(&one.receiver) == origin_of(receiver));
                assert!(own.count() <= MAX_CONNECTIONS_EACH);
            }
        }
    }

    #[test]
    fn an_origin_that_left_its_connection_in_doubt_has_one_for_a_while() {
        let mut lanes = Lanes::default();
        let begin = |lanes: &mut Lanes, now_ms: i64| {
            lanes.look_at_clock(now_ms);
            let mut claims = Vec::new();
            while let Some(turn) = lanes.next(now_ms) {
                claims.extend(lanes.take(&turn, now_ms));
            }
            claims
        };
        let ahead = |from: usize| (from..from + 9).map(|id| claim("a.1", id, 5)).collect::<VecDeque<_>>();
        lanes.fill("a.1", ahead(0), None);
        let answered = Outcome::Responded { status: 500, retry_after_s: None };
        for (now_ms, left_doubt, expected) in
            [(10, true, 1), (20, false, 1), (10 + ALONE_MS, false, 2), (20 + ALONE_MS, false, 2)]
        {
            let claims = begin(&mut lanes, now_ms);
            assert_eq!(claims.len(), expected, "at {now_ms}");
            for claim in claims {
                lanes.release(&claim, &answered, 1, left_doubt);
                lanes.land(&claim.delivery_id);
            }
        }
    }

    #[test]
    fn origins_for_which_nothing_waits_are_forgotten_where_they_are_too_many() {
        let mut lanes = Lanes::default();
        for n in 0..5 * MAX_ORIGINS {
            let receiver = format!("{n}.1");
            lanes.note_due(&receiver, 5);
            if n % 10 > 0 {
                lanes.fill(&receiver, VecDeque::new(), None);
            }
        }
        assert!(lanes.origins.len() <= MAX_ORIGINS);
        assert_eq!(lanes.queue.len(), MAX_ORIGINS / 2, "who waits is known");
    }
}
