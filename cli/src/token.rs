//! `token`: tokens for the admin API, each with a name and scopes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use leadhook::base::crypto::base64url;
use leadhook::settings::admin_tokens::{AdminTokens, Scope};

use super::keys::{TOKEN_BYTES, random, say_how_to_deploy};
use super::terminal::say;
use super::vars::{ADMIN_TOKEN, ADMIN_TOKENS, KEYS_FILE, Vars};

#[derive(Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Create a token, add it to the key file, and print it once
    Make {
        /// The name of its holder in the audit log: lower-case letters, digits and hyphens
        #[arg(long)]
        name: String,
        /// The scopes, separated by commas: read, operate, publish, erase
        #[arg(long = "scope", value_delimiter = ',', required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// The key file, with NAME="value" lines as in .dev.vars
        #[arg(long, default_value = KEYS_FILE)]
        file: PathBuf,
    },
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::parse(name).ok_or_else(|| "must be read, operate, publish or erase".to_owned())
}

pub fn run(options: &Options) -> Result<(), String> {
    let Command::Make { name, scopes, file } = &options.command;
    let mut vars = Vars::read_or_new(file)?;
    let older = vars.get(ADMIN_TOKENS).unwrap_or_default();
    let refused = |reason: &str| format!("{}: {ADMIN_TOKENS}: {reason}", vars.file());
    let sole = vars.get(ADMIN_TOKEN).map(AdminTokens::sole).unwrap_or_default();
    let known = sole.and(older).map_err(refused)?;
    let token = base64url(&random::<TOKEN_BYTES>()?);
    let mut names: Vec<&str> = Vec::new();
    for name in scopes.iter().map(|scope| scope.name()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let entry = format!("{name}:{}:{token}", names.join("+"));
    known.and(&entry).map_err(refused)?;
    let all = if older.is_empty() { entry.clone() } else { format!("{older},{entry}") };
    vars.set(ADMIN_TOKENS, &all);
    vars.write()?;
    say!("{}: added to {ADMIN_TOKENS}. The entry, and the token for {name}:", vars.file());
    say!("  {entry}");
    say!("  {token}");
    say!("It is not shown again. Its holder writes {ADMIN_TOKEN}=\"…\" to a key file of their own.");
    say_how_to_deploy(&vars, &[ADMIN_TOKENS]);
    Ok(())
}
