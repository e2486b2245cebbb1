//! The Durable Object: a [`Ledger`](crate::ledger::Ledger) over the object's SQLite, what it sends, and its alarm.
//!
//! `entry.js` gathers what arrives into turns. After each it asks for what is due ([`next`]), and before it ends
//! it lets the alarm be set ([`rest`]), all in one step, so that the alarm is kept together with what was written.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use super::drive;
use super::drive::{Kind, parcel};
use super::http::log_fault;
use super::object_store::ObjectStore;
use super::platform;
use super::platform::{ADMITTED, FAULT, Platform, REPEATED};
use super::send;
use super::send::Sent;
use super::{event, glue, message_of, moment, now_ms};
use crate::app::admin::CRON_EVERY_MS;
use crate::app::isolate::campaign_cache;
use crate::app::ports::{Ports as _, signed};
use crate::base::fault::Fault;
use crate::ledger;
use crate::ledger::Handled;
use crate::ledger::wire::{Answer, Message};
use crate::ledger::{Attempt, Claim, Dispatch};
use crate::pipeline::webhook::Outcome;

/// The free plan allows an object 50 requests from one event to the next, readings of KV among them. What is still due
/// goes out by the next event, for which the alarm is set at once. To set it earlier costs more than the pause.
const MAX_REQUESTS_AN_EVENT: usize = 36;
/// What is on its way or waits for a connection goes out without the alarm. It is a net: should the object stop,
/// it starts again with what was not sent.
const NET_MS: i64 = 5_000;
/// What the ledger has to do about the house within this time has an alarm. What comes later the cron finds, which
/// pokes every few minutes: an alarm for it would be a row for each lead that comes alone, for there is one alarm.
const HOUSE_MS: i64 = 2 * CRON_EVERY_MS;
/// An alarm that is so late is set again.
const ALARM_LATE_MS: i64 = 30_000;
/// Before the next try where the database failed.
const RETRY_MS: i64 = 10_000;

type Core = ledger::Ledger<ObjectStore>;

thread_local! {
    static OBJECTS: RefCell<BTreeMap<u32, Rc<Object>>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Holds the core of one ledger's object for as long as JavaScript holds this.
#[wasm_bindgen]
pub struct Ledger {
    number: u32,
}

#[wasm_bindgen]
impl Ledger {
    /// Over the object's storage.
    #[wasm_bindgen(constructor)]
    pub fn new(storage: JsValue, env: Env) -> Self {
        platform::attach(&env);
        let number = LAST.get().wrapping_add(1);
        LAST.set(number);
        OBJECTS.with_borrow_mut(|objects| objects.insert(number, Rc::new(Object::new(storage))));
        Self { number }
    }

    /// What the functions of this file know the object by.
    #[wasm_bindgen(getter)]
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let object = OBJECTS.with_borrow_mut(|objects| objects.remove(&self.number));
        drop(object);
    }
}

fn object(number: u32) -> Option<Rc<Object>> {
    OBJECTS.with_borrow(|objects| objects.get(&number).cloned())
}

/// Answers a message in one synchronous step: [`ADMITTED`] or [`FAULT`], or a JSON text as the second part. The
/// first one is a line of the log.
#[wasm_bindgen]
pub fn judge(number: u32, message: Vec<u8>) -> Vec<u8> {
    let started_ms = now_ms();
    let Some(object) = object(number) else { return parcel(Kind::Answer, FAULT, &[b"", b""]) };
    match object.judge(&message) {
        Ok(answered) => {
            let log = answered.log.map(|one| event(one, started_ms)).unwrap_or_default();
            let (number, text) = match answered.answer {
                Answer::Admitted => (ADMITTED, Vec::new()),
                Answer::Repeated => (REPEATED, Vec::new()),
                answer => (FAULT, serde_json::to_vec(&answer).unwrap_or_default()),
            };
            parcel(Kind::Answer, number, &[log.as_bytes(), &text])
        }
        Err(fault) => {
            log_fault("ledger", &fault);
            parcel(Kind::Answer, FAULT, &[b"", b""])
        }
    }
}

/// Begins the next delivery that is due, as far as connections are free.
#[wasm_bindgen]
pub fn next(number: u32) -> Vec<u8> {
    let begun = object(number).and_then(|object| {
        let claim = object.next_claim()?;
        let core = object.core.borrow().as_ref().map(Rc::clone)?;
        Some((object, core, claim))
    });
    let Some((object, core, claim)) = begun else { return parcel(Kind::Nothing, 0, &[]) };
    drive::begin(async move {
        let sent = match dispatch(&core, &claim).await {
            Ok(dispatch) => send::send(dispatch, claim.timeout_ms).await,
            Err(outcome) => Sent::not(outcome),
        };
        object.attempted(&core, claim, sent);
        parcel(Kind::Attempted, 0, &[])
    })
}

/// Writes what became of the attempts that are over; the lines of the log as the only part.
#[wasm_bindgen]
pub fn settle(number: u32) -> Vec<u8> {
    let mut lines = Vec::new();
    for settled in object(number).map(|object| object.settle()).unwrap_or_default() {
        match settled {
            Ok(one) => lines.push(event(one, 0)),
            Err(fault) => log_fault("delivery", &fault),
        }
    }
    parcel(Kind::Nothing, 0, &[lines.join("\n").as_bytes()])
}

/// The alarm has gone off: opens the ledger, and sweeps. It always succeeds, for the platform gives an alarm up
/// after six failures: what fails here is tried again by an alarm of our own.
#[wasm_bindgen]
pub fn ring(number: u32) {
    let Some(object) = object(number) else { return };
    if let Err(fault) = object.ring() {
        log_fault("alarm", &fault);
        object.alarm.wake_by(now_ms() + RETRY_MS);
    }
}

/// Sees to it that somebody looks at what is still to be done.
#[wasm_bindgen]
pub fn rest(number: u32) {
    if let Some(object) = object(number) {
        object.rest();
    }
}

/// A claim whose attempt is over, until what became of it is written.
struct Over {
    claim: Claim,
    sent: Sent,
}

struct Object {
    storage: JsValue,
    core: RefCell<Option<Rc<Core>>>,
    alarm: Alarm,
    /// Claimed, and not begun.
    claims: RefCell<VecDeque<Claim>>,
    over: RefCell<Vec<Over>>,
    /// Begun, and not settled.
    under_way: Cell<usize>,
    /// Requests that were made since something came from outside.
    requests: Cell<usize>,
    /// The database failed when it was asked what is due. Nothing is begun until something comes from outside.
    has_failed: Cell<bool>,
}

impl Object {
    fn new(storage: JsValue) -> Self {
        Self {
            alarm: Alarm { storage: storage.clone(), set_ms: Cell::new(None) },
            storage,
            core: RefCell::default(),
            claims: RefCell::default(),
            over: RefCell::default(),
            under_way: Cell::new(0),
            requests: Cell::new(0),
            has_failed: Cell::new(false),
        }
    }

    /// Something has come from outside, and may make requests of its own.
    fn begin_event(&self) {
        self.requests.set(0);
        self.has_failed.set(false);
    }

    /// Nothing else enters the object meanwhile.
    fn judge(&self, message: &[u8]) -> Result<Handled, Fault> {
        self.begin_event();
        let message: Message = serde_json::from_slice(message)
            .map_err(|_| Fault::new("a message that this code does not understand"))?;
        self.open(&message.ledger)?.call(message, &moment()?)
    }

    fn open(&self, name: &str) -> Result<Rc<Core>, Fault> {
        if let Some(core) = self.core.borrow().as_ref() {
            return Ok(Rc::clone(core));
        }
        let settings = Platform::new()?.shared_settings();
        let store = ObjectStore::new(&self.storage);
        let core = Rc::new(Core::open(store, name, &settings, now_ms())?);
        *self.core.borrow_mut() = Some(Rc::clone(&core));
        Ok(core)
    }

    /// The ledger of an alarm, which carries no name. None where nothing was ever stored.
    fn open_again(&self) -> Result<Option<Rc<Core>>, Fault> {
        if let Some(core) = self.core.borrow().as_ref() {
            return Ok(Some(Rc::clone(core)));
        }
        let name = Core::name_in(ObjectStore::new(&self.storage))?;
        name.map(|name| self.open(&name)).transpose()
    }

    fn ring(&self) -> Result<(), Fault> {
        self.alarm.set_ms.set(None);
        self.begin_event();
        match self.open_again()? {
            Some(core) => core.sweep(&moment()?),
            None => Ok(()),
        }
    }

    /// The next claim, where this event may make one more request.
    fn next_claim(&self) -> Option<Claim> {
        if self.requests.get() >= MAX_REQUESTS_AN_EVENT || self.has_failed.get() {
            return None;
        }
        if self.claims.borrow().is_empty() {
            let core = self.core.borrow().as_ref().map(Rc::clone)?;
            match moment().and_then(|moment| core.claim(&moment)) {
                Ok(claims) => self.claims.borrow_mut().extend(claims),
                Err(fault) => {
                    log_fault("alarm", &fault);
                    self.has_failed.set(true);
                }
            }
        }
        let claim = self.claims.borrow_mut().pop_front()?;
        self.requests.set(self.requests.get() + 1);
        self.under_way.set(self.under_way.get() + 1);
        Some(claim)
    }

    /// Keeps what became of an attempt until it is settled.
    fn attempted(&self, core: &Core, claim: Claim, sent: Sent) {
        core.release(&claim, &sent.outcome, sent.took_ms, sent.more_requests > 0);
        self.requests.set(self.requests.get() + sent.more_requests);
        self.over.borrow_mut().push(Over { claim, sent });
    }

    /// Writes what became of the attempts that are over; what is logged of each.
    fn settle(&self) -> Vec<Result<serde_json::Value, Fault>> {
        let over = self.over.take();
        let Some(core) = self.core.borrow().as_ref().map(Rc::clone) else { return Vec::new() };
        if over.is_empty() {
            return Vec::new();
        }
        self.under_way.set(self.under_way.get().saturating_sub(over.len()));
        let attempts: Vec<_> = over
            .iter()
            .map(|Over { claim, sent }| Attempt { claim, outcome: &sent.outcome, took_ms: sent.took_ms })
            .collect();
        match moment() {
            Ok(moment) => core.settle(&attempts, &moment),
            Err(fault) => vec![Err(fault)],
        }
    }

    fn rest(&self) {
        let Some(core) = self.core.borrow().as_ref().map(Rc::clone) else { return };
        let (due_ms, now_ms) = (core.next_due_ms(), now_ms());
        let outbox_ms = match due_ms <= now_ms {
            true if self.has_failed.get() => now_ms + RETRY_MS,
            true if self.requests.get() >= MAX_REQUESTS_AN_EVENT => now_ms,
            true => now_ms + NET_MS,
            false if self.under_way.get() > 0 => due_ms.min(now_ms + NET_MS),
            false => due_ms,
        };
        let house_ms = Some(core.keeps_house_at_ms()).filter(|at_ms| *at_ms < now_ms + HOUSE_MS);
        self.alarm.wake_by(house_ms.map_or(outbox_ms, |house_ms| house_ms.max(now_ms).min(outbox_ms)));
    }
}

/// The object's alarm.
struct Alarm {
    storage: JsValue,
    /// When it is set to; nothing where that is not known.
    set_ms: Cell<Option<i64>>,
}

impl Alarm {
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

/// The request of a claim. What fails of ours fails this claim alone.
async fn dispatch(core: &Core, claim: &Claim) -> Result<Dispatch, Outcome> {
    let unreadable = |fault: Fault| {
        log_fault("delivery", &fault);
        Outcome::Unreadable
    };
    let platform = Platform::new().map_err(unreadable)?;
    let campaign = match campaign_cache::find(&platform, &claim.campaign, now_ms()).await {
        Ok(Some(campaign)) => Some(campaign),
        // KV may not have it here yet, or not answer: the copy that came with the lead is as good.
        Ok(None) | Err(_) => core.last_good_campaign(&claim.campaign).map_err(unreadable)?,
    };
    let mut prepared = core.prepare(claim)?;
    let receipts = signed(&platform, std::mem::take(&mut prepared.unsigned)).await.map_err(unreadable)?;
    let moment = moment().map_err(unreadable)?;
    let secret = |name: &str| platform.secret(name);
    core.dispatch(claim, &prepared, campaign.as_deref(), secret, &receipts, &moment)
}
