//! Terms: the parts of a consent that are the same for everybody, stored once under their digest.

use std::rc::Rc;

use super::{AllTerms, Consents};
use crate::base::fault::Fault;
use crate::campaign::Campaign;
use crate::ledger::campaigns::MAX_PARSED;
use crate::ledger::db::act;
use crate::ledger::db::changes::Changes;
use crate::ledger::db::store::Store;
use crate::pipeline::consent::Terms;

/// The number of digests whose terms stay parsed: every revision of a campaign has its own.
const MAX_TERMS: usize = 256;

impl<S: Store> Consents<S> {
    /// Returns the terms of a campaign's purposes, in their order.
    pub(in crate::ledger) fn terms_of(&self, campaign: &Campaign) -> AllTerms {
        let mut known = self.current_terms.borrow_mut();
        let is_meant =
            |(id, revision, _): &&(String, String, _)| *id == campaign.id && *revision == campaign.revision;
        if let Some((.., terms)) = known.iter().find(is_meant) {
            return Rc::clone(terms);
        }
        if known.len() >= MAX_PARSED {
            known.clear();
        }
        let terms = campaign.purposes.iter().map(|purpose| Rc::new(Terms::of(campaign, purpose)));
        let terms = Rc::new(terms.collect::<Vec<_>>());
        known.push((campaign.id.clone(), campaign.revision.clone(), Rc::clone(&terms)));
        terms
    }

    /// Stores those of these terms that the database does not have yet.
    pub(in crate::ledger) fn store_terms<'a>(&self, all: &'a [Rc<Terms>], changes: &mut Changes<'a>) {
        let known = self.terms.borrow();
        for terms in all.iter().filter(|terms| !known.contains_key(&terms.digest)) {
            act::store_terms(terms, changes);
        }
    }

    /// Notes that the database has these terms.
    pub(in crate::ledger) fn know_terms(&self, all: &[Rc<Terms>]) {
        let mut known = self.terms.borrow_mut();
        if known.len() >= MAX_TERMS {
            known.clear();
        }
        for terms in all {
            if !known.contains_key(&terms.digest) {
                known.insert(terms.digest.clone(), Rc::clone(terms));
            }
        }
    }

    /// Returns the terms of a digest.
    pub(in crate::ledger) fn terms_under(&self, digest: &str) -> Result<Rc<Terms>, Fault> {
        if let Some(terms) = self.terms.borrow().get(digest) {
            return Ok(Rc::clone(terms));
        }
        let terms = self.db.terms(digest)?.and_then(|text| Terms::read(&text, digest));
        let terms = terms.map(Rc::new).ok_or_else(|| Fault::new("a consent's terms are gone"))?;
        self.know_terms(std::slice::from_ref(&terms));
        Ok(terms)
    }
}
