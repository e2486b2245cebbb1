//! The ledger: the judge of submissions and the owner of the outbox. One per name, in a Durable Object, over
//! SQLite.
//!
//! Guaranteed: an admission (`admit`) first reads, then writes lead, fingerprints, consent, deliveries and
//! counters in one transaction, and replies only after it. At any time every admitted submission is in one
//! [`State`], and the counters add up to them. A payload stays sealed until its last delivery is confirmed or
//! has expired.
//!
//! Out of scope: sending (the conductor in `app` and the platform do that), and reading the clock.
//!
//! | floor | modules |
//! |---|---|
//! | messages and rows | [`wire`], [`api`], [`db`] |
//! | the state of a ledger | `config`, `vault`, `campaigns`, `consents`, `presence`, `schedule`, `sources`, `velocity`, `handled` |
//! | deliveries, and all parts as one | `outbox`, `parts` |
//! | operations | `admit`, `dispatch`, `person`, `report`, `audit`, `retention` |

mod admit;
pub mod api;
mod audit;
mod campaigns;
mod config;
mod consents;
pub mod db;
mod dispatch;
mod handled;
mod outbox;
mod parts;
mod person;
mod presence;
mod report;
mod retention;
mod schedule;
mod sources;
mod vault;
mod velocity;
pub mod wire;

use std::rc::Rc;

use self::api::{Operation, Request};
pub use self::consents::EVERY_PURPOSE;
use self::db::Db;
pub use self::db::funnel::BIN_POINTS;
pub use self::db::overview::{MAX_SOURCES as MAX_SHOWN_SOURCES, Step};
pub use self::db::state::{DeliveryState, State};
use self::db::store::Store;
pub use self::dispatch::replay::MAX_REPLAYED;
use self::dispatch::request::RequestInputs;
pub use self::dispatch::request::{Dispatch, Prepared};
pub use self::handled::Handled;
pub use self::outbox::claim::Claim;
pub use self::outbox::settle::Attempt;
use self::parts::Parts;
pub use self::report::integrity::CHUNK_ROWS as CHECKUP_ROWS;
pub use self::report::nothing_counted;
pub use self::report::overview::{NOTHING as NOTHING_SEEN, step_of};
use self::wire::{Call, MESSAGE_FORMAT, Message, Reply};
use crate::base::fault::Fault;
use crate::base::moment::Moment;
use crate::campaign::Campaign;
use crate::pipeline::webhook::Outcome;
use crate::settings::Settings;

/// One ledger.
pub struct Ledger<S> {
    parts: Parts<S>,
}

impl<S: Store> Ledger<S> {
    /// Opens the ledger: brings its tables up to date, and reads when its next work is due.
    ///
    /// # Errors
    /// The database's, or that its tables are newer than this code.
    pub fn open(store: S, name: &str, settings: &Settings, now_ms: i64) -> Result<Self, Fault> {
        let db = Db::open(store)?;
        db.name_ledger(name)?;
        Ok(Self { parts: Parts::open(db, name, settings, now_ms)? })
    }

    /// Returns the name under which the database was opened last, for an alarm that carries none.
    ///
    /// # Errors
    /// The database's.
    pub fn name_in(store: S) -> Result<Option<String>, Fault> {
        Db::open(store)?.meta("ledger")
    }

    /// Returns the ledger's name.
    pub fn name(&self) -> &str {
        &self.parts.config.name
    }

    /// Handles a message.
    ///
    /// # Errors
    /// The database's; nothing of the call is stored then.
    pub fn call(&self, message: Message, moment: &Moment) -> Result<Handled, Fault> {
        let quiet = |reply| Ok(Handled::quiet(reply));
        if message.format > MESSAGE_FORMAT {
            return quiet(Reply::Newer);
        }
        let parts = &self.parts;
        parts.recover()?;
        parts.outbox.note_clock(moment.now_ms);
        match message.call {
            Call::Admit(mut admit) => admit::admit(parts, &mut admit, moment),
            Call::Tally(tallies) => {
                parts.db.add_tallies(&tallies)?;
                quiet(Reply::Done(i64::try_from(tallies.len()).unwrap_or(i64::MAX)))
            }
            Call::Operate(wire) => quiet(self.operate(&wire, moment)?),
            Call::Wake => quiet(Reply::Done(0)),
        }
    }

    /// Carries out an operation. An operator's action is stored together with its entry in the audit log, or
    /// not at all.
    fn operate(&self, wire: &wire::OperationWire, moment: &Moment) -> Result<Reply, Fault> {
        let operation = Operation::decode(wire)?;
        audit::audited(&self.parts, wire, moment, || perform(&self.parts, &operation, moment))
    }

    /// Claims what is due, as far as connections are free.
    ///
    /// # Errors
    /// The database's.
    pub fn claim(&self, moment: &Moment) -> Result<Vec<Claim>, Fault> {
        self.parts.outbox.claim(moment)
    }

    /// Opens the lead that a claim sends, and returns the texts that must be signed first.
    ///
    /// # Errors
    /// The reason why it cannot be sent, to be settled as the attempt's outcome.
    pub fn prepare(&self, claim: &Claim) -> Result<Prepared, Outcome> {
        dispatch::request::prepare(&self.parts, claim)
    }

    /// Returns the signed request of a claim. Address and secret are the current ones, so a correction also
    /// reaches deliveries that already wait. `receipts` are the texts that had to be signed, each with its
    /// signature.
    ///
    /// # Errors
    /// The reason why it cannot be sent, to be settled as the attempt's outcome.
    pub fn dispatch(
        &self,
        claim: &Claim,
        prepared: &Prepared,
        campaign: Option<&Campaign>,
        secret: impl FnOnce(&str) -> Option<String>,
        receipts: &[(String, Vec<u8>)],
        moment: &Moment,
    ) -> Result<Dispatch, Outcome> {
        dispatch::request::dispatch(
            &self.parts,
            claim,
            prepared,
            RequestInputs { campaign, secret, receipts },
            moment,
        )
    }

    /// Notes that a claim's request has been answered or has failed: its connection is free, and how its
    /// origin responds is known. `left_doubt`: the connection had to be ended because of the response.
    pub fn release(&self, claim: &Claim, outcome: &Outcome, took_ms: i64, left_doubt: bool) {
        self.parts.outbox.release(claim, outcome, took_ms, left_doubt);
    }

    /// Writes the outcomes of attempts and their consequences. Returns for each, in order, the event for the
    /// log, or the fault that kept it from being written: then the delivery is due again.
    pub fn settle(&self, attempts: &[Attempt<'_>], moment: &Moment) -> Vec<Result<serde_json::Value, Fault>> {
        self.parts.outbox.settle(attempts, moment)
    }

    /// Ends expired requests, runs a chunk of the sweep if one is due, and the next step of a running table
    /// migration.
    ///
    /// # Errors
    /// The database's; the chunk is run again then.
    pub fn sweep(&self, moment: &Moment) -> Result<(), Fault> {
        retention::sweep(&self.parts, moment)
    }

    /// Returns when the outbox must be woken.
    pub fn next_due_ms(&self) -> i64 {
        self.parts.outbox.next_due_ms()
    }

    /// Returns when the ledger must be woken, for its next delivery or for housekeeping.
    pub fn wake_at_ms(&self) -> i64 {
        self.next_due_ms().min(self.keeps_house_at_ms())
    }

    /// Returns when housekeeping is due: an expiry, the next sweep, or a step of a table migration.
    pub fn keeps_house_at_ms(&self) -> i64 {
        self.parts.schedule.next_ms().min(self.parts.db.moving_next_ms())
    }

    /// Returns the last copy of a campaign that reached this ledger.
    ///
    /// # Errors
    /// The database's, or that the copy is newer than this code.
    pub fn last_good_campaign(&self, id: &str) -> Result<Option<Rc<Campaign>>, Fault> {
        self.parts.campaigns.last_good(id)
    }
}

/// Carries out an operation.
fn perform<S: Store>(parts: &Parts<S>, operation: &Operation, moment: &Moment) -> Result<Reply, Fault> {
    use self::api as to;
    let Parts { config, db, consents, outbox, .. } = parts;
    Ok(match operation {
        Operation::Counters(query) => to::Counters::reply(report::counters(db, query)?),
        Operation::Deliveries(query) => to::Deliveries::reply(report::deliveries(db, query)?),
        Operation::Delivery(query) => {
            to::Delivery::reply(db.delivery_shown(&query.delivery_id)?.map(to::Report))
        }
        Operation::Replay(request) => {
            to::Replay::reply(dispatch::replay::replay(parts, &request.delivery_id, moment)?)
        }
        Operation::ReplayAll(request) => {
            to::ReplayAll::reply(dispatch::replay::replay_all(parts, request, moment)?)
        }
        Operation::Enable(request) => to::Enable::reply(dispatch::replay::enable(parts, request, moment)?),
        Operation::Confirm(request) => to::Confirm::reply(admit::confirm::confirm(parts, request, moment)?),
        Operation::Withdraw(request) => {
            to::Withdraw::reply(person::withdraw::withdraw(parts, request, moment)?)
        }
        Operation::Engage(request) => {
            to::Engage::reply(person::engagement::engage(parts, &request.submission_id, moment)?)
        }
        Operation::Consents(query) => to::Consents::reply(consents.consents(query)?),
        Operation::Access(request) => to::Access::reply(person::access::access(parts, request)?),
        Operation::Erase(request) => to::Erase::reply(person::erase::erase(parts, request, moment)?),
        Operation::Lists(_) => to::Lists::reply(admit::lists::lists(config, db)?),
        Operation::ListAdd(request) => to::ListAdd::reply(admit::lists::add_to_list(parts, request, moment)?),
        Operation::ListRemove(request) => {
            to::ListRemove::reply(admit::lists::take_from_list(parts, request)?)
        }
        Operation::ListClear(request) => to::ListClear::reply(admit::lists::clear_list(parts, request)?),
        Operation::Keys(_) => to::Keys::reply(report::keys_in_use::keys_in_use(config, db)?),
        Operation::Quarantine(query) => to::Quarantine::reply(admit::review::quarantine_page(db, query)?),
        Operation::Quarantined(query) => {
            to::Quarantined::reply(admit::review::quarantined(parts, &query.submission_id)?)
        }
        Operation::Release(request) => {
            to::Release::reply(admit::review::release_quarantined(parts, request, moment)?)
        }
        Operation::Discard(request) => {
            to::Discard::reply(admit::review::discard_quarantined(parts, request)?)
        }
        Operation::Publish(request) => to::Publish::reply(audit::publication(db, outbox, request)?),
        Operation::Audit(query) => to::Audit::reply(audit::audit_page(config, db, query)?),
        Operation::Checkup(query) => to::Checkup::reply(report::integrity::checkup(parts, query, moment)?),
        Operation::Overview(query) => to::Overview::reply(report::overview::overview(parts, query)?),
        Operation::Held(query) => to::Held::reply(report::held_leads::held_page(parts, query)?),
    })
}
