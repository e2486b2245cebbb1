//! `token`: tokens of the admin API, each with a name and scopes.

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
    /// Make a token, add it to the file of keys, and print it once
    Make {
        /// Whose it is, as the audit log will say: lower-case letters, digits and hyphens
        #[arg(long)]
        name: String,
        /// What it lets its holder do: read, operate, publish, erase; several by comma
        #[arg(long = "scope", value_delimiter = ',', required = true, value_parser = scope)]
        scopes: Vec<Scope>,
        /// The file of NAME="value" lines; .dev.vars is one too
        #[arg(long, default_value = KEYS_FILE)]
        file: PathBuf,
    },
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::parse(name).ok_or_else(|| "a scope is read, operate, publish or erase".to_owned())
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
    say!("{}: added to {ADMIN_TOKENS}. The entry, and the token that {name} sends:", vars.file());
    say!("  {entry}");
    say!("  {token}");
    say!("It is not shown again; whoever has it writes {ADMIN_TOKEN}=\"…\" into a file of their own.");
    say_how_to_deploy(&vars, &[ADMIN_TOKENS]);
    Ok(())
}
