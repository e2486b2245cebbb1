//! The outbox as an alarm drives it: several attempts at once, and objects that stop in between.
#![cfg(feature = "cli")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use common::*;
use leadhook::campaign::Campaign;
use leadhook::deliver::Outcome;
use leadhook::ledger::message::{Answer, Call, MESSAGE_FORMAT, Message, Operation, Verb};
use leadhook::ledger::{Claim, Ledger};
use leadhook::memory::{SECRET, SqliteStore};
use leadhook::ports::Ports as _;
use serde_json::json;

const LEDGER: &str = "example-ab";
const URL: &str = "https://crm.example.com/";

/// A second look at the site's ledger: an object of its own over the same database.
struct Object(Ledger<SqliteStore>);

impl Object {
    fn open(site: &Site) -> Self {
        let store = SqliteStore::new(site.database(LEDGER).expect("a database"));
        let opened = Ledger::open(store, LEDGER, site.settings(), site.now_ms());
        Self(opened.expect("a ledger"))
    }

    fn claim(&self, site: &Site) -> Vec<Claim> {
        self.0.claim(&site.moment()).expect("claims")
    }

    fn settle(&self, site: &Site, claim: &Claim, status: u16) {
        self.settle_as(site, claim, &Outcome::Answered { status, retry_after_s: None });
    }

    fn settle_as(&self, site: &Site, claim: &Claim, outcome: &Outcome) {
        self.0.settle(claim, outcome, 1, &site.moment()).expect("settled");
    }

    fn ask(&self, site: &Site, operation: Operation) -> Answer {
        let call = Call::Operate(Box::new(operation));
        let message = Message { format: MESSAGE_FORMAT, ledger: LEDGER.to_owned(), call };
        self.0.call(message, &site.moment()).expect("an answer").answer
    }

    fn webhook(&self, site: &Site, claim: &Claim, campaign: &Campaign) -> (String, Vec<u8>) {
        let prepared = self.0.prepare(claim).unwrap_or_else(|outcome| panic!("{outcome:?}"));
        let secret = |_: &str| Some(SECRET.to_owned());
        let dispatch = self.0.dispatch(claim, &prepared, Some(campaign), secret, &[], &site.moment());
        let dispatch = dispatch.unwrap_or_else(|outcome| panic!("{outcome:?}"));
        (dispatch.headers[1].1.clone(), dispatch.body)
    }
}

fn posts(site: &Site, count: usize) {
    for n in 0..count {
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
}

fn by_destination(claims: &[Claim]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for claim in claims {
        *counts.entry(claim.destination.as_str()).or_default() += 1;
    }
    counts
}

fn with_destinations(names: &[&str]) -> serde_json::Value {
    let all: Vec<_> = names.iter().map(|name| destination(name, &format!("{URL}{name}"))).collect();
    guide_with(json!({ "destination": all }))
}

fn payloads(site: &Site) -> usize {
    site.rows(LEDGER, "SELECT 1 FROM submission WHERE payload IS NOT NULL").len()
}

#[test]
fn a_receiver_that_hangs_holds_two_connections_and_stalls_no_other() {
    let site = Site::new(&[with_destinations(&["a", "b", "c", "d"])]);
    posts(&site, 5);
    let object = Object::open(&site);
    let claims = object.claim(&site);
    assert_eq!(claims.len(), 6, "the platform's connections");
    assert!(by_destination(&claims).values().all(|count| *count <= 2), "{:?}", by_destination(&claims));
    assert!(object.claim(&site).is_empty());
    let (mut hanging, mut settled, mut open) = (0, 0, claims);
    while let Some(claim) = open.pop() {
        if claim.destination == "a" {
            hanging += 1;
        } else {
            object.settle(&site, &claim, 200);
            settled += 1;
            open.extend(object.claim(&site));
        }
    }
    assert_eq!((hanging, settled), (2, 15), "five people, three destinations");
    assert_eq!(payloads(&site), 5, "kept while any destination waits");
}

#[test]
fn two_destinations_at_one_address_share_its_connections() {
    let both = json!([destination("a", &format!("{URL}x")), destination("b", &format!("{URL}x"))]);
    let site = Site::new(&[guide_with(json!({ "destination": both }))]);
    posts(&site, 3);
    assert_eq!(Object::open(&site).claim(&site).len(), 2);
}

#[test]
fn a_caller_that_never_settles_loses_its_claim_and_its_connection() {
    let site = Site::new(&[with_destinations(&["a"])]);
    posts(&site, 2);
    let object = Object::open(&site);
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
    assert_eq!(site.rows(LEDGER, "SELECT 1 FROM delivery WHERE state = 'delivered'").len(), 1);
    assert_eq!(payloads(&site), 1, "a late failure does not undo what was delivered");
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
    assert_eq!(sent.0, claim.delivery_id);
    after.settle(&site, &claim, 204);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn the_payload_is_kept_while_any_destination_waits_or_is_dead_and_erased_after_the_last() {
    let site = Site::new(&[with_destinations(&["a", "b"])]);
    posts(&site, 1);
    let object = Object::open(&site);
    let mut claims = object.claim(&site);
    claims.sort_by(|left, right| left.destination.cmp(&right.destination));
    object.settle(&site, &claims[0], 200);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("pending", 1)]), 1));
    site.set_clock(site.now_ms() + 5 * MINUTE);
    object.settle_as(&site, &claims[1], &Outcome::DestinationRemoved);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("dead", 1)]), 1));
    let delivery_id = Some(claims[1].delivery_id.clone());
    let replay = Operation { verb: Verb::Replay, delivery_id, ..Operation::default() };
    assert_eq!(object.ask(&site, replay), Answer::Done(1));
    let again = object.claim(&site).remove(0);
    object.settle(&site, &again, 299);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("delivered", 1)]), 0));
}

#[test]
fn a_410_pauses_what_is_in_flight_too_and_enabling_sends_nothing_twice() {
    let site = Site::new(&[with_destinations(&["a"])]);
    posts(&site, 2);
    let object = Object::open(&site);
    let claims = object.claim(&site);
    object.settle(&site, &claims[0], 410);
    assert_eq!(site.rows(LEDGER, "SELECT 1 FROM delivery WHERE state = 'paused'").len(), 2);
    let enable = || Operation {
        verb: Verb::Enable,
        campaign: Some("guide".to_owned()),
        destination: Some("a".to_owned()),
        ..Operation::default()
    };
    assert_eq!(object.ask(&site, enable()), Answer::Done(2));
    let resumed = object.claim(&site);
    assert_eq!(resumed.len(), 1, "the other is on its way");
    assert_eq!(resumed[0].delivery_id, claims[0].delivery_id);
    object.settle(&site, &resumed[0], 410);
    object.settle(&site, &claims[1], 500);
    let states = site.rows(LEDGER, "SELECT DISTINCT state FROM delivery");
    assert_eq!(states, [[json!("paused")]], "a failure does not take it out of the pause");
    assert_eq!(object.ask(&site, enable()), Answer::Done(2));
    for claim in object.claim(&site) {
        object.settle(&site, &claim, 200);
    }
    assert_eq!(site.states(), counts(&[("delivered", 2)]));
}

#[test]
fn a_receiver_that_asks_for_patience_gets_it() {
    let site = Site::new(&[with_destinations(&["a"])]);
    posts(&site, 1);
    let object = Object::open(&site);
    let claim = object.claim(&site).remove(0);
    object.settle_as(&site, &claim, &Outcome::Answered { status: 429, retry_after_s: Some(3_600) });
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

#[test]
fn what_waits_for_a_connection_wakes_nobody_until_one_is_free() {
    let site = Site::new(&[with_destinations(&["a"])]);
    posts(&site, 5);
    let object = Object::open(&site);
    let claims = object.claim(&site);
    assert_eq!(claims.len(), 2);
    assert!(object.0.wake_at_ms() > site.now_ms(), "an alarm that can send nothing costs rows");
    object.settle(&site, &claims[0], 503);
    assert_eq!(object.0.wake_at_ms(), site.now_ms());
    assert_eq!(object.claim(&site).len(), 1);
}
