//! `keys`: the key file, in which keys are created, rotated and retired.

mod retire;
mod ring;
mod rotate;
mod status;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use leadhook::base::crypto::base64url;

use self::ring::{Ring, check, new_key, new_signing_key};
pub use self::ring::{TOKEN_BYTES, random, say_how_to_deploy};
use super::client;
use super::terminal::say;
use super::vars::{ADMIN_TOKEN, KEYS_FILE, LISTS, PEPPERS, SEALING, SIGNING, Vars};

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct KeysFile {
    /// The key file, with NAME="value" lines as in .dev.vars
    #[arg(long, default_value = KEYS_FILE)]
    file: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Create missing keys; existing ones stay as they are
    Make {
        #[command(flatten)]
        keys: KeysFile,
    },
    /// Add a new current key; older ones still decrypt and verify
    Rotate {
        /// The kind of key
        ring: Ring,
        /// The name of the destination's secret, such as CRM_WEBHOOK_SECRET
        name: Option<String>,
        #[command(flatten)]
        keys: KeysFile,
    },
    /// Remove an older key that is no longer needed
    Retire(retire::Options),
    /// Show how many rows still need each key, and which keys can be retired
    Status {
        #[command(flatten)]
        server: client::Server,
    },
    /// Print the list key, to import lists on another machine
    Export {
        /// The kind of key: lists
        ring: Exported,
        #[command(flatten)]
        keys: KeysFile,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Exported {
    Lists,
}

pub fn run(options: &Options) -> Result<(), String> {
    match &options.command {
        Command::Make { keys } => make(&keys.file),
        Command::Rotate { ring, name, keys } => rotate::rotate(*ring, name.as_deref(), &keys.file),
        Command::Retire(options) => retire::retire(options),
        Command::Status { server } => status::status(server),
        Command::Export { ring: Exported::Lists, keys } => {
            let vars = Vars::read(&keys.file)?;
            say!("{LISTS}=\"{}\"", vars.need(LISTS)?);
            Ok(())
        }
    }
}

fn make(file: &Path) -> Result<(), String> {
    let mut vars = Vars::read_or_new(file)?;
    let mut added = Vec::new();
    for name in [PEPPERS, SEALING, SIGNING, LISTS, ADMIN_TOKEN] {
        if vars.get(name).is_some() {
            check(&vars, name)?;
            continue;
        }
        let value = match name {
            PEPPERS => format!("p1:{}", new_key()?),
            SEALING => format!("s1:{}", new_key()?),
            SIGNING => format!("r1:{}", new_signing_key()?),
            LISTS => format!("l1:{}", new_key()?),
            _ => base64url(&random::<TOKEN_BYTES>()?),
        };
        vars.set(name, &value);
        check(&vars, name)?;
        added.push(name);
    }
    if added.is_empty() {
        say!("{}: no key is missing.", vars.file());
        return Ok(());
    }
    vars.write()?;
    say!("{}: added {}. Keep the file safe, and keep a backup.", vars.file(), added.join(", "));
    say_how_to_deploy(&vars, &added);
    Ok(())
}
