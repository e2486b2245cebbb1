//! `consent verify`: verification of a consent history.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use leadhook::base::time::rfc3339;
use leadhook::pipeline::consent::{Act, Head, Verdict, verify_behind};
use leadhook::pipeline::lead::Identity;
use leadhook::settings::Settings;
use serde::Deserialize;
use serde_json::Value;

use super::jws::PublicKeys;
use super::receipts::read;
use super::terminal::{line, note, say};
use super::vars::{PEPPERS, Vars};

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Verify the consent history in the output of `leadhook access`
    Verify(Verify),
}

#[derive(Args)]
struct Verify {
    /// The output of `leadhook access`; - for standard input
    file: PathBuf,
    /// The key file with the peppers
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// A receipt of the person: the history must contain the act that it was made for
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
}

/// The part of the output of `access` that is verified.
#[derive(Deserialize)]
struct Access {
    ledgers: Vec<AccessLedger>,
}

#[derive(Deserialize)]
struct AccessLedger {
    ledger: String,
    leads: Vec<AccessLead>,
}

#[derive(Deserialize)]
struct AccessLead {
    lead_id: String,
    history: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    at: Option<String>,
    act: Value,
    #[serde(default)]
    personal: Option<String>,
    /// The MAC of the act before, if that is another person's and not shown.
    #[serde(default)]
    follows: Option<String>,
}

type Verdicts = Vec<(Act, Verdict)>;

pub fn run(options: &Options) -> Result<(), String> {
    let Command::Verify(options) = &options.command;
    let name = options.file.display();
    let access: Access = serde_json::from_str(&read(&options.file)?)
        .map_err(|error| format!("{name}: is not the output of leadhook access: {error}"))?;
    let vars = Vars::read(&options.keys)?;
    let settings = vars.settings(PEPPERS)?;
    let mut acts = Vec::new();
    for ledger in &access.ledgers {
        let identity = Identity::new(&settings, &ledger.ledger);
        for lead in &ledger.leads {
            say!("{} in {}", line(&lead.lead_id), line(&ledger.ledger));
            let judged = judge(&identity, lead);
            judged.iter().for_each(|(act, verdict)| say!("  {}", in_words(act, *verdict)));
            acts.extend(judged);
        }
    }
    if acts.is_empty() {
        say!("{name} contains no history");
    }
    let with = |wanted: Verdict| acts.iter().filter(|(_, verdict)| *verdict == wanted).count();
    let (changed, unknown) = (with(Verdict::Changed), with(Verdict::Unknown));
    if changed > 0 {
        return Err(format!("{changed} of {} acts have been changed", acts.len()));
    }
    if let Some(receipt) = &options.receipt {
        compare(receipt, &acts, &settings)?;
    }
    if unknown > 0 {
        let file = vars.file();
        return Err(format!(
            "{unknown} of {} acts cannot be verified: {file} does not have their pepper",
            acts.len()
        ));
    }
    Ok(())
}

/// Verifies each act after the one that it is chained to, or after its MAC if that act is not shown.
fn judge(identity: &Identity, lead: &AccessLead) -> Verdicts {
    let mut judged: Verdicts = Vec::new();
    for link in &lead.history {
        let (act, is_as_written) = typed(link);
        let ahead = judged.last().map(|(act, _)| Head::from(act));
        let before = match &link.follows {
            Some(mac) => Some(Head { seq: act.seq.saturating_sub(1), mac: mac.clone() }),
            None => ahead.clone(),
        };
        // If the act before is shown, it must be that one.
        let follows_it = ahead.is_none_or(|ahead| {
            before.as_ref().is_some_and(|before| before.seq > ahead.seq || *before == ahead)
        });
        let one = [(act.clone(), link.personal.clone())];
        let verdicts = verify_behind(before.as_ref(), identity.history_keys(), &lead.lead_id, &one);
        let verdict = verdicts.into_iter().next().filter(|_| is_as_written && follows_it);
        judged.push((act, verdict.unwrap_or(Verdict::Changed)));
    }
    judged
}

/// Returns the act, and whether the file has exactly what the act has: the MAC covers the known members only, so an
/// unknown one would go unnoticed. An act without a MAC does not count.
fn typed(link: &Link) -> (Act, bool) {
    let Ok(act) = serde_json::from_value::<Act>(link.act.clone()) else {
        return (remains(&link.act), false);
    };
    let whole = serde_json::to_value(&act).is_ok_and(|value| value == link.act);
    let timely = link.at.as_ref().is_none_or(|at| *at == rfc3339(act.at_ms));
    let chained = act.mac.contains('.');
    (act, whole && timely && chained)
}

/// Returns what is left of a damaged act, so that the ones after it can be distinguished from it.
fn remains(act: &Value) -> Act {
    let text = |key: &str| act.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| act.get(key).and_then(Value::as_i64).unwrap_or_default();
    Act {
        seq: number("seq"),
        at_ms: number("at_ms"),
        campaign: text("campaign"),
        consents: Vec::new(),
        commitment: text("commitment"),
        mac: text("mac"),
    }
}

fn in_words(act: &Act, verdict: Verdict) -> String {
    let verdict = match verdict {
        Verdict::Valid => "valid",
        Verdict::Erased => "erased",
        Verdict::Changed => "CHANGED",
        Verdict::Unknown => "unknown key",
    };
    let consents = act.consents.iter().map(|(purpose, state, _)| format!("{purpose} {}", state.as_str()));
    let consents = consents.collect::<Vec<_>>().join(", ");
    line(&format!("{}  {}  {}  {consents}  {verdict}", act.seq, rfc3339(act.at_ms), act.campaign))
}

/// Checks that the history contains the act that a receipt was made for.
fn compare(file: &Path, acts: &Verdicts, settings: &Settings) -> Result<(), String> {
    let name = file.display();
    let text = read(file)?;
    let payload = match &settings.signing {
        Some(keys) => {
            PublicKeys::of_keys(keys)?.verify(&text).map_err(|reason| format!("{name}: {reason}"))?.0
        }
        None => {
            note!("{name}: the signature was not verified; leadhook receipt verify does that");
            let payload = leadhook::pipeline::consent::payload_of(&text).map(|(_, payload, ..)| payload);
            payload
                .ok_or_else(|| format!("{name}: the receipt is damaged: it is not a JWS in compact form"))?
        }
    };
    let seq = payload.pointer("/record/history/seq").and_then(Value::as_i64);
    let head = payload.pointer("/record/history/head").and_then(Value::as_str);
    let (Some(seq), Some(head)) = (seq, head) else {
        return Err(format!("{name}: the receipt names no act of a history"));
    };
    if !acts.iter().any(|(act, _)| act.seq == seq && act.mac == head) {
        return Err(format!(
            "{name}: the history does not contain act {seq} of the receipt: it was truncated or rewritten, or it is \
             another person's"
        ));
    }
    say!("the history contains act {seq}, which the receipt was made for");
    Ok(())
}
