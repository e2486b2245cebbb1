//! Double opt-in: a submission that waits until the owner of the address confirms it.

use leadhook::app::ports::Ports as _;
use leadhook::http::request::Method;
use leadhook::ledger::api::{Lists, Request as _};
use leadhook::testing::world::{PUBLIC_URL, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

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
