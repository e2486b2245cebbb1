//! Retention: held leads, consents and records end by themselves.

use leadhook::testing::world::ReceiverMode;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const BOTH: &str = "email=ann%40example.com&consent.newsletter=2026-11&consent.call=2";
const FULL: &str =
    "email=ann%40example.com&phone=0701740605&name=Ann&consent.newsletter=2026-11&consent.call=2";

fn erase(site: &Site, person: Value) -> Value {
    site.order("erase", &person)
}

fn keeping(changes: Value) -> Value {
    let purposes = json!([
        { "id": "newsletter", "text": "News?", "version": "2026-11", "required": true, "retention_days": 30 },
        { "id": "call", "text": "Call?", "version": "2", "retention_days": 50 },
    ]);
    let retention = json!({ "consents_days": 100, "held_days": 20 });
    let dedupe = json!({ "window_days": 60 });
    two_receivers(edited(json!({ "purpose": purposes, "retention": retention, "dedupe": dedupe }), changes))
}

#[test]
fn a_held_lead_waits_for_as_long_as_the_campaign_says() {
    let site = Site::new(&[keeping(json!({ "qualify": { "forward_at": 20 } }))]);
    site.deliver("guide", FULL);
    site.pass(19 * DAY);
    assert_eq!(site.states(), counts(&[("held", 1)]));
    site.pass(2 * DAY);
    assert_eq!(site.states(), counts(&[("expired", 1)]));
    assert_eq!(site.rows(LEDGER, "SELECT payload, until_ms FROM submission"), [[Value::Null, Value::Null]]);
    site.deliver("guide", &format!("{ANN}&size=51%2B"));
    assert_eq!(site.newest("lead.qualified")["answers"], json!({ "size": "51+" }));
    site.adds_up(LEDGER);
}

#[test]
fn a_consent_expires_by_an_act_of_its_own_and_the_record_ends_after_it() {
    let site = Site::new(&[keeping(json!({}))]);
    site.deliver("guide", BOTH);
    site.pass(31 * DAY + HOUR);
    let first = "newsletter=given call=given valid";
    assert_eq!(site.history_of("ann@example.com"), [first, "newsletter=expired valid"]);
    let url = site.withdraw_url("newsletter");
    let shown = body(&site.get(&format!("{url}/receipt")));
    assert_eq!(
        (&shown["consents"][0]["state"], &shown["consents"][0]["receipt"]),
        (&json!("expired"), &Value::Null)
    );
    site.pass(20 * DAY);
    let history = [first, "newsletter=expired valid", "call=expired valid"];
    assert_eq!(site.history_of("ann@example.com"), history);
    site.pass(10 * DAY);
    assert_eq!((site.count("submission"), site.count("delivery")), (0, 2));
    assert_eq!(site.history_of("ann@example.com"), history, "the record outlives the lead");
    assert_eq!(site.click(&url), 200);
    site.pass(88 * DAY);
    assert_eq!(site.history_of("ann@example.com"), history);
    site.pass(3 * DAY);
    let tables =
        ["submission", "request", "delivery", "fingerprint", "act", "alias", "idempotency", "listed"];
    assert_eq!(tables.map(|table| site.count(table)), [0; 8]);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn nothing_goes_out_on_the_strength_of_a_consent_that_expired() {
    let site = Site::new(&[keeping(json!({}))]);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", BOTH);
    site.pass(29 * DAY);
    assert_eq!(site.states(), counts(&[("dead", 1)]));
    site.pass(2 * DAY + HOUR);
    site.set_receiver(ReceiverMode::Up);
    site.order("deliveries/replay?campaign=guide", &json!({}));
    site.pass(HOUR);
    let places: Vec<_> = site.events().into_iter().map(|event| event.2).collect();
    assert_eq!(places, ["calls"], "the call holds for fifty days");
    let data = site.newest("lead.qualified");
    let newsletter = consent(&data, "newsletter");
    assert_eq!((&newsletter["granted"], newsletter.get("receipt")), (&json!(false), None));
    site.verified(&receipt(&consent(&data, "call")));
    assert_eq!(site.states(), counts(&[("dead", 1)]));
}

#[test]
fn a_consent_that_expired_and_is_given_again_counts() {
    let site = Site::new(&[keeping(json!({}))]);
    let id = site.deliver("guide", BOTH);
    site.pass(32 * DAY);
    assert_eq!(site.deliver("guide", BOTH), id);
    let mut told: Vec<_> = site.events().into_iter().skip(2).map(|event| (event.0, event.2)).collect();
    told.sort();
    let updated = |place: &str| ("lead.updated".to_owned(), place.to_owned());
    assert_eq!(told, [updated("calls"), updated("crm")]);
    let shown = site.history_of("ann@example.com");
    assert_eq!(shown.last().map(String::as_str), Some("newsletter=given call=given valid"));
    site.adds_up(LEDGER);
}

#[test]
fn nothing_stays_without_an_end() {
    let site = Site::new(&[
        keeping(json!({})),
        edited(confirmed_guide(json!({ "id": "asks", "retention": { "consents_days": 365 } })), json!({})),
    ]);
    site.deliver("guide", FULL);
    site.deliver("asks", ANN);
    site.click(&site.mails()[0].1);
    site.ring();
    site.deliver("asks", "email=bob%40example.com&consent.newsletter=on");
    site.click(&site.mails()[1].2);
    site.deliver("asks", "email=eva%40example.com&consent.newsletter=on");
    site.click(&site.mails()[2].1);
    site.ring();
    site.click(&site.mails()[2].2);
    site.pass(HOUR);
    site.deliver("asks", "email=eva%40example.com&consent.newsletter=on");
    site.deliver("guide", "email=dan%40example.com&consent.newsletter=on");
    site.set_receiver(ReceiverMode::Refuses(410));
    erase(&site, json!({ "email": "dan@example.com" }));
    site.deliver("guide", "email=dan%40example.com&consent.newsletter=on");
    site.deliver("guide", "email=fay%40example.com&consent.newsletter=on");
    site.pass(1_000 * DAY);
    let tables = ["submission", "request", "delivery", "fingerprint", "act", "alias", "idempotency"];
    assert_eq!(tables.map(|table| site.count(table)), [0; 7], "{}", site.dump(LEDGER));
    assert_eq!(site.count("listed"), 1, "that somebody wants nothing has no end");
}
