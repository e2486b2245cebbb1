#![no_main]
//! A body in one of the three encodings, decoded and checked. The input is a content type, a line
//! end, and the body.

use std::sync::LazyLock;

use leadhook::base::time::days_of;
use leadhook::base::unicode::tidy;
use leadhook::base::url::WebAddress;
use leadhook::campaign::{Campaign, Kind, Raw};
use leadhook::contact::{Email, Phone};
use leadhook::pipeline::intake::{Encoding, Fields, MAX_BODY_BYTES, MAX_FIELDS, Submission, accept, decode};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static CAMPAIGN: LazyLock<Campaign> = LazyLock::new(|| {
    let file: Value = toml::from_str(include_str!("../guide.toml")).expect("TOML");
    Campaign::accept(&file).expect("a campaign")
});
const FORM: &str = "application/x-www-form-urlencoded";
/// In no input that anybody finds by chance.
const BOUNDARY: &str = "leadhook-fuzz-7f3a9c1e5b8d2046";

fuzz_target!(|input: &[u8]| {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (head, body) = input.split_at(line);
    let Ok(content_type) = str::from_utf8(head) else { return };
    let Ok(fields) = decode(Some(content_type), body.get(1..).unwrap_or_default()) else { return };
    assert!(fields.entries.len() <= MAX_FIELDS);
    assert!(fields.entries.iter().all(|entry| !entry.name.contains('\0')));
    sent_again(&fields);
    match accept(fields, &CAMPAIGN) {
        Ok(submission) => keeps_the_rules(&submission),
        Err(rejection) => {
            assert!(!rejection.problems.is_empty());
            let known = |name: &str| {
                name.strip_prefix("consent.").map_or(CAMPAIGN.field(name).is_some(), |id| {
                    CAMPAIGN.purposes.iter().any(|purpose| purpose.id == id)
                })
            };
            assert!(rejection.problems.iter().all(|problem| known(&problem.field)));
        }
    }
});

/// Checks that a form says the same in either of its encodings.
fn sent_again(fields: &Fields) {
    let text = |raw: &Raw| match raw {
        Raw::Text(text) => Some(text.clone()),
        _ => None,
    };
    let pairs: Option<Vec<_>> =
        fields.entries.iter().map(|entry| Some((entry.name.clone(), text(&entry.value)?))).collect();
    let Some(pairs) = pairs else {
        assert_eq!(fields.encoding, Encoding::Json, "a form has nothing but texts");
        return;
    };
    let read = |content_type: &str, body: &[u8]| {
        let again = decode(Some(content_type), body).ok()?;
        let pairs = again.entries.into_iter().map(|entry| Some((entry.name, text(&entry.value)?)));
        pairs.collect::<Option<Vec<_>>>()
    };
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(&pairs);
    let form = form.finish();
    if form.len() <= MAX_BODY_BYTES {
        assert!(read(FORM, form.as_bytes()).as_ref() == Some(&pairs), "urlencoded");
    }
    // What a browser would write otherwise, it never sends.
    let plain = |name: &str| !name.is_empty() && !name.contains(['\r', '\n', '"', '\\', '%']);
    if pairs.iter().all(|(name, value)| plain(name) && name.len() < 500 && !value.contains(BOUNDARY)) {
        let part = |(name, value): &(String, String)| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let form = format!("{}--{BOUNDARY}--\r\n", pairs.iter().map(part).collect::<String>());
        if form.len() <= MAX_BODY_BYTES && !pairs.is_empty() {
            let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
            assert!(read(&content_type, form.as_bytes()).as_ref() == Some(&pairs), "multipart");
        }
    }
}

/// Checks that an accepted answer is within the rules of its field.
fn keeps_the_rules(submission: &Submission) {
    assert!(submission.contact.email.is_some() || submission.contact.phone.is_some());
    for (name, value) in &submission.answers {
        match (&CAMPAIGN.field(name).expect("a declared field").kind, value) {
            (Kind::Text { min, max }, Value::String(text)) => {
                assert!((*min..=*max).contains(&text.chars().count()) && tidy(text) == *text);
            }
            (Kind::Choice { choices, several: false }, Value::String(text)) => {
                assert!(choices.contains(text))
            }
            (Kind::Choice { choices, several: true }, Value::Array(made)) => {
                assert!(!made.is_empty() && made.len() <= choices.len());
                assert!(
                    made.iter().all(|one| one.as_str().is_some_and(|one| choices.iter().any(|c| c == one)))
                );
            }
            (Kind::Date, Value::String(text)) => assert!(days_of(text).is_some()),
            (Kind::Number { min, max }, Value::Number(number)) => {
                let number = number.as_f64().expect("a number");
                assert!(min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max));
            }
            (Kind::Boolean, Value::Bool(_)) => {}
            (Kind::Country, Value::String(text)) => assert_eq!(text.len(), 2),
            (Kind::Url { .. }, Value::String(text)) => {
                let address = WebAddress::parse(text).expect("an address");
                assert!(address.href() == text && address.has_valid_host() && !address.has_credentials());
            }
            (Kind::Email, Value::String(text)) => assert!(Email::parse(text).is_some()),
            (Kind::Phone, Value::String(text)) => assert!(Phone::parse(text, None).is_some()),
            _ => panic!("an answer of another kind than its field: {name}"),
        }
    }
    assert!(submission.attribution.values().all(|text| !text.is_empty() && text.chars().count() <= 500));
    assert_eq!(submission.choices.len(), CAMPAIGN.purposes.len());
}
