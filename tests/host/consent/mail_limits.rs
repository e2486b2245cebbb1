//! Limits of the confirmation mails: by mailbox, by network, by platform, and after a refusal.

use leadhook::app::ports::Ports as _;
use leadhook::contact::Email;
use leadhook::http::request::{Method, RawRequest};
use leadhook::pipeline::lead::{Identifier, list_tag};
use leadhook::testing::world::request;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";

fn ann(more: &str) -> String {
    format!("{ANN}&{more}")
}

fn asking() -> Site {
    Site::new(&[confirmed_guide(json!({}))])
}

fn post_from(site: &Site, address: &str, form: &str) {
    let post = RawRequest {
        client_address: Some(address.to_owned()),
        ..request(Method::Post, "/c/guide", FORM, form)
    };
    assert_eq!(site.send(&post).status, 202);
    site.ring();
}

fn asked(address: &str) -> String {
    format!("email={}&consent.newsletter=on", address.replace('@', "%40").replace('+', "%2B"))
}

/// Returns the limits that submissions are quarantined for, each once.
fn signs(site: &Site) -> Vec<Value> {
    let sql = "SELECT DISTINCT json_extract(value, '$.signal') AS signal
               FROM submission, json_each(quarantine, '$.signals') WHERE signal LIKE 'mail%'";
    site.rows(LEDGER, sql).into_iter().map(|mut row| row.remove(0)).collect()
}

#[test]
fn a_mailbox_is_asked_twice_whatever_is_written_behind_its_name() {
    let site = asking();
    for n in 0..50 {
        post_from(&site, &format!("192.0.2.{n}"), &asked(&format!("ann+{n}@fastmail.example")));
        site.pass(11 * MINUTE);
    }
    assert_eq!(site.mails().len(), 2);
    assert_eq!(site.states(), counts(&[("unconfirmed", 2), ("quarantined", 48)]));
    assert_eq!(signs(&site), ["mailbox_velocity"]);
    post_from(&site, "192.0.2.1", &asked("bob@fastmail.example"));
    assert_eq!(site.mails().len(), 3, "others are asked");
    site.pass(4 * DAY);
    post_from(&site, "192.0.2.1", &asked("ann+new@fastmail.example"));
    assert_eq!(site.mails().len(), 4, "and so is the mailbox when nothing waits any more");
}

#[test]
fn what_may_be_one_mailbox_is_asked_five_times() {
    let site = asking();
    let forms: [fn(usize) -> String; 4] = [
        |n| format!("{}@mail.example", ["a.nn", "an.n", "a.n.n", "a_nn", "ann"][n % 5]),
        |n| format!("ann-{n}@mail.example"),
        |n| format!("a.nn-{n}@mail.example"),
        |n| format!("ann={n}@mail.example"),
    ];
    for n in 0..10 {
        for form in forms {
            post_from(&site, &format!("192.0.2.{n}"), &asked(&form(n)));
        }
    }
    assert_eq!(site.mails().len(), 5);
    assert_eq!(signs(&site), ["mailbox_velocity"]);
}

#[test]
fn on_behalf_of_one_network_thirty_mails_an_hour_go_out() {
    let site = asking();
    for n in 0..300 {
        post_from(&site, "192.0.2.1", &asked(&format!("p{n}@host{n}.example")));
    }
    assert_eq!(site.mails().len(), 30);
    assert_eq!(signs(&site), ["mail_velocity"]);
    post_from(&site, "198.51.100.1", &asked("bob@bob.example"));
    assert_eq!(site.mails().len(), 31, "other networks are free");
    site.pass(HOUR);
    post_from(&site, "192.0.2.1", &asked("eve@eve.example"));
    assert_eq!(site.mails().len(), 32, "an hour later so is this one");
    let few = Site::new(&[confirmed_guide(json!({ "limits": { "network_mails_per_hour": 2 } }))]);
    for n in 0..4 {
        post_from(&few, "192.0.2.1", &asked(&format!("p{n}@host{n}.example")));
    }
    assert_eq!(few.mails().len(), 2, "a campaign may say how many");
}

#[test]
fn the_platforms_limit_over_all_ledgers_puts_aside_what_would_bring_a_mail() {
    let site = asking();
    site.set_takes_more_mails(Some(false));
    post_from(&site, "192.0.2.1", &asked("ann@example.com"));
    assert_eq!((site.mails().len(), signs(&site)), (0, vec![json!("mail_velocity")]));
    assert_eq!(site.states(), counts(&[("quarantined", 1)]));
    site.set_takes_more_mails(None);
    post_from(&site, "192.0.2.1", &asked("bob@example.org"));
    assert_eq!(site.mails().len(), 1, "a limit that is down keeps nobody out");
}

#[test]
fn an_operator_who_has_looked_lets_a_mail_beyond_the_caps_go_out() {
    let site = asking();
    for n in 0..3 {
        post_from(&site, "192.0.2.1", &asked(&format!("ann+{n}@fastmail.example")));
    }
    assert_eq!(site.mails().len(), 2);
    let held = site.admin(Method::Get, "quarantine?campaign=guide");
    let id = held["submissions"][0]["submission_id"].clone();
    let order = json!({ "submission_ids": [id] });
    assert_eq!(site.order("quarantine/release", &order)["released"], json!([id]));
    site.ring();
    assert_eq!(site.mails().len(), 3);
    assert_eq!(site.states(), counts(&[("unconfirmed", 3)]));
}

#[test]
fn whoever_objected_is_asked_once_a_year_whether_that_is_still_so() {
    let site = asking();
    let ring = site.settings().lists.clone().expect("list keys");
    let ann = Identifier::Email(Email::parse("ann@example.com").expect("an address"));
    site.order("lists/suppressed?ledger=example-ab", &json!({ "add": [list_tag(&ring, LEDGER, &ann)] }));
    let mut mails = Vec::new();
    for n in 0..40 {
        post_from(&site, "192.0.2.1", &format!("{}&name=Ann{n}", asked("ann@example.com")));
        mails.push(site.mails().len());
        site.pass(10 * DAY);
    }
    assert_eq!(mails[0], 1, "they may have changed their mind");
    assert_eq!(mails[36], 1, "360 days later");
    assert_eq!(mails[37], 2, "a year later");
    assert_eq!(mails[39], 2);
}

#[test]
fn nobody_gets_round_a_cap_or_a_refusal_by_an_erasure() {
    let site = asking();
    let round = |n: usize| {
        let phone = format!("+467017406{n:02}");
        let form = format!("{}&phone={}", asked("ann@example.com"), phone.replace('+', "%2B"));
        post_from(&site, &format!("192.0.2.{n}"), &form);
        site.order("erase", &json!({ "phone": phone }));
        site.ring();
    };
    (10..14).for_each(round);
    assert_eq!(site.mails().len(), 2, "two that nobody has answered");
    let site = asking();
    let form = format!("{}&phone=%2B46701740610", asked("ann@example.com"));
    post_from(&site, "192.0.2.1", &form);
    assert_eq!(site.click(&site.mails()[0].2), 200, "it was not me");
    site.order("erase", &json!({ "phone": "+46701740610" }));
    site.pass(HOUR);
    post_from(&site, "192.0.2.2", &asked("ann@example.com"));
    assert_eq!(site.mails().len(), 1, "a refusal outlives the stranger's erasure");
    site.pass(31 * DAY);
    assert_eq!(site.count("request"), 0);
}

#[test]
fn a_mail_that_was_lost_comes_once_more_and_not_before_ten_minutes_have_passed() {
    let site = Site::new(&[confirmed_guide(json!({ "dedupe": { "remember_in_kv": false } }))]);
    let id = site.deliver("guide", ANN);
    for _ in 0..3 {
        assert_eq!(site.deliver("guide", ANN), id);
    }
    assert_eq!(site.mails().len(), 1);
    site.pass(10 * MINUTE - 1);
    site.deliver("guide", ANN);
    assert_eq!(site.mails().len(), 1);
    site.pass(1);
    for _ in 0..3 {
        site.deliver("guide", ANN);
        site.pass(HOUR);
    }
    let mails = site.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0], mails[1], "the same link");
    assert_eq!(site.states(), counts(&[("unconfirmed", 1)]));
    assert_eq!(site.click(&mails[0].1), 200);
    assert_eq!(site.states(), counts(&[("pending", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn a_thousand_requests_make_two_mails_and_each_confirms_its_own() {
    for confirmed in [0, 1] {
        let site = asking();
        let mut ids = std::collections::BTreeSet::new();
        for at in 0..1_000 {
            let form = if at % 2 == 0 { ann(&format!("name=Name+{at}")) } else { ANN.to_owned() };
            ids.insert(site.accept("guide", &form));
            site.set_clock(site.now_ms() + 2_000);
            if at % 50 == 0 {
                site.ring();
            }
        }
        site.ring();
        let mails = site.mails();
        assert_eq!(mails.len(), 2);
        assert!(mails.iter().all(|(to, ..)| to == "ann@example.com"));
        let all = i64::try_from(ids.len()).expect("a count");
        assert_eq!(all, 501);
        assert_eq!(site.states(), counts(&[("unconfirmed", 2), ("duplicate", all - 2)]));
        site.adds_up(LEDGER);

        let confirm = &mails[confirmed].1;
        assert_eq!(site.click(confirm), 200);
        site.ring();
        let delivered = site.rows(LEDGER, "SELECT submission_id FROM submission WHERE state = 'delivered'");
        assert_eq!(delivered.len(), 1);
        assert!(confirm.contains(delivered[0][0].as_str().expect("an id")));
        assert_eq!(site.states(), counts(&[("delivered", 1), ("duplicate", all - 1)]));
        site.adds_up(LEDGER);
        assert_eq!(site.click(&mails[1 - confirmed].1), 410, "what it was about is over");
        site.ring();
        assert_eq!(site.received().len(), 3);
        site.adds_up(LEDGER);

        assert_eq!(site.click(&mails[1 - confirmed].2), 200);
        let states = site.history_of("ann@example.com");
        assert_eq!(
            states.last().map(String::as_str),
            Some("newsletter=withdrawn valid"),
            "either mail withdraws"
        );
    }
}

#[test]
fn two_campaigns_may_ask_the_same_address_once_each() {
    let other = confirmed_guide(json!({ "id": "other" }));
    let third = confirmed_guide(json!({ "id": "third" }));
    let site = Site::new(&[confirmed_guide(json!({})), other, third]);
    for campaign in ["guide", "other", "third"] {
        site.deliver(campaign, ANN);
    }
    let mails = site.mails();
    assert_eq!(mails.len(), 2, "and a third one waits for an answer");
    for (_, confirm, _) in &mails {
        assert_eq!(site.click(confirm), 200);
    }
    site.ring();
    let mut kinds: Vec<_> = site.events().into_iter().skip(2).map(|event| event.0).collect();
    kinds.sort();
    assert_eq!(kinds, ["lead.qualified", "lead.updated"]);
    let mut leads: Vec<_> = site.received().iter().map(|one| one.body["data"]["lead_id"].clone()).collect();
    leads.retain(|id| !id.is_null());
    leads.dedup();
    assert_eq!(leads.len(), 1, "it is one person");
    site.adds_up(LEDGER);
    site.pass(HOUR);
    site.deliver("third", ANN);
    assert_eq!(site.mails().len(), 2, "the purpose is confirmed");
}
