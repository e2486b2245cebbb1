//! Attempts on their way: claims that are lost, objects that stop in between, and answers that come late.

use leadhook::ledger::api::{Enable, Replay};
use leadhook::ledger::wire::Reply;
use leadhook::ledger::{Attempt, Claim};
use leadhook::pipeline::webhook::Outcome;
use serde_json::json;

use super::second_object::*;
use crate::support::*;

fn delivered(site: &Site) -> usize {
    site.rows(LEDGER, "SELECT 1 FROM delivery WHERE state = 'delivered' AND campaign = 'guide'").len()
}

#[test]
fn a_caller_that_never_settles_loses_its_claim_and_its_connection() {
    let (site, object) = with_two_waiting();
    let lost = object.claim(&site);
    assert_eq!(lost.len(), 2);
    site.set_clock(site.now_ms() + 29_999);
    assert!(object.claim(&site).is_empty());
    site.set_clock(site.now_ms() + 1);
    let again = object.claim(&site);
    let ids = |claims: &[Claim]| {
        claims.iter().map(|claim| claim.delivery_id.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&again), ids(&lost));
    object.settle(&site, &again[0], 200);
    let late = lost.iter().find(|claim| claim.delivery_id == again[0].delivery_id).expect("the same");
    object.settle_as(&site, late, &Outcome::TimedOut);
    assert_eq!(delivered(&site), 1);
    assert_eq!(payloads(&site), 1, "a late failure does not undo what was delivered");
}

#[test]
fn what_arrives_after_it_was_given_up_counts_as_delivered() {
    let (site, object) = with_two_waiting();
    let lost = object.claim(&site);
    site.set_clock(site.now_ms() + 5 * MINUTE);
    let again = object.claim(&site);
    assert_eq!(again.len(), 2);
    for claim in &again {
        object.settle_as(&site, claim, &Outcome::DestinationRemoved);
    }
    assert_eq!(site.states(), counts(&[("delivered", 1), ("dead", 2)]));
    let outcome = Outcome::Responded { status: 204, retry_after_s: None };
    let attempt = |claim| Attempt { claim, outcome: &outcome, took_ms: 31_000 };
    // One of them twice, as a caller may that has lost count.
    let attempts: Vec<_> = lost.iter().chain(&lost[..1]).map(attempt).collect();
    let events = object.0.settle(&attempts, &site.moment());
    assert!(events.iter().all(|event| event.as_ref().is_ok_and(|event| event["state"] == "delivered")));
    assert_eq!((site.states(), payloads(&site)), (counts(&[("delivered", 3)]), 0));
    let arrived = site.rows(LEDGER, "SELECT sum(arrived), sum(delivered), sum(dead) FROM counter");
    assert_eq!(arrived, [[json!(3), json!(3), json!(0)]]);
}

#[test]
fn deliveries_that_fail_together_do_not_come_again_together() {
    let (site, object) = with_two_waiting();
    let claims = object.claim(&site);
    let outcome = Outcome::Responded { status: 500, retry_after_s: None };
    let attempts: Vec<_> =
        claims.iter().map(|claim| Attempt { claim, outcome: &outcome, took_ms: 1 }).collect();
    let events = object.0.settle(&attempts, &site.moment());
    assert!(events.len() == 2 && events.iter().all(Result::is_ok));
    let due = site.rows(LEDGER, "SELECT count(DISTINCT due_ms) FROM delivery WHERE state = 'pending'");
    assert_eq!(due, [[json!(2)]]);
}

#[test]
fn what_was_in_flight_when_the_object_stopped_is_sent_again_with_the_same_id_and_body() {
    let site = Site::new(&[with_destinations(&["a"])]);
    posts(&site, 1);
    let campaign = campaign(&with_destinations(&["a"]));
    let before = Object::open(&site);
    let claim = before.claim(&site).remove(0);
    let sent = before.webhook(&site, &claim, &campaign);
    drop(before);
    site.set_clock(site.now_ms() + 1_000);
    let after = Object::open(&site);
    let claim = after.claim(&site).remove(0);
    assert_eq!(after.webhook(&site, &claim, &campaign), sent);
    assert_eq!(sent.0, *claim.delivery_id);
    after.settle(&site, &claim, 204);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn the_payload_is_kept_while_any_destination_waits_or_is_dead_and_erased_after_the_last() {
    let site = Site::new(&[with_origins(&["a", "b"])]);
    posts(&site, 1);
    let object = Object::open(&site);
    let mut claims = object.claim(&site);
    claims.sort_by(|left, right| left.destination.cmp(&right.destination));
    object.settle(&site, &claims[0], 200);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("pending", 1)]), 1));
    site.set_clock(site.now_ms() + 5 * MINUTE);
    object.settle_as(&site, &claims[1], &Outcome::DestinationRemoved);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("dead", 1)]), 1));
    let replay = Replay { delivery_id: claims[1].delivery_id.clone() };
    assert_eq!(object.ask(&site, replay), Reply::Done(1));
    let again = object.claim(&site).remove(0);
    object.settle(&site, &again, 299);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("delivered", 1)]), 0));
}

#[test]
fn a_410_pauses_what_is_in_flight_too_and_enabling_sends_nothing_twice() {
    let (site, object) = with_two_waiting();
    let claims = object.claim(&site);
    object.settle(&site, &claims[0], 410);
    assert_eq!(site.rows(LEDGER, "SELECT 1 FROM delivery WHERE state = 'paused'").len(), 2);
    let enable = || Enable { campaign: "guide".to_owned(), destination: "a".to_owned() };
    assert_eq!(object.ask(&site, enable()), Reply::Done(2));
    let resumed = object.claim(&site);
    assert_eq!(resumed.len(), 1, "the other is on its way");
    assert_eq!(resumed[0].delivery_id, claims[0].delivery_id);
    object.settle(&site, &resumed[0], 410);
    object.settle(&site, &claims[1], 500);
    let states = site.rows(LEDGER, "SELECT DISTINCT state FROM delivery WHERE campaign = 'guide'");
    assert_eq!(states, [[json!("paused")]], "a failure does not take it out of the pause");
    assert_eq!(object.ask(&site, enable()), Reply::Done(2));
    for claim in object.claim(&site) {
        object.settle(&site, &claim, 200);
    }
    assert_eq!(delivered(&site), 2);
}

#[test]
fn a_receiver_that_asks_for_patience_gets_it() {
    let site = Site::new(&[with_destinations(&["a"])]);
    posts(&site, 1);
    let object = Object::open(&site);
    let claim = object.claim(&site).remove(0);
    object.settle_as(&site, &claim, &Outcome::Responded { status: 429, retry_after_s: Some(3_600) });
    assert_eq!(object.0.wake_at_ms(), site.now_ms() + HOUR);
    let campaign = campaign(&with_destinations(&["a"]));
    site.set_clock(site.now_ms() + HOUR);
    let claim = object.claim(&site).remove(0);
    let prepared = object.0.prepare(&claim).unwrap_or_else(|outcome| panic!("{outcome:?}"));
    let secret = |text: Option<&str>| {
        let text = text.map(str::to_owned);
        object.0.dispatch(&claim, &prepared, Some(&campaign), |_| text, &[], &site.moment()).err()
    };
    assert_eq!(secret(None), Some(Outcome::SecretMissing));
    assert_eq!(secret(Some("not a secret")), Some(Outcome::SecretMissing));
    let missing = object.0.dispatch(&claim, &prepared, None, |_| None, &[], &site.moment()).err();
    assert_eq!(missing, Some(Outcome::Unreadable));
}

#[test]
fn what_was_stopped_on_its_way_does_not_settle_what_was_given_again_since() {
    let site = Site::new(&[guide()]);
    let ann = "email=ann%40example.com&consent.newsletter=on";
    site.accept("guide", ann);
    let object = Object::open(&site);
    let claims = object.claim(&site);
    assert_eq!(site.click(&site.withdrawal_of("ann@example.com", "newsletter")), 200);
    site.accept("guide", ann);
    object.settle(&site, &claims[0], 200);
    assert_eq!((payloads(&site), site.states()), (1, counts(&[("pending", 1)])));
    site.ring();
    assert_eq!(site.story(), ["qualified guide of 1"]);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);
}
