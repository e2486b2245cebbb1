//! A lead as the model knows it: its submissions, its acts and its requests for a confirmation.

use std::collections::{BTreeMap, BTreeSet};

use super::{SWEEP_MS, Who};
use crate::model::posts::{CALL_DAYS, Post, REQUEST_MS};
use crate::support::DAY;

/// A consent that holds.
#[derive(Clone, Debug)]
pub struct Consent {
    pub is_confirmed: bool,
    pub until: Option<i64>,
}

/// Something that was done about consents.
#[derive(Clone, Debug)]
pub enum Act {
    Granted {
        post: Post,
        at: i64,
        is_confirmed: bool,
    },
    /// Of one purpose, or of all.
    Withdrawn {
        subject: String,
        purpose: Option<String>,
    },
}

impl Act {
    pub fn is_of(&self, who: &Who) -> bool {
        match self {
            Self::Granted { post, .. } => is_theirs(post, who),
            Self::Withdrawn { subject, .. } => {
                Some(subject) == who.0.as_ref() || Some(subject) == who.1.as_ref()
            }
        }
    }
}

/// Tells whether a post carries an identifier of theirs.
pub fn is_theirs(post: &Post, who: &Who) -> bool {
    let asked = |one: &String| Some(one) == who.0.as_ref() || Some(one) == who.1.as_ref();
    post.identifiers().iter().any(asked)
}

/// A submission that waits for the owner of the address, with the mails that went to it.
#[derive(Clone, Debug)]
pub struct Request {
    pub post: Post,
    pub at: i64,
    /// The time at which its consents were given.
    pub given: i64,
    /// A link of the mail would still do something.
    pub is_open: bool,
    pub is_answered: bool,
    /// Until when the owner of the address is not asked, who has said that it was not them.
    pub refused_until: Option<i64>,
    pub mails: usize,
    pub mailed: i64,
}

impl Request {
    pub fn new(post: &Post, given: i64, now: i64) -> Self {
        Self {
            post: post.clone(),
            at: now,
            given,
            is_open: true,
            is_answered: false,
            refused_until: None,
            mails: 0,
            mailed: 0,
        }
    }

    pub fn expires(&self) -> i64 {
        self.refused_until.unwrap_or(self.at + REQUEST_MS)
    }

    pub fn is_to(&self, email: Option<&String>) -> bool {
        self.post.email() == email
    }
}

/// A submission that was accepted: when it came, until when it is known, and whether consents stand by it.
#[derive(Clone, Debug)]
pub struct Content {
    pub post: Post,
    pub at: i64,
    pub until: i64,
    pub is_act: bool,
}

#[derive(Debug)]
pub struct Lead {
    pub ledger: &'static str,
    pub real_id: String,
    /// The identifiers that it is recognised by.
    pub known_by: BTreeSet<String>,
    pub contents: BTreeMap<String, Content>,
    pub acts: Vec<Act>,
    pub requests: Vec<Request>,
    /// Only posts that were judged make somebody known.
    pub is_known: bool,
}

impl Lead {
    pub fn known_until(&self) -> i64 {
        if self.is_known { self.ends() } else { 0 }
    }

    pub fn ends(&self) -> i64 {
        self.contents.values().map(|content| content.until).max().unwrap_or(0)
    }

    pub fn last(&self) -> i64 {
        self.contents.values().map(|content| content.at).max().unwrap_or(0)
    }

    pub fn asks(&self, now: i64) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(move |request| request.expires() > now)
    }

    /// Returns a subject's consent to a purpose; `None` if it has none.
    pub fn consent(&self, subject: &str, purpose: &str) -> Option<Consent> {
        let mut consent = None::<Consent>;
        for act in &self.acts {
            match act {
                Act::Granted { post, at, is_confirmed } => {
                    if post.subject() != subject || !post.granted().contains(&purpose) {
                        continue;
                    }
                    let holds = |known: &Consent| known.until.is_none_or(|until| until + SWEEP_MS > *at);
                    let before = consent.as_ref().is_some_and(|known| known.is_confirmed && holds(known));
                    // What was given already is confirmed by that, and ends no later.
                    let given = consent.as_ref().filter(|known| *is_confirmed && holds(known));
                    let new = (purpose == "call").then_some(at + CALL_DAYS * DAY);
                    let until = given.map_or(new, |known| known.until);
                    consent = Some(Consent { is_confirmed: *is_confirmed || before, until });
                }
                Act::Withdrawn { subject: of, purpose: one } => {
                    if of == subject && one.as_deref().is_none_or(|one| one == purpose) {
                        consent = None;
                    }
                }
            }
        }
        consent
    }

    /// Returns the identifiers of everybody that it is about.
    pub fn identifiers(&self) -> BTreeSet<String> {
        let granted = self.acts.iter().filter_map(|act| match act {
            Act::Granted { post, .. } => Some(post),
            Act::Withdrawn { .. } => None,
        });
        let posts = self.contents.values().map(|content| &content.post).chain(granted);
        posts.flat_map(Post::identifiers).collect()
    }
}
