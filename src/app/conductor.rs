//! The conductor of a ledger's deliveries: the attempts that an event begins, the steps of each, and the time of the
//! next alarm. Timers and sockets are the platform's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::Value;

use super::cron::CRON_EVERY_MS;
use super::isolate::Isolate;
use super::ports::{Ports, sign_receipts};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::ledger::db::store::Store;
use crate::ledger::wire::Message;
use crate::ledger::{Attempt, Claim, Dispatch, Handled, Ledger};
use crate::pipeline::webhook::Outcome;

/// The requests that one event may make. The free plan allows an object 50 from one event to the next, reads of KV
/// included. Deliveries that are still due wait for the next event, for which the alarm is set at once; to set it
/// earlier costs more than the pause.
const MAX_REQUESTS_PER_EVENT: usize = 36;
/// The delay of the alarm while attempts are under way or wait for a connection. They need no alarm, unless the object
/// stops: then the alarm starts it again, with the deliveries that were not sent.
const NET_MS: i64 = 5_000;
/// The time within which house work gets an alarm. Later work is left to the cron, which wakes every ledger every few
/// minutes. An object has one alarm, and to set it again after every lead that comes alone would cost a row each.
const HOUSE_MS: i64 = 2 * CRON_EVERY_MS;
/// The delay of the alarm after the database has failed.
pub const RETRY_MS: i64 = 10_000;

/// The connections to receivers, with the clock.
#[allow(async_fn_in_trait, reason = "one thread on the Worker and on the host: futures need no Send")]
pub trait Sender {
    /// Returns the time; UTC, milliseconds.
    fn now_ms(&self) -> i64;

    /// Returns the time, with randomness.
    ///
    /// # Errors
    /// The platform gives no randomness.
    fn moment(&self) -> Result<Moment, Fault>;

    /// Sends a request. Redirects are not followed: only the status of a response counts.
    async fn send(&self, dispatch: Dispatch, timeout_ms: u32) -> Exchange;
}

/// An exchange with a receiver: a request, and its response if there was one.
pub struct Exchange {
    /// The receiver's response, or the reason why there is none.
    pub outcome: Outcome,
    /// The time that the receiver took; milliseconds.
    pub took_ms: i64,
    /// The requests that were made in addition to its own.
    pub more_requests: usize,
}

impl Exchange {
    /// Returns an exchange whose request was not sent.
    pub fn unsent(outcome: Outcome) -> Self {
        Self { outcome, took_ms: 0, more_requests: 0 }
    }
}

/// The deliveries of one ledger.
pub struct Conductor<S> {
    ledger: Ledger<S>,
    /// The claims that no attempt has begun for.
    claims: RefCell<VecDeque<Claim>>,
    /// The attempts that have ended and are not settled.
    ended: RefCell<Vec<(Claim, Exchange)>>,
    /// The number of attempts that have begun and are not settled.
    under_way: Cell<usize>,
    /// The number of requests of the current event.
    requests: Cell<usize>,
    /// The database failed when it was asked for claims. Nothing is begun until the next event.
    has_failed: Cell<bool>,
}

impl<S: Store> Conductor<S> {
    /// Creates a conductor with nothing under way.
    pub fn new(ledger: Ledger<S>) -> Rc<Self> {
        let (claims, ended, under_way, requests, has_failed) = Default::default();
        Rc::new(Self { ledger, claims, ended, under_way, requests, has_failed })
    }

    /// Returns the ledger.
    pub fn ledger(&self) -> &Ledger<S> {
        &self.ledger
    }

    /// Begins an event, with requests of its own. Messages and alarms are events.
    fn begin_event(&self) {
        self.requests.set(0);
        self.has_failed.set(false);
    }

    /// Answers a message, which begins an event.
    ///
    /// # Errors
    /// The database's. Then nothing of the message was stored.
    pub fn call(&self, message: Message, moment: &Moment) -> Result<Handled, Fault> {
        self.begin_event();
        self.ledger.call(message, moment)
    }

    /// Does the house work of an alarm, which begins an event.
    ///
    /// # Errors
    /// The database's. Then the work has to be repeated.
    pub fn ring(&self, moment: &Moment) -> Result<(), Fault> {
        self.begin_event();
        self.ledger.sweep(moment)
    }

    /// Returns the next claim, if this event may make one more request.
    ///
    /// # Errors
    /// The database's. Then nothing more is begun in this event.
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

    /// Makes the attempt of a claim, and keeps the outcome until it is settled.
    ///
    /// # Errors
    /// A fault of ours. It has failed this attempt only, which is kept with that outcome.
    pub async fn attempt(
        &self,
        world: &(impl Ports + Sender),
        isolate: &Isolate,
        claim: Claim,
    ) -> Result<(), Fault> {
        let (exchange, fault) = match self.dispatch(world, isolate, &claim).await {
            Ok(Ok(dispatch)) => (world.send(dispatch, claim.timeout_ms).await, Ok(())),
            Ok(Err(outcome)) => (Exchange::unsent(outcome), Ok(())),
            Err(fault) => (Exchange::unsent(Outcome::Unreadable), Err(fault)),
        };
        self.keep(claim, exchange);
        fault
    }

    /// Builds the request of a claim. `Ok(Err(_))` is the reason why it cannot be sent.
    async fn dispatch(
        &self,
        world: &(impl Ports + Sender),
        isolate: &Isolate,
        claim: &Claim,
    ) -> Result<Result<Dispatch, Outcome>, Fault> {
        let campaign = match isolate.campaigns.find(world, &claim.campaign, world.now_ms()).await {
            Ok(Some(campaign)) => Some(campaign),
            // KV may not have it here yet, or may be down: the copy that came with the lead is as good.
            Ok(None) | Err(_) => self.ledger.last_good_campaign(&claim.campaign)?,
        };
        let mut prepared = match self.ledger.prepare(claim) {
            Ok(prepared) => prepared,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let receipts = sign_receipts(world, std::mem::take(&mut prepared.unsigned)).await?;
        let (secret, moment) = (|name: &str| world.secret(name), world.moment()?);
        Ok(self.ledger.dispatch(claim, &prepared, campaign.as_deref(), secret, &receipts, &moment))
    }

    /// Keeps the outcome of an attempt until it is settled, and frees its connection.
    pub fn keep(&self, claim: Claim, exchange: Exchange) {
        self.ledger.release(&claim, &exchange.outcome, exchange.took_ms, exchange.more_requests > 0);
        self.requests.set(self.requests.get() + exchange.more_requests);
        self.ended.borrow_mut().push((claim, exchange));
    }

    /// Writes the outcomes of the attempts that have ended. Returns for each the event for the log, or the reason why
    /// it could not be written.
    pub fn settle(&self, moment: impl FnOnce() -> Result<Moment, Fault>) -> Vec<Result<Value, Fault>> {
        let ended = self.ended.take();
        if ended.is_empty() {
            return Vec::new();
        }
        self.under_way.set(self.under_way.get().saturating_sub(ended.len()));
        let attempts: Vec<_> = ended
            .iter()
            .map(|(claim, exchange)| Attempt { claim, outcome: &exchange.outcome, took_ms: exchange.took_ms })
            .collect();
        match moment() {
            Ok(moment) => self.ledger.settle(&attempts, &moment),
            Err(fault) => vec![Err(fault)],
        }
    }

    /// Returns the time of the next alarm, as seen from a time; UTC, milliseconds. [`i64::MAX`] if none is needed.
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
