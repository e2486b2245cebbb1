//! The sources by which an hour's counters count. Their number is bounded, so that a visitor who invents
//! sources cannot make the table grow.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::db::Db;
use super::db::bucket::Bucket;
use super::db::store::Store;
use crate::base::fault::Fault;
use crate::base::time::hour_of;

/// The number of sources counted by name in one campaign's hour; the rest is counted as [`OTHER`].
const MAX_SOURCES: usize = 50;
/// The source that stands for all others.
const OTHER: &str = "other";

/// The sources of one campaign's hour.
#[derive(Default)]
struct HourSources {
    hour: i64,
    names: BTreeSet<String>,
}

/// The sources that this hour's counters know, by campaign.
#[derive(Default)]
pub(in crate::ledger) struct Sources {
    by_campaign: RefCell<BTreeMap<String, HourSources>>,
}

impl Sources {
    /// Forgets all, so that the rows are read again.
    pub(in crate::ledger) fn reset(&self) {
        self.by_campaign.take();
    }

    /// Returns the counter of a submission that arrives now from a source.
    pub(in crate::ledger) fn bucket<S: Store>(
        &self,
        db: &Db<S>,
        campaign: &str,
        source: &str,
        now_ms: i64,
    ) -> Result<Bucket, Fault> {
        let hour = hour_of(now_ms);
        let mut all = self.by_campaign.borrow_mut();
        let known = all.entry(campaign.to_owned()).or_default();
        if known.hour != hour {
            let names = db.sources(campaign, hour)?.into_iter().collect();
            *known = HourSources { hour, names };
        }
        let has_room = known.names.iter().filter(|name| *name != OTHER).count() < MAX_SOURCES;
        let source = if has_room || known.names.contains(source) { source } else { OTHER };
        if !known.names.contains(source) {
            known.names.insert(source.to_owned());
        }
        Ok(Bucket { campaign: campaign.to_owned(), hour, source: source.to_owned() })
    }
}
