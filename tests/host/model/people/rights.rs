//! Withdrawals, access and erasure, as the model expects them.

use std::collections::BTreeSet;

use super::lead::{Act, is_theirs};
use super::{CONSENTS, People, REFUSED_MS, Who};
use crate::model::posts::Post;

impl People {
    /// Tells whether there is something to take back: a consent that holds for sure.
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
        let quarantined = self
            .quarantined
            .iter()
            .filter(|(_, quarantined)| !quarantined.is_discarded && is_theirs(&quarantined.post, who));
        whole.extend(quarantined.map(|((_, content), _)| self.quarantined_lead(content)));
        (whole, partly)
    }

    /// Forgets what is theirs: whole leads, and their own submissions in others.
    pub fn erase(&mut self, who: &Who, whole: &[String], kv_forgets: bool) {
        let is_gone = |content: &String| whole.contains(&self.quarantined_lead(content));
        let gone: Vec<_> = self.quarantined.keys().filter(|(_, content)| is_gone(content)).cloned().collect();
        let mut ids = BTreeSet::new();
        for place in gone {
            let lead = self.quarantined_lead(&place.1);
            self.quarantined.remove(&place);
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
        for ((_, content), _) in
            self.quarantined.iter().filter(|(_, quarantined)| is_theirs(&quarantined.post, who))
        {
            may.insert(self.ids.get(content).cloned().expect("an id"));
        }
        (must, may)
    }
}
