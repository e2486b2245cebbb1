//! What is refused when a campaign is published, and served where it lies in KV already: a campaign that
//! cannot be served takes no leads. What is used of it is the parsed form, so it does no harm there.
//!
//! The whole file is walked, so that a key which is new to it is one line unless it is named here.

use serde_json::Value;

use super::table::{Judged, Problem, ensure, told, within};
use crate::contact::Email;
use crate::text::{WebAddress, is_lines, is_one_line, is_unseen};

/// Addresses. Blanks around them are no part of them.
const ADDRESSES: [&str; 6] =
    ["origins", "thanks_url", "controller.privacy_notice", "page.logo", "magnet.url", "destination.url"];
/// Words that are compared, or read without the blanks around them.
const WORDS: [&str; 6] = [
    "purpose.version",
    "purpose.channel",
    "purpose.category",
    "controller.privacy_notice_version",
    "controller.country",
    "default_country",
];
const EMAIL: &str = "controller.email";
/// What may have several lines.
const LONGER: [&str; 5] =
    ["controller.address", "purpose.text", "page.intro", "page.thanks", "double_opt_in.text"];
/// An e-mail provider's, who may take several lines anywhere.
const BODY: &str = "destination.body";
/// Characters of an address: what browsers and proxies agree on, and what fits a header beside others.
const MAX_ADDRESS: usize = 2_048;
const ONE_LINE: &str = "must be one line without control characters";

/// Adds what is refused to what is wrong in a file, except at places where something has been told already.
pub(super) fn report(file: &Value, problems: &mut Vec<Problem>) {
    walk(file, "", "", problems);
}

/// `path` is where a value is, `place` the same without numbers.
fn walk(value: &Value, path: &str, place: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::String(text) => {
            if let Err(reason) = judge(text, place)
                && !told(problems, path)
            {
                problems.push(Problem::new(path, reason));
            }
        }
        Value::Array(list) => {
            for (at, one) in list.iter().enumerate() {
                walk(one, &format!("{path}[{at}]"), place, problems);
            }
        }
        Value::Object(table) => {
            for (key, one) in table {
                let path = within(path, key);
                if !is_one_line(key) && !told(problems, &path) {
                    problems.push(Problem::new(path.as_str(), ONE_LINE));
                }
                walk(one, &path, &within(place, key), problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn judge(text: &str, place: &str) -> Judged {
    if ADDRESSES.contains(&place) {
        return is_sound_address(text.trim());
    }
    if LONGER.contains(&place) || place.starts_with(BODY) {
        return ensure(is_lines(text), "may hold no control characters but tabs and line breaks");
    }
    ensure(is_one_line(text), ONE_LINE)?;
    let is_trimmed = text.trim() == text;
    if WORDS.contains(&place) {
        return ensure(is_trimmed, "must have no blanks around it");
    }
    // Nothing may stand in it that only its parsed form leaves out.
    let is_email = || is_trimmed && !text.contains(is_unseen) && Email::parse(text).is_some();
    ensure(place != EMAIL || is_email(), "must be an e-mail address, as in privacy@example.com")
}

fn is_sound_address(text: &str) -> Judged {
    ensure(is_one_line(text), ONE_LINE)?;
    let address = WebAddress::parse(text).ok_or("must be an address, as in https://example.com/x")?;
    ensure(
        address.is_at_a_host(),
        "its host must be a name of letters, digits and hyphens, or an IP address",
    )?;
    ensure(address.href().len() <= MAX_ADDRESS, "must have up to 2048 characters")
}
