//! The Durable Object: a [`Ledger`](crate::ledger::Ledger) over the object's SQLite, and its alarm.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use worker::{
    Date, Delay, DurableObject, Env, Request, Response, Result, ScheduledTime, State, durable_object,
};

use super::http::log_fault;
use super::platform::Platform;
use super::store::ObjectStore;
use super::{log, moment, now_ms, send};
use crate::campaigns;
use crate::fault::Fault;
use crate::ledger::message::Message;
use crate::ledger::{self, Answered, Claim};

/// While a receiver keeps an attempt waiting, leads for the others come in: how often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The platform ends an alarm after 15 minutes; the rest is done by the next one.
const MAX_ALARM_MS: i64 = 5 * 60_000;
/// The free plan allows an invocation 50 requests, readings of KV among them. What is still due goes
/// out by the next alarm, at once.
const MAX_SENDS_AN_ALARM: usize = 36;
/// An alarm that is so late is looked up again.
const ALARM_LATE_MS: i64 = 30_000;
/// Before the next try where the database failed.
const RETRY_MS: i64 = 10_000;

type Core = ledger::Ledger<ObjectStore>;

/// The object of one ledger.
#[durable_object]
pub struct Ledger {
    state: State,
    env: Env,
    core: RefCell<Option<Rc<Core>>>,
    /// When the alarm is set to; nothing where that is not known.
    alarm_ms: Cell<Option<i64>>,
}

impl DurableObject for Ledger {
    fn new(state: State, env: Env) -> Self {
        Self { state, env, core: RefCell::new(None), alarm_ms: Cell::new(None) }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let started_ms = now_ms();
        let bytes = request.bytes().await?;
        self.look_up_alarm().await;
        match self.answer(&bytes) {
            Ok((answered, wake_at_ms)) => {
                self.wake_by(wake_at_ms).await;
                if let Some(event) = answered.log {
                    log(event, started_ms);
                }
                Response::from_json(&answered.answer)
            }
            Err(fault) => {
                log_fault("ledger", &fault);
                Ok(Response::empty()?.with_status(503))
            }
        }
    }

    /// Sends what is due. It always succeeds, for the platform gives an alarm up after six failures:
    /// what fails here is tried again by an alarm of our own.
    async fn alarm(&self) -> Result<Response> {
        self.alarm_ms.set(None);
        let next = self.drain().await.unwrap_or_else(|fault| {
            log_fault("alarm", &fault);
            now_ms() + RETRY_MS
        });
        self.wake_by(next).await;
        Response::empty()
    }
}

impl Ledger {
    /// One synchronous step: nothing else enters the object while a message is answered.
    fn answer(&self, bytes: &[u8]) -> std::result::Result<(Answered, i64), Fault> {
        let message: Message = serde_json::from_slice(bytes)
            .map_err(|_| Fault::new("a message that this code does not understand"))?;
        let core = self.open(&message.ledger)?;
        Ok((core.call(message, &moment()?)?, core.wake_at_ms()?))
    }

    fn open(&self, name: &str) -> std::result::Result<Rc<Core>, Fault> {
        if let Some(core) = self.core.borrow().as_ref() {
            return Ok(Rc::clone(core));
        }
        let platform = Platform::new(self.env.clone())?;
        let settings = platform.shared_settings();
        let store = ObjectStore::new(&self.state.storage());
        let core = Core::open(store, name, &settings.sealing, settings.development, now_ms())?;
        let core = Rc::new(core);
        *self.core.borrow_mut() = Some(Rc::clone(&core));
        Ok(core)
    }

    /// The ledger of an alarm, which carries no name. None where nothing was ever stored.
    fn open_again(&self) -> std::result::Result<Option<Rc<Core>>, Fault> {
        if let Some(core) = self.core.borrow().as_ref() {
            return Ok(Some(Rc::clone(core)));
        }
        let name = Core::name_in(&ObjectStore::new(&self.state.storage()))?;
        name.map(|name| self.open(&name)).transpose()
    }

    async fn drain(&self) -> std::result::Result<i64, Fault> {
        let Some(core) = self.open_again()? else {
            return Ok(i64::MAX);
        };
        let platform = Platform::new(self.env.clone())?;
        let started_ms = now_ms();
        let mut in_flight = FuturesUnordered::new();
        let (mut sent, mut failure) = (0, None);
        loop {
            // After a failure what is under way is still settled, and nothing new begun.
            if failure.is_none() && sent < MAX_SENDS_AN_ALARM && now_ms() - started_ms < MAX_ALARM_MS {
                match moment().and_then(|moment| core.claim(&moment)) {
                    Ok(claims) => {
                        sent += claims.len();
                        in_flight.extend(claims.into_iter().map(|claim| attempt(&core, &platform, claim)))
                    }
                    Err(fault) => failure = Some(fault),
                }
            }
            if in_flight.is_empty() {
                break;
            }
            if let Either::Left((Some(Err(fault)), _)) =
                select(in_flight.next(), Delay::from(LOOK_AGAIN)).await
            {
                failure = Some(fault);
            }
        }
        if let Some(fault) = failure {
            return Err(fault);
        }
        core.sweep(&moment()?)?;
        core.wake_at_ms()
    }

    /// Learns when the alarm is set to, where that is not known: at the start, and where one that is
    /// long due has not gone off, for then it may be lost.
    async fn look_up_alarm(&self) {
        if self.alarm_ms.get().is_none_or(|set_ms| set_ms < now_ms() - ALARM_LATE_MS) {
            self.alarm_ms.set(self.state.storage().get_alarm().await.ok().flatten());
        }
    }

    /// Sets the alarm where none is set that is as early. A failure loses nothing: the cron pokes.
    async fn wake_by(&self, at_ms: i64) {
        if at_ms == i64::MAX || self.alarm_ms.get().is_some_and(|set_ms| set_ms <= at_ms) {
            return;
        }
        self.alarm_ms.set(Some(at_ms));
        let at = Date::new(worker::DateInit::Millis(at_ms.unsigned_abs()));
        if let Err(error) = self.state.storage().set_alarm(ScheduledTime::new(at.into())).await {
            self.alarm_ms.set(None);
            log_fault("alarm", &Fault::new(format!("not set: {error}")));
        }
    }
}

/// One attempt, from the campaign as it is now to the settled outcome.
async fn attempt(core: &Core, platform: &Platform, claim: Claim) -> std::result::Result<(), Fault> {
    let started_ms = now_ms();
    let campaign = match campaigns::find(platform, &claim.campaign, started_ms).await {
        Ok(Some(campaign)) => Some(campaign),
        // KV may not have it here yet, or not answer: the copy that came with the lead is as good.
        Ok(None) | Err(_) => core.last_good_campaign(&claim.campaign)?,
    };
    let dispatch = core.dispatch(&claim, campaign.as_deref(), |name| platform.secret(name), &moment()?);
    let outcome = match dispatch {
        Ok(dispatch) => send::send(dispatch).await,
        Err(outcome) => outcome,
    };
    let moment = moment()?;
    let event = core.settle(&claim, &outcome, moment.now_ms - started_ms, &moment)?;
    log(event, started_ms);
    Ok(())
}
