//! The command line of marketers and operators.
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "what is printed goes through `terminal`")]

mod audit;
mod campaigns;
mod client;
mod consents;
mod contacts;
mod doctor;
mod jws;
mod keys;
mod lists;
mod people;
mod person;
mod publish;
mod quarantine;
mod receipts;
mod sink;
mod terminal;
mod token;
mod vars;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::lists::Change;
use self::terminal::note;

/// Lead capture at the edge that a company runs itself.
#[derive(Parser)]
#[command(name = "leadhook", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check campaign files: every problem at once
    Check {
        /// Campaign files (TOML)
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print each campaign as the JSON that the admin API takes
        #[arg(long)]
        json: bool,
    },
    /// Publish campaigns to KV
    Publish(publish::Options),
    /// Write a commented start of a campaign to ID.toml
    New {
        /// The campaign's id: lower-case letters, digits and hyphens
        id: String,
    },
    /// Print the score that a lead would get, as JSON
    Score {
        /// The campaign file (TOML)
        file: PathBuf,
        /// A submission as JSON: fields by name, `utm_…` and consent as in a post
        #[arg(long)]
        lead: PathBuf,
    },
    /// Receive webhooks: verify and print each delivered lead
    Sink(sink::Options),
    /// Make, rotate and retire the keys
    Keys(keys::Options),
    /// Verify a signed receipt of a consent or an erasure
    Receipt(receipts::Options),
    /// Verify the history of a person's consents
    Consent(consents::Options),
    /// Say whether a live system is well, and what to do where it is not
    Doctor(doctor::Options),
    /// Print everything that is held about a person, as JSON
    Access(people::Access),
    /// Erase everything that is held about a person, and print a signed receipt
    Erase(people::Erase),
    /// Keep the lists: existing customers, people who want to hear nothing
    List(lists::Options),
    /// See what was put aside for its signs of abuse, and release or discard it
    Quarantine(quarantine::Options),
    /// List who has done what, the newest first
    Audit(audit::Options),
    /// Make tokens for the admin API
    Token(token::Options),
    /// Put a person on the list of those who want to hear nothing
    Suppress(lists::One),
    /// Take a person off the list of those who want to hear nothing
    Unsuppress(lists::One),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
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
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            note!("{reason}");
            ExitCode::FAILURE
        }
    }
}
