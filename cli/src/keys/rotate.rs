//! `keys rotate`: a new current key of a ring, or a new secret of a destination.

use std::path::Path;

use leadhook::pipeline::webhook::SigningSecret;

use super::ring::{LISTS_STAY, Ring, check, entries, new_key, new_signing_key, say_how_to_deploy};
use crate::terminal::say;
use crate::vars::Vars;

pub fn rotate(ring: Ring, name: Option<&str>, file: &Path) -> Result<(), String> {
    match (ring, name) {
        (Ring::Lists, _) => Err(LISTS_STAY.to_owned()),
        (Ring::Destination, Some(name)) => rotate_destination(name, file),
        (Ring::Destination, None) => {
            Err("the name of the secret is missing: leadhook keys rotate destination CRM_WEBHOOK_SECRET"
                .to_owned())
        }
        (_, Some(_)) => Err(format!("{} takes no name", ring.word())),
        (_, None) => rotate_ring(ring, file),
    }
}

fn rotate_ring(ring: Ring, file: &Path) -> Result<(), String> {
    let name = ring.name().unwrap_or_default();
    let mut vars = Vars::read(file)?;
    let present =
        vars.need(name).map_err(|reason| format!("{reason}; leadhook keys make adds it"))?.to_owned();
    check(&vars, name)?;
    let id = next_id(&present);
    let key = if ring == Ring::Signing { new_signing_key()? } else { new_key()? };
    vars.set(name, &format!("{id}:{key},{present}"));
    check(&vars, name)?;
    vars.write()?;
    say!("{}: the current key of {name} is now {id}; older ones still decrypt and verify.", vars.file());
    say_how_to_deploy(&vars, &[name]);
    Ok(())
}

/// Returns the letters of the current id with the number after the highest.
fn next_id(ring: &str) -> String {
    let letters = |id: &str| id.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let ids = || entries(ring).into_iter().map(|(id, _)| id);
    let number = |id: &str| id.get(letters(id)..).and_then(|digits| digits.parse::<u64>().ok());
    let highest = ids().filter_map(number).max().unwrap_or(0);
    let current = ids().next().unwrap_or_default();
    format!("{}{}", current.get(..letters(current)).unwrap_or_default(), highest.saturating_add(1))
}

fn rotate_destination(name: &str, file: &Path) -> Result<(), String> {
    let mut vars = Vars::read(file)?;
    let present = destination_secrets(&vars, name)?;
    let before = present.split_whitespace().next().unwrap_or_default();
    let rotated = format!("whsec_{} {before}", new_key()?);
    vars.set(name, &rotated);
    destination_secrets(&vars, name)?;
    vars.write()?;
    say!("{}: {name} has a new first secret; webhooks are signed with both.", vars.file());
    say_how_to_deploy(&vars, &[name]);
    say!("Then give the first whsec_… of the line to the receiver. Once it verifies with that one, run:");
    say!("  leadhook keys retire destination {name} --file {}", vars.file());
    Ok(())
}

/// Returns the secrets of a destination, checked.
pub fn destination_secrets(vars: &Vars, name: &str) -> Result<String, String> {
    if name.starts_with("LEADHOOK_") {
        return Err(format!("{name} is not the secret of a destination"));
    }
    let how = |reason| format!("{reason}; add the current secret there: {name}=\"whsec_…\"");
    let secrets = vars.need(name).map_err(how)?;
    match SigningSecret::parse(secrets) {
        Some(_) => Ok(secrets.to_owned()),
        None => Err(format!("{}: {name} does not contain whsec_… secrets of a webhook", vars.file())),
    }
}
