//! `leadhook access` and `leadhook erase`.

use serde_json::json;

use super::receipts::signed;
use super::server::{Answer, Server};
use super::{done, folder, keys_file, leadhook, refused, text, write};

#[test]
fn access_prints_what_is_held_and_the_token_comes_from_the_file() {
    let folder = folder("access");
    keys_file(&folder);
    let held = json!({ "ledgers": [{ "ledger": "example-ab", "leads": [] }] });
    let answer = held.clone();
    let server = Server::new(move |_, _| Answer::ok(&answer));
    let said = done(&folder, &["access", "--email", "eva@acme.example", "--url", &server.url]);
    assert_eq!(said, format!("{}\n", serde_json::to_string_pretty(&held).expect("JSON")));
    done(&folder, &["access", "--phone", "+46 70-174 06 05", "--url", &format!("{}/", server.url)]);
    let asked = server.asked();
    assert_eq!(asked[0].what, "POST /admin/api/access");
    assert_eq!(asked[0].authorization, "Bearer top-secret-token");
    assert_eq!(asked[0].body, json!({ "email": "eva@acme.example" }));
    assert_eq!(asked[1].what, "POST /admin/api/access");
    assert_eq!(asked[1].body, json!({ "phone": "+46 70-174 06 05" }));

    let url = ["--url", server.url.as_str()];
    assert!(refused(&folder, &[&["access", "--email", "eva"][..], &url].concat()).contains("not an e-mail"));
    assert!(refused(&folder, &[&["access", "--phone", "070"][..], &url].concat()).contains("country code"));
    assert_eq!(leadhook(&folder, &[&["access"][..], &url].concat()).status.code(), Some(2));
    assert_eq!(server.asked().len(), 2, "what is wrong here is not sent");
}

#[test]
fn the_worker_is_asked_again_and_its_problems_are_said() {
    let folder = folder("problems");
    keys_file(&folder);
    let access = |url: &str| leadhook(&folder, &["access", "--email", "eva@acme.example", "--url", url]);
    let server = Server::new(|_, before| if before < 5 { Answer::fault() } else { Answer::ok(&json!({})) });
    assert!(access(&server.url).status.success());
    assert_eq!(server.asked().len(), 6);

    let server = Server::new(|_, _| Answer::fault());
    assert!(text(&access(&server.url).stderr).contains("returned 503"));
    assert_eq!(server.asked().len(), 6);

    let problem = |status, body: serde_json::Value| {
        let server = Server::new(move |_, _| Answer { status, headers: "", body: body.to_string() });
        let output = access(&server.url);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr).replace(&server.url, "URL")
    };
    let errors = json!([{ "field": "email", "code": "x", "detail": "is no address" }, { "code": "y" }]);
    assert_eq!(
        problem(422, json!({ "title": "Not valid", "detail": "Correct it.", "errors": errors })),
        "URL returned 422: Not valid. Correct it. email: is no address. y.\n"
    );
    let said = problem(401, json!({ "title": "Not authorised" }));
    assert_eq!(said, "URL returned 401: Not authorised\n");
    assert!(problem(404, json!("nothing")).starts_with("URL returned 404"));
    assert!(problem(302, json!({})).starts_with("URL returned 302"), "the token follows no redirect");

    let said = text(&access("http://leadhook.example.com").stderr);
    assert_eq!(said, "http://leadhook.example.com must begin with https://\n");
    assert!(text(&access("leadhook").stderr).contains("is not an address"));
    assert!(text(&access("http://127.0.0.1:1").stderr).starts_with("http://127.0.0.1:1: "));
    write(&folder, "leadhook.keys", "");
    assert!(text(&access(&server.url).stderr).contains("the admin token is missing"));
}

#[test]
fn erase_asks_first_and_prints_the_receipt() {
    let folder = folder("erase");
    keys_file(&folder);
    let receipt = signed("r1", 1, &json!({ "type": "erasure" }));
    let told = json!([{ "lead_id": "lead_1", "campaign": "guide", "destination": "crm" }]);
    let answer = json!({
        "ledgers": [
            { "ledger": "example-ab", "leads": ["lead_1"], "submissions": 3, "told": told },
            { "ledger": "family", "leads": [], "left": [{ "lead_id": "lead_2", "submissions": 1 }], "submissions": 1 },
            { "ledger": "other", "leads": [], "submissions": 0, "told": [] },
        ],
        "receipt": receipt,
    });
    let sent = answer.clone();
    let server = Server::new(move |_, _| Answer::ok(&sent));
    let erase =
        ["erase", "--email", "eva@acme.example", "--phone", "+46701740605", "--url", server.url.as_str()];
    assert!(refused(&folder, &erase).contains("pass --yes"));
    assert!(server.asked().is_empty(), "nothing is erased unasked");
    let output = leadhook(&folder, &[&erase[..], &["--yes"]].concat());
    assert_eq!(text(&output.stdout), format!("{receipt}\n"));
    assert_eq!(
        text(&output.stderr),
        "example-ab: erased 1 lead with 3 submissions\n  crm of guide gets an event to erase it too\n\
         family: erased 1 submission of a lead that also has submissions of somebody else\n"
    );
    assert_eq!(server.asked()[0].what, "POST /admin/api/erase");
    assert_eq!(server.asked()[0].body, json!({ "email": "eva@acme.example", "phone": "+46701740605" }));
    let said = done(&folder, &[&erase[..], &["--yes", "--json"]].concat());
    assert_eq!(serde_json::from_str::<serde_json::Value>(&said).expect("JSON"), answer);

    let server = Server::new(|_, _| Answer::ok(&json!({ "ledgers": [] })));
    let output = leadhook(&folder, &["erase", "--email", "a@b.example", "--yes", "--url", &server.url]);
    assert!(text(&output.stderr).contains("Nothing was stored"));
    assert!(output.stdout.is_empty());
}
