//! The parts of a ledger, each with its own state, and what follows in memory once a transaction is kept.

use std::cell::Cell;
use std::rc::Rc;

use super::admit::velocity::Velocity;
use super::campaigns::Campaigns;
use super::config::Config;
use super::consents::Consents;
use super::db::Db;
use super::db::store::Store;
use super::outbox::Outbox;
use super::presence::Presence;
use super::schedule::Schedule;
use super::sources::Sources;
use super::vault::Vault;
use crate::base::fault::Fault;
use crate::settings::Settings;

/// The parts of one ledger.
pub(in crate::ledger) struct Parts<S> {
    pub(in crate::ledger) config: Rc<Config>,
    pub(in crate::ledger) vault: Rc<Vault>,
    pub(in crate::ledger) db: Rc<Db<S>>,
    pub(in crate::ledger) campaigns: Rc<Campaigns<S>>,
    pub(in crate::ledger) consents: Rc<Consents<S>>,
    pub(in crate::ledger) outbox: Outbox<S>,
    pub(in crate::ledger) velocity: Velocity,
    pub(in crate::ledger) presence: Presence,
    pub(in crate::ledger) sources: Sources,
    pub(in crate::ledger) schedule: Schedule,
    /// A transaction was rolled back after memory had followed it.
    is_unsure: Cell<bool>,
}

impl<S: Store> Parts<S> {
    /// Puts the parts together over a database whose tables are up to date, and learns what they keep in memory.
    pub(in crate::ledger) fn open(
        db: Db<S>,
        name: &str,
        settings: &Settings,
        now_ms: i64,
    ) -> Result<Self, Fault> {
        let db = Rc::new(db);
        let config = Rc::new(Config::new(name, settings));
        let vault = Rc::new(Vault::new(&settings.sealing, name));
        let campaigns = Rc::new(Campaigns::new(Rc::clone(&db)));
        let consents = Rc::new(Consents::new(Rc::clone(&db), Rc::clone(&config), Rc::clone(&vault)));
        let parts = Self {
            outbox: Outbox::new(Rc::clone(&db), config.development),
            config,
            vault,
            campaigns,
            consents,
            velocity: Velocity::default(),
            presence: Presence::default(),
            sources: Sources::default(),
            schedule: Schedule::default(),
            is_unsure: Cell::new(false),
            db,
        };
        parts.outbox.open(now_ms)?;
        parts.presence.learn(&parts.db)?;
        parts.schedule.learn(&parts.db, now_ms)?;
        Ok(parts)
    }

    /// Notes that a transaction was rolled back: what memory followed of it is not so.
    pub(in crate::ledger) fn note_rollback(&self) {
        self.is_unsure.set(true);
    }

    /// Forgets what may come from rows that were rolled back, and learns it again.
    pub(in crate::ledger) fn recover(&self) -> Result<(), Fault> {
        if self.is_unsure.get() {
            self.campaigns.reset();
            self.consents.reset();
            self.sources.reset();
            self.outbox.reset()?;
            self.presence.learn(&self.db)?;
            self.schedule.learn_expiry(&self.db)?;
            self.is_unsure.set(false);
        }
        Ok(())
    }
}
