//! A thousand ledgers on a platform that allows an invocation fifty requests: a walk through them ends before, says
//! where to go on, and adds up to all. The world in memory refuses the fifty-first request.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use leadhook::app::cron::CRON_EVERY_MS;
use leadhook::http::request::Method;
use leadhook::http::response::Response;
use leadhook::testing::world::request;
use pollster::block_on;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const LEDGERS: usize = 1_000;
/// Of the fifty that a free plan allows.
const MAX_REQUESTS: usize = 50;
const ANN: &str = "ann@example.com";

fn id(n: usize) -> String {
    format!("l{n:04}")
}

/// So many campaigns, each with a ledger of its own, and Ann in every hundredth.
fn site(ledgers: usize) -> Site {
    let site = Site::new(&[]);
    for n in 0..ledgers {
        site.republish(&guide_with(json!({ "id": id(n), "ledger": id(n) })));
    }
    for n in (0..ledgers).step_by(100) {
        site.accept(&id(n), "email=ann%40example.com&consent.newsletter=on");
    }
    site
}

fn ask(site: &Site, method: Method, path: &str, body: &Value) -> Response {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let response = site.send(&request(method, &format!("/admin/api/{path}"), "application/json", &text));
    assert!(site.last_requests() <= MAX_REQUESTS, "{path}: {}", site.last_requests());
    response
}

/// Every answer of a walk, each by the cursor of the one before.
fn walk(site: &Site, mut answer: impl FnMut(Option<&str>) -> Response) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let response = answer(after.as_deref());
        assert_eq!(response.status, 200, "{}", text(&response));
        assert!(site.last_requests() > 0);
        all.push(body(&response));
        match all.last().expect("an answer")["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return all,
        }
        assert!(all.len() <= LEDGERS, "it goes on for ever");
    }
}

/// The same of a reading, by its query.
fn read(site: &Site, path: &str) -> Vec<Value> {
    walk(site, |after| {
        let join = if path.contains('?') { '&' } else { '?' };
        let after = after.map(|after| format!("{join}after={after}")).unwrap_or_default();
        ask(site, Method::Get, &format!("{path}{after}"), &Value::Null)
    })
}

fn listed<'a>(answers: &'a [Value], key: &str) -> Vec<&'a Value> {
    answers.iter().flat_map(|answer| answer[key].as_array().expect(key)).collect()
}

/// The names under a key of all entries; none comes twice.
fn names(answers: &[Value], list: &str, key: &str) -> BTreeSet<String> {
    let entries = listed(answers, list);
    let found: BTreeSet<_> = entries.iter().map(|one| one[key].as_str().expect(key).to_owned()).collect();
    assert_eq!(found.len(), entries.len(), "{list}: none comes twice");
    found
}

#[test]
fn what_goes_through_a_thousand_ledgers_ends_within_the_platforms_limit_and_adds_up() {
    let site = site(LEDGERS);
    let all: BTreeSet<_> = (0..LEDGERS).map(id).collect();
    for path in ["counters", "overview"] {
        let answers = read(&site, path);
        assert!(answers.len() > LEDGERS / MAX_REQUESTS, "{path}: {}", answers.len());
        let sum: i64 = answers.iter().map(|answer| answer["accepted"].as_i64().expect("a number")).sum();
        assert_eq!(sum, 10, "{path}");
    }
    assert_eq!(names(&read(&site, "keys"), "ledgers", "ledger"), all);
    assert_eq!(names(&read(&site, "campaigns"), "campaigns", "id"), all);
    for n in [0, 500, 999] {
        let tag = format!("email.k1.{}", "A".repeat(43));
        site.order(&format!("lists/partners?ledger={}", id(n)), &json!({ "add": [tag] }));
    }
    assert_eq!(names(&read(&site, "lists"), "lists", "ledger"), [0, 500, 999].map(id).into());
    assert_eq!(read(&site, "lists?ledger=l0500").len(), 1);
    assert_eq!(names(&read(&site, "deliveries"), "deliveries", "delivery_id").len(), 10);
    assert_eq!(listed(&read(&site, "held"), "held").len(), 0);
    // The newest first in each group of ledgers.
    let entries = read(&site, "audit?limit=2");
    assert_eq!(names(&entries, "entries", "ledger"), [0, 500, 999].map(id).into());
    assert!(entries.iter().all(|page| page["is_part"] == true));
    // The doctor looks at each campaign, and names every ledger.
    site.set_kv_value("campaign/v1/l0777", "no JSON");
    let doctor = read(&site, "doctor");
    assert_eq!(listed(&doctor[..1], "ledgers").len(), LEDGERS);
    let found: Vec<_> = listed(&doctor, "findings").iter().map(|one| one["about"].clone()).collect();
    assert_eq!(found, [json!("l0777")]);
}

#[test]
fn a_person_is_found_and_forgotten_in_every_ledger() {
    let site = site(LEDGERS);
    let person = |after: Option<&str>| json!({ "email": ANN, "phone": "+46701740605", "after": after });
    let held = walk(&site, |after| ask(&site, Method::Post, "access", &person(after)));
    let all: BTreeSet<_> = (0..LEDGERS).map(id).collect();
    assert_eq!(names(&held, "ledgers", "ledger"), all);
    let with = listed(&held, "ledgers").iter().filter(|one| one["leads"] != json!([])).count();
    assert_eq!(with, 10);

    let erased = walk(&site, |after| ask(&site, Method::Post, "erase", &person(after)));
    assert_eq!(names(&erased, "ledgers", "ledger"), all);
    let gone: usize =
        listed(&erased, "ledgers").iter().map(|one| one["leads"].as_array().expect("leads").len()).sum();
    assert_eq!(gone, 10);
    // Each receipt is for the ledgers of its answer.
    for answer in &erased {
        let (payload, _) = site.verified(answer["receipt"].as_str().expect("a receipt"));
        assert_eq!(payload["ledgers"], answer["ledgers"]);
        assert_eq!(payload.get("next"), None);
    }
    let held = walk(&site, |after| ask(&site, Method::Post, "access", &person(after)));
    for ledger in listed(&held, "ledgers") {
        assert_eq!((&ledger["leads"], &ledger["lists"]), (&json!([]), &json!(["suppressed"])));
    }
    for after in [json!("x"), json!(7)] {
        let order = json!({ "email": ANN, "after": after });
        for path in ["access", "erase"] {
            assert_eq!(problems(&ask(&site, Method::Post, path, &order)), ["after invalid_parameter"]);
        }
    }
    // A ledger's own part of the cursor was made up.
    for position in ["x", "1", "a.b", "ÿ"] {
        let order = json!({ "email": ANN, "after": format!("{}.{position}", id(0)) });
        let reply = ask(&site, Method::Post, "access", &order);
        assert_eq!(problems(&reply), ["after invalid_parameter"], "{position}");
    }
}

#[test]
fn what_only_one_ledger_has_is_found_wherever_it_is() {
    let site = site(200);
    let junk = |n: usize| {
        let form =
            "email=cid%40example.com&name=www.spam.example&contact_website=x&consent.newsletter=2026-11";
        site.accept(&id(n), form)
    };
    let aside = [3, 90, 199].map(junk);
    // Looked for without and with the campaign that it is of.
    let path = format!("quarantine/{}", aside[2]);
    let (mut after, mut requests) = (String::new(), 0);
    let found = loop {
        requests += 1;
        let response = ask(&site, Method::Get, &format!("{path}{after}"), &Value::Null);
        if response.status == 200 {
            break body(&response);
        }
        assert_eq!((response.status, &body(&response)["title"]), (404, &json!("Not found yet")));
        after = format!("?after={}", body(&response)["next"].as_str().expect("where to go on"));
    };
    assert_eq!((requests, &found["submission_id"]), (5, &json!(aside[2])));
    assert_eq!(ask(&site, Method::Get, &format!("{path}?campaign=l0199"), &Value::Null).status, 200);
    assert_eq!(ask(&site, Method::Get, &format!("{path}?campaign=l0000"), &Value::Null).status, 404);
    assert_eq!(ask(&site, Method::Get, &format!("{path}?after=x"), &Value::Null).status, 422);
    let response = ask(&site, Method::Get, "quarantine/sub_none?after=l0199.", &Value::Null);
    assert_eq!((response.status, body(&response).get("next")), (404, None), "it is nowhere");

    // Those that are named are acted on wherever they are, and what is nowhere is said at the end.
    let mut left: Vec<_> = aside.iter().cloned().chain(["sub_none".to_owned()]).collect();
    let (mut done, mut not_possible, mut after) = (Vec::new(), Vec::new(), Value::Null);
    loop {
        let order = json!({ "submission_ids": left, "after": after });
        let answer = body(&ask(&site, Method::Post, "quarantine/discard", &order));
        let ids = |key: &str| answer[key].as_array().expect(key).clone();
        done.extend(ids("discarded"));
        not_possible.extend(ids("not_possible"));
        left.retain(|id| !done.contains(&json!(id)) && !not_possible.contains(&json!(id)));
        after = answer["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!((json!(done), json!(not_possible)), (json!(aside), json!(["sub_none"])));
    let parts = read(&site, "counters");
    let discarded = parts.iter().map(|part| part["states"]["discarded"].as_i64().expect("a number"));
    assert_eq!(discarded.sum::<i64>(), 3);
}

#[test]
fn the_cron_wakes_all_in_turn_and_few_each_time() {
    for (ledgers, runs) in [(1, 1), (40, 1), (41, 2), (LEDGERS, 25)] {
        let site = Site::new(&[]);
        for n in 0..ledgers {
            site.republish(&guide_with(json!({ "id": id(n), "ledger": id(n) })));
        }
        assert!(site.ledgers().is_empty(), "nobody has been asked yet");
        for run in 0..runs {
            assert!(site.ledgers().len() < ledgers, "run {run} of {ledgers}");
            assert_eq!(block_on(site.run_cron()), Vec::<Value>::new());
            assert!(site.last_requests() <= MAX_REQUESTS, "{}", site.last_requests());
            site.set_clock(site.now_ms() + CRON_EVERY_MS);
        }
        assert_eq!(site.ledgers().len(), ledgers, "all of them in {runs} runs");
    }
}

#[test]
fn the_cron_runs_as_often_as_the_worker_counts_on() {
    let text = fs::read_to_string("npm/wrangler.jsonc").expect("wrangler.jsonc");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let wrangler: Value = serde_json::from_str(&lines.collect::<Vec<_>>().join("\n")).expect("JSON");
    let minutes = CRON_EVERY_MS / MINUTE;
    assert_eq!(wrangler["triggers"]["crons"], json!([format!("*/{minutes} * * * *")]));
}

#[test]
fn many_dead_letters_are_replayed_some_thousands_at_a_time() {
    let site = Site::new(&[guide()]);
    site.accept("guide", "email=ann%40example.com&consent.newsletter=on");
    site.execute(
        LEDGER,
        "INSERT INTO delivery SELECT 'msg_' || n, format, 'lead_' || n, submission_id, campaign, destination, receiver,
             event, 'dead', due_ms, attempt_count, attempts, reason, created_ms, created_ms, notice, subject, beside
           FROM delivery, (WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 25000)
             SELECT n FROM n)",
    );
    let mut sums = BTreeMap::new();
    let answers = walk(&site, |after| {
        let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
        ask(&site, Method::Post, &format!("deliveries/replay?campaign=guide{after}"), &Value::Null)
    });
    for answer in &answers {
        *sums.entry("replayed").or_insert(0) += answer["replayed"].as_i64().expect("a number");
    }
    assert_eq!((answers.len(), sums["replayed"]), (2, 25_000));
}
