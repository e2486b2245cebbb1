//! Replies in parts, for more ledgers than one request can ask.

use serde_json::{Value, json};

use super::receipts::signed;
use super::server::{Answer, Asked, Server};
use super::{done, folder, keys_file, leadhook, read, refused, text};

/// Tells whether a request goes on with a walk, by its query or its body.
fn goes_on(asked: &Asked) -> bool {
    asked.what.contains("after=b.") || asked.body["after"] == "b."
}

/// A server that answers in two parts.
fn in_two(first: Value, second: Value) -> Server {
    Server::new(move |asked, _| match goes_on(asked) {
        true => Answer::ok(&second),
        false => {
            let mut first = first.clone();
            first["next"] = json!("b.");
            Answer::ok(&first)
        }
    })
}

#[test]
fn no_key_is_retired_before_all_ledgers_have_been_asked() {
    let folder = folder("pages-keys");
    done(&folder, &["keys", "make"]);
    done(&folder, &["keys", "rotate", "peppers"]);
    let in_use = |ledger: &str, peppers: Value| json!({ "ledgers": [{ "ledger": ledger, "in_use": { "peppers": peppers, "sealing": {}, "lists": {} } }] });
    let server = in_two(in_use("a", json!({ "p2": 3 })), in_use("b", json!({ "p1": 1 })));
    let url = ["--url", server.url.as_str()];
    let said = refused(&folder, &[&["keys", "retire", "peppers", "p1"][..], &url].concat());
    assert_eq!(said, "p1 is still needed by 1 rows of b; nothing was changed\n");
    let status = done(&folder, &[&["keys", "status"][..], &url].concat());
    assert!(status.contains("1 rows; cannot be retired yet"), "{status}");
    // What cannot be read to the end says nothing about what is unused.
    let server = Server::new(move |asked, _| match goes_on(asked) {
        true => Answer::ok(&json!({})),
        false => Answer::ok(&json!({ "ledgers": [], "next": "b." })),
    });
    let before = read(&folder, "leadhook.keys");
    let said = refused(&folder, &["keys", "retire", "peppers", "p1", "--url", &server.url]);
    assert!(said.contains("does not state"), "{said}");
    assert_eq!(read(&folder, "leadhook.keys"), before);
}

#[test]
fn what_is_held_is_printed_as_one_and_each_part_of_an_erasure_has_its_receipt() {
    let folder = folder("pages-people");
    keys_file(&folder);
    let part = |ledger: &str, leads: Value| json!({ "ledger": ledger, "leads": leads, "submissions": 1, "told": [] });
    let (one, two) = (part("a", json!(["lead_1"])), part("b", json!(["lead_2"])));
    let server = in_two(json!({ "ledgers": [one] }), json!({ "ledgers": [two] }));
    let said = done(&folder, &["access", "--email", "eva@acme.example", "--url", &server.url]);
    assert_eq!(serde_json::from_str::<Value>(&said).expect("JSON"), json!({ "ledgers": [one, two] }));
    assert_eq!(server.asked()[1].body, json!({ "email": "eva@acme.example", "after": "b." }));

    let receipts = [1, 2].map(|at| signed("r1", 1, &json!({ "type": "erasure", "at": at })));
    let answer = |at: usize, part: &Value| json!({ "ledgers": [part], "receipt": receipts[at] });
    let server = in_two(answer(0, &one), answer(1, &two));
    let erase = ["erase", "--email", "eva@acme.example", "--yes", "--url", server.url.as_str()];
    let output = leadhook(&folder, &erase);
    assert_eq!(text(&output.stdout), format!("{}\n{}\n", receipts[0], receipts[1]));
    assert_eq!(
        text(&output.stderr),
        "a: erased 1 lead with 1 submission\nb: erased 1 lead with 1 submission\n"
    );
    // What was done is told, also where the rest fails.
    let (first, problem) = (answer(0, &one), json!({ "title": "Not allowed" }));
    let server = Server::new(move |asked, _| match goes_on(asked) {
        true => Answer { status: 403, headers: "", body: problem.to_string() },
        false => {
            let mut first = first.clone();
            first["next"] = json!("b.");
            Answer::ok(&first)
        }
    });
    let output = leadhook(&folder, &["erase", "--email", "eva@acme.example", "--yes", "--url", &server.url]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), format!("{}\n", receipts[0])));
}

#[test]
fn lists_and_findings_of_all_ledgers_are_told() {
    let folder = folder("pages-lists");
    keys_file(&folder);
    let list = |ledger: &str| json!({ "lists": [{ "ledger": ledger, "list": "customers", "entries": 2 }] });
    let server = in_two(list("a"), list("b"));
    let said = done(&folder, &["list", "show", "--url", &server.url]);
    assert_eq!(said, "a  customers  2 entries\nb  customers  2 entries\n");

    let finding = |about: &str| {
        json!({
            "problem": "campaign_unreadable", "is_wrong": true, "about": about, "count": 1, "example": null,
            "says": "It cannot be read", "advice": "Publish it again.",
        })
    };
    let now = leadhook::base::time::rfc3339(
        i64::try_from(std::time::UNIX_EPOCH.elapsed().expect("a clock").as_millis()).expect("a time"),
    );
    let chunk = |about: &str| json!({ "now": now, "ledgers": [], "findings": [finding(about)] });
    let server = in_two(chunk("one"), chunk("two"));
    let output = leadhook(&folder, &["doctor", "--url", &server.url]);
    let said = text(&output.stdout);
    assert!(said.contains("ERROR one:") && said.contains("ERROR two:"), "{said}");
    assert_eq!(text(&output.stderr), "2 problems found.\n");
}

#[test]
fn what_only_one_ledger_has_is_looked_for_in_all() {
    let folder = folder("pages-quarantine");
    keys_file(&folder);
    let server = Server::new(|asked, _| match goes_on(asked) {
        true => Answer::ok(&json!({ "submission_id": "sub_1" })),
        false => {
            let body = json!({ "title": "Not found yet", "status": 404, "next": "b." });
            Answer { status: 404, headers: "", body: body.to_string() }
        }
    });
    let said = done(&folder, &["quarantine", "show", "sub_1", "--url", &server.url]);
    assert_eq!(serde_json::from_str::<Value>(&said).expect("JSON"), json!({ "submission_id": "sub_1" }));

    let first = json!({ "discarded": ["sub_1"], "not_possible": [] });
    let server = in_two(first, json!({ "discarded": ["sub_3"], "not_possible": ["sub_2"], "next": null }));
    let discard = ["quarantine", "discard", "sub_1", "sub_2", "sub_3", "--url", server.url.as_str()];
    let output = leadhook(&folder, &discard);
    assert_eq!(text(&output.stdout), "2 discarded\n");
    assert!(text(&output.stderr).ends_with("any key that is left: sub_2\n"), "{}", text(&output.stderr));
    let bodies: Vec<_> =
        server.asked().into_iter().map(|asked| asked.body["submission_ids"].clone()).collect();
    assert_eq!(bodies, [json!(["sub_1", "sub_2", "sub_3"]), json!(["sub_2", "sub_3"])]);
}
