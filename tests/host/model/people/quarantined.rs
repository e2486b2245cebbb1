//! Quarantined submissions, as the model expects them.

use std::collections::BTreeMap;

use super::{Expected, People, SWEEP_MS};
use crate::model::posts::{Post, QUARANTINE_DAYS};
use crate::support::DAY;

/// A quarantined submission.
#[derive(Clone, Debug)]
pub struct Quarantined {
    pub post: Post,
    pub at: i64,
    pub is_discarded: bool,
    /// It was shown under the campaign's other title.
    pub is_retitled: bool,
}

impl People {
    /// Tells whether a post must be quarantined: nobody let it in before, and its person may be written to. `None` if
    /// that is not known to the hour.
    pub fn must_be_quarantined(&self, post: &Post, expected: &Expected) -> Option<bool> {
        let is_new = !expected.is_repeat || expected.is_quarantined;
        if !is_new {
            return Some(false);
        }
        let is_beyond = expected.is_beyond_cap?;
        let is_suppressed = match (post.is_confirmed(), expected.is_listed || expected.is_refused) {
            (_, false) => false,
            (false, true) => true,
            // It hangs on whether anybody must be asked, and may be.
            (true, true) => return if expected.is_junk || is_beyond { None } else { Some(false) },
        };
        Some((expected.is_junk || is_beyond) && !is_suppressed)
    }

    /// Returns those of a ledger, also discarded ones: the lead of each row, and whether it still waits.
    pub fn all_quarantined(&self, ledger: &str) -> BTreeMap<String, bool> {
        let here = self.quarantined.iter().filter(|((of, _), _)| *of == ledger);
        here.map(|((_, content), quarantined)| (self.quarantined_lead(content), !quarantined.is_discarded))
            .collect()
    }

    pub(super) fn quarantined_lead(&self, content: &str) -> String {
        format!("quarantine_{}", self.ids.get(content).map_or("", String::as_str))
    }

    /// Those that wait, in the order in which a ledger goes through them.
    pub fn waiting(&self, campaign: Option<usize>) -> Vec<(String, Quarantined)> {
        let asked =
            |quarantined: &Quarantined| campaign.is_none_or(|campaign| quarantined.post.campaign == campaign);
        let all = self
            .quarantined
            .iter()
            .filter(|(_, quarantined)| !quarantined.is_discarded && asked(quarantined));
        let mut all: Vec<_> =
            all.map(|((_, content), quarantined)| (self.ids[content].clone(), quarantined.clone())).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    pub fn quarantine(&mut self, post: &Post, at: i64, is_retitled: bool) {
        let quarantined = Quarantined { post: post.clone(), at, is_discarded: false, is_retitled };
        self.quarantined.insert((post.ledger(), post.content()), quarantined);
    }

    /// An operator has discarded it.
    pub fn discard(&mut self, post: &Post, kv_forgets: bool) {
        let quarantined = self.quarantined.get_mut(&(post.ledger(), post.content())).expect("a post");
        quarantined.is_discarded = true;
        if kv_forgets {
            self.answered.remove(&post.content());
        }
    }

    /// Forgets those that retention has ended.
    pub fn forget_quarantined(&mut self, now: i64, is_there: impl Fn(&str, &str) -> bool) {
        let ids = &self.ids;
        self.quarantined.retain(|(ledger, content), quarantined| {
            let is_kept = is_there(ledger, &ids[content]);
            let until = quarantined.at + QUARANTINE_DAYS * DAY;
            assert!(is_kept || until <= now, "a quarantined submission ended too early");
            assert!(!is_kept || now < until + SWEEP_MS, "a quarantined submission is kept for too long");
            is_kept
        });
    }
}
