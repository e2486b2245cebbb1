//! The model's own idea of who is who: what a ledger must have admitted, and as whose lead.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{DAY, MINUTE};

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
pub const CAMPAIGNS: [(&str, &str, i64, bool); 3] =
    [("guide", "shared", 30, false), ("demo", "shared", 20, false), ("chat", "chat", 5, true)];

/// A post that is valid.
#[derive(Clone, Debug)]
pub struct Post {
    pub campaign: usize,
    /// As it is typed, and as a fingerprint sees it.
    pub email: Option<(String, String)>,
    pub phone: Option<String>,
    pub answers: String,
    pub key: Option<String>,
}

impl Post {
    pub fn random(dice: &mut Dice) -> Self {
        let person = dice.roll(PEOPLE);
        let (has_email, has_phone) = *dice.of(&[(true, false), (true, false), (true, true), (false, true)]);
        // Some people share a phone.
        let phone = format!("07017406{:02}", 5 + if dice.one_in(4) { 0 } else { person });
        let typed = match person {
            0 | 1 => dice.of(&["{}@gmail.com", "{}%2Bx@googlemail.com", "{}@gmail.com"]),
            _ => dice.of(&["{}@example.com", "+{}@EXAMPLE.com"]),
        };
        let address = typed.replace("{}", &format!("{MARK}{person}"));
        let domain = if person < 2 { "gmail.com" } else { "example.com" };
        let canonical = format!("{MARK}{person}@{domain}");
        let answers = [
            dice.of(&["", "", "&name=Zqxjkvw", "&name=Zqxjkvw+Anna"]),
            dice.of(&["", "", "&size=51%2B", "&size=1-10"]),
            dice.of(&["", "", "&consent.call=on", "&consent.call=2"]),
            dice.of(&["", "", "&seats=2", "&seats=3"]),
        ];
        Self {
            campaign: usize::try_from(dice.roll(CAMPAIGNS.len() as u64)).expect("a place"),
            email: has_email.then_some((address, canonical)),
            phone: has_phone.then_some(phone),
            answers: answers.map(|answer| *answer).concat(),
            key: dice.one_in(6).then(|| format!("{MARK}-{}", dice.roll(12))),
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
        format!("{campaign} {address:?} {:?} {} {:?}", self.phone, self.answers, self.key)
    }
}

#[derive(Debug)]
struct Lead {
    ledger: &'static str,
    real_id: String,
    emails: BTreeSet<String>,
    phones: BTreeSet<String>,
    contents: BTreeSet<String>,
    known_until: i64,
    last: i64,
}

/// What a post must have led to.
#[derive(Debug, PartialEq)]
pub enum Expected {
    Repeat,
    Known(String),
    New,
}

#[derive(Default)]
pub struct People {
    leads: Vec<Lead>,
    /// `(campaign, key)` → content and end.
    keys: BTreeMap<(usize, String), (String, i64)>,
    /// When a content was last answered with 202.
    answered: BTreeMap<String, i64>,
    /// Content ↔ submission id.
    ids: BTreeMap<String, String>,
    /// Admissions by campaign.
    pub admitted: BTreeMap<&'static str, i64>,
}

impl People {
    /// Whether the post's idempotency key belongs to another post.
    pub fn key_is_taken(&self, post: &Post, now: i64) -> bool {
        let key = post.key.clone().and_then(|key| self.keys.get(&(post.campaign, key)));
        key.is_some_and(|(content, end)| *end > now && *content != post.content())
    }

    /// Whether KV may still answer for the ledger.
    pub fn kv_may_answer(&self, post: &Post, now: i64) -> bool {
        self.expected(post, now) == Expected::Repeat
            && self.answered.get(&post.content()).is_some_and(|at| now - at <= 10 * MINUTE)
    }

    pub fn expected(&self, post: &Post, now: i64) -> Expected {
        let (_, ledger, _, by_phone) = CAMPAIGNS[post.campaign];
        let email = post.email.as_ref().map(|(_, canonical)| canonical);
        let phone = post.phone.as_ref().filter(|_| by_phone || email.is_none());
        let by_email = |lead: &Lead| email.is_some_and(|email| lead.emails.contains(email));
        let by_phone = |lead: &Lead| phone.is_some_and(|phone| lead.phones.contains(phone));
        let living = self.leads.iter().filter(|lead| lead.ledger == ledger && lead.known_until > now);
        let matching: Vec<_> = living.filter(|lead| by_email(lead) || by_phone(lead)).collect();
        if matching.iter().any(|lead| lead.contents.contains(&post.content())) {
            return Expected::Repeat;
        }
        let best = matching.into_iter().max_by_key(|lead| (by_email(lead), lead.last));
        best.map_or(Expected::New, |lead| Expected::Known(lead.real_id.clone()))
    }

    /// The post was answered with 202.
    pub fn answer(&mut self, post: &Post, id: &str, now: i64) {
        let known = self.ids.entry(post.content()).or_insert_with(|| id.to_owned());
        assert_eq!(known, id, "the same post has the same id everywhere");
        self.answered.insert(post.content(), now);
        let same: Vec<_> = self.ids.iter().filter(|(_, known)| *known == id).collect();
        assert_eq!(same.len(), 1, "{same:?}");
    }

    /// The ledger took the post as a submission of this lead.
    pub fn admit(&mut self, post: &Post, expected: &Expected, real_id: &str, now: i64) {
        let (campaign, ledger, days, _) = CAMPAIGNS[post.campaign];
        match expected {
            Expected::Known(lead_id) => {
                assert_eq!(real_id, lead_id, "someone who is known keeps the lead id")
            }
            Expected::New => {
                let known = self.leads.iter().any(|lead| lead.real_id == real_id);
                assert!(!known, "a new person got the lead id of another one");
                self.leads.push(Lead {
                    ledger,
                    real_id: real_id.to_owned(),
                    emails: BTreeSet::new(),
                    phones: BTreeSet::new(),
                    contents: BTreeSet::new(),
                    known_until: 0,
                    last: 0,
                });
            }
            Expected::Repeat => panic!("a repeat was admitted again"),
        }
        let lead = self.leads.iter_mut().find(|lead| lead.real_id == real_id).expect("the lead");
        lead.emails.extend(post.email.iter().map(|(_, canonical)| canonical.clone()));
        lead.phones.extend(post.phone.clone());
        lead.contents.insert(post.content());
        lead.known_until = lead.known_until.max(now + days * DAY);
        lead.last = now;
        *self.admitted.entry(campaign).or_default() += 1;
        if let Some(key) = &post.key {
            self.keys.insert((post.campaign, key.clone()), (post.content(), now + DAY));
        }
    }

    /// How many submissions each living lead of a ledger must have.
    pub fn living(&self, ledger: &str, now: i64) -> BTreeMap<String, usize> {
        let living = self.leads.iter().filter(|lead| lead.ledger == ledger && lead.known_until > now);
        living.map(|lead| (lead.real_id.clone(), lead.contents.len())).collect()
    }
}
