//! The overview of a period: exact numbers, whatever became of the leads since.

use leadhook::http::request::{Method, RawRequest};
use leadhook::settings::admin_tokens::AdminTokens;
use leadhook::testing::world::{KvMode, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

/// The name is worth 10 points.
const ANN: &str = "email=ann%40example.com&name=Ann&consent.newsletter=on";
const BOB: &str = "email=bob%40example.com&consent.newsletter=on";
const STEPS: [&str; 6] = ["received", "valid", "consented", "new", "qualified", "delivered"];

/// A lead without a name is held.
fn choosy(changes: Value) -> Value {
    guide_with(edited(json!({ "qualify": { "forward_at": 10 } }), changes))
}

pub fn overview(site: &Site, query: &str) -> Value {
    site.admin(Method::Get, &format!("overview{query}"))
}

fn funnel(site: &Site, query: &str) -> [i64; 6] {
    let funnel = overview(site, query)["funnel"].clone();
    STEPS.map(|step| funnel[step].as_i64().expect(step))
}

fn counts_of(accepted: i64, new: i64, qualified: i64, delivered: i64) -> Value {
    json!({ "accepted": accepted, "new": new, "qualified": qualified, "delivered": delivered })
}

pub fn of_source(new: i64, qualified: i64, delivered: i64) -> Value {
    json!({ "new": new, "qualified": qualified, "delivered": delivered })
}

/// A post that is quarantined.
fn junk(name: &str) -> String {
    format!("email={name}%40example.com&name=www.spam.example&contact_website=x&consent.newsletter=2026-11")
}

/// Posts of every kind, the id of the one that is quarantined.
fn posts_of_every_kind(site: &Site) -> String {
    // Fresh, once more here, and once where neither isolate nor KV knows it.
    let from_google = format!("{ANN}&utm_source=google");
    site.deliver("guide", &from_google);
    site.accept("guide", &from_google);
    site.new_isolate();
    site.accept("guide", &from_google);
    site.accept("guide", &format!("{ANN}&size=11-50"));
    // Held, and qualified by a later post.
    site.accept("guide", BOB);
    site.pass(HOUR);
    site.deliver("guide", &format!("{BOB}&name=Bob&size=51%2B"));
    let quarantined = site.accept("guide", &junk("cid"));
    site.accept("guide", "email=dan%40example.com&consent.newsletter=on");
    // Refused: for its consent alone, for that and more, and unreadable.
    site.post("guide", "email=eve%40example.com");
    site.post("guide", "email=eve%40example.com&consent.newsletter=2025-01");
    site.post("guide", "email=no&seats=0");
    site.send(&request(Method::Post, "/c/guide", "application/json", "{"));
    site.send(&request(Method::Post, "/c/guide", "text/plain", "email"));
    quarantined
}

#[test]
fn a_period_is_shown_with_exact_numbers() {
    let site = Site::new(&[choosy(json!({}))]);
    let quarantined = posts_of_every_kind(&site);
    let shown = overview(&site, "?campaign=guide&from=2026-11-22T00:00:00Z");
    assert_eq!(
        shown,
        json!({
            "from": "2026-11-22T00:00:00.000Z", "to": "2026-11-22T16:00:00.000Z", "step": "hour", "time_zone": "UTC",
            "funnel": {
                "received": 13, "valid": 10, "consented": 8, "new": 3, "qualified": 2, "delivered": 2,
            },
            "accepted": 6, "repeats": 1, "kv_repeats": 1,
            "states": {
                "pending": 0, "delivered": 2, "dead": 0, "held": 1, "duplicate": 2, "suppressed": 0,
                "quarantined": 1, "unconfirmed": 0, "withdrawn": 0, "discarded": 0, "expired": 0, "erased": 0,
            },
            "refused": { "rejected": 3, "unconsented": 2, "throttled": 0 },
            "timeline": {
                "2026-11-22T14:00:00Z": counts_of(3, 1, 1, 1), "2026-11-22T15:00:00Z": counts_of(3, 2, 1, 1),
            },
            "sources": { "other": of_source(3, 2, 2) },
            "scores": { "bin_points": 5, "bins": { "0": 1, "10": 1, "60": 1 } },
            "rejections": {
                "consent.newsletter": { "consent_required": 2, "wording_outdated": 1 },
                "email": { "invalid_email": 1 },
                "seats": { "too_small": 1 },
            },
            "destinations": [{
                "campaign": "guide", "destination": "crm", "pending": 0, "paused": 0, "delivered": 2, "dead": 0,
                "expired": 0, "withdrawn": 0, "attempts": 2, "failed_attempts": 0, "p50_ms": 0, "p95_ms": 0,
                "oldest_pending_at": null, "last_failure": null,
            }],
            "deliveries_counted": 2, "deliveries_capped": false,
            "thresholds": { "warm": 20, "hot": 60, "mql": 20, "sql": 60, "forward_at": 10 },
        })
    );
    let counters = site.admin(Method::Get, "counters?campaign=guide");
    for key in ["accepted", "repeats", "states"] {
        assert_eq!(shown[key], counters[key], "{key}");
    }
    let fields: Vec<_> = counters["approximate"]["rejections"].as_array().expect("rejections").clone();
    assert!(fields.iter().all(|one| one["field"] != ""), "only problems of fields: {fields:?}");

    // What is released counts where it was accepted.
    site.pass(HOUR);
    site.order("quarantine/release", &json!({ "submission_ids": [quarantined] }));
    site.ring();
    let later = overview(&site, "?campaign=guide");
    assert_eq!(later["timeline"]["2026-11-22T00:00:00Z"], counts_of(6, 4, 3, 3), "by the day");
    assert_eq!((&later["step"], &later["from"]), (&json!("day"), &json!("2026-10-23T17:00:00.000Z")));
    // Nobody's erasure or withdrawal takes back what was reached.
    site.order("erase", &json!({ "email": "ann@example.com" }));
    site.order("erase", &json!({ "email": "bob@example.com" }));
    assert_eq!(funnel(&site, "?campaign=guide"), [13, 10, 8, 4, 3, 3]);
    assert_eq!(overview(&site, "?campaign=guide")["states"]["erased"], 4);
    site.pass(400 * DAY);
    assert_eq!(funnel(&site, "?campaign=guide&from=2026-01-01T00:00:00Z"), [13, 10, 8, 4, 3, 3]);
}

#[test]
fn what_is_confirmed_is_new_when_it_is_judged_and_no_sooner() {
    let site = Site::new(&[confirmed_guide(json!({}))]);
    site.deliver("guide", ANN);
    site.deliver("guide", BOB);
    assert_eq!(funnel(&site, ""), [2, 2, 2, 0, 0, 0]);
    let (_, confirm, _) = site.mails()[0].clone();
    site.click(&confirm);
    site.ring();
    assert_eq!(funnel(&site, ""), [2, 2, 2, 1, 1, 1]);
    site.pass(4 * DAY);
    assert_eq!(funnel(&site, ""), [2, 2, 2, 1, 1, 1], "nobody has confirmed the other one");
    assert_eq!(site.states(), counts(&[("delivered", 1), ("expired", 1)]));
}

#[test]
fn a_replay_and_an_update_deliver_nothing_anew() {
    let crm = || destination("crm", CRM);
    let file = guide_with(json!({ "destination": [crm()], "dedupe": { "on_repeat": "update" } }));
    let site = Site::new(&[file]);
    site.set_receiver(ReceiverMode::Refuses(500));
    site.accept("guide", ANN);
    assert_eq!(funnel(&site, ""), [1, 1, 1, 1, 1, 0]);
    site.pass(7 * DAY);
    let dead = overview(&site, "");
    assert_eq!((&dead["states"]["dead"], &dead["destinations"][0]["dead"]), (&json!(1), &json!(1)));
    assert_eq!(dead["destinations"][0]["last_failure"], "status 500");
    let tries = dead["destinations"][0]["attempts"].as_i64().expect("a number");
    assert!(tries > 3 && dead["destinations"][0]["failed_attempts"] == tries);
    site.set_receiver(ReceiverMode::Up);
    site.admin(Method::Post, "deliveries/replay?campaign=guide");
    site.ring();
    assert_eq!(funnel(&site, ""), [1, 1, 1, 1, 1, 1]);
    // The destination hears of the next post, which is nobody new.
    site.deliver("guide", &format!("{ANN}&size=11-50"));
    assert_eq!(site.states(), counts(&[("delivered", 2)]));
    assert_eq!(funnel(&site, ""), [2, 2, 2, 1, 1, 1]);
    // Nor does the very same post after a withdrawal, whose row it takes.
    site.click(&site.withdraw_url("newsletter"));
    site.ring();
    site.set_kv(KvMode::Empty);
    site.deliver("guide", ANN);
    assert_eq!(funnel(&site, "")[3..], [1, 1, 1]);
    site.adds_up(LEDGER);
}

#[test]
fn of_several_destinations_the_last_one_delivers() {
    let site = Site::new(&[two_receivers(json!({}))]);
    site.set_receiver(ReceiverMode::Down);
    site.accept("guide", &format!("{ANN}&consent.call=on"));
    site.ring();
    assert_eq!(funnel(&site, "")[3..], [1, 1, 0]);
    site.set_receiver(ReceiverMode::Up);
    site.pass(HOUR);
    assert_eq!(funnel(&site, "")[3..], [1, 1, 1]);
    let destinations = overview(&site, "")["destinations"].clone();
    let names: Vec<_> =
        destinations.as_array().expect("destinations").iter().map(|d| &d["destination"]).collect();
    assert_eq!(names, ["calls", "crm"]);
}

#[test]
fn a_held_lead_is_new_once_and_qualifies_once() {
    let site = Site::new(&[choosy(json!({ "score": [
        { "rule": "name", "points": 4, "when": { "field": "name", "present": true } },
        { "rule": "size", "points": 7, "when": { "field": "size", "present": true } },
    ] }))]);
    site.accept("guide", BOB);
    site.accept("guide", &format!("{BOB}&name=Bob"));
    assert_eq!(funnel(&site, "")[3..], [1, 0, 0], "merged, and still held");
    site.deliver("guide", &format!("{BOB}&size=51%2B"));
    assert_eq!(funnel(&site, "")[3..], [1, 1, 1]);
    assert_eq!(site.states(), counts(&[("delivered", 1), ("duplicate", 2)]));
    assert_eq!(overview(&site, "")["scores"]["bins"], json!({ "10": 1 }), "by all that it told");
    site.adds_up(LEDGER);
}

#[test]
fn in_every_hour_and_source_a_step_is_a_part_of_the_one_before() {
    let site = Site::new(&[choosy(json!({}))]);
    site.accept("guide", &format!("{BOB}&utm_source=google"));
    site.pass(HOUR);
    site.deliver("guide", &format!("{BOB}&name=Bob&utm_source=partner"));
    let shown = overview(&site, "?from=2026-11-22T00:00:00Z");
    let expected = json!({
        "2026-11-22T14:00:00Z": counts_of(1, 0, 0, 0), "2026-11-22T15:00:00Z": counts_of(1, 1, 1, 1),
    });
    assert_eq!(shown["timeline"], expected);
    let by_source = "SELECT source, fresh, qualified, arrived FROM counter ORDER BY source";
    let expected = [json!(["google", 0, 0, 0]), json!(["partner", 1, 1, 1])];
    assert_eq!(json!(site.rows(LEDGER, by_source)), json!(expected));
    assert_eq!(shown["scores"]["bins"], json!({ "10": 1 }));
    let before = overview(&site, "?from=2026-11-22T00:00:00Z&to=2026-11-22T15:00:00Z");
    let steps = STEPS.map(|step| before["funnel"][step].clone());
    assert_eq!((steps, &before["states"]["duplicate"]), ([1, 1, 1, 0, 0, 0].map(Value::from), &json!(1)));
    site.adds_up(LEDGER);
}

#[test]
fn what_one_destination_never_got_is_not_delivered() {
    let site = Site::new(&[two_receivers(json!({}))]);
    site.set_receiver(ReceiverMode::Down);
    site.accept("guide", &format!("{ANN}&consent.call=on"));
    site.ring();
    site.republish(&guide());
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    assert_eq!(site.states(), counts(&[("dead", 1)]), "one destination has it, the other one is gone");
    site.pass(60 * DAY);
    assert_eq!(funnel(&site, "?from=2026-11-01T00:00:00Z")[3..], [1, 1, 0]);
    site.adds_up(LEDGER);
}

#[test]
fn what_waits_for_an_operator_is_shown_whatever_the_period() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "other" }))]);
    site.set_receiver(ReceiverMode::Refuses(500));
    site.accept("guide", ANN);
    site.pass(7 * DAY);
    let since = "?from=2026-11-28T00:00:00Z";
    let later = overview(&site, since);
    let (counted, destinations) = (&later["deliveries_counted"], later["destinations"].clone());
    assert_eq!((counted, destinations.as_array().map(Vec::len)), (&json!(0), Some(1)));
    assert_eq!((&destinations[0]["dead"], &destinations[0]["delivered"]), (&json!(1), &json!(0)));
    assert_eq!(overview(&site, &format!("{since}&campaign=other"))["destinations"], json!([]));
    site.set_receiver(ReceiverMode::Refuses(410));
    site.accept("other", BOB);
    site.ring();
    let paused = overview(&site, "?campaign=other")["destinations"].clone();
    assert_eq!((&paused[0]["paused"], &paused[0]["dead"]), (&json!(1), &json!(0)));
}

#[test]
fn a_person_who_is_known_elsewhere_is_new_in_each_campaign() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "other" }))]);
    site.deliver("guide", ANN);
    site.deliver("other", ANN);
    for campaign in ["guide", "other"] {
        assert_eq!(funnel(&site, &format!("?campaign={campaign}")), [1; 6]);
    }
    assert_eq!(funnel(&site, ""), [2; 6]);
}

#[test]
fn ledgers_are_added_up() {
    let other = guide_with(json!({ "id": "other", "ledger": "other-ab" }));
    let site = Site::new(&[guide(), other]);
    for (campaign, name) in [("guide", "Ann"), ("guide", "Bob"), ("other", "Ann")] {
        site.deliver(campaign, &format!("email={name}%40example.com&name={name}&consent.newsletter=on"));
        site.post(campaign, "email=no&consent.newsletter=on");
    }
    let all = overview(&site, "");
    assert_eq!(funnel(&site, ""), [6, 3, 3, 3, 3, 3]);
    assert_eq!(all["timeline"], json!({ "2026-11-22T00:00:00Z": counts_of(3, 3, 3, 3) }));
    assert_eq!(all["sources"], json!({ "other": of_source(3, 3, 3) }));
    assert_eq!(all["scores"]["bins"], json!({ "10": 3 }));
    assert_eq!(all["rejections"], json!({ "email": { "invalid_email": 3 } }));
    assert_eq!((&all["thresholds"], &all["deliveries_counted"]), (&Value::Null, &json!(3)));
    let campaigns: Vec<_> =
        all["destinations"].as_array().expect("destinations").iter().map(|one| &one["campaign"]).collect();
    assert_eq!(campaigns, ["guide", "other"]);
    assert_eq!(funnel(&site, "?campaign=other"), [2, 1, 1, 1, 1, 1]);
}

#[test]
fn a_period_begins_and_ends_as_it_says() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", ANN);
    site.pass(2 * HOUR);
    site.deliver("guide", BOB);
    for (query, delivered, step) in [
        ("?from=2026-11-22T14:00:00Z&to=2026-11-22T15:00:00Z", 1, "hour"),
        ("?from=2026-11-22T15:00:00Z", 1, "hour"),
        ("?from=2026-11-22T16:00:00%2B01:00&to=2026-11-22T16:00:00Z", 0, "hour"),
        ("?from=2026-11-19T00:00:00Z&to=2026-11-22T00:00:00Z", 0, "hour"),
        ("?from=2026-11-19T00:00:00Z&to=2026-11-23T00:00:00Z", 2, "day"),
        ("?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", 2, "day"),
        ("?from=2026-11-23T00:00:00Z&to=2026-11-22T00:00:00Z", 0, "hour"),
    ] {
        let shown = overview(&site, query);
        assert_eq!(shown["funnel"]["delivered"], delivered, "{query}");
        assert_eq!(
            (&shown["deliveries_counted"], &shown["step"]),
            (&json!(delivered), &json!(step)),
            "{query}"
        );
    }
    for (path, status) in
        [("overview?from=yesterday", 422), ("overview?to=x", 422), ("overview?campaign=nobody", 404)]
    {
        assert_eq!(site.send(&request(Method::Get, &format!("/admin/api/{path}"), "", "")).status, status);
    }
}

#[test]
fn where_nothing_has_come_every_number_is_zero() {
    let site = Site::new(&[guide()]);
    for query in ["", "?campaign=guide"] {
        let shown = overview(&site, query);
        assert_eq!(funnel(&site, query), [0; 6]);
        assert_eq!((&shown["timeline"], &shown["destinations"]), (&json!({}), &json!([])));
        assert_eq!(shown["states"].as_object().map(serde_json::Map::len), Some(12));
    }
}

#[test]
fn scores_lie_in_bins_and_the_outermost_take_the_rest() {
    let rules = json!([
        { "rule": "large", "points": 1000, "when": { "field": "size", "is": "51+" } },
        { "rule": "small", "points": -1000, "when": { "field": "size", "is": "1-10" } },
        { "rule": "name", "points": -1, "when": { "field": "name", "present": true } },
        { "rule": "remote", "points": 9, "when": { "field": "remote", "is": true } },
    ]);
    let site = Site::new(&[guide_with(json!({ "score": rules }))]);
    for (n, answers) in ["size=51%2B", "size=1-10", "name=Ann", "remote=true", "seats=5"].iter().enumerate() {
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on&{answers}"));
    }
    let bins = json!({ "200": 1, "-100": 1, "-5": 1, "5": 1, "0": 1 });
    assert_eq!(overview(&site, "")["scores"]["bins"], bins);
}

#[test]
fn destinations_show_how_long_they_took_and_what_waits() {
    let site = Site::new(&[guide()]);
    // Twenty that took a moment, and one in twenty that took long.
    for n in 0..19 {
        site.deliver("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    let waiting = overview(&site, "")["destinations"][0].clone();
    assert_eq!(
        (&waiting["pending"], &waiting["oldest_pending_at"]),
        (&json!(1), &json!("2026-11-22T14:00:00.000Z"))
    );
    assert_eq!((&waiting["last_failure"], &waiting["failed_attempts"]), (&json!("unreachable"), &json!(1)));
    site.set_receiver(ReceiverMode::Up);
    site.pass(HOUR);
    let shown = overview(&site, "")["destinations"][0].clone();
    let took = site.rows(LEDGER, "SELECT max(settled_ms - created_ms) FROM delivery")[0][0].clone();
    assert!(took.as_i64() > Some(0));
    assert_eq!((&shown["p50_ms"], &shown["p95_ms"]), (&json!(0), &json!(0)), "the 19th of 20");
    assert_eq!(
        (&shown["delivered"], &shown["attempts"], &shown["failed_attempts"]),
        (&json!(20), &json!(21), &json!(1))
    );
    site.execute(LEDGER, "DELETE FROM delivery WHERE delivery_id = (SELECT min(delivery_id) FROM delivery)");
    assert_eq!(overview(&site, "")["destinations"][0]["p95_ms"], took, "the 19th of 19");
    site.set_receiver(ReceiverMode::Refuses(410));
    site.deliver("guide", BOB);
    let paused = overview(&site, "")["destinations"][0].clone();
    assert_eq!((&paused["paused"], &paused["last_failure"]), (&json!(1), &json!("status 410")));
}

fn choosy_as(id: &str, changes: Value) -> Value {
    edited(choosy(json!({ "id": id })), changes)
}

/// A site that holds a lead for each reason, and one by somebody else.
fn holding_for_each_reason() -> Site {
    let calls = destination_with("calls", CALLS, json!({ "needs": ["call"] }));
    let far = destination_with("far", CRM, json!({ "when": { "about": "country", "is": "US" } }));
    let large = destination_with("large", CRM, json!({ "forward_at": 50 }));
    let site = Site::new(&[
        choosy_as("guide", json!({})),
        choosy_as("calls", json!({ "destination": [calls], "qualify": null })),
        choosy_as("far", json!({ "destination": [far], "qualify": null })),
        choosy_as("large", json!({ "destination": [large], "ledger": "other-ab", "qualify": null })),
    ]);
    for campaign in ["guide", "calls", "far", "large"] {
        site.accept(campaign, BOB);
        site.pass(MINUTE);
    }
    site.accept("far", "email=cid%40example.com&name=Cid&consent.newsletter=on");
    site
}

#[test]
fn what_is_held_is_listed_with_its_score_and_why_and_never_of_whom() {
    let site = holding_for_each_reason();
    let page = site.admin(Method::Get, "held");
    let held = page["held"].as_array().expect("held");
    let why = |one: &Value| {
        format!("{} {}", one["campaign"].as_str().expect("an id"), one["because"].as_str().expect("why"))
    };
    let mut all: Vec<_> = held.iter().map(why).collect();
    all.sort();
    assert_eq!(
        all,
        [
            "calls consent_missing",
            "far no_destination_wants_it",
            "far no_destination_wants_it",
            "guide below_forward_at",
            "large below_forward_at_of_destination",
        ]
    );
    let guide = held.iter().find(|one| one["campaign"] == "guide").expect("the guide's");
    let score = json!({ "total": 0, "temperature": "cold", "stage": "lead", "reasons": [] });
    assert_eq!((&guide["score"], &guide["forward_at"]), (&score, &json!(10)));
    assert_eq!(guide["held_since"], "2026-11-22T14:00:00.000Z");
    assert!(guide["until"].as_str() > Some("2026-11-23"));
    let reasons = json!([{ "rule": "gave a name", "points": 10, "because": "name was given" }]);
    let cid = held.iter().find(|one| one["score"]["total"] == 10).expect("who gave a name");
    assert_eq!(cid["score"]["reasons"], reasons);
    for told in ["bob", "cid", "example.com", "Cid"] {
        assert!(!page.to_string().contains(told), "{told}");
    }
    assert_eq!(page["next"], Value::Null);
    // In pages, over the ledgers.
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = site.admin(Method::Get, &format!("held?limit=2{cursor}"));
        ids.extend(page["held"].as_array().expect("held").iter().map(|one| one["submission_id"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&after={next}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    assert_eq!(site.admin(Method::Get, "held?campaign=far")["held"].as_array().map(Vec::len), Some(2));
    for query in ["limit=0", "limit=x", "after=x"] {
        let path = format!("/admin/api/held?{query}");
        assert_eq!(site.send(&request(Method::Get, &path, "", "")).status, 422, "{query}");
    }
    // The rules have changed since, and what no living key opens tells nothing.
    site.republish(&choosy_as("guide", json!({ "qualify": null })));
    site.accept("guide", ANN);
    let one = site.admin(Method::Get, "held?campaign=guide")["held"][0].clone();
    assert_eq!((&one["because"], &one["forward_at"]), (&json!("would_be_forwarded"), &Value::Null));
    site.execute(
        LEDGER,
        "UPDATE submission SET payload = '2.k0.AAAA' WHERE campaign = 'guide' AND state = 'held'",
    );
    let one = site.admin(Method::Get, "held?campaign=guide")["held"][0].clone();
    assert_eq!((&one["because"], &one["score"]), (&json!("unreadable"), &Value::Null));
}

#[test]
fn a_token_is_told_whose_it_is() {
    let mut site = Site::new(&[guide()]);
    let both = "rita:read+operate:reader-0123456789-abcdefg";
    site.set_settings(|settings| settings.admin = AdminTokens::sole("admin").and(both).expect("tokens"));
    for (token, name, scopes) in [
        ("admin", "admin", vec!["read", "operate", "publish", "erase"]),
        ("reader-0123456789-abcdefg", "rita", vec!["read", "operate"]),
    ] {
        let plain = request(Method::Get, "/admin/api/whoami", "", "");
        let response = site.send(&RawRequest { authorization: Some(format!("Bearer {token}")), ..plain });
        assert_eq!(body(&response), json!({ "name": name, "scopes": scopes }));
    }
}
