//! The outbox as an alarm drives it: several attempts at once, and objects that stop in between.
#![cfg(feature = "host")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use common::*;
use leadhook::app::ports::Ports as _;
use leadhook::campaign::Campaign;
use leadhook::ledger::api::{Enable, Replay, Request};
use leadhook::ledger::wire::{Answer, Call, MESSAGE_FORMAT, Message};
use leadhook::ledger::{Attempt, Claim, Ledger};
use leadhook::pipeline::webhook::Outcome;
use leadhook::testing::world::{SECRET, SqliteStore};
use serde_json::json;

const LEDGER: &str = "example-ab";
const URL: &str = "https://crm.example.com/";

/// A second look at the site's ledger: an object of its own over the same database.
struct Object(Ledger<SqliteStore>);

impl Object {
    fn open(site: &Site) -> Self {
        // What the site's own object would send at once has its entry then.
        site.evict();
        pollster::block_on(site.ask(LEDGER, &Call::Wake)).expect("an answer");
        let store = SqliteStore::new(site.database(LEDGER).expect("a database"));
        let opened = Ledger::open(store, LEDGER, site.settings(), site.now_ms());
        Self(opened.expect("a ledger"))
    }

    fn claim(&self, site: &Site) -> Vec<Claim> {
        self.0.claim(&site.moment()).expect("claims")
    }

    fn settle(&self, site: &Site, claim: &Claim, status: u16) {
        self.settle_as(site, claim, &Outcome::Responded { status, retry_after_s: None });
    }

    fn settle_as(&self, site: &Site, claim: &Claim, outcome: &Outcome) {
        self.settle_after(site, claim, outcome, 1);
    }

    fn settle_after(&self, site: &Site, claim: &Claim, outcome: &Outcome, took_ms: i64) {
        let events = self.0.settle(&[Attempt { claim, outcome, took_ms }], &site.moment());
        assert!(events.len() == 1 && events[0].is_ok(), "settled");
    }

    /// Learns what is due: what the site accepts reaches another object over the same database.
    fn look_again(&self, site: &Site) {
        site.evict();
        pollster::block_on(site.ask(LEDGER, &Call::Wake)).expect("an answer");
        let enable = Enable { campaign: "guide".to_owned(), destination: "none".to_owned() };
        assert_eq!(self.ask(site, enable), Answer::Done(0));
    }

    /// Its origins answer whatever waits.
    fn answer_all(&self, site: &Site) {
        loop {
            let claims = self.claim(site);
            if claims.is_empty() {
                return;
            }
            for claim in claims {
                self.settle(site, &claim, 200);
            }
        }
    }

    /// What is claimed is not answered for as long as an attempt may take.
    fn hang(&self, site: &Site, claims: Vec<Claim>) {
        site.set_clock(site.now_ms() + 15_000);
        for claim in claims {
            self.settle_after(site, &claim, &Outcome::TimedOut, 15_000);
        }
    }

    fn ask(&self, site: &Site, request: impl Request) -> Answer {
        let call = request.into_call(None);
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

/// Destinations that are an origin each.
fn with_origins(names: &[&str]) -> serde_json::Value {
    let url = |name: &str| format!("https://{name}.example.com/hooks");
    let all: Vec<_> = names.iter().map(|name| destination(name, &url(name))).collect();
    guide_with(json!({ "destination": all }))
}

/// A campaign for each of these origins.
fn campaigns_of(names: &[&str]) -> Vec<serde_json::Value> {
    let one = |name: &&str| {
        let to = destination(name, &format!("https://{name}.example.com/hooks"));
        guide_with(json!({ "id": name, "destination": [to] }))
    };
    names.iter().map(one).collect()
}

/// Somebody new, a moment later.
fn post(site: &Site, campaign: &str) {
    site.set_clock(site.now_ms() + 1);
    let random = u64::from_be_bytes(site.moment().random::<8>("person", 0));
    site.accept(campaign, &format!("email=p{random}%40example.com&consent.newsletter=on"));
}

/// Somebody else's lead has shown that the receiver answers, and two wait for it.
fn with_two_waiting() -> (Site, Object) {
    let other = guide_with(json!({ "id": "other", "destination": [destination("o", &format!("{URL}o"))] }));
    let site = Site::new(&[with_destinations(&["a"]), other]);
    let object = Object::open(&site);
    post(&site, "other");
    object.look_again(&site);
    object.answer_all(&site);
    posts(&site, 2);
    object.look_again(&site);
    (site, object)
}

fn delivered(site: &Site) -> usize {
    site.rows(LEDGER, "SELECT 1 FROM delivery WHERE state = 'delivered' AND campaign = 'guide'").len()
}

fn names(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.destination.as_str()).collect()
}

fn payloads(site: &Site) -> usize {
    site.rows(LEDGER, "SELECT 1 FROM submission WHERE payload IS NOT NULL").len()
}

#[test]
fn origins_that_answer_have_two_connections_each_and_one_that_hangs_stalls_no_other() {
    let site = Site::new(&[with_origins(&["a", "b", "c", "d"])]);
    posts(&site, 1);
    let object = Object::open(&site);
    object.answer_all(&site);
    (1..=5).for_each(|_| post(&site, "guide"));
    object.look_again(&site);
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
fn addresses_at_one_origin_share_its_connections() {
    let urls =
        [format!("{URL}x"), format!("{URL}x"), format!("{URL}y?z"), "HTTPS://CRM.example.com:443/w".into()];
    let all: Vec<_> = urls.iter().enumerate().map(|(n, url)| destination(&format!("d{n}"), url)).collect();
    let site = Site::new(&[guide_with(json!({ "destination": all }))]);
    posts(&site, 3);
    let object = Object::open(&site);
    let claims = object.claim(&site);
    assert_eq!(claims.len(), 1, "it has not answered yet");
    object.settle(&site, &claims[0], 503);
    let claims = object.claim(&site);
    assert_eq!(claims.len(), 2, "it answers");
    assert!(object.claim(&site).is_empty());
    object.settle_after(&site, &claims[0], &Outcome::TimedOut, 15_000);
    assert!(object.claim(&site).is_empty(), "it has one, which is taken");
    object.settle_after(&site, &claims[1], &Outcome::TimedOut, 15_000);
    assert_eq!(object.claim(&site).len(), 1);
}

#[test]
fn hanging_origins_hold_up_nobody_however_many() {
    for count in [3, 10] {
        let hanging: Vec<String> = (0..count).map(|n| format!("h{n}")).collect();
        let mut all: Vec<&str> = hanging.iter().map(String::as_str).collect();
        all.push("ok");
        let site = Site::new(&campaigns_of(&all));
        let object = Object::open(&site);
        for name in &hanging {
            (0..30).for_each(|_| post(&site, name));
        }
        post(&site, "ok");
        object.look_again(&site);
        let begun_ms = site.now_ms();
        while site.rows(LEDGER, "SELECT 1 FROM delivery WHERE state = 'delivered'").is_empty() {
            let (well, hangs): (Vec<_>, Vec<_>) =
                object.claim(&site).into_iter().partition(|claim| claim.campaign == "ok");
            assert!(hangs.len() <= 3, "half of all");
            well.iter().for_each(|claim| object.settle(&site, claim, 200));
            object.hang(&site, hangs);
        }
        assert!(site.now_ms() - begun_ms <= 15_000 * i64::from(count), "{count}: when it was known");
        let mut in_flight: Vec<(i64, Claim)> = Vec::new();
        for second in 0..120 {
            site.set_clock(site.now_ms() + 1_000);
            post(&site, "ok");
            post(&site, &hanging[second % hanging.len()]);
            object.look_again(&site);
            for claim in object.claim(&site) {
                if claim.campaign == "ok" {
                    object.settle(&site, &claim, 200);
                } else {
                    in_flight.push((site.now_ms() + 15_000, claim));
                }
            }
            assert!(in_flight.len() <= 3, "half of all");
            let (done, rest): (Vec<_>, Vec<_>) =
                in_flight.into_iter().partition(|(until_ms, _)| *until_ms <= site.now_ms());
            in_flight = rest;
            for (_, claim) in done {
                object.settle_after(&site, &claim, &Outcome::TimedOut, 15_000);
            }
            let late =
                site.rows(LEDGER, "SELECT 1 FROM delivery WHERE campaign = 'ok' AND state = 'pending'");
            assert!(late.is_empty(), "{count} hang: none of the healthy one's waits, second {second}");
        }
        let tried = "SELECT DISTINCT campaign FROM delivery WHERE attempt_count > 0 AND campaign <> 'ok'";
        assert_eq!(site.rows(LEDGER, tried).len(), hanging.len(), "each of those that hang has its turns");
    }
}

#[test]
fn those_that_answer_go_first_then_those_that_are_not_known_and_those_that_hang_last() {
    let site = Site::new(&campaigns_of(&["hangs", "fails", "new", "answers"]));
    let object = Object::open(&site);
    for name in ["hangs", "fails", "answers"] {
        post(&site, name);
    }
    object.look_again(&site);
    for claim in object.claim(&site) {
        match claim.campaign.as_str() {
            "hangs" => object.settle_after(&site, &claim, &Outcome::TimedOut, 15_000),
            "fails" => object.settle(&site, &claim, 500),
            _ => object.settle(&site, &claim, 200),
        }
    }
    for name in ["hangs", "new", "answers", "fails"] {
        site.set_clock(site.now_ms() + 10_000);
        (0..3).for_each(|_| post(&site, name));
    }
    object.look_again(&site);
    // The one that fails has waited longer: what it did not take is due again.
    assert_eq!(names(&object.claim(&site)), ["fails", "answers", "fails", "answers", "new", "hangs"]);
}

#[test]
fn a_new_origin_finds_a_place_among_those_that_hang() {
    let hanging = ["h0", "h1", "h2", "h3", "h4"];
    let site = Site::new(&campaigns_of(&[&hanging[..], &["new"]].concat()));
    let object = Object::open(&site);
    for name in hanging {
        (0..9).for_each(|_| post(&site, name));
    }
    object.look_again(&site);
    for _ in 0..2 {
        object.hang(&site, object.claim(&site));
    }
    assert_eq!(object.claim(&site).len(), 2, "one of the half is left to who is not known");
    post(&site, "new");
    object.look_again(&site);
    let claims = object.claim(&site);
    assert_eq!(names(&claims), ["new"]);
    assert!(claims[0].timeout_ms < 15_000, "the next that is not known waits");

    // An object that starts again knows from the rows who hangs.
    let object = Object::open(&site);
    let claims = object.claim(&site);
    assert_eq!(names(&claims)[0], "new");
    assert_eq!(claims.len(), 3);
    assert!(claims.iter().all(|claim| claim.timeout_ms == 15_000), "nobody hangs as yet");
}

#[test]
fn who_is_slow_but_answers_leaves_connections_to_those_that_answer_at_once() {
    let slow = ["s0", "s1", "s2", "s3"];
    let all = [&slow[..], &["ok"]].concat();
    let site = Site::new(&campaigns_of(&all));
    let object = Object::open(&site);
    for name in &all {
        post(&site, name);
    }
    object.look_again(&site);
    for _ in 0..2 {
        for claim in object.claim(&site) {
            let took_ms = if claim.campaign == "ok" { 100 } else { 9_000 };
            object.settle_after(
                &site,
                &claim,
                &Outcome::Responded { status: 200, retry_after_s: None },
                took_ms,
            );
        }
    }
    for name in &all {
        (0..9).for_each(|_| post(&site, name));
    }
    object.look_again(&site);
    assert_eq!(names(&object.claim(&site)), ["ok", "ok", "s0", "s1"]);
}

#[test]
fn one_that_begins_to_hang_gets_no_second_connection() {
    let site = Site::new(&campaigns_of(&["a", "b", "c"]));
    let object = Object::open(&site);
    for round in 0..2 {
        for name in ["a", "b", "c"] {
            post(&site, name);
        }
        object.look_again(&site);
        if round == 0 {
            object.answer_all(&site);
        }
    }
    assert_eq!(object.claim(&site).len(), 3);
    site.set_clock(site.now_ms() + 1_000);
    for name in ["a", "b", "c"] {
        post(&site, name);
    }
    object.look_again(&site);
    assert!(object.claim(&site).is_empty());
    assert!(object.0.wake_at_ms() > site.now_ms(), "an alarm that can send nothing costs rows");
}

#[test]
fn those_that_answer_leave_the_last_connection_to_others_that_wait() {
    let well = ["a", "b", "c"];
    let site = Site::new(&campaigns_of(&[&well[..], &["new"]].concat()));
    let object = Object::open(&site);
    well.iter().for_each(|name| post(&site, name));
    object.look_again(&site);
    object.answer_all(&site);
    for name in well {
        (0..9).for_each(|_| post(&site, name));
    }
    post(&site, "new");
    object.look_again(&site);
    assert_eq!(names(&object.claim(&site)), ["a", "b", "c", "a", "b", "new"]);
}

#[test]
fn a_fresh_lead_does_not_wait_for_what_has_piled_up_elsewhere() {
    let site = Site::new(&campaigns_of(&["piled", "fresh"]));
    let object = Object::open(&site);
    ["piled", "fresh"].iter().for_each(|name| post(&site, name));
    object.look_again(&site);
    object.answer_all(&site);
    (0..40).for_each(|_| post(&site, "piled"));
    for _ in 0..3 {
        object.look_again(&site);
        site.set_clock(site.now_ms() + 1_000);
        post(&site, "fresh");
        site.set_clock(site.now_ms() + 1_000);
        object.look_again(&site);
        let claims = object.claim(&site);
        assert_eq!(names(&claims).iter().filter(|name| **name == "fresh").count(), 1);
        claims.iter().for_each(|claim| object.settle(&site, claim, 200));
    }
}

#[test]
fn one_attempt_in_vain_makes_nobody_that_answers_wait_behind_those_that_hang() {
    let all = ["h0", "h1", "ok"];
    let site = Site::new(&campaigns_of(&all));
    let object = Object::open(&site);
    post(&site, "ok");
    object.look_again(&site);
    object.answer_all(&site);
    for name in all {
        (0..9).for_each(|_| post(&site, name));
    }
    object.look_again(&site);
    let claims = object.claim(&site);
    assert_eq!(names(&claims), ["ok", "ok", "h0", "h1"]);
    object.hang(&site, claims);
    let claims = object.claim(&site);
    assert_eq!(names(&claims), ["ok", "h0"]);
    object.settle_after(&site, &claims[0], &Outcome::Unreachable, 3);
    assert_eq!(names(&object.claim(&site))[0], "ok", "a connection that breaks at once keeps nobody waiting");
}

#[test]
fn what_an_older_version_has_written_is_an_origin_by_itself() {
    let site = Site::new(&[with_destinations(&["a", "b"])]);
    posts(&site, 2);
    site.execute(LEDGER, "UPDATE delivery SET receiver = substr(receiver, 18)");
    let object = Object::open(&site);
    let claims = object.claim(&site);
    assert_eq!(names(&claims).len(), 2);
    claims.iter().for_each(|claim| object.settle(&site, claim, 200));
    object.answer_all(&site);
    assert_eq!(site.states(), counts(&[("delivered", 2)]));
}

#[test]
fn a_clock_that_was_ahead_lets_nobody_wait() {
    let site = Site::new(&campaigns_of(&["a"]));
    let object = Object::open(&site);
    let now_ms = site.now_ms();
    post(&site, "a");
    site.set_clock(now_ms + 3 * DAY);
    object.look_again(&site);
    object.answer_all(&site);
    site.set_clock(now_ms);
    post(&site, "a");
    object.look_again(&site);
    assert_eq!(object.claim(&site).len(), 1);
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
    assert_eq!(object.ask(&site, replay), Answer::Done(1));
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
    assert_eq!(object.ask(&site, enable()), Answer::Done(2));
    let resumed = object.claim(&site);
    assert_eq!(resumed.len(), 1, "the other is on its way");
    assert_eq!(resumed[0].delivery_id, claims[0].delivery_id);
    object.settle(&site, &resumed[0], 410);
    object.settle(&site, &claims[1], 500);
    let states = site.rows(LEDGER, "SELECT DISTINCT state FROM delivery WHERE campaign = 'guide'");
    assert_eq!(states, [[json!("paused")]], "a failure does not take it out of the pause");
    assert_eq!(object.ask(&site, enable()), Answer::Done(2));
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

#[test]
fn what_waits_for_a_connection_wakes_nobody_until_one_is_free() {
    let (site, object) = with_two_waiting();
    (0..3).for_each(|_| post(&site, "guide"));
    object.look_again(&site);
    let claims = object.claim(&site);
    assert_eq!(claims.len(), 2);
    assert!(object.0.wake_at_ms() > site.now_ms(), "an alarm that can send nothing costs rows");
    object.settle(&site, &claims[0], 503);
    assert_eq!(object.0.wake_at_ms(), site.now_ms());
    assert_eq!(object.claim(&site).len(), 1);
}
