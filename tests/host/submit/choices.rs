//! Fields with several choices, dates and hints: in posts, criteria and the hosted form.

use leadhook::http::request::Method;
use leadhook::testing::world::request;
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";

/// A campaign that asks for several things.
fn several() -> Value {
    guide_with(json!({
        "field": [
            { "name": "email", "kind": "email", "required": true },
            { "name": "interests", "kind": "choice", "several": true, "choices": ["Garden", "House", "Boat"],
              "label": "What do you like?", "help": "As many as apply." },
            { "name": "starts", "kind": "date", "label": "When?" },
            { "name": "company", "kind": "text", "autocomplete": "organization", "placeholder": "Example AB" },
            { "name": "colleague", "kind": "email" },
        ],
        "score": [
            { "rule": "gardener", "points": 10, "when": { "field": "interests", "is": "Garden" } },
            { "rule": "at home", "points": 20, "when": { "field": "interests", "is_one_of": ["House", "Boat"] } },
            { "rule": "no sailor", "points": 5, "when": { "field": "interests", "is_none_of": ["Boat"] } },
            { "rule": "new year", "points": 1, "when": { "field": "starts", "is": "2027-01-01" } },
        ],
    }))
}

#[test]
fn several_choices_are_a_list_wherever_they_go() {
    let site = Site::new(&[several()]);
    site.deliver(
        "guide",
        &format!("{ANN}&interests[]=&interests[]=House&interests[]=Garden&starts=2027-01-01"),
    );
    let data = &site.received()[0].body["data"];
    assert_eq!(data["answers"], json!({ "interests": ["Garden", "House"], "starts": "2027-01-01" }));
    let rules: Vec<_> =
        data["score"]["reasons"].as_array().expect("reasons").iter().map(|r| &r["rule"]).collect();
    assert_eq!(rules, ["gardener", "at home", "no sailor", "new year"]);

    let sent =
        json!({ "email": "bob@example.com", "consent": { "newsletter": true }, "interests": ["Boat"] });
    let json = site.send(&request(Method::Post, "/c/guide", "application/json", &sent.to_string()));
    assert_eq!(json.status, 202, "{}", text(&json));
    site.ring();
    assert_eq!(site.received()[1].body["data"]["answers"], json!({ "interests": ["Boat"] }));
    assert_eq!(site.received()[1].body["data"]["score"]["total"], 20);

    let wrong = site.post("guide", &format!("{ANN}&interests=Garden&interests=Car&starts=tomorrow"));
    assert_eq!(problems(&wrong), ["interests not_a_choice", "starts invalid_date"]);
    let criteria = body(&site.send(&request(Method::Get, "/c/guide", "", "")));
    let fields = criteria["fields"].as_array().expect("fields");
    assert_eq!((&fields[1]["several"], &fields[1]["help"]), (&json!(true), &json!("As many as apply.")));
    assert_eq!((&fields[2]["kind"], &fields[2].get("several")), (&json!("date"), &None));
    assert_eq!(
        (&fields[3]["autocomplete"], &fields[3]["placeholder"]),
        (&json!("organization"), &json!("Example AB"))
    );
}

#[test]
fn the_hosted_form_asks_for_all_of_it() {
    let site = Site::new(&[several()]);
    let page = text(&site.send(&request(Method::Get, "/f/guide", "", "")));
    for part in [
        "<fieldset class=\"field\" aria-describedby=\"f-interests-help\"><legend><span dir=\"auto\">What do you like?",
        "<input id=\"f-interests-1\" name=\"interests\" type=\"checkbox\" value=\"House\">",
        "<p class=\"help\" id=\"f-interests-help\" dir=\"auto\">As many as apply.</p>",
        "<input id=\"f-starts\" name=\"starts\" type=\"date\">",
        "autocomplete=\"organization\" placeholder=\"Example AB\">",
        "<input id=\"f-email\" name=\"email\" type=\"email\" autocomplete=\"email\" required>",
        // Somebody else's.
        "<input id=\"f-colleague\" name=\"colleague\" type=\"email\" autocomplete=\"off\">",
        "<meta name=\"description\" content=\"The &lt;b&gt;guide&lt;/b&gt;\">",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}
