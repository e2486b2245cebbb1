//! The model's own idea of who is who: what a ledger must have admitted, as whose lead, and what its
//! person agrees to.

mod aside;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

pub use self::aside::Aside;
use crate::common::{DAY, HOUR, MINUTE};
use crate::posts::{CALL_DAYS, CAMPAIGNS, Post, REQUEST_MS};

/// Mails that nobody needs to answer.
const MAX_MAILS: usize = 2;
/// A consent that has expired is noted by a sweep, once a day.
const SWEEP_MS: i64 = DAY + HOUR;

/// A consent that holds.
#[derive(Clone, Debug)]
struct Consent {
    is_confirmed: bool,
    until: Option<i64>,
}

/// A submission that waits for the owner of the address, with the mails that went to it.
#[derive(Clone, Debug)]
struct Request {
    post: Post,
    at: i64,
    /// When its consents were given.
    given: i64,
    /// A link of the mail would still do something.
    is_open: bool,
    is_answered: bool,
    mails: usize,
}

impl Request {
    fn expires(&self) -> i64 {
        self.at + REQUEST_MS
    }

    fn is_to(&self, email: Option<&String>) -> bool {
        self.post.email() == email
    }
}

#[derive(Debug)]
struct Lead {
    ledger: &'static str,
    real_id: String,
    emails: BTreeSet<String>,
    phones: BTreeSet<String>,
    /// Content → when it came, and until when it is known.
    contents: BTreeMap<String, (i64, i64)>,
    /// What the person agrees to, by purpose.
    consents: BTreeMap<&'static str, Consent>,
    requests: Vec<Request>,
    /// Only posts that were judged make somebody known.
    is_known: bool,
}

impl Lead {
    fn known_until(&self) -> i64 {
        if self.is_known { self.ends() } else { 0 }
    }

    fn ends(&self) -> i64 {
        self.contents.values().map(|(_, until)| *until).max().unwrap_or(0)
    }

    fn last(&self) -> i64 {
        self.contents.values().map(|(at, _)| *at).max().unwrap_or(0)
    }

    fn asks(&self, now: i64) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(move |request| request.expires() > now)
    }
}

/// Whose post it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Person {
    Known(String),
    New,
}

/// What a post must have led to.
#[derive(Debug)]
pub struct Expected {
    pub person: Person,
    /// It was accepted before, and its row lives.
    pub is_repeat: bool,
    pub is_listed: bool,
    /// It was put aside, and nobody let it in since.
    pub is_aside: bool,
    /// It shows enough signs.
    pub is_junk: bool,
}

/// The row that a post has written.
#[derive(Debug)]
pub struct Row {
    pub lead_id: String,
    pub submission_id: String,
    pub state: String,
    /// It is an act of the person's history.
    pub is_act: bool,
}

#[derive(Default)]
pub struct People {
    leads: Vec<Lead>,
    /// `(campaign, pepper, key)` → content and end.
    keys: BTreeMap<(usize, usize, String), (String, i64)>,
    /// When a content was last answered with 202.
    answered: BTreeMap<String, i64>,
    /// Content ↔ submission id.
    ids: BTreeMap<String, String>,
    /// `(ledger, list, identifier)`.
    listed: BTreeSet<(&'static str, &'static str, String)>,
    /// By ledger and content: until when a suppressed post is known at least.
    suppressed: BTreeMap<(&'static str, String), i64>,
    /// By ledger and content.
    aside: BTreeMap<(&'static str, String), Aside>,
    aliases: BTreeMap<String, String>,
    /// Admissions by campaign.
    pub admitted: BTreeMap<&'static str, i64>,
    /// Submission ids that were erased, and have not come again.
    pub erased: BTreeSet<String>,
    pub erased_leads: BTreeSet<String>,
}

impl People {
    /// Whether the post's idempotency key belongs to another post.
    pub fn key_is_taken(&self, post: &Post, now: i64) -> bool {
        let key = post.key.clone().and_then(|key| self.keys.get(&(post.campaign, post.pepper, key)));
        key.is_some_and(|(content, end)| *end > now && *content != post.content())
    }

    /// Whether KV may still answer for the ledger.
    pub fn kv_may_answer(&self, post: &Post, now: i64) -> bool {
        self.answered.get(&post.content()).is_some_and(|at| now - at <= 10 * MINUTE)
    }

    fn person(&self, post: &Post, now: i64) -> (Vec<&Lead>, Person) {
        let (_, ledger, _, by_phone) = CAMPAIGNS[post.campaign];
        let email = post.email();
        let phone = post.phone.as_ref().filter(|_| by_phone || email.is_none());
        let by_email = |lead: &Lead| email.is_some_and(|email| lead.emails.contains(email));
        let by_phone = |lead: &Lead| phone.is_some_and(|phone| lead.phones.contains(phone));
        let living = self.leads.iter().filter(|lead| lead.ledger == ledger && lead.known_until() > now);
        let matching: Vec<_> = living.filter(|lead| by_email(lead) || by_phone(lead)).collect();
        let best = matching.iter().max_by_key(|lead| (by_email(lead), lead.last(), Reverse(&lead.real_id)));
        let person = best.map_or(Person::New, |lead| Person::Known(lead.real_id.clone()));
        (matching, person)
    }

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
        let is_aside = !is_kept && !was_suppressed && self.aside.contains_key(&place);
        let is_repeat = is_kept || was_suppressed || is_aside;
        Expected { person, is_repeat, is_listed: self.is_suppressed(post), is_aside, is_junk: false }
    }

    fn is_suppressed(&self, post: &Post) -> bool {
        let identifiers = [post.email().cloned(), post.international_phone()];
        let mut listed = identifiers.into_iter().flatten();
        listed.any(|one| self.listed.contains(&(post.ledger(), "suppressed", one)))
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

    /// The post was answered with 202.
    pub fn answer(&mut self, post: &Post, id: &str, now: i64) {
        self.learn_id(post, id);
        self.answered.insert(post.content(), now);
        let same: Vec<_> = self.ids.iter().filter(|(_, known)| *known == id).collect();
        assert_eq!(same.len(), 1, "{same:?}");
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
                emails: BTreeSet::new(),
                phones: BTreeSet::new(),
                contents: BTreeMap::new(),
                consents: BTreeMap::new(),
                requests: Vec::new(),
                is_known: false,
            });
            self.leads.len() - 1
        });
        &mut self.leads[at]
    }

    /// The ledger wrote a row for the post.
    pub fn admit(&mut self, post: &Post, expected: &Expected, row: &Row, now: i64) {
        if let Some(key) = &post.key {
            self.keys.insert((post.campaign, post.pepper, key.clone()), (post.content(), now + DAY));
        }
        let is_put_aside = self.is_put_aside(post, expected);
        assert_eq!(row.state == "quarantined", is_put_aside, "what shows signs waits: {expected:?} {row:?}");
        assert!(!expected.is_aside || !is_put_aside, "what waits already is written again");
        self.learn(post, expected, row, now, now);
    }

    /// An operator has let in what was put aside.
    pub fn release(&mut self, aside: &Aside, expected: &Expected, row: &Row, now: i64) {
        assert_ne!(row.state, "quarantined", "what was released waits no more");
        self.learn(&aside.post, expected, row, aside.at, now);
    }

    /// What became of a post, whose consents were given at a time.
    fn learn(&mut self, post: &Post, expected: &Expected, row: &Row, given: i64, now: i64) {
        let (campaign, ledger, days, _) = CAMPAIGNS[post.campaign];
        let content = post.content();
        self.learn_id(post, &row.submission_id);
        self.erased.remove(&row.submission_id);
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
        self.aside.remove(&(ledger, content.clone()));
        match row.state.as_str() {
            "suppressed" => {
                assert!(expected.is_listed, "somebody who is on no list was suppressed");
                self.suppressed.insert((ledger, content), now + 30 * DAY);
            }
            // Whoever calls says how it was shown.
            "quarantined" => {}
            "unconfirmed" => {
                self.must_be_asked(post, expected);
                for lead in self.leads.iter_mut().filter(|lead| lead.ledger == ledger) {
                    lead.requests.retain(|request| request.post.content() != content);
                }
                let ends = now + REQUEST_MS;
                let lead = self.lead_or_new(post, &row.lead_id);
                lead.requests.push(Request {
                    post: post.clone(),
                    at: now,
                    given,
                    is_open: true,
                    is_answered: false,
                    mails: 0,
                });
                lead.contents.insert(content, (now, ends));
            }
            _ if !row.is_act => {
                assert_eq!(row.state, "duplicate");
                self.must_be_asked(post, expected);
                let lead = self.lead(&row.lead_id).expect("a request's lead");
                let ends = lead.asks(now).map(Request::expires).max().expect("a request");
                lead.contents.insert(content, (now, ends));
            }
            _ => {
                assert!(!expected.is_listed, "somebody who wants nothing more was judged");
                self.must_be_known(&expected.person, &row.lead_id);
                let granted = post.granted();
                let lead = self.lead_or_new(post, &row.lead_id);
                if post.is_confirmed() {
                    let asked = |id: &&str| lead.consents.get(id).is_some_and(|consent| consent.is_confirmed);
                    assert!(granted.iter().all(asked), "nobody was asked");
                }
                lead.is_known = true;
                lead.emails.extend(post.email().cloned());
                lead.phones.extend(post.phone.clone());
                lead.contents.insert(content.clone(), (given, now + days * DAY));
                for purpose in granted {
                    let known = lead.consents.get(purpose);
                    let is_confirmed = known.is_some_and(|consent| {
                        consent.is_confirmed && consent.until.is_none_or(|until| until + SWEEP_MS > now)
                    });
                    let until = (purpose == "call").then_some(given + CALL_DAYS * DAY);
                    lead.consents.insert(purpose, Consent { is_confirmed, until });
                }
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

    fn must_be_asked(&self, post: &Post, expected: &Expected) {
        assert!(post.is_confirmed(), "the campaign asks nobody");
        let known = self.leads.iter().find(|lead| Person::Known(lead.real_id.clone()) == expected.person);
        // Of a consent that ends it is not known to the hour.
        let is_confirmed = |id: &&str| {
            let consent = known.and_then(|lead| lead.consents.get(id));
            consent.is_some_and(|consent| consent.is_confirmed && consent.until.is_none())
        };
        let needless = post.granted().iter().all(is_confirmed);
        assert!(expected.is_listed || !needless, "somebody was asked for what they have confirmed");
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
        row.1 = row.1.max(now + REQUEST_MS);
        if let Some(key) = &post.key {
            self.keys.insert((post.campaign, post.pepper, key.clone()), (content.clone(), now + DAY));
        }
        for lead in self.leads.iter_mut().filter(|lead| lead.ledger == post.ledger()) {
            lead.requests.retain(|request| request.post.content() != content);
        }
        let request =
            Request { post: post.clone(), at: now, given: now, is_open: true, is_answered: false, mails: 0 };
        self.lead(lead_id).expect("a lead").requests.push(request);
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
        let email = request.post.email().cloned();
        let all = self.leads.iter().filter(|lead| lead.ledger == ledger).flat_map(|lead| lead.asks(now));
        let unanswered = all.filter(|request| request.is_to(email.as_ref()) && !request.is_answered);
        let mails: usize = unanswered.map(|request| request.mails).sum();
        assert!(mails <= MAX_MAILS, "{mails} mails that nobody has answered");
    }

    /// Whether the link of a confirmation must work.
    pub fn is_open(&self, lead_id: &str, submission_id: &str, now: i64) -> bool {
        self.asked(lead_id, submission_id, now).is_some()
    }

    fn asked(&self, lead_id: &str, submission_id: &str, now: i64) -> Option<&Request> {
        let lead = self.leads.iter().find(|lead| lead.real_id == lead_id)?;
        let id = |request: &Request| self.ids.get(&request.post.content()).cloned();
        lead.asks(now).find(|request| request.is_open && id(request).as_deref() == Some(submission_id))
    }

    /// The owner of the address has confirmed; the submission is now a lead's.
    pub fn confirm(&mut self, asked: &str, submission_id: &str, real_id: &str, now: i64) {
        let request = self.asked(asked, submission_id, now).expect("a request").clone();
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
        }
        let lead = self.lead(real_id).expect("a lead");
        lead.is_known = true;
        lead.emails.extend(post.email().cloned());
        lead.phones.extend(post.phone.clone());
        lead.contents.insert(content, (request.given, now + CAMPAIGNS[post.campaign].2 * DAY));
        for purpose in post.granted() {
            let until = (purpose == "call").then_some(request.given + CALL_DAYS * DAY);
            lead.consents.insert(purpose, Consent { is_confirmed: true, until });
        }
    }

    /// Whether there is something to take back: a consent that is said to hold for sure.
    pub fn holds(&self, lead_id: &str, purpose: &str, now: i64) -> bool {
        let purpose = if purpose == "_" { "newsletter" } else { purpose };
        let lead = self.leads.iter().find(|lead| lead.real_id == lead_id);
        let consent = lead.and_then(|lead| lead.consents.get(purpose));
        consent.is_some_and(|consent| consent.until.is_none_or(|until| until > now))
    }

    /// The lead that a link means.
    pub fn lead_now(&self, lead_id: &str) -> String {
        self.aliases.get(lead_id).map_or(lead_id, String::as_str).to_owned()
    }

    /// A person has taken a consent back, or with `_` all of them.
    pub fn withdraw(&mut self, lead_id: &str, purpose: &str, kv_forgets: bool) {
        let lead_id = self.lead_now(lead_id);
        let Some(lead) = self.lead(&lead_id) else { return };
        if purpose == "_" {
            lead.consents.clear();
            for request in &mut lead.requests {
                request.is_open = false;
            }
        }
        lead.consents.remove(purpose);
        let contents: Vec<String> = lead.contents.keys().cloned().collect();
        if kv_forgets {
            self.answered.retain(|content, _| !contents.contains(content));
        }
    }

    /// The leads that an erasure must reach.
    pub fn reached_by(&self, who: &(Option<String>, Option<String>), now: i64) -> Vec<String> {
        let email = |lead: &&Lead| who.0.as_ref().is_some_and(|email| lead.emails.contains(email));
        let national = who.1.as_ref().map(|phone| phone.replacen("+46", "0", 1));
        let phone = |lead: &&Lead| national.as_ref().is_some_and(|phone| lead.phones.contains(phone));
        let asked =
            |lead: &&Lead| who.0.is_some() && lead.asks(now).any(|request| request.is_to(who.0.as_ref()));
        let known = |lead: &&Lead| lead.known_until() > now && (email(lead) || phone(lead));
        let reached = self.leads.iter().filter(|lead| known(lead) || asked(lead));
        let mut reached: Vec<String> = reached.map(|lead| lead.real_id.clone()).collect();
        let same = |one: Option<String>, other: &Option<String>| one.is_some() && one == *other;
        let theirs =
            |post: &Post| same(post.email().cloned(), &who.0) || same(post.international_phone(), &who.1);
        let aside = self.aside.iter().filter(|(_, aside)| !aside.is_discarded && theirs(&aside.post));
        reached.extend(aside.map(|((_, content), _)| self.aside_lead(content)));
        reached
    }

    /// These leads are gone.
    pub fn erase(&mut self, leads: &[String], kv_forgets: bool) {
        let is_gone = |content: &String| leads.contains(&self.aside_lead(content));
        let gone: Vec<_> = self.aside.keys().filter(|(_, content)| is_gone(content)).cloned().collect();
        for place in gone {
            self.aside.remove(&place);
            let content = place.1;
            self.keys.retain(|_, (of, _)| *of != content);
            if kv_forgets {
                self.answered.remove(&content);
            }
            self.erased.extend(self.ids.get(&content).cloned());
        }
        for real_id in leads {
            let Some(lead) = self.lead(real_id) else { continue };
            let contents = std::mem::take(&mut lead.contents);
            lead.consents.clear();
            lead.requests.clear();
            lead.is_known = false;
            for content in contents.into_keys() {
                self.keys.retain(|_, (of, _)| *of != content);
                if kv_forgets {
                    self.answered.remove(&content);
                }
                let elsewhere = self.leads.iter().any(|lead| lead.contents.contains_key(&content));
                self.erased.extend(self.ids.get(&content).filter(|_| !elsewhere).cloned());
            }
        }
        self.erased_leads.extend(leads.iter().cloned());
        self.aliases.retain(|_, lead_id| !leads.contains(lead_id));
    }

    /// Somebody is put on a list, or taken off it.
    pub fn list(&mut self, ledger: &'static str, list: &'static str, identifier: &str, is_on: bool) {
        let entry = (ledger, list, identifier.to_owned());
        if is_on {
            self.listed.insert(entry)
        } else {
            self.listed.remove(&entry)
        };
    }

    /// Whether something that needs this purpose may go out about a lead now.
    pub fn agrees(&self, lead_id: &str, purpose: &str, now: i64) -> bool {
        let lead = self.leads.iter().find(|lead| lead.real_id == lead_id);
        let consent = lead.and_then(|lead| lead.consents.get(purpose));
        consent.is_some_and(|consent| consent.until.is_none_or(|until| until + SWEEP_MS > now))
    }

    /// How many submissions each living lead of a ledger must have.
    pub fn living(&self, ledger: &str, now: i64) -> BTreeMap<String, usize> {
        let living = self.leads.iter().filter(|lead| lead.ledger == ledger && lead.known_until() > now);
        living.map(|lead| (lead.real_id.clone(), lead.contents.len())).collect()
    }
}
