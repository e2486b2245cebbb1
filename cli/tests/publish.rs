//! `leadhook publish`.

use std::path::Path;
use std::process::Output;

use serde_json::json;

use super::server::{Answer, Server};
use super::{command, done, folder, keys_file, leadhook, refused, text, write};

const PROVIDER: &str = "[double_opt_in]\ndestination = \"mail\"\nsubject = \"{title}\"\ntext = \"{confirm_link} {withdraw_link}\"\n\
    [[destination]]\nname = \"mail\"\nkind = \"email\"\nurl = \"https://api.mail.example/send\"\nsecret = \"MAIL_API_TOKEN\"\n\
    body = { To = \"{to}\", Text = \"{text}\" }\n";

/// A campaign's file; `more` stands behind it.
fn file(id: &str, controller: &str, version: &str, more: &str) -> String {
    format!(
        "id = \"{id}\"\ntitle = \"T\"\nledger = \"example-ab\"\n\
         [controller]\nname = \"{controller}\"\nemail = \"privacy@example.com\"\n\
         privacy_notice = \"https://www.example.com/privacy\"\nprivacy_notice_version = \"{version}\"\n\
         [[field]]\nname = \"email\"\nkind = \"email\"\nrequired = true\n\
         [[purpose]]\nid = \"news\"\ntext = \"Yes.\"\nversion = \"{version}\"\n\
         [[destination]]\nname = \"crm\"\nurl = \"https://crm.example.com/x\"\nsecret = \"CRM_SECRET\"\n{more}"
    )
}

fn publish(folder: &Path, args: &[&str]) -> Output {
    let mut command = command(folder, &["publish"]);
    command.env_remove("LEADHOOK_SECRET_HOSTS").args(args);
    command.output().expect("the command line runs")
}

/// Publishes, and returns standard output and standard error.
fn published(folder: &Path, args: &[&str]) -> (String, String) {
    let output = publish(folder, args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_admin_api_publishes_and_its_warnings_are_printed() {
    let folder = folder("publish-api");
    keys_file(&folder);
    write(&folder, "a.toml", &file("a", "New AB", "2", ""));
    write(&folder, "b.toml", &file("b", "New AB", "2", ""));
    let server = Server::new(|asked, before| match before {
        0 => Answer::fault(),
        _ if asked.what.contains("/b?") => {
            let errors = json!([{ "field": "purpose[0].version", "code": "campaign_invalid", "detail": "must be new" }]);
            Answer {
                status: 422,
                headers: "",
                body: json!({ "title": "Not valid", "errors": errors }).to_string(),
            }
        }
        _ => Answer::ok(
            &json!({ "published": "a", "revision": "r", "warnings": ["three wait\u{1b}[2J", "and more"] }),
        ),
    });
    let url = ["--url", server.url.as_str()];
    let (said, warned) = published(&folder, &[&["a.toml"][..], &url].concat());
    assert!(said.starts_with("published a (revision ") && said.lines().count() == 1, "{said}");
    assert_eq!(warned, "warning: a.toml: three wait\\u{1b}[2J\nwarning: a.toml: and more\n");
    let asked = server.asked();
    let what: Vec<_> = asked.iter().map(|asked| asked.what.as_str()).collect();
    assert_eq!(what, ["PUT /admin/api/campaigns/a"; 2], "again after a fault");
    assert_eq!(asked[1].authorization, "Bearer top-secret-token");
    assert_eq!(asked[1].body["controller"]["name"], "New AB");

    let rename = ["--rename-controller", "Old & Söner AB"];
    let output = publish(&folder, &[&["a.toml", "b.toml"][..], &url, &rename].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("published a "), "what was published is said");
    assert!(
        text(&output.stderr).contains("b.toml: ")
            && text(&output.stderr).contains("purpose[0].version: must be new")
    );
    let query = "rename_controller=Old+%26+S%C3%B6ner+AB";
    let what: Vec<_> = server.asked().iter().skip(2).map(|asked| asked.what.clone()).collect();
    assert_eq!(what, ["a", "b"].map(|id| format!("PUT /admin/api/campaigns/{id}?{query}")));

    write(&folder, "bad.toml", "id = \"bad\"\n");
    let output = publish(&folder, &[&["a.toml", "bad.toml"][..], &url].concat());
    assert!(text(&output.stderr).ends_with("Nothing was published.\n"));
    assert_eq!(server.asked().len(), 4, "what is wrong here is not sent");
    for gone in ["--local", "--remote"] {
        assert_eq!(publish(&folder, &["a.toml", gone]).status.code(), Some(2), "{gone}");
    }
}

#[test]
fn check_knows_what_the_files_show_together() {
    let folder = folder("check-secrets");
    write(&folder, "a.toml", &file("a", "Old AB", "1", PROVIDER));
    write(&folder, "b.toml", &file("b", "Old AB", "1", "").replace("CRM_SECRET", "MAIL_API_TOKEN"));
    assert_eq!(done(&folder, &["check", "a.toml"]), "a.toml: ok, campaign a\n");
    assert_eq!(
        refused(&folder, &["check", "a.toml", "b.toml"]),
        "a.toml: destination[1].secret: signs the webhooks of the campaign b, so it is never sent\n\
         b.toml: destination[0].secret: is sent as it is by the campaign a, so it never signs\n"
    );
    write(&folder, "leadhook.keys", "LEADHOOK_SECRET_HOSTS=\"OTHER=api.mail.example\"\n");
    assert_eq!(
        refused(&folder, &["check", "a.toml"]),
        "a.toml: destination[1].secret: is bound to no host: add MAIL_API_TOKEN=api.mail.example to \
         LEADHOOK_SECRET_HOSTS\n"
    );
    write(&folder, "leadhook.keys", "LEADHOOK_SECRET_HOSTS=\"OTHER\"\n");
    assert!(refused(&folder, &["check", "a.toml"]).starts_with("LEADHOOK_SECRET_HOSTS: each entry must be"));
}

#[test]
fn the_audit_log_says_in_words_what_a_publication_changed() {
    let folder = folder("audit-changes");
    keys_file(&folder);
    let side = |origin: &str, secret: &str| json!({ "origin": origin, "secret": secret });
    let changes = json!({
        "destinations": [
            { "destination": "crm", "from": side("https://a.example", "A"), "to": side("https://b.example", "A") },
            { "destination": "old", "from": side("https://c.example", "C"), "to": null },
        ],
        "more_destinations": 3,
        "turnstile_secret": { "from": null, "to": "T" },
        "controller": { "from": "Old AB", "to": "New\u{1b} AB" },
    });
    let entry = json!({ "at": "2026-11-22T14:00:00.000Z", "ledger": "l", "actor": "alice", "act": "publish",
        "campaign": "guide", "destination": null, "delivery_id": null, "list": null, "count": null, "outcome": "done",
        "changes": changes });
    let server = Server::new(move |_, _| Answer::ok(&json!({ "entries": [entry], "next": null })));
    let said = done(&folder, &["audit", "--url", &server.url]);
    assert_eq!(
        said,
        "2026-11-22T14:00:00.000Z  alice  publish  done  ledger l, campaign guide, controller: Old AB -> New\\u{1b} AB, \
         crm: https://a.example by A -> https://b.example by A, old: https://c.example by C -> none, \
         more destinations: 3, turnstile secret: none -> T\n"
    );
    assert!(leadhook(&folder, &["audit", "--json", "--url", &server.url]).status.success());
}
