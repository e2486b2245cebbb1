//! Withdrawals: by link and by one click; the deliveries that they stop, and consent that is given again.

use leadhook::http::request::Method;
use leadhook::testing::world::{LedgerMode, PUBLIC_URL, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const BOTH: &str = "email=ann%40example.com&consent.newsletter=2026-11&consent.call=2";

#[test]
fn a_withdrawal_stops_what_needed_it_and_tells_who_has_had_it_once() {
    let site = Site::new(&[two_receivers(json!({}))]);
    site.deliver("guide", BOTH);
    let call = site.withdraw_url("call");
    assert_eq!(site.click(&call), 200);
    site.ring();
    let told = site.newest("consent.withdrawn");
    assert_eq!(told["purposes"], json!(["call"]));
    assert_eq!(told["lead_id"], site.newest("lead.qualified")["lead_id"]);
    let before = (site.dump(LEDGER), site.story());
    for _ in 0..2 {
        assert_eq!(site.click(&call), 200);
        site.ring();
    }
    assert_eq!((site.dump(LEDGER), site.story()), before, "the second time there is nothing to do");
    let mut to: Vec<_> = site.events().into_iter().filter(|event| event.0 == "consent.withdrawn").collect();
    to.sort_by(|a, b| a.2.cmp(&b.2));
    let to: Vec<_> = to.into_iter().map(|event| event.2).collect();
    assert_eq!(to, ["calls", "crm"], "whoever has a record of the consent hears that it holds no more");
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn whatever_a_mail_program_posts_withdraws() {
    let multipart =
        "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    for (content_type, sent, method) in [
        (FORM, "List-Unsubscribe=One-Click", "one_click"),
        ("multipart/form-data; boundary=x", multipart, "one_click"),
        (FORM, "", "link"),
        ("text/plain", "hello", "link"),
        ("application/json", "{", "link"),
    ] {
        let site = Site::new(&[guide()]);
        site.deliver("guide", ANN);
        let response =
            site.send(&request(Method::Post, &path(&site.withdraw_url("newsletter")), content_type, sent));
        assert_eq!(response.status, 200);
        assert_eq!((response.header("location"), response.header("set-cookie")), (None, None));
        let lead = site.lead_of("ann@example.com");
        assert_eq!(told(&lead)[1], "newsletter=withdrawn valid");
        let personal = lead["history"][1]["personal"].as_str().expect("a text");
        assert!(personal.contains(&format!("\"method\":\"{method}\"")), "{personal}");
    }
}

#[test]
fn what_has_not_arrived_and_needed_the_consent_stops_and_the_rest_goes_on() {
    for (paused, dead) in [(false, false), (true, false), (false, true)] {
        let site = Site::new(&[two_receivers(json!({}))]);
        site.deliver("guide", BOTH.replace("ann", "eva").as_str());
        site.set_receiver(ReceiverMode::Refuses(if paused { 410 } else { 500 }));
        site.deliver("guide", BOTH);
        if dead {
            site.pass(10 * DAY);
        }
        let taken = site.received().len();
        let lead_id = site.lead_id_of("ann@example.com");
        assert_eq!(site.click(&site.withdrawal_of("ann@example.com", "call")), 200);
        let sql = format!(
            "SELECT destination, state, delivery_id FROM delivery WHERE lead_id = '{lead_id}' AND submission_id <> '' ORDER BY 1"
        );
        let rows = site.rows(LEDGER, &sql);
        let left = if dead {
            "dead"
        } else if paused {
            "paused"
        } else {
            "pending"
        };
        assert_eq!((&rows[0][1], &rows[1][1]), (&json!("withdrawn"), &json!(left)));
        let replay = format!("deliveries/{}/replay", rows[0][2].as_str().expect("an id"));
        assert_eq!(site.order_response(&replay, &json!({})).status, 409);
        site.set_receiver(ReceiverMode::Up);
        if paused {
            for destination in ["crm", "calls"] {
                site.order(&format!("campaigns/guide/destinations/{destination}/enable"), &json!({}));
            }
        }
        if dead {
            site.order("deliveries/replay?campaign=guide", &json!({}));
        }
        site.pass(DAY);
        let of_ann: Vec<_> = site.received()[taken..]
            .iter()
            .map(|one| (one.body["type"].clone(), one.url.rsplit('/').next().expect("a place").to_owned()))
            .collect();
        assert!(of_ann.contains(&(json!("lead.qualified"), "crm".to_owned())), "{of_ann:?}");
        assert!(!of_ann.contains(&(json!("lead.qualified"), "calls".to_owned())), "{of_ann:?}");
        assert!(
            of_ann.contains(&(json!("consent.withdrawn"), "calls".to_owned())),
            "it was tried, so it may have it"
        );
        assert_eq!(consent(&site.newest("lead.qualified"), "call")["granted"], false);
        assert_eq!(site.states(), counts(&[("delivered", 2)]));
        site.adds_up(LEDGER);
    }
}

#[test]
fn a_lead_whose_only_delivery_stopped_is_withdrawn_and_who_never_had_it_hears_nothing() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    let url = site.withdrawal_of("ann@example.com", "newsletter");
    assert_eq!(site.click(&url), 200);
    site.pass(DAY);
    assert_eq!(site.received().len(), 0);
    assert_eq!(site.states(), counts(&[("withdrawn", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn a_replayed_delivery_that_has_not_gone_out_yet_may_still_have_arrived_before() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::LosesAnswers);
    site.deliver("guide", ANN);
    site.pass(10 * DAY);
    assert_eq!(site.states(), counts(&[("dead", 1)]));
    let url = site.withdraw_url("newsletter");
    site.order("deliveries/replay?campaign=guide", &json!({}));
    assert_eq!(site.click(&url), 200);
    site.set_receiver(ReceiverMode::Up);
    site.ring();
    assert_eq!(site.newest("consent.withdrawn")["purposes"], json!(["newsletter"]));
}

#[test]
fn a_held_lead_without_the_consent_that_its_campaign_requires_is_withdrawn() {
    let site = Site::new(&[two_receivers(json!({ "qualify": { "forward_at": 20 } }))]);
    site.deliver("guide", BOTH);
    assert_eq!(site.states(), counts(&[("held", 1)]));
    site.click(&site.withdrawal_of("ann@example.com", "call"));
    assert_eq!(site.states(), counts(&[("held", 1)]), "the newsletter holds");
    site.click(&site.withdrawal_of("ann@example.com", "newsletter"));
    assert_eq!(site.states(), counts(&[("withdrawn", 1)]));
    assert_eq!(site.rows(LEDGER, "SELECT payload FROM submission"), [[Value::Null]]);
    site.adds_up(LEDGER);
    site.deliver("guide", &format!("{ANN}&size=51%2B"));
    assert_eq!(site.story(), ["qualified crm of 1"]);
    assert_eq!(site.newest("lead.qualified")["answers"], json!({ "size": "51+" }), "nothing was merged");
}

#[test]
fn a_held_lead_that_lost_an_optional_consent_goes_out_without_it() {
    let site = Site::new(&[two_receivers(json!({ "qualify": { "forward_at": 20 } }))]);
    site.deliver("guide", BOTH);
    let url = site.withdrawal_of("ann@example.com", "call");
    site.click(&url);
    site.deliver("guide", &format!("{ANN}&size=51%2B"));
    assert_eq!(site.story(), ["qualified crm of 1"]);
    let call = consent(&site.newest("lead.qualified"), "call");
    assert_eq!((&call["granted"], call.get("receipt")), (&json!(false), None));
}

#[test]
fn a_link_that_is_not_ours_ends_and_writes_nothing() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "apart", "ledger": null }))]);
    site.deliver("guide", ANN);
    let url = site.withdraw_url("newsletter");
    let before = site.dump(LEDGER);
    let (rest, last) = url.split_at(url.len() - 1);
    let forged = format!("{rest}{}", if last == "A" { "B" } else { "A" });
    let other_purpose = url.replace(".newsletter.", ".call.");
    let other_ledger = url.replace("/guide/", "/apart/");
    let confirming = url.replace("/withdraw/", "/confirm/");
    for wrong in [forged, other_purpose, other_ledger, confirming, format!("{PUBLIC_URL}/withdraw/guide/x")] {
        assert_eq!(site.click(&wrong), 410, "{wrong}");
        assert_eq!(site.get(&wrong).status, 410);
    }
    assert_eq!(site.dump(LEDGER), before);
    assert_eq!(site.click(&url.replace("/guide/", "/nobody/")), 404);
    let response = site.with_ledger(LedgerMode::LosesRequests, || site.click(&url));
    assert_eq!(response, 503, "a person is told to try again");
    assert_eq!(site.click(&url), 200);
}

#[test]
fn the_same_post_given_again_after_a_withdrawal_counts_and_goes_to_who_had_it() {
    for later in [0, HOUR] {
        let site = Site::new(&[guide()]);
        let id = site.deliver("guide", ANN);
        site.click(&site.withdraw_url("newsletter"));
        site.pass(later);
        assert_eq!(site.deliver("guide", ANN), id);
        assert_eq!(
            site.story(),
            ["qualified guide of 1", "withdrawn guide of 1", "updated guide of 1"]
                .map(|line| { line.replace("withdrawn", "consent.withdrawn") })
        );
        let given = consent(&site.newest("lead.updated"), "newsletter");
        assert_eq!(given["granted"], true);
        site.verified(&receipt(&given));
        assert_eq!(
            site.history_of("ann@example.com"),
            [
                "newsletter=given call=refused valid",
                "newsletter=withdrawn valid",
                "newsletter=given call=refused valid"
            ]
        );
        assert_eq!(site.states(), counts(&[("delivered", 1)]), "it is one submission");
        site.adds_up(LEDGER);
        site.pass(HOUR);
        site.deliver("guide", ANN);
        assert_eq!(site.last_decision(), "repeat");
    }
}

#[test]
fn the_same_post_given_again_before_anything_arrived_goes_out_as_new() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    let url = site.withdrawal_of("ann@example.com", "_");
    site.click(&url);
    site.deliver("guide", ANN);
    assert_eq!(site.story(), ["qualified guide of 1"]);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn what_still_waits_for_a_receiver_is_not_lost_when_another_consent_is_given_again() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::LosesAnswers);
    site.deliver("guide", BOTH);
    site.click(&site.withdraw_url("call"));
    let taken = site.received().len();
    site.set_receiver(ReceiverMode::Refuses(500));
    site.deliver("guide", BOTH);
    assert_eq!(site.states(), counts(&[("pending", 1)]));
    site.adds_up(LEDGER);
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    let later: Vec<_> =
        site.received()[taken..].iter().filter(|one| one.body["type"] == "lead.qualified").cloned().collect();
    assert_eq!(later.len(), 1);
    assert_eq!(consent(&later[0].body["data"], "call")["granted"], true);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);
}
