//! The conductor of a ledger's deliveries: the attempts that an event begins, the way of each, and the time at which
//! the ledger wants to be looked at again. The edge keeps timers and sockets.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::Value;

use super::admin::CRON_EVERY_MS;
use super::isolate::campaign_cache;
use super::ports::{Ports, signed};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::ledger::db::store::Store;
use crate::ledger::wire::Message;
use crate::ledger::{Attempt, Claim, Dispatch, Handled, Ledger};
use crate::pipeline::webhook::Outcome;

/// The free plan allows an object 50 requests from one event to the next, readings of KV among them. What is still due
/// goes out by the next event, for which the alarm is set at once. To set it earlier costs more than the pause.
const MAX_REQUESTS_PER_EVENT: usize = 36;
/// What is on its way or waits for a connection goes out without the alarm. It is a net: should the object stop,
/// it starts again with what was not sent.
const NET_MS: i64 = 5_000;
/// What the ledger has to do about the house within this time has an alarm. What comes later the cron finds, which
/// pokes every few minutes: an alarm for it would be a row for each lead that comes alone, for there is one alarm.
const HOUSE_MS: i64 = 2 * CRON_EVERY_MS;
/// Before the next try where the database failed.
pub const RETRY_MS: i64 = 10_000;

/// The connections to receivers, and the clock.
#[allow(async_fn_in_trait, reason = "one thread on the Worker and on the host: futures need no Send")]
pub trait Sender {
    /// Returns the time; UTC, milliseconds.
    fn now_ms(&self) -> i64;

    /// Returns the time, with randomness.
    ///
    /// # Errors
    /// The platform gives no randomness.
    fn moment(&self) -> Result<Moment, Fault>;

    /// Sends a request. Redirects are not followed: a receiver has nothing to say but its status.
    async fn send(&self, dispatch: Dispatch, timeout_ms: u32) -> Sent;
}

/// A request that was sent, or could not be.
pub struct Sent {
    /// The receiver's answer, or the reason why there is none.
    pub outcome: Outcome,
    /// The receiver alone; milliseconds.
    pub took_ms: i64,
    /// Requests that it took beside its own.
    pub more_requests: usize,
}

impl Sent {
    /// A request that was not sent.
    pub fn not(outcome: Outcome) -> Self {
        Self { outcome, took_ms: 0, more_requests: 0 }
    }
}

/// The deliveries of one ledger.
pub struct Conductor<S> {
    ledger: Ledger<S>,
    /// Claimed, and not begun.
    claims: RefCell<VecDeque<Claim>>,
    /// Attempts that are over, until they are settled.
    over: RefCell<Vec<(Claim, Sent)>>,
    /// Begun, and not settled.
    under_way: Cell<usize>,
    /// Requests that were made in this event.
    requests: Cell<usize>,
    /// The database failed when it was asked what is due. Nothing is begun until the next event.
    has_failed: Cell<bool>,
}

impl<S: Store> Conductor<S> {
    /// A conductor with nothing under way.
    pub fn new(ledger: Ledger<S>) -> Rc<Self> {
        let (claims, over, under_way, requests, has_failed) = Default::default();
        Rc::new(Self { ledger, claims, over, under_way, requests, has_failed })
    }

    /// Returns the ledger.
    pub fn ledger(&self) -> &Ledger<S> {
        &self.ledger
    }

    /// Begins an event: something has come from outside, and may make requests of its own.
    fn begin_event(&self) {
        self.requests.set(0);
        self.has_failed.set(false);
    }

    /// Answers a message. It begins an event.
    ///
    /// # Errors
    /// The database's; nothing of the call was kept then.
    pub fn call(&self, message: Message, moment: &Moment) -> Result<Handled, Fault> {
        self.begin_event();
        self.ledger.call(message, moment)
    }

    /// Keeps house, for the alarm has gone off. It begins an event.
    ///
    /// # Errors
    /// The database's; it is to be done again then.
    pub fn ring(&self, moment: &Moment) -> Result<(), Fault> {
        self.begin_event();
        self.ledger.sweep(moment)
    }

    /// Returns the next claim, where this event may make one more request.
    ///
    /// # Errors
    /// The database's; nothing more is begun in this event.
    pub fn next_claim(&self, moment: impl FnOnce() -> Result<Moment, Fault>) -> Result<Option<Claim>, Fault> {
        if self.requests.get() >= MAX_REQUESTS_PER_EVENT || self.has_failed.get() {
            return Ok(None);
        }
        if self.claims.borrow().is_empty() {
            let claims = moment().and_then(|moment| self.ledger.claim(&moment));
            self.has_failed.set(claims.is_err());
            self.claims.borrow_mut().extend(claims?);
        }
        let claim = self.claims.borrow_mut().pop_front();
        if claim.is_some() {
            self.requests.set(self.requests.get() + 1);
            self.under_way.set(self.under_way.get() + 1);
        }
        Ok(claim)
    }

    /// Makes the attempt of a claim, and keeps its outcome until it is settled.
    ///
    /// # Errors
    /// A fault of ours. It has failed this attempt alone, which is kept as such.
    pub async fn attempt(&self, world: &(impl Ports + Sender), claim: Claim) -> Result<(), Fault> {
        let (sent, fault) = match self.dispatch(world, &claim).await {
            Ok(Ok(dispatch)) => (world.send(dispatch, claim.timeout_ms).await, Ok(())),
            Ok(Err(outcome)) => (Sent::not(outcome), Ok(())),
            Err(fault) => (Sent::not(Outcome::Unreadable), Err(fault)),
        };
        self.keep(claim, sent);
        fault
    }

    /// Makes the request of a claim. `Ok(Err(_))` says what keeps it from being sent.
    async fn dispatch(
        &self,
        world: &(impl Ports + Sender),
        claim: &Claim,
    ) -> Result<Result<Dispatch, Outcome>, Fault> {
        let campaign = match campaign_cache::find(world, &claim.campaign, world.now_ms()).await {
            Ok(Some(campaign)) => Some(campaign),
            // KV may not have it here yet, or not answer: the copy that came with the lead is as good.
            Ok(None) | Err(_) => self.ledger.last_good_campaign(&claim.campaign)?,
        };
        let mut prepared = match self.ledger.prepare(claim) {
            Ok(prepared) => prepared,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let receipts = signed(world, std::mem::take(&mut prepared.unsigned)).await?;
        let (secret, moment) = (|name: &str| world.secret(name), world.moment()?);
        Ok(self.ledger.dispatch(claim, &prepared, campaign.as_deref(), secret, &receipts, &moment))
    }

    /// Keeps the outcome of an attempt until it is settled. Its connection is free.
    pub fn keep(&self, claim: Claim, sent: Sent) {
        self.ledger.release(&claim, &sent.outcome, sent.took_ms, sent.more_requests > 0);
        self.requests.set(self.requests.get() + sent.more_requests);
        self.over.borrow_mut().push((claim, sent));
    }

    /// Writes the outcomes of the attempts that are over. Returns of each the event for the log, or why it could not
    /// be written.
    pub fn settle(&self, moment: impl FnOnce() -> Result<Moment, Fault>) -> Vec<Result<Value, Fault>> {
        let over = self.over.take();
        if over.is_empty() {
            return Vec::new();
        }
        self.under_way.set(self.under_way.get().saturating_sub(over.len()));
        let attempts: Vec<_> = over
            .iter()
            .map(|(claim, sent)| Attempt { claim, outcome: &sent.outcome, took_ms: sent.took_ms })
            .collect();
        match moment() {
            Ok(moment) => self.ledger.settle(&attempts, &moment),
            Err(fault) => vec![Err(fault)],
        }
    }

    /// Returns when an alarm has to go off, seen from a time; UTC, milliseconds. [`i64::MAX`] where none has to.
    pub fn alarm_at_ms(&self, now_ms: i64) -> i64 {
        let due_ms = self.ledger.next_due_ms();
        let outbox_ms = match due_ms <= now_ms {
            true if self.has_failed.get() => now_ms + RETRY_MS,
            true if self.requests.get() >= MAX_REQUESTS_PER_EVENT => now_ms,
            true => now_ms + NET_MS,
            false if self.under_way.get() > 0 => due_ms.min(now_ms + NET_MS),
            false => due_ms,
        };
        let house_ms = Some(self.ledger.keeps_house_at_ms()).filter(|at_ms| *at_ms < now_ms + HOUSE_MS);
        house_ms.map_or(outbox_ms, |house_ms| house_ms.max(now_ms).min(outbox_ms))
    }
}
