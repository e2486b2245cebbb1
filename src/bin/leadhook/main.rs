//! The command line of marketers and operators.

mod campaigns;
mod publish;
mod sink;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Receive webhooks and mails: verify and print each
    Sink(sink::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Check { files, json } => campaigns::check(&files, json),
        Command::Publish(options) => publish::publish(&options),
        Command::New { id } => campaigns::new(&id),
        Command::Score { file, lead } => campaigns::score(&file, &lead),
        Command::Sink(options) => sink::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
