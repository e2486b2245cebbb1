//! `[[list]]`: people whom the operator knows already.

use serde::Deserialize;

use super::checks::is_slug;
use super::destination::{Channel, Destination};
use super::table::{Check, Problem, Rules, Verdict, ensure, is_reported, keys};

/// The built-in suppression list: every campaign of the ledger suppresses the people on it.
pub const SUPPRESSED: &str = "suppressed";

/// One `[[list]]`.
#[derive(Debug, Default)]
pub struct ListTable {
    pub name: String,
    pub then: Option<Then>,
    pub send_to: Option<Vec<String>>,
}

keys!(ListTable: name, then, send_to);

impl Rules for ListTable {
    fn verdicts(&self) -> Vec<Verdict> {
        vec![
            ("name", is_list_name(&self.name)),
            ("then", ensure(self.then.is_some(), "is required: suppress or existing_customer")),
        ]
    }
}

/// The values of `then`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    Suppress,
    ExistingCustomer,
}

/// A list of people.
#[derive(Clone, Debug)]
pub struct List {
    /// The name under which people are imported.
    pub name: String,
    /// The effect on their leads.
    pub then: ListEffect,
}

/// The effect of a list on the leads of the people on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEffect {
    /// Nobody gets them.
    Suppress,
    /// The account managers get them.
    ExistingCustomer {
        /// Names of destinations that are webhooks: at least one. They get no other leads.
        send_to: Vec<String>,
    },
}

impl List {
    pub(super) fn accept(
        path: &str,
        table: ListTable,
        destinations: &[Destination],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let path = format!("{path}.send_to");
        let mistyped = is_reported(problems, &path);
        let mut refuse = |reason: String| problems.push(Problem::new(path.as_str(), reason));
        let then = match (table.then, table.send_to) {
            (Some(Then::ExistingCustomer), send_to) => {
                let send_to = send_to.unwrap_or_default();
                if send_to.is_empty() && !mistyped {
                    refuse("is required with existing_customer: names of destinations".to_owned());
                }
                for (at, name) in send_to.iter().enumerate() {
                    let is_webhook =
                        |d: &Destination| d.name == *name && matches!(d.channel, Channel::Webhook);
                    if !destinations.iter().any(is_webhook) {
                        refuse(format!("{name:?} is not the name of a destination of kind webhook"));
                    }
                    if send_to.iter().take(at).any(|earlier| earlier == name) {
                        refuse(format!("{name:?} stands twice"));
                    }
                }
                ListEffect::ExistingCustomer { send_to }
            }
            (Some(Then::Suppress), Some(_)) => {
                refuse("is for existing_customer".to_owned());
                ListEffect::Suppress
            }
            // A list without `then` is reported already.
            (Some(Then::Suppress) | None, _) => ListEffect::Suppress,
        };
        Self { name: table.name, then }
    }
}

fn is_list_name(text: &str) -> Check {
    is_slug(text)?;
    ensure(text != SUPPRESSED, "is reserved: the list \"suppressed\" is built in and always suppresses")
}
