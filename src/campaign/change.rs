//! What a publication changes: for the audit log, where events go and by which secrets; for whoever
//! publishes, what of the campaign waits and is not sent any more.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::mail::Channel;
use super::{Campaign, Destination};
use crate::text::WebAddress;

/// Destinations that an entry of the audit log names, more than campaigns have: a page of entries stays
/// an answer of some megabytes whatever is published.
const MAX_NAMED: usize = 50;

/// A campaign as it was published, where it was, and as it is to be.
pub struct Change<'a> {
    /// As it was.
    pub before: Option<&'a Campaign>,
    /// As it will be.
    pub after: &'a Campaign,
}

/// What a publication does to a destination.
enum Strands {
    Removed,
    /// It was a webhook and is an e-mail provider.
    TakesNoLeads,
    /// It needs consents that it did not need.
    Needs(Vec<String>),
}

impl Change<'_> {
    /// For the audit log: destinations whose origin or secret is another one, what is new and what is gone,
    /// each from and to; the same of Turnstile's secret and of the controller's name. Never a path, which
    /// may hold a token.
    pub fn entry(&self, controller_was: Option<&str>) -> Value {
        let mut entry = Map::new();
        let (mut changed, added): (Vec<_>, Vec<_>) =
            self.destinations().into_iter().partition(|(before, _)| before.is_some());
        // What was there stands first, so that nothing new hides it.
        changed.extend(added);
        if !changed.is_empty() {
            let named = changed.iter().take(MAX_NAMED).map(|(before, after)| {
                let name = before.or(*after).map(|destination| destination.name.as_str());
                json!({ "destination": name, "from": before.map(shown), "to": after.map(shown) })
            });
            entry.insert("destinations".to_owned(), named.collect());
            if let Some(more) = changed.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
                entry.insert("more_destinations".to_owned(), more.into());
            }
        }
        let secret = |campaign: &Campaign| campaign.turnstile.as_ref().map(|one| one.secret.clone());
        let turnstile = (self.before.and_then(secret), secret(self.after));
        if turnstile.0 != turnstile.1 {
            entry.insert("turnstile_secret".to_owned(), json!({ "from": turnstile.0, "to": turnstile.1 }));
        }
        if let Some(name) = controller_was {
            let to = &self.after.controller.name;
            entry.insert("controller".to_owned(), json!({ "from": name, "to": to }));
        }
        Value::Object(entry)
    }

    /// Destinations that change, as they were and as they will be.
    fn destinations(&self) -> Vec<(Option<&Destination>, Option<&Destination>)> {
        let before = self.before.map_or(&[][..], |before| &before.destinations);
        let was = before.iter().map(|old| (Some(old), self.after.destination(&old.name)));
        let is_new = |new: &&Destination| before.iter().all(|old| old.name != new.name);
        let new = self.after.destinations.iter().filter(is_new).map(|new| (None, Some(new)));
        was.chain(new).filter(|(before, after)| before.map(shown) != after.map(shown)).collect()
    }

    /// Whether anything may wait that will not be sent: then a ledger is asked what does.
    pub fn may_strand(&self) -> bool {
        self.asks_no_more() || !self.stranded().is_empty()
    }

    /// What whoever publishes must know. `waiting` is what the ledger says of the campaign; without it
    /// nobody knows how much there is.
    pub fn warnings(&self, waiting: Option<&Value>) -> Vec<String> {
        let count = |path: &str| match waiting {
            Some(waiting) => Some(waiting.pointer(path).and_then(Value::as_i64).unwrap_or(0)),
            None => None,
        };
        let many = |count: Option<i64>| count.map_or_else(String::new, |count| format!(": {count}"));
        let mut warnings = Vec::new();
        let unconfirmed = count("/unconfirmed");
        if self.asks_no_more() && unconfirmed != Some(0) {
            warnings.push(format!(
                "submissions that wait for their confirmation{}. The campaign has no [double_opt_in] any more: \
                 links that have gone out go on working, mails that wait are not sent",
                many(unconfirmed)
            ));
        }
        for (destination, strands) in self.stranded() {
            let name = &destination.name;
            let waits = count(&format!("/deliveries/{name}"));
            if waits == Some(0) {
                continue;
            }
            let why = match strands {
                Strands::Removed => "The campaign has no such destination any more".to_owned(),
                Strands::TakesNoLeads => "It is an e-mail provider now, which gets no leads".to_owned(),
                Strands::Needs(needs) => {
                    format!("It needs {} now, and who has not given it is not sent", needs.join(", "))
                }
            };
            warnings.push(format!(
                "deliveries that wait for {name}{}. {why}: they become dead letters, which can be replayed for \
                 30 days once that is put back",
                many(waits)
            ));
        }
        if self.before.is_some_and(|before| before.magnet.is_some()) && self.after.magnet.is_none() {
            warnings
                .push("The campaign has no [magnet] any more: links that have gone out end now".to_owned());
        }
        warnings
    }

    fn asks_no_more(&self) -> bool {
        self.before.is_some_and(|before| before.double_opt_in.is_some()) && self.after.double_opt_in.is_none()
    }

    fn stranded(&self) -> Vec<(&Destination, Strands)> {
        let before = self.before.map_or(&[][..], |before| &before.destinations);
        let strands = |old: &Destination| {
            let Some(new) = self.after.destination(&old.name) else { return Some(Strands::Removed) };
            if matches!((&old.channel, &new.channel), (Channel::Webhook, Channel::Email(_))) {
                return Some(Strands::TakesNoLeads);
            }
            let known: BTreeSet<_> = old.needs.iter().collect();
            let needs: Vec<_> = new.needs.iter().filter(|need| !known.contains(need)).cloned().collect();
            (!needs.is_empty()).then_some(Strands::Needs(needs))
        };
        before.iter().filter_map(|old| Some((old, strands(old)?))).collect()
    }
}

/// Of a destination, what says where something goes and by which secret.
fn shown(destination: &Destination) -> Value {
    let origin = destination.address.as_ref().map(WebAddress::origin);
    json!({ "origin": origin, "secret": destination.secret })
}
