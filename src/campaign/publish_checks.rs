//! What is refused when a campaign is published, and served where it lies in KV already: a campaign that
//! cannot be served takes no leads. What is used of it is the parsed form, so it does no harm there.
//!
//! The whole file is walked, so that a key which is new to it is one line unless it is named here.

use serde_json::Value;

use super::answer::yes_or_no;
use super::schema::NO_ADDRESS;
use super::table::{Check, Problem, ensure, is_reported, within};
use crate::base::country::Country;
use crate::base::json::object_of;
use crate::base::time_zone;
use crate::base::unicode::{is_blank, is_invisible, is_lines, is_one_line, tidy};
use crate::base::url::WebAddress;
use crate::contact::Email;

/// Addresses.
const ADDRESSES: [&str; 6] =
    ["origins", "thanks_url", "controller.privacy_notice", "page.logo", "magnet.url", "destination.url"];
const ORIGINS: &str = "origins";
const EMAIL: &str = "controller.email";
const COUNTRIES: [&str; 2] = ["default_country", "controller.country"];
const VERSION: &str = "purpose.version";
/// What may have several lines.
const LONGER: [&str; 6] =
    ["controller.address", "field.help", "purpose.text", "page.intro", "page.thanks", "double_opt_in.text"];
/// What a visitor must be able to read.
const SHOWN: [&str; 3] = ["title", "purpose.text", "controller.name"];
const FILE: &str = "magnet.file";
/// What is kept with the blanks around it.
const KEPT: [&str; 2] = ["purpose.text", "double_opt_in.text"];
/// An e-mail provider's, who may take several lines anywhere.
const BODY: &str = "destination.body";
/// Characters of an address: what browsers and proxies agree on, and what fits a header beside others.
const MAX_ADDRESS: usize = 2_048;
const ONE_LINE: &str = "must be one line without control characters";

/// A file without the blanks around its values, and without what is null. A wording is kept as it stands, for its
/// digest is in consents, and so is what a provider gets.
pub(super) fn tidied(file: &Value) -> Value {
    fn tidied(value: &Value, place: &str) -> Value {
        match value {
            // A file's key in the bucket is what programs write, and not a disk.
            Value::String(text) if place == FILE => tidy(text).into(),
            Value::String(text) if !KEPT.contains(&place) => text.trim().into(),
            Value::Array(list) => list.iter().map(|one| tidied(one, place)).collect(),
            Value::Object(table) if place != BODY => {
                let stated = table.iter().filter(|(_, one)| !one.is_null());
                object_of(stated.map(|(key, one)| (key.clone(), tidied(one, &within(place, key)))))
            }
            other => other.clone(),
        }
    }
    tidied(file, "")
}

/// Adds what is refused to what is wrong in a file, except at places where something has been told already.
pub(super) fn report(file: &Value, problems: &mut Vec<Problem>) {
    // Told of each by itself, with what to write.
    let is_list = file
        .get(ORIGINS)
        .is_some_and(|origins| origins.as_array().is_some_and(|all| all.iter().all(Value::is_string)));
    problems.retain(|problem| !is_list || problem.path != ORIGINS);
    walk(file, "", "", problems);
    for problem in problems {
        let pointer = format!("/{}", problem.path.replace(['.', '['], "/").replace(']', ""));
        let Some(written) = file.pointer(&pointer).and_then(Value::as_str) else { continue };
        let meant = match () {
            () if COUNTRIES.contains(&problem.path.as_str()) => {
                Country::suggest(written).map(|country| format!("write {:?}", country.as_str()))
            }
            () if problem.reason == NO_ADDRESS => WebAddress::parse_lenient(written)
                .map(|address| format!("must be an address: write {:?}", address.href())),
            () => None,
        };
        if let Some(meant) = meant {
            problem.reason = meant;
        }
    }
}

/// `path` is where a value is, `place` the same without numbers.
fn walk(value: &Value, path: &str, place: &str, problems: &mut Vec<Problem>) {
    match value {
        Value::String(text) => {
            let judged =
                if place == ORIGINS { is_origin(text) } else { judge(text, place).map_err(str::to_owned) };
            if let Err(reason) = judged
                && !is_reported(problems, path)
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
                if !is_one_line(key) && !is_reported(problems, &path) {
                    problems.push(Problem::new(path.as_str(), ONE_LINE));
                }
                walk(one, &path, &within(place, key), problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn judge(text: &str, place: &str) -> Check {
    if ADDRESSES.contains(&place) {
        return is_sound_address(text);
    }
    let is_seen = |text: &str| text.contains(|c| !is_blank(c) && !is_invisible(c));
    ensure(!SHOWN.contains(&place) || is_seen(text), "is required: nothing of it can be seen")?;
    if LONGER.contains(&place) || place.starts_with(BODY) {
        return ensure(is_lines(text), "may hold no control characters but tabs and line breaks");
    }
    ensure(is_one_line(text), ONE_LINE)?;
    match place {
        // Nothing may stand in it that only its parsed form leaves out.
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

/// An origin as browsers write it; else what to write.
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
