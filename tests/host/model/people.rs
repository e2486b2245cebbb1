//! The model's own idea of who is who: what a ledger must have admitted, as whose lead, and what the subjects
//! of its submissions agree to.

mod aside;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

pub use self::aside::Aside;
use crate::common::{DAY, HOUR, MINUTE};
use crate::posts::{CALL_DAYS, CAMPAIGNS, Post, REQUEST_MS, mailbox};

/// Mails that nobody needs to answer.
const MAX_MAILS: usize = 2;
/// Somebody who lost the mail may have it again after so long.
const MAIL_AGAIN_MS: i64 = 10 * MINUTE;
/// Whoever says that it was not them is not asked for so long.
const REFUSED_MS: i64 = 30 * DAY;
/// Whoever wants to hear nothing is asked once in so long.
const ASK_AGAIN_MS: i64 = 365 * DAY;
/// What people consent to.
const CONSENTS: [&str; 2] = ["newsletter", "call"];
/// A consent that has expired is noted by a sweep, once a day.
const SWEEP_MS: i64 = DAY + HOUR;

/// Who asks for access or erasure: an address and a number.
pub type Who = (Option<String>, Option<String>);

/// A consent that holds.
#[derive(Clone, Debug)]
struct Consent {
    is_confirmed: bool,
    until: Option<i64>,
}

/// Something that was done about consents.
#[derive(Clone, Debug)]
enum Act {
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
    fn is_of(&self, who: &Who) -> bool {
        match self {
            Self::Granted { post, .. } => is_theirs(post, who),
            Self::Withdrawn { subject, .. } => {
                Some(subject) == who.0.as_ref() || Some(subject) == who.1.as_ref()
            }
        }
    }
}

/// Whether a post carries an identifier of theirs.
pub fn is_theirs(post: &Post, who: &Who) -> bool {
    let asked = |one: &String| Some(one) == who.0.as_ref() || Some(one) == who.1.as_ref();
    post.identifiers().iter().any(asked)
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
    /// Until when the owner of the address is not asked, who has said that it was not them.
    refused_until: Option<i64>,
    mails: usize,
    mailed: i64,
}

impl Request {
    fn new(post: &Post, given: i64, now: i64) -> Self {
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

    fn expires(&self) -> i64 {
        self.refused_until.unwrap_or(self.at + REQUEST_MS)
    }

    fn is_to(&self, email: Option<&String>) -> bool {
        self.post.email() == email
    }
}

/// A submission that was accepted: when it came, until when it is known, and whether consents stand by it.
#[derive(Clone, Debug)]
struct Content {
    post: Post,
    at: i64,
    until: i64,
    is_act: bool,
}

#[derive(Debug)]
struct Lead {
    ledger: &'static str,
    real_id: String,
    /// The identifiers that it is recognised by.
    known_by: BTreeSet<String>,
    contents: BTreeMap<String, Content>,
    acts: Vec<Act>,
    requests: Vec<Request>,
    /// Only posts that were judged make somebody known.
    is_known: bool,
}

impl Lead {
    fn known_until(&self) -> i64 {
        if self.is_known { self.ends() } else { 0 }
    }

    fn ends(&self) -> i64 {
        self.contents.values().map(|content| content.until).max().unwrap_or(0)
    }

    fn last(&self) -> i64 {
        self.contents.values().map(|content| content.at).max().unwrap_or(0)
    }

    fn asks(&self, now: i64) -> impl Iterator<Item = &Request> {
        self.requests.iter().filter(move |request| request.expires() > now)
    }

    /// What a subject agrees to, if it does.
    fn consent(&self, subject: &str, purpose: &str) -> Option<Consent> {
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

    /// Whoever it is about.
    fn identifiers(&self) -> BTreeSet<String> {
        let granted = self.acts.iter().filter_map(|act| match act {
            Act::Granted { post, .. } => Some(post),
            Act::Withdrawn { .. } => None,
        });
        let posts = self.contents.values().map(|content| &content.post).chain(granted);
        posts.flat_map(Post::identifiers).collect()
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
    /// Its owner has said lately that it was not them.
    pub is_refused: bool,
    /// It was put aside, and nobody let it in since.
    pub is_aside: bool,
    /// It shows enough signs.
    pub is_junk: bool,
    /// Whether it asks for one mail too many to its mailbox; nothing where that is not known to the hour.
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
    /// When a content was last answered with 202.
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
    aside: BTreeMap<(&'static str, String), Aside>,
    aliases: BTreeMap<String, String>,
    /// Admissions by campaign.
    pub admitted: BTreeMap<&'static str, i64>,
    /// Submission ids that were erased, and have not come again.
    pub erased: BTreeSet<String>,
    /// Leads, each with a submission that was erased from it and has not come again.
    pub erased_from: BTreeSet<(String, String)>,
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
        let is_listed = self.is_suppressed(post);
        Expected {
            is_beyond_cap: self.is_beyond_cap(post, &person, is_listed, now),
            is_refused: self.is_refused(post, now),
            person,
            is_repeat,
            is_listed,
            is_aside,
            is_junk: false,
        }
    }

    fn is_suppressed(&self, post: &Post) -> bool {
        let listed = |one| self.listed.contains(&(post.ledger(), "suppressed", one));
        post.identifiers().into_iter().any(listed)
    }

    /// The requests of a ledger that have not ended, of whatever lead.
    fn requests(&self, ledger: &str, now: i64) -> impl Iterator<Item = &Request> {
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

    /// Whether the owner of the address must be asked; nothing where it hangs on a consent that is about to end.
    fn must_confirm(&self, post: &Post, person: &Person, is_listed: bool, now: i64) -> Option<bool> {
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

    /// Whether somebody who wants to hear nothing may be asked whether that is still so.
    fn may_be_asked(&self, post: &Post, now: i64) -> bool {
        let asked = post.email().and_then(|email| self.asked.get(&(post.ledger(), email.clone())));
        asked.is_none_or(|at| now - at >= ASK_AGAIN_MS)
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

    /// The ledger wrote a row for the post.
    pub fn admit(&mut self, post: &Post, expected: &Expected, row: &Row, now: i64) {
        if let Some(key) = &post.key {
            self.keys.insert((post.campaign, post.pepper, key.clone()), (post.content(), now + DAY));
        }
        if let Some(is_put_aside) = self.is_put_aside(post, expected) {
            let is_aside = row.state == "quarantined";
            assert_eq!(is_aside, is_put_aside, "what shows signs waits: {expected:?} {row:?}");
            assert!(!expected.is_aside || !is_put_aside, "what waits already is written again");
        }
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
        self.aside.remove(&(ledger, content.clone()));
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

    /// Whether the link of a confirmation must work.
    pub fn is_open(&self, lead_id: &str, submission_id: &str, now: i64) -> bool {
        self.asked_about(lead_id, submission_id, now).is_some()
    }

    fn asked_about(&self, lead_id: &str, submission_id: &str, now: i64) -> Option<&Request> {
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

    /// Whether there is something to take back: a consent that is said to hold for sure.
    pub fn holds(&self, lead_id: &str, subject: &str, purpose: &str, now: i64) -> bool {
        let purpose = if purpose == "_" { "newsletter" } else { purpose };
        let lead = self.leads.iter().find(|lead| lead.real_id == lead_id);
        let consent = lead.and_then(|lead| lead.consent(subject, purpose));
        consent.is_some_and(|consent| consent.until.is_none_or(|until| until > now))
    }

    /// The lead that a link means.
    pub fn lead_now(&self, lead_id: &str) -> String {
        self.aliases.get(lead_id).map_or(lead_id, String::as_str).to_owned()
    }

    /// A subject has taken a consent back, or with `_` all of them.
    pub fn withdraw(&mut self, lead_id: &str, subject: &str, purpose: &str, now: i64, kv_forgets: bool) {
        let lead_id = self.lead_now(lead_id);
        let Some(lead) = self.lead(&lead_id) else { return };
        let one = (purpose != "_").then(|| purpose.to_owned());
        let mut is_change = false;
        if CONSENTS.iter().any(|id| (purpose == "_" || purpose == *id) && lead.consent(subject, id).is_some())
        {
            lead.acts.push(Act::Withdrawn { subject: subject.to_owned(), purpose: one });
            is_change = true;
        }
        if purpose == "_" {
            let theirs = lead.requests.iter_mut().filter(|request| request.post.subject() == subject);
            // One that has been answered, or whose row has been judged meanwhile, is none any more.
            for request in theirs.filter(|request| request.is_open && request.expires() > now) {
                request.is_open = false;
                request.refused_until = Some(now + REFUSED_MS);
                is_change = true;
            }
        }
        let theirs = lead.contents.iter().filter(|(_, content)| content.post.subject() == subject);
        let contents: Vec<String> = theirs.map(|(content, _)| content.clone()).collect();
        if kv_forgets && is_change {
            self.answered.retain(|content, _| !contents.contains(content));
        }
    }

    /// The leads of which nothing may be left after an erasure, and those of which something must be.
    pub fn reached_by(&self, who: &Who, now: i64) -> (Vec<String>, Vec<String>) {
        let (mut whole, mut partly) = (Vec::new(), Vec::new());
        for lead in &self.leads {
            let is_living = lead.known_until() > now || lead.asks(now).next().is_some();
            let all = || lead.contents.values().map(|content| &content.post);
            if !is_living || !all().any(|post| is_theirs(post, who)) {
                continue;
            }
            let is_left = all().any(|post| !is_theirs(post, who));
            let is_recorded = lead.acts.iter().any(|act| !act.is_of(who));
            match (is_left, is_recorded) {
                (true, _) => partly.push(lead.real_id.clone()),
                (false, false) => whole.push(lead.real_id.clone()),
                // An act may say nothing new, and then there is none.
                (false, true) => {}
            }
        }
        let aside = self.aside.iter().filter(|(_, aside)| !aside.is_discarded && is_theirs(&aside.post, who));
        whole.extend(aside.map(|((_, content), _)| self.aside_lead(content)));
        (whole, partly)
    }

    /// What of these people's is gone: whole leads, and their own submissions in others.
    pub fn erase(&mut self, who: &Who, whole: &[String], kv_forgets: bool) {
        let is_gone = |content: &String| whole.contains(&self.aside_lead(content));
        let gone: Vec<_> = self.aside.keys().filter(|(_, content)| is_gone(content)).cloned().collect();
        let mut ids = BTreeSet::new();
        for place in gone {
            let lead = self.aside_lead(&place.1);
            self.aside.remove(&place);
            let id = self.ids.get(&place.1).cloned().expect("an id");
            self.erased_from.insert((lead, id));
            ids.insert(place.1);
        }
        for lead in &mut self.leads {
            let is_whole = whole.contains(&lead.real_id);
            let reaches = |post: &Post| is_whole || is_theirs(post, who);
            let theirs = lead.contents.iter().filter(|(_, content)| reaches(&content.post));
            let contents: Vec<String> = theirs.map(|(content, _)| content.clone()).collect();
            for content in contents {
                lead.contents.remove(&content);
                let id = self.ids.get(&content).cloned().expect("an id");
                self.erased_from.insert((lead.real_id.clone(), id));
                ids.insert(content);
            }
            lead.acts.retain(|act| !is_whole && !act.is_of(who));
            lead.requests.retain(|request| !reaches(&request.post));
            let left = lead.identifiers();
            lead.known_by.retain(|one| left.contains(one));
            lead.known_by.retain(|one| Some(one) != who.0.as_ref() && Some(one) != who.1.as_ref());
            lead.is_known &= !is_whole;
        }
        for content in ids {
            self.keys.retain(|_, (of, _)| *of != content);
            if kv_forgets {
                self.answered.remove(&content);
            }
            let elsewhere = self.leads.iter().any(|lead| lead.contents.contains_key(&content));
            self.erased.extend(self.ids.get(&content).filter(|_| !elsewhere).cloned());
        }
        self.aliases.retain(|_, lead_id| !whole.contains(lead_id));
    }

    /// The ids of the submissions that somebody must see, of what is living, and all that they may.
    pub fn shown_to(&self, who: &Who, now: i64) -> (BTreeSet<String>, BTreeSet<String>) {
        let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
        for lead in &self.leads {
            let is_living = lead.known_until() > now || lead.asks(now).next().is_some();
            for (content, _) in lead.contents.iter().filter(|(_, content)| is_theirs(&content.post, who)) {
                let id = self.ids.get(content).cloned().expect("an id");
                if is_living {
                    must.insert(id.clone());
                }
                may.insert(id);
            }
        }
        for ((_, content), _) in self.aside.iter().filter(|(_, aside)| is_theirs(&aside.post, who)) {
            may.insert(self.ids.get(content).cloned().expect("an id"));
        }
        (must, may)
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

    /// Whether something that needs this purpose may go out about a submission of a subject now; where nothing
    /// says whose it is, of anybody of the lead.
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
