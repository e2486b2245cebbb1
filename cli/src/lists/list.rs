//! A list of a ledger, changes of it, and the keys of its tags.

use clap::Args;
use leadhook::base::keyring::Keyring;
use leadhook::campaign::is_id;
use leadhook::pipeline::lead::{Identifier, Identity, list_tag};
use serde_json::{Value, json};

use crate::vars::{LISTS, Vars};
use crate::{client, contacts};

#[derive(Args)]
pub struct FromFile {
    #[command(flatten)]
    pub contacts: contacts::CsvFile,
    /// The name of the list, as in campaigns
    #[arg(long)]
    pub list: String,
    /// The ledger that the list belongs to
    #[arg(long)]
    pub ledger: String,
    #[command(flatten)]
    pub server: client::Server,
}

/// A change of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Add,
    Remove,
}

/// A list of a ledger, with its path in the admin API.
pub struct List {
    pub name: String,
    pub path: String,
}

impl List {
    pub fn of(name: &str, ledger: &str) -> Result<Self, String> {
        for (what, name) in [("list", name), ("ledger", ledger)] {
            if !is_id(name) {
                return Err(format!(
                    "{name:?} is not a valid {what} name: use lower-case letters, digits and hyphens"
                ));
            }
        }
        Ok(Self { name: name.to_owned(), path: format!("lists/{name}?ledger={ledger}") })
    }
}

impl Change {
    pub fn body(self, tags: &[String]) -> Value {
        match self {
            Self::Add => json!({ "add": tags }),
            Self::Remove => json!({ "remove": tags }),
        }
    }

    pub fn done(self) -> &'static str {
        match self {
            Self::Add => "new",
            Self::Remove => "removed",
        }
    }
}

/// The keys that tags of people on lists are computed with.
pub struct Hasher {
    ring: Keyring,
    identity: Identity,
    ledger: String,
}

impl Hasher {
    pub fn of(server: &client::Server, ledger: &str) -> Result<Self, String> {
        let vars = Vars::read(&server.keys())?;
        let how = |reason| format!("{reason}; run leadhook keys export lists on the machine with the keys");
        let settings = vars.settings(LISTS).map_err(how)?;
        let ring = settings.lists.clone().ok_or_else(|| format!("{LISTS} is not set"))?;
        Ok(Self { ring, identity: Identity::new(&settings, ledger), ledger: ledger.to_owned() })
    }

    /// Returns the tags of a person: added under the current key, removed under every key.
    pub fn tags(&self, person: &Identifier, change: Change) -> Vec<String> {
        match change {
            Change::Add => vec![list_tag(&self.ring, &self.ledger, person)],
            Change::Remove => self.identity.list_tags(person),
        }
    }
}

/// Returns the number of changed entries: `added`, `removed` or `cleared`.
pub fn count(response: &Value) -> Result<u64, String> {
    let found = ["added", "removed", "cleared"].into_iter().find_map(|key| response.get(key)?.as_u64());
    found.ok_or_else(|| "the Worker's response does not state the number of changes".to_owned())
}
