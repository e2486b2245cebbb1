//! Control characters: no text of a visitor, a file or a server steers the terminal. Output that cannot be written.

use std::fs::File;
use std::io;
use std::process::Stdio;

use leadhook::base::unicode::is_invisible;
use serde_json::{Value, json};

use super::receipts::{jwks, payload, signed};
use super::server::{Answer, Server};
use super::{command, folder, keys_file, leadhook, text, write};

/// A title, colours, a line of its own, an order of its own, and what is not seen.
const HOSTILE: &str = "x\u{1b}]0;y\u{7}\u{9b}31m\r\nforged\n\u{202e}gnp\u{200b}\u{feff}\u{2028}\u{e0041}";

/// An answer to whatever is asked, with the text wherever one may stand.
fn answer() -> Value {
    let finding = json!({
        "problem": HOSTILE, "is_wrong": true, "about": HOSTILE, "count": 2, "example": HOSTILE, "says": HOSTILE,
        "advice": HOSTILE,
    });
    let places = ["peppers", "sealing", "lists", "signing"];
    let in_use: Value = places.into_iter().map(|ring| (ring.to_owned(), json!({ HOSTILE: 1 }))).collect();
    let told = json!([{ "campaign": HOSTILE, "destination": HOSTILE }]);
    json!({
        "now": "2026-11-22T14:00:00Z", "states": { HOSTILE: 1 }, "findings": [finding], "next": null,
        "ledgers": [{ "ledger": HOSTILE, "leads": 1, "submissions": 1, "told": told, "in_use": in_use, HOSTILE: HOSTILE }],
        "submissions": [{
            "submission_id": HOSTILE, "campaign": HOSTILE, "at": HOSTILE, "weight": 1, "kept_until": HOSTILE,
            "signals": [{ "weight": 1, "signal": HOSTILE, "because": HOSTILE }],
        }],
        "entries": [{
            "at": HOSTILE, "actor": HOSTILE, "act": HOSTILE, "outcome": HOSTILE, "ledger": HOSTILE, "campaign": HOSTILE,
            "destination": HOSTILE, "delivery_id": HOSTILE, "list": HOSTILE, "count": 1,
        }],
        "lists": [{ "ledger": HOSTILE, "list": HOSTILE, "entries": 1 }],
        "released": [], "not_possible": [HOSTILE], "answers": { HOSTILE: HOSTILE },
    })
}

#[track_caller]
fn steers_nothing(said: &str, what: &[&str]) {
    let strange = |c: char| c.is_control() && c != '\n' || is_invisible(c);
    assert!(!said.contains(strange), "{what:?}: {said:?}");
    assert!(!said.lines().any(|line| line.starts_with("forged")), "{what:?}: {said}");
    assert!(said.contains("gnp"), "{what:?} shows what it was given: {said}");
}

fn said(folder: &std::path::Path, args: &[&str]) -> String {
    let output = leadhook(folder, args);
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_a_server_says_steers_no_terminal() {
    let folder = folder("terminal-server");
    keys_file(&folder);
    let server = Server::new(|asked, _| {
        let mut answer = answer();
        // The doctor asks for names of ledgers, and each of them for its own.
        if asked.what == "GET /admin/api/doctor" {
            answer["ledgers"] = json!(["example-ab"]);
        }
        Answer::ok(&answer)
    });
    let commands: [&[&str]; 13] = [
        &["access", "--email", "eva@acme.example"],
        &["erase", "--email", "eva@acme.example", "--yes"],
        &["erase", "--email", "eva@acme.example", "--yes", "--json"],
        &["quarantine", "list"],
        &["quarantine", "list", "--json"],
        &["quarantine", "show", "sub_1"],
        &["quarantine", "release", "sub_1"],
        &["audit"],
        &["audit", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["list", "show"],
        &["keys", "status"],
    ];
    for command in commands {
        steers_nothing(&said(&folder, &[command, &["--url", &server.url]].concat()), command);
    }
    // What was printed for programs is what was said.
    let access = said(&folder, &["access", "--email", "eva@acme.example", "--url", &server.url]);
    assert_eq!(serde_json::from_str::<Value>(&access).expect("JSON"), answer());

    let problem =
        json!({ "title": HOSTILE, "detail": HOSTILE, "errors": [{ "field": HOSTILE, "detail": HOSTILE }] });
    let server = Server::new(move |_, _| Answer { status: 422, headers: "", body: problem.to_string() });
    for command in [&["audit"][..], &["access", "--email", "eva@acme.example"]] {
        steers_nothing(&said(&folder, &[command, &["--url", &server.url]].concat()), command);
    }
}

#[test]
fn what_a_file_says_steers_no_terminal() {
    let folder = folder("terminal-file");
    keys_file(&folder);
    let mut receipt = payload();
    for pointer in
        ["/piiControllers/0/piiController", "/record/campaign", "/services/0/purposes/0/termination"]
    {
        *receipt.pointer_mut(pointer).expect(pointer) = json!(HOSTILE);
    }
    write(&folder, "jwks.json", &jwks(&[("r1", 1)]).to_string());
    write(&folder, "r.jws", &signed("r1", 1, &receipt));
    write(&folder, "e.jws", &signed("r1", 1, &json!({ "type": "erasure", HOSTILE: [{ HOSTILE: HOSTILE }] })));
    let act = json!({ "seq": 1, "at_ms": 1, "campaign": HOSTILE });
    let lead = json!({ "lead_id": HOSTILE, "history": [{ "act": act }] });
    let held = json!({ "ledgers": [{ "ledger": HOSTILE, "leads": [lead] }] });
    write(&folder, "held.json", &held.to_string());
    write(&folder, "people.csv", &format!("\"{HOSTILE}\",name\n"));
    let file =
        json!({ HOSTILE: 1, "title": HOSTILE, "purpose": [{ "id": "n", "text": "T", "version": HOSTILE }] });
    let file: toml::Table = serde_json::from_value(file).expect("a table");
    write(&folder, "c.toml", &file.to_string());
    write(&folder, "broken.toml", "title = \"\u{202e}gnp\u{9b}31m");
    let commands: [&[&str]; 6] = [
        &["receipt", "verify", "r.jws", "--jwks", "jwks.json"],
        &["receipt", "verify", "e.jws", "--jwks", "jwks.json"],
        &["consent", "verify", "held.json", "--keys", "leadhook.keys"],
        &["list", "import", "people.csv", "--list", "customers", "--ledger", "example-ab"],
        &["check", "c.toml"],
        &["check", "broken.toml"],
    ];
    for command in commands {
        steers_nothing(&said(&folder, command), command);
    }
}

/// Runs a command whose standard output cannot be written. Returns its exit code and its standard error.
fn unwritten(name: &str, output: impl Into<Stdio>) -> (Option<i32>, String) {
    let output = command(&folder(name), &["keys", "make"]).stdout(output).output().expect("it runs");
    (output.status.code(), text(&output.stderr))
}

#[test]
fn output_that_nobody_reads_ends_the_command_without_a_word() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(unwritten("unread", writer), (Some(141), String::new()));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_does_not_fit_on_the_disk_is_an_error() {
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let (code, said) = unwritten("full", full);
    assert_eq!(code, Some(1));
    assert!(said.starts_with("cannot write to the standard output: "), "{said}");
}
