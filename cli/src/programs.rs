//! `init`, `dev` and `deploy`: programs that the npm package has beside the command line, which reads their options.

use clap::Args;
use serde_json::{Map, Value, json};

use super::host;
use super::vars::KEYS_FILE;

/// The folders that they work on. `make dev` names them in the environment.
#[derive(Args)]
struct Folders {
    /// The folder with the campaign files [default: CAMPAIGNS, else campaigns]
    #[arg(long)]
    campaigns: Option<String>,
    /// The folder with landing pages [default: PAGES, else pages]
    #[arg(long)]
    pages: Option<String>,
    /// The folder with the files that campaigns give [default: FILES, else files]
    #[arg(long)]
    files: Option<String>,
    /// The folder with what Leadhook keeps [default: STATE, else .leadhook]
    #[arg(long)]
    state: Option<String>,
}

impl Folders {
    fn resolved(&self) -> Map<String, Value> {
        let folder = |given: &Option<String>, name: &str, usual: &str| {
            let found = given.clone().or_else(|| host::variable(name)).unwrap_or_else(|| usual.to_owned());
            (name.to_lowercase(), found.into())
        };
        [
            folder(&self.campaigns, "CAMPAIGNS", "campaigns"),
            folder(&self.pages, "PAGES", "pages"),
            folder(&self.files, "FILES", "files"),
            folder(&self.state, "STATE", ".leadhook"),
        ]
        .into_iter()
        .collect()
    }
}

#[derive(Args)]
pub struct Init {
    #[command(flatten)]
    folders: Folders,
}

#[derive(Args)]
pub struct Dev {
    #[command(flatten)]
    folders: Folders,
    /// The port of Leadhook on 127.0.0.1 [default: PORT, else 8787]
    #[arg(long)]
    port: Option<u16>,
    /// The port of the webhook receiver [default: SINK_PORT, else 8788]
    #[arg(long)]
    sink_port: Option<u16>,
}

#[derive(Args)]
pub struct Deploy {
    #[command(flatten)]
    folders: Folders,
    /// Say what would be deployed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only upload the values that the key file has for these names, such as a key that was rotated
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    put: Vec<String>,
    /// The key file
    #[arg(long, value_name = "FILE", default_value = KEYS_FILE)]
    keys: String,
    /// The name of the Worker, of which there may be several in an account. Its KV is NAME-kv, its bucket NAME-files
    #[arg(long, default_value = "leadhook")]
    name: String,
}

pub fn init(options: &Init) -> Result<(), String> {
    start("init", options.folders.resolved())
}

pub fn dev(options: &Dev) -> Result<(), String> {
    let mut resolved = options.folders.resolved();
    resolved.insert("port".to_owned(), port(options.port, "PORT", 8787)?.into());
    resolved.insert("sinkPort".to_owned(), port(options.sink_port, "SINK_PORT", 8788)?.into());
    start("dev", resolved)
}

pub fn deploy(options: &Deploy) -> Result<(), String> {
    let mut resolved = options.folders.resolved();
    resolved.insert("dryRun".to_owned(), options.dry_run.into());
    resolved.insert("put".to_owned(), json!(options.put));
    resolved.insert("keys".to_owned(), options.keys.as_str().into());
    resolved.insert("name".to_owned(), options.name.as_str().into());
    start("deploy", resolved)
}

fn start(program: &str, options: Map<String, Value>) -> Result<(), String> {
    host::start(program, &Value::Object(options).to_string())
}

/// Returns a port: as an option has it, else as a variable of the environment.
fn port(given: Option<u16>, name: &str, usual: u16) -> Result<u16, String> {
    match (given, host::variable(name)) {
        (Some(port), _) => Ok(port),
        (None, None) => Ok(usual),
        (None, Some(text)) => text.parse().map_err(|_| format!("{name}: {text:?} is not a port")),
    }
}
