//! `doctor`: the check of a running deployment, with advice on what is wrong.

use std::collections::BTreeMap;

use clap::Args;
use leadhook::base::time::parse_rfc3339;
use serde_json::{Value, json};

use super::client::{self, Client};
use super::host::now_ms;
use super::terminal::{json as printed, line, note, say};

/// The most that two clocks may differ: receivers refuse webhooks with a timestamp five minutes off.
const MAX_CLOCK_DIFFERENCE_MS: i64 = 5 * 60_000;
/// The most repetitions of the check of a ledger that was changing.
const MORE_LOOKS: usize = 2;

#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    server: client::Server,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(options: &Options) -> Result<(), String> {
    let client = options.server.client()?;
    let before_ms = now_ms();
    let worker = client.get("doctor")?;
    let mut found = Findings::default();
    check_clock(&worker, before_ms, now_ms(), &mut found);
    let mut cursor = Some(String::new());
    let mut chunk = worker.clone();
    while cursor.is_some() {
        found.take("", &chunk)?;
        cursor = chunk.get("next").and_then(Value::as_str).map(str::to_owned);
        if let Some(next) = &cursor {
            chunk = client.get(&format!("doctor?after={next}"))?;
        }
    }
    let mut states = BTreeMap::new();
    for ledger in list(&worker, "ledgers")? {
        let name = ledger.as_str().ok_or_else(unreadable)?;
        let (of_ledger, counted) = examine(&client, name)?;
        for finding in of_ledger.0 {
            found.add(finding);
        }
        states.insert(name.to_owned(), counted);
    }
    let wrong = found.0.iter().filter(|finding| is_wrong(finding)).count();
    if options.json {
        let whole = json!({ "is_well": wrong == 0, "ledgers": states, "findings": found.0 });
        say!("{}", printed(&whole));
    } else {
        found.0.iter().for_each(|finding| say!("{}", in_words(finding)));
        say!("{}", counted(&states));
    }
    match wrong {
        0 => {
            note!("No problems found.");
            Ok(())
        }
        1 => Err("1 problem found.".to_owned()),
        more => Err(format!("{more} problems found.")),
    }
}

/// Compares the clocks. The Worker read its own somewhere between request and response.
fn check_clock(worker: &Value, before_ms: i64, after_ms: i64, found: &mut Findings) {
    let there_ms = worker.get("now").and_then(Value::as_str).and_then(parse_rfc3339).unwrap_or_default();
    let difference_ms = there_ms - there_ms.clamp(before_ms, after_ms);
    if difference_ms.abs() > MAX_CLOCK_DIFFERENCE_MS {
        found.add(json!({
            "ledger": "", "problem": "clock", "is_wrong": true, "about": format!("{} s", difference_ms / 1_000),
            "count": 1, "says": "The clocks of the Worker and of this machine differ",
            "advice": "Set the one that is wrong: receivers refuse webhooks with a wrong timestamp.",
        }));
    }
}

/// The findings, each once with its count.
#[derive(Default)]
struct Findings(Vec<Value>);

impl Findings {
    fn take(&mut self, ledger: &str, response: &Value) -> Result<(), String> {
        for finding in list(response, "findings")? {
            let mut finding = finding.clone();
            finding.as_object_mut().ok_or_else(unreadable)?.insert("ledger".to_owned(), ledger.into());
            self.add(finding);
        }
        Ok(())
    }

    fn add(&mut self, finding: Value) {
        let same = |one: &&mut Value| {
            ["ledger", "problem", "about"].iter().all(|key| one.get(key) == finding.get(key))
        };
        match self.0.iter_mut().find(same) {
            Some(known) => {
                let sum = count(known) + count(&finding);
                if let Some(known) = known.as_object_mut() {
                    known.insert("count".to_owned(), sum.into());
                }
            }
            None => self.0.push(finding),
        }
    }
}

/// Checks one ledger, chunk by chunk, and again if it was changing. Returns the findings and the counters.
fn examine(client: &Client, ledger: &str) -> Result<(Findings, Value), String> {
    let mut looks = 0;
    loop {
        let mut found = Findings::default();
        let mut cursor = String::new();
        let states = loop {
            let response = client.get(&format!("doctor?ledger={ledger}{cursor}"))?;
            found.take(ledger, &response)?;
            match response.get("next").and_then(Value::as_str) {
                Some(next) => cursor = format!("&after={next}"),
                None => break response.get("states").cloned().unwrap_or_default(),
            }
        };
        let is_moving = found.0.iter().any(|finding| text(finding, "problem") == "moving");
        if !is_moving || looks == MORE_LOOKS {
            return Ok((found, states));
        }
        looks += 1;
    }
}

fn is_wrong(finding: &Value) -> bool {
    finding.get("is_wrong").and_then(Value::as_bool).unwrap_or(true)
}

fn in_words(finding: &Value) -> String {
    let mut words = if is_wrong(finding) { "ERROR ".to_owned() } else { "note  ".to_owned() };
    for key in ["ledger", "about"] {
        if !text(finding, key).is_empty() {
            words.push_str(&format!("{}: ", line(text(finding, key))));
        }
    }
    words.push_str(&line(text(finding, "says")));
    if count(finding) > 1 {
        words.push_str(&format!(" ({} times)", count(finding)));
    }
    if !text(finding, "example").is_empty() {
        words.push_str(&format!(", for example {}", line(text(finding, "example"))));
    }
    format!("{words}.\n      {}", line(text(finding, "advice")))
}

/// Returns the submissions of each state, by ledger.
fn counted(states: &BTreeMap<String, Value>) -> String {
    let summary = |(ledger, states): (&String, &Value)| {
        let counts = states.as_object().into_iter().flatten();
        let counts = counts.filter_map(|(state, count)| Some((state, count.as_i64()?)));
        let counts: Vec<_> = counts.filter(|(_, count)| *count != 0).collect();
        let accepted: i64 = counts.iter().map(|(_, count)| count).sum();
        let each: Vec<_> = counts.iter().map(|(state, count)| format!("{count} {}", line(state))).collect();
        format!(
            "{}: {accepted} accepted: {}",
            line(ledger),
            if each.is_empty() { "none".to_owned() } else { each.join(", ") }
        )
    };
    states.iter().map(summary).collect::<Vec<_>>().join("\n")
}

fn list<'a>(response: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    response.get(key).and_then(Value::as_array).ok_or_else(unreadable)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn count(finding: &Value) -> i64 {
    finding.get("count").and_then(Value::as_i64).unwrap_or(1)
}

fn unreadable() -> String {
    "the Worker's response is not one of the doctor: is the Worker older than this command line?".to_owned()
}
