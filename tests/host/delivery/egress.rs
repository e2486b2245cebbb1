//! Egress: destinations are judged when a campaign is published, and again when a delivery is sent.

use leadhook::app::ports::Ports as _;
use leadhook::campaign::Campaign;
use leadhook::http::request::Method;
use leadhook::http::response::Response;
use leadhook::testing::world::{PUBLIC_URL, ReceiverMode, request};
use pollster::block_on;
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.org&name=Ann&size=51%2B&consent.newsletter=on";

fn with_address(url: &str) -> Value {
    guide_with(json!({ "destination": [destination("crm", url)] }))
}

fn put(site: &Site, file: &Value) -> Response {
    site.send(&request(Method::Put, "/admin/api/campaigns/guide", "application/json", &file.to_string()))
}

/// Puts a campaign where an operator of the account can: past every check.
fn store(site: &Site, file: &Value) {
    let stored = json!({ "format": 1, "campaign": file }).to_string();
    block_on(site.kv_put("campaign/v1/guide", &stored)).expect("KV");
    // No isolate keeps a campaign for longer than a minute.
    site.pass(MINUTE);
}

fn outcomes(site: &Site) -> Vec<String> {
    let attempts = site.rows("example-ab", "SELECT attempts FROM delivery").remove(0).remove(0);
    let attempts: Vec<Value> = serde_json::from_str(attempts.as_str().expect("JSON")).expect("attempts");
    attempts.iter().map(|attempt| attempt["outcome"].as_str().expect("an outcome").to_owned()).collect()
}

#[test]
fn a_campaign_whose_events_would_go_inward_is_not_published() {
    let site = Site::new(&[]);
    for (url, reason) in [
        ("https://10.0.0.1/hooks", "must be on the public internet"),
        ("https://metadata.google.internal/computeMetadata", "must be on the public internet"),
        ("https://crm/hooks", "must be on the public internet"),
        ("https://localhost/hooks", "must be on the public internet"),
        ("http://crm.example.com/hooks", "must be https"),
        ("http://127.0.0.1:8788/hooks", "http to a loopback address is for development only"),
        ("https://ann:secret@crm.example.com/hooks", "must not hold a password"),
        (&format!("{PUBLIC_URL}/c/guide"), "must not lead back to Leadhook"),
        ("https://eu.leads.example.com/", "must not lead back to Leadhook"),
        ("crm.example.com", "must be an address"),
    ] {
        let response = put(&site, &with_address(url));
        assert_eq!(response.status, 422, "{url}: {}", text(&response));
        let errors = body(&response)["errors"].clone();
        assert_eq!(errors.as_array().map(Vec::len), Some(1), "{errors}");
        assert_eq!(errors[0]["field"], "destination[0].url", "{url}");
        let detail = errors[0]["detail"].as_str().expect("a detail");
        assert!(detail.starts_with(reason), "{url}: {detail}");
        assert!(!text(&response).contains("secret@"));
    }
    assert!(site.kv_contents().is_empty());
    // What stands beside it in the company's domain is fine, and so is another port.
    assert_eq!(put(&site, &with_address("https://crm.example.com:8443/hooks")).status, 200);
}

#[test]
fn an_inward_address_and_a_header_of_the_protocol_are_told_with_everything_else() {
    let mut file = with_address("https://192.168.0.1/hooks");
    file["title"] = json!("");
    file["destination"][0]["kind"] = json!("email");
    file["destination"][0]["header"] = json!("X-Forwarded-For");
    let problems = Campaign::accept(&file).expect_err("problems");
    for path in ["title", "destination[0].url", "destination[0].header", "destination[0].body"] {
        assert_eq!(problems.iter().filter(|problem| problem.path == path).count(), 1, "{path}: {problems:?}");
    }
}

#[test]
fn a_campaign_in_kv_takes_leads_but_nothing_is_sent_inward() {
    let site = Site::new(&[guide()]);
    for url in ["https://169.254.169.254/latest", "https://leads.example.com/c/guide", "https://intranet/"] {
        store(&site, &with_address(url));
        site.deliver("guide", ANN);
        assert!(site.received().is_empty(), "{url}");
        assert_eq!(outcomes(&site).last().map(String::as_str), Some("destination_refused"), "{url}");
    }
    // It waits like anything that an operator can heal.
    assert_eq!(site.states(), counts(&[("pending", 1)]));
    site.republish(&with_address("https://crm.example.com/healed"));
    site.pass(30 * MINUTE);
    assert_eq!(site.received().len(), 1);
    assert_eq!(site.received()[0].url, "https://crm.example.com/healed");
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn what_waits_for_a_refused_destination_dies_with_its_reason_and_can_be_replayed() {
    let site = Site::new(&[guide()]);
    store(&site, &with_address("https://[::ffff:10.0.0.1]/hooks"));
    site.deliver("guide", ANN);
    site.pass(5 * DAY);
    assert_eq!(site.states(), counts(&[("dead", 1)]));
    let listed = site.admin(Method::Get, "deliveries?state=dead")["deliveries"][0].clone();
    assert_eq!(listed["reason"], "destination_refused");
    assert_eq!(listed["attempt_count"], 10);
    site.republish(&guide());
    site.admin(Method::Post, "deliveries/replay?campaign=guide");
    site.pass(MINUTE);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn what_was_for_development_is_not_sent_by_another_worker() {
    let mut site = Site::new(&[]);
    site.set_settings(|settings| settings.development = true);
    assert_eq!(put(&site, &with_address("http://127.0.0.1:8788/hooks")).status, 200);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    site.set_settings(|settings| settings.development = false);
    site.set_receiver(ReceiverMode::Up);
    site.pass(HOUR);
    assert!(site.received().is_empty());
    assert_eq!(outcomes(&site).last().map(String::as_str), Some("destination_refused"));
}

#[test]
fn a_rule_may_ask_whether_an_address_is_made_to_be_thrown_away() {
    let score = json!([
        { "rule": "throw-away", "points": -7, "when": { "about": "email_kind", "is": "disposable" } },
        { "rule": "work", "points": 5, "when": { "about": "email_kind", "is": "business" } },
        { "rule": "private", "points": 1, "when": { "about": "email_kind", "is": "free" } },
        { "rule": "reads it", "points": 20, "when": { "about": "email_kind", "is_none_of": ["disposable"] } },
    ]);
    let site = Site::new(&[guide_with(json!({ "score": score }))]);
    for (domain, total) in [
        ("mailinator.com", -7),
        ("mx.mailinator.com", -7),
        ("duck.com", 21),
        ("gmail.com", 21),
        ("example.org", 25),
    ] {
        site.deliver("guide", &format!("email=ann%40{domain}&consent.newsletter=on"));
        let received = site.received();
        assert_eq!(received.last().expect("a webhook").body["data"]["score"]["total"], total, "{domain}");
    }
}
