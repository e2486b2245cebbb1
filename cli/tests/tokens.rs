//! `leadhook token` and `leadhook audit`: tokens with scopes, and the log that is listed with them.

use leadhook::settings::admin_tokens::{AdminTokens, Scope};
use serde_json::{Value, json};

use super::server::{Answer, Server};
use super::{done, folder, keys_file, leadhook, read, refused, text};

/// The value of a line of the file.
fn value(folder: &std::path::Path, name: &str) -> String {
    let file = read(folder, "leadhook.keys");
    let line = file.lines().find_map(|line| line.strip_prefix(&format!("{name}=\"")));
    line.expect(name).trim_end_matches('"').to_owned()
}

#[test]
fn a_token_is_made_with_its_scopes_and_shown_once() {
    let folder = folder("tokens");
    keys_file(&folder);
    let make =
        |name: &str, scopes: &str| ["token", "make", "--name", name, "--scope", scopes].map(str::to_owned);
    let made = |args: [String; 6]| done(&folder, &args.each_ref().map(String::as_str));
    let said = made(make("alice", "read,operate,read"));
    let entry = value(&folder, "LEADHOOK_ADMIN_TOKENS");
    let token = entry.strip_prefix("alice:read+operate:").expect("an entry").to_owned();
    assert_eq!(token.len(), 32);
    assert!(said.lines().any(|line| line.trim() == entry) && said.lines().any(|line| line.trim() == token));
    assert!(said.contains("leadhook deploy --put LEADHOOK_ADMIN_TOKENS"));

    let said = made(make("dpo", "erase"));
    assert!(!said.contains(&token), "not shown again");
    let both = value(&folder, "LEADHOOK_ADMIN_TOKENS");
    assert!(both.starts_with(&format!("{entry},dpo:erase:")));
    let tokens = AdminTokens::default().and(&both).expect("what the Worker reads");
    let alice = tokens.holder(&token).expect("alice");
    assert_eq!(Scope::ALL.map(|scope| alice.may(scope)), [true, true, false, false]);
    assert_eq!(value(&folder, "LEADHOOK_ADMIN_TOKEN"), "top-secret-token", "the others stay");

    for (name, reason) in [("alice", "the same name"), ("Alice", "a name is"), ("admin", "belongs to")] {
        let said = refused(&folder, &make(name, "read").each_ref().map(String::as_str));
        assert!(said.contains(reason) && !said.contains(&token), "{said}");
    }
    let wrong = leadhook(&folder, &make("bob", "all").each_ref().map(String::as_str));
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(value(&folder, "LEADHOOK_ADMIN_TOKENS"), both);
}

#[test]
fn the_audit_log_is_listed_over_its_pages() {
    let folder = folder("audit");
    keys_file(&folder);
    let entry = |act: &str| {
        json!({ "at": "2026-11-22T14:00:00.000Z", "ledger": "example-ab", "actor": "alice", "act": act,
                "campaign": "guide", "destination": null, "delivery_id": null, "list": null, "count": 3,
                "outcome": "done" })
    };
    let (first, second) = (entry("replay_all"), entry("enable"));
    let pages =
        [json!({ "entries": [first], "next": "1.2.a+b" }), json!({ "entries": [second], "next": null })];
    let server = Server::new(move |_, before| Answer::ok(&pages[before % 2]));
    let url = ["--url", server.url.as_str()];
    let args = |more: &[&'static str]| [&["audit"][..], more, &url].concat();
    let said = done(&folder, &args(&["--campaign", "guide", "--from", "2026-11-22T00:00:00+01:00"]));
    assert_eq!(
        said,
        "2026-11-22T14:00:00.000Z  alice  replay_all  done  ledger example-ab, campaign guide, count 3\n\
         2026-11-22T14:00:00.000Z  alice  enable  done  ledger example-ab, campaign guide, count 3\n"
    );
    let asked: Vec<String> = server.asked().into_iter().map(|asked| asked.what).collect();
    let query = "GET /admin/api/audit?limit=200&campaign=guide&from=2026-11-22T00%3A00%3A00%2B01%3A00";
    assert_eq!(asked, [query.to_owned(), format!("{query}&after=1.2.a%2Bb")]);

    let page = leadhook(&folder, &args(&["--json", "--limit", "1", "--after", "9.9.x"]));
    let line: Value = serde_json::from_str(&text(&page.stdout)).expect("one line of JSON");
    assert_eq!(
        (&line["act"], text(&page.stderr).as_str()),
        (&json!("replay_all"), "More: --after 1.2.a+b\n")
    );
    assert_eq!(server.asked()[2].what, "GET /admin/api/audit?limit=1&after=9.9.x");
    assert!(refused(&folder, &args(&["--from", "yesterday"])).contains("RFC 3339"));
    assert!(refused(&folder, &args(&["--campaign", "A&b"])).contains("not the id of a campaign"));
    assert_eq!(server.asked().len(), 3, "what is wrong here is not sent");
}

#[test]
fn what_a_token_may_not_do_is_said_in_words() {
    let folder = folder("forbidden");
    keys_file(&folder);
    let said = |status, headers, body: Value| {
        let server = Server::new(move |_, _| Answer { status, headers, body: body.to_string() });
        refused(&folder, &["audit", "--url", &server.url]).replace(&server.url, "URL")
    };
    assert_eq!(
        said(403, "", json!({ "title": "Not allowed", "detail": "This needs a token with the scope read." })),
        "URL: Not allowed. This needs a token with the scope read. Yours is from LEADHOOK_ADMIN_TOKEN in the \
         environment or in the key file.\n"
    );
    assert_eq!(
        said(429, "retry-after: 17\r\n", json!({ "title": "Too many attempts", "detail": "Wait." })),
        "URL: Too many attempts. Wait. Try again in 17 s.\n"
    );
}
