//! Two versions side by side during a deployment: what is newer than the reader is left untouched, and where it would
//! have been needed the answer is 503.

use leadhook::app::ports::Ports as _;
use leadhook::ledger::Ledger;
use leadhook::ledger::wire::{Call, MESSAGE_FORMAT, Message, Reply};
use leadhook::testing::world::SqliteStore;
use serde_json::json;

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on";
const BOB: &str = "email=bob%40example.com&consent.newsletter=on";
const LEDGER: &str = "example-ab";

fn dump(site: &Site) -> String {
    let tables = ["submission", "fingerprint", "delivery", "counter"];
    tables.map(|table| format!("{:?}", site.rows(LEDGER, &format!("SELECT * FROM {table}")))).join("\n")
}

#[test]
fn a_newer_campaign_is_not_served() {
    let site = Site::new(&[guide()]);
    let newer = r#"{"format":2,"campaign":{"id":"guide"}}"#;
    site.set_kv_value("campaign/v1/guide", newer);
    assert_eq!(site.post("guide", ANN).status, 503);
    assert_eq!(site.kv_contents()["campaign/v1/guide"], newer);
}

#[test]
fn a_newer_message_is_refused() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    let store = SqliteStore::new(site.database(LEDGER).expect("a database"));
    let ledger = Ledger::open(store, LEDGER, site.settings(), site.now_ms()).expect("a ledger");
    let before = dump(&site);
    let message = Message {
        format: MESSAGE_FORMAT + 1,
        ledger: LEDGER.to_owned(),
        call: Call::Operate(Box::default()),
    };
    assert_eq!(ledger.call(message, &site.moment()).expect("an answer").reply, Reply::Newer);
    assert_eq!(dump(&site), before);
}

#[test]
fn a_newer_value_of_what_was_seen_is_left_and_the_ledger_asked() {
    let site = Site::new(&[guide()]);
    let id = site.accept("guide", ANN);
    site.new_isolate();
    site.accept("guide", ANN);
    site.new_isolate();
    let key = site.kv_contents().into_keys().find(|key| key.starts_with("seen/")).expect("a key");
    let newer = format!(r#"{{"format":2,"submissions":[["{id}",{}]],"more":1}}"#, site.now_ms());
    site.set_kv_value(&key, &newer);
    assert_eq!(site.accept("guide", ANN), id);
    site.accept("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(site.kv_contents()[&key], newer);
    assert_eq!(site.states(), counts(&[("pending", 1), ("duplicate", 1)]));
}

#[test]
fn a_value_of_what_was_seen_in_another_shape_of_a_newer_code_is_left_too() {
    let site = Site::new(&[guide()]);
    let id = site.accept("guide", ANN);
    site.new_isolate();
    site.accept("guide", ANN);
    site.new_isolate();
    let key = site.kv_contents().into_keys().find(|key| key.starts_with("seen/")).expect("a key");
    let newer = r#"{"format":2,"seen":{}}"#;
    site.set_kv_value(&key, newer);
    assert_eq!(site.accept("guide", ANN), id);
    assert_eq!(site.kv_contents()[&key], newer);
}

#[test]
fn newer_rows_of_a_person_are_not_judged_sent_or_swept() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "window_days": 1, "remember_in_kv": false } }))]);
    site.accept("guide", ANN);
    site.execute(LEDGER, "UPDATE submission SET format = 5; UPDATE delivery SET format = 5");
    site.evict();
    let before = dump(&site);
    assert_eq!(site.post("guide", ANN).status, 503);
    assert_eq!(site.post("guide", &format!("{ANN}&name=Ann")).status, 503);
    assert_eq!(dump(&site), before);
    site.pass(2 * DAY);
    assert_eq!((dump(&site), site.received().len()), (before, 0));
    site.deliver("guide", BOB);
    assert_eq!(site.received().len(), 1, "others go on");
}

#[test]
fn tables_of_a_newer_code_are_left_alone() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    site.execute(LEDGER, "INSERT INTO migration (version) VALUES (1000)");
    site.evict();
    let before = dump(&site);
    assert_eq!(site.post("guide", BOB).status, 503);
    assert_eq!(dump(&site), before);
    site.execute(LEDGER, "DELETE FROM migration WHERE version = 1000");
    site.accept("guide", BOB);
}
