//! Recognition: every row of the design's table for somebody who is known, and who counts as the same person.

use leadhook::base::crypto::base64;
use leadhook::base::keyring::Keyring;
use leadhook::testing::world::ReceiverMode;
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on";
const URL: &str = "https://crm.example.com/";

/// A lead below 20 points is held; a name gives 10, a size of 51+ gives 50.
fn holding(changes: Value) -> Value {
    edited(guide_with(json!({ "qualify": { "forward_at": 20 } })), changes)
}

fn by_both() -> Value {
    json!({ "by": ["email", "phone"], "window_days": 90 })
}

fn post(more: &str) -> String {
    format!("{ANN}&{more}")
}

#[test]
fn the_same_post_again_gets_the_same_answer_and_is_counted_beside_the_sum() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "remember_in_kv": false } }))]);
    let first = site.deliver("guide", ANN);
    for again in [ANN, "consent.newsletter=on&email=+ANN%40Example.com&utm_source=x", ANN] {
        assert_eq!(site.deliver("guide", again), first);
        assert_eq!(site.last_decision(), "repeat");
    }
    assert_eq!(site.story(), ["qualified guide of 1"]);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    let counters = site.admin(leadhook::http::request::Method::Get, "counters");
    assert_eq!((&counters["accepted"], &counters["repeats"]), (&json!(1), &json!(3)));
    assert!(site.kv_contents().keys().all(|key| !key.starts_with("seen/")), "this campaign leaves KV alone");
}

#[test]
fn a_held_lead_that_now_qualifies_is_forwarded_with_both_posts_answers() {
    let site = Site::new(&[holding(json!({}))]);
    site.deliver("guide", &post("name=Ann&seats=5&utm_source=a&consent.call=on"));
    assert_eq!((site.last_decision(), site.story().len()), (json!("held"), 0));
    site.pass(MINUTE);
    site.deliver("guide", &post("size=51%2B&seats=7&utm_medium=b"));
    assert_eq!(site.story(), ["qualified guide of 1"]);
    let data = site.received()[0].body["data"].clone();
    assert_eq!(data["answers"], json!({ "name": "Ann", "seats": 7, "size": "51+" }));
    assert_eq!(data["attribution"], json!({ "utm_source": "a", "utm_medium": "b" }));
    assert_eq!(data["score"]["total"], 60);
    assert_eq!(data["submitted_at"], "2026-11-22T14:01:00.000Z");
    let granted: Vec<_> =
        data["consent"].as_array().expect("consent").iter().map(|c| c["granted"].clone()).collect();
    assert_eq!(granted, [true, true], "an empty box the second time withdraws nothing");
    assert_eq!(site.states(), counts(&[("delivered", 1), ("duplicate", 1)]));
    let held = site.rows("example-ab", "SELECT payload FROM submission");
    assert_eq!(held, [[Value::Null], [Value::Null]], "nothing waits any more, so nothing is kept");
}

#[test]
fn a_held_lead_that_still_does_not_qualify_is_held_on() {
    let site = Site::new(&[holding(json!({}))]);
    site.deliver("guide", &post("seats=5"));
    site.deliver("guide", &post("name=Ann"));
    assert_eq!(site.states(), counts(&[("held", 1), ("duplicate", 1)]));
    site.deliver("guide", &post("size=51%2B"));
    assert_eq!(site.states(), counts(&[("delivered", 1), ("duplicate", 2)]));
    let answers = site.received()[0].body["data"]["answers"].clone();
    assert_eq!(answers, json!({ "name": "Ann", "seats": 5, "size": "51+" }));
}

#[test]
fn the_country_of_both_posts_is_the_one_that_was_answered() {
    let near = json!([
        { "rule": "near", "when": { "about": "country", "is": "NO" }, "points": 20 },
        { "rule": "gave a name", "when": { "field": "name", "present": true }, "points": 10 },
    ]);
    let site = Site::new(&[holding(json!({ "score": near, "qualify": { "forward_at": 30 } }))]);
    site.deliver("guide", &post("country=NO"));
    site.deliver("guide", &post("phone=070-1740605&name=Ann"));
    let received = site.received();
    assert_eq!(received.len(), 1, "the field says Norway, and goes before the phone number's Sweden");
    assert_eq!(received[0].body["data"]["answers"]["country"], "NO");
}

#[test]
fn posts_of_two_addresses_on_one_phone_are_one_lead_but_their_answers_stay_apart() {
    let site = Site::new(&[holding(json!({ "dedupe": by_both() }))]);
    let phone = "phone=0701740605&consent.newsletter=on";
    site.deliver("guide", &format!("email=ann%40example.com&name=Ann&{phone}"));
    site.deliver("guide", &format!("email=bob%40example.com&size=51%2B&{phone}"));
    assert_eq!(site.story(), ["qualified guide of 1"]);
    let data = site.received()[0].body["data"].clone();
    assert_eq!(data["contact"], json!({ "email": "bob@example.com", "phone": "+46701740605" }));
    assert_eq!(data["answers"], json!({ "size": "51+" }), "Ann's name is not Bob's");
    assert_eq!(site.states(), counts(&[("held", 1), ("delivered", 1)]));
    let leads = site.rows("example-ab", "SELECT DISTINCT lead_id FROM submission");
    assert_eq!(leads.len(), 1);
}

#[test]
fn a_held_post_is_found_behind_a_newer_one_of_another_address() {
    let site = Site::new(&[holding(json!({ "dedupe": by_both(), "qualify": { "forward_at": 60 } }))]);
    let phone = "phone=0701740605&consent.newsletter=on";
    site.deliver("guide", &format!("email=ann%40example.com&name=Ann&{phone}"));
    site.pass(MINUTE);
    site.deliver("guide", &format!("email=bob%40example.com&seats=2&{phone}"));
    site.pass(MINUTE);
    site.deliver("guide", &format!("email=ann%40example.com&size=51%2B&{phone}"));
    assert_eq!(site.received().len(), 1, "Ann's name and size are 60 points together");
    let answers = site.received()[0].body["data"]["answers"].clone();
    assert_eq!(answers, json!({ "name": "Ann", "size": "51+" }));
    assert_eq!(site.states(), counts(&[("held", 1), ("duplicate", 1), ("delivered", 1)]));
}

fn two_destinations(changes: Value) -> Value {
    let sales = json!({ "forward_at": 50, "needs": ["call"] });
    let destinations = json!([
        destination("crm", &format!("{URL}crm")),
        destination_with("sales", &format!("{URL}sales"), sales)
    ]);
    guide_with(edited(json!({ "destination": destinations }), changes))
}

#[test]
fn a_followed_up_lead_is_a_duplicate_and_its_consents_are_recorded() {
    for mode in [ReceiverMode::Up, ReceiverMode::Refuses(500)] {
        let site = Site::new(&[two_destinations(json!({}))]);
        site.set_receiver(mode);
        site.deliver("guide", ANN);
        site.deliver("guide", &post("name=Ann&consent.call=2"));
        assert_eq!(site.last_decision(), "duplicate");
        let rows = site.rows(
            "example-ab",
            "SELECT payload IS NULL, consent, stands_by FROM submission WHERE state = 'duplicate'",
        );
        assert_eq!(rows, [[json!(1), json!(""), json!(2)]]);
        let rows = site.rows("example-ab", "SELECT seq, personal LIKE '2.k1.%' FROM act ORDER BY seq");
        assert_eq!(rows, [[json!(1), json!(1)], [json!(2), json!(1)]]);
        assert_eq!(site.rows("example-ab", "SELECT 1 FROM delivery").len(), 1);
    }
}

#[test]
fn a_destination_that_a_followed_up_lead_now_qualifies_for_gets_it_and_no_other() {
    let site = Site::new(&[two_destinations(json!({}))]);
    site.deliver("guide", ANN);
    site.deliver("guide", &post("size=51%2B"));
    assert_eq!(site.story(), ["qualified crm of 1"], "50 points, but no consent to a call");
    site.deliver("guide", &post("size=51%2B&consent.call=on"));
    assert_eq!(site.story(), ["qualified crm of 1", "qualified sales of 1"]);
    site.deliver("guide", &post("size=51%2B&name=Ann&consent.call=on"));
    assert_eq!(site.story().len(), 2, "sales has had it");
    assert_eq!(site.states(), counts(&[("delivered", 2), ("duplicate", 2)]));
}

#[test]
fn a_dead_lead_is_a_duplicate_until_its_delivery_has_expired() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Down);
    site.deliver("guide", ANN);
    site.pass(5 * DAY);
    assert_eq!(site.states(), counts(&[("dead", 1)]));
    site.deliver("guide", &post("name=Ann"));
    assert_eq!(site.states(), counts(&[("dead", 1), ("duplicate", 1)]));
    site.set_receiver(ReceiverMode::Up);
    site.pass(35 * DAY);
    site.deliver("guide", &post("name=Bea"));
    assert_eq!(site.story(), ["qualified guide of 1"], "it can never have had it");
    assert_eq!(site.states(), counts(&[("expired", 1), ("duplicate", 1), ("delivered", 1)]));
}

#[test]
fn where_the_campaign_wants_updates_a_changed_post_is_one_and_an_exact_repeat_is_not() {
    let site = Site::new(&[two_destinations(json!({ "dedupe": { "on_repeat": "update" } }))]);
    site.deliver("guide", ANN);
    site.deliver("guide", ANN);
    site.deliver("guide", &post("name=Ann"));
    site.deliver("guide", &post("name=Ann&size=51%2B&consent.call=on"));
    let mut story = site.story();
    story[2..].sort();
    assert_eq!(story, ["qualified crm of 1", "updated crm of 1", "qualified sales of 1", "updated crm of 1"]);
    let ids: std::collections::BTreeSet<_> =
        site.received().into_iter().map(|received| received.id).collect();
    assert_eq!(ids.len(), 4, "each event has an id of its own");
    assert_eq!(site.states(), counts(&[("delivered", 3)]));
}

#[test]
fn a_person_of_another_campaign_of_the_ledger_keeps_the_lead_id() {
    let other = guide_with(json!({
        "id": "other",
        "destination": [destination("crm", "https://crm.example.com/hooks/guide"), destination("news", &format!("{URL}news"))],
    }));
    let held = holding(json!({ "id": "picky" }));
    let apart = guide_with(json!({ "id": "apart", "ledger": null }));
    let site = Site::new(&[guide(), other, held, apart]);
    site.deliver("guide", ANN);
    site.deliver("other", ANN);
    let mut story = site.story();
    story[1..].sort();
    let expected = ["qualified guide of 1", "qualified news of 1", "updated guide of 1"];
    assert_eq!(story, expected, "the same address hears of an update, another one of a lead");
    site.deliver("picky", ANN);
    assert_eq!(site.last_decision(), "held", "where this campaign would hold, it holds");
    site.deliver("picky", &post("size=51%2B"));
    assert_eq!(site.story().last().map(String::as_str), Some("updated guide of 1"));
    site.deliver("apart", ANN);
    assert_eq!(
        site.story().last().map(String::as_str),
        Some("qualified guide of 2"),
        "another ledger knows nobody"
    );
    assert_eq!(site.states(), counts(&[("delivered", 4), ("duplicate", 1)]));
}

#[test]
fn what_expired_of_another_campaign_has_not_been_had() {
    let other = guide_with(json!({ "id": "other" }));
    let site = Site::new(&[guide(), other]);
    site.set_receiver(ReceiverMode::Refuses(500));
    site.deliver("guide", ANN);
    site.pass(40 * DAY);
    site.set_receiver(ReceiverMode::Up);
    site.deliver("other", ANN);
    assert_eq!(site.story(), ["qualified guide of 1"], "nobody can be updated who never heard of it");
}

#[test]
fn the_window_counts_from_the_last_accepted_post_and_after_it_comes_a_new_lead() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "window_days": 10 } }))]);
    let first = site.deliver("guide", ANN);
    site.pass(9 * DAY);
    site.deliver("guide", &post("name=Ann"));
    site.pass(9 * DAY);
    site.deliver("guide", ANN);
    site.pass(DAY - 1);
    site.deliver("guide", &post("name=Bea"));
    assert_eq!(site.story(), ["qualified guide of 1"], "a repeat prolongs nothing, a changed post does");
    site.pass(10 * DAY);
    assert_eq!(site.deliver("guide", ANN), first, "the same post has the same id for ever");
    assert_eq!(site.story(), ["qualified guide of 1", "qualified guide of 2"]);
}

/// As rows were written when a receiver was its address alone.
const OLDER: &str = "UPDATE delivery SET receiver = substr(receiver, instr(receiver, '.') + 1)";

#[test]
fn receivers_that_an_older_version_has_written_are_recognised() {
    let other = |url: &str| guide_with(json!({ "id": "other", "destination": [destination("d", url)] }));
    for (url, expected) in [
        ("https://crm.example.com/hooks/guide", "updated guide of 1"),
        ("https://crm.example.com/hooks/other", "qualified other of 1"),
    ] {
        let site = Site::new(&[guide(), other(url)]);
        site.deliver("guide", ANN);
        site.execute("example-ab", OLDER);
        site.deliver("other", ANN);
        assert_eq!(site.story(), ["qualified guide of 1", expected], "another hook is another receiver");
    }
}

#[test]
fn a_destination_is_told_once_whatever_it_was_known_by_before() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "on_repeat": "update" } }))]);
    site.deliver("guide", ANN);
    site.execute("example-ab", OLDER);
    site.deliver("guide", &post("name=Ann"));
    assert_eq!(site.story(), ["qualified guide of 1", "updated guide of 1"]);
    assert_eq!(site.click(&site.withdrawal_of("ann@example.com", "newsletter")), 200);
    site.ring();
    let told = site.events().into_iter().filter(|event| event.0 == "consent.withdrawn").count();
    assert_eq!(told, 1);
}

#[test]
fn spellings_of_one_mailbox_and_one_phone_are_one_person() {
    let site = Site::new(&[guide()]);
    let consent = "consent.newsletter=on";
    for email in ["k.ari%40gmail.com", "kari%2Bnews%40googlemail.com", "KARI%40GMAIL.COM"] {
        site.deliver("guide", &format!("email={email}&{consent}"));
    }
    assert_eq!(site.story(), ["qualified guide of 1"]);
    for phone in ["070-174 06 05", "%2B46701740605", "0046 70 174 06 05"] {
        site.deliver("guide", &format!("phone={phone}&{consent}"));
    }
    assert_eq!(site.story(), ["qualified guide of 1", "qualified guide of 2"]);
    let site = Site::new(&[guide_with(json!({ "dedupe": { "fold_gmail": false } }))]);
    site.deliver("guide", &format!("email=k.ari%40gmail.com&{consent}"));
    site.deliver("guide", &format!("email=kari%40gmail.com&{consent}"));
    assert_eq!(site.story().len(), 2);
}

#[test]
fn a_phone_recognises_where_the_post_has_no_address_or_where_it_is_listed() {
    let both = "email=ann%40example.com&phone=0701740605&consent.newsletter=on";
    let other = "email=bob%40example.com&phone=0701740605&consent.newsletter=on";
    let phone = "phone=0701740605&consent.newsletter=on";
    for (dedupe, people) in [(json!({}), 3), (by_both(), 1), (json!({ "by": ["phone"] }), 1)] {
        let site = Site::new(&[guide_with(json!({ "dedupe": dedupe }))]);
        site.deliver("guide", both);
        site.pass(1);
        site.deliver("guide", other);
        site.pass(1);
        site.deliver("guide", phone);
        assert_eq!(site.story().len(), people);
        site.pass(1);
        site.deliver("guide", &format!("{phone}&name=Who"));
        assert_eq!(site.story().len(), people, "by the phone alone somebody is known who posted by it alone");
        let rows = site.rows("example-ab", "SELECT lead_id FROM submission ORDER BY at_ms");
        assert_eq!(rows[2], rows[3], "the one that was heard of last");
    }
}

#[test]
fn where_identifiers_match_two_people_the_one_of_the_address_is_meant() {
    let site = Site::new(&[guide_with(json!({ "dedupe": by_both() }))]);
    let lead_of = |form: &str| {
        site.pass(1);
        let id = site.deliver("guide", form);
        site.rows("example-ab", &format!("SELECT lead_id FROM submission WHERE submission_id = '{id}'"))[0][0]
            .clone()
    };
    let ann = lead_of(ANN);
    let bob = lead_of("phone=0701740605&consent.newsletter=on");
    assert_ne!(ann, bob);
    assert_eq!(lead_of(&post("phone=0701740605")), ann);
    assert_eq!(
        lead_of("phone=0701740605&name=Who&consent.newsletter=on"),
        ann,
        "the phone now leads to both"
    );
    let sql = "SELECT count(*) FROM fingerprint WHERE tag LIKE 'phone.%'";
    assert_eq!(site.rows("example-ab", sql), [[json!(2)]]);
}

#[test]
fn people_are_recognised_after_a_pepper_has_been_rotated() {
    let key = |byte: u8| base64(&[byte; 32]);
    let rings = [format!("k2:{},k1:{}", key(9), key(1)), format!("k3:{},k2:{}", key(5), key(9))];
    let mut site = Site::new(&[guide_with(json!({ "dedupe": { "by": ["email"] } }))]);
    site.deliver("guide", ANN);
    for (n, ring) in rings.iter().enumerate() {
        site.set_settings(|settings| settings.peppers = Keyring::parse(ring).expect("a ring"));
        site.deliver("guide", ANN);
        assert_eq!(site.last_decision(), "duplicate", "ids change with the pepper, people do not");
        site.deliver("guide", &post(&format!("seats={}", n + 1)));
    }
    assert_eq!(site.story(), ["qualified guide of 1"]);
    site.set_settings(|settings| {
        settings.peppers = Keyring::parse(&format!("k9:{}", key(3))).expect("a ring")
    });
    site.deliver("guide", ANN);
    assert_eq!(site.story().len(), 2, "without any key of the living rows nobody is known");
}

#[test]
fn a_held_lead_is_merged_across_a_rotation_of_both_keys() {
    let mut site = Site::new(&[holding(json!({}))]);
    site.deliver("guide", &post("name=Ann"));
    let ring = format!("k2:{},k1:{}", base64(&[9; 32]), base64(&[1; 32]));
    let sealing = format!("k2:{},k1:{}", base64(&[8; 32]), base64(&[2; 32]));
    site.set_settings(|settings| {
        settings.peppers = Keyring::parse(&ring).expect("a ring");
        settings.sealing = Keyring::parse(&sealing).expect("a ring");
    });
    site.deliver("guide", &post("size=51%2B"));
    assert_eq!(site.received()[0].body["data"]["answers"], json!({ "name": "Ann", "size": "51+" }));
}

#[test]
fn a_post_costs_the_same_however_often_its_address_has_posted() {
    for changes in [json!({}), json!({ "dedupe": { "on_repeat": "update" } })] {
        let site = Site::new(&[
            guide_with(changes),
            guide_with(json!({ "id": "held", "qualify": { "forward_at": 90 } })),
        ]);
        let cost = |campaign: &str, address: &str, n: usize| {
            site.take_sql_steps();
            site.accept(campaign, &format!("email={address}%40example.com&name=N{n}&consent.newsletter=on"));
            let steps = site.take_sql_steps();
            site.ring();
            steps
        };
        for campaign in ["guide", "held"] {
            cost(campaign, "first", 0);
            let other_first = cost(campaign, "second", 0);
            let (mut first, mut last) = (0, 0);
            for n in 0..300 {
                let steps = cost(campaign, "again", n);
                first = first.max(if (2..12).contains(&n) { steps } else { 0 });
                last = last.max(if n >= 290 { steps } else { 0 });
            }
            assert!(last <= first + first / 5, "{campaign}: {first} steps at first, and {last} at last");
            let other = cost(campaign, "third", 0);
            let most = other_first + other_first / 5;
            assert!(other <= most, "{campaign}: others' posts took {other_first} steps, and take {other}");
        }
    }
}
