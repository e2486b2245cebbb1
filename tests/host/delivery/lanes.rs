//! The lanes of the outbox: connections shared fairly between receivers, however one of them hangs.

use std::collections::BTreeMap;

use leadhook::ledger::Claim;
use leadhook::pipeline::webhook::Outcome;
use serde_json::json;

use super::second_object::*;
use crate::support::*;

fn by_destination(claims: &[Claim]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for claim in claims {
        *counts.entry(claim.destination.as_str()).or_default() += 1;
    }
    counts
}

fn names(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.destination.as_str()).collect()
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
