//! `publish`: campaigns to KV, through wrangler, which has access to the account, or through the admin API, which
//! checks the operator's settings, asks the ledger what waits, and writes to the audit log.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{ArgGroup, Args};
use leadhook::campaign::change::Change;
use leadhook::campaign::publish::{campaign_key, controller_of, keys, ledger_key, plan};
use leadhook::campaign::{Campaign, Channel};
use serde_json::{Value, json};

use super::campaigns::{read, refused_secrets, secret_hosts};
use super::client::{self, encoded};
use super::terminal::{line, note, say};
use super::vars::SECRET_HOSTS;

/// The most keys of one bulk read from KV.
const BULK_KEYS: usize = 100;

#[derive(Args)]
#[command(group = ArgGroup::new("where").required(true).args(["local", "remote", "api"]))]
pub struct Options {
    /// Campaign files (TOML)
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Publish to the local KV of `wrangler dev`, which must not be running
    #[arg(long)]
    local: bool,
    /// Publish to Cloudflare with wrangler
    #[arg(long)]
    remote: bool,
    /// Publish through the admin API, with a token of the scope publish: it warns about deliveries that will
    /// not be sent, and writes to the audit log
    #[arg(long)]
    api: bool,
    /// The old name of the ledger's controller, if it has changed; the files state the new one, a new
    /// privacy_notice_version and new versions of all purposes
    #[arg(long, value_name = "OLD")]
    rename_controller: Option<String>,
    /// The folder with the local state
    #[arg(long, default_value = ".state", conflicts_with_all = ["remote", "api"])]
    persist_to: PathBuf,
    #[command(flatten)]
    server: client::Server,
}

pub fn publish(options: &Options) -> Result<(), String> {
    let mut problems = Vec::new();
    let mut campaigns = Vec::new();
    for file in &options.files {
        match read(file) {
            Ok(campaign) if options.remote && !campaign.development_only().is_empty() => {
                let lines = campaign.development_only();
                problems.extend(lines.iter().map(|problem| line(&format!("{}: {problem}", file.display()))));
            }
            Ok(campaign) => campaigns.push((file.as_path(), campaign)),
            Err(reason) => problems.push(reason),
        }
    }
    if options.api {
        refuse(&problems)?;
        return send(options, &campaigns);
    }
    let hosts = secret_hosts(&options.server.keys)?;
    problems.extend(refused_secrets(&campaigns, hosts.as_ref(), |_| options.local));
    let wanted: Vec<String> = campaigns.iter().flat_map(|(_, campaign)| keys(campaign)).collect();
    let mut stored = if problems.is_empty() { get(options, &wanted)? } else { BTreeMap::new() };
    let mut writes = Vec::new();
    let mut warnings = Vec::new();
    for (file, campaign) in &campaigns {
        let name = file.display();
        let owner = stored.get(&ledger_key(&campaign.ledger)).and_then(|record| controller_of(record));
        match plan(campaign, options.rename_controller.as_deref(), |key| stored.get(key).cloned()) {
            Ok(planned) => {
                let before = stored.get(&campaign_key(&campaign.id));
                let before = before.and_then(|text| Campaign::from_stored(text).ok());
                let change = Change { before: before.as_ref(), after: campaign };
                warnings.extend(change.warnings(None).iter().map(|warning| format!("{name}: {warning}")));
                stored.extend(planned.writes.iter().cloned());
                writes.extend(planned.writes);
                if owner.is_some_and(|owner| owner != campaign.controller.name) {
                    warnings.push(format!(
                        "{name}: the renaming is only in Cloudflare's audit log; with --api it is in Leadhook's"
                    ));
                }
            }
            Err(refused) => {
                problems.extend(refused.iter().map(|problem| line(&format!("{name}: {problem}"))))
            }
        }
        if hosts.is_none() && !options.local {
            warnings.extend(unbound(campaign).map(|bound| {
                format!("{name}: {SECRET_HOSTS} of the Worker must contain {bound}, or nothing is sent there")
            }));
        }
    }
    refuse(&problems)?;
    put(options, &writes)?;
    for (_, campaign) in &campaigns {
        say!("published {} (revision {})", campaign.id, campaign.revision);
    }
    warn(&warnings);
    Ok(())
}

fn refuse(problems: &[String]) -> Result<(), String> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nNothing was published.", problems.join("\n")))
}

fn warn(warnings: &[String]) {
    for warning in warnings {
        note!("warning: {}", line(warning));
    }
}

/// Publishes through the admin API, one campaign after another. Those before one that is refused stay published.
fn send(options: &Options, campaigns: &[(&Path, Campaign)]) -> Result<(), String> {
    let client = options.server.client()?;
    let rename =
        options.rename_controller.as_deref().map(|name| format!("?rename_controller={}", encoded(name)));
    for (file, campaign) in campaigns {
        let path = format!("campaigns/{}{}", campaign.id, rename.as_deref().unwrap_or_default());
        let response = client.put(&path, &campaign.canonical);
        let response = response.map_err(|reason| format!("{}: {reason}", file.display()))?;
        say!("published {} (revision {})", campaign.id, campaign.revision);
        let warnings = response.get("warnings").and_then(Value::as_array).into_iter().flatten();
        let warnings = warnings.filter_map(Value::as_str).map(|text| format!("{}: {text}", file.display()));
        warn(&warnings.collect::<Vec<_>>());
    }
    Ok(())
}

/// Returns the bindings, as `NAME=host`, that a campaign's mails need.
fn unbound(campaign: &Campaign) -> impl Iterator<Item = String> {
    let sent = campaign.destinations.iter().filter(|one| matches!(one.channel, Channel::Email(_)));
    sent.map(|one| format!("{}={}", one.secret, one.host()))
}

fn get(options: &Options, keys: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut stored = BTreeMap::new();
    for keys in keys.chunks(BULK_KEYS) {
        let output = wrangler(options, "get", &json!(keys))?;
        let unreadable = || "the output of wrangler cannot be read".to_owned();
        let (start, end) = output.find('{').zip(output.rfind('}')).ok_or_else(unreadable)?;
        let response = output.get(start..=end).and_then(|text| serde_json::from_str::<Value>(text).ok());
        let Some(Value::Object(values)) = response else { return Err(unreadable()) };
        for (key, value) in values {
            let text = value.get("value").unwrap_or(&value).as_str().map(str::to_owned);
            if let Some(text) = text {
                stored.insert(key, text);
            }
        }
    }
    Ok(stored)
}

fn put(options: &Options, writes: &[(String, String)]) -> Result<(), String> {
    let writes: Vec<Value> =
        writes.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    wrangler(options, "put", &Value::Array(writes)).map(|_| ())
}

/// Runs `wrangler kv bulk get|put` with a file that holds `content`.
fn wrangler(options: &Options, verb: &str, content: &Value) -> Result<String, String> {
    let file = env::temp_dir().join(format!("leadhook-{}-{verb}.json", std::process::id()));
    fs::write(&file, content.to_string()).map_err(|error| format!("{}: {error}", file.display()))?;
    let program = env::var("WRANGLER").unwrap_or_else(|_| "node_modules/.bin/wrangler".to_owned());
    let mut command = Command::new(&program);
    command.args(["kv", "bulk", verb]).arg(&file).args(["--binding", "KV"]);
    if options.remote {
        command.arg("--remote");
        // The file that `make deploy` writes has the namespace's id.
        if fs::exists("wrangler.deploy.toml").unwrap_or(false) {
            command.args(["--config", "wrangler.deploy.toml"]);
        }
    } else {
        command.arg("--local").arg("--persist-to").arg(&options.persist_to);
    }
    command.env("WRANGLER_SEND_METRICS", "false").env("NO_COLOR", "1").stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{program}: {error}"));
    let _ = fs::remove_file(&file);
    let output = output?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("wrangler failed:\n{text}{}", String::from_utf8_lossy(&output.stderr)))
}
