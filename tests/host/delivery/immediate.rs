//! Immediate delivery: such leads have no entry in the index of what is due, and whatever happens to the object before
//! they are sent, they are found, sent once, and shown as any other.

use std::collections::BTreeSet;

use leadhook::app::ports::Ports as _;
use leadhook::http::request::Method;
use leadhook::testing::world::ReceiverMode;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

fn accept(site: &Site, people: std::ops::Range<usize>) {
    for n in people {
        site.set_clock(site.now_ms() + 1);
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
}

fn count(site: &Site, condition: &str) -> usize {
    site.rows(LEDGER, &format!("SELECT 1 FROM delivery WHERE {condition}")).len()
}

/// Each of so many was delivered once.
fn all_arrived(site: &Site, people: usize) {
    let received = site.received();
    let ids: BTreeSet<_> = received.iter().map(|one| one.id.clone()).collect();
    assert_eq!((received.len(), ids.len()), (people, people));
    assert_eq!(site.states(), counts(&[("delivered", i64::try_from(people).expect("a number"))]));
    assert_eq!(count(site, "state <> 'delivered' OR due_ms = 0"), 0);
    site.adds_up(LEDGER);
}

#[test]
fn a_lead_that_waits_has_no_entry_and_is_shown_as_one_that_is_due() {
    let site = Site::new(&[guide()]);
    accept(&site, 0..1);
    assert_eq!(count(&site, "state = 'pending' AND due_ms = 0"), 1);
    let listed = site.admin(Method::Get, "deliveries?state=pending")["deliveries"][0].clone();
    assert_eq!((&listed["state"], &listed["due_at"]), (&json!("pending"), &listed["created_at"]));
    site.set_clock(site.now_ms() + HOUR);
    let doctor = site.admin(Method::Get, "doctor?ledger=example-ab").to_string();
    assert!(doctor.contains("overdue"), "nobody has woken the object: {doctor}");
    site.ring();
    assert!(!site.admin(Method::Get, "doctor?ledger=example-ab").to_string().contains("overdue"));
    all_arrived(&site, 1);
}

#[test]
fn what_waits_when_the_object_stops_goes_out_once() {
    let site = Site::new(&[guide()]);
    accept(&site, 0..150);
    site.restart();
    site.ring();
    all_arrived(&site, 150);
}

#[test]
fn an_object_that_stops_again_and_again_looks_at_few_rows_and_loses_none() {
    let site = Site::new(&[guide()]);
    let (mut people, mut most) = (0, 0);
    for life in 0..120 {
        accept(&site, people..people + 10);
        people += 10;
        if life % 3 > 0 {
            site.ring();
        }
        site.evict();
        site.take_sql_steps();
        pollster::block_on(site.ask(LEDGER, &leadhook::ledger::wire::Call::Wake)).expect("an answer");
        most = most.max(site.take_sql_steps());
        let behind = "delivery_id > (SELECT value FROM meta WHERE key = 'sent')";
        assert!(people < 100 || count(&site, behind) <= 100, "in life {life}");
    }
    site.ring();
    all_arrived(&site, people);
    assert!(most < 10_000, "{most} steps to open it");
}

#[test]
fn what_is_more_than_can_wait_in_memory_has_entries() {
    let site = Site::new(&[guide()]);
    accept(&site, 0..3_200);
    assert_eq!([count(&site, "due_ms = 0"), count(&site, "due_ms > 0")], [3_000, 200]);
    site.ring();
    all_arrived(&site, 3_200);
    accept(&site, 3_200..3_210);
    assert_eq!(count(&site, "due_ms = 0"), 10, "there is room again");
    site.evict();
    site.ring();
    all_arrived(&site, 3_210);
}

#[test]
fn what_cannot_be_settled_is_found_again() {
    let site = Site::new(&[guide()]);
    accept(&site, 0..1);
    site.execute(LEDGER, "ALTER TABLE counter RENAME TO gone");
    assert!(pollster::block_on(site.ring_alarms()).is_err());
    site.execute(LEDGER, "ALTER TABLE gone RENAME TO counter");
    assert_eq!(count(&site, "state = 'pending' AND due_ms = 0"), 1);
    site.ring();
    let received = site.received();
    assert_eq!(received.len(), 2, "nobody knows that it has arrived");
    assert_eq!((&received[0], site.states()), (&received[1], counts(&[("delivered", 1)])));
}

#[test]
fn a_410_pauses_what_waits_in_memory_as_well() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(410));
    accept(&site, 0..5);
    site.ring();
    assert_eq!(count(&site, "state = 'paused'"), 5);
    let tries: Vec<Vec<Value>> = site.rows(LEDGER, "SELECT sum(attempt_count) FROM delivery");
    assert_eq!(tries, [[json!(1)]]);
    accept(&site, 5..7);
    assert_eq!(count(&site, "state = 'paused'"), 7, "what comes later waits too");
    site.set_receiver(ReceiverMode::Up);
    site.admin(Method::Post, "campaigns/guide/destinations/crm/enable");
    site.ring();
    all_arrived(&site, 7);
}

#[test]
fn what_is_refused_at_first_has_an_entry_from_then_on() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(503));
    accept(&site, 0..3);
    site.ring();
    assert_eq!(count(&site, "state = 'pending' AND due_ms > created_ms"), 3);
    site.set_receiver(ReceiverMode::Up);
    accept(&site, 3..4);
    site.ring();
    assert_eq!(site.received().len(), 1, "the others wait for their time");
    site.evict();
    site.pass(HOUR);
    all_arrived(&site, 4);
}

#[test]
fn a_clock_that_goes_back_hides_nothing() {
    let site = Site::new(&[guide()]);
    site.set_clock(site.now_ms() + 365 * DAY);
    accept(&site, 0..100);
    site.ring();
    site.set_clock(site.now_ms() - 365 * DAY);
    accept(&site, 100..200);
    site.evict();
    site.ring();
    assert_eq!(site.received().len(), 200);
    assert_eq!(count(&site, "state <> 'delivered'"), 0);
}
