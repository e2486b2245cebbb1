//! The model's own idea of who is who: what a ledger must have admitted, as whose lead, and what its
//! person agrees to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::common::{DAY, HOUR, MINUTE};

/// No two texts of the model's people lack it, and nothing else holds it.
pub const MARK: &str = "zqxjkvw";
const PEOPLE: u64 = 7;

/// Pseudo-random numbers that follow from a seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    pub fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    pub fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = usize::try_from(self.roll(list.len() as u64)).expect("a place");
        &list[at]
    }
}

/// The campaigns, each with its ledger, the days of its window, and whether phones recognise.
pub const CAMPAIGNS: [(&str, &str, i64, bool); 4] = [
    ("guide", "shared", 30, false),
    ("demo", "shared", 20, false),
    ("chat", "chat", 5, true),
    (CONFIRMED, "shared", 10, false),
];
/// The campaign with a double opt-in.
pub const CONFIRMED: &str = "join";
/// How long the consent to be called is good for, and the record of consents is kept.
pub const CALL_DAYS: i64 = 12;
pub const RECORD_DAYS: i64 = 40;
/// What a request waits, and how many mails nobody needs to answer.
const REQUEST_MS: i64 = 72 * HOUR;
const MAX_MAILS: usize = 2;
/// A consent that has expired is noted by a sweep, once a day.
const SWEEP_MS: i64 = DAY + HOUR;

/// A post that is valid.
#[derive(Clone, Debug)]
pub struct Post {
    pub campaign: usize,
    /// As it is typed, and as a fingerprint sees it.
    pub email: Option<(String, String)>,
    pub phone: Option<String>,
    pub answers: String,
    pub key: Option<String>,
    /// How often the peppers have been rotated: ids are made with the newest.
    pub pepper: usize,
}

/// An address as a fingerprint sees it.
fn canonical(person: u64) -> String {
    format!("{MARK}{person}@{}", if person < 2 { "gmail.com" } else { "example.com" })
}

/// Somebody's e-mail address, phone number, or both, as an operator types them.
pub fn somebody(dice: &mut Dice) -> (Option<String>, Option<String>) {
    let person = dice.roll(PEOPLE);
    let (by_email, by_phone) = *dice.of(&[(true, false), (true, false), (true, true), (false, true)]);
    let phone = format!("+467017406{:02}", 5 + dice.roll(PEOPLE));
    (by_email.then(|| canonical(person)), by_phone.then_some(phone))
}

impl Post {
    pub fn random(dice: &mut Dice) -> Self {
        let person = dice.roll(PEOPLE);
        let campaign = usize::try_from(dice.roll(CAMPAIGNS.len() as u64)).expect("a place");
        let (has_email, has_phone) = *dice.of(&[(true, false), (true, false), (true, true), (false, true)]);
        // Who is asked by mail has an address.
        let has_email = has_email || CAMPAIGNS[campaign].0 == CONFIRMED;
        // Some people share a phone.
        let phone = format!("07017406{:02}", 5 + if dice.one_in(4) { 0 } else { person });
        let typed = match person {
            0 | 1 => dice.of(&["{}@gmail.com", "{}%2Bx@googlemail.com", "{}@gmail.com"]),
            _ => dice.of(&["{}@example.com", "+{}@EXAMPLE.com"]),
        };
        let address = typed.replace("{}", &format!("{MARK}{person}"));
        let answers = [
            dice.of(&["", "", "&name=Zqxjkvw", "&name=Zqxjkvw+Anna"]),
            dice.of(&["", "", "&size=51%2B", "&size=1-10"]),
            dice.of(&["", "", "&consent.call=on", "&consent.call=2"]),
            dice.of(&["", "", "&seats=2", "&seats=3"]),
        ];
        Self {
            campaign,
            email: has_email.then(|| (address, canonical(person))),
            phone: has_phone.then_some(phone),
            answers: answers.map(|answer| *answer).concat(),
            key: dice.one_in(6).then(|| format!("{MARK}-{}", dice.roll(12))),
            pepper: 0,
        }
    }

    pub fn form(&self, dice: &mut Dice) -> String {
        let contact = [
            self.email.as_ref().map(|(typed, _)| format!("&email={typed}")),
            self.phone.as_ref().map(|phone| format!("&phone={phone}")),
        ];
        let contact: String = contact.into_iter().flatten().collect();
        // Neither attribution nor unknown fields make it another post.
        let typed = self.email.as_ref().map(|(typed, _)| typed.as_str()).or(self.phone.as_deref());
        let somebody = format!("&utm_source={}", typed.unwrap_or_default());
        let around = *dice.of(&["", "", "&utm_source=partner", &somebody, "&other=zqxjkvw"]);
        format!("consent.newsletter=on{contact}{}{around}", self.answers)
    }

    /// What makes it the same post.
    pub fn content(&self) -> String {
        let address = self.email.as_ref().map(|(typed, _)| typed.trim_start_matches('+').to_lowercase());
        let (campaign, ..) = CAMPAIGNS[self.campaign];
        format!("{campaign} {address:?} {:?} {} {:?} {}", self.phone, self.answers, self.key, self.pepper)
    }

    fn email(&self) -> Option<&String> {
        self.email.as_ref().map(|(_, canonical)| canonical)
    }

    /// As lists know it.
    fn international_phone(&self) -> Option<String> {
        self.phone.as_ref().map(|phone| phone.replacen('0', "+46", 1))
    }

    fn ledger(&self) -> &'static str {
        CAMPAIGNS[self.campaign].1
    }

    fn is_confirmed(&self) -> bool {
        CAMPAIGNS[self.campaign].0 == CONFIRMED
    }

    /// The purposes that it consents to.
    fn granted(&self) -> Vec<&'static str> {
        let call = self.answers.contains("consent.call").then_some("call");
        [Some("newsletter"), call].into_iter().flatten().collect()
    }
}

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
    is_listed: bool,
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
        let is_suppressed = self.suppressed.contains_key(&(post.ledger(), content));
        Expected { person, is_repeat: is_kept || is_suppressed, is_listed: self.is_suppressed(post) }
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
        let (campaign, ledger, days, _) = CAMPAIGNS[post.campaign];
        let content = post.content();
        self.learn_id(post, &row.submission_id);
        self.erased.remove(&row.submission_id);
        if !expected.is_repeat {
            *self.admitted.entry(campaign).or_default() += 1;
        }
        if let Some(key) = &post.key {
            self.keys.insert((post.campaign, post.pepper, key.clone()), (content.clone(), now + DAY));
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
        match row.state.as_str() {
            "suppressed" => {
                assert!(expected.is_listed, "somebody who is on no list was suppressed");
                self.suppressed.insert((ledger, content), now + 30 * DAY);
            }
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
                lead.contents.insert(content.clone(), (now, now + days * DAY));
                for purpose in granted {
                    let known = lead.consents.get(purpose);
                    let is_confirmed = known.is_some_and(|consent| {
                        consent.is_confirmed && consent.until.is_none_or(|until| until + SWEEP_MS > now)
                    });
                    let until = (purpose == "call").then_some(now + CALL_DAYS * DAY);
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
        let request = Request { post: post.clone(), at: now, is_open: true, is_answered: false, mails: 0 };
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
        lead.contents.insert(content, (request.at, now + CAMPAIGNS[post.campaign].2 * DAY));
        for purpose in post.granted() {
            let until = (purpose == "call").then_some(request.at + CALL_DAYS * DAY);
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
        reached.map(|lead| lead.real_id.clone()).collect()
    }

    /// These leads are gone.
    pub fn erase(&mut self, leads: &[String], kv_forgets: bool) {
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
