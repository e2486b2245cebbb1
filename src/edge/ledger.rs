//! The Durable Object: a [`Ledger`](crate::ledger::Ledger) over the object's SQLite, and its alarm.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use js_sys::futures::{JsFuture, spawn_local};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use worker::{Delay, Env};

use super::http::log_fault;
use super::platform::{ADMITTED, FAULT, Platform};
use super::send::{self, Sent};
use super::store::ObjectStore;
use super::{glue, log, message_of, moment, now_ms};
use crate::campaigns;
use crate::deliver::Outcome;
use crate::fault::Fault;
use crate::ledger::message::{Answer, Message};
use crate::ledger::{self, Answered, Claim, Dispatch};
use crate::ports::{Ports as _, signed};

/// While a receiver keeps an attempt waiting, leads for the others come in: how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Outcomes may wait for so long to be written together. Should the object stop meanwhile, the
/// delivery comes again under its id, as when it stops between an answer and a commit.
const SETTLE_WITHIN_MS: u32 = 10;
/// The platform ends an alarm after 15 minutes; the rest is done by the next one.
const MAX_ALARM_MS: i64 = 5 * 60_000;
/// An alarm that has been at work for longer has ended in some way that nobody was told of.
const LOST_ALARM_MS: i64 = 2 * MAX_ALARM_MS;
/// The free plan allows an invocation 50 requests, readings of KV among them. What is still due goes
/// out by the next alarm, at once.
const MAX_REQUESTS_AN_ALARM: usize = 36;
/// An alarm that is so late is set again.
const ALARM_LATE_MS: i64 = 30_000;
/// Before the next try where the database failed.
const RETRY_MS: i64 = 10_000;

type Core = ledger::Ledger<ObjectStore>;

/// The core of one ledger's object; `entry.js` is around it.
#[wasm_bindgen]
pub struct Ledger {
    storage: JsValue,
    env: Env,
    /// Of a number of milliseconds: the object's next turn.
    turn: Function,
    core: RefCell<Option<Rc<Core>>>,
    alarm: Alarm,
}

#[wasm_bindgen(wasm_bindgen_futures = worker::wasm_bindgen_futures)]
impl Ledger {
    /// Over the object's storage.
    #[wasm_bindgen(constructor)]
    pub fn new(storage: JsValue, env: Env, turn: Function) -> Self {
        let alarm = Alarm { storage: storage.clone(), set_ms: Rc::default(), draining_ms: Rc::default() };
        Self { storage, env, turn, core: RefCell::new(None), alarm }
    }

    /// Answers a message in one synchronous step: a JSON text, or [`ADMITTED`] or [`FAULT`].
    pub fn answer(&self, message: &str) -> JsValue {
        let started_ms = now_ms();
        match self.judge(message) {
            Ok(answered) => {
                if let Some(event) = answered.log {
                    log(event, started_ms);
                }
                match answered.answer {
                    Answer::Admitted => ADMITTED.into(),
                    answer => serde_json::to_string(&answer).map_or(FAULT.into(), Into::into),
                }
            }
            Err(fault) => {
                log_fault("ledger", &fault);
                FAULT.into()
            }
        }
    }

    /// Sends what is due. It always succeeds, for the platform gives an alarm up after six failures:
    /// what fails here is tried again by an alarm of our own.
    pub async fn alarm(&self) {
        self.alarm.set_ms.set(None);
        let draining = Draining::begin(&self.alarm.draining_ms);
        let next_ms = self.drain().await.unwrap_or_else(|fault| {
            log_fault("alarm", &fault);
            now_ms() + RETRY_MS
        });
        drop(draining);
        self.alarm.wake_by(next_ms);
    }
}

/// Says that an alarm is at work, until it ends, in whatever way.
struct Draining<'a>(&'a Cell<Option<i64>>);

impl<'a> Draining<'a> {
    fn begin(draining_ms: &'a Cell<Option<i64>>) -> Self {
        draining_ms.set(Some(now_ms()));
        Self(draining_ms)
    }
}

impl Drop for Draining<'_> {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

impl Ledger {
    /// Nothing else enters the object meanwhile, and the alarm is kept together with what was written.
    fn judge(&self, message: &str) -> Result<Answered, Fault> {
        let message: Message = serde_json::from_str(message)
            .map_err(|_| Fault::new("a message that this code does not understand"))?;
        let core = self.open(&message.ledger)?;
        let answered = core.call(message, &moment()?)?;
        if !self.alarm.is_draining() {
            self.alarm.wake_by(core.wake_at_ms());
        }
        Ok(answered)
    }

    fn open(&self, name: &str) -> Result<Rc<Core>, Fault> {
        if let Some(core) = self.core.borrow().as_ref() {
            return Ok(Rc::clone(core));
        }
        let platform = Platform::new(self.env.clone())?;
        let settings = platform.shared_settings();
        let store = ObjectStore::new(&self.storage);
        let core = Core::open(store, name, &settings, now_ms())?;
        let core = Rc::new(core);
        *self.core.borrow_mut() = Some(Rc::clone(&core));
        Ok(core)
    }

    /// The ledger of an alarm, which carries no name. None where nothing was ever stored.
    fn open_again(&self) -> Result<Option<Rc<Core>>, Fault> {
        if let Some(core) = self.core.borrow().as_ref() {
            return Ok(Some(Rc::clone(core)));
        }
        let name = Core::name_in(&ObjectStore::new(&self.storage))?;
        name.map(|name| self.open(&name)).transpose()
    }

    async fn drain(&self) -> Result<i64, Fault> {
        let Some(core) = self.open_again()? else {
            return Ok(i64::MAX);
        };
        let platform = Platform::new(self.env.clone())?;
        let started_ms = now_ms();
        let mut in_flight = Deliveries::new(&core, &platform, &self.turn);
        let mut look_again = Delay::from(LOOK_AGAIN);
        let mut failure = None;
        loop {
            let is_over =
                in_flight.requests >= MAX_REQUESTS_AN_ALARM || now_ms() - started_ms >= MAX_ALARM_MS;
            // After a failure what is under way is still settled, and nothing new begun.
            if failure.is_none() && !is_over {
                match moment().and_then(|moment| core.claim(&moment)) {
                    Ok(claims) => in_flight.begin(claims),
                    Err(fault) => failure = Some(fault),
                }
            }
            if in_flight.is_empty() {
                break;
            }
            let happened = match select(pin!(in_flight.next()), &mut look_again).await {
                Either::Left((settled, _)) => Some(settled),
                Either::Right(_) => None,
            };
            match happened {
                Some(settled) => failure = failure.or(settled.err()),
                // A receiver that hangs must not keep the others waiting for the next alarm.
                None if is_over || failure.is_some() => {
                    spawn_local(in_flight.finish(self.alarm.clone()));
                    break;
                }
                None => look_again = Delay::from(LOOK_AGAIN),
            }
        }
        if let Some(fault) = failure {
            return Err(fault);
        }
        core.sweep(&moment()?)?;
        Ok(core.wake_at_ms())
    }
}

/// The object's alarm.
#[derive(Clone)]
struct Alarm {
    storage: JsValue,
    /// When it is set to; nothing where that is not known.
    set_ms: Rc<Cell<Option<i64>>>,
    /// Since when one is at work.
    draining_ms: Rc<Cell<Option<i64>>>,
}

impl Alarm {
    /// Whether an alarm is at work: it looks for what is due before it ends.
    fn is_draining(&self) -> bool {
        self.draining_ms.get().is_some_and(|since_ms| now_ms() - since_ms <= LOST_ALARM_MS)
    }

    /// Sets the alarm where none is set that is as early. One that is long due and has not gone off
    /// may be lost. A failure loses nothing: the cron pokes.
    fn wake_by(&self, at_ms: i64) {
        let late_ms = now_ms() - ALARM_LATE_MS;
        let is_set = self.set_ms.get().is_some_and(|set_ms| set_ms <= at_ms && set_ms >= late_ms);
        if at_ms == i64::MAX || is_set {
            return;
        }
        #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        let set = glue::set_alarm(&self.storage, at_ms as f64);
        match set {
            Ok(()) => self.set_ms.set(Some(at_ms)),
            Err(error) => log_fault("alarm", &Fault::new(format!("not set: {}", message_of(&error)))),
        }
    }
}

/// Deliveries on their way, each from its request until its outcome is written.
struct Deliveries {
    core: Rc<Core>,
    platform: Platform,
    turn: Function,
    steps: FuturesUnordered<Pin<Box<dyn Future<Output = Step>>>>,
    /// Requests that were made so far.
    requests: usize,
}

/// Where a delivery has come to.
enum Step {
    /// The attempt is over.
    Answered(Claim, Sent),
    /// What became of it is written.
    Settled(Result<(), Fault>),
}

impl Deliveries {
    fn new(core: &Rc<Core>, platform: &Platform, turn: &Function) -> Self {
        let (core, platform, turn) = (Rc::clone(core), platform.clone(), turn.clone());
        Self { core, platform, turn, steps: FuturesUnordered::new(), requests: 0 }
    }

    fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn begin(&mut self, claims: Vec<Claim>) {
        self.requests += claims.len();
        for claim in claims {
            self.steps.push(Box::pin(attempt(Rc::clone(&self.core), self.platform.clone(), claim)));
        }
    }

    /// Goes on until something has happened to one of them.
    async fn next(&mut self) -> Result<(), Fault> {
        match self.steps.next().await {
            Some(Step::Answered(claim, sent)) => {
                self.core.release(&claim, &sent.outcome, sent.took_ms, sent.more_requests > 0);
                self.requests += sent.more_requests;
                let turn = self.turn.call1(&JsValue::NULL, &SETTLE_WITHIN_MS.into());
                self.steps.push(Box::pin(settle(Rc::clone(&self.core), turn.ok(), claim, sent)));
                Ok(())
            }
            Some(Step::Settled(settled)) => settled,
            None => Ok(()),
        }
    }

    /// Goes on until all have been settled. Meanwhile others may have waited for their connections.
    async fn finish(mut self, alarm: Alarm) {
        while !self.is_empty() {
            if let Err(fault) = self.next().await {
                log_fault("delivery", &fault);
            }
            if !alarm.is_draining() {
                alarm.wake_by(self.core.wake_at_ms());
            }
        }
    }
}

/// One attempt, from the campaign as it is now to the outcome.
async fn attempt(core: Rc<Core>, platform: Platform, claim: Claim) -> Step {
    let sent = match dispatch(&core, &platform, &claim).await {
        Ok(dispatch) => send::send(dispatch, claim.timeout_ms).await,
        Err(outcome) => Sent::not(outcome),
    };
    Step::Answered(claim, sent)
}

/// The request of a claim. What fails of ours fails this claim alone.
async fn dispatch(core: &Core, platform: &Platform, claim: &Claim) -> Result<Dispatch, Outcome> {
    let unreadable = |fault: Fault| {
        log_fault("delivery", &fault);
        Outcome::Unreadable
    };
    let campaign = match campaigns::find(platform, &claim.campaign, now_ms()).await {
        Ok(Some(campaign)) => Some(campaign),
        // KV may not have it here yet, or not answer: the copy that came with the lead is as good.
        Ok(None) | Err(_) => core.last_good_campaign(&claim.campaign).map_err(unreadable)?,
    };
    let mut prepared = core.prepare(claim)?;
    let receipts = signed(platform, std::mem::take(&mut prepared.unsigned)).await.map_err(unreadable)?;
    let moment = moment().map_err(unreadable)?;
    let secret = |name: &str| platform.secret(name);
    core.dispatch(claim, &prepared, campaign.as_deref(), secret, &receipts, &moment)
}

/// Writes an outcome in the object's next turn: a commit costs more than all the rest of a lead.
async fn settle(core: Rc<Core>, turn: Option<JsValue>, claim: Claim, sent: Sent) -> Step {
    if let Some(turn) = turn {
        // It resolves whatever happens.
        let _ = JsFuture::from(turn.unchecked_into::<Promise>()).await;
    }
    let settled = moment().and_then(|moment| core.settle(&claim, &sent.outcome, sent.took_ms, &moment));
    Step::Settled(settled.map(|event| log(event, 0)))
}
