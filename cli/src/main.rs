//! The command line as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(leadhook_cli::run(
        std::env::args_os().map(|one| one.to_string_lossy().into_owned()).collect(),
    ))
}
