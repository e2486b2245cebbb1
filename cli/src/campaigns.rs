//! Campaign files: `check`, `new` and `score`.

use std::ops::Range;
use std::path::Path;

use leadhook::base::url::WebAddress;
use leadhook::campaign::{Campaign, Problem, Raw, SecretHosts, SecretUses, Secrets};
use leadhook::pipeline::abuse::turnstile::VERIFY_URL;
use leadhook::pipeline::intake;
use leadhook::pipeline::intake::Undecodable;
use leadhook::pipeline::lead::Lead;
use leadhook::pipeline::scoring;
use leadhook::pipeline::scoring::Decision;
use serde_json::Value;

use super::client::url_of_environment;
use super::host::{self, Readers};
use super::terminal::{json_text, line, note, say};
use super::vars::{KEYS_FILE, SECRET_HOSTS, Vars};

/// The file that `new` writes.
const TEMPLATE: &str = include_str!("template.toml");

/// Reads and checks one campaign file. The error names the file with each problem.
pub fn read(file: &Path) -> Result<Campaign, String> {
    parse(&file.display().to_string(), &text_of(file)?).map_err(|problems| problems.join("\n"))
}

/// Reads and checks the text of a campaign file, and returns it as `{"campaign": …}` in the JSON that the admin API
/// takes, or as `{"problems": […]}`, a line for each: for the programs beside the command line.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn campaign(file: &str, text: &str) -> String {
    match parse(file, &as_written(text)) {
        Ok(campaign) => format!("{{\"campaign\":{}}}", campaign.canonical),
        Err(problems) => serde_json::json!({ "problems": problems }).to_string(),
    }
}

fn parse(name: &str, text: &str) -> Result<Campaign, Vec<String>> {
    let table: toml::Table = toml::from_str(text)
        .map_err(|error| vec![format!("{name}: {error}{}", hint(text, error.span()).unwrap_or_default())])?;
    let mut unquoted = Vec::new();
    let value = json_of(toml::Value::Table(table), "", &mut unquoted);
    let accepted = match Campaign::accept(&value) {
        Ok(_) if !unquoted.is_empty() => Err(unquoted),
        Ok(campaign) => {
            // The Worker knows its own address and checks again; this reports a problem early.
            let refused = campaign.refused_destinations(url_of_environment().as_deref(), true);
            if refused.is_empty() { Ok(campaign) } else { Err(refused) }
        }
        Err(problems) => {
            // If no text is wanted either, quotes would not help.
            unquoted.retain(|one| problems.iter().all(|other| other.path != one.path));
            unquoted.extend(problems);
            Err(unquoted)
        }
    };
    accepted.map_err(|problems| problems.iter().map(|problem| line(&format!("{name}: {problem}"))).collect())
}

/// Reads a text file as editors write it: with or without a byte order mark, with CRLF or LF.
pub fn text_of(file: &Path) -> Result<String, String> {
    let name = file.display();
    let bytes = host::read(file).map_err(|refusal| format!("{name}: {refusal}"))?;
    let not_one = |_| format!("{name}: is not UTF-8; save it as UTF-8");
    let text = String::from_utf8(bytes).map_err(not_one)?;
    Ok(as_written(&text))
}

fn as_written(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")
}

/// Returns advice on a line that is not TOML, which nearly always is a text without quotes.
fn hint(text: &str, at: Option<Range<usize>>) -> Option<String> {
    let start = text.get(..at?.start)?.rfind('\n').map_or(0, |end| end + 1);
    let (key, value) = text.get(start..)?.lines().next()?.split_once('=')?;
    let value = value.split('#').next().unwrap_or_default().trim();
    let is_key = key.trim().chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_bare = !value.is_empty() && !value.contains(['"', '\'', '[', '{']);
    (is_key && is_bare).then(|| format!("text needs quotes: write {} = \"{value}\"", key.trim()))
}

/// Converts a value of TOML to JSON, which has no dates and no infinite numbers: they are reported, and dates become
/// text.
fn json_of(value: toml::Value, path: &str, problems: &mut Vec<Problem>) -> Value {
    let within = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Datetime(date) => {
            problems.push(Problem::new(path, format!("must be text in quotes: write \"{date}\"")));
            Value::String(date.to_string())
        }
        toml::Value::Float(number) if !number.is_finite() => {
            problems.push(Problem::new(path, "must be a finite number"));
            Value::Null
        }
        toml::Value::Table(table) => {
            let read = |(key, one): (String, toml::Value)| {
                let one = json_of(one, &within(&key), problems);
                (key, one)
            };
            Value::Object(table.into_iter().map(read).collect())
        }
        toml::Value::Array(list) => {
            let read = |(at, one)| json_of(one, &format!("{path}[{at}]"), problems);
            Value::Array(list.into_iter().enumerate().map(read).collect())
        }
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
    }
}

pub fn check(files: &[impl AsRef<Path>], json: bool) -> Result<(), String> {
    let (mut problems, mut campaigns) = (Vec::new(), Vec::new());
    for file in files {
        let file = file.as_ref();
        match read(file) {
            Ok(campaign) => campaigns.push((file, campaign)),
            Err(reason) => problems.push(reason),
        }
    }
    let hosts = secret_hosts(Path::new(KEYS_FILE))?;
    let refused = refused_secrets(&campaigns, hosts.as_ref(), |one| !one.development_only().is_empty());
    for (file, campaign) in &campaigns {
        let name = line(&file.display().to_string());
        if json {
            say!("{}", json_text(&campaign.canonical));
            continue;
        }
        for warning in campaign.development_only() {
            say!("{name}: warning: {warning}");
        }
        if !refused.iter().any(|problem| problem.starts_with(&format!("{name}: "))) {
            say!("{name}: ok, campaign {}", campaign.id);
        }
    }
    problems.extend(refused);
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Returns where secrets may be sent: by the environment, else by the key file, where `make deploy` writes it.
/// `None` if neither says.
pub fn secret_hosts(keys: &Path) -> Result<Option<SecretHosts>, String> {
    let text = match host::variable(SECRET_HOSTS) {
        Some(text) => Some(text),
        None => Vars::read_or_new(keys)?.get(SECRET_HOSTS).map(str::to_owned),
    };
    let read = text.map(|text| SecretHosts::parse(&text)).transpose();
    read.map_err(|reason| format!("{SECRET_HOSTS}: {reason}"))
}

/// Returns the problems of the secrets that campaigns name, by the other campaigns and by where secrets may be
/// sent, if that is known. The Worker checks again when it publishes and when it sends.
pub fn refused_secrets(
    campaigns: &[(&Path, Campaign)],
    hosts: Option<&SecretHosts>,
    is_for_development: impl Fn(&Campaign) -> bool,
) -> Vec<String> {
    let mut problems = Vec::new();
    let turnstile = WebAddress::parse(VERIFY_URL).map(|url| url.host().to_owned()).unwrap_or_default();
    for (file, campaign) in campaigns {
        let mut elsewhere = SecretUses::default();
        let others = campaigns.iter().filter(|(_, other)| other.id != campaign.id);
        others.for_each(|(_, other)| elsewhere.add(&other.to_stored()));
        let refused = campaign.refused_secrets(&Secrets {
            hosts: hosts.unwrap_or(&SecretHosts::default()),
            elsewhere: &elsewhere,
            value: &|_| None,
            turnstile_host: &turnstile,
            development: hosts.is_none() || is_for_development(campaign),
        });
        problems.extend(refused.iter().map(|problem| line(&format!("{}: {problem}", file.display()))));
    }
    problems
}

/// Writes the commented campaign file of an id, which may have a folder before it.
pub fn new(id: &Path) -> Result<(), String> {
    let name = id.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".toml").unwrap_or(&name);
    let path = id.with_file_name(format!("{name}.toml"));
    let file = path.display();
    let text = TEMPLATE.replace("my-campaign", name);
    let table: toml::Table = toml::from_str(&text).map_err(|error| error.to_string())?;
    let value = serde_json::to_value(table).map_err(|error| error.to_string())?;
    if let Err(problems) = Campaign::accept(&value) {
        return Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    host::write_new(&path, &text, Readers::Anybody).map_err(|refusal| format!("{file}: {refusal}"))?;
    say!("Wrote {file}. Edit it, then run: leadhook check {file}");
    Ok(())
}

fn reason(undecodable: Undecodable) -> &'static str {
    match undecodable {
        Undecodable::Malformed(reason) => reason,
        Undecodable::MediaType => "the body is not in UTF-8",
        Undecodable::TooLarge => "the body is too large",
        Undecodable::TooManyFields => "the body has too many fields",
    }
}

/// Prints the score to standard output and the decision to standard error.
pub fn score(file: &Path, lead: &Path) -> Result<(), String> {
    let campaign = read(file)?;
    let name = lead.display();
    let text = text_of(lead)?;
    let read = intake::decode(Some("application/json"), text.as_bytes());
    let mut fields = read.map_err(|undecodable| format!("{name}: {}", reason(undecodable)))?;
    // A score does not depend on consent, so a lead without any can be scored.
    for purpose in campaign.purposes.iter().filter(|purpose| purpose.required) {
        let name = format!("consent.{}", purpose.id);
        if fields.entries.iter().all(|entry| !entry.name.eq_ignore_ascii_case(&name)) {
            fields.entries.push(intake::Entry { name, value: Raw::Bool(true) });
        }
    }
    let submission = intake::accept(fields, &campaign).map_err(|rejection| {
        let in_words =
            |problem: &intake::FieldProblem| line(&format!("{name}: {}: {}", problem.field, problem.detail));
        rejection.problems.iter().map(in_words).collect::<Vec<_>>().join("\n")
    })?;
    let lead = Lead::new(submission, &campaign, 0);
    let score = scoring::score(&campaign, &lead);
    say!("{}", json_text(&serde_json::to_string_pretty(&score).map_err(|error| error.to_string())?));
    match scoring::decide(&campaign, &lead, &score) {
        Decision::Forward(to) => {
            let names: Vec<_> = to.iter().map(|destination| destination.name.as_str()).collect();
            note!("forwarded to {}", names.join(", "));
        }
        Decision::Hold(because) => note!("held: {}", line(because)),
    }
    Ok(())
}
