//! Conditions of a campaign: those that can never hold are refused.

use leadhook::campaign::Campaign;
use serde_json::{Value, json};

use crate::support::*;

fn problems_of(file: &Value) -> Vec<String> {
    let problems = Campaign::accept(file).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
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
    let never = "is a value that the subject can never have";
    for (when, at, why) in [
        (json!({ "field": "size", "is": "52+" }), "is", "must be one of 1-10, 11-50, 51+"),
        (json!({ "field": "seats", "is": "many" }), "is", "must be a number, as in 12 or 12.5"),
        (json!({ "field": "seats", "is_none_of": [1, 501] }), "is_none_of[1]", "must be at most 500"),
        (json!({ "field": "remote", "is": "perhaps" }), "is", "must be true or false"),
        (json!({ "field": "name", "is": "" }), "is", "must not be empty"),
        (json!({ "field": "name", "is": 5 }), "is", "must be a text"),
        (json!({ "field": "name", "is": "x" }), "is", "must have at least 2 characters"),
        (json!({ "about": "email_kind", "is": "work" }), "is", "must be one of business, free, disposable"),
        (json!({ "about": "country", "is_one_of": ["SE", "Sweden"] }), "is_one_of[1]", "write \"SE\""),
        (json!({ "about": "country", "is": "UK" }), "is", "write \"GB\""),
        (json!({ "about": "country", "is": "Atlantis" }), "is", "must be a country by ISO 3166-1, as in SE"),
        (json!({ "field": "phone", "is": "12" }), "is", "must be a phone number, best with its country code"),
        (json!({ "field": "site", "is": "firma" }), "is", "must be an address, as in https://example.com"),
        (json!({ "attribution": "utm_source", "is": " " }), "is", "must not be empty"),
        (json!({ "attribution": "utm_source", "is": 5 }), "is", "must be text in quotes"),
        (
            json!({ "attribution": "page_url", "is": "https://www.example.com/a?b=1" }),
            "is",
            "write \"https://www.example.com/a\"",
        ),
    ] {
        assert_eq!(wrong(when), [format!("score[0].when.{at}: {never}: {why}")]);
    }
    for (when, why) in [
        (json!({ "field": "seats", "at_least": 501 }), "at_least: can never hold: max of the field is 500"),
        (json!({ "field": "seats", "at_most": 0 }), "at_most: can never hold: min of the field is 1"),
    ] {
        assert_eq!(wrong(when), [format!("score[0].when.{why}")]);
    }
    assert_eq!(
        wrong(json!({ "field": "name", "at_least": 5 })),
        ["score[0].when: at_least and at_most are for number fields"]
    );
    assert_eq!(wrong(json!([])), ["score[0].when: must hold at least one condition"]);
    let second = json!([{ "field": "name", "present": true }, { "attribution": "name", "is": "x" }]);
    assert_eq!(
        wrong(second),
        [
            "score[0].when[1].attribution: must be utm_…, a click id, page_url, landing_page or referrer, or first_ and one of them"
        ]
    );
}

#[test]
fn check_refuses_a_condition_that_can_never_hold() {
    let email = json!({ "name": "email", "kind": "email" });
    let phone = json!({ "name": "phone", "kind": "phone" });
    let size = json!({ "name": "size", "kind": "choice", "choices": ["a", "b"], "required": true });
    let demo = json!({ "name": "demo", "kind": "boolean", "required": true });
    let told = |fields: Value, when: Value| {
        let score = json!([{ "rule": "r", "points": 1, "when": when }]);
        let file = guide_with(json!({ "field": fields, "score": score, "dedupe": null }));
        let problems = leadhook::campaign::Campaign::accept(&file).err().unwrap_or_default();
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    for (fields, when, reason) in [
        (
            json!([email]),
            json!({ "about": "country", "is": "SE" }),
            "score[0].when.about: can never be known: there is no field of kind country or phone",
        ),
        (
            json!([phone]),
            json!({ "about": "email_kind", "is": "free" }),
            "score[0].when.about: can never be known: there is no field of kind email",
        ),
        (
            json!([email]),
            json!({ "field": "email", "present": false }),
            "score[0].when.present: can never hold: it is always there",
        ),
        (
            json!([email, size]),
            json!({ "field": "size", "is_none_of": ["b", "a"] }),
            "score[0].when.is_none_of: can never hold: it names all that there is",
        ),
        (
            json!([email, demo]),
            json!({ "field": "demo", "is_none_of": [true, false] }),
            "score[0].when.is_none_of: can never hold: it names all that there is",
        ),
        (
            json!([email]),
            json!({ "about": "email_kind", "is_none_of": ["business", "free", "disposable"] }),
            "score[0].when.is_none_of: can never hold: it names all that there is",
        ),
        (
            json!([email, size]),
            json!({ "field": "size", "is": ["a"] }),
            "score[0].when.is: is a value that the subject can never have: must be one value; is_one_of takes a list of them",
        ),
    ] {
        assert_eq!(told(fields, when.clone()), [reason], "{when}");
    }
    for (fields, when) in [
        (json!([email, phone]), json!({ "field": "email", "present": false })),
        (json!([email, phone]), json!({ "about": "country", "is": "SE" })),
        (json!([email, size]), json!({ "field": "size", "is_none_of": ["b"] })),
    ] {
        assert_eq!(told(fields, when.clone()), [""; 0], "{when}");
    }
    for (written, meant) in [
        ("https://www.example.com", "https://www.example.com/"),
        ("https://www.example.com:443/x?y#z", "https://www.example.com/x"),
        ("https://www.example.com/köp", "https://www.example.com/k%C3%B6p"),
        ("https://www.example.com/a/../b c", "https://www.example.com/b%20c"),
        ("www.example.com/x", "https://www.example.com/x"),
    ] {
        let when = json!({ "attribution": "page_url", "is": written });
        let told = told(json!([email]), when);
        assert!(told[0].ends_with(&format!("can never have: write {meant:?}")), "{told:?}");
    }
}
