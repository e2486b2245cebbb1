//! What the model knows of posts that were put aside.

use std::collections::BTreeMap;

use super::{Expected, People, SWEEP_MS};
use crate::common::DAY;
use crate::posts::{Post, QUARANTINE_DAYS};

/// A post that was put aside.
#[derive(Clone, Debug)]
pub struct Aside {
    pub post: Post,
    pub at: i64,
    pub is_discarded: bool,
    /// Under which of the campaign's titles it was shown.
    pub is_retitled: bool,
}

impl People {
    /// Whether it waits for an operator: nobody let it in before, and its person may be written to. Nothing where
    /// that is not known to the hour.
    pub fn is_put_aside(&self, post: &Post, expected: &Expected) -> Option<bool> {
        let is_new = !expected.is_repeat || expected.is_aside;
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

    /// What is put aside, or was discarded: the lead of its row, and whether it still waits.
    pub fn all_aside(&self, ledger: &str) -> BTreeMap<String, bool> {
        let here = self.aside.iter().filter(|((of, _), _)| *of == ledger);
        here.map(|((_, content), aside)| (self.aside_lead(content), !aside.is_discarded)).collect()
    }

    pub(super) fn aside_lead(&self, content: &str) -> String {
        format!("quarantine_{}", self.ids.get(content).map_or("", String::as_str))
    }

    /// Those that wait, in the order in which a ledger goes through them.
    pub fn waiting(&self, campaign: Option<usize>) -> Vec<(String, Aside)> {
        let asked = |aside: &Aside| campaign.is_none_or(|campaign| aside.post.campaign == campaign);
        let all = self.aside.iter().filter(|(_, aside)| !aside.is_discarded && asked(aside));
        let mut all: Vec<_> =
            all.map(|((_, content), aside)| (self.ids[content].clone(), aside.clone())).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    pub fn put_aside(&mut self, post: &Post, at: i64, is_retitled: bool) {
        let aside = Aside { post: post.clone(), at, is_discarded: false, is_retitled };
        self.aside.insert((post.ledger(), post.content()), aside);
    }

    /// An operator has thrown it away.
    pub fn discard(&mut self, post: &Post, kv_forgets: bool) {
        let aside = self.aside.get_mut(&(post.ledger(), post.content())).expect("a post");
        aside.is_discarded = true;
        if kv_forgets {
            self.answered.remove(&post.content());
        }
    }

    /// What retention has ended of what was put aside.
    pub fn forget_aside(&mut self, now: i64, is_there: impl Fn(&str, &str) -> bool) {
        let ids = &self.ids;
        self.aside.retain(|(ledger, content), aside| {
            let is_kept = is_there(ledger, &ids[content]);
            let until = aside.at + QUARANTINE_DAYS * DAY;
            assert!(is_kept || until <= now, "what was put aside ended too early");
            assert!(!is_kept || now < until + SWEEP_MS, "what was put aside is kept for too long");
            is_kept
        });
    }
}
