//! Rotation of keys: everything from before goes on, and an old key can be destroyed.

use ed25519_dalek::SigningKey;
use leadhook::base::crypto::base64;
use leadhook::base::keyring::{Keyring, SigningKeys};
use leadhook::http::request::Method;
use leadhook::testing::world::{PUBLIC_URL, ReceiverMode, signing_key};
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";

fn key(id: &str, byte: u8) -> String {
    format!("{id}:{}", base64(&[byte; 32]))
}

fn peppers(site: &mut Site, keys: &[(&str, u8)]) {
    let text: Vec<_> = keys.iter().map(|(id, byte)| key(id, *byte)).collect();
    site.set_settings(|settings| settings.peppers = Keyring::parse(&text.join(",")).expect("a ring"));
}

fn sealing(site: &mut Site, keys: &[(&str, u8)]) {
    let text: Vec<_> = keys.iter().map(|(id, byte)| key(id, *byte)).collect();
    site.set_settings(|settings| settings.sealing = Keyring::parse(&text.join(",")).expect("a ring"));
}

fn in_use(site: &Site) -> Value {
    site.admin(Method::Get, "keys")["ledgers"][0]["in_use"].clone()
}

#[test]
fn a_new_pepper_recognises_the_same_people_and_keeps_their_links_and_history() {
    let mut site = Site::new(&[guide()]);
    site.deliver("guide", ANN);
    let old_link = site.withdraw_url("newsletter");
    let known = site.lead_id_of("ann@example.com");
    peppers(&mut site, &[("k2", 9), ("k1", 1)]);
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(site.last_decision(), "duplicate");
    let lead = site.lead_of("ann@example.com");
    assert_eq!((&lead["lead_id"], &lead["fingerprints"]), (&json!(known), &json!(["email.k1", "email.k2"])));
    assert_eq!(site.click(&old_link), 200);
    assert_eq!(
        site.history_of("ann@example.com"),
        [
            "newsletter=given call=refused valid",
            "newsletter=given call=refused valid",
            "newsletter=withdrawn valid"
        ]
    );
    let peppers_in_use = in_use(&site)["peppers"].clone();
    assert!(peppers_in_use["k1"].is_number() && peppers_in_use["k2"].is_number(), "{peppers_in_use}");
    peppers(&mut site, &[("k2", 9)]);
    assert_eq!(site.lead_id_of("ann@example.com"), known, "the new fingerprint leads there too");
    assert_eq!(site.click(&old_link), 410, "what the destroyed key wrote is nobody's");
    let verdicts = site.history_of("ann@example.com");
    assert_eq!(verdicts[0], "newsletter=given call=refused unknown");
}

#[test]
fn a_person_is_erased_under_an_older_pepper() {
    let mut site = Site::new(&[guide()]);
    let id = site.deliver("guide", ANN);
    let tags = site.tags_of("ann@example.com");
    peppers(&mut site, &[("k2", 9), ("k1", 1)]);
    let erased = site.order("erase", &json!({ "email": "ann@example.com" }));
    assert_eq!(erased["ledgers"][0]["submissions"], 1);
    let dump = site.dump(LEDGER);
    assert!(!dump.contains(&id) && tags.iter().all(|tag| !dump.contains(tag)), "{dump}");
    assert!(site.kv_contents().keys().all(|key| !key.starts_with("seen/")));
    site.deliver("guide", ANN);
    assert_eq!(site.last_decision(), "suppressed", "the lists have keys of their own");
}

#[test]
fn a_mail_from_before_the_rotation_confirms() {
    let mut site = Site::new(&[confirmed_guide(json!({}))]);
    site.deliver("guide", ANN);
    let (_, confirm, withdraw) = site.mails()[0].clone();
    peppers(&mut site, &[("k2", 9), ("k1", 1)]);
    sealing(&mut site, &[("e2", 8), ("k1", 2)]);
    site.deliver("guide", ANN);
    assert_eq!(site.mails().len(), 1, "the address has been asked");
    assert_eq!(site.click(&confirm), 200);
    site.ring();
    assert_eq!(consent(&site.newest("lead.qualified"), "newsletter")["granted"], true);
    site.deliver("guide", ANN);
    assert_eq!(site.last_decision(), "repeat");
    assert_eq!(site.mails().len(), 1);
    assert_eq!(site.click(&withdraw), 200);
    assert_eq!(
        site.history_of("ann@example.com").last().map(String::as_str),
        Some("newsletter=withdrawn valid")
    );
    site.adds_up(LEDGER);
}

#[test]
fn what_an_older_key_sealed_is_sealed_anew_within_a_day_and_opens_without_it() {
    let calls = destination_with("calls", CALLS, json!({ "needs": ["call"] }));
    let when = json!({ "forward_at": 20 });
    let held = guide_with(json!({ "id": "held", "qualify": when, "destination": [calls] }));
    let mut site = Site::new(&[guide(), held, confirmed_guide(json!({ "id": "asks" }))]);
    site.deliver("asks", "email=eva%40example.com&consent.newsletter=on");
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    site.deliver("held", "email=bob%40example.com&name=Bob&consent.newsletter=on&consent.call=on");
    site.pass(DAY + HOUR);
    site.click(&site.withdrawal_of("bob@example.com", "newsletter"));
    let before = in_use(&site)["sealing"]["k1"].as_i64().expect("a count");
    sealing(&mut site, &[("e2", 8), ("k1", 2)]);
    site.pass(DAY + HOUR);
    let count = in_use(&site)["sealing"].clone();
    assert_eq!(count, json!({ "e2": before }));

    sealing(&mut site, &[("e2", 8)]);
    site.click(&site.mails()[0].1);
    let bob = site.lead_of("bob@example.com");
    assert_eq!(told(&bob), ["newsletter=given call=given valid", "newsletter=withdrawn valid"]);
    site.pass(5 * DAY);
    site.set_receiver(ReceiverMode::Up);
    assert!(site.states().contains_key("dead"));
    site.order("deliveries/replay?campaign=guide", &json!({}));
    site.ring();
    let ann = site.newest("lead.qualified");
    assert_eq!(ann["contact"]["email"], "ann@example.com");
    site.verified(&receipt(&consent(&ann, "newsletter")));
    assert_eq!(
        site.history_of("eva@example.com").last().map(String::as_str),
        Some("newsletter=confirmed valid")
    );
    site.order("deliveries/replay?campaign=asks", &json!({}));
    site.ring();
    assert_eq!(site.newest("lead.qualified")["contact"]["email"], "eva@example.com");
    site.adds_up(LEDGER);
}

#[test]
fn a_held_lead_is_merged_after_its_key_has_gone() {
    let mut site = Site::new(&[guide_with(json!({ "qualify": { "forward_at": 20 } }))]);
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    sealing(&mut site, &[("e2", 8), ("k1", 2)]);
    site.pass(DAY + HOUR);
    sealing(&mut site, &[("e2", 8)]);
    site.deliver("guide", &format!("{ANN}&size=51%2B"));
    let data = site.newest("lead.qualified");
    assert_eq!(data["answers"], json!({ "name": "Ann", "size": "51+" }));
    site.verified(&receipt(&consent(&data, "newsletter")));
}

#[test]
fn old_and_new_receipts_are_verified_by_the_published_keys() {
    let mut site = Site::new(&[guide()]);
    site.deliver("guide", ANN);
    let old = receipt(&consent(&site.newest("lead.qualified"), "newsletter"));
    let new = signing_key("s2", [5; 32]);
    let public = base64(SigningKey::from_bytes(&[3; 32]).verifying_key().as_bytes());
    for ring in [format!("{new},{}", signing_key("s1", [3; 32])), format!("{new},s1:public.{public}")] {
        site.set_settings(|settings| settings.signing = Some(SigningKeys::parse(&ring).expect("keys")));
        let keys = body(&site.get(&format!("{PUBLIC_URL}/.well-known/jwks.json")));
        let ids: Vec<_> =
            keys["keys"].as_array().expect("keys").iter().map(|key| key["kid"].clone()).collect();
        assert_eq!(ids, ["s2", "s1"]);
        assert!(keys["keys"].as_array().expect("keys").iter().all(|key| key.get("d").is_none()));
        assert_eq!(site.verified(&old).1, "s1");
        let url = site.withdraw_url("newsletter");
        let shown = body(&site.get(&format!("{url}/receipt")))["consents"][0]["receipt"].clone();
        let (payload, kid) = site.verified(shown.as_str().expect("a receipt"));
        assert_eq!((kid.as_str(), payload), ("s2", site.verified(&old).0), "the same is said by the new key");
    }
    site.deliver("guide", "email=bob%40example.com&consent.newsletter=on");
    let (_, kid) = site.verified(&receipt(&consent(&site.newest("lead.qualified"), "newsletter")));
    assert_eq!(kid, "s2");
}

#[test]
fn a_list_key_is_rotated_and_people_stay_suppressed() {
    let mut site = Site::new(&[guide()]);
    site.deliver("guide", ANN);
    site.order("erase", &json!({ "email": "ann@example.com" }));
    let lists = format!("{},{}", key("l2", 7), key("k1", 4));
    site.set_settings(|settings| settings.lists = Some(Keyring::parse(&lists).expect("a ring")));
    site.deliver("guide", ANN);
    assert_eq!(site.last_decision(), "suppressed");
    assert_eq!(in_use(&site)["lists"], json!({ "k1": 1 }));
}
