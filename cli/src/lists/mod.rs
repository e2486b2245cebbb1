//! `list`, `suppress` and `unsuppress`: lists of keyed hashes. Addresses never leave this machine.

mod list;
mod upload;

use clap::{Args, Subcommand};
use leadhook::campaign::SUPPRESSED;
use serde_json::{Value, json};

pub use self::list::Change;
use self::list::{FromFile, Hasher, List, count};
use super::client::{self, Client, joined};
use super::person::Person;
use super::terminal::{line, say};

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
