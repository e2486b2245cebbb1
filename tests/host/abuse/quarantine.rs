//! Quarantine: sealed for its time, then released, discarded or expired.

use std::collections::BTreeSet;

use leadhook::app::ports::Ports as _;
use leadhook::http::request::Method;
use leadhook::testing::world::request;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

/// A post that is put aside, of the person of that name.
fn junk(name: &str) -> String {
    format!("email={name}%40example.com&name=www.spam.example&contact_website=x&consent.newsletter=2026-11")
}

/// The same without a sign.
fn honest(name: &str) -> String {
    format!("email={name}%40example.com&name=Ann&consent.newsletter=2026-11")
}

fn listed(site: &Site) -> Vec<Value> {
    site.admin(Method::Get, "quarantine")["submissions"].as_array().expect("submissions").clone()
}

fn order(site: &Site, what: &str, ids: &[&str]) -> Value {
    site.order(&format!("quarantine/{what}"), &json!({ "submission_ids": ids }))
}

#[test]
fn what_is_put_aside_is_listed_with_its_reasons_and_says_nothing_of_the_person() {
    let site = Site::new(&[guide()]);
    let id = site.accept("guide", &junk("ann"));
    let all = listed(&site);
    assert_eq!(all.len(), 1);
    let one = &all[0];
    assert_eq!(one["submission_id"], json!(id));
    assert_eq!((&one["campaign"], &one["source"]), (&json!("guide"), &json!("direct")));
    assert_eq!(one["at"], "2026-11-22T14:00:00.000Z");
    assert_eq!(one["kept_until"], "2026-12-22T14:00:00.000Z");
    let signals: Vec<_> =
        one["signals"].as_array().expect("signals").iter().map(|sign| &sign["signal"]).collect();
    assert_eq!(signals, ["honeypot_filled", "token_missing", "link_in_name", "origin_missing"]);
    assert_eq!(one["signals"][2]["because"], "a name holds a link: name");
    assert_eq!(one["weight"], 140);
    assert!(!one.to_string().contains("example.com"));
    // Whoever decides sees what it says.
    let shown = site.admin(Method::Get, &format!("quarantine/{id}"));
    assert_eq!(shown["contact"], json!({ "email": "ann@example.com" }));
    assert_eq!(shown["answers"]["name"], "www.spam.example");
    assert_eq!(site.send(&request(Method::Get, "/admin/api/quarantine/sub_x", "", "")).status, 404);
    for text in ["ann@example", "spam.example"] {
        assert!(!site.everything_at_rest(&[LEDGER]).contains(text), "{text} lies open");
    }
    site.adds_up(LEDGER);
}

#[test]
fn what_is_released_goes_the_way_of_any_lead() {
    let site = Site::new(&[guide()]);
    let (first, second) = (site.accept("guide", &junk("ann")), site.accept("guide", &junk("bob")));
    assert_eq!(
        order(&site, "release", &[&first, "sub_x"]),
        json!({ "released": [first], "not_possible": ["sub_x"], "next": null })
    );
    site.ring();
    assert_eq!(site.story(), ["qualified guide of 1"]);
    let lead = site.newest("lead.qualified");
    assert_eq!(lead["contact"], json!({ "email": "ann@example.com" }));
    assert_eq!(lead["submitted_at"], "2026-11-22T14:00:00.000Z");
    assert_eq!(lead["signals"].as_array().map(Vec::len), Some(4), "the receiver is told what it showed");
    assert_eq!(lead["consent"][0]["granted"], true);
    assert_eq!(site.states(), counts(&[("delivered", 1), ("quarantined", 1)]));
    assert_eq!(order(&site, "release", &[&first])["not_possible"], json!([first]), "once");
    // The person is known from now on, and the post is a repeat.
    site.deliver("guide", &honest("ann"));
    assert_eq!(site.last_decision(), "duplicate");
    assert_eq!(site.accept("guide", &junk("ann")), first);
    assert_eq!(listed(&site)[0]["submission_id"], json!(second));
    site.adds_up(LEDGER);
}

#[test]
fn what_is_discarded_is_gone_and_stays_a_repeat() {
    let site = Site::new(&[guide()]);
    let id = site.accept("guide", &junk("ann"));
    site.new_isolate();
    site.accept("guide", &junk("ann"));
    assert!(site.kv_contents().keys().any(|key| key.starts_with("seen/")));
    assert_eq!(
        order(&site, "discard", &[&id]),
        json!({ "discarded": [id], "not_possible": [], "next": null })
    );
    assert_eq!(site.kv_contents().keys().find(|key| key.starts_with("seen/")), None);
    assert_eq!(listed(&site), [json!(null); 0]);
    assert_eq!(site.rows(LEDGER, "SELECT payload, quarantine FROM submission"), [[json!(null), json!(null)]]);
    assert_eq!(site.accept("guide", &junk("ann")), id);
    assert_eq!(site.states(), counts(&[("discarded", 1)]));
    assert_eq!(site.admin(Method::Get, "counters")["repeats"], 2);
    site.adds_up(LEDGER);
}

#[test]
fn in_bulk_a_campaign_is_released_page_by_page_and_others_are_left() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "other" }))]);
    for number in 0..250 {
        site.accept("guide", &junk(&format!("p{number}")));
    }
    site.accept("other", &junk("ann"));
    let mut pages = 0;
    let mut after = Value::Null;
    let mut released = BTreeSet::new();
    loop {
        let order = json!({ "campaign": "guide", "after": after });
        let page = site.order("quarantine/release", &order);
        released.extend(page["released"].as_array().expect("ids").iter().map(ToString::to_string));
        pages += 1;
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!((released.len(), pages), (250, 3));
    site.ring();
    assert_eq!(site.states(), counts(&[("delivered", 250), ("quarantined", 1)]));
    // The list has pages as well.
    for number in 0..120 {
        site.accept("other", &junk(&format!("q{number}")));
    }
    let (mut seen, mut after) = (BTreeSet::new(), String::new());
    loop {
        let page = site.admin(Method::Get, &format!("quarantine?campaign=other&limit=50{after}"));
        seen.extend(
            page["submissions"]
                .as_array()
                .expect("a page")
                .iter()
                .map(|one| one["submission_id"].to_string()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 121);
    site.adds_up(LEDGER);
}

#[test]
fn orders_that_say_nothing_are_refused() {
    let site = Site::new(&[guide()]);
    let many: Vec<_> = (0..101).map(|number| format!("sub_{number}")).collect();
    for (order, status) in [
        (json!({}), 400),
        (json!([]), 400),
        (json!({ "submission_ids": [] }), 400),
        (json!({ "submission_ids": ["a"], "campaign": "guide" }), 400),
        (json!({ "submission_ids": many }), 422),
        (json!({ "campaign": "nobody" }), 404),
    ] {
        for what in ["release", "discard"] {
            assert_eq!(site.order_response(&format!("quarantine/{what}"), &order).status, status, "{order}");
        }
    }
}

#[test]
fn after_its_time_it_expires_and_nothing_of_it_stays() {
    let site = Site::new(&[guide_with(json!({ "retention": { "quarantine_days": 7 } }))]);
    let id = site.accept("guide", &junk("ann"));
    site.pass(6 * DAY);
    assert_eq!(listed(&site).len(), 1);
    site.pass(2 * DAY);
    assert_eq!(site.states(), counts(&[("expired", 1)]));
    assert_eq!(order(&site, "release", &[&id])["not_possible"], json!([id]));
    for table in ["submission", "revision", "act", "fingerprint"] {
        assert_eq!(site.rows(LEDGER, &format!("SELECT count(*) FROM {table}")), [[json!(0)]], "{table}");
    }
}

#[test]
fn it_is_judged_by_the_campaign_that_was_shown() {
    let site = Site::new(&[guide()]);
    let id = site.accept("guide", &junk("ann"));
    let mut changed = guide_with(json!({ "retention": { "held_days": 10 } }));
    changed["purpose"][0]["version"] = json!("2026-12");
    changed["purpose"][0]["text"] = json!("Yes, send me everything.");
    site.republish(&changed);
    site.deliver("guide", "email=bob%40example.com&consent.newsletter=2026-12");
    order(&site, "release", &[&id]);
    site.ring();
    let consent = site.newest("lead.qualified")["consent"][0].clone();
    assert_eq!((&consent["version"], &consent["version_shown"]), (&json!("2026-11"), &json!("2026-11")));
    assert_eq!(site.history_of("ann@example.com"), ["newsletter=given call=refused valid"]);
    // The newer copy is still the last good one.
    let copy = site.rows(LEDGER, "SELECT stored FROM campaign WHERE id = 'guide'");
    assert!(copy[0][0].as_str().is_some_and(|stored| stored.contains("2026-12")));
    site.adds_up(LEDGER);
}

#[test]
fn who_sends_the_same_again_with_fewer_signs_is_let_in() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "remember_in_kv": false } }))]);
    let id = site.accept("guide", &junk("ann"));
    assert_eq!(site.accept("guide", &junk("ann")), id);
    assert_eq!(site.states(), counts(&[("quarantined", 1)]));
    let plain = "email=ann%40example.com&name=www.spam.example&consent.newsletter=2026-11";
    assert_eq!(site.accept("guide", plain), id, "the trap is no part of what was submitted");
    site.ring();
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    assert_eq!(site.accept("guide", &junk("ann")), id);
    assert_eq!(site.states(), counts(&[("delivered", 1)]), "what was accepted is not doubted again");
    site.adds_up(LEDGER);
}

#[test]
fn a_released_post_of_somebody_who_wants_nothing_goes_nowhere() {
    let site = Site::new(&[guide()]);
    let id = site.accept("guide", &junk("ann"));
    site.accept("guide", &honest("ann"));
    site.ring();
    site.order("erase", &json!({ "email": "ann@example.com" }));
    site.ring();
    assert_eq!(site.states(), counts(&[("erased", 2)]), "an erasure reaches what is put aside");
    assert_eq!(order(&site, "release", &[&id])["not_possible"], json!([id]));
    let later = site.accept("guide", &junk("ann"));
    assert_eq!(later, id);
    assert_eq!(site.states(), counts(&[("erased", 2), ("suppressed", 1)]), "nothing is kept to be looked at");
    site.adds_up(LEDGER);
}

#[test]
fn a_person_sees_what_is_put_aside_of_theirs() {
    let site = Site::new(&[guide()]);
    site.accept("guide", &junk("ann"));
    let held = leads(&site.order("access", &json!({ "email": "ann@example.com" })));
    assert_eq!(held.len(), 1);
    let submission = &held[0]["submissions"][0];
    assert_eq!(
        (&submission["state"], &submission["waits_until"]),
        (&json!("quarantined"), &json!("2026-12-22T14:00:00.000Z"))
    );
    assert_eq!(submission["data"]["lead"]["contact"]["email"], "ann@example.com");
}

#[test]
fn junk_causes_no_mail_and_a_released_post_asks_first() {
    let site = Site::new(&[confirmed_guide(json!({}))]);
    let id = site.accept("guide", &junk("ann"));
    site.ring();
    assert_eq!(site.received(), [], "nobody is written to for a program's sake");
    order(&site, "release", &[&id]);
    site.ring();
    assert_eq!(site.received().len(), 1);
    assert_eq!(site.states(), counts(&[("unconfirmed", 1)]));
    let mail = site.received()[0].body["TextBody"].as_str().expect("a text").to_owned();
    let link = mail.split_whitespace().find(|word| word.contains("/confirm/")).expect("a link");
    assert_eq!(site.click(link), 200);
    site.ring();
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn a_rotation_of_keys_loses_nothing_that_is_put_aside() {
    let mut site = Site::new(&[guide()]);
    let id = site.accept("guide", &junk("ann"));
    let ring = |ids: &[&str]| {
        let keys: Vec<_> = ids
            .iter()
            .map(|id| format!("{id}:{}", leadhook::base::crypto::base64(&[id.as_bytes()[1]; 32])))
            .collect();
        keys.join(",")
    };
    let old = |ring: &leadhook::base::keyring::Keyring| ring.current().id.clone();
    assert_eq!(old(&site.settings().peppers), "k1");
    let parse = |ids: &[&str], first: u8| {
        let first = format!("k1:{}", leadhook::base::crypto::base64(&[first; 32]));
        leadhook::base::keyring::Keyring::parse(&format!("{},{first}", ring(ids))).expect("a ring")
    };
    site.set_settings(|settings| {
        settings.peppers = parse(&["p2"], 1);
        settings.sealing = parse(&["s2"], 2);
    });
    let keys = site.admin(Method::Get, "keys")["ledgers"][0]["in_use"].clone();
    assert_eq!((&keys["peppers"]["k1"], &keys["sealing"]["k1"]), (&json!(2), &json!(1)), "{keys}");
    site.pass(DAY + HOUR);
    let keys = site.admin(Method::Get, "keys")["ledgers"][0]["in_use"].clone();
    assert_eq!((&keys["sealing"]["k1"], &keys["sealing"]["s2"]), (&json!(null), &json!(1)), "sealed anew");
    order(&site, "release", &[&id]);
    site.ring();
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.deliver("guide", &honest("ann"));
    assert_eq!(site.last_decision(), "duplicate");
}

#[test]
fn what_no_key_opens_can_only_be_thrown_away() {
    let mut site = Site::new(&[guide()]);
    let id = site.accept("guide", &junk("ann"));
    let other = format!("z1:{}", leadhook::base::crypto::base64(&[9; 32]));
    site.set_settings(|settings| {
        settings.sealing = leadhook::base::keyring::Keyring::parse(&other).expect("a ring")
    });
    assert_eq!(
        site.order("quarantine/release", &json!({ "campaign": "guide" }))["not_possible"],
        json!([id])
    );
    assert_eq!(order(&site, "discard", &[&id])["discarded"], json!([id]));
}
