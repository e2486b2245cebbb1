//! How often a campaign, a network, an address or a text was met lately. In memory alone: it is of use
//! for minutes, and an object that starts anew has missed nothing that matters.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{Admit, Answer};
use crate::abuse::Evidence;
use crate::campaign::{Abuse, Campaign, Sign, Signal};
use crate::moment::{HOUR_MS, seconds_until};

const MINUTE_MS: i64 = 60_000;
/// Posts a minute from one address: more than a family or a small office sends.
const ADDRESS_PER_MINUTE: i64 = 30;
/// Posts a minute from one network: more than a company sends on an ordinary day.
const NETWORK_PER_MINUTE: i64 = 300;
/// People who give the same text within an hour: colleagues may copy from each other.
const SAME_TEXT_PEOPLE: usize = 5;
/// Things counted in a minute, and texts in an hour: a few megabytes. What comes beyond is not counted,
/// and the campaign's own limit still holds.
const MAX_MET: usize = 20_000;

/// What was met in the running minute and hour.
#[derive(Default)]
pub(super) struct Sightings {
    minute: i64,
    counts: BTreeMap<String, i64>,
    hour: i64,
    /// By text, who gave it: up to [`SAME_TEXT_PEOPLE`].
    texts: BTreeMap<String, BTreeSet<String>>,
}

impl Sightings {
    /// Notes a post, and what it is told where it is one too many for its campaign or its network.
    pub(super) fn note(&mut self, admit: &Admit, campaign: &Campaign, now_ms: i64) -> Option<Answer> {
        let minute = now_ms.div_euclid(MINUTE_MS);
        if minute != self.minute {
            self.minute = minute;
            self.counts.clear();
        }
        let limits = &campaign.limits;
        let mut too_many = None;
        if self.meet(format!("campaign/{}", campaign.id)) > limits.per_minute {
            too_many = Some(false);
        }
        if let Some(sender) = &admit.evidence.sender {
            let count = self.meet(format!("network/{}/{}", campaign.id, sender.network));
            if count > limits.network_per_minute {
                too_many = Some(true);
            }
            self.meet(format!("address/{}", sender.address));
        }
        let wait_s = seconds_until((minute + 1) * MINUTE_MS, now_ms);
        too_many.map(|network| Answer::Throttled { wait_s, network })
    }

    /// The signs of a post that was noted.
    pub(super) fn signs(&mut self, admit: &Admit, abuse: &Abuse, now_ms: i64) -> Vec<Sign> {
        let Evidence { sender, texts, .. } = &admit.evidence;
        let mut signals = Vec::new();
        if let (Some(text), Some(person)) = (texts, admit.fingerprints.first())
            && self.people_with(text, &person.tag, now_ms) >= SAME_TEXT_PEOPLE
        {
            signals.push(Signal::SameAnswers);
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
        signals.into_iter().filter_map(|signal| abuse.sign(signal)).collect()
    }

    fn meet(&mut self, key: String) -> i64 {
        if self.counts.len() >= MAX_MET && !self.counts.contains_key(&key) {
            return 0;
        }
        let count = self.counts.entry(key).or_default();
        *count += 1;
        *count
    }

    /// How many people have given a text in this hour, this one among them.
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
