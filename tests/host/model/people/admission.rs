//! Admissions, mails and confirmations: each must be as predicted, and the model learns from it.

use super::lead::{Act, Content, Request};
use super::{Expected, MAX_MAILS, People, Person, Quarantined, Row};
use crate::model::posts::{CAMPAIGNS, Post, REQUEST_MS};
use crate::support::DAY;

impl People {
    /// The post was answered with 202.
    pub fn answer(&mut self, post: &Post, id: &str, now: i64) {
        self.learn_id(post, id);
        self.answered.insert(post.content(), now);
        let same: Vec<_> = self.ids.iter().filter(|(_, known)| *known == id).collect();
        assert_eq!(same.len(), 1, "{same:?}");
    }

    /// The ledger wrote a row for the post.
    pub fn admit(&mut self, post: &Post, expected: &Expected, row: &Row, now: i64) {
        if let Some(key) = &post.key {
            self.keys.insert((post.campaign, post.pepper, key.clone()), (post.content(), now + DAY));
        }
        if let Some(must_be_quarantined) = self.must_be_quarantined(post, expected) {
            let is_quarantined = row.state == "quarantined";
            assert_eq!(is_quarantined, must_be_quarantined, "what shows signs waits: {expected:?} {row:?}");
            assert!(!expected.is_quarantined || !must_be_quarantined, "what waits already is written again");
        }
        self.learn(post, expected, row, now, now);
    }

    /// An operator has released it.
    pub fn release(&mut self, quarantined: &Quarantined, expected: &Expected, row: &Row, now: i64) {
        assert_ne!(row.state, "quarantined", "what was released waits no more");
        self.learn(&quarantined.post, expected, row, quarantined.at, now);
    }

    /// Learns the row of a post whose consents were given at a time.
    fn learn(&mut self, post: &Post, expected: &Expected, row: &Row, given: i64, now: i64) {
        let (campaign, ledger, days, _) = CAMPAIGNS[post.campaign];
        let content = post.content();
        self.learn_id(post, &row.submission_id);
        self.erased.remove(&row.submission_id);
        self.erased_from.retain(|(_, id)| *id != row.submission_id);
        if !expected.is_repeat {
            *self.admitted.entry(campaign).or_default() += 1;
        }
        // What comes again takes its own row's place, of those that the post leads to.
        let same_ledger = self.leads.iter_mut().filter(|lead| lead.ledger == ledger);
        let mut living =
            same_ledger.filter(|lead| lead.known_until() > now || lead.asks(now).next().is_some());
        let earlier = living.find(|lead| lead.contents.contains_key(&content));
        if let Some(earlier) = earlier.filter(|_| expected.is_repeat) {
            earlier.contents.remove(&content);
        }
        self.suppressed.remove(&(ledger, content.clone()));
        self.quarantined.remove(&(ledger, content.clone()));
        let kept = |at, until| Content { post: post.clone(), at, until, is_act: row.is_act };
        match row.state.as_str() {
            "suppressed" => {
                assert!(
                    expected.is_listed || expected.is_refused,
                    "somebody who is on no list was suppressed"
                );
                self.suppressed.insert((ledger, content), now + 30 * DAY);
            }
            // Whoever calls says how it was shown.
            "quarantined" => {}
            "unconfirmed" => {
                self.must_be_asked(post, expected, now);
                for lead in self.leads.iter_mut().filter(|lead| lead.ledger == ledger) {
                    lead.requests.retain(|request| request.post.content() != content);
                }
                let lead = self.lead_or_new(post, &row.lead_id);
                lead.requests.push(Request::new(post, given, now));
                lead.contents.insert(content, kept(now, now + REQUEST_MS));
            }
            _ if !row.is_act => {
                assert_eq!(row.state, "duplicate");
                assert!(!expected.is_refused, "whoever has refused is not counted as asked");
                let lead = self.lead(&row.lead_id).expect("a request's lead");
                let ends = lead.asks(now).map(Request::expires).max().expect("a request");
                lead.contents.insert(content, kept(now, ends));
            }
            _ => {
                assert!(!expected.is_listed, "somebody who wants nothing more was judged");
                self.must_be_known(&expected.person, &row.lead_id);
                let lead = self.lead_or_new(post, &row.lead_id);
                if post.is_confirmed() {
                    let asked = |id: &&str| {
                        let consent = lead.consent(&post.subject(), id);
                        consent.is_some_and(|consent| consent.is_confirmed)
                    };
                    assert!(post.granted().iter().all(asked), "nobody was asked");
                }
                lead.is_known = true;
                lead.known_by.extend(post.recognising());
                lead.contents.insert(content.clone(), kept(given, now + days * DAY));
                lead.acts.push(Act::Granted { post: post.clone(), at: given, is_confirmed: false });
                for request in self.leads.iter_mut().flat_map(|lead| &mut lead.requests) {
                    request.is_open &= request.post.content() != content;
                }
            }
        }
    }

    fn must_be_known(&self, person: &Person, real_id: &str) {
        match person {
            Person::Known(known) => assert_eq!(real_id, known, "someone who is known keeps the lead id"),
            Person::New => {
                let known = self.leads.iter().any(|lead| lead.real_id == real_id && lead.is_known);
                assert!(!known, "a new person got the lead id of another one");
            }
        }
    }

    /// Somebody was asked, which must have been needed; and allowed, where they wanted to hear nothing.
    fn must_be_asked(&mut self, post: &Post, expected: &Expected, now: i64) {
        assert!(post.is_confirmed(), "the campaign asks nobody");
        assert!(!expected.is_refused, "whoever has said that it was not them is not asked");
        let must = self.must_confirm(post, &expected.person, expected.is_listed, now);
        assert!(must != Some(false), "somebody was asked for what they have confirmed");
        if expected.is_listed {
            assert!(self.may_be_asked(post, now), "whoever wants to hear nothing is asked once a year");
        }
        let email = post.email().cloned().expect("an address");
        if self.listed.contains(&(post.ledger(), "suppressed", email.clone())) {
            self.asked.insert((post.ledger(), email), now);
        }
    }

    /// A post of somebody who is known waits for the owner of the address again, in its row's place.
    pub fn ask_again(&mut self, post: &Post, lead_id: &str, now: i64) {
        let content = post.content();
        let waits = |request: &Request| request.post.content() == content && request.is_open;
        let lead = self.lead(lead_id).expect("a lead");
        if lead.asks(now).any(waits) {
            return;
        }
        let row = lead.contents.get_mut(&content).expect("a row");
        row.until = row.until.max(now + REQUEST_MS);
        if let Some(key) = &post.key {
            self.keys.insert((post.campaign, post.pepper, key.clone()), (content.clone(), now + DAY));
        }
        for lead in self.leads.iter_mut().filter(|lead| lead.ledger == post.ledger()) {
            lead.requests.retain(|request| request.post.content() != content);
        }
        self.lead(lead_id).expect("a lead").requests.push(Request::new(post, now, now));
    }

    /// A mail was decided on, for the request of this post under this lead.
    pub fn mail(&mut self, post: &Post, lead_id: &str, now: i64) {
        let content = post.content();
        let lead = self.lead(lead_id).expect("a request's lead");
        let ledger = lead.ledger;
        let mut all = lead.requests.iter_mut();
        let request = all.find(|request| request.post.content() == content).expect("a request");
        assert!(request.expires() > now && request.is_open, "a mail about what has ended");
        request.mails += 1;
        request.mailed = now;
        let email = request.post.email().cloned();
        let unanswered =
            self.requests(ledger, now).filter(|one| one.is_to(email.as_ref()) && !one.is_answered);
        let mails: usize = unanswered.map(|request| request.mails).sum();
        assert!(mails <= MAX_MAILS, "{mails} mails that nobody has answered");
    }

    /// Tells whether the link of a confirmation must work.
    pub fn is_open(&self, lead_id: &str, submission_id: &str, now: i64) -> bool {
        self.asked_about(lead_id, submission_id, now).is_some()
    }

    pub(super) fn asked_about(&self, lead_id: &str, submission_id: &str, now: i64) -> Option<&Request> {
        let lead = self.leads.iter().find(|lead| lead.real_id == lead_id)?;
        let id = |request: &Request| self.ids.get(&request.post.content()).cloned();
        lead.asks(now).find(|request| request.is_open && id(request).as_deref() == Some(submission_id))
    }

    /// The owner of the address has confirmed; the submission is now a lead's.
    pub fn confirm(&mut self, asked: &str, submission_id: &str, real_id: &str, now: i64) {
        let request = self.asked_about(asked, submission_id, now).expect("a request").clone();
        let (post, content) = (&request.post, request.post.content());
        match self.person(post, now).1 {
            Person::New => assert_eq!(real_id, asked, "a request keeps its lead id"),
            Person::Known(known) => assert_eq!(real_id, known, "someone who is known keeps the lead id"),
        }
        let others = self.leads.iter_mut().filter(|lead| lead.ledger == post.ledger());
        for other in others.flat_map(|lead| &mut lead.requests) {
            if other.is_to(post.email()) && other.post.campaign == post.campaign {
                (other.is_open, other.is_answered) = (false, true);
            }
        }
        self.lead(asked).expect("a request's lead").contents.remove(&content);
        if real_id != asked {
            self.aliases.insert(asked.to_owned(), real_id.to_owned());
        }
        if let Some(email) = post.email() {
            self.listed.remove(&(post.ledger(), "suppressed", email.clone()));
            self.asked.remove(&(post.ledger(), email.clone()));
        }
        let until = now + CAMPAIGNS[post.campaign].2 * DAY;
        let lead = self.lead(real_id).expect("a lead");
        lead.is_known = true;
        lead.known_by.extend(post.recognising());
        lead.contents.insert(content, Content { post: post.clone(), at: request.given, until, is_act: true });
        lead.acts.push(Act::Granted { post: post.clone(), at: request.given, is_confirmed: true });
    }
}
