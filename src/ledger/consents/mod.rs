//! The consent history of a ledger: acts, standings, and leads with their current consents.

pub(in crate::ledger) mod acts;
pub(in crate::ledger) mod open;
pub(in crate::ledger) mod payload;
pub(in crate::ledger) mod standing;
mod terms;
pub(in crate::ledger) mod unconfirmed;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::config::Config;
use super::db::Db;
use super::vault::Vault;
use crate::pipeline::consent::Terms;

/// The purpose in a link that is about all of them. No purpose has this id.
pub const EVERY_PURPOSE: &str = "_";

/// The terms of a campaign's purposes, in their order.
pub(in crate::ledger) type AllTerms = Rc<Vec<Rc<Terms>>>;

/// The consent history.
pub(in crate::ledger) struct Consents<S> {
    db: Rc<Db<S>>,
    config: Rc<Config>,
    vault: Rc<Vault>,
    /// The terms that the database has, by digest.
    terms: RefCell<BTreeMap<String, Rc<Terms>>>,
    /// The terms of campaigns' purposes, with the campaign's id and revision.
    current_terms: RefCell<Vec<(String, String, AllTerms)>>,
}

impl<S> Consents<S> {
    /// Makes the history of a database.
    pub(in crate::ledger) fn new(db: Rc<Db<S>>, config: Rc<Config>, vault: Rc<Vault>) -> Self {
        Self { db, config, vault, terms: RefCell::default(), current_terms: RefCell::default() }
    }

    /// Discards what may stem from rows that were rolled back.
    pub(in crate::ledger) fn reset(&self) {
        self.terms.take();
        self.current_terms.take();
    }
}
