//! `[[destination]]`: where a campaign sends leads and confirmation e-mails.

use serde::Deserialize;
use serde_json::Value;

use super::checks::{address_of, href_of, is_secret_name, is_slug, is_web_address};
use super::condition::Condition;
use super::egress::{check_address, check_header};
use super::email_api::EmailApi;
use super::purpose::Purpose;
use super::table::{Problem, Rules, Verdict, is_reported, keys};
use super::when::ConditionScope;
use crate::base::url::WebAddress;

/// One `[[destination]]`.
#[derive(Debug, Default)]
pub struct DestinationTable {
    pub name: String,
    pub kind: DestinationKind,
    pub url: String,
    pub secret: String,
    pub needs: Option<Vec<String>>,
    /// One condition or a list of them; read by [`super::when`].
    pub when: Option<Value>,
    pub forward_at: Option<i64>,
    pub third_party: Option<bool>,
    pub header: Option<String>,
    pub body: Option<Value>,
}

keys!(DestinationTable: name, kind, url, secret, needs, when, forward_at, third_party, header, body);

impl Rules for DestinationTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("name", is_slug(&self.name)),
            ("url", is_web_address(&self.url)),
            ("secret", is_secret_name(&self.secret)),
        ]
    }
}

/// The values of `kind`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    #[default]
    Webhook,
    Email,
}

/// A destination of leads, or of confirmation e-mails.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The name under which deliveries are stored.
    pub name: String,
    /// The URL in its normal form. Looked up when a delivery is sent, and checked: [`Destination::refusals`].
    pub url: String,
    /// The URL as written in the file.
    written: String,
    /// The parsed URL; `None` if it is none.
    pub(super) address: Option<WebAddress>,
    /// The name of the Worker secret that signs, or that authenticates to an e-mail provider.
    pub secret: String,
    /// True if leads of visitors who send `Sec-GPC: 1` are withheld from it.
    pub third_party: bool,
    /// The protocol.
    pub channel: Channel,
    /// Purposes without which nothing goes here.
    pub needs: Vec<String>,
    /// The conditions, all of which must hold.
    pub when: Vec<Condition>,
    /// The score below which a lead does not go here.
    pub forward_at: Option<i64>,
}

/// The protocol of a destination.
#[derive(Clone, Debug, PartialEq)]
pub enum Channel {
    /// Signed events.
    Webhook,
    /// Confirmation e-mails alone, never leads.
    Email(EmailApi),
}

impl Destination {
    pub(super) fn accept(
        path: &str,
        table: DestinationTable,
        scope: &ConditionScope<'_>,
        purposes: &[Purpose],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let channel = Channel::accept(&table, path, problems);
        let is_webhook = matches!(channel, Channel::Webhook);
        let required = || purposes.iter().filter(|p| p.required).map(|p| p.id.clone()).collect();
        let needs: Vec<String> = if is_webhook { table.needs.unwrap_or_else(required) } else { Vec::new() };
        for need in needs.iter().filter(|need| purposes.iter().all(|p| p.id != **need)) {
            let reason = format!("{need:?} is not the id of a purpose");
            problems.push(Problem::new(format!("{path}.needs"), reason));
        }
        Self {
            when: scope.accept_all(table.when.filter(|_| is_webhook), path, problems),
            name: table.name,
            address: address_of(&table.url),
            url: href_of(&table.url),
            written: table.url,
            secret: table.secret,
            third_party: table.third_party.unwrap_or_default(),
            channel,
            needs,
            forward_at: table.forward_at,
        }
    }

    /// Returns the receiver as ledgers know it: the URL as written, under which their rows are stored.
    pub fn receiver(&self) -> &str {
        &self.written
    }

    /// Returns the origin of the URL.
    pub fn origin(&self) -> &str {
        self.address.as_ref().map_or_else(|| self.receiver(), WebAddress::origin)
    }

    /// Returns the host of the URL; empty if it has none.
    pub fn host(&self) -> &str {
        self.address.as_ref().map_or("", WebAddress::host)
    }

    /// Returns why nothing may be sent there, by key; empty if it may. `own` is the Worker's own public URL.
    pub fn refusals(&self, own: Option<&WebAddress>, development: bool) -> Vec<(&'static str, &'static str)> {
        let address = match &self.address {
            Some(address) => check_address(address, own, development),
            None => Err("must be an address, as in https://example.com/x"),
        };
        let header = match &self.channel {
            Channel::Email(api) => check_header(&api.header),
            Channel::Webhook => Ok(()),
        };
        let checks = [("url", address), ("header", header)];
        checks.into_iter().filter_map(|(key, check)| check.err().map(|reason| (key, reason))).collect()
    }

    /// Reports why nothing may be sent there, except at paths with problems.
    pub(super) fn report_refusals(
        &self,
        path: &str,
        own: Option<&WebAddress>,
        development: bool,
        problems: &mut Vec<Problem>,
    ) {
        for (key, reason) in self.refusals(own, development) {
            let path = format!("{path}.{key}");
            if !is_reported(problems, &path) {
                problems.push(Problem::new(path, reason));
            }
        }
    }
}

impl Channel {
    /// Reads the keys that only one of the kinds has.
    fn accept(table: &DestinationTable, path: &str, problems: &mut Vec<Problem>) -> Self {
        // A misspelt kind may have been the one that has the key.
        let misspelt = is_reported(problems, &format!("{path}.kind"));
        let mut refuse =
            |key: &str, reason: &str| problems.push(Problem::new(format!("{path}.{key}"), reason));
        match table.kind {
            DestinationKind::Webhook => {
                for (key, is_given) in [("header", table.header.is_some()), ("body", table.body.is_some())] {
                    if is_given && !misspelt {
                        refuse(key, "is for kind email");
                    }
                }
                Self::Webhook
            }
            DestinationKind::Email => {
                for (key, is_given) in [
                    ("needs", table.needs.is_some()),
                    ("when", table.when.is_some()),
                    ("forward_at", table.forward_at.is_some()),
                    ("third_party", table.third_party.is_some()),
                ] {
                    if is_given {
                        refuse(key, "is for kind webhook: kind email gets no leads");
                    }
                }
                let (header, body) = (table.header.as_deref(), table.body.as_ref());
                Self::Email(EmailApi::accept(header, body, path, problems))
            }
        }
    }
}
