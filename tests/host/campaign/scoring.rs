//! Scores: the reasons of a score, its temperature and its stage.

use serde_json::{Value, json};

use crate::support::*;

#[test]
fn a_reason_names_the_rules_condition_never_the_visitors_value() {
    let site = Site::new(&[guide_with(json!({ "score": [
        { "rule": "a", "points": 1, "when": { "field": "size", "is_one_of": ["11-50", "51+"] } },
        { "rule": "b", "points": 2, "when": { "field": "seats", "at_least": 5 } },
        { "rule": "c", "points": 4, "when": { "field": "seats", "at_most": 9.5 } },
        { "rule": "d", "points": 8, "when": { "field": "name", "is_none_of": ["xy"] } },
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
            "name is none of xy",
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
