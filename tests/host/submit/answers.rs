//! The rules of fields, by the table that the scripts on pages are held to as well (`tests/web/lib.test.mjs`).

use leadhook::campaign::Campaign;
use leadhook::pipeline::intake::{accept, decode};
use serde_json::{Value, json};

/// The settings of a case that are its field's.
const RULES: [&str; 8] =
    ["required", "min", "max", "min_length", "max_length", "choices", "several", "strict"];
const FORM: &str = "application/x-www-form-urlencoded";

/// A campaign with a field `a`, or a purpose, as a case wants it. `reply` is for those who would else have no
/// contact.
fn campaign(case: &Value) -> Campaign {
    let mut fields = vec![json!({ "name": "reply", "kind": "email" })];
    let mut purposes = Vec::new();
    if case["kind"] == "consent" {
        let version = case.get("version").cloned().unwrap_or(json!("2026-11"));
        let required = case.get("required").cloned().unwrap_or(json!(false));
        purposes.push(json!({ "id": "a", "text": "Yes.", "version": version, "required": required }));
    } else {
        let mut field = json!({ "name": "a", "kind": case["kind"] });
        for rule in RULES {
            if let Some(value) = case.get(rule) {
                field[rule] = value.clone();
            }
        }
        // It is the first of its kind then, and the contact.
        fields.insert(0, field);
    }
    let file = json!({
        "id": "c", "title": "C", "default_country": "SE", "field": fields, "purpose": purposes,
        "language": case.get("language").cloned().unwrap_or(json!("en")),
        "controller": { "name": "A", "email": "a@example.com", "privacy_notice": "https://example.com/p" },
    });
    Campaign::accept(&file).unwrap_or_else(|problems| panic!("{case}: {problems:?}"))
}

/// Returns the answer that the values of `a` become, or the code of the rejection.
fn outcome(campaign: &Campaign, name: &str, content_type: &str, body: &str) -> Result<Value, String> {
    let fields = decode(Some(content_type), body.as_bytes()).expect("fields");
    let submission = accept(fields, campaign).map_err(|rejection| {
        let problems: Vec<_> = rejection.problems.iter().filter(|problem| problem.field == name).collect();
        problems.first().expect("a problem of the field").code.as_str().to_owned()
    })?;
    if name != "a" {
        let choice = &submission.choices[0];
        return Ok(json!({ "value": choice.granted, "shown": choice.version_shown.is_some() }));
    }
    let contact = &submission.contact;
    let own =
        contact.email.as_ref().map(|email| json!(email.address())).filter(|own| *own != "r@example.com");
    let own = own.or(contact.phone.as_ref().map(|phone| json!(phone.e164())));
    Ok(submission.answers.get("a").cloned().or(own).unwrap_or(Value::Null))
}

/// The same number, however it is written.
fn same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("../../data/answers.json")).expect("a table")
}

#[test]
fn the_table_has_every_kind_and_every_code() {
    let cases = cases();
    for kind in ["text", "email", "phone", "url", "choice", "number", "date", "boolean", "country", "consent"]
    {
        let of = |is_refused: bool| {
            cases.iter().any(|case| case["kind"] == kind && case.get("code").is_some() == is_refused)
        };
        assert!(of(true) && of(false), "{kind}");
    }
    // What visitors read of a code says which there are.
    let texts: Value = serde_json::from_str(include_str!("../../../texts/en.json")).expect("texts");
    let texts = texts.as_object().expect("an object");
    for code in texts.keys().filter_map(|key| key.strip_prefix("error.")).filter(|code| *code != "other") {
        assert!(cases.iter().any(|case| case["code"] == code), "{code}");
    }
}

#[test]
fn the_table_holds() {
    let cases = cases();
    assert!(cases.len() > 400);
    let mut wrong = Vec::new();
    for case in &cases {
        let campaign = campaign(case);
        let is_consent = case["kind"] == "consent";
        let name = if is_consent { "consent.a" } else { "a" };
        let expected = match (case.get("code"), is_consent) {
            (Some(code), _) => Err(code.as_str().expect("a code").to_owned()),
            (None, true) => Ok(json!({ "value": case["value"], "shown": case["shown"] == true })),
            (None, false) => Ok(case["value"].clone()),
        };
        let values: Vec<Value> = match &case["input"] {
            Value::Array(values) => values.clone(),
            one => vec![one.clone()],
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        let reply = if case["kind"] == "email" { None } else { Some("r@example.com") };
        // A first address may be of no use; then the second one is not the contact.
        form.extend_pairs(reply.map(|reply| ("reply", reply)));
        form.extend_pairs(values.iter().map(|value| (name, value.as_str().expect("text"))));
        let mut json = json!({ "reply": reply });
        if is_consent {
            json["consent"] = json!({ "a": values });
        } else {
            json[name] = json!(values);
        }
        for (content_type, body) in [(FORM, form.finish()), ("application/json", json.to_string())] {
            // Nobody is left to reply to where the address that is judged is absent.
            if case["kind"] == "email" && case["value"].is_null() && case.get("code").is_none() {
                continue;
            }
            let found = outcome(&campaign, name, content_type, &body);
            let is_same = match (&found, &expected) {
                (Ok(found), Ok(expected)) => same(found, expected),
                (found, expected) => found == expected,
            };
            if !is_same {
                wrong.push(format!("{case} as {content_type}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of the table:\n{}", wrong.len(), wrong.join("\n"));
}
