//! `audit`: the audit log.

use clap::Args;
use leadhook::base::time::parse_rfc3339;
use leadhook::campaign::is_id;
use serde_json::{Map, Value};

use super::client::{self, encoded};
use super::terminal::{json_line, line, note, say};

#[derive(Args)]
pub struct Options {
    /// Only entries of this campaign, and those of its ledger that are about no campaign
    #[arg(long)]
    campaign: Option<String>,
    /// Only entries from this time on, such as 2026-11-22T00:00:00Z
    #[arg(long)]
    from: Option<String>,
    /// Only entries before this time
    #[arg(long)]
    to: Option<String>,
    /// The number of entries per request
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Print only the page after this cursor, and the next cursor on standard error
    #[arg(long)]
    after: Option<String>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: client::Server,
}

pub fn run(options: &Options) -> Result<(), String> {
    let mut query = format!("audit?limit={}", options.limit);
    if let Some(id) = &options.campaign {
        if !is_id(id) {
            return Err(format!("{id:?} is not the id of a campaign"));
        }
        query.push_str(&format!("&campaign={id}"));
    }
    for (name, time) in [("from", &options.from), ("to", &options.to)] {
        let Some(time) = time else { continue };
        if parse_rfc3339(time).is_none() {
            return Err(format!("--{name} must be a time in RFC 3339 format, such as 2026-11-22T00:00:00Z"));
        }
        query.push_str(&format!("&{name}={}", encoded(time)));
    }
    let client = options.server.client()?;
    let (mut after, mut count) = (options.after.clone(), 0);
    loop {
        let cursor = after.as_ref().map(|cursor| format!("&after={}", encoded(cursor))).unwrap_or_default();
        let page = client.get(&format!("{query}{cursor}"))?;
        for entry in page.get("entries").and_then(Value::as_array).into_iter().flatten() {
            count += 1;
            say!("{}", if options.json { json_line(entry) } else { in_words(entry) });
        }
        after = page.get("next").and_then(Value::as_str).map(str::to_owned);
        match &after {
            Some(next) if options.after.is_some() => {
                note!("More: --after {}", line(next));
                break;
            }
            Some(_) => {}
            None => break,
        }
    }
    if count == 0 && !options.json {
        say!("There are no entries.");
    }
    Ok(())
}

/// Returns an entry as `2026-11-22T14:00:00.000Z  alice  replay  done  ledger example-ab, campaign guide, 3`
fn in_words(entry: &Value) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(line);
    let word = |key: &str| text(key).unwrap_or_else(|| "-".to_owned());
    let mut about = vec![format!("ledger {}", word("ledger"))];
    for (key, name) in [
        ("campaign", "campaign"),
        ("destination", "destination"),
        ("delivery_id", "delivery"),
        ("list", "list"),
    ] {
        about.extend(text(key).map(|value| format!("{name} {value}")));
    }
    about.extend(entry.get("count").and_then(Value::as_i64).map(|count| format!("count {count}")));
    about.extend(entry.get("changes").and_then(Value::as_object).into_iter().flat_map(changes));
    format!("{}  {}  {}  {}  {}", word("at"), word("actor"), word("act"), word("outcome"), about.join(", "))
}

/// Returns the changes of a publication: `crm: https://crm.example.com by CRM_SECRET -> none`
fn changes(changes: &Map<String, Value>) -> Vec<String> {
    let side = |one: &Value| {
        let part = |key: &str| one.get(key).and_then(Value::as_str).map(str::to_owned);
        match (part("origin"), part("secret"), one.as_str()) {
            (origin, Some(secret), _) => format!("{} by {secret}", origin.unwrap_or_else(|| "-".to_owned())),
            (_, _, Some(name)) => name.to_owned(),
            _ => "none".to_owned(),
        }
    };
    let change = |name: &str, one: &Value| {
        let [from, to] = ["from", "to"].map(|key| one.get(key).map_or_else(|| "none".to_owned(), side));
        line(&format!("{name}: {from} -> {to}"))
    };
    let destination =
        |one: &Value| change(one.get("destination").and_then(Value::as_str).unwrap_or_default(), one);
    let mut lines = Vec::new();
    for (key, value) in changes {
        match value {
            Value::Array(all) => lines.extend(all.iter().map(destination)),
            Value::Object(_) => lines.push(change(&key.replace('_', " "), value)),
            other => lines.push(line(&format!("{}: {other}", key.replace('_', " ")))),
        }
    }
    lines
}
