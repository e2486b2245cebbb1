//! The velocity of posts: the number of posts of a campaign, a network, an address or with a text in the last
//! minutes. It is kept only in memory: it is of use for minutes, and an object that restarts has missed
//! nothing that matters.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::base::time::{HOUR_MS, seconds_until};
use crate::campaign::{Abuse, Campaign, Signal, WeighedSignal};
use crate::ledger::wire::{Admit, Reply};
use crate::pipeline::abuse::{Evidence, Sender};

const MINUTE_MS: i64 = 60_000;
/// The posts allowed per minute from one address: more than a family or a small office sends.
const ADDRESS_PER_MINUTE: i64 = 30;
/// The posts allowed per minute from one network: more than a company sends on an ordinary day.
const NETWORK_PER_MINUTE: i64 = 300;
/// The posts allowed per minute of one person: more than somebody sends who corrects a form, or fills in one
/// of many steps.
const PERSON_PER_MINUTE: i64 = 10;
/// The number of people with the same text within an hour that is a signal: colleagues may copy from each
/// other.
const SAME_TEXT_PEOPLE: usize = 5;
/// The number of keys counted in a minute, and of texts in an hour: a few megabytes. Further ones are not
/// counted, and the campaign's own limit still holds.
const MAX_MET: usize = 20_000;

/// The velocity of posts.
#[derive(Default)]
pub(in crate::ledger) struct Velocity {
    seen: RefCell<RecentPosts>,
}

/// The counts of the current minute and hour.
#[derive(Default)]
struct RecentPosts {
    minute: i64,
    counts: BTreeMap<String, i64>,
    /// The posts by first fingerprint. Apart from the others, which must have room whoever posts.
    people: BTreeMap<String, i64>,
    hour: i64,
    /// The people by the text that they gave: up to [`SAME_TEXT_PEOPLE`].
    texts: BTreeMap<String, BTreeSet<String>>,
    mail_hour: i64,
    /// The mails sent on behalf of a network.
    mails: BTreeMap<String, i64>,
}

impl Velocity {
    /// Notes a post. Returns the reply if it exceeds the rate limit of its campaign or its network.
    pub(in crate::ledger) fn note(&self, admit: &Admit, campaign: &Campaign, now_ms: i64) -> Option<Reply> {
        self.seen.borrow_mut().note(admit, campaign, now_ms)
    }

    /// Returns the signals of a post that was noted.
    pub(in crate::ledger) fn signals(&self, admit: &Admit, abuse: &Abuse, now_ms: i64) -> Vec<WeighedSignal> {
        self.seen.borrow_mut().signals(admit, abuse, now_ms)
    }

    /// Notes a mail to an address that a post has given.
    pub(in crate::ledger) fn note_mail(&self, sender: Option<&Sender>, now_ms: i64) {
        self.seen.borrow_mut().note_mail(sender, now_ms);
    }

    /// Returns whether as many mails went out in this hour on behalf of a post's network as its campaign allows.
    pub(in crate::ledger) fn has_mailed_too_often(
        &self,
        admit: &Admit,
        campaign: &Campaign,
        now_ms: i64,
    ) -> bool {
        self.seen.borrow().has_mailed_too_often(admit, campaign, now_ms)
    }
}

impl RecentPosts {
    /// Notes a post. Returns the reply if it exceeds the rate limit of its campaign or its network.
    fn note(&mut self, admit: &Admit, campaign: &Campaign, now_ms: i64) -> Option<Reply> {
        let minute = now_ms.div_euclid(MINUTE_MS);
        if minute != self.minute {
            self.minute = minute;
            self.counts.clear();
            self.people.clear();
        }
        let limits = &campaign.limits;
        let mut too_many = None;
        if self.meet(format!("campaign/{}", campaign.id)) > limits.per_minute {
            too_many = Some(false);
        }
        if let Some(person) = admit.fingerprints.first() {
            meet(&mut self.people, person.tag.clone());
        }
        if let Some(sender) = &admit.evidence.sender {
            let count = self.meet(format!("network/{}/{}", campaign.id, sender.network));
            if count > limits.network_per_minute {
                too_many = Some(true);
            }
            self.meet(format!("address/{}", sender.address));
        }
        let wait_s = seconds_until((minute + 1) * MINUTE_MS, now_ms);
        too_many.map(|network| Reply::Throttled { wait_s, network })
    }

    /// Returns the signals of a post that was noted.
    fn signals(&mut self, admit: &Admit, abuse: &Abuse, now_ms: i64) -> Vec<WeighedSignal> {
        let Evidence { sender, texts, .. } = &admit.evidence;
        let mut signals = Vec::new();
        if let (Some(text), Some(person)) = (texts, admit.fingerprints.first())
            && self.people_with(text, &person.tag, now_ms) >= SAME_TEXT_PEOPLE
        {
            signals.push(Signal::SameAnswers);
        }
        let of_person = admit.fingerprints.first().and_then(|person| self.people.get(&person.tag));
        if of_person.is_some_and(|count| *count > PERSON_PER_MINUTE) {
            signals.push(Signal::PersonVelocity);
        }
        if let Some(sender) = sender {
            let count = |key: String| self.counts.get(&key).copied().unwrap_or(0);
            if count(format!("address/{}", sender.address)) > ADDRESS_PER_MINUTE {
                signals.push(Signal::AddressVelocity);
            }
            if count(format!("network/{}/{}", admit.campaign, sender.network)) > NETWORK_PER_MINUTE {
                signals.push(Signal::NetworkVelocity);
            }
        }
        signals.into_iter().filter_map(|signal| abuse.weigh(signal)).collect()
    }

    /// Notes a mail to an address that a post has given.
    fn note_mail(&mut self, sender: Option<&Sender>, now_ms: i64) {
        let hour = now_ms.div_euclid(HOUR_MS);
        if hour != self.mail_hour {
            self.mail_hour = hour;
            self.mails.clear();
        }
        if let Some(sender) = sender {
            meet(&mut self.mails, sender.network.clone());
        }
    }

    /// Returns whether as many mails went out in this hour on behalf of a post's network as its campaign
    /// allows.
    fn has_mailed_too_often(&self, admit: &Admit, campaign: &Campaign, now_ms: i64) -> bool {
        let Some(sender) = &admit.evidence.sender else { return false };
        let mails = self.mails.get(&sender.network).copied().unwrap_or(0);
        now_ms.div_euclid(HOUR_MS) == self.mail_hour && mails >= campaign.limits.network_mails_per_hour
    }

    fn meet(&mut self, key: String) -> i64 {
        meet(&mut self.counts, key)
    }

    /// Returns how many people have given a text in this hour, this one included.
    fn people_with(&mut self, text: &str, person: &str, now_ms: i64) -> usize {
        let hour = now_ms.div_euclid(HOUR_MS);
        if hour != self.hour {
            self.hour = hour;
            self.texts.clear();
        }
        if self.texts.len() >= MAX_MET && !self.texts.contains_key(text) {
            return 0;
        }
        let people = self.texts.entry(text.to_owned()).or_default();
        if people.len() < SAME_TEXT_PEOPLE {
            people.insert(person.to_owned());
        }
        people.len()
    }
}

fn meet(counts: &mut BTreeMap<String, i64>, key: String) -> i64 {
    if counts.len() >= MAX_MET && !counts.contains_key(&key) {
        return 0;
    }
    let count = counts.entry(key).or_default();
    *count += 1;
    *count
}
