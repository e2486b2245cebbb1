//! `access` and `erase`: the rights of a person.

use clap::Args;
use leadhook::pipeline::consent::payload_of;
use serde_json::Value;

use super::client::{self, joined};
use super::host::{self, Stream};
use super::person::Person;
use super::terminal::{json, line, note, say};

#[derive(Args)]
pub struct Access {
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    server: client::Server,
}

#[derive(Args)]
pub struct Erase {
    #[command(flatten)]
    person: Person,
    #[command(flatten)]
    server: client::Server,
    /// Skip the confirmation prompt
    #[arg(long)]
    yes: bool,
    /// Print the full responses as JSON instead of the receipts; many ledgers take several
    #[arg(long)]
    json: bool,
}

pub fn access(options: &Access) -> Result<(), String> {
    let body = options.person.body()?;
    let mut responses = Vec::new();
    options.server.client()?.post_each("access", &body, |response| {
        responses.push(response);
        Ok(())
    })?;
    let all = if responses.len() == 1 { responses.remove(0) } else { joined(responses, "ledgers") };
    say!("{}", json(&all));
    Ok(())
}

/// Prints receipts to standard output and words to standard error. A receipt may cover several ledgers.
pub fn erase(options: &Erase) -> Result<(), String> {
    let body = options.person.body()?;
    let client = options.server.client()?;
    if !options.yes {
        confirm(&options.person)?;
    }
    let (mut is_found, mut is_signed) = (false, true);
    client.post_each("erase", &body, |response| {
        if options.json {
            say!("{}", json(&response));
            return Ok(());
        }
        let words = in_words(&response);
        if !words.is_empty() {
            is_found = true;
            note!("{}", words.trim_end());
        }
        let receipts = receipts(&response);
        is_signed &= !receipts.is_empty();
        receipts.iter().for_each(|receipt| say!("{receipt}"));
        Ok(())
    })?;
    if !is_found && !options.json {
        note!("Nothing was stored about that person.");
    }
    if !is_signed {
        note!("There is no signed receipt: LEADHOOK_SIGNING_KEYS is not set.");
    }
    Ok(())
}

fn confirm(person: &Person) -> Result<(), String> {
    if !host::is_terminal(Stream::Input) {
        return Err("nothing was erased: without a terminal for the confirmation, pass --yes".to_owned());
    }
    let whom = person.typed();
    note!("Erase everything about the person with {whom}? This cannot be undone. Type yes to erase:");
    let typed = host::read_line().map_err(|refusal| format!("standard input: {refusal}"))?;
    if typed.trim() == "yes" { Ok(()) } else { Err("nothing was erased".to_owned()) }
}

fn in_words(response: &Value) -> String {
    let text = |value: &Value, key: &str| line(value.get(key).and_then(Value::as_str).unwrap_or("-"));
    let mut out = String::new();
    for ledger in response.get("ledgers").and_then(Value::as_array).into_iter().flatten() {
        let name = text(ledger, "ledger");
        let of_left = ledger.get("left").and_then(Value::as_array).into_iter().flatten();
        let left: Vec<u64> = of_left.map(|lead| count(lead, "submissions")).collect();
        let (leads, submissions) = (count(ledger, "leads"), count(ledger, "submissions"));
        let of_whole = submissions.saturating_sub(left.iter().sum());
        if leads > 0 || of_whole > 0 {
            let (leads, submissions) = (several(leads, "lead"), several(of_whole, "submission"));
            out.push_str(&format!("{name}: erased {leads} with {submissions}\n"));
        }
        for submissions in left {
            let submissions = several(submissions, "submission");
            out.push_str(&format!(
                "{name}: erased {submissions} of a lead that also has submissions of somebody else\n"
            ));
        }
        let mentions = count(ledger, "mentions");
        if mentions > 0 {
            let mentions = several(mentions, "submission");
            out.push_str(&format!("{name}: removed the address or number from {mentions} of other people\n"));
        }
        for destination in ledger.get("told").and_then(Value::as_array).into_iter().flatten() {
            let (campaign, destination) = (text(destination, "campaign"), text(destination, "destination"));
            out.push_str(&format!("  {destination} of {campaign} gets an event to erase it too\n"));
        }
    }
    out
}

fn several(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Returns a number, or the length of a list.
fn count(value: &Value, key: &str) -> u64 {
    let value = value.get(key);
    let listed = || u64::try_from(value.and_then(Value::as_array)?.len()).ok();
    value.and_then(Value::as_u64).or_else(listed).unwrap_or(0)
}

/// Returns the receipts in a response: one for all ledgers, or one for each.
fn receipts(response: &Value) -> Vec<&str> {
    let ledgers = response.get("ledgers").and_then(Value::as_array).into_iter().flatten();
    let found = std::iter::once(response).chain(ledgers).filter_map(|part| part.get("receipt"));
    found.filter_map(Value::as_str).filter(|receipt| payload_of(receipt).is_some()).collect()
}
