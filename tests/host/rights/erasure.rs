//! Erasure: a person is forgotten in every table, and whoever had the lead is told.

use leadhook::testing::world::ReceiverMode;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const FULL: &str =
    "email=ann%40example.com&phone=0701740605&name=Ann&consent.newsletter=2026-11&consent.call=2";

fn erase(site: &Site, person: Value) -> Value {
    site.order("erase", &person)
}

fn ann() -> Value {
    json!({ "email": "ann@example.com" })
}

/// Nothing of these texts lies anywhere but in the lists.
fn forgotten(site: &Site, texts: &[String]) {
    let mut dump = site.dump(LEDGER);
    let lists = dump.find("listed: ").expect("the lists");
    let end = dump[lists..].find('\n').expect("a line") + lists;
    dump.replace_range(lists..end, "");
    for (key, value) in site.kv_contents() {
        if key.starts_with("seen/") {
            dump.push_str(&format!("{key} {value}"));
        }
    }
    for text in texts {
        assert!(!dump.contains(text.as_str()), "{text} is still there: {dump}");
    }
}

#[test]
fn a_person_is_forgotten_in_every_table_and_who_had_the_lead_is_told() {
    for person in [ann(), json!({ "email": "ANN@example.com", "phone": "+46701740605" })] {
        let site = Site::new(&[two_receivers(json!({}))]);
        let bob = site.deliver("guide", "email=bob%40example.com&consent.newsletter=2026-11");
        let mut secrets = vec![site.deliver("guide", FULL), site.deliver("guide", ANN)];
        secrets.extend(site.tags_of("ann@example.com"));
        secrets.push("phone.k1.".to_owned());
        let lead_id = site.lead_id_of("ann@example.com");
        let erased = erase(&site, person);
        forgotten(&site, &secrets);
        let told = json!([
            { "lead_id": lead_id, "campaign": "guide", "destination": "calls" },
            { "lead_id": lead_id, "campaign": "guide", "destination": "crm" },
        ]);
        let ledger = &erased["ledgers"][0];
        assert_eq!((&ledger["submissions"], &ledger["told"]), (&json!(2), &told));
        assert_eq!((&ledger["leads"], ledger.get("fingerprints")), (&json!([lead_id]), None));
        let (receipt, _) = site.verified(erased["receipt"].as_str().expect("a receipt"));
        let mut said = erased.clone();
        said.as_object_mut().expect("an object").remove("receipt");
        assert_eq!(receipt, said);
        assert_eq!((&receipt["type"], &receipt["suppressed"]), (&json!("erasure"), &json!(true)));

        site.ring();
        let mut heard: Vec<_> = site.events().into_iter().filter(|event| event.0 == "lead.erased").collect();
        heard.sort_by(|a, b| a.2.cmp(&b.2));
        let heard: Vec<_> = heard.into_iter().map(|(_, lead, place)| (lead, place)).collect();
        assert_eq!(heard, [(lead_id.clone(), "calls".to_owned()), (lead_id.clone(), "crm".to_owned())]);
        let data = site.newest("lead.erased");
        assert_eq!(
            data,
            json!({ "lead_id": lead_id, "campaign": "guide", "erased_at": "2026-11-22T14:00:00.000Z" })
        );
        assert_eq!(site.states(), counts(&[("delivered", 1), ("erased", 2)]));
        site.adds_up(LEDGER);
        assert_eq!(leads(&site.order("access", &ann())).len(), 0);
        assert_eq!(site.rows(LEDGER, "SELECT submission_id FROM submission"), [[json!(bob)]]);
        let personal = site.rows(LEDGER, "SELECT personal FROM act");
        assert_eq!(personal, [[Value::Null], [Value::Null]], "that there were consents can still be shown");
    }
}

#[test]
fn what_has_not_gone_out_yet_never_does() {
    for status in [500, 410] {
        let site = Site::new(&[two_receivers(json!({}))]);
        site.deliver("guide", "email=bob%40example.com&consent.newsletter=2026-11");
        site.set_receiver(ReceiverMode::Refuses(status));
        site.deliver("guide", FULL);
        erase(&site, ann());
        site.set_receiver(ReceiverMode::Up);
        for destination in ["crm", "calls"] {
            site.order(&format!("campaigns/guide/destinations/{destination}/enable"), &json!({}));
        }
        site.pass(DAY);
        let kinds: Vec<_> = site.events().into_iter().skip(1).map(|event| event.0).collect();
        assert_eq!(kinds, ["lead.erased", "lead.erased"], "they were tried, so they may have it");
        assert_eq!(site.states(), counts(&[("delivered", 1), ("erased", 1)]));
    }
    let site = Site::new(&[guide()]);
    site.accept("guide", FULL);
    let erased = erase(&site, ann());
    site.pass(DAY);
    assert_eq!((&erased["ledgers"][0]["told"], site.received().len()), (&json!([]), 0));
}

#[test]
fn a_notice_to_a_receiver_that_never_comes_back_ends_too() {
    for status in [500, 410] {
        let site = Site::new(&[guide()]);
        site.deliver("guide", FULL);
        site.set_receiver(ReceiverMode::Refuses(status));
        erase(&site, ann());
        site.pass(60 * DAY);
        assert_eq!(site.count("delivery"), 0, "{status}");
        site.set_receiver(ReceiverMode::Up);
        site.order("deliveries/replay?campaign=guide", &json!({}));
    }
    let site = Site::new(&[guide()]);
    site.deliver("guide", FULL);
    site.set_receiver(ReceiverMode::Refuses(410));
    site.deliver("guide", "email=bob%40example.com&consent.newsletter=on");
    erase(&site, ann());
    site.pass(60 * DAY);
    let left = site.rows(LEDGER, "SELECT 1 FROM delivery WHERE event = 'lead.erased'");
    assert_eq!(left.len(), 0, "a notice that was paused from the start");
}

#[test]
fn gmail_addresses_are_found_however_they_are_written_and_whatever_was_folded() {
    for fold in [true, false] {
        let site = Site::new(&[guide_with(json!({ "dedupe": { "fold_gmail": fold } }))]);
        let written = "k.ari%2Bnews%40gmail.com";
        site.deliver("guide", &format!("email={written}&consent.newsletter=on"));
        let asked = if fold { "kari@googlemail.com" } else { "k.ari+news@gmail.com" };
        assert_eq!(erase(&site, json!({ "email": asked }))["ledgers"][0]["submissions"], 1, "{fold}");
        site.deliver("guide", &format!("email={written}&name=Kari&consent.newsletter=on"));
        assert_eq!(site.states(), counts(&[("erased", 1), ("suppressed", 1)]));
    }
}

#[test]
fn somebody_who_was_erased_gets_the_same_answer_and_nothing_is_kept_of_the_post() {
    let site = Site::new(&[guide()]);
    let id = site.deliver("guide", FULL);
    erase(&site, ann());
    site.ring();
    let heard = site.received().len();
    let before = site.dump(LEDGER);
    assert_eq!(site.deliver("guide", FULL), id, "it is not told");
    assert_eq!(site.last_decision(), "suppressed");
    for again in [MINUTE, HOUR] {
        site.pass(again);
        assert_eq!(site.deliver("guide", FULL), id);
    }
    assert_eq!(site.states(), counts(&[("erased", 1), ("suppressed", 1)]));
    assert_eq!(site.received().len(), heard);
    let rows = site.rows(LEDGER, "SELECT state, payload, consent, act FROM submission");
    assert_eq!(rows, [[json!("suppressed"), Value::Null, json!(""), Value::Null]]);
    assert_eq!((site.count("fingerprint"), site.count("act")), (0, 1));
    assert!(before.contains("listed: [[String(\"email.k1."));
    site.adds_up(LEDGER);
    assert_eq!(leads(&site.order("access", &ann())).len(), 0);
    assert_eq!(site.order("access", &ann())["ledgers"][0]["lists"], json!(["suppressed"]));
    site.pass(40 * DAY);
    assert_eq!(site.count("submission"), 0, "the row ends as a dead letter does");
}

#[test]
fn with_double_opt_in_whoever_confirms_is_back() {
    let site = Site::new(&[confirmed_guide(json!({}))]);
    let id = site.deliver("guide", ANN);
    site.click(&site.mails()[0].1);
    site.ring();
    let former = site.lead_id_of("ann@example.com");
    erase(&site, ann());
    site.ring();
    assert_eq!(site.deliver("guide", ANN), id);
    assert_eq!(site.mails().len(), 2, "only the owner of the address can lift it");
    assert_eq!(site.states(), counts(&[("erased", 1), ("unconfirmed", 1)]));
    assert_eq!(site.admin(leadhook::http::request::Method::Get, "lists")["lists"][0]["entries"], 1);
    assert_eq!(site.click(&site.mails()[1].1), 200);
    site.ring();
    let data = site.newest("lead.qualified");
    assert_ne!(data["lead_id"], json!(former), "it is somebody new");
    assert_eq!(site.admin(leadhook::http::request::Method::Get, "lists")["lists"], json!([]));
    assert_eq!(site.states(), counts(&[("erased", 1), ("delivered", 1)]));
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(site.last_decision(), "duplicate");
    site.adds_up(LEDGER);
}

#[test]
fn an_operator_lifts_it_and_the_same_post_becomes_a_lead_that_is_counted_once() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", FULL);
    erase(&site, ann());
    site.deliver("guide", FULL);
    let tags = site.rows(LEDGER, "SELECT tag FROM listed");
    let tags: Vec<_> = tags.into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(tags.len(), 1, "the address alone was asked for");
    let removed = site.order("lists/suppressed?ledger=example-ab", &json!({ "remove": tags }));
    assert_eq!(removed, json!({ "removed": 1 }));
    site.pass(HOUR);
    site.deliver("guide", FULL);
    assert_eq!(site.states(), counts(&[("erased", 1), ("delivered", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn every_ledger_of_the_registry_forgets_the_person() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "apart", "ledger": null }))]);
    site.deliver("guide", FULL);
    site.deliver("apart", FULL);
    site.deliver("apart", "email=bob%40example.com&consent.newsletter=on");
    let erased = erase(&site, ann());
    let submissions: Vec<_> =
        erased["ledgers"].as_array().expect("ledgers").iter().map(|one| one["submissions"].clone()).collect();
    assert_eq!(submissions, [1, 1]);
    let subjects: std::collections::BTreeSet<_> = erased["ledgers"]
        .as_array()
        .expect("ledgers")
        .iter()
        .map(|one| one["subjects"][0].to_string())
        .collect();
    assert_eq!(subjects.len(), 2, "ledgers cannot be joined by the pseudonym");
    assert_eq!(site.states(), counts(&[("erased", 2), ("delivered", 1)]));
    let again = erase(&site, ann());
    assert_eq!((&again["ledgers"][0]["leads"], &again["ledgers"][0]["submissions"]), (&json!([]), &json!(0)));
    assert_eq!(site.states(), counts(&[("erased", 2), ("delivered", 1)]));
}

#[test]
fn an_unconfirmed_request_and_a_held_lead_are_erased_too() {
    let site = Site::new(&[confirmed_guide(json!({}))]);
    let id = site.deliver("guide", &format!("{ANN}&name=Ann"));
    site.accept("guide", ANN);
    let confirm = site.mails()[0].1.clone();
    let erased = erase(&site, ann());
    assert_eq!(erased["ledgers"][0]["submissions"], 2);
    assert_eq!(site.click(&confirm), 410);
    let tables = ["submission", "request", "delivery", "fingerprint", "act", "alias"];
    assert_eq!(tables.map(|table| site.count(table)), [0; 6]);
    forgotten(&site, &[id]);
    assert_eq!(site.states(), counts(&[("erased", 2)]));
    site.adds_up(LEDGER);

    let site = Site::new(&[guide_with(json!({ "qualify": { "forward_at": 90 } }))]);
    site.deliver("guide", FULL);
    erase(&site, ann());
    assert_eq!(site.states(), counts(&[("erased", 1)]));
    assert_eq!(site.count("submission"), 0);
}

#[test]
fn a_withdrawal_by_an_old_mail_after_the_erasure_harms_nothing() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", FULL);
    let url = site.withdraw_url("newsletter");
    erase(&site, ann());
    site.ring();
    assert_eq!(site.click(&url), 200);
    assert_eq!(site.click(&url), 200);
    site.ring();
    assert_eq!(site.newest("lead.erased")["campaign"], "guide");
    assert!(site.events().iter().all(|event| event.0 != "consent.withdrawn"));
    let personal = site.rows(LEDGER, "SELECT count(*) FROM act WHERE personal IS NOT NULL");
    assert_eq!(personal, [[json!(0)]], "of somebody who was erased nothing personal comes back");
}

#[test]
fn without_list_keys_nothing_is_erased() {
    let mut site = Site::new(&[guide()]);
    site.set_settings(|settings| settings.lists = None);
    site.deliver("guide", FULL);
    let before = site.dump(LEDGER);
    let response = site.order_response("erase", &ann());
    assert_eq!(response.status, 409);
    assert!(text(&response).contains("LEADHOOK_LIST_KEYS"));
    assert_eq!(site.dump(LEDGER), before);
}

#[test]
fn whom_an_order_is_about_must_be_said() {
    let site = Site::new(&[guide()]);
    for what in ["access", "erase"] {
        for (order, field) in [
            (json!({}), "email"),
            (json!({ "email": "ann" }), "email"),
            (json!({ "email": 7 }), "email"),
            (json!({ "phone": "0701740605" }), "phone"),
        ] {
            let response = site.order_response(what, &order);
            assert_eq!(problems(&response), [format!("{field} invalid_parameter")]);
        }
        assert_eq!(site.order_response(what, &json!([])).status, 400);
        assert_eq!(
            site.get(&format!("{}/admin/api/{what}", leadhook::testing::world::PUBLIC_URL)).status,
            405
        );
    }
}
