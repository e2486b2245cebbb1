//! Predictions: what a post must lead to.

use std::cmp::Reverse;

use super::lead::{Consent, Lead, Request};
use super::{ASK_AGAIN_MS, Expected, MAIL_AGAIN_MS, MAX_MAILS, People, Person, SWEEP_MS};
use crate::model::posts::{Post, mailbox};

impl People {
    pub fn expected(&self, post: &Post, now: i64) -> Expected {
        let (matching, person) = self.person(post, now);
        let asking = self.leads.iter().filter(|lead| {
            let asks = lead.asks(now).any(|request| request.is_to(post.email()));
            post.is_confirmed() && lead.ledger == post.ledger() && asks
        });
        let content = post.content();
        let is_kept = matching.into_iter().chain(asking).any(|lead| lead.contents.contains_key(&content));
        let place = (post.ledger(), content);
        let was_suppressed = self.suppressed.contains_key(&place);
        let is_quarantined = !is_kept && !was_suppressed && self.quarantined.contains_key(&place);
        let is_repeat = is_kept || was_suppressed || is_quarantined;
        let is_listed = self.is_suppressed(post);
        Expected {
            is_beyond_cap: self.is_beyond_cap(post, &person, is_listed, now),
            is_refused: self.is_refused(post, now),
            person,
            is_repeat,
            is_listed,
            is_quarantined,
            is_junk: false,
        }
    }

    pub(super) fn person(&self, post: &Post, now: i64) -> (Vec<&Lead>, Person) {
        let by = post.recognising();
        let living =
            self.leads.iter().filter(|lead| lead.ledger == post.ledger() && lead.known_until() > now);
        let matching: Vec<_> =
            living.filter(|lead| by.iter().any(|one| lead.known_by.contains(one))).collect();
        let by_email = |lead: &Lead| post.email().is_some_and(|email| lead.known_by.contains(email));
        let best = matching.iter().max_by_key(|lead| (by_email(lead), lead.last(), Reverse(&lead.real_id)));
        let person = best.map_or(Person::New, |lead| Person::Known(lead.real_id.clone()));
        (matching, person)
    }

    fn is_suppressed(&self, post: &Post) -> bool {
        let listed = |one| self.listed.contains(&(post.ledger(), "suppressed", one));
        post.identifiers().into_iter().any(listed)
    }

    /// The requests of a ledger that have not ended, of whatever lead.
    pub(super) fn requests(&self, ledger: &str, now: i64) -> impl Iterator<Item = &Request> {
        let here = self.leads.iter().filter(move |lead| lead.ledger == ledger);
        here.flat_map(move |lead| lead.asks(now))
    }

    fn is_refused(&self, post: &Post, now: i64) -> bool {
        let Some(email) = post.email().filter(|_| post.is_confirmed()) else { return false };
        let same = |request: &&Request| request.post.email().map(|one| mailbox(one)) == Some(mailbox(email));
        self.requests(post.ledger(), now).filter(same).any(|request| request.refused_until.is_some())
    }

    fn is_beyond_cap(&self, post: &Post, person: &Person, is_listed: bool, now: i64) -> Option<bool> {
        let Some(email) = post.email().filter(|_| post.is_confirmed()) else { return Some(false) };
        let open = |request: &&Request| !request.is_answered && request.refused_until.is_none();
        let to_mailbox =
            |request: &&Request| request.post.email().map(|one| mailbox(one)) == Some(mailbox(email));
        let all: Vec<_> = self.requests(post.ledger(), now).filter(open).filter(to_mailbox).collect();
        let own = || all.iter().filter(|request| request.is_to(Some(email)));
        let is_asked = own().map(|request| request.mails).sum::<usize>() >= MAX_MAILS
            || own().any(|request| now - request.mailed < MAIL_AGAIN_MS);
        let is_full = all.iter().map(|request| request.mails).sum::<usize>() >= MAX_MAILS;
        if is_asked || !is_full || is_listed && !self.may_be_asked(post, now) {
            return Some(false);
        }
        self.must_confirm(post, person, is_listed, now)
    }

    /// Tells whether the owner of the address must be asked; `None` if a consent decides that is about to end.
    pub(super) fn must_confirm(
        &self,
        post: &Post,
        person: &Person,
        is_listed: bool,
        now: i64,
    ) -> Option<bool> {
        let known = self.leads.iter().find(|lead| Person::Known(lead.real_id.clone()) == *person);
        let consent = |purpose: &&str| known.and_then(|lead| lead.consent(&post.subject(), purpose));
        let (mut is_sure, mut must) = (true, is_listed);
        for purpose in post.granted() {
            match consent(&purpose) {
                Some(Consent { is_confirmed: true, until }) => {
                    is_sure &= until.is_none_or(|until| until > now || until + SWEEP_MS <= now);
                    must |= until.is_some_and(|until| until + SWEEP_MS <= now);
                }
                Some(_) | None => must = true,
            }
        }
        if must { Some(true) } else { is_sure.then_some(false) }
    }

    /// Tells whether somebody who objected may be asked whether that is still so.
    pub(super) fn may_be_asked(&self, post: &Post, now: i64) -> bool {
        let asked = post.email().and_then(|email| self.asked.get(&(post.ledger(), email.clone())));
        asked.is_none_or(|at| now - at >= ASK_AGAIN_MS)
    }
}
