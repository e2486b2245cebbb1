//! `publish`: campaigns to KV, through wrangler, which has the keys to the account.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use leadhook::campaign::publish::{keys, plan};
use serde_json::{Value, json};

use super::campaigns::read;
use super::terminal::{line, say};

/// Keys that KV's bulk interface gives at once.
const BULK_KEYS: usize = 100;

#[derive(Args)]
pub struct Options {
    /// Campaign files (TOML)
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Publish to the local KV of `wrangler dev`, while it does not run
    #[arg(long, conflicts_with = "remote", required_unless_present = "remote")]
    local: bool,
    /// Publish to Cloudflare
    #[arg(long)]
    remote: bool,
    /// The folder of the local state
    #[arg(long, default_value = ".state", conflicts_with = "remote")]
    persist_to: PathBuf,
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
            Ok(campaign) => campaigns.push((file, campaign)),
            Err(reason) => problems.push(reason),
        }
    }
    let wanted: Vec<String> = campaigns.iter().flat_map(|(_, campaign)| keys(campaign)).collect();
    let mut stored = if problems.is_empty() { get(options, &wanted)? } else { BTreeMap::new() };
    let mut writes = Vec::new();
    for (file, campaign) in &campaigns {
        match plan(campaign, |key| stored.get(key).cloned()) {
            Ok(planned) => {
                stored.extend(planned.iter().cloned());
                writes.extend(planned);
            }
            Err(refused) => {
                problems
                    .extend(refused.iter().map(|problem| line(&format!("{}: {problem}", file.display()))));
            }
        }
    }
    if !problems.is_empty() {
        return Err(format!("{}\nNothing was published.", problems.join("\n")));
    }
    put(options, &writes)?;
    for (_, campaign) in &campaigns {
        say!("published {} (revision {})", campaign.id, campaign.revision);
    }
    Ok(())
}

fn get(options: &Options, keys: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut stored = BTreeMap::new();
    for keys in keys.chunks(BULK_KEYS) {
        let output = wrangler(options, "get", &json!(keys))?;
        let unreadable = || "wrangler's answer is not readable".to_owned();
        let (start, end) = output.find('{').zip(output.rfind('}')).ok_or_else(unreadable)?;
        let answer = output.get(start..=end).and_then(|text| serde_json::from_str::<Value>(text).ok());
        let Some(Value::Object(values)) = answer else { return Err(unreadable()) };
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
        // What `make deploy` wrote knows the namespace's id.
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
