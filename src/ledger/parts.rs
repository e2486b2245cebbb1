//! The parts of a ledger, each with its own state, and the updates of memory after a transaction is
//! committed.

use std::cell::Cell;
use std::rc::Rc;

use super::campaigns::Campaigns;
use super::config::Config;
use super::consents::Consents;
use super::db::Db;
use super::db::changes::{Changes, Effects};
use super::db::store::Store;
use super::outbox::Outbox;
use super::presence::Presence;
use super::schedule::Schedule;
use super::sources::Sources;
use super::vault::Vault;
use super::velocity::Velocity;
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
    /// True if a transaction was rolled back after memory had followed it.
    is_unsure: Cell<bool>,
}

impl<S: Store> Parts<S> {
    /// Assembles the parts over a database whose tables are up to date, and fills their memory.
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
        parts.db.learn_moving(now_ms)?;
        parts.schedule.learn(&parts.db, now_ms)?;
        Ok(parts)
    }

    /// Commits changes in one transaction, and updates memory by them.
    pub(in crate::ledger) fn commit(&self, changes: Changes<'_>) -> Result<(), Fault> {
        self.db.write_all(&changes.writes)?;
        self.follow(changes.effects)
    }

    /// Runs a step in one transaction, and updates memory by its effects. If it is rolled back, by itself or
    /// with the enclosing transaction, memory is read anew.
    pub(in crate::ledger) fn transaction<T>(
        &self,
        mut step: impl FnMut(&mut Effects) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut done = None;
        self.run(&mut |effects| {
            done = Some(step(effects)?);
            Ok(())
        })?;
        done.ok_or_else(|| Fault::new("a transaction ended without a result"))
    }

    fn run(&self, step: &mut dyn FnMut(&mut Effects) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut effects = Effects::default();
        let committed = self.db.atomically(&mut || {
            effects = Effects::default();
            step(&mut effects)
        });
        if committed.is_err() {
            self.is_unsure.set(true);
            return committed;
        }
        self.follow(effects)
    }

    /// Updates memory by what was written.
    fn follow(&self, effects: Effects) -> Result<(), Fault> {
        for lead_id in &effects.changed_leads {
            self.outbox.forget_open(lead_id);
        }
        if effects.mails > 0 {
            self.outbox.note_mails(effects.mails);
        }
        for (receiver, at_ms) in &effects.due {
            self.outbox.note_due(receiver, *at_ms);
        }
        if let Some(at_ms) = effects.expires_ms {
            self.schedule.note_expiry(at_ms);
        }
        let stale = self.learn_again(&effects);
        if stale.is_err() {
            self.is_unsure.set(true);
        }
        stale
    }

    fn learn_again(&self, effects: &Effects) -> Result<(), Fault> {
        if effects.are_lists_stale {
            self.presence.learn_lists(&self.db)?;
        }
        if effects.is_expiry_stale {
            self.schedule.learn_expiry(&self.db)?;
        }
        if effects.is_queue_stale {
            self.outbox.refresh()?;
        }
        Ok(())
    }

    /// Discards memory that may stem from rows that were rolled back, and reads it anew.
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
