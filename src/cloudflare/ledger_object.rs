//! The Durable Object: a [`Ledger`](crate::ledger::Ledger) over the object's SQLite, its deliveries, and its alarm.
//!
//! `entry.js` gathers messages into turns. Each turn ends with the deliveries that are due ([`next`]) and the alarm
//! ([`rest`]), all in one step, so that the alarm is committed together with the turn's writes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;

use super::drive;
use super::drive::{Kind, parcel};
use super::glue;
use super::object_store::ObjectStore;
use super::platform;
use super::platform::{ADMITTED, FAULT, Platform, REPEATED};
use super::runtime::{event, log_fault, message_of, moment, now_ms};
use crate::app::conductor::{Conductor, Exchange, RETRY_MS};
use crate::base::fault::Fault;
use crate::base::json;
use crate::ledger;
use crate::ledger::wire::{Message, Reply};
use crate::ledger::{Claim, Handled};
use crate::pipeline::webhook::Outcome;

/// The delay after which an alarm counts as lost, and is set again.
const ALARM_LATE_MS: i64 = 30_000;

/// The core of an object.
type Core = Conductor<ObjectStore>;

thread_local! {
    static OBJECTS: RefCell<BTreeMap<u32, Rc<Object>>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// A handle of JavaScript's on the core of one ledger's object, which lives as long as the handle.
#[wasm_bindgen]
pub struct Ledger {
    number: u32,
}

#[wasm_bindgen]
impl Ledger {
    /// Creates an object's core over its storage.
    #[wasm_bindgen(constructor)]
    pub fn new(storage: JsValue, env: Env) -> Self {
        platform::attach(&env);
        let number = LAST.get().wrapping_add(1);
        LAST.set(number);
        OBJECTS.with_borrow_mut(|objects| objects.insert(number, Rc::new(Object::new(storage))));
        Self { number }
    }

    /// Returns the number that names the object in the functions of this file.
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

/// Answers a message in one synchronous step, with a number or with a JSON text as the second part. The first part is a
/// line of the log.
#[wasm_bindgen]
pub fn judge(number: u32, message: Vec<u8>) -> Vec<u8> {
    let started_ms = now_ms();
    let Some(object) = object(number) else { return parcel(Kind::Answer, FAULT, &[b"", b""]) };
    match object.judge(&message) {
        Ok(handled) => {
            let log = handled.log.map(|one| event(one, started_ms)).unwrap_or_default();
            let (number, text) = match handled.reply {
                Reply::Admitted => (ADMITTED, Vec::new()),
                Reply::Repeated => (REPEATED, Vec::new()),
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

/// Begins the next delivery that is due, if a connection is free.
#[wasm_bindgen]
pub fn next(number: u32) -> Vec<u8> {
    let Some((core, claim)) = next_claim(number) else { return parcel(Kind::Nothing, 0, &[]) };
    drive::begin(async move {
        let done = match Platform::new() {
            Ok(platform) => core.attempt(&platform, platform.isolate(), claim).await,
            Err(fault) => {
                core.keep(claim, Exchange::unsent(Outcome::Unreadable));
                Err(fault)
            }
        };
        if let Err(fault) = done {
            log_fault("delivery", &fault);
        }
        parcel(Kind::Attempted, 0, &[])
    })
}

fn next_claim(number: u32) -> Option<(Rc<Core>, Claim)> {
    let core = object(number)?.core()?;
    match core.next_claim(moment) {
        Ok(claim) => Some((core, claim?)),
        Err(fault) => {
            log_fault("alarm", &fault);
            None
        }
    }
}

/// Writes the outcomes of the attempts that have ended, and returns the lines of the log as the only part.
#[wasm_bindgen]
pub fn settle(number: u32) -> Vec<u8> {
    let mut lines = Vec::new();
    let core = object(number).and_then(|object| object.core());
    for settled in core.map(|core| core.settle(moment)).unwrap_or_default() {
        match settled {
            Ok(one) => lines.push(event(one, 0)),
            Err(fault) => log_fault("delivery", &fault),
        }
    }
    parcel(Kind::Nothing, 0, &[lines.join("\n").as_bytes()])
}

/// Opens the ledger at an alarm, and sweeps. It never fails: the platform gives an alarm up after six failures, so a
/// failed sweep is tried again by an alarm of our own.
#[wasm_bindgen]
pub fn ring(number: u32) {
    let Some(object) = object(number) else { return };
    if let Err(fault) = object.ring() {
        log_fault("alarm", &fault);
        object.alarm.wake_by(now_ms() + RETRY_MS);
    }
}

/// Sets the alarm for the work that is left.
#[wasm_bindgen]
pub fn rest(number: u32) {
    if let Some(object) = object(number) {
        object.rest();
    }
}

struct Object {
    storage: JsValue,
    core: RefCell<Option<Rc<Core>>>,
    alarm: Alarm,
}

impl Object {
    fn new(storage: JsValue) -> Self {
        let alarm = Alarm { storage: storage.clone(), set_ms: Cell::new(None) };
        Self { storage, core: RefCell::default(), alarm }
    }

    /// Returns the core, if it is open.
    fn core(&self) -> Option<Rc<Core>> {
        self.core.borrow().as_ref().map(Rc::clone)
    }

    /// Answers a message. Nothing else enters the object meanwhile.
    fn judge(&self, message: &[u8]) -> Result<Handled, Fault> {
        let message: Message =
            json::read(message).ok_or_else(|| Fault::new("a message that this code does not understand"))?;
        self.open(&message.ledger)?.call(message, &moment()?)
    }

    fn open(&self, name: &str) -> Result<Rc<Core>, Fault> {
        if let Some(core) = self.core() {
            return Ok(core);
        }
        let settings = Platform::new()?.shared_settings();
        let store = ObjectStore::new(&self.storage);
        let core = Conductor::new(ledger::Ledger::open(store, name, &settings, now_ms())?);
        *self.core.borrow_mut() = Some(Rc::clone(&core));
        Ok(core)
    }

    /// Opens the core at an alarm, which carries no name. `None` if nothing was ever stored.
    fn open_again(&self) -> Result<Option<Rc<Core>>, Fault> {
        if let Some(core) = self.core() {
            return Ok(Some(core));
        }
        let name = ledger::Ledger::name_in(ObjectStore::new(&self.storage))?;
        name.map(|name| self.open(&name)).transpose()
    }

    fn ring(&self) -> Result<(), Fault> {
        self.alarm.set_ms.set(None);
        match self.open_again()? {
            Some(core) => core.ring(&moment()?),
            None => Ok(()),
        }
    }

    fn rest(&self) {
        if let Some(core) = self.core() {
            self.alarm.wake_by(core.alarm_at_ms(now_ms()));
        }
    }
}

/// The object's alarm.
struct Alarm {
    storage: JsValue,
    /// The time that it is set to; `None` if that is not known.
    set_ms: Cell<Option<i64>>,
}

impl Alarm {
    /// Sets the alarm, unless it is set to that time or an earlier one. An alarm that is long overdue may be lost. A
    /// failure loses nothing, for the cron wakes every ledger.
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
