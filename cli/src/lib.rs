//! The command line for marketers and operators: a program of its own, and in wasm a part of the npm package. What the
//! two do differently stands in `host`.
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "everything is printed through `terminal`")]

mod audit;
mod campaigns;
mod client;
mod consents;
mod contacts;
mod doctor;
mod host;
mod jws;
mod keys;
mod lists;
mod people;
mod person;
mod programs;
mod publish;
mod quarantine;
mod receipts;
mod sink;
mod terminal;
mod token;
mod vars;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen::prelude::wasm_bindgen;

use self::lists::Change;
use self::terminal::{note, say};

/// Self-hosted lead capture at the edge
#[derive(Parser)]
#[command(name = "leadhook", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a folder ready: example campaigns, pages, files, and random secrets, each if it is missing
    Init(programs::Init),
    /// Run Leadhook on this machine, with the campaigns of this folder and a webhook receiver
    Dev(programs::Dev),
    /// Check campaign files and report every problem at once
    Check {
        /// Campaign files (TOML)
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print each campaign as the JSON that the admin API accepts
        #[arg(long)]
        json: bool,
    },
    /// Publish campaigns through the admin API
    Publish(publish::Options),
    /// Write a commented campaign file to ID.toml
    New {
        /// The campaign's id: lower-case letters, digits and hyphens. A folder may stand before it: campaigns/ID
        id: PathBuf,
    },
    /// Print the score that a lead would get, as JSON
    Score {
        /// The campaign file (TOML)
        file: PathBuf,
        /// A submission as JSON, with the fields, `utm_…` and consent that a form would send
        #[arg(long)]
        lead: PathBuf,
    },
    /// Deploy to Cloudflare, with the secrets that are missing there
    Deploy(programs::Deploy),
    /// Receive webhooks, verify them and print each delivered lead
    Sink(sink::Options),
    /// Create, rotate and retire keys
    Keys(keys::Options),
    /// Verify a signed receipt of a consent or an erasure
    Receipt(receipts::Options),
    /// Verify the consent history of a person
    Consent(consents::Options),
    /// Check a running deployment, and say how to fix what is wrong
    Doctor(doctor::Options),
    /// Print everything that is stored about a person, as JSON
    Access(people::Access),
    /// Erase everything that is stored about a person, and print a signed receipt
    Erase(people::Erase),
    /// Manage lists: existing customers, and people who must not be contacted
    List(lists::Options),
    /// List, release and discard quarantined submissions
    Quarantine(quarantine::Options),
    /// Print the audit log, newest entries first
    Audit(audit::Options),
    /// Create tokens for the admin API
    Token(token::Options),
    /// Add a person to the suppression list
    Suppress(lists::One),
    /// Remove a person from the suppression list
    Unsuppress(lists::One),
}

/// Runs the command line with its arguments, the program's name first, and returns the exit code.
#[cfg_attr(target_arch = "wasm32", wasm_bindgen)]
pub fn run(arguments: Vec<String>) -> u8 {
    let command = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli.command,
        Err(error) => {
            let text = error.render().to_string();
            match error.use_stderr() {
                true => note!("{}", text.trim_end()),
                false => say!("{}", text.trim_end()),
            }
            return u8::try_from(error.exit_code()).unwrap_or(u8::MAX);
        }
    };
    match execute(command) {
        Ok(()) => 0,
        Err(reason) => {
            note!("{reason}");
            1
        }
    }
}

fn execute(command: Command) -> Result<(), String> {
    match command {
        Command::Init(options) => programs::init(&options),
        Command::Dev(options) => programs::dev(&options),
        Command::Deploy(options) => programs::deploy(&options),
        Command::Check { files, json } => campaigns::check(&files, json),
        Command::Publish(options) => publish::publish(&options),
        Command::New { id } => campaigns::new(&id),
        Command::Score { file, lead } => campaigns::score(&file, &lead),
        Command::Sink(options) => sink::run(&options),
        Command::Keys(options) => keys::run(&options),
        Command::Receipt(options) => receipts::run(&options),
        Command::Consent(options) => consents::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Access(options) => people::access(&options),
        Command::Erase(options) => people::erase(&options),
        Command::List(options) => lists::run(&options),
        Command::Quarantine(options) => quarantine::run(&options),
        Command::Audit(options) => audit::run(&options),
        Command::Token(options) => token::run(&options),
        Command::Suppress(options) => lists::change_one(&options, Change::Add),
        Command::Unsuppress(options) => lists::change_one(&options, Change::Remove),
    }
}
