//! Output to the terminal. Much of it comes from visitors, files or responses, and control characters in it would
//! steer the terminal. So everything is printed through here, which clippy enforces.

use leadhook::base::unicode::is_invisible;
use serde_json::Value;

use super::host::{self, Refusal};

/// Prints a line.
macro_rules! say {
    ($($text:tt)*) => { $crate::terminal::print(&format!($($text)*)) };
}

/// Prints a line on standard error.
macro_rules! note {
    ($($text:tt)*) => { $crate::terminal::print_error(&format!($($text)*)) };
}

pub(crate) use {note, say};

/// The exit code of a program whose output nobody reads any more, as shells give it: 128 and the number of SIGPIPE.
const NOBODY_READS: u8 = 141;

/// Prints a line. If it cannot be written the program ends, because what it did would go unseen.
pub fn print(text: &str) {
    match host::output(&format!("{}\n", lines(text))) {
        Ok(()) => {}
        Err(Refusal::NobodyReads) => host::exit(NOBODY_READS),
        Err(refusal) => {
            print_error(&format!("cannot write to the standard output: {refusal}"));
            host::exit(1)
        }
    }
}

pub fn print_error(text: &str) {
    host::error(&format!("{}\n", lines(text)));
}

/// Prints over the line before, which was printed in the same way.
pub fn print_over(text: &str) {
    host::error(&format!("\r{}", line(text)));
}

/// Returns a text for one line: control characters and invisible ones are escaped.
pub fn line(text: &str) -> String {
    escaped(text, "")
}

/// Returns a text with its tabs and line breaks: other control characters and invisible ones are escaped.
pub fn lines(text: &str) -> String {
    escaped(&text.replace("\r\n", "\n"), "\t\n")
}

/// Returns indented JSON, with the escapes of JSON for control characters and invisible ones.
pub fn json(value: &Value) -> String {
    json_text(&format!("{value:#}"))
}

/// Returns JSON in one line.
pub fn json_line(value: &Value) -> String {
    json_text(&value.to_string())
}

fn is_strange(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

fn escaped(text: &str, kept: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match is_strange(c) && !kept.contains(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// Escapes a text that is JSON already. Its line breaks are between its parts: those in texts are escaped.
pub fn json_text(json: &str) -> String {
    let mut out = String::new();
    for c in json.chars() {
        match is_strange(c) && c != '\n' {
            true => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOSTILE: &str =
        "a\u{1b}]0;pwned\u{7}\u{9b}31m\r\nb\t\u{202e}gnp.exe\u{200b}\u{feff}\u{7f}\u{2028}\u{e0041}å👩";

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(
            line(HOSTILE),
            r"a\u{1b}]0;pwned\u{7}\u{9b}31m\r\nb\t\u{202e}gnp.exe\u{200b}\u{feff}\u{7f}\u{2028}\u{e0041}å👩"
        );
        assert_eq!(lines("a\r\nb\tc\n\u{1b}[2J\rd"), "a\nb\tc\n\\u{1b}[2J\\rd");
    }

    #[test]
    fn json_stays_what_it_was() {
        let value = json!({ HOSTILE: [HOSTILE, 1] });
        for text in [json(&value), json_line(&value)] {
            assert!(!text.replace('\n', "").contains(is_strange), "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
    }
}
