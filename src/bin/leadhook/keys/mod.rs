//! `keys`: the key file, in which keys are created, rotated and retired.

mod retire;
mod rotate;
mod status;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use ed25519_dalek::SigningKey;
use leadhook::base::crypto::{base64, base64url};
use leadhook::base::keyring::{Keyring, SigningKeys};

use super::client;
use super::terminal::say;
use super::vars::{ADMIN_TOKEN, KEYS_FILE, LISTS, PEPPERS, SEALING, SIGNING, Vars};

const KEY_BYTES: usize = 32;
pub const TOKEN_BYTES: usize = 24;
/// The reason why the list key stays.
const LISTS_STAY: &str = "list keys are never rotated or retired: lists contain only hashes, which cannot be \
                          computed again without the addresses";

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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ring {
    /// Recognise people and chain consent histories
    Peppers,
    /// Encrypt personal data
    Sealing,
    /// Sign receipts
    Signing,
    /// Hash the people on lists
    Lists,
    /// Sign the webhooks of a destination
    Destination,
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

/// Checks that the Worker can read a value.
fn check(vars: &Vars, name: &str) -> Result<(), String> {
    let value = vars.need(name)?;
    let read = match name {
        PEPPERS | SEALING | LISTS => Keyring::parse(value).map(|_| ()),
        SIGNING => SigningKeys::parse(value).map(|_| ()),
        _ => Ok(()),
    };
    read.map_err(|reason| format!("{}: {name}: {reason}", vars.file()))
}

pub fn say_how_to_deploy(vars: &Vars, names: &[&str]) {
    say!("Upload it to Cloudflare; wrangler asks for the value between the quotes in {}:", vars.file());
    for name in names {
        say!("  node_modules/.bin/wrangler secret put {name} --config wrangler.deploy.toml");
    }
}

pub fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("cannot get random bytes: {error}"))?;
    Ok(bytes)
}

fn new_key() -> Result<String, String> {
    Ok(base64(&random::<KEY_BYTES>()?))
}

/// Returns a new signing key: seed and public key.
fn new_signing_key() -> Result<String, String> {
    Ok(base64(&SigningKey::from_bytes(&random()?).to_keypair_bytes()))
}

/// Returns the keys of a ring as they are written: id and text.
fn entries(ring: &str) -> Vec<(&str, &str)> {
    let parts = ring.split(',').filter_map(|entry| entry.trim().split_once(':'));
    parts.map(|(id, key)| (id, key.trim())).collect()
}

impl Ring {
    /// Returns the ring's name in the file; `None` for a destination.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Peppers => Some(PEPPERS),
            Self::Sealing => Some(SEALING),
            Self::Signing => Some(SIGNING),
            Self::Lists => Some(LISTS),
            Self::Destination => None,
        }
    }

    /// Returns the ring's name in commands and in the admin API.
    fn word(self) -> &'static str {
        match self {
            Self::Peppers => "peppers",
            Self::Sealing => "sealing",
            Self::Signing => "signing",
            Self::Lists => "lists",
            Self::Destination => "destination",
        }
    }
}
