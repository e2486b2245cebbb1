//! The consent history of a ledger: acts, where consents stand by them, and leads with their consents in place.

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

/// The purpose of a link that is about all of them. No purpose has this id.
pub const EVERY_PURPOSE: &str = "_";

/// The terms of a campaign's purposes, in their order.
pub(in crate::ledger) type AllTerms = Rc<Vec<Rc<Terms>>>;

/// The consent history.
pub(in crate::ledger) struct Consents<S> {
    db: Rc<Db<S>>,
    config: Rc<Config>,
    vault: Rc<Vault>,
    /// By digest, terms that the database has.
    terms: RefCell<BTreeMap<String, Rc<Terms>>>,
    /// A campaign's id, its revision, and the terms of its purposes.
    current_terms: RefCell<Vec<(String, String, AllTerms)>>,
}

impl<S> Consents<S> {
    /// The history that lies in a database.
    pub(in crate::ledger) fn new(db: Rc<Db<S>>, config: Rc<Config>, vault: Rc<Vault>) -> Self {
        Self { db, config, vault, terms: RefCell::default(), current_terms: RefCell::default() }
    }

    /// Forgets what may come from rows that were rolled back.
    pub(in crate::ledger) fn reset(&self) {
        self.terms.take();
        self.current_terms.take();
    }
}
