//! Keys of each kind: made, checked, and how they reach Cloudflare.

use clap::ValueEnum;
use ed25519_dalek::SigningKey;
use leadhook::base::crypto::base64;
use leadhook::base::keyring::{Keyring, SigningKeys};

use crate::terminal::say;
use crate::vars::{LISTS, PEPPERS, SEALING, SIGNING, Vars};

const KEY_BYTES: usize = 32;
pub const TOKEN_BYTES: usize = 24;
/// The reason why the list key stays.
pub const LISTS_STAY: &str = "list keys are never rotated or retired: lists contain only hashes, which cannot be \
                          computed again without the addresses";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ring {
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

/// Checks that the Worker can read a value.
pub fn check(vars: &Vars, name: &str) -> Result<(), String> {
    let value = vars.need(name)?;
    let read = match name {
        PEPPERS | SEALING | LISTS => Keyring::parse(value).map(|_| ()),
        SIGNING => SigningKeys::parse(value).map(|_| ()),
        _ => Ok(()),
    };
    read.map_err(|reason| format!("{}: {name}: {reason}", vars.file()))
}

pub fn say_how_to_deploy(vars: &Vars, names: &[&str]) {
    let from = if vars.is_usual() { String::new() } else { format!(" --keys {}", vars.file()) };
    say!("If Leadhook runs on Cloudflare, upload it: leadhook deploy --put {}{from}", names.join(","));
}

pub fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| format!("cannot get random bytes: {error}"))?;
    Ok(bytes)
}

pub fn new_key() -> Result<String, String> {
    Ok(base64(&random::<KEY_BYTES>()?))
}

/// Returns a new signing key: seed and public key.
pub fn new_signing_key() -> Result<String, String> {
    Ok(base64(&SigningKey::from_bytes(&random()?).to_keypair_bytes()))
}

/// Returns the keys of a ring as they are written: id and text.
pub fn entries(ring: &str) -> Vec<(&str, &str)> {
    let parts = ring.split(',').filter_map(|entry| entry.trim().split_once(':'));
    parts.map(|(id, key)| (id, key.trim())).collect()
}

impl Ring {
    /// Returns the ring's name in the file; `None` for a destination.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Peppers => Some(PEPPERS),
            Self::Sealing => Some(SEALING),
            Self::Signing => Some(SIGNING),
            Self::Lists => Some(LISTS),
            Self::Destination => None,
        }
    }

    /// Returns the ring's name in commands and in the admin API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Peppers => "peppers",
            Self::Sealing => "sealing",
            Self::Signing => "signing",
            Self::Lists => "lists",
            Self::Destination => "destination",
        }
    }
}
