//! Publications: a scope of their own, their changes in the audit log, warnings of deliveries that will not be sent,
//! and the new name of a controller.

use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::settings::admin_tokens::AdminTokens;
use leadhook::testing::world::{ADMIN_TOKEN, KvMode, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::person::confirmed_guide;
use crate::support::*;

const LEDGER: &str = "example-ab";
const ANN: &str = "email=ann%40example.org&consent.newsletter=on";
const BOB: &str = "email=bob%40example.org&consent.newsletter=on";

fn put_as(site: &Site, token: &str, file: &Value, query: &str) -> Response {
    let path = format!("/admin/api/campaigns/{}{query}", file["id"].as_str().expect("an id"));
    let request = request(Method::Put, &path, "application/json", &file.to_string());
    site.send(&RawRequest { authorization: Some(format!("Bearer {token}")), ..request })
}

fn put(site: &Site, file: &Value) -> Value {
    let response = put_as(site, ADMIN_TOKEN, file, "");
    assert_eq!(response.status, 200, "{}", text(&response));
    body(&response)
}

fn warnings(site: &Site, file: &Value) -> Vec<String> {
    let warnings = put(site, file)["warnings"].as_array().expect("always a list").clone();
    warnings.iter().map(|warning| warning.as_str().expect("words").to_owned()).collect()
}

/// `field: detail` of each problem; nothing where it was published.
fn refused(site: &Site, file: &Value, query: &str) -> Vec<String> {
    refusals(&put_as(site, ADMIN_TOKEN, file, query))
}

fn fields(refused: &[String]) -> Vec<&str> {
    refused.iter().map(|line| line.split(": ").next().unwrap_or_default()).collect()
}

fn entries(site: &Site) -> Vec<Value> {
    let page = site.admin(Method::Get, "audit?limit=200");
    page["entries"].as_array().expect("entries").clone()
}

/// Returns the changes of the newest publication, by its last entry.
fn changes(site: &Site) -> Value {
    let all = entries(site);
    assert_eq!((&all[0]["act"], &all[0]["outcome"]), (&json!("publish"), &json!("done")));
    assert_eq!((&all[1]["outcome"], &all[1]["changes"]), (&json!("begun"), &all[0]["changes"]));
    all[0]["changes"].clone()
}

fn with_destinations(destinations: Value) -> Value {
    guide_with(json!({ "destination": destinations }))
}

#[test]
fn operating_is_not_publishing() {
    let (operator, publisher) = ("operator-0123456789-abcde", "publisher-0123456789-abcd");
    let mut site = Site::new(&[guide()]);
    let named = format!("otto:read+operate+erase:{operator},petra:publish:{publisher}");
    site.set_settings(|settings| {
        settings.admin = AdminTokens::sole(ADMIN_TOKEN).and(&named).expect("tokens")
    });
    let moved = with_destinations(json!([destination("crm", "https://elsewhere.example/x")]));
    assert_eq!(put_as(&site, operator, &moved, "").status, 403);
    assert_eq!(put_as(&site, publisher, &moved, "").status, 200);
    assert_eq!(put_as(&site, ADMIN_TOKEN, &guide(), "").status, 200);
    let actors: Vec<_> = entries(&site).iter().map(|entry| entry["actor"].clone()).collect();
    assert_eq!(actors, ["admin", "admin", "petra", "petra"]);
}

#[test]
fn an_entry_says_which_origins_and_secrets_changed() {
    let site = Site::new(&[]);
    site.set_secret("TURNSTILE_SECRET", "0x4secret");
    let crm = json!({ "origin": "https://crm.example.com", "secret": "CRM_SECRET" });
    put(&site, &guide());
    assert_eq!(
        changes(&site),
        json!({ "destinations": [{ "destination": "crm", "from": null, "to": crm }] })
    );
    put(&site, &guide_with(json!({ "title": "New" })));
    assert_eq!(changes(&site), json!({}));
    // A path and a query may hold a token.
    put(
        &site,
        &with_destinations(json!([destination("crm", "https://CRM.example.com:443/other?key=secret")])),
    );
    assert_eq!(changes(&site), json!({}));
    let other =
        destination_with("crm", "https://crm.example.com:8443/s3cret", json!({ "secret": "NEW_SECRET" }));
    put(&site, &with_destinations(json!([destination("new", "https://new.example/x"), other])));
    let (new, moved) = (
        json!({ "origin": "https://new.example", "secret": "CRM_SECRET" }),
        json!({ "origin": "https://crm.example.com:8443", "secret": "NEW_SECRET" }),
    );
    assert_eq!(
        changes(&site),
        json!({ "destinations": [
            { "destination": "crm", "from": crm, "to": moved },
            { "destination": "new", "from": null, "to": new },
        ] })
    );
    put(
        &site,
        &edited(
            guide(),
            json!({ "turnstile": { "site_key": "0x4AAAAAAAexample", "secret": "TURNSTILE_SECRET" } }),
        ),
    );
    assert_eq!(
        changes(&site),
        json!({
            "destinations": [
                { "destination": "new", "from": new, "to": null },
                { "destination": "crm", "from": moved, "to": crm },
            ],
            "turnstile_secret": { "from": null, "to": "TURNSTILE_SECRET" },
        })
    );
    let log = json!(site.rows(LEDGER, "SELECT * FROM audit")).to_string();
    assert!(!log.contains("s3cret") && !log.contains("key=") && !log.contains("/x"), "{log}");
}

#[test]
fn an_entry_stays_short_and_hides_nothing_that_was_there() {
    let site = Site::new(&[]);
    put(&site, &guide());
    let mut many: Vec<_> =
        (0..80).map(|at| destination(&format!("a{at}"), &format!("https://a{at}.example/"))).collect();
    many.push(destination("crm", "https://elsewhere.example/"));
    put(&site, &with_destinations(json!(many)));
    let changes = changes(&site);
    let named = changes["destinations"].as_array().expect("destinations");
    assert_eq!((named.len(), &changes["more_destinations"]), (50, &json!(31)));
    assert_eq!(
        (&named[0]["destination"], &named[0]["to"]["origin"]),
        (&json!("crm"), &json!("https://elsewhere.example"))
    );
}

#[test]
fn entries_of_before_and_of_other_acts_have_no_changes() {
    let site = Site::new(&[guide()]);
    site.admin(Method::Post, "campaigns/guide/destinations/crm/enable");
    site.execute(
        LEDGER,
        "INSERT INTO audit (at_ms, actor, act, campaign, outcome) VALUES (1, 'bob', 'publish', 'guide', 'done')",
    );
    assert!(entries(&site).iter().all(|entry| entry["changes"] == Value::Null));
}

#[test]
fn a_publication_that_strands_nothing_warns_of_nothing() {
    let site = Site::new(&[]);
    assert_eq!(warnings(&site, &confirmed_guide(json!({}))), [""; 0]);
    site.deliver("guide", ANN);
    // It is confirmed by nobody, but asked as before.
    assert_eq!(warnings(&site, &confirmed_guide(json!({ "title": "New" }))), [""; 0]);
    let plain = json!({ "id": "plain", "ledger": "plain" });
    put(&site, &edited(confirmed_guide(json!({})), plain.clone()));
    assert_eq!(warnings(&site, &edited(guide(), plain)), [""; 0], "nobody waits there");
}

#[test]
fn whoever_takes_double_opt_in_away_is_told_how_many_wait() {
    let site = Site::new(&[confirmed_guide(json!({}))]);
    site.deliver("guide", ANN);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", BOB);
    let without =
        confirmed_guide(json!({ "double_opt_in": null, "destination": [destination("crm", person::CRM)] }));
    assert_eq!(
        warnings(&site, &without),
        [
            "submissions that wait for their confirmation: 2. The campaign has no [double_opt_in] any more: \
             links that have gone out go on working, mails that wait are not sent",
            "deliveries that wait for mail: 1. The campaign has no such destination any more: they become dead \
             letters, which can be replayed for 30 days once that is put back",
        ]
    );
    assert_eq!(warnings(&site, &without), [""; 0], "the second time nothing changes");
    // And so it is.
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    assert_eq!(site.received().len(), 1);
    let mail = site.received()[0].body["TextBody"].as_str().expect("a text").to_owned();
    let link = mail.split(' ').find(|word| word.contains("/confirm/")).expect("a link").to_owned();
    assert_eq!(site.click(&link), 200);
    site.pass(MINUTE);
    assert_eq!(site.story().last().map(String::as_str), Some("qualified crm of 2"));
}

#[test]
fn whoever_takes_away_what_deliveries_wait_for_is_told_how_many() {
    let stranded = |after: Value| {
        let site = Site::new(&[guide()]);
        site.set_receiver(ReceiverMode::Down);
        for who in [ANN, BOB] {
            site.deliver("guide", who);
        }
        (warnings(&site, &after), site)
    };
    let gone = |why: &str| {
        vec![format!(
            "deliveries that wait for crm: 2. {why}: they become dead letters, which can be replayed for 30 days \
             once that is put back"
        )]
    };
    let url = "https://crm.example.com/hooks/guide";
    let (told, site) = stranded(with_destinations(json!([destination("renamed", url)])));
    assert_eq!(told, gone("The campaign has no such destination any more"));
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    assert_eq!(site.states(), counts(&[("dead", 2)]));
    let (told, _) = stranded(with_destinations(json!([])));
    assert_eq!(told, gone("The campaign has no such destination any more"));
    let (told, site) = stranded(with_destinations(json!([destination_with(
        "crm",
        url,
        json!({ "needs": ["newsletter", "call"] })
    )])));
    assert_eq!(told, gone("It needs call now, and who has not given it is not sent"));
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    assert_eq!(site.states(), counts(&[("dead", 2)]));
    // What only moves is delivered there, and what was delivered waits no more.
    assert_eq!(stranded(with_destinations(json!([destination("crm", "https://new.example/")]))).0, [""; 0]);
    let site = Site::new(&[guide()]);
    site.deliver("guide", ANN);
    assert_eq!(warnings(&site, &with_destinations(json!([]))), [""; 0]);
    // What 410 has stopped waits as well.
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(410));
    site.deliver("guide", ANN);
    assert!(
        warnings(&site, &with_destinations(json!([])))[0].starts_with("deliveries that wait for crm: 1. ")
    );
}

#[test]
fn a_destination_that_becomes_a_mail_provider_takes_no_leads() {
    let site = Site::new(&[]);
    let webhook = destination_with("mail", "https://mail.example.com/send", json!({}));
    let crm = destination("crm", person::CRM);
    put(&site, &confirmed_guide(json!({ "destination": [crm, webhook], "double_opt_in": null })));
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    let told = warnings(&site, &confirmed_guide(json!({})));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("deliveries that wait for mail: 1. It is an e-mail provider now"),
        "{told:?}"
    );
}

#[test]
fn what_else_ends_with_a_publication_is_said() {
    let site = Site::new(&[]);
    let magnet = json!({ "title": "The guide", "url": "https://www.example.com/spring.pdf" });
    put(&site, &guide_with(json!({ "magnet": magnet })));
    assert_eq!(
        warnings(&site, &guide()),
        ["The campaign has no [magnet] any more: links that have gone out end now"]
    );
    site.unset_secret("NOT_THERE");
    let unset = destination_with("crm", "https://crm.example.com/", json!({ "secret": "NOT_THERE" }));
    assert_eq!(
        warnings(&site, &with_destinations(json!([unset]))),
        ["destination[0].secret: the Worker has no secret NOT_THERE; what needs it waits"]
    );
}

/// The guide of a company that has another name, with other versions.
fn renamed(name: &str, versions: &str) -> Value {
    let mut file = guide();
    file["controller"]["name"] = json!(name);
    file["controller"]["privacy_notice_version"] = json!(versions);
    for purpose in file["purpose"].as_array_mut().expect("purposes") {
        purpose["version"] = json!(versions);
    }
    file
}

const RENAME: &str = "?rename_controller=Example%20AB";
const NEW: &str = "Example Group AB";

#[test]
fn a_company_changes_its_name() {
    let site = Site::new(&[]);
    put(&site, &guide());
    site.deliver("guide", ANN);
    let file = renamed(NEW, "2027-01");
    let other = "the ledger belongs to another controller: one ledger, one controller";
    assert_eq!(refused(&site, &file, ""), [format!("controller.name: {other}")]);
    for wrong in ["Example", "example%20ab", "Example%20Group%20AB"] {
        assert_eq!(
            refused(&site, &file, &format!("?rename_controller={wrong}")),
            ["rename_controller: is not the name that the ledger's controller has"]
        );
    }
    assert_eq!(
        refused(&site, &guide(), RENAME),
        ["controller.name: is the name that the controller has: state the new one"]
    );
    assert_eq!(refused(&site, &file, RENAME), [""; 0]);
    assert_eq!(
        site.kv_contents()["ledger/v1/example-ab"],
        r#"{"controller":"Example Group AB","format":1,"former":["Example AB"]}"#
    );
    assert_eq!(changes(&site), json!({ "controller": { "from": "Example AB", "to": NEW } }));
    // From then on by the new name.
    assert_eq!(refused(&site, &edited(file.clone(), json!({ "title": "New" })), ""), [""; 0]);
    assert_eq!(changes(&site), json!({}));
    site.deliver("guide", "email=cy%40example.org&consent.newsletter=2027-01");
    let record = site.received()[1].body["data"]["consent"][0].clone();
    assert_eq!((&record["version"], &record["version_shown"]), (&json!("2027-01"), &json!("2027-01")));
    assert_eq!(
        refused(&site, &guide(), ""),
        ["controller.name: the ledger's controller was renamed: use its new name, with a new \
          privacy_notice_version and new versions of all purposes"]
    );
}

#[test]
fn a_new_name_needs_new_versions_of_everything() {
    let new = renamed(NEW, "2027-01");
    for (pointer, value, field) in [
        ("/controller/privacy_notice_version", json!("3"), "controller.privacy_notice_version"),
        ("/controller/privacy_notice_version", Value::Null, "controller.privacy_notice_version"),
        ("/controller/privacy_notice_version", json!(" "), "controller.privacy_notice_version"),
        ("/purpose/0/version", json!("2026-11"), "purpose[0].version"),
        ("/purpose/1/version", json!("2"), "purpose[1].version"),
    ] {
        let site = Site::new(&[]);
        put(&site, &guide());
        let before = site.kv_contents();
        let mut file = new.clone();
        *file.pointer_mut(pointer).expect(pointer) = value.clone();
        if value.is_null() {
            file["controller"].as_object_mut().expect("a table").remove("privacy_notice_version");
        }
        assert_eq!(fields(&refused(&site, &file, RENAME)), [field], "{pointer}");
        assert_eq!(site.kv_contents(), before, "nothing is written");
        assert_eq!(refused(&site, &new, RENAME), [""; 0]);
    }
    // All at once, also where the texts are others under the old versions.
    let site = Site::new(&[]);
    put(&site, &guide());
    let mut file = renamed(NEW, "2027-01");
    file["controller"]["privacy_notice_version"] = json!("3");
    for (at, version) in ["2026-11", "2"].iter().enumerate() {
        file["purpose"][at]["version"] = json!(version);
        file["purpose"][at]["text"] = json!(format!("Yes, {NEW}."));
    }
    let told = refused(&site, &file, RENAME);
    assert_eq!(
        fields(&told),
        ["controller.privacy_notice_version", "purpose[0].version", "purpose[1].version"]
    );
    // A version of before the last one is not new either.
    let site = Site::new(&[]);
    put(&site, &guide());
    put(&site, &renamed("Example AB", "4"));
    let mut file = renamed(NEW, "5");
    file["purpose"][0]["version"] = json!("2026-11");
    assert_eq!(fields(&refused(&site, &file, RENAME)), ["purpose[0].version"]);
}

#[test]
fn the_other_campaigns_of_the_ledger_follow_with_their_next_publication() {
    let site = Site::new(&[]);
    let second = |file: Value| edited(file, json!({ "id": "second" }));
    put(&site, &guide());
    put(&site, &second(guide()));
    assert_eq!(refused(&site, &renamed(NEW, "2027-01"), RENAME), [""; 0]);
    // Served as it is, and that is worth knowing.
    site.deliver("second", ANN);
    assert_eq!(site.received().len(), 1);
    let report = site.admin(Method::Get, "doctor");
    let found: Vec<_> = report["findings"].as_array().expect("findings").clone();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["problem"], &found[0]["about"], &found[0]["is_wrong"]),
        (&json!("controller_other"), &json!("second"), &json!(false))
    );
    let old = refused(&site, &second(edited(guide(), json!({ "title": "New" }))), "");
    assert_eq!(fields(&old), ["controller.name"]);
    assert!(old[0].contains("was renamed"), "{old:?}");
    let mut late = second(renamed(NEW, "2027-01"));
    late["purpose"][0]["version"] = json!("2026-11");
    assert_eq!(fields(&refused(&site, &late, "")), ["purpose[0].version"]);
    assert_eq!(refused(&site, &second(renamed(NEW, "2027-01")), ""), [""; 0]);
    assert_eq!(changes(&site), json!({ "controller": { "from": "Example AB", "to": NEW } }));
    assert_eq!(site.admin(Method::Get, "doctor")["findings"], json!([]));
    // A campaign that was never published has nothing to tell apart.
    let mut third = edited(guide(), json!({ "id": "third" }));
    third["controller"]["name"] = json!(NEW);
    assert_eq!(refused(&site, &third, ""), [""; 0]);
}

#[test]
fn a_name_may_change_again_and_back() {
    let site = Site::new(&[]);
    put(&site, &guide());
    assert_eq!(refused(&site, &renamed(NEW, "2027-01"), RENAME), [""; 0]);
    let query = "?rename_controller=Example+Group+AB";
    assert_eq!(refused(&site, &renamed("Third AB", "2028-01"), query), [""; 0]);
    assert!(refused(&site, &renamed(NEW, "2029-01"), "")[0].contains("was renamed"));
    assert_eq!(
        fields(&refused(&site, &renamed("Example AB", "2026-11"), "?rename_controller=Third%20AB")),
        ["purpose[0].version"],
        "what was agreed to under the first name stays told apart"
    );
    assert_eq!(refused(&site, &renamed("Example AB", "2029-01"), "?rename_controller=Third%20AB"), [""; 0]);
    assert_eq!(
        site.kv_contents()["ledger/v1/example-ab"],
        r#"{"controller":"Example AB","format":1,"former":["Example Group AB","Third AB"]}"#
    );
}

#[test]
fn a_renaming_that_was_broken_off_can_be_done_again() {
    let site = Site::new(&[]);
    put(&site, &guide());
    let file = renamed(NEW, "2027-01");
    site.set_kv(KvMode::RefusingWrites);
    assert_eq!(put_as(&site, ADMIN_TOKEN, &file, RENAME).status, 503);
    site.set_kv(KvMode::Fresh);
    // As far as it may have come: the record and the versions, without the campaign.
    let old = site.kv_contents()["campaign/v1/guide"].clone();
    assert_eq!(refused(&site, &file, RENAME), [""; 0]);
    site.set_kv_value("campaign/v1/guide", &old);
    assert_eq!(refused(&site, &file, RENAME), [""; 0], "again, as a client does that got a 503");
    assert_eq!(changes(&site), json!({ "controller": { "from": "Example AB", "to": NEW } }));
    site.set_kv_value("campaign/v1/guide", &old);
    assert_eq!(refused(&site, &file, ""), [""; 0]);
    assert_eq!(refused(&site, &file, RENAME), [""; 0], "its answer may have been lost");
    let fresh = Site::new(&[]);
    assert_eq!(
        refused(&fresh, &file, RENAME),
        ["rename_controller: the ledger has no controller yet, so there is none to rename"]
    );
}
