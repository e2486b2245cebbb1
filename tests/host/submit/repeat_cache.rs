//! The repeat cache: stale, empty, failing or refusing, KV costs speed and nothing else.

use leadhook::http::request::Method;
use leadhook::testing::world::{KvMode, LedgerMode};
use serde_json::{Value, json};

use crate::support::person::confirmed_guide;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on";
const BOB: &str = "email=bob%40example.com&consent.newsletter=on";
const MODES: [KvMode; 5] =
    [KvMode::Fresh, KvMode::Stale, KvMode::Empty, KvMode::Failing, KvMode::RefusingWrites];

fn kv_repeats(site: &Site) -> Value {
    site.admin(Method::Get, "counters?campaign=guide")["approximate"]["kv_repeats"].clone()
}

fn seen(site: &Site) -> Vec<String> {
    site.kv_contents()
        .into_iter()
        .filter(|(key, _)| key.starts_with("seen/"))
        .map(|(_, value)| value)
        .collect()
}

/// Posts a form twice by way of two isolates, so that KV holds it; its id.
fn remembered(site: &Site, form: &str) -> String {
    let id = site.accept("guide", form);
    site.new_isolate();
    assert_eq!(site.accept("guide", form), id);
    site.new_isolate();
    id
}

#[test]
fn a_repeat_of_a_minute_ago_wakes_no_ledger_and_asks_no_kv() {
    let site = Site::new(&[guide()]);
    let first = site.accept("guide", ANN);
    assert_eq!(seen(&site), [""; 0], "most people post once");
    site.set_kv(KvMode::Failing);
    site.with_ledger(LedgerMode::LosesRequests, || {
        assert_eq!(site.accept("guide", ANN), first);
        assert_eq!(site.post("guide", BOB).status, 503);
        site.set_clock(site.now_ms() + MINUTE);
        assert_eq!(site.post("guide", ANN).status, 503, "what is older is asked of the ledger");
    });
    assert_eq!(site.accept("guide", ANN), first);
    site.set_kv(KvMode::Fresh);
    assert_eq!((kv_repeats(&site), site.states()), (json!(0), counts(&[("pending", 1)])));
    site.accept("guide", ANN);
    assert_eq!(kv_repeats(&site), 1);
}

#[test]
fn a_repeat_of_minutes_ago_wakes_no_ledger_wherever_it_comes() {
    let site = Site::new(&[guide()]);
    let first = remembered(&site, ANN);
    site.with_ledger(LedgerMode::LosesRequests, || {
        assert_eq!(site.accept("guide", ANN), first);
        site.set_clock(site.now_ms() + 10 * MINUTE + 1);
        assert_eq!(site.post("guide", ANN).status, 503, "what is older is asked of the ledger");
    });
}

#[test]
fn a_campaign_says_when_kv_is_asked() {
    let kv_is = |kv: &str| Site::new(&[guide_with(json!({ "dedupe": { "kv": kv } }))]);
    let reaches_the_ledger =
        |site: &Site| site.with_ledger(LedgerMode::LosesRequests, || site.post("guide", ANN).status == 503);
    for (kv, when_idle, when_busy) in [("always", false, false), ("when_busy", true, false)] {
        let site = kv_is(kv);
        remembered(&site, ANN);
        assert_eq!(reaches_the_ledger(&site), when_idle, "{kv}");
        site.crowd("example-ab");
        assert_eq!(reaches_the_ledger(&site), when_busy, "{kv}");
    }
    // Then the ledger answers every repeat, and counts it exactly.
    let never = [json!({ "kv": "never" }), json!({ "remember_in_kv": false })];
    for site in never.map(|dedupe| Site::new(&[guide_with(json!({ "dedupe": dedupe }))])) {
        site.accept("guide", ANN);
        site.accept("guide", ANN);
        assert_eq!((seen(&site).len(), kv_repeats(&site)), (0, json!(0)));
        assert_eq!(site.admin(Method::Get, "counters")["repeats"], 1);
    }
    let problems = leadhook::campaign::Campaign::accept(&guide_with(
        json!({ "dedupe": { "kv": "always", "remember_in_kv": true } }),
    ));
    let problems = problems.expect_err("a problem");
    assert_eq!(problems.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["dedupe.remember_in_kv"]);
}

#[test]
fn under_double_opt_in_kv_is_told_of_each_and_the_isolate_of_none() {
    let site = Site::new(&[confirmed_guide(json!({}))]);
    let first = site.accept("guide", ANN);
    assert_eq!(seen(&site).len(), 1);
    site.with_ledger(LedgerMode::LosesRequests, || assert_eq!(site.accept("guide", ANN), first));
    site.set_kv(KvMode::Empty);
    let is_lost = site.with_ledger(LedgerMode::LosesRequests, || site.post("guide", ANN).status == 503);
    assert!(is_lost, "the isolate remembers none");
}

#[test]
fn whatever_kv_does_the_same_people_are_the_same_leads() {
    let held = guide_with(
        json!({ "id": "picky", "qualify": { "forward_at": 20 }, "dedupe": { "by": ["email", "phone"] } }),
    );
    let told = |before: KvMode, after: KvMode| {
        let site = Site::new(&[guide(), held.clone()]);
        site.accept("guide", "email=early%40example.com&consent.newsletter=on");
        site.accept("picky", "email=early%40example.com&consent.newsletter=on");
        site.set_kv(before);
        let mut answers = Vec::new();
        for round in 0..2 {
            for form in
                [ANN, BOB, ANN, &format!("{ANN}&name=Ann"), "email=early%40example.com&consent.newsletter=on"]
            {
                for campaign in ["guide", "picky"] {
                    answers.push(site.accept(campaign, form));
                    site.set_clock(site.now_ms() + 1);
                }
            }
            answers.push(site.accept("picky", &format!("{BOB}&phone=0701740605&size=51%2B")));
            if round == 0 {
                site.set_kv(after);
            }
        }
        site.ring();
        site.set_kv(KvMode::Fresh);
        let mut story: Vec<_> = site
            .received()
            .into_iter()
            .map(|received| received.body["data"]["contact"].to_string())
            .collect();
        story.sort();
        (answers, story, site.states())
    };
    let expected = told(KvMode::Fresh, KvMode::Fresh);
    assert_eq!(expected.2, counts(&[("delivered", 4), ("duplicate", 3), ("held", 2)]));
    for before in MODES {
        for after in MODES {
            assert_eq!(told(before, after), expected, "{before:?}, then {after:?}");
        }
    }
}

#[test]
fn a_stale_positive_that_is_older_than_ten_minutes_is_not_believed() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "window_days": 1 } }))]);
    let first = remembered(&site, ANN);
    site.ring();
    let remembered = seen(&site)[0].clone();
    site.set_kv(KvMode::Stale);
    site.pass(2 * DAY);
    site.republish(&guide_with(json!({ "dedupe": { "window_days": 1 } })));
    let key = site.kv_contents().into_keys().find(|key| key.starts_with("seen/")).expect("a key");
    site.set_kv(KvMode::Fresh);
    site.set_kv_value(&key, &remembered);
    assert_eq!(site.deliver("guide", ANN), first);
    assert_eq!(site.story(), ["qualified guide of 1", "qualified guide of 2"]);
}

#[test]
fn a_value_from_the_future_is_not_believed() {
    let site = Site::new(&[guide()]);
    let id = remembered(&site, ANN);
    let key = site.kv_contents().into_keys().find(|key| key.starts_with("seen/")).expect("a key");
    let later = site.now_ms() + DAY;
    site.set_kv_value(&key, &format!(r#"{{"format":1,"submissions":[["{id}",{later}]]}}"#));
    site.accept("guide", ANN);
    assert_eq!(kv_repeats(&site), 0);
}

#[test]
fn a_damaged_value_is_as_good_as_none() {
    let site = Site::new(&[guide()]);
    let first = remembered(&site, ANN);
    let key = site.kv_contents().into_keys().find(|key| key.starts_with("seen/")).expect("a key");
    for damaged in ["", "null", "[]", "{}", "{\"format\":1}", "\u{0}"] {
        site.set_kv_value(&key, damaged);
        site.new_isolate();
        assert_eq!(site.accept("guide", ANN), first, "{damaged}");
        let expected = format!(r#"{{"format":1,"submissions":[["{first}",{}]]}}"#, site.now_ms());
        assert_eq!(seen(&site), [expected]);
    }
}

#[test]
fn only_what_was_stored_is_remembered() {
    let site = Site::new(&[guide()]);
    site.with_ledger(LedgerMode::LosesRequests, || site.post("guide", ANN));
    site.post("guide", "email=ann%40example.com");
    assert_eq!(seen(&site), [""; 0]);
}
