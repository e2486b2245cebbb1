//! Upgrade of a ledger of a version before format 4: its leads, links and requests go on as if nothing had changed.

use leadhook::http::request::Method;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

/// `guide` has two posts of Ann's, and one of Mallory's, who typed her address beside his own phone; one of Dora's,
/// who took it back; and one of Hal's and one of Ida's, which the receiver did not take. `later` holds Bob's, `join`
/// has asked Eve and was answered by Carl, `gift` gave Fia the magnet, and `aside` put Gil's aside.
const STATEMENTS: &str = include_str!("../../data/ledger-format-3.sql");
const ANNS_LINK: &str = "https://leads.example.com/withdraw/guide/lead_1k81osvo00nidep61va7ao5og.newsletter.k1.A-TXLoBNc74ClrIcbu2idQ";
const EVES_LINK: &str = "https://leads.example.com/confirm/join/lead_1k81osvo0lovdv88of406trve.sub_Iigul6WRkDidcmWeLjIFl0Xv.k1.VYy4Kr785K471hLIU8nv_Q";
const FIAS_LINK: &str =
    "https://leads.example.com/d/gift/gift.sub_7Hrqq409AyAAMeINvvXbOzU8.1795964400.k1.AnJgv-wxmUc_DX3jZbiUIw";
const MALLORY: &str = "+46701740699";

fn site() -> Site {
    let site = Site::new(&[
        guide(),
        guide_with(json!({ "id": "later", "qualify": { "forward_at": 90 } })),
        edited(confirmed_guide(json!({})), json!({ "id": "join" })),
        guide_with(
            json!({ "id": "gift", "magnet": { "title": "The gift", "url": "https://www.example.com/gift.pdf" } }),
        ),
        guide_with(
            json!({ "id": "aside", "abuse": { "quarantine_at": 50, "weights": { "honeypot_filled": 50 } } }),
        ),
    ]);
    site.restore(LEDGER, STATEMENTS).expect("a database");
    site
}

/// The names in the answers that somebody is shown, in their order.
fn names(site: &Site, person: &Value) -> Vec<String> {
    let shown = leads(&site.order("access", person));
    let submissions = shown.iter().flat_map(|lead| lead["submissions"].as_array().expect("submissions"));
    let mut names: Vec<_> = submissions
        .filter_map(|one| one["data"]["lead"]["answers"]["name"].as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn email(address: &str) -> Value {
    json!({ "email": address })
}

#[test]
fn what_waited_goes_out() {
    let site = site();
    site.accept("guide", "email=new%40example.com&consent.newsletter=on");
    site.pass(HOUR);
    let arrived: Vec<_> =
        site.received().iter().filter_map(|one| one.body.pointer("/data/contact/email").cloned()).collect();
    for address in ["hal@example.com", "ida@example.com", "new@example.com"] {
        assert!(arrived.contains(&json!(address)), "{address} is among {arrived:?}");
    }
    site.adds_up(LEDGER);
}

#[test]
fn a_stranger_sees_and_erases_what_he_typed_alone() {
    let site = site();
    let shown = leads(&site.order("access", &json!({ "phone": MALLORY })));
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["submissions"].as_array().map(Vec::len), Some(1), "{shown:?}");
    assert!(!json!(shown).to_string().contains("ann@example.com"));
    let erased = site.order("erase", &json!({ "phone": MALLORY }));
    assert_eq!(erased["ledgers"][0]["leads"], json!([]), "the lead is Ann's");
    site.ring();
    let of_ann = leads(&site.order("access", &email("ann@example.com")));
    assert_eq!(of_ann[0]["submissions"].as_array().map(Vec::len), Some(2));
    assert_eq!(leads(&site.order("access", &json!({ "phone": MALLORY }))), [] as [Value; 0]);
    site.adds_up(LEDGER);
}

#[test]
fn everybody_is_found_and_forgotten() {
    let site = site();
    assert_eq!(names(&site, &email("ida@example.com")), ["Ida"]);
    assert_eq!(names(&site, &json!({ "phone": "+46701740610" })), ["Ida"]);
    for (address, name) in [("bob", "Bob"), ("eve", "Eve"), ("gil", "Gil"), ("hal", "Hal")] {
        assert_eq!(names(&site, &email(&format!("{address}@example.com"))), [name]);
    }
    for address in ["ann", "bob", "carl", "dora", "eve", "fia", "gil", "hal", "ida"] {
        site.order("erase", &email(&format!("{address}@example.com")));
        site.ring();
    }
    let rows = |table: &str| site.rows(LEDGER, &format!("SELECT * FROM {table}"));
    for table in
        ["submission", "fingerprint", "carried", "mentioned", "request", "lead", "standing", "engagement"]
    {
        assert_eq!(rows(table), Vec::<Vec<Value>>::new(), "{table}");
    }
    assert_eq!(site.rows(LEDGER, "SELECT 1 FROM act WHERE personal IS NOT NULL").len(), 0);
    let erased = site.received().iter().filter(|one| one.body["type"] == "lead.erased").count();
    assert!(erased >= 4, "receivers are told: {erased}");
    site.adds_up(LEDGER);
}

#[test]
fn links_that_were_given_out_still_work() {
    let site = site();
    assert_eq!(site.click(ANNS_LINK), 200);
    site.ring();
    assert_eq!(site.newest("consent.withdrawn")["purposes"], json!(["newsletter"]));
    assert_eq!(site.click(EVES_LINK), 200);
    site.ring();
    assert_eq!(site.newest("lead.qualified")["contact"]["email"], "eve@example.com");
    let gift = site.send(&leadhook::testing::world::request(Method::Post, &path(FIAS_LINK), FORM, ""));
    assert_eq!(gift.status, 303);
    site.adds_up(LEDGER);
}

#[test]
fn who_comes_again_is_known() {
    let site = site();
    let lead_of = |address: &str| leads(&site.order("access", &email(address)))[0]["lead_id"].clone();
    let (ann, bob) = (lead_of("ann@example.com"), lead_of("bob@example.com"));
    site.deliver("guide", "email=ann%40example.com&name=Again&consent.newsletter=2026-11");
    assert_eq!(site.last_decision(), "duplicate");
    assert_eq!(lead_of("ann@example.com"), ann);
    site.deliver("later", "email=bob%40firm.example&consent.newsletter=on");
    assert_eq!(site.last_decision(), "held", "somebody else");
    site.deliver(
        "later",
        "email=bob%40example.com&name=Bob&size=51%2B&country=SE&phone=0701740677&consent.newsletter=on",
    );
    site.pass(HOUR);
    assert_eq!(lead_of("bob@example.com"), bob);
    site.deliver("join", "email=carl%40example.com&name=Again&consent.newsletter=2026-11");
    assert_eq!(site.mails().len(), 0, "Carl has confirmed, and Eve was asked");
    let held = site.admin(Method::Get, "quarantine?campaign=aside");
    let id = held["submissions"][0]["submission_id"].clone();
    assert_eq!(site.order("quarantine/release", &json!({ "submission_ids": [id] }))["released"], json!([id]));
    site.ring();
    assert_eq!(site.newest("lead.qualified")["contact"]["email"], "gil@example.com");
    site.adds_up(LEDGER);
}

#[test]
fn retention_ends_it() {
    let site = site();
    site.pass(4 * 365 * DAY);
    for table in ["submission", "fingerprint", "carried", "request", "lead", "standing", "act", "engagement"]
    {
        assert_eq!(site.rows(LEDGER, &format!("SELECT * FROM {table}")), Vec::<Vec<Value>>::new(), "{table}");
    }
}
