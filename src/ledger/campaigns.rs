//! The campaigns of a ledger: the last copy of each that came with a lead, and those by which quarantined
//! submissions will be judged.

use std::cell::RefCell;
use std::rc::Rc;

use super::db::Db;
use super::db::store::Store;
use crate::base::fault::Fault;
use crate::campaign::{Campaign, Unservable};

/// The number of revisions that stay parsed: a deployment and a publication at the same time make two of each
/// campaign.
pub(in crate::ledger) const MAX_PARSED: usize = 64;

/// The campaigns, those used recently in parsed form.
pub(in crate::ledger) struct Campaigns<S> {
    db: Rc<Db<S>>,
    parsed: RefCell<Vec<Rc<Campaign>>>,
    /// Campaigns with the secrets that sign their webhooks, by the last copy of each. `None` until it is
    /// needed.
    signing: RefCell<Option<Vec<(String, String)>>>,
}

impl<S: Store> Campaigns<S> {
    /// Makes the campaigns of a database.
    pub(in crate::ledger) fn new(db: Rc<Db<S>>) -> Self {
        Self { db, parsed: RefCell::default(), signing: RefCell::default() }
    }

    /// Discards what may stem from rows that were rolled back.
    pub(in crate::ledger) fn reset(&self) {
        self.parsed.take();
        self.signing.take();
    }

    /// Returns the last copy of a campaign.
    pub(in crate::ledger) fn last_good(&self, id: &str) -> Result<Option<Rc<Campaign>>, Fault> {
        self.db.campaign(id)?.map(|stored| self.parse(&stored)).transpose()
    }

    /// Returns the campaign of a message: parsed before, in the database, or sent along and stored now.
    pub(in crate::ledger) fn of_message(
        &self,
        id: &str,
        revision: &str,
        sent: Option<&str>,
    ) -> Result<Option<Rc<Campaign>>, Fault> {
        let is_meant = |one: &&Rc<Campaign>| one.id == id && one.revision == revision;
        if let Some(campaign) = self.parsed.borrow().iter().find(is_meant) {
            return Ok(Some(Rc::clone(campaign)));
        }
        if let Some(stored) = sent {
            let campaign = self.parse(stored)?;
            self.db.put_campaign(id, revision, stored)?;
            self.signing.take();
            return Ok(Some(campaign));
        }
        self.db.campaign_of(id, revision)?.map(|stored| self.parse(&stored)).transpose()
    }

    /// Parses a stored campaign, and caches it.
    pub(in crate::ledger) fn parse(&self, stored: &str) -> Result<Rc<Campaign>, Fault> {
        let campaign = Campaign::from_stored(stored).map(Rc::new).map_err(|unservable| match unservable {
            Unservable::Newer => Fault::new("a campaign is newer than this code"),
            Unservable::Invalid(_) => Fault::new("a campaign that reached the ledger is not valid"),
        })?;
        let mut parsed = self.parsed.borrow_mut();
        if parsed.len() >= MAX_PARSED {
            parsed.clear();
        }
        parsed.push(Rc::clone(&campaign));
        Ok(campaign)
    }

    /// Returns the campaign by which a quarantined submission is judged, by its revision.
    pub(in crate::ledger) fn of_revision(&self, revision: &str) -> Result<Option<Rc<Campaign>>, Fault> {
        self.db.revision(revision)?.map(|stored| self.parse(&stored)).transpose()
    }

    /// Returns whether another campaign signs with a secret, by the last copies.
    pub(in crate::ledger) fn signs_elsewhere(
        &self,
        campaign: &Campaign,
        secret: &str,
    ) -> Result<bool, Fault> {
        let mut signing = self.signing.borrow_mut();
        if signing.is_none() {
            *signing = Some(self.db.signing_secrets()?);
        }
        let signs = |(id, name): &(String, String)| *id != campaign.id && name == secret;
        Ok(signing.iter().flatten().any(signs))
    }
}
