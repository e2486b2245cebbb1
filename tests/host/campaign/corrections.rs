//! Corrections that `check` proposes: what to write instead.

use serde_json::{Value, json};

use crate::support::*;

#[test]
fn check_says_what_to_write_instead() {
    let told = |changes: Value| {
        let problems = leadhook::campaign::Campaign::accept(&guide_with(changes)).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let origin = |origin: &str| told(json!({ "origins": [origin] }));
    assert_eq!(
        origin("https://*.example.com"),
        ["origins[0]: no wildcard is read: list each origin, as in https://www.example.com"]
    );
    for written in [
        "https://www.example.com/",
        "www.example.com",
        "HTTPS://WWW.example.com:443",
        "http://www.example.com",
        "https://www.example.com/page?x",
    ] {
        assert_eq!(
            origin(written),
            ["origins[0]: must be an origin: write \"https://www.example.com\""],
            "{written}"
        );
    }
    assert_eq!(origin(" https://www.example.com\n"), [""; 0]);
    assert_eq!(told(json!({ "default_country": "UK" })), ["default_country: write \"GB\""]);
    assert_eq!(told(json!({ "default_country": "Sverige" })), ["default_country: write \"SE\""]);
    assert_eq!(
        told(json!({ "time_zone": "Europe/Stokholm" })),
        ["time_zone: must be a time zone of the IANA database, as in Europe/Stockholm"]
    );
    assert_eq!(
        told(json!({ "thanks_url": null, "time_zone": " Europe/Stockholm ", "language": "sv\n" })),
        [""; 0]
    );
    let purpose = |version: Value| {
        told(json!({ "purpose": [{ "id": "newsletter", "text": "Yes.", "version": version }] }))
    };
    assert_eq!(purpose(json!(5)), ["purpose[0].version: must be text in quotes: write \"5\""]);
    assert_eq!(
        purpose(json!("Yes")),
        ["purpose[0].version: must not be a word for yes or no: forms send these where they name no version"]
    );
    assert_eq!(purpose(json!(" 2026-11\n")), [""; 0]);
    let controller = json!([guide()["controller"]]);
    assert_eq!(told(json!({ "controller": controller }))[0], "controller: must be written as [controller]");
    let size = |choices: Value| {
        let field = json!([
            { "name": "email", "kind": "email", "required": true },
            { "name": "size", "kind": "choice", "choices": choices },
        ]);
        told(json!({ "field": field, "score": null }))
    };
    assert_eq!(size(json!(["a", "b", " a\u{200b}"])), ["field[1].choices[2]: stands twice"]);
    assert_eq!(size(json!("a, b")), ["field[1].choices: must be a list: write [\"a\",\"b\"]"]);
}
