//! `keys retire`: the removal of an older key that nothing needs.

use std::path::PathBuf;

use clap::Args;
use ed25519_dalek::SigningKey;
use leadhook::base::crypto::{base64, from_base64};

use super::ring::{LISTS_STAY, Ring, check, entries, say_how_to_deploy};
use super::rotate::destination_secrets;
use super::status::{in_every_ledger, rows_naming};
use crate::client::{Client, url_of_environment};
use crate::terminal::{line, say};
use crate::vars::{KEYS_FILE, SIGNING, Vars};

#[derive(Args)]
pub struct Options {
    /// The kind of key
    ring: Ring,
    /// The id of the key, such as p1; for a destination the name of its secret, such as CRM_WEBHOOK_SECRET
    #[arg(value_name = "KEY_ID")]
    id: String,
    /// The key file, with NAME="value" lines as in .dev.vars
    #[arg(long, default_value = KEYS_FILE)]
    file: PathBuf,
    /// The address of Leadhook, to ask whether the key is still needed. The admin token is read from
    /// LEADHOOK_ADMIN_TOKEN in the environment, else from the file [default: LEADHOOK_URL]
    #[arg(long)]
    url: Option<String>,
    /// Remove the key without asking: whatever still needs it can never be read again
    #[arg(long, conflicts_with = "url")]
    force: bool,
}

pub fn retire(options: &Options) -> Result<(), String> {
    let mut vars = Vars::read(&options.file)?;
    match options.ring {
        Ring::Lists => Err(LISTS_STAY.to_owned()),
        Ring::Destination => retire_destination(&mut vars, &options.id),
        Ring::Signing => retire_signing(&mut vars, &options.id),
        Ring::Peppers | Ring::Sealing => retire_unused(&mut vars, options),
    }
}

fn retire_unused(vars: &mut Vars, options: &Options) -> Result<(), String> {
    let (ring, id) = (options.ring, options.id.as_str());
    let name = ring.name().unwrap_or_default();
    let present = older(vars, name, id)?;
    if !options.force {
        let Some(url) = options.url.clone().or_else(url_of_environment) else {
            return Err(format!(
                "only the Worker knows whether {id} is still needed: pass its address with --url, or --force, after \
                 which whatever needs {id} can never be read again"
            ));
        };
        let response = in_every_ledger(&Client::new(&url, &options.file)?)?;
        let naming: Vec<_> =
            rows_naming(&response, ring.word(), id)?.into_iter().filter(|(_, rows)| *rows > 0).collect();
        if !naming.is_empty() {
            let parts = naming.iter().map(|(ledger, rows)| format!("{rows} rows of {}", line(ledger)));
            let parts = parts.collect::<Vec<_>>().join(", ");
            return Err(format!("{id} is still needed by {parts}; nothing was changed"));
        }
    }
    let kept = entries(&present).into_iter().filter(|(known, _)| *known != id);
    let kept = kept.map(|(id, key)| format!("{id}:{key}")).collect::<Vec<_>>().join(",");
    vars.set(name, &kept);
    check(vars, name)?;
    vars.write()?;
    say!("{}: {id} is no longer in {name}.", vars.file());
    say_how_to_deploy(vars, &[name]);
    Ok(())
}

/// Removes the private half of a signing key; the public one still verifies what it signed.
fn retire_signing(vars: &mut Vars, id: &str) -> Result<(), String> {
    let present = older(vars, SIGNING, id)?;
    let mut kept = Vec::new();
    for (known, key) in entries(&present) {
        if known != id {
            kept.push(format!("{known}:{key}"));
        } else if key.starts_with("public.") {
            return Err(format!("{id} is already retired: only its public half is left"));
        } else {
            let pair = from_base64(key).and_then(|pair| <[u8; 64]>::try_from(pair).ok());
            let pair = pair.and_then(|pair| SigningKey::from_keypair_bytes(&pair).ok());
            let pair = pair.ok_or_else(|| format!("{}: the two halves of {id} do not match", vars.file()))?;
            kept.push(format!("{id}:public.{}", base64(pair.verifying_key().as_bytes())));
        }
    }
    vars.set(SIGNING, &kept.join(","));
    check(vars, SIGNING)?;
    vars.write()?;
    say!("{}: {id} no longer signs; what it signed can still be verified.", vars.file());
    say_how_to_deploy(vars, &[SIGNING]);
    Ok(())
}

fn retire_destination(vars: &mut Vars, name: &str) -> Result<(), String> {
    let present = destination_secrets(vars, name)?;
    let mut secrets = present.split_whitespace();
    let current = secrets.next().unwrap_or_default();
    if secrets.next().is_none() {
        return Err(format!("{}: {name} has only one secret; rotate it first", vars.file()));
    }
    vars.set(name, current);
    vars.write()?;
    say!("{}: {name} now has only its newer secret.", vars.file());
    say_how_to_deploy(vars, &[name]);
    Ok(())
}

/// Returns the ring, if it has the key and another one is current.
fn older(vars: &Vars, name: &str, id: &str) -> Result<String, String> {
    let present = vars.need(name)?.to_owned();
    check(vars, name)?;
    let position = entries(&present).iter().position(|(known, _)| *known == id);
    match position {
        None => Err(format!("{}: {name} has no key {id:?}", vars.file())),
        Some(0) => Err(format!("{id} is the current key of {name}; rotate it first")),
        Some(_) => Ok(present),
    }
}
