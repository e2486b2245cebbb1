//! The changes that a publication makes: for the audit log, where events go and with which secrets; for whoever
//! publishes, warnings about deliveries and confirmations that will not be sent any more.

use serde_json::{Map, Value};

use super::campaign::Campaign;
use super::destination::{Channel, Destination};
use crate::base::url::WebAddress;

/// Destinations in an entry of the audit log, more than campaigns have: it keeps a page of entries below some megabytes,
/// whatever is published.
const MAX_NAMED: usize = 50;

/// A campaign before and after a publication.
pub struct Change<'a> {
    /// The campaign before; `None` if it was not published.
    pub before: Option<&'a Campaign>,
    /// The campaign after.
    pub after: &'a Campaign,
}

impl Change<'_> {
    /// Returns the entry for the audit log: destinations whose origin or secret changes, that are new or gone, each from
    /// and to; the same of Turnstile's secret and of the controller's name. Never a path, which may contain a token.
    pub fn entry(&self, controller_was: Option<&str>) -> Value {
        let mut named = Vec::new();
        let mut add = |name: &str, from: Value, to: Value| {
            if from != to {
                let mut change = from_to(from, to);
                change.insert("destination".to_owned(), name.into());
                named.push(Value::Object(change));
            }
        };
        // Old ones come first, so that new ones cannot push them out.
        for old in self.old_destinations() {
            add(&old.name, facts(Some(old)), facts(self.after.destination(&old.name)));
        }
        for new in &self.after.destinations {
            if self.before.is_none_or(|before| before.destination(&new.name).is_none()) {
                add(&new.name, Value::Null, facts(Some(new)));
            }
        }
        let mut entry = Map::new();
        if named.len() > MAX_NAMED {
            entry.insert("more_destinations".to_owned(), (named.len() - MAX_NAMED).into());
            named.truncate(MAX_NAMED);
        }
        if !named.is_empty() {
            entry.insert("destinations".to_owned(), named.into());
        }
        let secret = |campaign: &Campaign| text(campaign.turnstile.as_ref().map(|one| one.secret.as_str()));
        let (was, is) = (self.before.map_or(Value::Null, secret), secret(self.after));
        if was != is {
            entry.insert("turnstile_secret".to_owned(), from_to(was, is).into());
        }
        if controller_was.is_some() {
            let name = Some(self.after.controller.name.as_str());
            entry.insert("controller".to_owned(), from_to(text(controller_was), text(name)).into());
        }
        Value::Object(entry)
    }

    fn old_destinations(&self) -> &[Destination] {
        self.before.map_or(&[], |before| &before.destinations)
    }

    /// Returns whether anything may wait that will not be sent: then the ledger is asked.
    pub fn may_strand(&self) -> bool {
        self.drops_double_opt_in() || !self.stranded().is_empty()
    }

    /// Returns warnings for whoever publishes. `waiting` is the ledger's response about the campaign; without it they have no
    /// numbers.
    pub fn warnings(&self, waiting: Option<&Value>) -> Vec<String> {
        let count = |path: &str| waiting.map(|all| all.pointer(path).and_then(Value::as_i64).unwrap_or(0));
        let many = |count: Option<i64>| count.map_or_else(String::new, |count| format!(": {count}"));
        let mut warnings = Vec::new();
        let unconfirmed = count("/unconfirmed");
        if self.drops_double_opt_in() && unconfirmed != Some(0) {
            warnings.push(format!(
                "submissions that wait for their confirmation{}. The campaign has no [double_opt_in] any more: \
                 links that have gone out go on working, mails that wait are not sent",
                many(unconfirmed)
            ));
        }
        for (name, why) in self.stranded() {
            let waits = count(&format!("/deliveries/{name}"));
            if waits != Some(0) {
                warnings.push(format!(
                    "deliveries that wait for {name}{}. {why}: they become dead letters, which can be replayed \
                     for 30 days once that is put back",
                    many(waits)
                ));
            }
        }
        if self.before.is_some_and(|before| before.magnet.is_some()) && self.after.magnet.is_none() {
            warnings
                .push("The campaign has no [magnet] any more: links that have gone out end now".to_owned());
        }
        warnings
    }

    fn drops_double_opt_in(&self) -> bool {
        self.before.is_some_and(|before| before.double_opt_in.is_some()) && self.after.double_opt_in.is_none()
    }

    /// Returns destinations that do not get what waits for them, each with the reason.
    fn stranded(&self) -> Vec<(&str, String)> {
        let mut stranded = Vec::new();
        for old in self.old_destinations() {
            let Some(new) = self.after.destination(&old.name) else {
                let why = "The campaign has no such destination any more".to_owned();
                stranded.push((old.name.as_str(), why));
                continue;
            };
            let needs: Vec<_> = new.needs.iter().filter(|need| !old.needs.contains(need)).cloned().collect();
            if matches!((&old.channel, &new.channel), (Channel::Webhook, Channel::Email(_))) {
                let why = "It is an e-mail provider now, which gets no leads".to_owned();
                stranded.push((old.name.as_str(), why));
            } else if !needs.is_empty() {
                let why = format!("It needs {} now, and who has not given it is not sent", needs.join(", "));
                stranded.push((old.name.as_str(), why));
            }
        }
        stranded
    }
}

fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

fn from_to(from: Value, to: Value) -> Map<String, Value> {
    pair(("from", from), ("to", to))
}

/// Returns the origin and the secret of a destination.
fn facts(destination: Option<&Destination>) -> Value {
    let Some(destination) = destination else { return Value::Null };
    let origin = text(destination.address.as_ref().map(WebAddress::origin));
    let secret = text(Some(&destination.secret));
    pair(("origin", origin), ("secret", secret)).into()
}

fn pair(one: (&str, Value), other: (&str, Value)) -> Map<String, Value> {
    let mut pair = Map::new();
    for (key, value) in [one, other] {
        pair.insert(key.to_owned(), value);
    }
    pair
}
