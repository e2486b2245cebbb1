//! `publish`: campaigns through the admin API, which checks the operator's settings, asks the ledger what waits, and
//! writes to the audit log.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use super::campaigns::read;
use super::client::{self, encoded};
use super::terminal::{line, note, say};

#[derive(Args)]
pub struct Options {
    /// Campaign files (TOML)
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The old name of the ledger's controller, if it has changed; the files state the new one, a new
    /// privacy_notice_version and new versions of all purposes
    #[arg(long, value_name = "OLD")]
    rename_controller: Option<String>,
    /// Accepted for scripts that were written when there were other ways
    #[arg(long, hide = true)]
    api: bool,
    #[command(flatten)]
    server: client::Server,
}

/// Publishes one campaign after another. Those before one that the Worker refuses stay published; what is wrong here
/// is not sent.
pub fn publish(options: &Options) -> Result<(), String> {
    let (mut problems, mut campaigns) = (Vec::new(), Vec::new());
    for file in &options.files {
        match read(file) {
            Ok(campaign) => campaigns.push((file, campaign)),
            Err(reason) => problems.push(reason),
        }
    }
    if !problems.is_empty() {
        return Err(format!("{}\nNothing was published.", problems.join("\n")));
    }
    let client = options.server.client()?;
    let rename =
        options.rename_controller.as_deref().map(|name| format!("?rename_controller={}", encoded(name)));
    for (file, campaign) in campaigns {
        let path = format!("campaigns/{}{}", campaign.id, rename.as_deref().unwrap_or_default());
        let response = client.put(&path, &campaign.canonical);
        let response = response.map_err(|reason| format!("{}: {reason}", file.display()))?;
        say!("published {} (revision {})", campaign.id, campaign.revision);
        let warnings = response.get("warnings").and_then(Value::as_array).into_iter().flatten();
        for warning in warnings.filter_map(Value::as_str) {
            note!("warning: {}: {}", line(&file.display().to_string()), line(warning));
        }
    }
    Ok(())
}
