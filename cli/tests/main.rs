//! The command line, run as marketers and operators run it: the program of this crate, or the one that `LEADHOOK_CLI`
//! names, such as the npm package's.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod campaigns;
mod consents;
mod keys;
mod lists;
mod people;
mod publish;
mod receipts;
mod round_trip;
mod server;
mod sink;
mod terminal;
mod tokens;
mod walks;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use leadhook::base::crypto::base64;

fn command(folder: &Path, args: &[&str]) -> Command {
    let other = std::env::var_os("LEADHOOK_CLI");
    let mut command = Command::new(other.unwrap_or_else(|| env!("CARGO_BIN_EXE_leadhook").into()));
    command.env_remove("LEADHOOK_URL").env_remove("LEADHOOK_ADMIN_TOKEN").stdin(Stdio::null());
    command.args(args).current_dir(folder);
    command
}

fn leadhook(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the command line runs")
}

/// Runs a command that succeeds, and returns its standard output.
fn done(folder: &Path, args: &[&str]) -> String {
    let output = leadhook(folder, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs a command that fails, and returns its standard error.
fn refused(folder: &Path, args: &[&str]) -> String {
    let output = leadhook(folder, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", text(&output.stdout));
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("operator").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("written");
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).expect("a file")
}

/// A ring of one key of these bytes.
fn ring(id: &str, byte: u8) -> String {
    format!("{id}:{}", base64(&[byte; 32]))
}

/// A file with a pepper, a list key and an admin token.
fn keys_file(folder: &Path) {
    let (peppers, lists) = (ring("p1", 1), ring("l1", 3));
    let token = "LEADHOOK_ADMIN_TOKEN=\"top-secret-token\"\n";
    let lines = format!("LEADHOOK_PEPPERS=\"{peppers}\"\nLEADHOOK_LIST_KEYS=\"{lists}\"\n{token}");
    write(folder, "leadhook.keys", &lines);
}
