//! A submission that waits for the owner of the address.
#![cfg(feature = "host")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::person::*;
use common::*;
use leadhook::app::ports::Ports as _;
use leadhook::contact::Email;
use leadhook::http::request::{Method, RawRequest};
use leadhook::ledger::api::{Lists, Request as _};
use leadhook::pipeline::lead::{Identifier, list_tag};
use leadhook::testing::world::{PUBLIC_URL, ReceiverMode, request};
use serde_json::{Value, json};

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";

fn ann(more: &str) -> String {
    format!("{ANN}&{more}")
}

fn asking() -> Site {
    Site::new(&[confirmed_guide(json!({}))])
}

#[test]
fn nothing_is_known_of_a_person_but_a_sealed_row_until_the_address_is_confirmed() {
    let site = asking();
    let plain = Site::new(&[guide()]);
    let form = "email=ann%40example.com&name=Ann&phone=0701740605&consent.newsletter=2026-11";
    let (response, other) = (site.post("guide", form), plain.post("guide", form));
    assert_eq!((response.status, headers(&response)), (other.status, headers(&other)));
    assert_eq!(body(&response)["status"], body(&other)["status"]);
    site.ring();
    let tables = ["submission", "request", "delivery", "fingerprint", "act", "alias"];
    assert_eq!(tables.map(|table| site.count(table)), [1, 2, 1, 0, 0, 0], "under address and number");
    assert_eq!(site.states(), counts(&[("unconfirmed", 1)]));
    let dump = site.everything_at_rest(&[LEDGER]).to_lowercase();
    for secret in ["ann@", "ann%40", "701740605", "\"ann\""] {
        assert!(!dump.contains(secret), "{secret} lies in the open");
    }
    assert_eq!((site.mails().len(), site.received().len()), (1, 1));
}

#[test]
fn the_mail_goes_to_the_address_alone_and_holds_nothing_that_the_visitor_wrote() {
    let hostile = "Buy at https://evil.example now {text}";
    let form = format!(
        "email=ann%40example.com&name={}&consent.newsletter=on&utm_source=evil&page_url=https%3A%2F%2Fevil.example",
        hostile.replace(' ', "+")
    );
    let site = asking();
    let id = site.deliver("guide", &form);
    let sent = &site.received()[0];
    let mails = site.mails();
    let (to, confirm, withdraw) = &mails[0];
    assert_eq!(to, "ann@example.com");
    let text = format!("Confirm {confirm} or refuse {withdraw}");
    let expected =
        json!({ "To": "ann@example.com", "Subject": "Example AB: please confirm", "TextBody": text });
    assert_eq!(sent.body, expected);
    assert!(!sent.body.to_string().contains("evil"));
    let row = &site.rows(LEDGER, "SELECT lead_id FROM submission")[0];
    let parts = path(confirm);
    assert!(parts.starts_with(&format!("/confirm/guide/{}.{id}.k1.", row[0].as_str().expect("an id"))));
    assert!(path(withdraw).starts_with("/withdraw/guide/"));
}

#[test]
fn a_webhook_may_send_the_mail_and_gets_no_more_than_the_mail_needs() {
    let hook = json!({ "double_opt_in": {
        "destination": "crm", "subject": "Please", "text": "{confirm_link} {withdraw_link}",
    }, "destination": [destination("crm", CRM)] });
    let site = Site::new(&[confirmed_guide(hook)]);
    site.deliver("guide", &ann("name=Evil"));
    let asked = site.received()[0].body.clone();
    assert_eq!(asked["type"], "confirmation.requested");
    let data = asked["data"].as_object().expect("data");
    let keys: Vec<_> = data.keys().cloned().collect();
    assert_eq!(keys, ["campaign", "confirm_url", "contact", "expires_at", "subject", "text", "withdraw_url"]);
    assert_eq!(data["contact"], json!({ "email": "ann@example.com" }));
    assert_eq!(data["expires_at"], "2026-11-25T14:00:00.000Z");
    assert!(!asked.to_string().contains("Evil"));
    assert_eq!(site.click(data["confirm_url"].as_str().expect("a link")), 200);
    site.ring();
    assert_eq!(site.newest("lead.qualified")["answers"], json!({ "name": "Evil" }));
}

#[test]
fn whoever_only_looks_confirms_nothing_and_whoever_posts_does() {
    let site = asking();
    site.deliver("guide", &ann("name=Ann"));
    let confirm = site.mails()[0].1.clone();
    let before = site.dump(LEDGER);
    for _ in 0..3 {
        let page = site.get(&confirm);
        assert_eq!(page.status, 200);
        assert!(text(&page).contains("<form method=\"post\">"));
        assert!(!text(&page).contains("ann@"));
    }
    let head = request(Method::Other, &path(&confirm), "", "");
    assert_eq!(site.send(&head).status, 405);
    assert_eq!(site.dump(LEDGER), before);
    site.pass(HOUR);

    assert_eq!(site.click(&confirm), 200);
    site.ring();
    assert_eq!(site.story().last().map(String::as_str), Some("qualified crm of 2"));
    let data = site.newest("lead.qualified");
    let given = consent(&data, "newsletter");
    assert_eq!((&given["granted"], &given["at"]), (&json!(true), &json!("2026-11-22T14:00:00.000Z")));
    assert_eq!(given["confirmed_at"], "2026-11-22T15:00:00.000Z");
    assert_eq!(consent(&data, "call")["granted"], false);
    let (payload, _) = site.verified(&receipt(&given));
    assert_eq!(payload["record"]["history"]["seq"], 2);
    assert_eq!(
        site.history_of("ann@example.com"),
        ["newsletter=requested call=refused valid", "newsletter=confirmed valid"]
    );
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);

    let before = site.dump(LEDGER);
    assert_eq!(site.click(&confirm), 200, "a second click is no mistake");
    assert_eq!(site.dump(LEDGER), before);
}

#[test]
fn after_three_days_the_link_has_ended_and_only_a_counter_is_left() {
    let site = asking();
    site.deliver("guide", &ann("name=Ann"));
    site.accept("guide", &ann("name=Bea"));
    let confirm = site.mails()[0].1.clone();
    site.pass(3 * DAY - 1 - (site.now_ms() - leadhook::testing::world::START_MS));
    assert_eq!(site.get(&confirm).status, 200);
    site.set_clock(leadhook::testing::world::START_MS + 3 * DAY);
    assert_eq!(site.click(&confirm), 410, "also where no alarm has gone off yet");
    site.ring();
    assert_eq!(site.click(&confirm), 410);
    assert_eq!(site.states(), counts(&[("expired", 1), ("duplicate", 1)]));
    site.pass(2 * DAY);
    let tables = ["submission", "request", "delivery", "fingerprint", "act", "alias"];
    assert_eq!(tables.map(|table| site.count(table)), [0; 6]);
    assert_eq!(site.states(), counts(&[("expired", 1), ("duplicate", 1)]));
    assert_eq!(site.received().len(), 1);
    site.deliver("guide", &ann("name=Ann"));
    assert_eq!(site.mails().len(), 2, "who comes back later is asked anew");
}

#[test]
fn a_mail_that_was_lost_comes_once_more_and_not_before_ten_minutes_have_passed() {
    let site = Site::new(&[confirmed_guide(json!({ "dedupe": { "remember_in_kv": false } }))]);
    let id = site.deliver("guide", ANN);
    for _ in 0..3 {
        assert_eq!(site.deliver("guide", ANN), id);
    }
    assert_eq!(site.mails().len(), 1);
    site.pass(10 * MINUTE - 1);
    site.deliver("guide", ANN);
    assert_eq!(site.mails().len(), 1);
    site.pass(1);
    for _ in 0..3 {
        site.deliver("guide", ANN);
        site.pass(HOUR);
    }
    let mails = site.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1], "the same link");
    assert_eq!(site.states(), counts(&[("unconfirmed", 1)]));
    assert_eq!(site.click(&mails[0].1), 200);
    assert_eq!(site.states(), counts(&[("pending", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn a_thousand_requests_make_two_mails_and_each_confirms_its_own() {
    for confirmed in [0, 1] {
        let site = asking();
        let mut ids = std::collections::BTreeSet::new();
        for at in 0..1_000 {
            let form = if at % 2 == 0 { ann(&format!("name=Name+{at}")) } else { ANN.to_owned() };
            ids.insert(site.accept("guide", &form));
            site.set_clock(site.now_ms() + 2_000);
            if at % 50 == 0 {
                site.ring();
            }
        }
        site.ring();
        let mails = site.mails();
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|(to, ..)| to == "ann@example.com"));
        let all = i64::try_from(ids.len()).expect("a count");
        assert_eq!(all, 501);
        assert_eq!(site.states(), counts(&[("unconfirmed", 2), ("duplicate", all - 2)]));
        site.adds_up(LEDGER);

        let confirm = &mails[confirmed].1;
        assert_eq!(site.click(confirm), 200);
        site.ring();
        let delivered = site.rows(LEDGER, "SELECT submission_id FROM submission WHERE state = 'delivered'");
        assert_eq!(delivered.len(), 1);
        assert!(confirm.contains(delivered[0][0].as_str().expect("an id")));
        assert_eq!(site.states(), counts(&[("delivered", 1), ("duplicate", all - 1)]));
        site.adds_up(LEDGER);
        assert_eq!(site.click(&mails[1 - confirmed].1), 410, "what it was about is over");
        site.ring();
        assert_eq!(site.received().len(), 3);
        site.adds_up(LEDGER);

        assert_eq!(site.click(&mails[1 - confirmed].2), 200);
        let states = site.history_of("ann@example.com");
        assert_eq!(
            states.last().map(String::as_str),
            Some("newsletter=withdrawn valid"),
            "either mail withdraws"
        );
    }
}

#[test]
fn two_campaigns_may_ask_the_same_address_once_each() {
    let other = confirmed_guide(json!({ "id": "other" }));
    let third = confirmed_guide(json!({ "id": "third" }));
    let site = Site::new(&[confirmed_guide(json!({})), other, third]);
    for campaign in ["guide", "other", "third"] {
        site.deliver(campaign, ANN);
    }
    let mails = site.mails();
    assert_eq!(mails.len(), 2, "and a third one waits for an answer");
    for (_, confirm, _) in &mails {
        assert_eq!(site.click(confirm), 200);
    }
    site.ring();
    let mut kinds: Vec<_> = site.events().into_iter().skip(2).map(|event| event.0).collect();
    kinds.sort();
    assert_eq!(kinds, ["lead.qualified", "lead.updated"]);
    let mut leads: Vec<_> = site.received().iter().map(|one| one.body["data"]["lead_id"].clone()).collect();
    leads.retain(|id| !id.is_null());
    leads.dedup();
    assert_eq!(leads.len(), 1, "it is one person");
    site.adds_up(LEDGER);
    site.pass(HOUR);
    site.deliver("third", ANN);
    assert_eq!(site.mails().len(), 2, "the purpose is confirmed");
}

#[test]
fn somebody_who_has_confirmed_is_known_and_gets_no_mail() {
    let site = asking();
    let id = site.deliver("guide", ANN);
    assert_eq!(site.click(&site.mails()[0].1), 200);
    site.pass(HOUR);
    assert_eq!(site.deliver("guide", ANN), id);
    assert_eq!(site.last_decision(), "repeat");
    site.deliver("guide", &ann("name=Ann"));
    assert_eq!(site.last_decision(), "duplicate");
    assert_eq!((site.mails().len(), site.received().len()), (1, 2));
    site.deliver("guide", &ann("consent.call=2"));
    assert_eq!(site.mails().len(), 2, "a purpose that was never confirmed is asked for");
    assert_eq!(site.states(), counts(&[("delivered", 1), ("duplicate", 1), ("unconfirmed", 1)]));
    assert_eq!(site.click(&site.mails()[1].1), 200);
    site.ring();
    let now = site.lead_of("ann@example.com")["consents"].clone();
    let now: Vec<_> = now.as_array().expect("consents").iter().map(|one| one["state"].clone()).collect();
    assert_eq!(now, ["confirmed", "confirmed"]);
    site.adds_up(LEDGER);
}

#[test]
fn somebody_who_wants_nothing_is_not_asked() {
    let purposes = json!([{ "id": "newsletter", "text": "News?", "version": "1" }]);
    let free = json!({ "purpose": purposes, "destination": [
        destination_with("crm", CRM, json!({ "needs": [] })),
        { "name": "mail", "kind": "email", "url": "https://mail.example.com/send", "secret": "MAIL_SECRET",
          "body": { "To": "{to}", "TextBody": "{text}" } },
    ] });
    let site = Site::new(&[confirmed_guide(free)]);
    site.deliver("guide", "email=ann%40example.com");
    assert_eq!(site.story(), ["qualified crm of 1"], "there is nothing to confirm");
}

#[test]
fn somebody_whom_another_campaign_knows_stays_one_lead_and_both_links_withdraw() {
    let site = Site::new(&[confirmed_guide(json!({})), guide_with(json!({ "id": "plain" }))]);
    site.deliver("plain", ANN);
    let known = site.newest("lead.qualified")["lead_id"].clone();
    site.deliver("guide", ANN);
    assert_eq!(site.mails().len(), 1, "given is not confirmed");
    let (_, confirm, withdraw) = site.mails()[0].clone();
    site.click(&confirm);
    site.ring();
    assert_eq!(site.newest("lead.qualified")["lead_id"], known);
    assert_eq!(site.click(&confirm), 200);
    assert_eq!(
        site.history_of("ann@example.com"),
        [
            "newsletter=given call=refused valid",
            "newsletter=requested call=refused valid",
            "newsletter=confirmed valid"
        ]
    );
    assert_eq!(site.get(&format!("{withdraw}/receipt")).status, 200);
    assert_eq!(site.click(&withdraw), 200);
    site.ring();
    let last = site.history_of("ann@example.com").pop();
    assert_eq!(last.as_deref(), Some("newsletter=withdrawn valid"));
    assert_eq!(site.newest("consent.withdrawn")["lead_id"], known);
    site.adds_up(LEDGER);
}

#[test]
fn whoever_refuses_by_the_mail_is_not_kept_and_not_asked_for_a_month() {
    let site = asking();
    site.deliver("guide", &ann("name=Ann"));
    let (_, confirm, withdraw) = site.mails()[0].clone();
    assert_eq!(site.get(&withdraw).status, 200);
    assert_eq!(site.click(&withdraw), 200);
    assert_eq!(site.states(), counts(&[("withdrawn", 1)]));
    let row = site.rows(LEDGER, "SELECT payload, until_ms FROM submission");
    assert_eq!(row, [[Value::Null, Value::Null]]);
    assert_eq!(site.click(&confirm), 410);
    assert_eq!(site.click(&withdraw), 200);
    site.adds_up(LEDGER);
    site.pass(20 * MINUTE);
    site.deliver("guide", &ann("name=Ann"));
    assert_eq!(site.states(), counts(&[("withdrawn", 1)]), "the same post is a repeat");
    for form in [ann("name=Bea"), ann("name=Bea").replace("ann%40", "ann%2Bx%40")] {
        site.deliver("guide", &form);
        assert_eq!(site.last_decision(), "suppressed");
    }
    site.adds_up(LEDGER);
    site.pass(29 * DAY);
    site.deliver("guide", &ann("name=Eva"));
    assert_eq!(site.mails().len(), 1);
    site.pass(DAY);
    site.deliver("guide", &ann("name=Ann"));
    assert_eq!(site.mails().len(), 2, "whoever posts then is asked anew");
    let asked = site.mails()[1].clone();
    site.pass(3 * DAY - MINUTE);
    assert_eq!(site.click(&asked.1), 200, "and has three days again");
}

#[test]
fn a_refusal_stops_a_mail_that_has_not_gone_out() {
    let site = asking();
    site.deliver("guide", ANN);
    let (_, _, withdraw) = site.mails()[0].clone();
    site.pass(20 * MINUTE);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    assert_eq!(site.click(&withdraw), 200);
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    assert_eq!(site.mails().len(), 1);
    let states = site.rows(LEDGER, "SELECT state FROM delivery WHERE state <> 'delivered'");
    assert_eq!(states, [["withdrawn"]]);
}

#[test]
fn a_confirmation_stops_the_second_mail() {
    let site = asking();
    site.deliver("guide", ANN);
    site.pass(20 * MINUTE);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    site.click(&site.mails()[0].1);
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    assert_eq!(site.mails().len(), 1);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn who_withdrew_after_confirming_is_asked_again_and_stays_the_same_lead() {
    let site = asking();
    let id = site.deliver("guide", ANN);
    let (_, confirm, withdraw) = site.mails()[0].clone();
    site.click(&confirm);
    site.ring();
    let known = site.newest("lead.qualified")["lead_id"].clone();
    site.click(&withdraw);
    site.ring();
    assert_eq!(site.newest("consent.withdrawn")["lead_id"], known);
    site.adds_up(LEDGER);
    site.pass(HOUR);
    assert_eq!(site.deliver("guide", ANN), id);
    assert_eq!(site.mails().len(), 2);
    assert_eq!(site.states(), counts(&[("unconfirmed", 1)]));
    site.adds_up(LEDGER);
    assert_eq!(site.click(&site.mails()[1].1), 200);
    site.ring();
    assert_eq!(site.newest("lead.updated")["lead_id"], known);
    assert_eq!(consent(&site.newest("lead.updated"), "newsletter")["granted"], true);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);
    assert_eq!(
        site.history_of("ann@example.com"),
        [
            "newsletter=requested call=refused valid",
            "newsletter=confirmed valid",
            "newsletter=withdrawn valid",
            "newsletter=requested call=refused valid",
            "newsletter=confirmed valid",
        ]
    );
}

#[test]
fn who_withdrew_after_confirming_and_does_not_answer_keeps_the_history() {
    let site = asking();
    site.deliver("guide", ANN);
    let (_, confirm, withdraw) = site.mails()[0].clone();
    site.click(&confirm);
    site.ring();
    site.click(&withdraw);
    site.pass(HOUR);
    site.deliver("guide", ANN);
    site.pass(4 * DAY);
    assert_eq!(site.states(), counts(&[("expired", 1)]));
    assert_eq!(site.count("request"), 0);
    assert_eq!(
        site.history_of("ann@example.com"),
        [
            "newsletter=requested call=refused valid",
            "newsletter=confirmed valid",
            "newsletter=withdrawn valid"
        ]
    );
    let recipients = site.lead_of("ann@example.com")["recipients"].clone();
    let crm = recipients.as_array().expect("recipients").iter().filter(|one| one["destination"] == "crm");
    assert_eq!(crm.count(), 2, "who had it is still known");
    site.deliver("guide", ANN);
    assert_eq!(site.mails().len(), 3);
    assert_eq!(site.click(&site.mails()[2].1), 200);
    site.ring();
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn a_campaign_that_begins_to_ask_asks_those_whom_it_knows_when_they_come_again() {
    let single = confirmed_guide(json!({ "double_opt_in": null, "destination": [destination("crm", CRM)] }));
    let site = Site::new(&[single]);
    site.deliver("guide", ANN);
    let known = site.newest("lead.qualified")["lead_id"].clone();
    site.republish(&confirmed_guide(json!({})));
    site.pass(HOUR);
    site.deliver("guide", ANN);
    assert_eq!(site.mails().len(), 1);
    site.click(&site.mails()[0].1);
    site.ring();
    assert_eq!(site.lead_of("ann@example.com")["lead_id"], known);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn the_ledger_is_not_woken_by_a_look() {
    let site = asking();
    site.deliver("guide", ANN);
    let confirm = site.mails()[0].1.clone();
    let response =
        site.with_ledger(leadhook::testing::world::LedgerMode::LosesRequests, || site.get(&confirm));
    assert_eq!(response.status, 200);
    let failed =
        site.with_ledger(leadhook::testing::world::LedgerMode::LosesRequests, || site.click(&confirm));
    assert_eq!(failed, 503);
    let lost = site.with_ledger(leadhook::testing::world::LedgerMode::LosesAnswers, || site.click(&confirm));
    assert_eq!((lost, site.click(&confirm)), (503, 200), "it was confirmed, and a second click says so");
    assert_eq!(site.states(), counts(&[("pending", 1)]));
}

#[test]
fn a_request_survives_a_restart_and_a_newer_campaign() {
    let site = asking();
    site.deliver("guide", &ann("name=Ann"));
    site.republish(&confirmed_guide(json!({ "title": "Another title", "destination": [
        destination("crm", CALLS),
        { "name": "mail", "kind": "email", "url": "https://mail.example.com/send", "secret": "MAIL_SECRET",
          "body": { "To": "{to}", "TextBody": "{text}" } },
    ] })));
    site.restart();
    assert_eq!(site.click(&site.mails()[0].1), 200);
    site.ring();
    assert_eq!(site.events().last().map(|event| event.2.clone()), Some("calls".to_owned()));
    assert!(pollster::block_on(site.ask(LEDGER, &Lists {}.into_call(None))).is_ok());
    assert!(path(&site.mails()[0].2).starts_with("/withdraw/guide/"));
    assert!(site.mails()[0].1.starts_with(PUBLIC_URL));
}

#[test]
fn every_attempt_to_tell_of_a_confirmed_lead_says_the_same() {
    let site = asking();
    site.deliver("guide", &ann("name=Ann"));
    let confirm = site.mails()[0].1.clone();
    assert_eq!(site.click(&confirm), 200);
    site.set_receiver(ReceiverMode::LosesAnswers);
    site.ring();
    site.set_receiver(ReceiverMode::Up);
    site.pass(MINUTE);
    let told: Vec<_> =
        site.received().into_iter().filter(|one| one.body["type"] == "lead.qualified").collect();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].body, told[1].body);
    assert_eq!(consent(&told[0].body["data"], "call").get("confirmed_at"), None, "it was refused");
}

#[test]
fn kv_forgets_a_request_that_was_refused() {
    let site = asking();
    site.deliver("guide", &ann("name=Ann"));
    assert!(site.kv_contents().keys().any(|key| key.starts_with("seen/")));
    let withdraw = site.mails()[0].2.clone();
    assert_eq!(site.click(&withdraw), 200);
    assert_eq!(site.kv_contents().keys().find(|key| key.starts_with("seen/")), None, "KV has forgotten it");
}

fn post_from(site: &Site, address: &str, form: &str) {
    let post = RawRequest {
        client_address: Some(address.to_owned()),
        ..request(Method::Post, "/c/guide", FORM, form)
    };
    assert_eq!(site.send(&post).status, 202);
    site.ring();
}

fn asked(address: &str) -> String {
    format!("email={}&consent.newsletter=on", address.replace('@', "%40").replace('+', "%2B"))
}

/// Which cap put aside what waits, each once.
fn signs(site: &Site) -> Vec<Value> {
    let sql = "SELECT DISTINCT json_extract(value, '$.signal') AS signal
               FROM submission, json_each(quarantine, '$.signals') WHERE signal LIKE 'mail%'";
    site.rows(LEDGER, sql).into_iter().map(|mut row| row.remove(0)).collect()
}

#[test]
fn a_mailbox_is_asked_twice_whatever_is_written_behind_its_name() {
    let site = asking();
    for n in 0..50 {
        post_from(&site, &format!("192.0.2.{n}"), &asked(&format!("ann+{n}@fastmail.example")));
        site.pass(11 * MINUTE);
    }
    assert_eq!(site.mails().len(), 2);
    assert_eq!(site.states(), counts(&[("unconfirmed", 2), ("quarantined", 48)]));
    assert_eq!(signs(&site), ["mailbox_velocity"]);
    post_from(&site, "192.0.2.1", &asked("bob@fastmail.example"));
    assert_eq!(site.mails().len(), 3, "others are asked");
    site.pass(4 * DAY);
    post_from(&site, "192.0.2.1", &asked("ann+new@fastmail.example"));
    assert_eq!(site.mails().len(), 4, "and so is the mailbox when nothing waits any more");
}

#[test]
fn what_may_be_one_mailbox_is_asked_five_times() {
    let site = asking();
    let forms: [fn(usize) -> String; 4] = [
        |n| format!("{}@mail.example", ["a.nn", "an.n", "a.n.n", "a_nn", "ann"][n % 5]),
        |n| format!("ann-{n}@mail.example"),
        |n| format!("a.nn-{n}@mail.example"),
        |n| format!("ann={n}@mail.example"),
    ];
    for n in 0..10 {
        for form in forms {
            post_from(&site, &format!("192.0.2.{n}"), &asked(&form(n)));
        }
    }
    assert_eq!(site.mails().len(), 5);
    assert_eq!(signs(&site), ["mailbox_velocity"]);
}

#[test]
fn on_behalf_of_one_network_thirty_mails_an_hour_go_out() {
    let site = asking();
    for n in 0..300 {
        post_from(&site, "192.0.2.1", &asked(&format!("p{n}@host{n}.example")));
    }
    assert_eq!(site.mails().len(), 30);
    assert_eq!(signs(&site), ["mail_velocity"]);
    post_from(&site, "198.51.100.1", &asked("bob@bob.example"));
    assert_eq!(site.mails().len(), 31, "other networks are free");
    site.pass(HOUR);
    post_from(&site, "192.0.2.1", &asked("eve@eve.example"));
    assert_eq!(site.mails().len(), 32, "an hour later so is this one");
    let few = Site::new(&[confirmed_guide(json!({ "limits": { "network_mails_per_hour": 2 } }))]);
    for n in 0..4 {
        post_from(&few, "192.0.2.1", &asked(&format!("p{n}@host{n}.example")));
    }
    assert_eq!(few.mails().len(), 2, "a campaign may say how many");
}

#[test]
fn the_platforms_limit_over_all_ledgers_puts_aside_what_would_bring_a_mail() {
    let site = asking();
    site.set_takes_more_mails(Some(false));
    post_from(&site, "192.0.2.1", &asked("ann@example.com"));
    assert_eq!((site.mails().len(), signs(&site)), (0, vec![json!("mail_velocity")]));
    assert_eq!(site.states(), counts(&[("quarantined", 1)]));
    site.set_takes_more_mails(None);
    post_from(&site, "192.0.2.1", &asked("bob@example.org"));
    assert_eq!(site.mails().len(), 1, "a limit that is down keeps nobody out");
}

#[test]
fn an_operator_who_has_looked_lets_a_mail_beyond_the_caps_go_out() {
    let site = asking();
    for n in 0..3 {
        post_from(&site, "192.0.2.1", &asked(&format!("ann+{n}@fastmail.example")));
    }
    assert_eq!(site.mails().len(), 2);
    let held = site.admin(Method::Get, "quarantine?campaign=guide");
    let id = held["submissions"][0]["submission_id"].clone();
    let order = json!({ "submission_ids": [id] });
    assert_eq!(site.order("quarantine/release", &order)["released"], json!([id]));
    site.ring();
    assert_eq!(site.mails().len(), 3);
    assert_eq!(site.states(), counts(&[("unconfirmed", 3)]));
}

#[test]
fn whoever_objected_is_asked_once_a_year_whether_that_is_still_so() {
    let site = asking();
    let ring = site.settings().lists.clone().expect("list keys");
    let ann = Identifier::Email(Email::parse("ann@example.com").expect("an address"));
    site.order("lists/suppressed?ledger=example-ab", &json!({ "add": [list_tag(&ring, LEDGER, &ann)] }));
    let mut mails = Vec::new();
    for n in 0..40 {
        post_from(&site, "192.0.2.1", &format!("{}&name=Ann{n}", asked("ann@example.com")));
        mails.push(site.mails().len());
        site.pass(10 * DAY);
    }
    assert_eq!(mails[0], 1, "they may have changed their mind");
    assert_eq!(mails[36], 1, "360 days later");
    assert_eq!(mails[37], 2, "a year later");
    assert_eq!(mails[39], 2);
}

#[test]
fn nobody_gets_round_a_cap_or_a_refusal_by_an_erasure() {
    let site = asking();
    let round = |n: usize| {
        let phone = format!("+467017406{n:02}");
        let form = format!("{}&phone={}", asked("ann@example.com"), phone.replace('+', "%2B"));
        post_from(&site, &format!("192.0.2.{n}"), &form);
        site.order("erase", &json!({ "phone": phone }));
        site.ring();
    };
    (10..14).for_each(round);
    assert_eq!(site.mails().len(), 2, "two that nobody has answered");
    let site = asking();
    let form = format!("{}&phone=%2B46701740610", asked("ann@example.com"));
    post_from(&site, "192.0.2.1", &form);
    assert_eq!(site.click(&site.mails()[0].2), 200, "it was not me");
    site.order("erase", &json!({ "phone": "+46701740610" }));
    site.pass(HOUR);
    post_from(&site, "192.0.2.2", &asked("ann@example.com"));
    assert_eq!(site.mails().len(), 1, "a refusal outlives the stranger's erasure");
    site.pass(31 * DAY);
    assert_eq!(site.count("request"), 0);
}
