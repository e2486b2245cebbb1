//! `[turnstile]`: Cloudflare Turnstile, which tells people from programs.

use super::checks::is_secret_name;
use super::table::{Check, Problem, Rules, Verdict, ensure, keys};
use crate::base::url::{WebAddress, domain_to_ascii};

/// The field that Turnstile's widget adds to a form (<https://developers.cloudflare.com/turnstile/>).
pub const TURNSTILE_TOKEN: &str = "cf-turnstile-response";
/// Cloudflare's keys for tests begin with a digit and this; real ones begin with `0x4`
/// (<https://developers.cloudflare.com/turnstile/troubleshooting/testing/>).
const DUMMY: &str = "x0000000000";
/// Characters of an action, by Turnstile's documentation.
const MAX_ACTION: usize = 32;
/// Hosts of a campaign: more than any has pages.
const MAX_HOSTS: usize = 50;

/// `[turnstile]`.
#[derive(Debug, Default)]
pub struct TurnstileTable {
    pub site_key: String,
    pub secret: String,
    pub action: Option<String>,
    pub hosts: Option<Vec<String>>,
}

keys!(TurnstileTable: site_key, secret, action, hosts);

impl Rules for TurnstileTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("site_key", is_site_key(&self.site_key)),
            ("secret", is_secret_name(&self.secret)),
            ("action", self.action.as_deref().map_or(Ok(()), is_action)),
            ("hosts", self.hosts.as_deref().map_or(Ok(()), are_hosts)),
        ]
    }
}

/// The settings of Turnstile, which is asked about each post.
#[derive(Clone, Debug)]
pub struct Turnstile {
    /// The site key; public, for the form's widget needs it.
    pub site_key: String,
    /// The name of the Worker secret that authenticates the Worker to Turnstile.
    pub secret: String,
    /// The widget's action; any if not stated.
    pub action: Option<String>,
    /// Hosts whose widget is trusted; any if there are none.
    pub hosts: Vec<String>,
}

impl Turnstile {
    pub(super) fn accept(table: TurnstileTable, origins: &[String]) -> Self {
        let host = |origin: &String| WebAddress::parse(origin).map(|address| address.host().to_owned());
        Self {
            hosts: table.hosts.unwrap_or_else(|| origins.iter().filter_map(host).collect()),
            site_key: table.site_key,
            secret: table.secret,
            action: table.action,
        }
    }

    /// Reports a site key that only development may use.
    pub(super) fn development_only(&self) -> Option<Problem> {
        let reason = "is a key for tests, which is for development only";
        is_dummy(&self.site_key).then(|| Problem::new("turnstile.site_key", reason))
    }
}

/// Returns whether a site key or a secret is one of Cloudflare's for tests, which pass everybody or nobody.
pub fn is_dummy(key: &str) -> bool {
    key.get(1..).is_some_and(|rest| rest.starts_with(DUMMY))
}

fn is_site_key(key: &str) -> Check {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    ensure(plain && (10..=100).contains(&key.len()), "must be the site key of a Turnstile widget")
}

fn is_action(action: &str) -> Check {
    let plain = action.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    ensure(
        plain && (1..=MAX_ACTION).contains(&action.len()),
        "must be 1 to 32 letters, digits, hyphens and underscores",
    )
}

fn are_hosts(hosts: &[String]) -> Check {
    let is_host = |host: &String| domain_to_ascii(host).as_ref() == Some(host);
    ensure(
        (1..=MAX_HOSTS).contains(&hosts.len()) && hosts.iter().all(is_host),
        "must list 1 to 50 host names in lower case, as in www.example.com",
    )
}
