//! The judge: one per ledger, in a Durable Object, over SQLite.
//!
//! Guaranteed: an admission (`admit`) first reads, then writes lead, fingerprints, consent, deliveries
//! and counters in one transaction, and answers only after it. At any time every submission that
//! was admitted is in one [`State`], and the counters add up to them. A payload lies sealed until
//! its last delivery is confirmed or has expired.
//!
//! Out of scope: sending (`deliver` and the edge do that), and knowing what time it is.

mod admit;
pub mod api;
mod audit;
pub mod db;
mod outbox;
mod person;
mod report;
mod retention;
pub mod wire;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use self::admit::quarantine::QUARANTINED_LEADS;
use self::admit::velocity::Sightings;
use self::admit::{SUPPRESSED_LEADS, Sources};
use self::api::Operation;
use self::api::Request;
pub use self::db::funnel::BIN_POINTS;
use self::db::store::{Arg, SealedCell, Store};
use self::db::submission_move::Moving;
pub use self::db::submission_state::State;
use self::outbox::at_once::AtOnce;
pub use self::outbox::attempt::{Dispatch, Prepared};
pub use self::outbox::claim::Claim;
use self::outbox::lanes::Lanes;
use self::outbox::open_leads::OpenLeads;
pub use self::outbox::replay::MAX_REPLAYED;
pub use self::outbox::settle::Attempt;
pub use self::person::withdraw::EVERY_PURPOSE;
pub use self::report::integrity::CHUNK_ROWS as CHECKUP_ROWS;
pub use self::report::overview::{MAX_SOURCES as MAX_SHOWN_SOURCES, NOTHING as NOTHING_SEEN, Step, step_of};
pub use self::report::{DELIVERY_STATES, nothing_counted};
use self::wire::{Answer, Call, MESSAGE_FORMAT, Message};
use crate::base::fault::Fault;
use crate::base::keyring::{Sealer, SigningKeys};
use crate::base::moment::Moment;
use crate::base::unicode::WebAddress;
use crate::campaign::{Campaign, SecretHosts, Unservable};
use crate::pipeline::consent::Terms;
use crate::pipeline::lead::Identity;
use crate::settings::Settings;

/// Revisions of campaigns kept parsed: a deployment and a publication at once make two of each.
const MAX_PARSED: usize = 64;

/// One ledger.
pub struct Ledger<S> {
    store: S,
    name: String,
    sealer: Sealer,
    identity: Identity,
    /// The `kid` of the key that signs receipts, where there is one.
    signing_key: Option<String>,
    public_url: Option<String>,
    /// The same, taken apart: nothing is sent there.
    own: Option<WebAddress>,
    development: bool,
    /// Where a secret may be sent that does not sign.
    secret_hosts: SecretHosts,
    campaigns: RefCell<Vec<Rc<Campaign>>>,
    /// Campaigns with the secrets that their webhooks are signed with, by the last copies of each; nothing
    /// until it is asked for.
    signing: RefCell<Option<Vec<(String, String)>>>,
    /// By digest: terms that the database has.
    terms: RefCell<BTreeMap<String, Rc<Terms>>>,
    /// A campaign's id, its revision, and the terms of its purposes.
    current_terms: RefCell<Vec<(String, String, AllTerms)>>,
    /// Leads that are about to be sent.
    open: RefCell<OpenLeads>,
    lanes: RefCell<Lanes>,
    at_once: RefCell<AtOnce>,
    /// By campaign: the sources that this hour's counters know.
    sources: RefCell<BTreeMap<String, Sources>>,
    /// By how many fingerprints a post has: the statement that looks for the leads behind them.
    matching: RefCell<BTreeMap<usize, String>>,
    /// Whether anybody stands on a list.
    has_lists: Cell<bool>,
    /// Whether a post of somebody who is suppressed is remembered.
    has_suppressed: Cell<bool>,
    /// Whether anything is quarantined, or was within its time.
    has_quarantined: Cell<bool>,
    sightings: RefCell<Sightings>,
    /// Whether a transaction was rolled back after memory had followed it.
    is_unsure: Cell<bool>,
    next_sweep_ms: Cell<i64>,
    /// Where the submissions of a ledger of before are.
    moving: Cell<Moving>,
    /// When the first request that waits for a confirmation expires.
    next_expiry_ms: Cell<i64>,
}

/// The terms of a campaign's purposes, in their order.
type AllTerms = Rc<Vec<Rc<Terms>>>;

/// What a call leads to.
#[derive(Debug)]
pub struct Answered {
    /// To the caller.
    pub answer: Answer,
    /// What is logged: a decision's name and its ids.
    pub log: Option<serde_json::Value>,
}

impl<S: Store> Ledger<S> {
    /// Opens the ledger: brings its tables up to date, and learns what is due.
    ///
    /// # Errors
    /// The database's, or that its tables are newer than this code.
    pub fn open(store: S, name: &str, settings: &Settings, now_ms: i64) -> Result<Self, Fault> {
        db::schema::migrate(&store)?;
        let signing_key = settings.signing.as_ref().and_then(SigningKeys::current);
        let ledger = Self {
            sealer: Sealer::new(&settings.sealing, name),
            identity: Identity::new(settings, name),
            signing_key: signing_key.map(|key| key.id.clone()),
            public_url: settings.public_url.clone(),
            own: settings.public_url.as_deref().and_then(WebAddress::parse),
            store,
            name: name.to_owned(),
            development: settings.development,
            secret_hosts: settings.secret_hosts.clone(),
            campaigns: RefCell::default(),
            signing: RefCell::default(),
            terms: RefCell::default(),
            current_terms: RefCell::default(),
            open: RefCell::default(),
            lanes: RefCell::default(),
            at_once: RefCell::default(),
            sources: RefCell::default(),
            matching: RefCell::default(),
            has_lists: Cell::new(false),
            has_suppressed: Cell::new(false),
            has_quarantined: Cell::new(false),
            sightings: RefCell::default(),
            is_unsure: Cell::new(false),
            next_sweep_ms: Cell::new(0),
            moving: Cell::new(Moving::DONE),
            next_expiry_ms: Cell::new(i64::MAX),
        };
        ledger.remember_name()?;
        ledger.learn_the_mark()?;
        ledger.enter_all()?;
        ledger.mend_what_is_due(now_ms)?;
        ledger.learn()?;
        ledger.learn_what_is_moved(now_ms)?;
        ledger.plan_first_sweep(now_ms)?;
        Ok(ledger)
    }

    /// Learns what it keeps in memory beside the rows.
    fn learn(&self) -> Result<(), Fault> {
        self.read_what_is_due()?;
        let range = "EXISTS (SELECT 1 FROM submission WHERE lead_id >= ? AND lead_id < ?)";
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM listed), {range}, {range},
               (SELECT coalesce(min(expires_ms), -1) FROM request)"
        );
        let args: Vec<_> =
            [SUPPRESSED_LEADS, QUARANTINED_LEADS].concat().into_iter().map(Arg::from).collect();
        let mut row = self.store.row(&sql, &args)?.ok_or_else(|| Fault::new("a row is missing"))?;
        self.has_lists.set(row.int(0)? == 1);
        self.has_suppressed.set(row.int(1)? == 1);
        self.has_quarantined.set(row.int(2)? == 1);
        self.note_first_expiry(row.int(3)?);
        Ok(())
    }

    /// Forgets what may come from rows that were rolled back, and learns it again.
    fn be_sure(&self) -> Result<(), Fault> {
        if self.is_unsure.get() {
            self.campaigns.take();
            self.signing.take();
            self.terms.take();
            self.current_terms.take();
            self.sources.take();
            self.open.take();
            self.learn_the_mark()?;
            self.enter_all()?;
            self.learn()?;
            self.is_unsure.set(false);
        }
        Ok(())
    }

    /// The name under which the database was opened last, for an alarm that carries none.
    ///
    /// # Errors
    /// The database's.
    pub fn name_in(store: &S) -> Result<Option<String>, Fault> {
        db::schema::migrate(store)?;
        let row = store.row("SELECT value FROM meta WHERE key = 'ledger'", &[])?;
        row.map(|mut row| row.text(0)).transpose()
    }

    /// The ledger's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Answers a message.
    ///
    /// # Errors
    /// The database's; nothing of the call was kept then.
    pub fn call(&self, message: Message, moment: &Moment) -> Result<Answered, Fault> {
        let quiet = |answer| Ok(Answered { answer, log: None });
        if message.format > MESSAGE_FORMAT {
            return quiet(Answer::Newer);
        }
        self.be_sure()?;
        self.lanes.borrow_mut().note_clock(moment.now_ms);
        match message.call {
            Call::Admit(mut admit) => self.admit(&mut admit, moment),
            Call::Tally(tallies) => quiet(self.tally(&tallies)?),
            Call::Operate(operation) => quiet(self.operate(&operation, moment)?),
            Call::Wake => quiet(Answer::Done(0)),
        }
    }

    fn perform(&self, operation: &Operation, moment: &Moment) -> Result<Answer, Fault> {
        use self::api as to;
        Ok(match operation {
            Operation::Counters(query) => to::Counters::reply(self.counters(query)?),
            Operation::Deliveries(query) => to::Deliveries::reply(self.deliveries(query)?),
            Operation::Delivery(query) => to::Delivery::reply(self.delivery(&query.delivery_id)?),
            Operation::Replay(request) => to::Replay::reply(self.replay(&request.delivery_id, moment)?),
            Operation::ReplayAll(request) => to::ReplayAll::reply(self.replay_all(request, moment)?),
            Operation::Enable(request) => to::Enable::reply(self.enable(request, moment)?),
            Operation::Confirm(request) => to::Confirm::reply(self.confirm(request, moment)?),
            Operation::Withdraw(request) => to::Withdraw::reply(self.withdraw(request, moment)?),
            Operation::Engage(request) => to::Engage::reply(self.engage(&request.submission_id, moment)?),
            Operation::Consents(query) => to::Consents::reply(self.consents(query)?),
            Operation::Access(request) => to::Access::reply(self.access(request)?),
            Operation::Erase(request) => to::Erase::reply(self.erase(request, moment)?),
            Operation::Lists(_) => to::Lists::reply(self.lists()?),
            Operation::ListAdd(request) => to::ListAdd::reply(self.add_to_list(request, moment)?),
            Operation::ListRemove(request) => to::ListRemove::reply(self.take_from_list(request)?),
            Operation::ListClear(request) => to::ListClear::reply(self.clear_list(&request.list)?),
            Operation::Keys(_) => to::Keys::reply(self.keys_in_use()?),
            Operation::Quarantine(query) => to::Quarantine::reply(self.quarantine_page(query)?),
            Operation::Quarantined(query) => to::Quarantined::reply(self.quarantined(&query.submission_id)?),
            Operation::Release(request) => to::Release::reply(self.release_quarantined(request, moment)?),
            Operation::Discard(request) => to::Discard::reply(self.discard_quarantined(request)?),
            Operation::Publish(request) => to::Publish::reply(self.publication(request)?),
            Operation::Audit(query) => to::Audit::reply(self.audit_page(query)?),
            Operation::Checkup(query) => to::Checkup::reply(self.checkup(query, moment)?),
            Operation::Overview(query) => to::Overview::reply(self.overview(query)?),
            Operation::Held(query) => to::Held::reply(self.held_page(query)?),
        })
    }

    /// When the ledger wants to be woken: for its next delivery, or to keep house.
    pub fn wake_at_ms(&self) -> i64 {
        self.next_due_ms().min(self.keeps_house_at_ms())
    }

    /// When something expires, the next sweep is due, or what lies in a table of before is to be moved on.
    pub fn keeps_house_at_ms(&self) -> i64 {
        self.next_expiry_ms.get().min(self.next_sweep_ms.get()).min(self.moving.get().next_ms)
    }

    /// The last copy of a campaign that reached this ledger.
    ///
    /// # Errors
    /// The database's, or that the copy is newer than this code.
    pub fn last_good_campaign(&self, id: &str) -> Result<Option<Rc<Campaign>>, Fault> {
        let row = self.store.row("SELECT stored FROM campaign WHERE id = ?", &[id.into()])?;
        row.map(|mut row| self.parse(&row.text(0)?)).transpose()
    }

    /// The campaign of a message: parsed before, known to the database, or sent along.
    fn campaign(&self, id: &str, revision: &str, sent: Option<&str>) -> Result<Option<Rc<Campaign>>, Fault> {
        let is_meant = |one: &&Rc<Campaign>| one.id == id && one.revision == revision;
        if let Some(campaign) = self.campaigns.borrow().iter().find(is_meant) {
            return Ok(Some(Rc::clone(campaign)));
        }
        if let Some(stored) = sent {
            let campaign = self.parse(stored)?;
            let sql = "INSERT INTO campaign (id, revision, stored) VALUES (?, ?, ?) ON CONFLICT (id)
                       DO UPDATE SET revision = excluded.revision, stored = excluded.stored";
            self.store.run(sql, &[id.into(), revision.into(), stored.into()])?;
            self.signing.take();
            return Ok(Some(campaign));
        }
        let sql = "SELECT stored FROM campaign WHERE id = ? AND revision = ?";
        let row = self.store.row(sql, &[id.into(), revision.into()])?;
        row.map(|mut row| self.parse(&row.text(0)?)).transpose()
    }

    fn parse(&self, stored: &str) -> Result<Rc<Campaign>, Fault> {
        let campaign = Campaign::from_stored(stored).map(Rc::new).map_err(|unservable| match unservable {
            Unservable::Newer => Fault::new("a campaign is newer than this code"),
            Unservable::Invalid(_) => Fault::new("a campaign that reached the ledger is not valid"),
        })?;
        let mut parsed = self.campaigns.borrow_mut();
        if parsed.len() >= MAX_PARSED {
            parsed.clear();
        }
        parsed.push(Rc::clone(&campaign));
        Ok(campaign)
    }

    fn remember_name(&self) -> Result<(), Fault> {
        let sql = "INSERT INTO meta (key, value) VALUES ('ledger', ?) ON CONFLICT DO NOTHING";
        self.store.run(sql, &[(&self.name).into()])
    }

    fn seal(&self, plain: &[u8], place: &str, moment: &Moment) -> Result<Vec<u8>, Fault> {
        let nonce = moment.random::<12>(place, 0);
        self.sealer.seal(plain, place, nonce).ok_or_else(|| Fault::new("a payload cannot be sealed"))
    }

    fn unsealed(&self, sealed: &SealedCell, place: &str) -> Result<Vec<u8>, Fault> {
        let opened = match sealed {
            SealedCell::Bytes(bytes) => self.sealer.open(bytes, place),
            SealedCell::Text(text) => self.sealer.open_text(text, place),
        };
        opened.map_err(|reason| Fault::new(format!("what was sealed stays closed: {reason:?}")))
    }

    fn open_sealed<T: for<'de> Deserialize<'de>>(
        &self,
        sealed: &SealedCell,
        place: &str,
    ) -> Result<T, Fault> {
        let plain = self.unsealed(sealed, place)?;
        // As text, like messages: a decoder for bytes would be a second copy of each.
        let read = str::from_utf8(&plain).ok().and_then(|text| serde_json::from_str(text).ok());
        read.ok_or_else(|| Fault::new("a payload is unreadable"))
    }
}

fn serialised(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(value).map_err(|_| Fault::new("a payload cannot be written"))
}

/// Where a payload lies: it opens nowhere else.
fn payload_place(lead_id: &str, submission_id: &str) -> String {
    format!("payload/{lead_id}/{submission_id}")
}

/// Where the consents of a row before format 3 lie.
fn consent_place(lead_id: &str, submission_id: &str) -> String {
    format!("consent/{lead_id}/{submission_id}")
}

/// Where the personal part of an act lies, in whichever table.
fn act_place(lead_id: &str, seq: i64) -> String {
    format!("act/{lead_id}/{seq}")
}
