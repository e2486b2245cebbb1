//! A world in memory: all ports, with a clock that is turned by hand and faults that are switched on. Its ledgers are
//! real ones over SQLite, and messages to them take their wire form.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rusqlite::Connection;

pub use super::fixtures::{ADMIN_TOKEN, PUBLIC_HOST, PUBLIC_URL, START_MS, request, signing_key};
pub use super::kv::KvMode;
pub use super::ledgers::LedgerMode;
pub use super::receiver::{MAIL_TOKEN, Received, ReceiverMode, SECRET};
pub use super::sqlite::SqliteStore;

use super::fixtures::settings;
use super::kv::Kv;
use super::ledgers::{Ledgers, Object};
use super::receiver::Receiver;
use crate::app::cron;
use crate::app::cx::Cx;
use crate::app::isolate::Isolate;
use crate::app::output::{After, Output};
use crate::app::ports::Ports as _;
use crate::app::router;
use crate::base::crypto::hmac_sha256;
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::campaign::Campaign;
use crate::campaign::publish;
use crate::http::request::RawRequest;
use crate::ledger::wire::Call;
use crate::settings::Settings;

/// The requests to KV and ledgers that the platform's free plan allows one invocation.
const MAX_REQUESTS: usize = 50;

/// A world.
pub struct World {
    pub(super) settings: Settings,
    isolate: RefCell<Rc<Isolate>>,
    pub(super) kv: RefCell<Kv>,
    pub(super) ledgers: Ledgers,
    pub(super) receiver: RefCell<Receiver>,
    clock_ms: Cell<i64>,
    /// The moments that were taken from it so far.
    moments: Cell<u64>,
    seed: u64,
    pub(super) unset_secrets: RefCell<BTreeSet<String>>,
    pub(super) secrets: RefCell<BTreeMap<String, String>>,
    pub(super) is_within_limits: Cell<Option<bool>>,
    pub(super) takes_more_mails: Cell<Option<bool>>,
    pub(super) service: RefCell<Option<String>>,
    pub(super) questions: RefCell<Vec<String>>,
    pub(super) files: RefCell<BTreeSet<String>>,
    pub(super) log: RefCell<Vec<serde_json::Value>>,
    /// The requests of the current invocation so far; `None` if there is none.
    requests: Cell<Option<usize>>,
    last_requests: Cell<usize>,
}

impl World {
    /// Creates a world whose randomness follows from a number.
    ///
    /// # Errors
    /// The built-in settings do not parse.
    pub fn new(seed: u64) -> Result<Self, Fault> {
        Ok(Self {
            settings: settings()?,
            isolate: RefCell::default(),
            kv: RefCell::default(),
            ledgers: Ledgers::default(),
            receiver: RefCell::default(),
            clock_ms: Cell::new(START_MS),
            moments: Cell::new(0),
            seed,
            unset_secrets: RefCell::default(),
            secrets: RefCell::default(),
            is_within_limits: Cell::new(Some(true)),
            takes_more_mails: Cell::new(Some(true)),
            service: RefCell::default(),
            questions: RefCell::default(),
            files: RefCell::default(),
            log: RefCell::default(),
            requests: Cell::new(None),
            last_requests: Cell::new(0),
        })
    }

    /// Changes the operator's settings. Objects and isolates start anew.
    pub fn set_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.restart();
    }

    /// Publishes a campaign.
    ///
    /// # Errors
    /// Every reason why it may not be published.
    pub fn publish(&self, campaign: &Campaign) -> Result<(), Vec<crate::campaign::Problem>> {
        let stored = |key: &str| self.kv.borrow().stored(key);
        for (key, value) in publish::plan(campaign, None, stored)?.writes {
            self.kv.borrow_mut().store(&key, &value);
        }
        self.isolate().campaigns.forget(&campaign.id);
        Ok(())
    }

    /// Handles a request, and does the work that follows the response.
    pub async fn serve(&self, request: &RawRequest) -> Output {
        let output = self.invoked(self.handle(request)).await;
        self.log.borrow_mut().extend(output.log.clone());
        for after in &output.after {
            match after {
                After::Remember { key, value, ttl_s } => {
                    let expires_ms = self.now_ms() + i64::from(*ttl_s) * 1_000;
                    let _ = self.kv.borrow_mut().put(key, value, Some(expires_ms));
                }
                After::Count { ledger, tally } => {
                    let _ = self.ask(ledger, &Call::Tally(vec![tally.clone()])).await;
                }
            }
        }
        output
    }

    /// Handles a request, without the work that follows the response.
    pub async fn handle(&self, request: &RawRequest) -> Output {
        let (isolate, now) = (self.isolate(), self.moment());
        router::handle(Cx { ports: self, isolate: &isolate, now: &now }, request).await
    }

    /// Runs the cron once, and returns the events of the ledgers that it could not reach.
    pub async fn run_cron(&self) -> Vec<serde_json::Value> {
        self.invoked(cron::wake_page(self, self.now_ms())).await
    }

    /// Does the work of one invocation, and counts its requests.
    async fn invoked<T>(&self, work: impl Future<Output = T>) -> T {
        self.requests.set(Some(0));
        let done = work.await;
        self.last_requests.set(self.requests.take().unwrap_or(0));
        done
    }

    /// Returns the number of requests to KV and to ledgers that the last invocation has made.
    pub fn last_requests(&self) -> usize {
        self.last_requests.get()
    }

    /// Counts requests of the current invocation.
    ///
    /// # Errors
    /// The invocation makes more than the platform allows.
    pub(super) fn spend(&self, requests: usize) -> Result<(), Fault> {
        let Some(spent) = self.requests.get().map(|spent| spent + requests) else { return Ok(()) };
        self.requests.set(Some(spent));
        if spent > MAX_REQUESTS { Err(Fault::new("too many requests of one invocation")) } else { Ok(()) }
    }

    /// Rings every alarm that is due: deliveries are sent and settled, a chunk is swept.
    ///
    /// # Errors
    /// A database's.
    pub async fn ring_alarms(&self) -> Result<(), Fault> {
        for name in self.ledgers() {
            let object = self.open(&name)?;
            if object.ledger().wake_at_ms() > self.now_ms() {
                continue;
            }
            loop {
                object.ring(&self.moment())?;
                self.deliver(&object).await?;
                if object.alarm_at_ms(self.now_ms()) > self.now_ms() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Makes every attempt that one event begins.
    async fn deliver(&self, object: &Object) -> Result<(), Fault> {
        loop {
            let mut claims = Vec::new();
            while let Some(claim) = object.next_claim(|| Ok(self.moment()))? {
                claims.push(claim);
            }
            if claims.is_empty() {
                return Ok(());
            }
            for claim in claims {
                object.attempt(self, &self.isolate(), claim).await?;
            }
            for event in object.settle(|| Ok(self.moment())) {
                self.log.borrow_mut().push(event?);
            }
        }
    }

    /// Turns the clock, and rings alarms on the way.
    ///
    /// # Errors
    /// A database's.
    pub async fn advance(&self, ms: i64) -> Result<(), Fault> {
        let until_ms = self.now_ms() + ms;
        self.ring_alarms().await?;
        loop {
            let mut next_ms = until_ms;
            for name in self.ledgers() {
                next_ms = next_ms.min(self.open(&name)?.ledger().wake_at_ms());
            }
            self.clock_ms.set(next_ms.max(self.now_ms() + 1).min(until_ms));
            self.ring_alarms().await?;
            if self.now_ms() >= until_ms {
                return Ok(());
            }
        }
    }

    /// Returns the time; UTC, milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.clock_ms.get()
    }

    /// Sets the clock without ringing alarms.
    pub fn set_clock(&self, now_ms: i64) {
        self.clock_ms.set(now_ms);
    }

    /// Sets the behaviour of KV from now on.
    pub fn set_kv(&self, mode: KvMode) {
        self.kv.borrow_mut().set_mode(mode);
    }

    /// Returns all keys and values in KV.
    pub fn kv_contents(&self) -> BTreeMap<String, String> {
        self.kv.borrow().contents()
    }

    /// Writes a value to KV without the Worker's knowledge.
    pub fn set_kv_value(&self, key: &str, value: &str) {
        self.kv.borrow_mut().store(key, value);
    }

    /// Sets the behaviour of the connection to the ledgers from now on.
    pub fn set_ledger(&self, mode: LedgerMode) {
        self.ledgers.mode.set(mode);
    }

    /// Takes a secret from the Worker.
    pub fn unset_secret(&self, name: &str) {
        self.unset_secrets.borrow_mut().insert(name.to_owned());
    }

    /// Sets the behaviour of the receiver from now on.
    pub fn set_receiver(&self, mode: ReceiverMode) {
        self.receiver.borrow_mut().mode = mode;
    }

    /// Sets a secret of the Worker. Others are [`MAIL_TOKEN`] or [`SECRET`].
    pub fn set_secret(&self, name: &str, value: &str) {
        self.secrets.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// Sets the answer of the platform's rate limits; `None` makes them fail.
    pub fn set_within_limits(&self, is_within: Option<bool>) {
        self.is_within_limits.set(is_within);
    }

    /// Sets the answer of the platform's rate limit for posts that cause an e-mail; `None` makes it fail.
    pub fn set_takes_more_mails(&self, takes_more: Option<bool>) {
        self.takes_more_mails.set(takes_more);
    }

    /// Returns the steps that the databases have taken since the last call: the cost of their work on any machine.
    pub fn take_sql_steps(&self) -> u64 {
        self.ledgers.take_steps()
    }

    /// Creates a ledger's database from statements, before anything opens it.
    ///
    /// # Errors
    /// The database's.
    pub fn restore(&self, ledger: &str, statements: &str) -> Result<(), Fault> {
        self.ledgers.restore(ledger, statements)
    }

    /// Puts a file into the bucket.
    pub fn put_file(&self, key: &str) {
        self.files.borrow_mut().insert(key.to_owned());
    }

    /// Sets the answer of external services; `None` makes them fail.
    pub fn set_service(&self, answer: Option<&str>) {
        *self.service.borrow_mut() = answer.map(str::to_owned);
    }

    /// Returns the forms that were posted to external services, in order.
    pub fn questions(&self) -> Vec<String> {
        self.questions.borrow().clone()
    }

    /// Returns the requests that the receiver has accepted, in order.
    pub fn received(&self) -> Vec<Received> {
        self.receiver.borrow().received.clone()
    }

    /// Returns all events that were logged.
    pub fn log(&self) -> Vec<serde_json::Value> {
        self.log.borrow().clone()
    }

    /// Stops every object; the databases stay.
    pub fn evict(&self) {
        self.ledgers.evict();
    }

    /// Stops every object and every isolate.
    pub fn restart(&self) {
        self.evict();
        self.new_isolate();
    }

    /// Empties the caches of the isolates.
    pub fn new_isolate(&self) {
        *self.isolate.borrow_mut() = Rc::default();
    }

    fn isolate(&self) -> Rc<Isolate> {
        Rc::clone(&self.isolate.borrow())
    }

    /// Lets so many requests wait for a ledger in this isolate that the ledger is busy.
    pub fn crowd(&self, ledger: &str) {
        let isolate = self.isolate();
        while !isolate.backlog.is_busy(ledger)
            && let Ok(slot) = isolate.backlog.enter(ledger, self.now_ms())
        {
            // As a request whose client has gone without telling anybody.
            std::mem::forget(slot);
        }
    }

    /// Returns the names of the ledgers that have ever received a message.
    pub fn ledgers(&self) -> Vec<String> {
        self.ledgers.names()
    }

    /// Returns the database of a ledger.
    pub fn database(&self, ledger: &str) -> Option<Rc<Connection>> {
        self.ledgers.database(ledger)
    }

    /// Returns the time, with randomness that follows from the world's number.
    pub fn moment(&self) -> Moment {
        let count = self.moments.get();
        self.moments.set(count + 1);
        let seed = hmac_sha256(&self.seed.to_be_bytes(), &[&count.to_be_bytes()]);
        Moment { now_ms: self.now_ms(), seed }
    }

    pub(super) fn open(&self, name: &str) -> Result<Rc<Object>, Fault> {
        self.ledgers.open(name, &self.settings, self.now_ms())
    }
}
