//! The campaigns of a ledger: the last copy of each that came with a lead, and those by which quarantined
//! submissions will be judged.

use std::cell::RefCell;
use std::rc::Rc;

use super::db::Db;
use super::db::store::Store;
use crate::base::fault::Fault;
use crate::campaign::{Campaign, Unservable};

/// Revisions of campaigns kept parsed: a deployment and a publication at once make two of each.
pub(in crate::ledger) const MAX_PARSED: usize = 64;

/// The campaigns, those used lately parsed.
pub(in crate::ledger) struct Campaigns<S> {
    db: Rc<Db<S>>,
    parsed: RefCell<Vec<Rc<Campaign>>>,
    /// Campaigns with the secrets that sign their webhooks, by the last copy of each. `None` until it is asked
    /// for.
    signing: RefCell<Option<Vec<(String, String)>>>,
}

impl<S: Store> Campaigns<S> {
    /// The campaigns that lie in a database.
    pub(in crate::ledger) fn new(db: Rc<Db<S>>) -> Self {
        Self { db, parsed: RefCell::default(), signing: RefCell::default() }
    }

    /// Forgets what may come from rows that were rolled back.
    pub(in crate::ledger) fn reset(&self) {
        self.parsed.take();
        self.signing.take();
    }

    /// Returns the last copy of a campaign.
    pub(in crate::ledger) fn last_good(&self, id: &str) -> Result<Option<Rc<Campaign>>, Fault> {
        let row = self.db.row("SELECT stored FROM campaign WHERE id = ?", &[id.into()])?;
        row.map(|mut row| self.parse(&row.text(0)?)).transpose()
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
            let sql = "INSERT INTO campaign (id, revision, stored) VALUES (?, ?, ?) ON CONFLICT (id)
                       DO UPDATE SET revision = excluded.revision, stored = excluded.stored";
            self.db.run(sql, &[id.into(), revision.into(), stored.into()])?;
            self.signing.take();
            return Ok(Some(campaign));
        }
        let sql = "SELECT stored FROM campaign WHERE id = ? AND revision = ?";
        let row = self.db.row(sql, &[id.into(), revision.into()])?;
        row.map(|mut row| self.parse(&row.text(0)?)).transpose()
    }

    /// Parses a stored campaign, and keeps it.
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
        let row = self.db.row("SELECT stored FROM revision WHERE revision = ?", &[revision.into()])?;
        row.map(|mut row| self.parse(&row.text(0)?)).transpose()
    }

    /// Returns whether another campaign signs with a secret, by the last copies.
    pub(in crate::ledger) fn signs_elsewhere(
        &self,
        campaign: &Campaign,
        secret: &str,
    ) -> Result<bool, Fault> {
        let mut signing = self.signing.borrow_mut();
        if signing.is_none() {
            let sql = "SELECT DISTINCT c.id, json_extract(d.value, '$.secret')
                       FROM campaign c, json_each(c.stored, '$.campaign.destination') d
                       WHERE coalesce(json_extract(d.value, '$.kind'), 'webhook') = 'webhook'";
            let rows = self.db.rows(sql, &[])?.into_iter();
            *signing =
                Some(rows.map(|mut row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<_, Fault>>()?);
        }
        let signs = |(id, name): &(String, String)| *id != campaign.id && name == secret;
        Ok(signing.iter().flatten().any(signs))
    }
}
