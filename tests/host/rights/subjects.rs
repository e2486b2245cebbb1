//! Subjects: access, withdrawal and erasure reach what carries an identifier of the person, and nothing of anybody else
//! of the same lead.

use leadhook::app::ports::Ports as _;
use leadhook::pipeline::lead::{Identity, Link};
use leadhook::testing::world::{PUBLIC_URL, ReceiverMode};
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const VERA: &str = "vera@example.com";
const VERA_PHONE: &str = "+46701740605";
const MALLORY: &str = "mallory@example.com";
const MALLORY_PHONE: &str = "+46701740699";
/// By which nobody is recognised unless a campaign says so.
const BY_BOTH: [&str; 2] = ["email", "phone"];

fn email(address: &str) -> Value {
    json!({ "email": address })
}

fn phone(number: &str) -> Value {
    json!({ "phone": number })
}

fn form(parts: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(parts).append_pair("consent.newsletter", "on");
    form.finish()
}

/// Everything waits, so that all of it is still held.
fn held(changes: Value) -> Site {
    let qualify = json!({ "qualify": { "forward_at": 1_000 }, "dedupe": { "remember_in_kv": false } });
    Site::new(&[two_receivers(edited(qualify, changes))])
}

/// The names in the submissions that somebody is shown, and all of the answer as a text.
fn shown(site: &Site, person: &Value) -> (Vec<String>, String) {
    let held = site.order("access", person);
    let mut names = Vec::new();
    for lead in leads(&held) {
        for one in lead["submissions"].as_array().expect("submissions") {
            let taken_up = one.pointer("/data/taken_up").and_then(Value::as_array);
            let said = one.pointer("/data").into_iter().chain(taken_up.into_iter().flatten());
            let said = said.filter_map(|one| one.pointer("/lead/answers/name").and_then(Value::as_str));
            names.extend(said.map(str::to_owned));
        }
    }
    names.sort();
    (names, held.to_string())
}

#[test]
fn a_stranger_who_types_an_address_beside_his_own_phone_reaches_what_he_typed() {
    for by in [json!(["email"]), json!(BY_BOTH)] {
        let site = held(json!({ "dedupe": { "by": by, "remember_in_kv": false } }));
        site.accept("guide", &form(&[("email", VERA), ("name", "Vera private")]));
        site.accept("guide", &form(&[("email", VERA), ("phone", MALLORY_PHONE), ("name", "Mallory")]));
        let lead = site.lead_of(VERA);
        assert_eq!(shown(&site, &email(VERA)).0, ["Mallory", "Vera private"], "both carry her address");

        let (names, answer) = shown(&site, &phone(MALLORY_PHONE));
        assert_eq!(names, ["Mallory"], "{by}");
        assert!(!answer.contains("vera") && !answer.contains("Vera"), "{answer}");
        let told = &leads(&site.order("access", &phone(MALLORY_PHONE)))[0];
        assert_eq!(
            told["not_shown"].as_array().expect("texts").len(),
            2,
            "that there is more is said: {told}"
        );

        let erased = site.order("erase", &phone(MALLORY_PHONE));
        let ledger = &erased["ledgers"][0];
        let left = json!([{ "lead_id": lead["lead_id"], "submissions": 1 }]);
        assert_eq!(
            (&ledger["leads"], &ledger["left"], &ledger["submissions"]),
            (&json!([]), &left, &json!(1))
        );
        assert_eq!(shown(&site, &email(VERA)).0, ["Vera private"]);
        assert_eq!(site.lead_of(VERA)["consents"][0]["state"], "given", "and her consent stands");
        assert_eq!(shown(&site, &phone(MALLORY_PHONE)).0.len(), 0);
        site.adds_up(LEDGER);
    }
}

#[test]
fn a_stranger_who_shares_a_phone_reaches_his_own_alone() {
    let site = held(json!({ "dedupe": { "by": BY_BOTH, "remember_in_kv": false } }));
    let vera = [("email", VERA), ("phone", VERA_PHONE), ("name", "Vera private")];
    site.accept("guide", &form(&vera));
    site.accept("guide", &form(&[("email", MALLORY), ("phone", VERA_PHONE), ("name", "Mallory")]));
    assert_eq!(site.lead_id_of(VERA), site.lead_id_of(MALLORY), "they are one lead");

    let (names, answer) = shown(&site, &email(MALLORY));
    assert_eq!(names, ["Mallory"]);
    assert!(!answer.contains("Vera") && !answer.contains("vera") && !answer.contains(VERA_PHONE), "{answer}");
    assert_eq!(shown(&site, &email(VERA)).0, ["Vera private"]);
    assert_eq!(shown(&site, &phone(VERA_PHONE)).0, ["Mallory", "Vera private"], "the number is in both");

    site.order("erase", &email(MALLORY));
    assert_eq!(shown(&site, &email(VERA)).0, ["Vera private"]);
    site.order("erase", &email(VERA));
    assert_eq!(site.count("submission") + site.count("fingerprint") + site.count("carried"), 0);
}

#[test]
fn what_is_not_recognised_by_leads_nobody_into_a_lead() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", &form(&[("email", VERA), ("phone", VERA_PHONE)]));
    site.deliver("guide", &form(&[("email", MALLORY), ("phone", VERA_PHONE)]));
    site.deliver("guide", &form(&[("phone", VERA_PHONE)]));
    assert_eq!(site.story(), ["qualified guide of 1", "qualified guide of 2", "qualified guide of 3"]);
    let all = site.order("access", &phone(VERA_PHONE));
    assert_eq!(leads(&all).len(), 3, "but access finds what carries it");
    site.order("erase", &phone(VERA_PHONE));
    assert_eq!(site.count("submission") + site.count("fingerprint") + site.count("carried"), 0);
}

#[test]
fn what_is_delivered_says_by_what_the_person_was_recognised() {
    let site = Site::new(&[guide_with(json!({ "dedupe": { "by": BY_BOTH, "on_repeat": "update" } }))]);
    let told = |parts: &[(&str, &str)]| {
        site.deliver("guide", &form(parts));
        site.received().last().expect("a webhook").body["data"]["recognised_by"].clone()
    };
    assert_eq!(
        told(&[("email", VERA), ("phone", VERA_PHONE), ("name", "one")]),
        Value::Null,
        "nobody was known"
    );
    assert_eq!(told(&[("email", VERA), ("name", "two")]), json!(["email"]));
    assert_eq!(told(&[("email", MALLORY), ("phone", VERA_PHONE), ("name", "three")]), json!(["phone"]));
    assert_eq!(told(&[("email", VERA), ("phone", VERA_PHONE), ("name", "four")]), json!(["email", "phone"]));
}

#[test]
fn a_link_takes_back_what_its_own_subject_has_consented_to() {
    let site = Site::new(&[two_receivers(json!({ "dedupe": { "by": BY_BOTH, "on_repeat": "update" } }))]);
    site.deliver("guide", &form(&[("email", VERA), ("phone", VERA_PHONE), ("name", "Vera private")]));
    let hers = site.withdraw_url("newsletter");
    site.deliver("guide", &form(&[("email", MALLORY), ("phone", VERA_PHONE), ("name", "Mallory")]));
    let data = site.newest("lead.updated");
    let his = consent(&data, "newsletter")["withdraw_url"].as_str().expect("a link").to_owned();
    assert!(!text(&site.get(&format!("{his}/receipt"))).contains("vera"));
    let about_him = site.received().last().expect("a webhook").id.clone();

    assert_eq!(site.click(&his), 200);
    site.ring();
    let state = |address| {
        let consents = site.lead_of(address)["consents"].as_array().expect("consents").clone();
        let newsletter = consents.into_iter().find(|one| one["purpose"] == "newsletter");
        newsletter.expect("newsletter")["state"].clone()
    };
    assert_eq!((state(VERA), state(MALLORY)), (json!("given"), json!("withdrawn")));
    // She still agrees, so it is not the lead's consent that has ended.
    let told = site.received().last().expect("a webhook").body.clone();
    assert_eq!(told["type"], "lead.updated");
    assert_eq!(
        told["data"]["withdrawn"],
        json!({ "purposes": ["newsletter"], "webhook_ids": [about_him], "at": "2026-11-22T14:00:00.000Z" })
    );
    assert_eq!(site.click(&hers), 200);
    site.ring();
    assert_eq!(site.received().last().expect("a webhook").body["type"], "consent.withdrawn");
    assert_eq!(site.newest("consent.withdrawn")["purposes"], json!(["newsletter"]));
}

#[test]
fn receivers_erase_what_was_about_whoever_goes_and_the_lead_with_the_last() {
    let site = Site::new(&[two_receivers(json!({ "dedupe": { "by": BY_BOTH, "on_repeat": "update" } }))]);
    site.deliver("guide", &form(&[("email", VERA), ("phone", VERA_PHONE), ("name", "Vera private")]));
    site.deliver("guide", &form(&[("email", MALLORY), ("phone", VERA_PHONE), ("name", "Mallory")]));
    let about_him = site.received().last().expect("a webhook").id.clone();
    let lead_id = site.lead_id_of(VERA);
    site.order("erase", &email(MALLORY));
    site.ring();
    assert_eq!(
        site.newest("lead.updated"),
        json!({
            "lead_id": lead_id, "campaign": "guide",
            "erased": { "webhook_ids": [about_him], "at": "2026-11-22T14:00:00.000Z" },
        })
    );
    assert!(!site.events().iter().any(|(kind, ..)| kind == "lead.erased"));
    site.order("erase", &email(VERA));
    site.ring();
    let erased = json!({ "lead_id": lead_id, "campaign": "guide", "erased_at": "2026-11-22T14:00:00.000Z" });
    assert_eq!(site.newest("lead.erased"), erased);
}

#[test]
fn what_two_people_told_is_taken_apart_again() {
    let site = held(json!({
        "dedupe": { "by": BY_BOTH, "remember_in_kv": false }, "retention": { "held_days": 30 },
    }));
    // Held twice, and so scored as one: the number is in both.
    site.accept("guide", &form(&[("phone", VERA_PHONE), ("name", "Vera private")]));
    site.accept("guide", &form(&[("phone", VERA_PHONE), ("email", MALLORY), ("name", "Mallory")]));
    site.accept("guide", &form(&[("phone", VERA_PHONE), ("size", "51+")]));
    let (names, answer) = shown(&site, &email(MALLORY));
    assert_eq!(names, ["Mallory"]);
    assert!(!answer.contains("Vera") && !answer.contains("51+"), "{answer}");
    site.order("erase", &email(MALLORY));
    let (_, answer) = shown(&site, &phone(VERA_PHONE));
    assert!(answer.contains("Vera private") && answer.contains("51+"), "{answer}");
    assert!(!answer.contains("Mallory") && !answer.contains("mallory"), "{answer}");
    site.adds_up(LEDGER);
}

/// A form that asks for a friend's address and number as well.
fn with_friend(changes: Value) -> Value {
    let mut file = two_receivers(changes);
    let fields = file["field"].as_array_mut().expect("fields");
    fields.push(json!({ "name": "friend", "kind": "email" }));
    fields.push(json!({ "name": "friends_phone", "kind": "phone" }));
    file
}

#[test]
fn a_friend_is_shown_what_was_typed_of_them_and_nothing_of_whoever_typed_it() {
    let site = Site::new(&[with_friend(json!({ "qualify": { "forward_at": 1_000 } }))]);
    let friend = [("email", MALLORY), ("name", "Mallory"), ("friend", VERA), ("friends_phone", VERA_PHONE)];
    let id = site.accept("guide", &form(&friend));
    for (person, field, said) in
        [(email(VERA), "friend", VERA), (phone(VERA_PHONE), "friends_phone", VERA_PHONE)]
    {
        let held = site.order("access", &person);
        let mut fields = serde_json::Map::new();
        fields.insert(field.to_owned(), json!(said));
        let expected = json!([{ "submission_id": id, "campaign": "guide", "fields": fields }]);
        assert_eq!((&held["ledgers"][0]["mentions"], leads(&held).len()), (&expected, 0));
        assert!(!held.to_string().contains("allory"));
    }
    assert_eq!(site.order("access", &email(MALLORY))["ledgers"][0]["mentions"], json!([]));
}

#[test]
fn a_friend_who_was_erased_does_not_go_out() {
    for person in [email(VERA), phone(VERA_PHONE)] {
        let site = Site::new(&[with_friend(json!({}))]);
        site.set_receiver(ReceiverMode::Down);
        let friend =
            [("email", MALLORY), ("name", "Mallory"), ("friend", VERA), ("friends_phone", VERA_PHONE)];
        site.deliver("guide", &form(&friend));
        let erased = site.order("erase", &person);
        assert_eq!(erased["ledgers"][0]["submissions"], 0, "the post is not theirs");
        assert_eq!(site.order("access", &person)["ledgers"][0]["mentions"], json!([]));
        site.evict();
        site.set_receiver(ReceiverMode::Up);
        site.pass(DAY);
        let answers = &site.newest("lead.qualified")["answers"];
        let is_hers = person.get("email").is_some();
        assert_eq!(answers.get("friend").is_none(), is_hers, "{answers}");
        assert_eq!(answers.get("friends_phone").is_none(), !is_hers, "{answers}");
        assert_eq!(answers["name"], "Mallory", "what else was typed goes on");
    }
}

#[test]
fn a_post_that_names_a_suppressed_friend_is_suppressed() {
    let site = Site::new(&[with_friend(json!({}))]);
    site.order("erase", &email(VERA));
    site.deliver("guide", &form(&[("email", MALLORY), ("friend", VERA)]));
    assert_eq!((site.states(), site.received().len()), (counts(&[("suppressed", 1)]), 0));
}

#[test]
fn a_friend_is_found_while_the_post_waits_for_a_confirmation_or_an_operator() {
    let double = confirmed_guide(json!({ "field": [
        { "name": "email", "kind": "email", "required": true }, { "name": "name", "kind": "text" },
        { "name": "friend", "kind": "email" },
    ] }));
    let aside =
        with_friend(json!({ "abuse": { "quarantine_at": 50, "weights": { "honeypot_filled": 50 } } }));
    for (file, more, state) in
        [(double, ("name", "M"), "unconfirmed"), (aside, ("contact_website", "x"), "quarantined")]
    {
        let site = Site::new(&[file]);
        site.deliver("guide", &form(&[("email", MALLORY), ("friend", VERA), more]));
        assert_eq!(site.states(), counts(&[(state, 1)]));
        let held = site.order("access", &email(VERA));
        assert_eq!(held["ledgers"][0]["mentions"][0]["fields"], json!({ "friend": VERA }), "{state}");
        site.order("erase", &email(VERA));
        let (_, hers) = shown(&site, &email(VERA));
        let (_, his) = shown(&site, &email(MALLORY));
        assert!(!hers.contains(VERA) && his.contains(MALLORY) && !his.contains(VERA), "{state}: {his}");
    }
}

#[test]
fn a_link_is_one_of_its_campaign() {
    let other = |id: &str| edited(confirmed_guide(json!({ "id": id, "ledger": "example-ab" })), json!({}));
    let site = Site::new(&[other("guide"), other("other")]);
    site.deliver("guide", &form(&[("email", VERA)]));
    let (_, confirm, withdraw) = site.mails().remove(0);
    for link in [&confirm, &withdraw] {
        assert_eq!(site.click(&link.replace("/guide/", "/other/")), 410, "{link}");
    }
    assert_eq!(site.click(&confirm), 200);
    assert_eq!(site.click(&withdraw.replace("/guide/", "/other/")), 410);
    assert_eq!(site.lead_of(VERA)["consents"][0]["state"], "confirmed");
    assert_eq!(site.click(&withdraw), 200);
    assert_eq!(site.lead_of(VERA)["consents"][0]["state"], "withdrawn");
}

#[test]
fn a_link_of_before_they_named_a_subject_means_whoever_came_first() {
    let site = Site::new(&[two_receivers(json!({ "dedupe": { "by": BY_BOTH } }))]);
    site.deliver("guide", &form(&[("email", VERA), ("phone", VERA_PHONE)]));
    let older = |site: &Site| {
        let lead_id = site.lead_id_of(VERA);
        let identity = Identity::new(site.settings(), LEDGER);
        let token = identity.link(Link::Withdraw, None, None, &[&lead_id, "newsletter"]);
        format!("{PUBLIC_URL}/withdraw/guide/{token}")
    };
    let link = older(&site);
    site.deliver("guide", &form(&[("email", MALLORY), ("phone", VERA_PHONE)]));
    assert_eq!(site.click(&link), 200);
    assert_eq!(site.lead_of(VERA)["consents"][0]["state"], "withdrawn");
    assert_eq!(site.lead_of(MALLORY)["consents"][0]["state"], "given");
}

#[test]
fn a_part_of_a_history_can_be_verified_by_itself() {
    let site = Site::new(&[two_receivers(json!({ "dedupe": { "by": BY_BOTH } }))]);
    for name in ["one", "two", "three"] {
        let address = format!("{name}@example.com");
        site.deliver("guide", &form(&[("email", &address), ("phone", VERA_PHONE), ("name", name)]));
    }
    let history = |address: &str| site.lead_of(address)["history"].as_array().expect("a history").clone();
    let mac = |address: &str| history(address)[0]["act"]["mac"].clone();
    assert_eq!(history("one@example.com")[0].get("follows"), None, "it is the first");
    assert_eq!(history("two@example.com")[0]["follows"], mac("one@example.com"));
    assert_eq!(history("three@example.com")[0]["follows"], mac("two@example.com"));
    assert!(history("three@example.com").iter().all(|one| one["verdict"] == "valid"));
}

#[test]
fn whoever_has_had_a_merged_lead_is_told_of_each_of_its_people() {
    let site = held(json!({ "dedupe": { "by": ["phone"] }, "qualify": { "forward_at": 40 } }));
    site.deliver("guide", &form(&[("email", VERA), ("phone", VERA_PHONE), ("name", "Vera"), ("seats", "7")]));
    site.deliver("guide", &form(&[("email", MALLORY), ("phone", VERA_PHONE), ("size", "51+")]));
    let lead = site.newest("lead.qualified");
    assert_eq!(lead["answers"]["seats"], 7, "both posts stand in it");
    let recipients = |person: &Value| {
        leads(&site.order("access", person))
            .iter()
            .map(|lead| lead["recipients"].as_array().map_or(0, Vec::len))
            .sum::<usize>()
    };
    assert_eq!(recipients(&email(VERA)), 1);
    assert_eq!(recipients(&email(MALLORY)), 1);
    let erased = site.order("erase", &email(VERA));
    assert_eq!(erased["ledgers"][0]["told"].as_array().map(Vec::len), Some(1), "{erased}");
    site.ring();
    assert!(site.newest("lead.updated")["erased"]["webhook_ids"].is_array());
    assert_eq!(recipients(&email(MALLORY)), 1, "his is left");
}

#[test]
fn nobodys_consent_is_delivered_as_another_persons() {
    let site = held(json!({ "dedupe": { "by": ["phone"] }, "qualify": { "forward_at": 40 } }));
    let vera = [("email", VERA), ("phone", VERA_PHONE), ("name", "Vera"), ("consent.call", "on")];
    site.deliver("guide", &form(&vera));
    site.deliver("guide", &form(&[("email", MALLORY), ("phone", VERA_PHONE), ("size", "51+")]));
    let lead = site.newest("lead.qualified");
    assert_eq!(lead["contact"]["email"], MALLORY);
    let call = lead["consent"].as_array().expect("consents").iter().find(|one| one["purpose"] == "call");
    assert!(call.is_none_or(|call| call["granted"] == false), "{call:?}");
}

#[test]
fn a_friend_of_an_earlier_post_is_found_in_the_one_that_took_it_up() {
    let site = Site::new(&[with_friend(json!({ "qualify": { "forward_at": 40 } }))]);
    site.deliver("guide", &form(&[("email", MALLORY), ("name", "Mal"), ("friend", VERA)]));
    site.deliver("guide", &form(&[("email", MALLORY), ("name", "Mall"), ("friend", "other@example.com")]));
    let mentions = |site: &Site| site.order("access", &email(VERA))["ledgers"][0]["mentions"].clone();
    assert_eq!(mentions(&site).as_array().map(Vec::len), Some(1), "{}", mentions(&site));
    let erased = site.order("erase", &email(VERA));
    assert_eq!(erased["ledgers"][0]["mentions"], 1);
    site.deliver("guide", &form(&[("email", MALLORY), ("size", "51+")]));
    assert!(!site.newest("lead.qualified").to_string().contains(VERA));
}
