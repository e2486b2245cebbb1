//! Checks when a campaign is published. A campaign in KV is served without them, because one that is not served takes no
//! leads; what they refuse does no harm there, because the parsed values are used.
//!
//! The whole file is walked, so that the value of a new key must be one line unless it is listed here.

use serde_json::Value;

use super::answer::yes_or_no;
use super::checks::NO_ADDRESS;
use super::table::{Check, Problem, ensure, is_reported, within};
use crate::base::country::Country;
use crate::base::json::object_of;
use crate::base::time_zone;
use crate::base::unicode::{is_blank, is_invisible, is_lines, is_one_line, tidy};
use crate::base::url::WebAddress;
use crate::contact::Email;

/// URLs.
const ADDRESSES: [&str; 6] =
    ["origins", "thanks_url", "controller.privacy_notice", "page.logo", "magnet.url", "destination.url"];
const ORIGINS: &str = "origins";
const EMAIL: &str = "controller.email";
const COUNTRIES: [&str; 2] = ["default_country", "controller.country"];
const VERSION: &str = "purpose.version";
/// Texts of several lines.
const LONGER: [&str; 6] =
    ["controller.address", "field.help", "purpose.text", "page.intro", "page.thanks", "double_opt_in.text"];
/// Texts that visitors must be able to read.
const SHOWN: [&str; 3] = ["title", "purpose.text", "controller.name"];
const FILE: &str = "magnet.file";
/// Texts that are stored with the white space around them.
const KEPT: [&str; 2] = ["purpose.text", "double_opt_in.text"];
/// The body for an e-mail provider, with texts of several lines anywhere.
const BODY: &str = "destination.body";
/// Characters of a URL: a length that all browsers and proxies allow, and that fits into a header beside others.
const MAX_ADDRESS: usize = 2_048;
const ONE_LINE: &str = "must be one line without control characters";

/// Returns a file without the white space around its values, and without nulls. A wording stays as it is, for its digest
/// is in consents; so does the body for an e-mail provider.
pub(super) fn tidied(file: &Value) -> Value {
    fn tidied(value: &Value, key_path: &str) -> Value {
        match value {
            // The key of a file is composed (NFC), as programs write it, though some disks decompose names.
            Value::String(text) if key_path == FILE => tidy(text).into(),
            Value::String(text) if !KEPT.contains(&key_path) => text.trim().into(),
            Value::Array(list) => list.iter().map(|one| tidied(one, key_path)).collect(),
            Value::Object(table) if key_path != BODY => {
                let stated = table.iter().filter(|(_, one)| !one.is_null());
                object_of(stated.map(|(key, one)| (key.clone(), tidied(one, &within(key_path, key)))))
            }
            other => other.clone(),
        }
    }
    tidied(file, "")
}

/// Reports what is refused, except at paths with problems; and adds what to write instead where that is known.
pub(super) fn report(file: &Value, problems: &mut Vec<Problem>) {
    // Reported for each by itself, with what to write.
    let is_list = file
        .get(ORIGINS)
        .is_some_and(|origins| origins.as_array().is_some_and(|all| all.iter().all(Value::is_string)));
    problems.retain(|problem| !is_list || problem.path != ORIGINS);
    walk(file, "", "", problems);
    for problem in problems {
        let pointer = format!("/{}", problem.path.replace(['.', '['], "/").replace(']', ""));
        let Some(written) = file.pointer(&pointer).and_then(Value::as_str) else { continue };
        let suggestion = match () {
            () if COUNTRIES.contains(&problem.path.as_str()) => {
                Country::suggest(written).map(|country| format!("write {:?}", country.as_str()))
            }
            () if problem.reason == NO_ADDRESS => WebAddress::parse_lenient(written)
                .map(|address| format!("must be an address: write {:?}", address.href())),
            () => None,
        };
        if let Some(suggestion) = suggestion {
            problem.reason = suggestion;
        }
    }
}

/// Checks a value and all within it. `path` is that of the value, `key_path` the same without indices.
fn walk(value: &Value, path: &str, key_path: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::String(text) => {
            let check = if key_path == ORIGINS {
                is_origin(text)
            } else {
                check(text, key_path).map_err(str::to_owned)
            };
            if let Err(reason) = check
                && !is_reported(problems, path)
            {
                problems.push(Problem::new(path, reason));
            }
        }
        Value::Array(list) => {
            for (at, one) in list.iter().enumerate() {
                walk(one, &format!("{path}[{at}]"), key_path, problems);
            }
        }
        Value::Object(table) => {
            for (key, one) in table {
                let path = within(path, key);
                if !is_one_line(key) && !is_reported(problems, &path) {
                    problems.push(Problem::new(path.as_str(), ONE_LINE));
                }
                walk(one, &path, &within(key_path, key), problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Checks a text by its key.
fn check(text: &str, key_path: &str) -> Check {
    if ADDRESSES.contains(&key_path) {
        return is_sound_address(text);
    }
    let is_seen = |text: &str| text.contains(|c| !is_blank(c) && !is_invisible(c));
    ensure(!SHOWN.contains(&key_path) || is_seen(text), "is required: nothing of it can be seen")?;
    if LONGER.contains(&key_path) || key_path.starts_with(BODY) {
        return ensure(is_lines(text), "may hold no control characters but tabs and line breaks");
    }
    ensure(is_one_line(text), ONE_LINE)?;
    match key_path {
        // It may contain nothing that only parsing removes.
        EMAIL => ensure(
            !text.contains(is_invisible) && Email::parse(text).is_some(),
            "must be an e-mail address, as in privacy@example.com",
        ),
        "time_zone" => ensure(
            time_zone::exists(text),
            "must be a time zone of the IANA database, as in Europe/Stockholm",
        ),
        "language" => ensure(
            text.split('-').next().is_some_and(|tag| matches!(tag.len(), 2 | 3)),
            "must be a language tag by BCP 47, as in sv or en-GB",
        ),
        VERSION => ensure(
            text == "1" || yes_or_no(text).is_none(),
            "must not be a word for yes or no: forms send these where they name no version",
        ),
        _ => Ok(()),
    }
}

/// Checks an origin: written as browsers do.
fn is_origin(text: &str) -> Result<(), String> {
    is_one_line(text).then_some(()).ok_or_else(|| ONE_LINE.to_owned())?;
    if text.contains('*') {
        return Err("no wildcard is read: list each origin, as in https://www.example.com".to_owned());
    }
    let address = WebAddress::parse_lenient(text).filter(WebAddress::has_valid_host);
    let Some(address) = address.filter(|address| matches!(address.scheme(), "http" | "https")) else {
        return Err("must be an origin: scheme and host, no path, as in https://www.example.com".to_owned());
    };
    let secure = match address.origin().strip_prefix("http:") {
        Some(rest) if !address.is_loopback_http() => format!("https:{rest}"),
        _ => address.origin().to_owned(),
    };
    if secure == text { Ok(()) } else { Err(format!("must be an origin: write {secure:?}")) }
}

fn is_sound_address(text: &str) -> Check {
    ensure(is_one_line(text), ONE_LINE)?;
    let address = WebAddress::parse(text).ok_or(NO_ADDRESS)?;
    ensure(
        address.has_valid_host(),
        "its host must be a name of letters, digits and hyphens, or an IP address",
    )?;
    ensure(address.href().len() <= MAX_ADDRESS, "must have up to 2048 characters")
}
