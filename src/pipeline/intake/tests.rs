//! Submissions from bodies: field rules, problems and their order.

use serde_json::{Value, json};

use super::{ConsentChoice, Contact, Submission, accept, decode};
use crate::campaign::Campaign;

fn campaign(fields: Value) -> Campaign {
    let file = json!({
        "id": "c", "title": "C", "default_country": "SE",
        "controller": { "name": "A", "email": "a@example.com", "privacy_notice": "https://example.com/p" },
        "field": fields,
        "purpose": [{ "id": "mail", "text": "Yes.", "version": "1" }, { "id": "call", "text": "Yes.", "version": "2" }],
    });
    Campaign::accept(&file).expect("a campaign")
}

fn field(name: &str, kind: &str) -> Value {
    json!({ "name": name, "kind": kind })
}

fn posted(campaign: &Campaign, body: Value) -> Result<Submission, Vec<(String, &'static str)>> {
    let fields = decode(Some("application/json"), body.to_string().as_bytes()).expect("fields");
    accept(fields, campaign).map_err(|rejection| {
        rejection.problems.into_iter().map(|problem| (problem.field, problem.code.as_str())).collect()
    })
}

fn contact(submission: &Submission) -> (Option<&str>, Option<&str>) {
    let Contact { email, phone, .. } = &submission.contact;
    (email.as_ref().map(|email| email.address()), phone.as_ref().map(|phone| phone.e164()))
}

fn two_of_each() -> Campaign {
    campaign(json!([
        field("email", "email"),
        field("colleague", "email"),
        field("phone", "phone"),
        field("switchboard", "phone"),
    ]))
}

#[test]
fn the_first_field_of_a_kind_is_the_contact_and_the_others_are_answers() {
    let body = json!({
        "colleague": "B@example.com", "email": " A@Example.com", "switchboard": "08-12 34 56", "phone": "070-1740605",
    });
    let submission = posted(&two_of_each(), body).expect("a submission");
    assert_eq!(contact(&submission), (Some("a@example.com"), Some("+46701740605")));
    assert_eq!(
        json!(submission.answers),
        json!({ "colleague": "b@example.com", "switchboard": "+468123456" })
    );
}

#[test]
fn a_second_field_of_a_kind_never_becomes_the_contact() {
    let submission = posted(&two_of_each(), json!({ "phone": "0701740605", "colleague": "b@example.com" }));
    let submission = submission.expect("a submission");
    assert_eq!(contact(&submission), (None, Some("+46701740605")), "the colleague did not post this");
    assert_eq!(json!(submission.answers), json!({ "colleague": "b@example.com" }));
    let nobody = posted(&two_of_each(), json!({ "colleague": "b@example.com" }));
    assert_eq!(nobody.err(), Some(vec![("email".to_owned(), "required")]));
}

#[test]
fn without_contact_data_there_is_no_lead_and_one_problem_is_enough() {
    let campaign = campaign(json!([field("name", "text"), field("phone", "phone"), field("email", "email")]));
    let problem = |body| posted(&campaign, body).err();
    assert_eq!(problem(json!({ "name": "A" })), Some(vec![("phone".to_owned(), "required")]));
    assert_eq!(problem(json!({ "email": "a" })), Some(vec![("email".to_owned(), "invalid_email")]));
}

#[test]
fn texts_are_trimmed_and_composed_and_else_left_alone() {
    let campaign = campaign(json!([field("email", "email"), field("name", "text"), field("note", "text")]));
    let body = json!({ "email": "a@example.com", "name": " \u{a0}Ka\u{30a}ri  N. ", "note": "one\r\n  two\u{200d}<b>" });
    let submission = posted(&campaign, body).expect("a submission");
    assert_eq!(
        json!(submission.answers),
        json!({ "name": "K\u{e5}ri  N.", "note": "one\n  two\u{200d}<b>" })
    );
}

#[test]
fn numbers_booleans_and_choices_are_read_from_text_and_from_json() {
    let campaign = campaign(json!([
        field("email", "email"), field("n", "number"), field("b", "boolean"),
        { "name": "c", "kind": "choice", "choices": ["51+", "x"] },
    ]));
    let answers = |n: Value, b: Value, c: Value| {
        let body = json!({ "email": "a@example.com", "n": n, "b": b, "c": c });
        posted(&campaign, body).map(|submission| json!(submission.answers))
    };
    for (n, b, c) in [(json!(12), json!(true), json!("51+")), (json!(" 12 "), json!("Yes"), json!(" 51+ "))] {
        assert_eq!(answers(n, b, c), Ok(json!({ "n": 12, "b": true, "c": "51+" })));
    }
    assert_eq!(answers(json!("1.5e1"), json!(["off", "on"]), json!("")), Ok(json!({ "n": 15.0, "b": true })));
    let wrong = |field: &str, code| Err(vec![(field.to_owned(), code)]);
    for bad in ["1,500", "0x10", "inf", "NaN", "1e999", "--1", "\u{663}"] {
        assert_eq!(answers(json!(bad), json!(""), json!("")), wrong("n", "invalid_number"), "{bad}");
    }
    assert_eq!(answers(Value::Null, Value::Null, json!("X")), wrong("c", "not_a_choice"));
    assert_eq!(answers(Value::Null, Value::Null, json!(["x", "51+"])), wrong("c", "repeated"));
    assert_eq!(answers(Value::Null, Value::Null, json!(51)), wrong("c", "wrong_type"));
}

#[test]
fn there_is_a_choice_for_each_purpose_in_the_campaigns_order() {
    let campaign = campaign(json!([field("email", "email")]));
    let body = json!({ "email": "a@example.com", "consent": { "call": 2, "nobody": true } });
    let choice = |purpose: &str, granted, version: Option<&str>| ConsentChoice {
        purpose: purpose.to_owned(),
        granted,
        version_shown: version.map(str::to_owned),
    };
    let submission = posted(&campaign, body).expect("a submission");
    assert_eq!(submission.choices, [choice("mail", false, None), choice("call", true, Some("2"))]);
    let wrong = posted(
        &campaign,
        json!({ "email": "a@example.com", "consent": { "mail": { "yes": 1 }, "call": 1 } }),
    );
    let expected = [("consent.mail", "wrong_type"), ("consent.call", "wording_outdated")];
    assert_eq!(wrong.err(), Some(expected.map(|(field, code)| (field.to_owned(), code)).to_vec()));
}
