//! `receipt verify`: verification of receipts, and their content in words.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use leadhook::base::time::rfc3339;
use leadhook::pipeline::lead::{Identity, subject};
use serde_json::Value;

use super::campaigns::text_of;
use super::client::fetch;
use super::host;
use super::jws::PublicKeys;
use super::person::email;
use super::terminal::{self, say};
use super::vars::{PEPPERS, Vars};

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Verify signed receipts and print their content
    Verify(Verify),
}

#[derive(Args)]
struct Verify {
    /// A file with receipts, one per line, or with the body of a webhook; - for standard input
    file: PathBuf,
    /// The public keys as a JWK set: a file, or the address at which Leadhook publishes them
    #[arg(long, value_name = "FILE|URL")]
    jwks: String,
    /// Check also that the receipt is about this person
    #[arg(long, requires_all = ["keys", "ledger"])]
    email: Option<String>,
    /// The key file with the peppers, to recognise the person
    #[arg(long, value_name = "FILE", requires = "email")]
    keys: Option<PathBuf>,
    /// The ledger of the campaign, to recognise the person
    #[arg(long, requires = "email")]
    ledger: Option<String>,
}

pub fn run(options: &Options) -> Result<(), String> {
    let Command::Verify(options) = &options.command;
    let text = read(&options.file)?;
    let jwks = if options.jwks.starts_with("https://") || options.jwks.starts_with("http://") {
        fetch(&options.jwks)?
    } else {
        read(Path::new(&options.jwks))?
    };
    let keys = PublicKeys::of_jwks(&jwks).map_err(|reason| format!("{}: {reason}", options.jwks))?;
    let person = Person::of(options)?;
    for jws in receipts(&text)? {
        let (payload, kid) = keys.verify(&jws)?;
        say!("genuine, signed by the key {kid:?}");
        say!("{}", in_words(&payload).trim_end());
        if let Some(person) = &person {
            say!("{:<13} {}", "about", person.compared(&payload)?);
        }
    }
    Ok(())
}

pub fn read(file: &Path) -> Result<String, String> {
    if file != Path::new("-") {
        return text_of(file);
    }
    host::read_input().map_err(|refusal| format!("standard input: {refusal}"))
}

/// Returns the receipts of a file: one per line, or those in the body of a webhook.
fn receipts(text: &str) -> Result<Vec<String>, String> {
    if !text.trim_start().starts_with('{') {
        let lines: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        return Ok(if lines.is_empty() { vec![String::new()] } else { lines });
    }
    let body: Value =
        serde_json::from_str(text).map_err(|error| format!("cannot read the webhook: {error}"))?;
    let consents = body.pointer("/data/consent").and_then(Value::as_array);
    let found = consents.into_iter().flatten().filter_map(|consent| consent.get("receipt"));
    let found: Vec<String> = found.filter_map(Value::as_str).map(str::to_owned).collect();
    if found.is_empty() { Err("the webhook contains no receipt".to_owned()) } else { Ok(found) }
}

/// The person that the operator asks about, by the subjects of receipts.
struct Person {
    subjects: Vec<String>,
    file: PathBuf,
}

impl Person {
    fn of(options: &Verify) -> Result<Option<Self>, String> {
        let (Some(text), Some(file), Some(ledger)) = (&options.email, &options.keys, &options.ledger) else {
            return Ok(None);
        };
        let person = email(text).ok_or("--email: not an e-mail address")?;
        let settings = Vars::read(file)?.settings(PEPPERS)?;
        let prints = Identity::new(&settings, ledger).fingerprints_of(&person);
        Ok(Some(Self { subjects: prints.iter().map(|print| subject(print)).collect(), file: file.clone() }))
    }

    fn compared(&self, payload: &Value) -> Result<&'static str, String> {
        let stated = subjects(payload);
        if stated.iter().any(|name| self.subjects.iter().any(|subject| subject == name)) {
            return Ok("the person with that address");
        }
        let pepper = |name: &str| name.split_once('.').map(|(id, _)| id.to_owned()).unwrap_or_default();
        let unknown = stated
            .iter()
            .map(|name| pepper(name))
            .find(|id| !self.subjects.iter().any(|subject| pepper(subject) == *id));
        Err(match unknown {
            Some(id) => {
                format!("cannot tell whom it is about: {} has no pepper {id:?}", self.file.display())
            }
            None => {
                "the receipt is genuine, but not about the person with that address in that ledger".to_owned()
            }
        })
    }
}

/// Returns the pseudonyms in a receipt.
fn subjects(payload: &Value) -> Vec<&str> {
    // A receipt of an erasure has them by ledger.
    let ledgers = payload.get("ledgers").and_then(Value::as_array).into_iter().flatten();
    let of_ledgers = ledgers.filter_map(|ledger| ledger.get("subjects"));
    let all = ["piiPrincipalId", "subject", "subjects"].into_iter().filter_map(|key| payload.get(key));
    all.chain(of_ledgers)
        .flat_map(|value| value.as_array().map_or_else(|| vec![value], |many| many.iter().collect()))
        .filter_map(Value::as_str)
        .collect()
}

fn in_words(payload: &Value) -> String {
    let mut out = String::new();
    if payload.get("type").and_then(Value::as_str) == Some("erasure") {
        out.push_str(&line("statement", "a person was erased"));
        for (name, value) in payload.as_object().into_iter().flatten().filter(|(name, _)| *name != "type") {
            described(&mut out, 0, name, value);
        }
        return out;
    }
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).unwrap_or("not stated");
    let purpose = |part: &str| text(&format!("/record/pii_processing/purposes/0/{part}"));
    let at =
        payload.get("consentTimestamp").and_then(Value::as_i64).map(|s| rfc3339(s.saturating_mul(1_000)));
    let state = payload.pointer("/record/events").and_then(Value::as_array).and_then(|events| events.last());
    let state = state.and_then(|event| event.get("event_state")).and_then(Value::as_str);
    let wording = text("/services/0/purposes/0/purpose");
    let controller = [
        text("/piiControllers/0/piiController"),
        text("/piiControllers/0/address/streetAddress"),
        text("/piiControllers/0/email"),
    ];
    let controller =
        controller.into_iter().filter(|part| *part != "not stated").collect::<Vec<_>>().join(", ");
    let seq = payload.pointer("/record/history/seq").and_then(Value::as_i64);
    let seq = seq.map_or_else(|| "not stated".to_owned(), |seq| format!("act {seq}"));
    let lines = [
        ("receipt", text("/consentReceiptID").to_owned()),
        ("statement", state.unwrap_or("not stated").to_owned()),
        ("time", at.unwrap_or_else(|| "not stated".to_owned())),
        ("person", format!("{} (a pseudonym)", text("/piiPrincipalId"))),
        ("purpose", format!("{}: {wording}", purpose("purpose"))),
        ("version", format!("{}, shown {}", purpose("wording/version"), purpose("wording/version_shown"))),
        ("sha256", purpose("wording/sha256").to_owned()),
        ("controller", controller),
        ("campaign", text("/record/campaign").to_owned()),
        ("withdraw at", text("/services/0/purposes/0/termination").to_owned()),
        ("history", format!("{seq}, head {}", text("/record/history/head"))),
    ];
    out.extend(lines.iter().map(|(name, text)| line(name, text)));
    out
}

/// Describes anything in lines, one for each plain value.
fn described(out: &mut String, depth: usize, name: &str, value: &Value) {
    let name = format!("{}{}", "  ".repeat(depth), name.replace('_', " "));
    match value {
        Value::Null => {}
        Value::String(text) => out.push_str(&line(&name, text)),
        Value::Array(many) if many.iter().all(Value::is_string) => {
            let many: Vec<&str> = many.iter().filter_map(Value::as_str).collect();
            out.push_str(&line(&name, &many.join(", ")));
        }
        Value::Array(many) => many.iter().for_each(|one| described(out, depth, name.trim(), one)),
        Value::Object(parts) => {
            out.push_str(&line(&name, ""));
            parts.iter().for_each(|(part, value)| described(out, depth + 1, part, value));
        }
        plain => out.push_str(&line(&name, &plain.to_string())),
    }
}

fn line(name: &str, text: &str) -> String {
    format!("{}\n", format!("{:<13} {}", terminal::line(name), terminal::line(text)).trim_end())
}
