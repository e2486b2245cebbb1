//! `list import` and `list remove`: uploads of the hashed contacts of a file, in batches.

use std::collections::HashSet;

use super::list::{Change, FromFile, Hasher, List, count};
use crate::client::Client;
use crate::contacts::Contacts;
use crate::host::{Stream, is_terminal};
use crate::terminal::{note, print_over, say};

/// The hashes of one request.
const BATCH: usize = 1_500;
/// The batches between two lines of progress, if lines cannot be overwritten.
const BATCHES_OF_A_LINE: usize = 10;
const SHOWN_LINES: usize = 10;

pub fn change_by_file(options: &FromFile, change: Change) -> Result<(), String> {
    let list = List::of(&options.list, &options.ledger)?;
    let hasher = Hasher::of(&options.server, &options.ledger)?;
    let client = options.server.client()?;
    let mut contacts = Contacts::open(&options.contacts)?;
    let mut upload =
        Upload { client, list, change, batch: Vec::new(), batches: 0, sent: 0, changed: 0, rows: 0 };
    let mut known = HashSet::new();
    let mut unreadable = Unreadable::default();
    while let Some(row) = contacts.next()? {
        upload.rows += 1;
        if !row.is_readable {
            unreadable.note(row.line);
        }
        for tag in row.people.iter().flat_map(|person| hasher.tags(person, change)) {
            if known.insert(tag.clone()) {
                upload.push(tag)?;
            }
        }
    }
    upload.send()?;
    upload.end();
    unreadable.say();
    say!(
        "{}: {} rows, {} uploaded, {} {}, {} unreadable",
        upload.list.name,
        upload.rows,
        upload.sent,
        upload.changed,
        change.done(),
        unreadable.count
    );
    Ok(())
}

/// An upload to a list.
struct Upload {
    client: Client,
    list: List,
    change: Change,
    batch: Vec<String>,
    batches: usize,
    sent: usize,
    changed: u64,
    rows: usize,
}

impl Upload {
    fn push(&mut self, tag: String) -> Result<(), String> {
        self.batch.push(tag);
        if self.batch.len() < BATCH { Ok(()) } else { self.send() }
    }

    fn send(&mut self) -> Result<(), String> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let response = self.client.post(&self.list.path, &self.change.body(&self.batch));
        let changed = response.and_then(|response| count(&response)).map_err(|reason| {
            self.end();
            let sent = self.sent;
            format!("{reason}\n{sent} hashes were sent before; run it again, nobody is counted twice")
        })?;
        self.changed += changed;
        self.sent += self.batch.len();
        self.batch.clear();
        self.batches += 1;
        let progress = format!("{} rows read, {} sent", self.rows, self.sent);
        if is_terminal(Stream::Error) {
            print_over(&progress);
        } else if self.batches.is_multiple_of(BATCHES_OF_A_LINE) {
            note!("{progress}");
        }
        Ok(())
    }

    /// Ends the line that is overwritten.
    fn end(&self) {
        if self.batches > 0 && is_terminal(Stream::Error) {
            note!("");
        }
    }
}

/// The lines that could not be read.
#[derive(Default)]
struct Unreadable {
    count: usize,
    first: Vec<String>,
}

impl Unreadable {
    fn note(&mut self, line: u64) {
        self.count += 1;
        if self.first.len() < SHOWN_LINES {
            self.first.push(line.to_string());
        }
    }

    fn say(&self) {
        if self.count > 0 {
            let more = if self.count > self.first.len() { " and more" } else { "" };
            note!("unreadable at line {}{more}", self.first.join(", "));
        }
    }
}
