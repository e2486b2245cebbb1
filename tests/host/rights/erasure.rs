//! A person asks to see everything, or to be forgotten; and what ends by itself.
#![cfg(feature = "host")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::person::*;
use common::*;
use leadhook::testing::world::ReceiverMode;
use serde_json::{Value, json};

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const BOTH: &str = "email=ann%40example.com&consent.newsletter=2026-11&consent.call=2";
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

#[test]
fn a_person_sees_everything_of_their_own_and_nothing_of_another() {
    let site = Site::new(&[two_receivers(json!({ "qualify": { "forward_at": 20 } }))]);
    let held = site.deliver("guide", &format!("{BOTH}&seats=7&utm_source=news"));
    site.deliver("guide", "email=bob%40example.com&name=Bob&size=51%2B&consent.newsletter=on");
    site.new_isolate();
    site.accept("guide", &format!("{BOTH}&seats=7&utm_source=news"));
    let shown = site.order("access", &ann());
    assert!(!shown.to_string().to_lowercase().contains("bob"));
    let ledger = &shown["ledgers"][0];
    assert_eq!(ledger["kv"], json!({ "submissions_of_the_last_minutes": 1 }));
    let lead = site.lead_of("ann@example.com");
    let submission = &lead["submissions"][0];
    assert_eq!((&submission["submission_id"], &submission["state"]), (&json!(held), &json!("held")));
    assert_eq!(submission["at"], "2026-11-22T14:00:00.000Z");
    assert_eq!(submission["data"]["lead"]["contact"], json!({ "email": "ann@example.com" }));
    assert_eq!(submission["data"]["lead"]["answers"], json!({ "seats": 7 }));
    assert_eq!(submission["data"]["lead"]["attribution"], json!({ "utm_source": "news" }));
    assert_eq!((&lead["recipients"], &lead["fingerprints"]), (&json!([]), &json!(["email.k1"])));

    site.pass(MINUTE);
    site.deliver("guide", &format!("{BOTH}&size=51%2B"));
    let lead = site.lead_of("ann@example.com");
    let recipients = lead["recipients"].as_array().expect("recipients");
    let mut to: Vec<_> = recipients.iter().map(|one| one["destination"].clone()).collect();
    to.sort_by_key(Value::to_string);
    assert_eq!(to, ["calls", "crm"]);
    for one in recipients {
        let times = [&one["decided_at"], &one["settled_at"]];
        assert_eq!(times, ["2026-11-22T14:01:00.000Z"; 2]);
        assert_eq!((&one["event"], &one["state"]), (&json!("lead.qualified"), &json!("delivered")));
    }
}

#[test]
fn two_people_who_share_a_phone_do_not_see_each_other() {
    let site = Site::new(&[guide()]);
    let phone = "phone=0701740605&consent.newsletter=on";
    site.deliver("guide", &format!("email=ann%40example.com&{phone}"));
    site.deliver("guide", &format!("email=bob%40example.com&{phone}"));
    assert_eq!(site.story().len(), 2);
    assert_eq!(leads(&site.order("access", &ann())).len(), 1, "an address shows its owner's lead alone");
    assert_eq!(leads(&site.order("access", &json!({ "phone": "+46701740605" }))).len(), 2);
    assert_eq!(erase(&site, ann())["ledgers"][0]["submissions"], 1);
    assert_eq!(site.states(), counts(&[("erased", 1), ("delivered", 1)]));
    assert_eq!(erase(&site, json!({ "phone": "+46701740605" }))["ledgers"][0]["submissions"], 1);
}

#[test]
fn of_two_leads_each_identifier_reaches_what_it_posted() {
    let phone = json!({ "phone": "+46701740605" });
    let both = json!({ "email": "ann@example.com", "phone": "+46701740605" });
    for (person, leads, left) in [(ann(), 1, 1), (phone, 1, 1), (both, 2, 0)] {
        let site = Site::new(&[guide_with(json!({ "dedupe": { "by": ["email", "phone"] } }))]);
        site.deliver("guide", ANN);
        site.deliver("guide", "phone=0701740605&consent.newsletter=on");
        site.deliver("guide", &format!("{ANN}&phone=0701740605"));
        let erased = erase(&site, person.clone());
        assert_eq!(erased["ledgers"][0]["leads"].as_array().map(Vec::len), Some(leads), "{person}");
        assert_eq!(erased["ledgers"][0]["submissions"], 3 - left, "{person}");
        assert_eq!(site.states().get("erased"), Some(&(3 - left)), "{person}");
        site.adds_up(LEDGER);
    }
}

#[test]
fn a_person_who_asked_and_was_never_confirmed_sees_what_waits() {
    let site = Site::new(&[confirmed_guide(json!({}))]);
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    let shown = leads(&site.order("access", &ann()));
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["submissions"][0]["data"]["lead"]["answers"], json!({ "name": "Ann" }));
    assert_eq!(shown[0]["submissions"][0]["waits_until"], "2026-11-25T14:00:00.000Z");
    assert_eq!(shown[0]["recipients"][0]["event"], "confirmation.requested");
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
