//! Guards of the Worker's secrets. Campaigns refer to secrets by name, and whoever may write a campaign must not be able
//! to send a secret elsewhere. So a secret either signs, and is never sent; or it is sent as it is, never signs, and goes
//! only to the hosts that the operator has bound it to.

use serde_json::Value;

use super::campaign::Campaign;
use super::checks::is_secret_name;
use super::destination::{Channel, Destination};
use super::table::{Problem, is_reported};
use super::turnstile::Turnstile;
use crate::base::url::WebAddress;

/// The prefix of a secret that signs (Standard Webhooks).
const SIGNING: &str = "whsec_";
const SHAPE: &str = "each entry must be NAME=host, as in MAIL_API_TOKEN=api.example.com";
const NAME: &str = "a name has upper-case letters, digits and underscores, and does not begin with LEADHOOK_";
const HOST: &str = "a host is a name or an IP address, without https://, port and path";

/// The hosts that each secret may be sent to: `LEADHOOK_SECRET_HOSTS`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretHosts(Vec<(String, String)>);

/// The reason why a secret is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretRefusal {
    /// A signing secret is never sent.
    Signs,
    /// The secret is bound to no host.
    Unbound,
    /// The secret is bound to other hosts.
    Elsewhere,
}

impl SecretHosts {
    /// Parses `NAME=host,…`; a name may stand several times.
    ///
    /// # Errors
    /// The reason, without the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut hosts = Vec::new();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, host) = entry.split_once('=').ok_or(SHAPE)?;
            let (name, host) = (name.trim(), host.trim());
            is_secret_name(name).map_err(|_| NAME)?;
            hosts.push((name.to_owned(), host_of(host).ok_or(HOST)?));
        }
        Ok(Self(hosts))
    }

    /// Returns whether a secret is bound to any host.
    pub fn binds(&self, name: &str) -> bool {
        self.0.iter().any(|(bound, _)| bound == name)
    }

    /// Checks that a secret of that name and value may be sent to a host (as [`WebAddress::host`] returns it).
    /// `may_be_unbound` is for hosts that no campaign chooses, and for development.
    ///
    /// # Errors
    /// [`SecretRefusal`] says why it may not.
    pub fn judge(
        &self,
        name: &str,
        value: &str,
        host: &str,
        may_be_unbound: bool,
    ) -> Result<(), SecretRefusal> {
        if signs(value) {
            return Err(SecretRefusal::Signs);
        }
        let host = host.trim_end_matches('.');
        if self.0.iter().any(|(bound, to)| bound == name && to == host) {
            return Ok(());
        }
        match (self.binds(name), may_be_unbound) {
            (true, _) => Err(SecretRefusal::Elsewhere),
            (false, true) => Ok(()),
            (false, false) => Err(SecretRefusal::Unbound),
        }
    }
}

/// Parses a host, and returns it as [`WebAddress::host`] does, without the root's dot.
fn host_of(text: &str) -> Option<String> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_ipv6 = text.starts_with('[') && text.ends_with(']');
    if !text.chars().all(|c| plain(c) || is_ipv6 && matches!(c, '[' | ']' | ':')) {
        return None;
    }
    let host = WebAddress::parse(&format!("https://{text}/"))?.host().trim_end_matches('.').to_owned();
    Some(host).filter(|host| !host.is_empty())
}

/// Returns whether a value signs: one of its words has the prefix of such a secret, however it is quoted.
fn signs(value: &str) -> bool {
    let words = value.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let begins = |word: &str| word.get(..SIGNING.len()).is_some_and(|to| to.eq_ignore_ascii_case(SIGNING));
    words.into_iter().any(begins)
}

/// The uses of secrets in all campaigns.
#[derive(Clone, Debug, Default)]
pub struct SecretUses(Vec<SecretUse>);

#[derive(Clone, Debug)]
struct SecretUse {
    name: String,
    campaign: String,
    is_sent: bool,
}

impl SecretUses {
    /// Adds those of a campaign in KV. It is not checked again, for there may be hundreds.
    pub fn add(&mut self, stored: &str) {
        let stored: Value = serde_json::from_str(stored).unwrap_or_default();
        let text = |of: &Value, path: &str| of.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let Some(campaign) = text(&stored, "/campaign/id") else { return };
        let mut add = |name: Option<String>, is_sent: bool| {
            if let Some(name) = name {
                self.0.push(SecretUse { name, campaign: campaign.clone(), is_sent });
            }
        };
        for one in stored.pointer("/campaign/destination").and_then(Value::as_array).into_iter().flatten() {
            add(text(one, "/secret"), text(one, "/kind").as_deref() == Some("email"));
        }
        add(text(&stored, "/campaign/turnstile/secret"), true);
    }

    /// Returns a campaign whose webhooks are signed with that secret.
    pub fn signs(&self, name: &str) -> Option<&str> {
        self.find(name, false)
    }

    /// Returns a campaign that sends that secret as it is.
    pub fn sent(&self, name: &str) -> Option<&str> {
        self.find(name, true)
    }

    fn find(&self, name: &str, is_sent: bool) -> Option<&str> {
        let found = self.0.iter().find(|one| one.name == name && one.is_sent == is_sent);
        found.map(|one| one.campaign.as_str())
    }
}

/// All that is known about the secrets of campaigns.
pub struct Secrets<'a> {
    /// The hosts that each may be sent to.
    pub hosts: &'a SecretHosts,
    /// Their uses in other campaigns.
    pub elsewhere: &'a SecretUses,
    /// Returns the value of a secret if it is known.
    pub value: &'a dyn Fn(&str) -> Option<String>,
    /// The host that Turnstile's secret goes to.
    pub turnstile_host: &'a str,
    /// True if a secret that is bound to no host may be sent.
    pub development: bool,
}

impl Secrets<'_> {
    /// Returns why a secret must not be sent to a host, in words.
    fn sending(&self, name: &str, host: &str, may_be_unbound: bool) -> Option<String> {
        if let Some(campaign) = self.elsewhere.signs(name) {
            return Some(format!("signs the webhooks of the campaign {campaign}, so it is never sent"));
        }
        let value = (self.value)(name).unwrap_or_default();
        let refusal = self.hosts.judge(name, &value, host, may_be_unbound).err()?;
        Some(match refusal {
            SecretRefusal::Signs => {
                "has a value that begins with whsec_: a secret that signs is never sent".to_owned()
            }
            SecretRefusal::Unbound => {
                format!("is bound to no host: add {name}={host} to LEADHOOK_SECRET_HOSTS")
            }
            SecretRefusal::Elsewhere => {
                format!("is bound to another host: {name}={host} is not in LEADHOOK_SECRET_HOSTS")
            }
        })
    }

    /// Returns why a secret must not sign, in words.
    fn signing(&self, name: &str) -> Option<String> {
        if self.hosts.binds(name) {
            return Some("is bound to a host by LEADHOOK_SECRET_HOSTS, so it never signs".to_owned());
        }
        // A campaign that would send one that signs does not get it, and must not keep others from signing.
        let campaign =
            self.elsewhere.sent(name).filter(|_| !signs(&(self.value)(name).unwrap_or_default()))?;
        Some(format!("is sent as it is by the campaign {campaign}, so it never signs"))
    }
}

impl Campaign {
    /// Reports secrets that would be sent where they must not go, or that would sign though they are sent.
    pub fn refused_secrets(&self, secrets: &Secrets<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (at, destination) in self.destinations.iter().enumerate() {
            let name = &destination.secret;
            let refused = match destination.channel {
                Channel::Email(_) => secrets.sending(name, destination.host(), secrets.development),
                Channel::Webhook => secrets.signing(name),
            };
            if let Some(why) = refused {
                problems.push(Problem::new(format!("destination[{at}].secret"), why));
            }
        }
        if let Some(turnstile) = &self.turnstile
            && let Some(why) = secrets.sending(&turnstile.secret, secrets.turnstile_host, true)
        {
            problems.push(Problem::new("turnstile.secret", why));
        }
        problems
    }

    /// Returns whether a webhook of this campaign is signed with that secret.
    pub fn signs_with(&self, name: &str) -> bool {
        self.destinations.iter().any(|one| one.secret == name && matches!(one.channel, Channel::Webhook))
    }
}

/// Reports secrets that a file both signs with and sends.
pub(super) fn check_secrets(
    destinations: &[Destination],
    turnstile: Option<&Turnstile>,
    problems: &mut Vec<Problem>,
) {
    for (at, one) in destinations.iter().enumerate() {
        if matches!(one.channel, Channel::Email(_)) {
            check_sent(format!("destination[{at}].secret"), &one.secret, destinations, problems);
        }
    }
    if let Some(turnstile) = turnstile {
        check_sent("turnstile.secret".to_owned(), &turnstile.secret, destinations, problems);
    }
}

fn check_sent(path: String, name: &str, destinations: &[Destination], problems: &mut Vec<Problem>) {
    for (at, one) in destinations.iter().enumerate() {
        // A misspelt kind may have been another.
        let is_webhook = matches!(one.channel, Channel::Webhook)
            && !is_reported(problems, &format!("destination[{at}].kind"));
        if one.secret == name && is_webhook && !is_reported(problems, &path) {
            let reason = format!("signs what goes to {}, so it is never sent", one.name);
            problems.push(Problem::new(path.as_str(), reason));
        }
    }
}
