//! `keys`: the file of keys, in which they are made, rotated and retired.

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
/// Why lists keep their key.
const LISTS_STAY: &str = "the key of the lists is not rotated or retired: lists hold hashes alone and outlive \
                          the other keys, and they cannot be hashed again without the people's addresses";

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct KeysFile {
    /// The file of NAME="value" lines; .dev.vars is one too
    #[arg(long, default_value = KEYS_FILE)]
    file: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// Make the keys that are missing; those that are there stay as they are
    Make {
        #[command(flatten)]
        keys: KeysFile,
    },
    /// Put a new key in front; the older ones still read
    Rotate {
        /// Which key
        ring: Ring,
        /// The name of the destination's secret, as in CRM_WEBHOOK_SECRET
        name: Option<String>,
        #[command(flatten)]
        keys: KeysFile,
    },
    /// Remove an older key that nothing needs any more
    Retire(retire::Options),
    /// Say how much is still kept under each key, and which may be retired
    Status {
        #[command(flatten)]
        server: client::Server,
    },
    /// Print the key of the lists, for whoever imports lists on another machine
    Export {
        /// Which key: lists
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
    /// By which people are recognised and histories are chained
    Peppers,
    /// Under which personal data lie
    Sealing,
    /// By which receipts are signed
    Signing,
    /// By which lists are hashed
    Lists,
    /// The secret that signs a destination's webhooks
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
        say!("{}: nothing is missing.", vars.file());
        return Ok(());
    }
    vars.write()?;
    say!("{}: added {}. Keep the file safe, and a copy of it.", vars.file(), added.join(", "));
    say_how_to_deploy(&vars, &added);
    Ok(())
}

/// Whether the Worker can read a value.
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
    say!("Bring it to Cloudflare; wrangler asks for what stands between the quotes in {}:", vars.file());
    for name in names {
        say!("  node_modules/.bin/wrangler secret put {name} --config wrangler.deploy.toml");
    }
}

pub fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("this machine gives no randomness: {error}"))?;
    Ok(bytes)
}

fn new_key() -> Result<String, String> {
    Ok(base64(&random::<KEY_BYTES>()?))
}

/// Seed and public key.
fn new_signing_key() -> Result<String, String> {
    Ok(base64(&SigningKey::from_bytes(&random()?).to_keypair_bytes()))
}

/// The keys of a ring as they are written: id and text.
fn entries(ring: &str) -> Vec<(&str, &str)> {
    let parts = ring.split(',').filter_map(|entry| entry.trim().split_once(':'));
    parts.map(|(id, key)| (id, key.trim())).collect()
}

impl Ring {
    /// Under which the ring stands in the file; nothing for a destination.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Peppers => Some(PEPPERS),
            Self::Sealing => Some(SEALING),
            Self::Signing => Some(SIGNING),
            Self::Lists => Some(LISTS),
            Self::Destination => None,
        }
    }

    /// As commands and the Worker call it.
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
