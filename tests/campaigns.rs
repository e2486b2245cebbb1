//! A campaign's file: every problem at once, each with its path; and what its conditions say.
#![cfg(feature = "cli")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::*;
use leadhook::campaign::Campaign;
use serde_json::{Value, json};

fn problems_of(file: &Value) -> Vec<String> {
    let problems = Campaign::accept(file).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_problem_of_a_file_is_told_at_once_with_its_path() {
    let file = json!({
        "id": "Guide", "title": "", "colour": "red", "origins": ["https://example.com/path"],
        "default_country": "Sweden", "language": 5,
        "controller": { "name": "A", "email": "a@example.com", "privacy_notice": "http://example.com/" },
        "field": [
            { "name": "utm_source", "kind": "text" },
            { "name": "size", "kind": "choice" },
            { "name": "size", "kind": "number", "min": 5, "max": 1, "max_length": 3 },
            { "name": "note", "kind": "essay" },
        ],
        "purpose": [{ "id": "news", "text": "Yes.", "version": "on" }],
        "dedupe": { "window_days": 0, "by": ["cookie"] },
        "score": [{ "rule": "r", "points": 1 }],
        "qualify": { "warm": 90 },
        "destination": [
            { "name": "crm", "url": "http://crm.example.com/", "secret": "LEADHOOK_PEPPERS", "needs": ["sms"] },
        ],
    });
    let paths: Vec<_> = problems_of(&file)
        .iter()
        .map(|line| line.split(": ").next().unwrap_or_default().to_owned())
        .collect();
    let mut sorted = paths.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), paths.len(), "one problem a key: {paths:#?}");
    for path in [
        "colour",
        "language",
        "id",
        "title",
        "origins",
        "default_country",
        "controller.privacy_notice",
        "field[0].name",
        "field[1].choices",
        "field[2].name",
        "field[2].min",
        "field[2].max_length",
        "field[3].kind",
        "purpose[0].version",
        "dedupe.window_days",
        "dedupe.by",
        "score[0].when",
        "qualify.warm",
        "destination[0].url",
        "destination[0].secret",
        "destination[0].needs",
    ] {
        assert!(paths.iter().any(|one| one == path), "{path} is not in {paths:#?}");
    }
    assert!(problems_of(&file).contains(&"destination[0].url: must be https".to_owned()));
    let nobody = guide_with(json!({ "field": [{ "name": "name", "kind": "text" }], "score": null }));
    let reason = "one must be of kind email or phone: without contact data there is no lead";
    assert_eq!(problems_of(&nobody), [format!("field: {reason}")]);
}

#[test]
fn a_file_that_is_no_table_is_told_so() {
    for file in [json!([]), json!("guide"), Value::Null] {
        assert!(problems_of(&file).contains(&"campaign: must be a table".to_owned()), "{file}");
    }
    assert_eq!(
        problems_of(&guide_with(json!({ "field": "email" })))[0],
        "field: must be written as [[field]]"
    );
    let problems = problems_of(&guide_with(json!({ "controller": "Example AB" })));
    assert_eq!(problems[0], "controller: must be a table");
}

#[test]
fn a_condition_asks_one_thing_that_can_be_true() {
    let rule = |when: Value| guide_with(json!({ "score": [{ "rule": "r", "points": 1, "when": when }] }));
    let wrong = |when: Value| problems_of(&rule(when));
    assert_eq!(
        wrong(json!({ "field": "name", "about": "country", "is": "x" })),
        ["score[0].when: must have exactly one of field, attribution, about"]
    );
    assert_eq!(
        wrong(json!({ "field": "name" })),
        ["score[0].when: must have exactly one of is, is_one_of, is_none_of, at_least, at_most, present"]
    );
    assert_eq!(
        wrong(json!({ "field": "nobody", "present": true })),
        ["score[0].when.field: is not the name of a field"]
    );
    let never = "compares with a value that the subject can never have";
    for when in [
        json!({ "field": "size", "is": "52+" }),
        json!({ "field": "seats", "is": "5" }),
        json!({ "field": "remote", "is": "on" }),
        json!({ "about": "email_kind", "is": "work" }),
        json!({ "field": "name", "is": 5 }),
    ] {
        assert_eq!(wrong(when), [format!("score[0].when: {never}")]);
    }
    assert_eq!(
        wrong(json!({ "field": "name", "at_least": 5 })),
        ["score[0].when: at_least and at_most are for number fields"]
    );
    assert_eq!(wrong(json!([])), ["score[0].when: must hold at least one condition"]);
    let second = json!([{ "field": "name", "present": true }, { "attribution": "name", "is": "x" }]);
    assert_eq!(
        wrong(second),
        ["score[0].when[1].attribution: must be utm_…, gclid, fbclid, page_url or referrer"]
    );
}

#[test]
fn a_reason_names_the_rules_condition_never_the_visitors_value() {
    let site = Site::new(&[guide_with(json!({ "score": [
        { "rule": "a", "points": 1, "when": { "field": "size", "is_one_of": ["11-50", "51+"] } },
        { "rule": "b", "points": 2, "when": { "field": "seats", "at_least": 5 } },
        { "rule": "c", "points": 4, "when": { "field": "seats", "at_most": 9.5 } },
        { "rule": "d", "points": 8, "when": { "field": "name", "is_none_of": ["x"] } },
        { "rule": "e", "points": 16, "when": { "field": "site", "present": false } },
        { "rule": "f", "points": 32, "when": { "attribution": "utm_source", "is": "PARTNER" } },
        { "rule": "g", "points": -64, "when": { "about": "country", "is": "no" } },
        { "rule": "h", "points": 128, "when": { "about": "email_kind", "is": "business" } },
        { "rule": "i", "points": 256, "when": { "field": "remote", "is": true } },
        { "rule": "j", "points": 512, "when": { "field": "email", "present": true } },
        { "rule": "no", "points": 9_999, "when": [{ "field": "seats", "is": 7 }, { "field": "seats", "is": 8 }] },
    ] }))]);
    site.deliver("guide", "email=a%40gmail.com&phone=%2B4740612345&size=51%2B&seats=7&remote=1&utm_source=Partner&consent.newsletter=on");
    let score = site.received()[0].body["data"]["score"].clone();
    let because: Vec<_> =
        score["reasons"].as_array().expect("reasons").iter().map(|r| r["because"].clone()).collect();
    assert_eq!(
        Value::from(because),
        json!([
            "size is one of 11-50, 51+",
            "seats is at least 5",
            "seats is at most 9.5",
            "name is none of x",
            "site was not given",
            "utm_source is PARTNER",
            "country is no",
            "remote is true",
            "email was given",
        ])
    );
    let points: i64 =
        score["reasons"].as_array().expect("reasons").iter().filter_map(|r| r["points"].as_i64()).sum();
    assert_eq!((score["total"].as_i64(), points), (Some(767), 767));
}

#[test]
fn thresholds_give_temperature_and_stage() {
    let qualify = json!({ "warm": 10, "hot": 50, "mql": 20, "sql": 60 });
    let level = |points: i64| {
        let score = json!([{ "rule": "r", "points": points, "when": { "field": "email", "present": true } }]);
        let site = Site::new(&[guide_with(json!({ "score": score, "qualify": qualify }))]);
        site.deliver("guide", "email=a%40example.com&consent.newsletter=on");
        let score = site.received()[0].body["data"]["score"].clone();
        format!("{} {}", score["temperature"], score["stage"])
    };
    for (points, expected) in [
        (-5, r#""cold" "lead""#),
        (10, r#""warm" "lead""#),
        (20, r#""warm" "MQL""#),
        (50, r#""hot" "MQL""#),
        (60, r#""hot" "SQL""#),
    ] {
        assert_eq!(level(points), expected, "{points}");
    }
}

#[test]
fn the_examples_are_good_and_only_their_addresses_are_for_development() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/campaigns");
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(folder).expect("examples") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let campaign = campaign(&toml::from_str(&text).expect("TOML"));
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(campaign.id.as_str()));
        assert_eq!(campaign.development_only().len(), campaign.destinations.len());
        ids.push(campaign.id);
    }
    assert!(ids.len() >= 4, "{ids:?}");
}
