//! `quarantine`: quarantined submissions, to be released or discarded.

use clap::{Args, Subcommand};
use leadhook::base::limits;
use leadhook::campaign::is_id;
use serde_json::{Value, json};

use super::client::{self, Client};
use super::terminal::{self, json_line, line, say};

/// The most submissions of a page.
const PAGE: u32 = limits::number("page_entries");
/// The most submissions that one request may name.
const NAMED_AT_ONCE: usize = limits::number("request_ids") as usize;

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List quarantined submissions with their abuse signals
    List {
        /// Only those of this campaign
        #[arg(long)]
        campaign: Option<String>,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: client::Server,
    },
    /// Print a submission with its content, as JSON
    Show {
        /// The id of the submission
        submission_id: String,
        #[command(flatten)]
        server: client::Server,
    },
    /// Release submissions: they are scored and delivered like any other
    Release(Chosen),
    /// Discard submissions
    Discard(Chosen),
}

#[derive(Args)]
struct Chosen {
    /// The ids of the submissions
    #[arg(value_name = "SUBMISSION_ID", required_unless_present = "all_of", conflicts_with = "all_of")]
    submission_ids: Vec<String>,
    /// All quarantined submissions of this campaign
    #[arg(long, value_name = "CAMPAIGN")]
    all_of: Option<String>,
    #[command(flatten)]
    server: client::Server,
}

pub fn run(options: &Options) -> Result<(), String> {
    match &options.command {
        Command::List { campaign, json, server } => list(campaign.as_deref(), *json, &server.client()?),
        Command::Show { submission_id, server } => {
            is_submission_id(submission_id)?;
            let shown = server.client()?.find(&format!("quarantine/{submission_id}"))?;
            say!("{}", terminal::json(&shown));
            Ok(())
        }
        Command::Release(chosen) => operate(chosen, "release", "released"),
        Command::Discard(chosen) => operate(chosen, "discard", "discarded"),
    }
}

fn list(campaign: Option<&str>, as_json: bool, client: &Client) -> Result<(), String> {
    let of = match campaign {
        Some(id) if !is_id(id) => return Err(format!("{id:?} is not the id of a campaign")),
        Some(id) => format!("&campaign={id}"),
        None => String::new(),
    };
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let page = client.get(&format!("quarantine?limit={PAGE}{of}{after}"))?;
        for submission in page.get("submissions").and_then(Value::as_array).into_iter().flatten() {
            count += 1;
            say!("{}", if as_json { json_line(submission) } else { in_words(submission) });
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    if count == 0 && !as_json {
        say!("Nothing is quarantined.");
    }
    Ok(())
}

fn in_words(submission: &Value) -> String {
    let text = |value: &Value, key: &str| line(value.get(key).and_then(Value::as_str).unwrap_or("-"));
    let number = |value: &Value| value.get("weight").and_then(Value::as_i64).unwrap_or(0);
    let mut words = format!(
        "{}  {}  {}  weight {}, kept until {}",
        text(submission, "submission_id"),
        text(submission, "campaign"),
        text(submission, "at"),
        number(submission),
        text(submission, "kept_until")
    );
    for signal in submission.get("signals").and_then(Value::as_array).into_iter().flatten() {
        words.push_str(&format!(
            "\n  {:>4}  {}: {}",
            number(signal),
            text(signal, "signal"),
            text(signal, "because")
        ));
    }
    words
}

/// A response to an order: the cursor of the next order, and the submissions that are done with.
type OrderReply = Result<(Value, Vec<String>), String>;

fn operate(chosen: &Chosen, verb: &str, done: &str) -> Result<(), String> {
    let client = chosen.server.client()?;
    let (mut count, mut left) = (0, Vec::new());
    let mut order = |order: Value| -> OrderReply {
        let response = client.post(&format!("quarantine/{verb}"), &order)?;
        let ids = |key: &str| -> Vec<String> {
            let ids = response.get(key).and_then(Value::as_array).into_iter().flatten();
            ids.filter_map(|id| id.as_str().map(str::to_owned)).collect()
        };
        let (over, not) = (ids(done), ids("not_possible"));
        count += over.len();
        left.extend(not.iter().cloned());
        Ok((response.get("next").cloned().unwrap_or_default(), [over, not].concat()))
    };
    match &chosen.all_of {
        Some(campaign) => {
            let mut after = Value::Null;
            loop {
                (after, _) = order(json!({ "campaign": campaign, "after": after }))?;
                if after.is_null() {
                    break;
                }
            }
        }
        None => {
            for ids in chosen.submission_ids.chunks(NAMED_AT_ONCE) {
                ids.iter().try_for_each(|id| is_submission_id(id))?;
                by_id(ids, &mut order)?;
            }
        }
    }
    say!("{count} {done}");
    if left.is_empty() {
        return Ok(());
    }
    let left = line(&left.join(" "));
    Err(format!(
        "not {done}, because they are not quarantined or cannot be decrypted with any key that is left: {left}"
    ))
}

/// Sends an order for submissions by id, through all ledgers, without those that are done.
fn by_id(ids: &[String], order: &mut impl FnMut(Value) -> OrderReply) -> Result<(), String> {
    let (mut ids, mut after) = (ids.to_vec(), Value::Null);
    loop {
        let (next, over) = order(json!({ "submission_ids": ids, "after": after }))?;
        ids.retain(|id| !over.contains(id));
        after = next;
        if after.is_null() {
            return Ok(());
        }
    }
}

fn is_submission_id(id: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if id.starts_with("sub_") && id.chars().all(plain) {
        Ok(())
    } else {
        Err(format!("{id:?} is not the id of a submission: sub_…"))
    }
}
