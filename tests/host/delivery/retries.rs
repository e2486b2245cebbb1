//! Retries, dead letters, 410 and corrections, up to the last confirmation; and the erasure after it.

use leadhook::base::time::parse_rfc3339;
use leadhook::http::request::Method;
use leadhook::ledger::MAX_REPLAYED;
use leadhook::testing::world::{KvMode, ReceiverMode, START_MS, request};
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on";
const BOB: &str = "email=bob%40example.com&consent.newsletter=on";
const OTHER: &str = "https://other.example.com/leads";
/// Waits before the ten attempts (Standard Webhooks), in seconds.
const WAITS_S: [i64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

fn only_delivery(site: &Site) -> Value {
    let page = site.admin(Method::Get, "deliveries");
    let all = page["deliveries"].as_array().expect("deliveries").clone();
    assert_eq!(all.len(), 1);
    let id = all[0]["delivery_id"].as_str().expect("an id");
    site.admin(Method::Get, &format!("deliveries/{id}"))
}

fn replay(site: &Site, id: &Value) -> u16 {
    let path = format!("/admin/api/deliveries/{}/replay", id.as_str().expect("an id"));
    site.send(&request(Method::Post, &path, "", "")).status
}

/// Every column that holds something of a person until it is confirmed.
fn payloads(site: &Site) -> usize {
    site.rows("example-ab", "SELECT 1 FROM submission WHERE payload IS NOT NULL").len()
}

fn people(site: &Site) -> (usize, usize, usize) {
    let count = |table: &str| site.rows("example-ab", &format!("SELECT 1 FROM {table}")).len();
    (count("submission"), count("fingerprint"), count("delivery"))
}

#[test]
fn ten_attempts_follow_the_schedule_with_the_same_id_and_body_and_then_it_is_dead() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::LosesAnswers);
    site.deliver("guide", ANN);
    site.pass(4 * DAY);
    let delivery = only_delivery(&site);
    assert_eq!((&delivery["state"], &delivery["reason"]), (&json!("dead"), &json!("unreachable")));
    assert_eq!((&delivery["attempt_count"], &delivery["due_at"]), (&json!(10), &Value::Null));
    let attempts = delivery["attempts"].as_array().expect("attempts");
    let mut last_ms = START_MS;
    for ((n, attempt), wait_s) in attempts.iter().enumerate().zip(WAITS_S) {
        let at_ms = attempt["at"].as_str().and_then(parse_rfc3339).expect("a time");
        let waited_ms = at_ms - last_ms;
        assert!((wait_s * 1_000..=wait_s * 1_100).contains(&waited_ms), "attempt {}: {waited_ms}", n + 1);
        assert_eq!(attempt["attempt"], n + 1);
        last_ms = at_ms;
    }
    let received = site.received();
    assert_eq!(received.len(), 10);
    assert!(received.iter().all(|one| *one == received[0]), "id and body are those of the first");
    assert_eq!(site.states(), counts(&[("dead", 1)]));
    assert_eq!(payloads(&site), 1, "a dead letter is kept, so that it can be replayed");

    site.set_receiver(ReceiverMode::Up);
    assert_eq!(replay(&site, &delivery["delivery_id"]), 200);
    assert_eq!(site.states(), counts(&[("pending", 1)]));
    site.ring();
    assert_eq!(site.received().last(), Some(&received[0]), "a replay is the same webhook");
    assert_eq!((site.states(), payloads(&site)), (counts(&[("delivered", 1)]), 0));
    assert_eq!(replay(&site, &delivery["delivery_id"]), 409);
}

#[test]
fn a_replay_gets_the_whole_schedule_again() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(500));
    site.deliver("guide", ANN);
    site.deliver("guide", BOB);
    site.pass(4 * DAY);
    assert_eq!(site.states(), counts(&[("dead", 2)]));
    assert_eq!(site.admin(Method::Post, "deliveries/replay?campaign=guide"), json!({ "replayed": 2 }));
    site.pass(2 * DAY);
    assert_eq!(site.states(), counts(&[("pending", 2)]));
    site.pass(2 * DAY);
    assert_eq!(site.states(), counts(&[("dead", 2)]));
    let sql = "SELECT DISTINCT json_array_length(attempts) FROM delivery";
    assert_eq!(site.rows("example-ab", sql), [[json!(20)]]);
    assert_eq!(site.admin(Method::Post, "deliveries/replay?campaign=guide"), json!({ "replayed": 2 }));
    site.pass(4 * DAY);
    assert_eq!(site.rows("example-ab", sql), [[json!(20)]], "the newest are listed");
}

#[test]
fn a_dead_letter_expires_after_thirty_days_and_is_erased() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(404));
    site.deliver("guide", ANN);
    site.pass(4 * DAY);
    let died_ms = only_delivery(&site)["settled_at"].as_str().and_then(parse_rfc3339).expect("a time");
    site.pass(died_ms + 30 * DAY - site.now_ms() - 1);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("dead", 1)]), 1));
    site.pass(DAY + HOUR);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("expired", 1)]), 0));
    let expired = only_delivery(&site);
    assert_eq!((&expired["state"], &expired["reason"]), (&json!("expired"), &json!("status 404")));
    assert_eq!(replay(&site, &expired["delivery_id"]), 409, "there is nothing left to send");
}

#[test]
fn a_destination_that_answers_410_gets_nothing_until_it_is_enabled_again() {
    let site = Site::new(&[guide()]);
    let paused =
        || site.admin(Method::Get, "deliveries?state=paused")["deliveries"].as_array().expect("a list").len();
    site.set_receiver(ReceiverMode::Refuses(500));
    for n in 0..4 {
        site.deliver("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
    site.set_receiver(ReceiverMode::Refuses(410));
    site.pass(6_000);
    assert_eq!((paused(), site.states()), (4, counts(&[("pending", 4)])));
    let sql = "SELECT max(attempt_count), count(DISTINCT reason) FROM delivery";
    assert!(site.rows("example-ab", sql)[0][0].as_i64() <= Some(2));
    site.set_receiver(ReceiverMode::Up);
    site.deliver("guide", ANN);
    site.pass(20 * DAY);
    assert_eq!((paused(), site.received().len()), (5, 0), "what comes later waits as well");

    let path = "campaigns/guide/destinations/crm/enable";
    assert_eq!(site.admin(Method::Post, path), json!({ "resumed": 5 }));
    site.ring();
    assert_eq!((site.received().len(), site.states()), (5, counts(&[("delivered", 5)])));
    site.deliver("guide", BOB);
    assert_eq!(site.received().len(), 6);
    assert_eq!(site.admin(Method::Post, path), json!({ "resumed": 0 }));
}

#[test]
fn what_waits_for_a_disabled_destination_expires_after_thirty_days_also_what_came_later() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(410));
    site.deliver("guide", ANN);
    site.pass(DAY);
    site.deliver("guide", BOB);
    site.pass(29 * DAY + DAY / 2);
    assert_eq!(site.states(), counts(&[("pending", 1), ("expired", 1)]));
    site.pass(DAY);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("expired", 2)]), 0));
}

#[test]
fn a_destination_that_is_gone_makes_a_dead_letter_that_can_come_back() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    site.republish(&guide_with(json!({ "destination": null })));
    site.pass(MINUTE);
    let young = only_delivery(&site);
    assert_eq!((&young["state"], &young["reason"]), (&json!("pending"), &json!("destination_removed")));
    site.pass(6 * MINUTE);
    let dead = only_delivery(&site);
    assert_eq!((&dead["state"], &dead["reason"]), (&json!("dead"), &json!("destination_removed")));
    assert_eq!((&dead["attempt_count"], payloads(&site)), (&json!(3), 1));
    site.set_receiver(ReceiverMode::Up);
    site.republish(&guide());
    assert_eq!(replay(&site, &dead["delivery_id"]), 200);
    site.ring();
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn a_destination_that_needs_another_consent_by_now_gets_nothing_without_it() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    let mut partner = destination("crm", "https://partner.example.com/hook");
    partner["needs"] = json!(["newsletter", "call"]);
    site.republish(&guide_with(json!({ "destination": [partner] })));
    site.set_receiver(ReceiverMode::Up);
    site.pass(10 * MINUTE);
    let dead = only_delivery(&site);
    assert_eq!((&dead["state"], &dead["reason"]), (&json!("dead"), &json!("consent_missing")));
    assert_eq!(site.received(), []);
}

#[test]
fn a_corrected_address_heals_what_waits() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(404));
    site.deliver("guide", ANN);
    let new = "https://new.example.com/hook";
    site.republish(&guide_with(json!({ "destination": [destination("crm", new)] })));
    site.set_receiver(ReceiverMode::Up);
    site.pass(MINUTE);
    assert_eq!(site.received()[0].url, new);
}

#[test]
fn deliveries_go_on_from_the_ledgers_own_copy_while_kv_fails() {
    for mode in [KvMode::Failing, KvMode::Empty] {
        let site = Site::new(&[guide()]);
        site.set_receiver(ReceiverMode::Down);
        site.deliver("guide", ANN);
        site.set_receiver(ReceiverMode::Up);
        site.set_kv(mode);
        site.restart();
        site.pass(HOUR);
        assert_eq!(site.received().len(), 1, "{mode:?}");
    }
}

/// The acts that outlived their submissions.
fn acts(site: &Site) -> usize {
    site.rows("example-ab", "SELECT 1 FROM act").len()
}

/// Three years later, and a day for the sweep.
fn end_of_records(site: &Site) {
    site.set_clock(site.now_ms() + 1_095 * DAY);
    site.pass(DAY);
}

#[test]
fn a_person_is_forgotten_when_the_window_has_passed() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "window_days": 10 } }))]);
    site.deliver("guide", &format!("{ANN}&phone=0701740605"));
    let carried = || site.rows("example-ab", "SELECT 1 FROM carried").len();
    assert_eq!((people(&site), carried()), ((1, 1, 1), 1), "by the phone nobody is recognised here");
    site.pass(10 * DAY - 1);
    assert_eq!((people(&site), carried()), ((1, 1, 1), 1));
    site.pass(DAY / 3);
    assert_eq!(
        (people(&site), carried()),
        ((0, 1, 1), 1),
        "the record of the consents is kept, and who has had the lead"
    );
    end_of_records(&site);
    assert_eq!((people(&site), acts(&site), carried()), ((0, 0, 0), 0, 0));
    assert_eq!(site.states(), counts(&[("delivered", 1)]), "counters hold nobody and stay");
}

#[test]
fn a_person_is_kept_beyond_the_window_while_a_delivery_can_still_arrive() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "window_days": 1 } }))]);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    site.pass(2 * DAY);
    assert_eq!(people(&site), (1, 1, 1));
    site.deliver("guide", ANN);
    assert_eq!(
        site.rows("example-ab", "SELECT DISTINCT lead_id FROM submission").len(),
        2,
        "yet it is a new lead"
    );
    site.set_receiver(ReceiverMode::Up);
    site.pass(2 * DAY);
    assert_eq!(site.story(), ["qualified guide of 1", "qualified guide of 2"]);
    site.pass(DAY);
    assert_eq!((people(&site), acts(&site)), ((0, 2, 2), 2));
}

#[test]
fn a_held_lead_ends_with_its_window_and_is_counted_as_expired() {
    let site =
        Site::new(&[guide_with(json!({ "qualify": { "forward_at": 20 }, "dedupe": { "window_days": 10 } }))]);
    site.deliver("guide", ANN);
    assert_eq!((site.states(), payloads(&site)), (counts(&[("held", 1)]), 1));
    site.pass(11 * DAY);
    assert_eq!((site.states(), people(&site)), (counts(&[("expired", 1)]), (0, 1, 0)));
}

#[test]
fn a_sweep_goes_through_more_than_one_chunk() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "window_days": 1, "remember_in_kv": false } }))]);
    for n in 0..1_100 {
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
    assert_eq!(people(&site).0, 1_100);
    site.pass(2 * DAY);
    assert_eq!((people(&site), acts(&site), site.received().len()), ((0, 1_100, 1_100), 1_100, 1_100));
    end_of_records(&site);
    assert_eq!((people(&site), acts(&site)), ((0, 0, 0), 0));
    assert_eq!(site.states(), counts(&[("delivered", 1_100)]));
}

#[test]
fn deliveries_are_found_by_their_ids() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", ANN);
    site.deliver("guide", BOB);
    let all = site.admin(Method::Get, "deliveries")["deliveries"].clone();
    let second = &all[1]["delivery_id"];
    let ids = format!("deliveries?campaign=guide&ids={},msg_nothing", second.as_str().expect("an id"));
    assert_eq!(site.admin(Method::Get, &ids), json!({ "deliveries": [all[1]], "next": null }));
    let many = vec!["msg_x"; 101].join(",");
    let path = format!("/admin/api/deliveries?ids={many}");
    assert_eq!(site.send(&request(Method::Get, &path, "", "")).status, 422);
}

#[test]
fn everything_that_is_dead_is_replayed_and_what_dies_again_is_not_replayed_for_ever() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Down);
    let people = usize::try_from(MAX_REPLAYED).expect("a number") + 20;
    for n in 0..people {
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
    site.republish(&guide_with(json!({ "destination": [destination("other", OTHER)] })));
    site.pass(HOUR);
    assert_eq!(site.admin(Method::Get, "overview")["destinations"][0]["dead"], people);
    site.republish(&guide());
    site.set_receiver(ReceiverMode::Up);
    let answer = site.admin(Method::Post, "deliveries/replay?campaign=guide");
    assert_eq!(answer, json!({ "replayed": people }));
    site.pass(HOUR);
    assert_eq!(site.states(), counts(&[("delivered", i64::try_from(people).expect("a number"))]));
}

#[test]
fn what_died_under_a_clock_that_was_ahead_is_replayed_too() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(500));
    site.accept("guide", ANN);
    site.pass(7 * DAY);
    assert_eq!(site.states(), counts(&[("dead", 1)]));
    site.set_clock(START_MS + HOUR);
    site.set_receiver(ReceiverMode::Up);
    assert_eq!(site.admin(Method::Post, "deliveries/replay?campaign=guide"), json!({ "replayed": 1 }));
    site.ring();
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
}

#[test]
fn leads_that_are_too_many_to_be_kept_open_are_read_again() {
    let long = json!({ "name": "message", "kind": "text", "max_length": 20_000 });
    let mut file = guide();
    file["field"].as_array_mut().expect("fields").push(long);
    let site = Site::new(&[file]);
    let message = "a".repeat(20_000);
    // Twice as many as have room.
    for n in 0..800 {
        site.accept("guide", &format!("email=p{n}%40example.com&message={message}&consent.newsletter=on"));
    }
    // What is open needs no row.
    site.execute(
        "example-ab",
        "CREATE TABLE before AS SELECT * FROM submission;
         UPDATE submission SET payload = 'gone'",
    );
    site.ring();
    let delivered = site.received().len();
    assert!((300..500).contains(&delivered), "{delivered} were open");
    site.execute(
        "example-ab",
        "UPDATE submission SET payload = (SELECT payload FROM before b
           WHERE b.submission_id = submission.submission_id) WHERE payload IS NOT NULL;
         DROP TABLE before",
    );
    site.pass(HOUR);
    assert_eq!((site.received().len(), site.states()), (800, counts(&[("delivered", 800)])));
}
