//! The model's own idea of who is who: the submissions that a ledger must have admitted, as whose lead, and the
//! consents of their subjects.

mod admission;
mod lead;
mod prediction;
mod quarantined;
mod rights;

use std::collections::{BTreeMap, BTreeSet};

use self::lead::{Consent, Lead};
pub use self::quarantined::Quarantined;
use super::posts::Post;
use crate::support::{DAY, HOUR, MINUTE};

/// Mails that nobody needs to answer.
const MAX_MAILS: usize = 2;
/// Somebody who lost the mail may have it again after so long.
const MAIL_AGAIN_MS: i64 = 10 * MINUTE;
/// The time for which nobody is asked again who has said that it was not them.
const REFUSED_MS: i64 = 30 * DAY;
/// The time between two questions to somebody who objected.
const ASK_AGAIN_MS: i64 = 365 * DAY;
/// The purposes.
const CONSENTS: [&str; 2] = ["newsletter", "call"];
/// A consent that has expired is noted by a sweep, once a day.
const SWEEP_MS: i64 = DAY + HOUR;

/// The person who asks for access or erasure: an address and a number.
pub type Who = (Option<String>, Option<String>);

/// Whose post it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Person {
    Known(String),
    New,
}

/// The outcome that a post must have.
#[derive(Debug)]
pub struct Expected {
    pub person: Person,
    /// It was accepted before, and its row lives.
    pub is_repeat: bool,
    pub is_listed: bool,
    /// Its owner has said lately that it was not them.
    pub is_refused: bool,
    /// It was quarantined, and not released since.
    pub is_quarantined: bool,
    /// It shows enough signs.
    pub is_junk: bool,
    /// It asks for one mail too many to its mailbox; `None` if that is not known to the hour.
    pub is_beyond_cap: Option<bool>,
}

/// The row that a post has written.
#[derive(Debug)]
pub struct Row {
    pub lead_id: String,
    pub submission_id: String,
    pub state: String,
    /// It is a lead's, whose consents stand by an act.
    pub is_act: bool,
}

#[derive(Default)]
pub struct People {
    leads: Vec<Lead>,
    /// `(campaign, pepper, key)` → content and end.
    keys: BTreeMap<(usize, usize, String), (String, i64)>,
    /// The last time at which each content was answered with 202.
    answered: BTreeMap<String, i64>,
    /// Content ↔ submission id.
    ids: BTreeMap<String, String>,
    /// `(ledger, list, identifier)`.
    listed: BTreeSet<(&'static str, &'static str, String)>,
    /// `(ledger, address)` of whoever wants to hear nothing: when they were last asked whether that is still so.
    asked: BTreeMap<(&'static str, String), i64>,
    /// By ledger and content: until when a suppressed post is known at least.
    suppressed: BTreeMap<(&'static str, String), i64>,
    /// By ledger and content.
    quarantined: BTreeMap<(&'static str, String), Quarantined>,
    aliases: BTreeMap<String, String>,
    /// Admissions by campaign.
    pub admitted: BTreeMap<&'static str, i64>,
    /// Submission ids that were erased, and have not come again.
    pub erased: BTreeSet<String>,
    /// Leads, each with a submission that was erased from it and has not come again.
    pub erased_from: BTreeSet<(String, String)>,
}

impl People {
    /// Tells whether the post's idempotency key belongs to another post.
    pub fn key_is_taken(&self, post: &Post, now: i64) -> bool {
        let key = post.key.clone().and_then(|key| self.keys.get(&(post.campaign, post.pepper, key)));
        key.is_some_and(|(content, end)| *end > now && *content != post.content())
    }

    /// Tells whether KV may still answer for the ledger.
    pub fn kv_may_answer(&self, post: &Post, now: i64) -> bool {
        self.answered.get(&post.content()).is_some_and(|at| now - at <= 10 * MINUTE)
    }

    /// The rows of suppressed posts that retention has ended.
    pub fn forget_suppressed(&mut self, now: i64, is_there: impl Fn(&str, &str) -> bool) {
        let ids = &self.ids;
        self.suppressed.retain(|(ledger, content), until| {
            let is_kept = ids.get(content).is_none_or(|id| is_there(ledger, id));
            assert!(is_kept || *until <= now, "a suppressed post was forgotten too early");
            is_kept
        });
    }

    /// The rows of requests that retention has ended: the lead may be known for longer, and that somebody has
    /// refused.
    pub fn forget_requests(&mut self, now: i64, is_there: impl Fn(&str, &str, &str) -> bool) {
        let ids = &self.ids;
        for lead in &mut self.leads {
            let (ledger, real_id) = (lead.ledger, lead.real_id.clone());
            lead.contents.retain(|content, known| {
                let is_kept =
                    known.is_act || ids.get(content).is_none_or(|id| is_there(ledger, &real_id, id));
                assert!(is_kept || known.until <= now, "a request was forgotten too early");
                is_kept
            });
        }
    }

    fn learn_id(&mut self, post: &Post, id: &str) {
        let known = self.ids.entry(post.content()).or_insert_with(|| id.to_owned());
        assert_eq!(known, id, "the same post has the same id everywhere");
    }

    fn lead(&mut self, real_id: &str) -> Option<&mut Lead> {
        self.leads.iter_mut().find(|lead| lead.real_id == real_id)
    }

    fn lead_or_new(&mut self, post: &Post, real_id: &str) -> &mut Lead {
        let at = self.leads.iter().position(|lead| lead.real_id == real_id).unwrap_or_else(|| {
            self.leads.push(Lead {
                ledger: post.ledger(),
                real_id: real_id.to_owned(),
                known_by: BTreeSet::new(),
                contents: BTreeMap::new(),
                acts: Vec::new(),
                requests: Vec::new(),
                is_known: false,
            });
            self.leads.len() - 1
        });
        &mut self.leads[at]
    }

    /// Somebody is put on a list, or taken off it.
    pub fn list(&mut self, ledger: &'static str, list: &'static str, identifier: &str, is_on: bool) {
        let entry = (ledger, list, identifier.to_owned());
        if is_on {
            self.listed.insert(entry);
        } else {
            self.listed.remove(&entry);
            if list == "suppressed" {
                self.asked.remove(&(ledger, identifier.to_owned()));
            }
        }
    }

    /// Tells whether an event that needs this purpose may go out now about a submission of a subject; of anybody of
    /// the lead if the subject is not known.
    pub fn agrees(&self, lead_id: &str, subject: Option<&str>, purpose: &str, now: i64) -> bool {
        let Some(lead) = self.leads.iter().find(|lead| lead.real_id == lead_id) else { return false };
        let everybody: Vec<_> = lead.identifiers().into_iter().collect();
        let subjects = subject.map_or(everybody, |subject| vec![subject.to_owned()]);
        let holds = |consent: Consent| consent.until.is_none_or(|until| until + SWEEP_MS > now);
        subjects.iter().any(|subject| lead.consent(subject, purpose).is_some_and(holds))
    }

    /// The submissions that each living lead of a ledger must have.
    pub fn living(&self, ledger: &str, now: i64) -> BTreeMap<String, BTreeSet<String>> {
        let living = self.leads.iter().filter(|lead| lead.ledger == ledger && lead.known_until() > now);
        let ids = |lead: &Lead| lead.contents.keys().map(|content| self.ids[content].clone()).collect();
        living.map(|lead| (lead.real_id.clone(), ids(lead))).collect()
    }
}
