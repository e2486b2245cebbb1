//! Mailbox of the mails that a provider would have sent.

use std::collections::VecDeque;
use std::fmt::Write as _;

use serde_json::Value;

/// The most mails that are kept.
const MAX_MAILS: usize = 100;
const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}\
                     pre{font:inherit;white-space:pre-wrap;overflow-wrap:anywhere}\
                     article{border-top:1px solid;padding-top:1rem}";

/// The last mails, newest first.
#[derive(Default)]
pub struct Mailbox(VecDeque<Mail>);

/// A mail that a provider would have sent.
pub struct Mail {
    pub to: String,
    pub subject: String,
    text: String,
}

impl Mailbox {
    pub fn keep(&mut self, mail: Mail) {
        self.0.push_front(mail);
        self.0.truncate(MAX_MAILS);
    }

    pub fn page(&self) -> String {
        let mut page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>Mailbox</title>\
             <style>{STYLE}</style><h1>Mailbox</h1>"
        );
        if self.0.is_empty() {
            page.push_str("<p>No mail yet.</p>");
        }
        for Mail { to, subject, text } in &self.0 {
            let (to, subject, text) = (escape(to), escape(subject), linked(text));
            let _ = write!(page, "<article><h2>{subject}</h2><p>To {to}</p><pre>\n{text}</pre></article>");
        }
        page.push_str("</html>\n");
        page
    }
}

impl Mail {
    /// Reads a mail. The bodies of providers differ; one without a known text is shown as it is.
    pub fn read(body: &Value) -> Self {
        let part = |is_it: fn(&str) -> bool| find(body, is_it).and_then(first_text).map(str::to_owned);
        Self {
            to: part(|key| key == "to").unwrap_or_else(|| "-".to_owned()),
            subject: part(|key| key == "subject").unwrap_or_else(|| "-".to_owned()),
            text: part(|key| key.starts_with("text")).unwrap_or_else(|| format!("{body:#}")),
        }
    }
}

/// Returns the value of the first key that matches, at any depth, in lower case.
fn find(value: &Value, is_it: fn(&str) -> bool) -> Option<&Value> {
    match value {
        Value::Object(table) => {
            let here = table.iter().find(|(key, _)| is_it(&key.to_ascii_lowercase()));
            here.map(|(_, value)| value).or_else(|| table.values().find_map(|value| find(value, is_it)))
        }
        Value::Array(list) => list.iter().find_map(|value| find(value, is_it)),
        _ => None,
    }
}

/// Returns a text, or the first one in a list or a table.
fn first_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(list) => list.iter().find_map(first_text),
        Value::Object(table) => table.values().find_map(first_text),
        _ => None,
    }
}

/// Returns a text as HTML, with its web addresses as links.
fn linked(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            let Some(start) = ["https://", "http://"].iter().filter_map(|scheme| word.find(scheme)).min()
            else {
                return escape(word);
            };
            let (before, rest) = word.split_at(start);
            let end = rest.find(|c: char| c.is_whitespace() || "<>\"'".contains(c)).unwrap_or(rest.len());
            let (address, after) = rest.split_at(end);
            let (address, stop) =
                address.split_at(address.trim_end_matches(['.', ',', ';', ':', '!', ')']).len());
            let (before, address, after) = (escape(before), escape(address), escape(after));
            format!("{before}<a href=\"{address}\">{address}</a>{stop}{after}")
        })
        .collect()
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
