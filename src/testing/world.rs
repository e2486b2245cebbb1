//! The whole world in memory, with a clock that is turned by hand and faults that are switched on:
//! what the host tests drive. Ledgers are the real ones, over SQLite; messages take their wire form.

use std::cell::{Cell as Slot, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ed25519_dalek::Signer as _;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, StatementStatus, ToSql, params_from_iter};

use crate::app::admin;
use crate::app::conductor::{Conductor, Sender, Sent};
use crate::app::endpoints::submit::{After, Answered};
use crate::app::isolate::campaign_cache::Shelf;
use crate::app::isolate::rate_limit::Throttle;
use crate::app::isolate::repeat_cache::Recent;
use crate::app::ports::{KV_KEYS_AT_ONCE, Ports};
use crate::app::router;
use crate::base::crypto::{base64, hmac_sha256};
use crate::base::fault::Fault;
use crate::base::keyring::SigningKey;
use crate::base::limits;
use crate::base::moment::Moment;
use crate::campaign::Campaign;
use crate::campaign::publish;
use crate::http::request::{Method, RawRequest};
use crate::ledger::db::store::{Arg, Cell, Row, Store};
use crate::ledger::wire::{Answer, Call, MESSAGE_FORMAT, Message};
use crate::ledger::{Dispatch, Ledger};
use crate::pipeline::webhook::{Outcome, SigningSecret, retry_after_s, verify};
use crate::settings::Settings;

/// 2026-11-22T14:00:00Z: where the clock stands at first.
pub const START_MS: i64 = 1_795_356_000_000;
/// The secret of every other destination.
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The secret of every e-mail provider: of every name that begins with `MAIL`.
pub const MAIL_TOKEN: &str = "memory-mail-token";
/// The token of the admin API.
pub const ADMIN_TOKEN: &str = "memory-admin-token";

/// What links are built from.
pub const PUBLIC_URL: &str = "https://leads.example.com";
/// The host that requests come to.
pub const PUBLIC_HOST: &str = "leads.example.com";

/// A signing key as [`SigningKeys`](crate::base::keyring::SigningKeys) reads it.
pub fn signing_key(id: &str, seed: [u8; 32]) -> String {
    let pair = ed25519_dalek::SigningKey::from_bytes(&seed);
    format!("{id}:{}", base64(&pair.to_keypair_bytes()))
}

/// Requests to KV and ledgers that an invocation may make on the platform's free plan.
const MAX_REQUESTS: usize = 50;
/// Keys of one page of KV's listings.
const LIST_PAGE: usize = limits::number("kv_page_names") as usize;

/// What workerd refuses to its databases (src/workerd/util/sqlite.c++), where it is less than SQLite's default.
const SQL_LIMITS: [(Limit, i32); 6] = [
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (Limit::SQLITE_LIMIT_COLUMN, 100),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
];

fn opened_as_on_the_platform() -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    for (limit, most) in SQL_LIMITS {
        connection.set_limit(limit, most)?;
    }
    Ok(connection)
}

/// A ledger's database on the host.
pub struct SqliteStore {
    connection: Rc<Connection>,
    refuses: Rc<Slot<bool>>,
    steps: Rc<Slot<u64>>,
}

impl SqliteStore {
    /// Over an open database.
    pub fn new(connection: Rc<Connection>) -> Self {
        Self { connection, refuses: Rc::default(), steps: Rc::default() }
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Arg::Null => ValueRef::Null,
            Arg::Int(number) => ValueRef::Integer(*number),
            Arg::Text(text) => ValueRef::Text(text.as_bytes()),
            Arg::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Store for SqliteStore {
    fn rows(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>, Fault> {
        if self.refuses.get() {
            return Err(Fault::new("SQL: refused"));
        }
        let run = || -> rusqlite::Result<Vec<Row>> {
            let mut statement = self.connection.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut found = statement.query(params_from_iter(args))?;
            let mut rows = Vec::new();
            while let Some(row) = found.next()? {
                let cell = |column| {
                    Ok(match row.get_ref(column)? {
                        ValueRef::Integer(number) => Cell::Int(number),
                        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
                        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
                        _ => Cell::Null,
                    })
                };
                rows.push(Row((0..columns).map(cell).collect::<rusqlite::Result<_>>()?));
            }
            drop(found);
            let steps = statement.reset_status(StatementStatus::VmStep);
            self.steps.set(self.steps.get() + u64::try_from(steps).unwrap_or(0));
            Ok(rows)
        };
        run().map_err(|error| Fault::new(format!("SQL: {error}")))
    }

    fn script(&self, sql: &str) -> Result<(), Fault> {
        // A prepared statement is one alone.
        self.connection.execute_batch(sql).map_err(|error| Fault::new(format!("SQL: {error}")))
    }

    fn atomically(&self, step: &mut dyn FnMut() -> Result<(), Fault>) -> Result<(), Fault> {
        // The outermost savepoint is a transaction.
        self.run("SAVEPOINT step", &[])?;
        match step() {
            Ok(()) => self.run("RELEASE step", &[]),
            Err(fault) => {
                let _ = self.connection.execute_batch("ROLLBACK TO step; RELEASE step");
                Err(fault)
            }
        }
    }
}

/// How KV behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvMode {
    /// It answers with what was written.
    #[default]
    Fresh,
    /// It answers with what lay there when the mode was set.
    Stale,
    /// It answers that there is nothing.
    Empty,
    /// Every call fails.
    Failing,
    /// Reading works, writing is refused.
    RefusingWrites,
}

/// How the way to the ledger behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LedgerMode {
    /// It works.
    #[default]
    Up,
    /// The request never arrives.
    LosesRequests,
    /// The request is handled, its answer lost.
    LosesAnswers,
    /// The database refuses every statement.
    RefusesStatements,
}

/// How the receiver of webhooks behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiverMode {
    /// It takes what it gets, with 200.
    #[default]
    Up,
    /// It answers this status, and takes nothing.
    Refuses(u16),
    /// It takes what it gets, and its answer is lost.
    LosesAnswers,
    /// Nobody listens.
    Down,
}

/// A webhook that a receiver has taken, its signature verified.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// `webhook-id`.
    pub id: String,
    /// Where it came to.
    pub url: String,
    /// The body.
    pub body: serde_json::Value,
}

#[derive(Default)]
struct Kv {
    values: BTreeMap<String, (String, Option<i64>)>,
    snapshot: BTreeMap<String, (String, Option<i64>)>,
    mode: KvMode,
}

/// The object of a ledger.
type Object = Conductor<SqliteStore>;

/// The world.
pub struct World {
    settings: Settings,
    shelf: RefCell<Shelf>,
    kv: RefCell<Kv>,
    databases: RefCell<BTreeMap<String, Rc<Connection>>>,
    objects: RefCell<BTreeMap<String, Rc<Object>>>,
    refuses: Rc<Slot<bool>>,
    steps: Rc<Slot<u64>>,
    clock_ms: Slot<i64>,
    moments: Slot<u64>,
    seed: u64,
    ledger_mode: Slot<LedgerMode>,
    receiver_mode: Slot<ReceiverMode>,
    unset_secrets: RefCell<BTreeSet<String>>,
    received: RefCell<Vec<Received>>,
    throttle: RefCell<Throttle>,
    recent: RefCell<Recent>,
    /// Whether many requests wait for the ledgers.
    pub is_busy: std::cell::Cell<bool>,
    secrets: RefCell<BTreeMap<String, String>>,
    is_within_limits: Slot<Option<bool>>,
    takes_more_mails: Slot<Option<bool>>,
    service: RefCell<Option<String>>,
    questions: RefCell<Vec<String>>,
    files: RefCell<BTreeSet<String>>,
    log: RefCell<Vec<serde_json::Value>>,
    /// What the invocation that is under way has asked for so far; nothing where none is.
    requests: Slot<Option<usize>>,
    last_requests: Slot<usize>,
}

impl World {
    /// A world whose randomness follows from a number.
    ///
    /// # Errors
    /// The built-in settings do not parse.
    pub fn new(seed: u64) -> Result<Self, Fault> {
        let key = |byte: u8| format!("k1:{}", base64(&[byte; 32]));
        let settings = Settings::read(|name| match name {
            "LEADHOOK_PEPPERS" => Some(key(1)),
            "LEADHOOK_SEALING_KEYS" => Some(key(2)),
            "LEADHOOK_SIGNING_KEYS" => Some(signing_key("s1", [3; 32])),
            "LEADHOOK_LIST_KEYS" => Some(key(4)),
            "LEADHOOK_PUBLIC_URL" => Some(PUBLIC_URL.to_owned()),
            "LEADHOOK_SECRET_HOSTS" => {
                Some("MAIL_SECRET=mail.example.com,MAIL_SECRET=crm.example.com".to_owned())
            }
            "LEADHOOK_ADMIN_TOKEN" => Some(ADMIN_TOKEN.to_owned()),
            _ => None,
        })?;
        Ok(Self {
            settings,
            shelf: RefCell::default(),
            kv: RefCell::default(),
            databases: RefCell::default(),
            objects: RefCell::default(),
            refuses: Rc::default(),
            steps: Rc::default(),
            clock_ms: Slot::new(START_MS),
            moments: Slot::new(0),
            seed,
            ledger_mode: Slot::default(),
            receiver_mode: Slot::default(),
            unset_secrets: RefCell::default(),
            received: RefCell::default(),
            throttle: RefCell::default(),
            recent: RefCell::default(),
            is_busy: std::cell::Cell::new(false),
            secrets: RefCell::default(),
            is_within_limits: Slot::new(Some(true)),
            takes_more_mails: Slot::new(Some(true)),
            service: RefCell::default(),
            questions: RefCell::default(),
            files: RefCell::default(),
            log: RefCell::default(),
            requests: Slot::new(None),
            last_requests: Slot::new(0),
        })
    }

    /// The same world after its operator has changed the settings; objects start anew.
    pub fn set_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
        self.restart();
    }

    /// Publishes a campaign.
    ///
    /// # Errors
    /// Every reason why it may not be published.
    pub fn publish(&self, campaign: &Campaign) -> Result<(), Vec<crate::campaign::Problem>> {
        let stored = |key: &str| self.kv.borrow().values.get(key).map(|(value, _)| value.clone());
        for (key, value) in publish::plan(campaign, None, stored)?.writes {
            self.kv.borrow_mut().values.insert(key, (value, None));
        }
        self.shelf.borrow_mut().forget(&campaign.id);
        Ok(())
    }

    /// Writes to KV, for so many seconds where given.
    fn keep(&self, key: &str, value: &str, ttl_s: Option<u32>) -> Result<(), Fault> {
        let mut kv = self.kv.borrow_mut();
        if matches!(kv.mode, KvMode::Failing | KvMode::RefusingWrites) {
            return Err(Fault::new("KV put: refused"));
        }
        let until = ttl_s.map(|ttl_s| self.now_ms() + i64::from(ttl_s) * 1_000);
        kv.values.insert(key.to_owned(), (value.to_owned(), until));
        Ok(())
    }

    /// Answers a request, and does what follows it.
    pub async fn answer(&self, request: &RawRequest) -> Answered {
        let answered = self.invoked(router::answer(self, request, &self.moment())).await;
        self.log.borrow_mut().extend(answered.log.clone());
        for after in &answered.after {
            match after {
                After::Remember { key, value, ttl_s } => {
                    let _ = self.keep(key, value, Some(*ttl_s));
                }
                After::Count { ledger, tally } => {
                    let _ = self.ask(ledger, &Call::Tally(vec![tally.clone()])).await;
                }
            }
        }
        answered
    }

    /// Lets the cron run once; what could not be reached.
    pub async fn run_cron(&self) -> Vec<serde_json::Value> {
        self.invoked(admin::wake_page(self, self.now_ms())).await
    }

    /// One invocation, whose requests are counted.
    async fn invoked<T>(&self, work: impl Future<Output = T>) -> T {
        self.requests.set(Some(0));
        let done = work.await;
        self.last_requests.set(self.requests.take().unwrap_or(0));
        done
    }

    /// The requests to KV and to ledgers that the last invocation has made.
    pub fn last_requests(&self) -> usize {
        self.last_requests.get()
    }

    fn read_kv(&self, key: &str) -> Result<Option<String>, Fault> {
        let kv = self.kv.borrow();
        let values = match kv.mode {
            KvMode::Failing => return Err(Fault::new("KV get: failing")),
            KvMode::Empty => return Ok(None),
            KvMode::Stale => &kv.snapshot,
            KvMode::Fresh | KvMode::RefusingWrites => &kv.values,
        };
        let living = |(_, until): &&(String, Option<i64>)| until.is_none_or(|until| until > self.now_ms());
        Ok(values.get(key).filter(living).map(|(value, _)| value.clone()))
    }

    /// So many more requests are made.
    fn spend(&self, requests: usize) -> Result<(), Fault> {
        let Some(spent) = self.requests.get().map(|spent| spent + requests) else { return Ok(()) };
        self.requests.set(Some(spent));
        if spent > MAX_REQUESTS { Err(Fault::new("too many requests of one invocation")) } else { Ok(()) }
    }

    /// Lets every alarm that is due go off: deliveries are sent and settled, a chunk is swept.
    ///
    /// # Errors
    /// A database's.
    pub async fn ring_alarms(&self) -> Result<(), Fault> {
        let names: Vec<String> = self.databases.borrow().keys().cloned().collect();
        for name in names {
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
                object.attempt(self, claim).await?;
            }
            for event in object.settle(|| Ok(self.moment())) {
                self.log.borrow_mut().push(event?);
            }
        }
    }

    /// Turns the clock, letting alarms go off on the way.
    ///
    /// # Errors
    /// A database's.
    pub async fn advance(&self, ms: i64) -> Result<(), Fault> {
        let until_ms = self.now_ms() + ms;
        self.ring_alarms().await?;
        loop {
            let mut next_ms = until_ms;
            let names: Vec<String> = self.databases.borrow().keys().cloned().collect();
            for name in names {
                next_ms = next_ms.min(self.open(&name)?.ledger().wake_at_ms());
            }
            self.clock_ms.set(next_ms.max(self.now_ms() + 1).min(until_ms));
            self.ring_alarms().await?;
            if self.now_ms() >= until_ms {
                return Ok(());
            }
        }
    }

    /// The clock.
    pub fn now_ms(&self) -> i64 {
        self.clock_ms.get()
    }

    /// Sets the clock without letting an alarm go off.
    pub fn set_clock(&self, now_ms: i64) {
        self.clock_ms.set(now_ms);
    }

    /// Sets how KV behaves from now on.
    pub fn set_kv(&self, mode: KvMode) {
        let mut kv = self.kv.borrow_mut();
        kv.snapshot = kv.values.clone();
        kv.mode = mode;
    }

    /// Every key and value that KV holds.
    pub fn kv_contents(&self) -> BTreeMap<String, String> {
        let value = |(key, (value, _)): (&String, &(String, _))| (key.clone(), value.clone());
        self.kv.borrow().values.iter().map(value).collect()
    }

    /// Writes a value behind the Worker's back.
    pub fn set_kv_value(&self, key: &str, value: &str) {
        self.kv.borrow_mut().values.insert(key.to_owned(), (value.to_owned(), None));
    }

    /// Sets how the way to ledgers behaves from now on.
    pub fn set_ledger(&self, mode: LedgerMode) {
        self.ledger_mode.set(mode);
    }

    /// Takes a secret from the Worker.
    pub fn unset_secret(&self, name: &str) {
        self.unset_secrets.borrow_mut().insert(name.to_owned());
    }

    /// Sets how the receiver behaves from now on.
    pub fn set_receiver(&self, mode: ReceiverMode) {
        self.receiver_mode.set(mode);
    }

    /// Sets a secret of the Worker. Any other is [`MAIL_TOKEN`] or [`SECRET`].
    pub fn set_secret(&self, name: &str, value: &str) {
        self.secrets.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// Sets whether the platform's limits take more; nothing where they cannot be asked.
    pub fn set_within_limits(&self, is_within: Option<bool>) {
        self.is_within_limits.set(is_within);
    }

    /// Sets whether the platform's limit takes more posts that bring a mail; nothing where it cannot be asked.
    pub fn set_takes_more_mails(&self, takes_more: Option<bool>) {
        self.takes_more_mails.set(takes_more);
    }

    /// How many steps the databases have taken since this was asked last: what their work costs, whatever the
    /// machine does.
    pub fn take_sql_steps(&self) -> u64 {
        self.steps.take()
    }

    /// Makes a ledger's database of statements, before anything opens it.
    ///
    /// # Errors
    /// The database's.
    pub fn restore(&self, ledger: &str, statements: &str) -> Result<(), Fault> {
        let connection = opened_as_on_the_platform();
        let connection = connection.and_then(|one| one.execute_batch(statements).map(|()| one));
        let connection = connection.map_err(|error| Fault::new(format!("SQL: {error}")))?;
        self.databases.borrow_mut().insert(ledger.to_owned(), Rc::new(connection));
        Ok(())
    }

    /// Puts a file into the bucket.
    pub fn put_file(&self, key: &str) {
        self.files.borrow_mut().insert(key.to_owned());
    }

    /// Sets what the services say that are asked; nothing where they are down.
    pub fn set_service(&self, answer: Option<&str>) {
        *self.service.borrow_mut() = answer.map(str::to_owned);
    }

    /// What services were asked, in order.
    pub fn questions(&self) -> Vec<String> {
        self.questions.borrow().clone()
    }

    /// What the receiver has taken, in order.
    pub fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// Every event that was logged.
    pub fn log(&self) -> Vec<serde_json::Value> {
        self.log.borrow().clone()
    }

    /// Stops every object; the databases stay.
    pub fn evict(&self) {
        self.objects.borrow_mut().clear();
    }

    /// Stops every object and forgets what isolates keep.
    pub fn restart(&self) {
        self.evict();
        self.new_isolate();
    }

    /// Forgets what isolates keep.
    pub fn new_isolate(&self) {
        *self.shelf.borrow_mut() = Shelf::default();
        *self.throttle.borrow_mut() = Throttle::default();
        *self.recent.borrow_mut() = Recent::default();
    }

    /// The names of the ledgers that have ever been asked anything.
    pub fn ledgers(&self) -> Vec<String> {
        self.databases.borrow().keys().cloned().collect()
    }

    /// The database of a ledger, to look at.
    pub fn database(&self, ledger: &str) -> Option<Rc<Connection>> {
        self.databases.borrow().get(ledger).cloned()
    }

    /// The time, and randomness that follows from the world's number.
    pub fn moment(&self) -> Moment {
        let count = self.moments.get();
        self.moments.set(count + 1);
        let seed = hmac_sha256(&self.seed.to_be_bytes(), &[&count.to_be_bytes()]);
        Moment { now_ms: self.now_ms(), seed }
    }

    fn open(&self, name: &str) -> Result<Rc<Object>, Fault> {
        if let Some(object) = self.objects.borrow().get(name) {
            return Ok(Rc::clone(object));
        }
        let mut databases = self.databases.borrow_mut();
        let connection = match databases.get(name) {
            Some(connection) => Rc::clone(connection),
            None => {
                let opened = opened_as_on_the_platform().map(Rc::new);
                let opened = opened.map_err(|error| Fault::new(format!("SQL: {error}")))?;
                databases.insert(name.to_owned(), Rc::clone(&opened));
                opened
            }
        };
        let (refuses, steps) = (Rc::clone(&self.refuses), Rc::clone(&self.steps));
        let store = SqliteStore { connection, refuses, steps };
        let ledger = Ledger::open(store, name, &self.settings, self.now_ms())?;
        let object = Conductor::new(ledger);
        self.objects.borrow_mut().insert(name.to_owned(), Rc::clone(&object));
        Ok(object)
    }

    fn receive(&self, dispatch: Dispatch) -> Outcome {
        let mode = self.receiver_mode.get();
        if mode == ReceiverMode::Down {
            return Outcome::Unreachable;
        }
        if let ReceiverMode::Refuses(status) = mode {
            return Outcome::Responded { status, retry_after_s: retry_after_s("", self.now_ms()) };
        }
        let header = |name: &str| {
            let found = dispatch.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let id = header("webhook-id");
        let verified = SigningSecret::parse(SECRET).is_some_and(|secret| {
            let (timestamp, signature) = (header("webhook-timestamp"), header("webhook-signature"));
            verify(&secret, id, timestamp, signature, &dispatch.body, self.now_ms() / 1_000).is_ok()
        });
        let is_mail = header("Authorization").strip_prefix("Bearer ") == Some(MAIL_TOKEN);
        let id = if is_mail { header("idempotency-key") } else { id };
        let body = serde_json::from_slice(&dispatch.body);
        let (true, Ok(body)) = (verified || is_mail, body) else {
            return Outcome::Responded { status: 401, retry_after_s: None };
        };
        self.received.borrow_mut().push(Received { id: id.to_owned(), url: dispatch.url.clone(), body });
        if mode == ReceiverMode::LosesAnswers {
            return Outcome::Unreachable;
        }
        Outcome::Responded { status: 200, retry_after_s: None }
    }
}

impl Sender for World {
    fn now_ms(&self) -> i64 {
        World::now_ms(self)
    }

    fn moment(&self) -> Result<Moment, Fault> {
        Ok(World::moment(self))
    }

    async fn send(&self, dispatch: Dispatch, _: u32) -> Sent {
        Sent { outcome: self.receive(dispatch), took_ms: 1, more_requests: 0 }
    }
}

impl Ports for World {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn shelf(&self) -> &RefCell<Shelf> {
        &self.shelf
    }

    fn secret(&self, name: &str) -> Option<String> {
        let is_set = !self.unset_secrets.borrow().contains(name);
        let otherwise = if name.starts_with("MAIL") { MAIL_TOKEN } else { SECRET };
        is_set.then(|| self.secrets.borrow().get(name).cloned().unwrap_or_else(|| otherwise.to_owned()))
    }

    fn recent(&self) -> &RefCell<Recent> {
        &self.recent
    }

    fn is_busy(&self, _: &str) -> bool {
        self.is_busy.get()
    }

    fn throttle(&self) -> &RefCell<Throttle> {
        &self.throttle
    }

    async fn is_within_limits(&self, _campaign: &str, _network: Option<&str>) -> Result<bool, Fault> {
        self.is_within_limits.get().ok_or_else(|| Fault::new("limit: down"))
    }

    async fn takes_more_mails(&self, _network: &str) -> Result<bool, Fault> {
        self.takes_more_mails.get().ok_or_else(|| Fault::new("limit: down"))
    }

    async fn ask_service(&self, _url: &str, form: &str) -> Result<String, Fault> {
        self.questions.borrow_mut().push(form.to_owned());
        self.service.borrow().clone().ok_or_else(|| Fault::new("service: down"))
    }

    async fn has_file(&self, key: &str) -> Result<bool, Fault> {
        Ok(self.files.borrow().contains(key))
    }

    async fn kv_get(&self, key: &str) -> Result<Option<String>, Fault> {
        self.spend(1)?;
        self.read_kv(key)
    }

    async fn kv_get_all(&self, keys: &[String]) -> Result<Vec<(String, String)>, Fault> {
        self.spend(keys.len().div_ceil(KV_KEYS_AT_ONCE))?;
        let mut texts = Vec::new();
        for key in keys {
            texts.extend(self.read_kv(key)?.map(|text| (key.clone(), text)));
        }
        Ok(texts)
    }

    async fn kv_put(&self, key: &str, value: &str) -> Result<(), Fault> {
        self.spend(1)?;
        self.keep(key, value, None)
    }

    async fn kv_delete(&self, key: &str) -> Result<(), Fault> {
        self.spend(1)?;
        let mut kv = self.kv.borrow_mut();
        if matches!(kv.mode, KvMode::Failing | KvMode::RefusingWrites) {
            return Err(Fault::new("KV delete: refused"));
        }
        kv.values.remove(key);
        Ok(())
    }

    async fn sign(&self, key: &SigningKey, text: &str) -> Result<Vec<u8>, Fault> {
        let seed = key.seed.as_ref().and_then(|seed| seed.bytes().try_into().ok());
        let seed = seed.ok_or_else(|| Fault::new("the key signs no more"))?;
        Ok(ed25519_dalek::SigningKey::from_bytes(seed).sign(text.as_bytes()).to_vec())
    }

    async fn kv_list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let kv = self.kv.borrow();
        if kv.mode == KvMode::Failing {
            return Err(Fault::new("KV list: failing"));
        }
        let found: Vec<_> = kv.values.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        self.spend(found.len() / LIST_PAGE + 1)?;
        Ok(found)
    }

    async fn ask(&self, ledger: &str, call: &Call) -> Result<Answer, Fault> {
        self.spend(1)?;
        let unreadable = |_| Fault::new("ledger: unreadable");
        let message = Message { format: MESSAGE_FORMAT, ledger: ledger.to_owned(), call };
        let wire = serde_json::to_string(&message).map_err(unreadable)?;
        let mode = self.ledger_mode.get();
        if mode == LedgerMode::LosesRequests {
            return Err(Fault::new("ledger: the request was lost"));
        }
        let message: Message = serde_json::from_str(&wire).map_err(unreadable)?;
        let object = self.open(ledger)?;
        self.refuses.set(mode == LedgerMode::RefusesStatements);
        let answered = object.call(message, &self.moment());
        self.refuses.set(false);
        let answered = answered?;
        self.log.borrow_mut().extend(answered.log);
        if mode == LedgerMode::LosesAnswers {
            return Err(Fault::new("ledger: the answer was lost"));
        }
        let wire = serde_json::to_string(&answered.answer).map_err(unreadable)?;
        serde_json::from_str(&wire).map_err(unreadable)
    }
}

/// A request of a script, to be changed where a test wants another one.
pub fn request(method: Method, path: &str, content_type: &str, body: &str) -> RawRequest {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    RawRequest {
        method,
        host: PUBLIC_HOST.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        content_type: Some(content_type.to_owned()),
        content_encoding: None,
        accept: None,
        accept_language: None,
        origin: None,
        requested_headers: None,
        idempotency_key: None,
        authorization: path.starts_with("/admin/").then(|| format!("Bearer {ADMIN_TOKEN}")),
        client_address: None,
        gpc: false,
        body: Ok(body.as_bytes().to_vec()),
    }
}
