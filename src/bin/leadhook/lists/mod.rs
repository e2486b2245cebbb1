//! `list`, `suppress` and `unsuppress`: lists of keyed hashes. Addresses never leave this machine.

mod upload;

use clap::{Args, Subcommand};
use leadhook::base::keyring::Keyring;
use leadhook::campaign::{SUPPRESSED, is_id};
use leadhook::pipeline::lead::{Identifier, Identity, list_tag};
use serde_json::{Value, json};

use super::client::{self, Client, joined};
use super::contacts;
use super::person::Person;
use super::terminal::{line, say};
use super::vars::{LISTS, Vars};

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Add the people in a CSV file to a list; only keyed hashes leave this machine
    Import(FromFile),
    /// Remove the people in a CSV file from a list
    Remove(FromFile),
    /// Show the lists with their number of entries
    Show {
        /// Only lists of this ledger
        #[arg(long)]
        ledger: Option<String>,
        #[command(flatten)]
        server: client::Server,
    },
    /// Remove all entries of a list
    Clear {
        /// The name of the list
        #[arg(value_name = "NAME")]
        list: String,
        /// The ledger that the list belongs to
        #[arg(long)]
        ledger: String,
        #[command(flatten)]
        server: client::Server,
    },
}

#[derive(Args)]
struct FromFile {
    #[command(flatten)]
    contacts: contacts::CsvFile,
    /// The name of the list, as in campaigns
    #[arg(long)]
    list: String,
    /// The ledger that the list belongs to
    #[arg(long)]
    ledger: String,
    #[command(flatten)]
    server: client::Server,
}

/// One person, to be added to the suppression list or removed from it.
#[derive(Args)]
pub struct One {
    #[command(flatten)]
    person: Person,
    /// The ledger that the list belongs to
    #[arg(long)]
    ledger: String,
    #[command(flatten)]
    server: client::Server,
}

/// A change of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Add,
    Remove,
}

pub fn run(options: &Options) -> Result<(), String> {
    match &options.command {
        Command::Import(options) => upload::change_by_file(options, Change::Add),
        Command::Remove(options) => upload::change_by_file(options, Change::Remove),
        Command::Show { ledger, server } => show(ledger.as_deref(), &server.client()?),
        Command::Clear { list, ledger, server } => {
            let list = List::of(list, ledger)?;
            let cleared = count(&server.client()?.post(&list.path, &json!({ "clear": true }))?)?;
            say!("{}: {cleared} entries removed; the list is empty now", list.name);
            Ok(())
        }
    }
}

/// A list of a ledger, with its path in the admin API.
struct List {
    name: String,
    path: String,
}

impl List {
    fn of(name: &str, ledger: &str) -> Result<Self, String> {
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
    fn body(self, tags: &[String]) -> Value {
        match self {
            Self::Add => json!({ "add": tags }),
            Self::Remove => json!({ "remove": tags }),
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Add => "new",
            Self::Remove => "removed",
        }
    }
}

/// The keys that tags of people on lists are computed with.
struct Hasher {
    ring: Keyring,
    identity: Identity,
    ledger: String,
}

impl Hasher {
    fn of(server: &client::Server, ledger: &str) -> Result<Self, String> {
        let vars = Vars::read(&server.keys)?;
        let how = |reason| format!("{reason}; run leadhook keys export lists on the machine with the keys");
        let settings = vars.settings(LISTS).map_err(how)?;
        let ring = settings.lists.clone().ok_or_else(|| format!("{LISTS} is not set"))?;
        Ok(Self { ring, identity: Identity::new(&settings, ledger), ledger: ledger.to_owned() })
    }

    /// Returns the tags of a person: added under the current key, removed under every key.
    fn tags(&self, person: &Identifier, change: Change) -> Vec<String> {
        match change {
            Change::Add => vec![list_tag(&self.ring, &self.ledger, person)],
            Change::Remove => self.identity.list_tags(person),
        }
    }
}

pub fn change_one(options: &One, change: Change) -> Result<(), String> {
    let list = List::of(SUPPRESSED, &options.ledger)?;
    let people = options.person.identifiers()?;
    let hasher = Hasher::of(&options.server, &options.ledger)?;
    let tags: Vec<String> = people.iter().flat_map(|person| hasher.tags(person, change)).collect();
    let changed = count(&options.server.client()?.post(&list.path, &change.body(&tags))?)?;
    say!(
        "{}",
        match (change, changed) {
            (Change::Add, 0) =>
                "The person was already on the list and is not contacted by this ledger's campaigns.",
            (Change::Add, _) => "The person is not contacted by this ledger's campaigns from now on.",
            (Change::Remove, 0) => "The person was not on the list.",
            (Change::Remove, _) => "The person was removed from the list.",
        }
    );
    Ok(())
}

fn show(ledger: Option<&str>, client: &Client) -> Result<(), String> {
    let path = match ledger {
        Some(ledger) => format!("lists?ledger={}", List::of(SUPPRESSED, ledger).map(|_| ledger)?),
        None => "lists".to_owned(),
    };
    let response = joined(client.get_all(&path)?, "lists");
    let lists =
        response.get("lists").and_then(Value::as_array).ok_or("the Worker's response contains no lists")?;
    let text = |list: &Value, key: &str| line(list.get(key).and_then(Value::as_str).unwrap_or("-"));
    let shown = lists.iter().filter(|list| ledger.is_none_or(|ledger| text(list, "ledger") == ledger));
    let mut is_empty = true;
    for list in shown {
        is_empty = false;
        let entries = list.get("entries").and_then(Value::as_u64).unwrap_or(0);
        say!("{}  {}  {entries} entries", text(list, "ledger"), text(list, "list"));
    }
    if is_empty {
        say!("There are no lists.");
    }
    Ok(())
}

/// Returns the number of changed entries: `added`, `removed` or `cleared`.
fn count(response: &Value) -> Result<u64, String> {
    let found = ["added", "removed", "cleared"].into_iter().find_map(|key| response.get(key)?.as_u64());
    found.ok_or_else(|| "the Worker's response does not state the number of changes".to_owned())
}
