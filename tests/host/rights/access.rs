//! Access: a person sees everything of their own, and nothing of another.

use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const BOTH: &str = "email=ann%40example.com&consent.newsletter=2026-11&consent.call=2";

fn erase(site: &Site, person: Value) -> Value {
    site.order("erase", &person)
}

fn ann() -> Value {
    json!({ "email": "ann@example.com" })
}

#[test]
fn a_person_sees_everything_of_their_own_and_nothing_of_another() {
    let site = Site::new(&[two_receivers(json!({ "qualify": { "forward_at": 20 } }))]);
    let held = site.deliver("guide", &format!("{BOTH}&seats=7&utm_source=news"));
    site.deliver("guide", "email=bob%40example.com&name=Bob&size=51%2B&consent.newsletter=on");
    site.new_isolate();
    site.accept("guide", &format!("{BOTH}&seats=7&utm_source=news"));
    let shown = site.order("access", &ann());
    assert!(!shown.to_string().to_lowercase().contains("bob"));
    let ledger = &shown["ledgers"][0];
    assert_eq!(ledger["kv"], json!({ "submissions_of_the_last_minutes": 1 }));
    let lead = site.lead_of("ann@example.com");
    let submission = &lead["submissions"][0];
    assert_eq!((&submission["submission_id"], &submission["state"]), (&json!(held), &json!("held")));
    assert_eq!(submission["at"], "2026-11-22T14:00:00.000Z");
    assert_eq!(submission["data"]["lead"]["contact"], json!({ "email": "ann@example.com" }));
    assert_eq!(submission["data"]["lead"]["answers"], json!({ "seats": 7 }));
    assert_eq!(submission["data"]["lead"]["attribution"], json!({ "utm_source": "news" }));
    assert_eq!((&lead["recipients"], &lead["fingerprints"]), (&json!([]), &json!(["email.k1"])));

    site.pass(MINUTE);
    site.deliver("guide", &format!("{BOTH}&size=51%2B"));
    let lead = site.lead_of("ann@example.com");
    let recipients = lead["recipients"].as_array().expect("recipients");
    let mut to: Vec<_> = recipients.iter().map(|one| one["destination"].clone()).collect();
    to.sort_by_key(Value::to_string);
    assert_eq!(to, ["calls", "crm"]);
    for one in recipients {
        let times = [&one["decided_at"], &one["settled_at"]];
        assert_eq!(times, ["2026-11-22T14:01:00.000Z"; 2]);
        assert_eq!((&one["event"], &one["state"]), (&json!("lead.qualified"), &json!("delivered")));
    }
}

#[test]
fn two_people_who_share_a_phone_do_not_see_each_other() {
    let site = Site::new(&[guide()]);
    let phone = "phone=0701740605&consent.newsletter=on";
    site.deliver("guide", &format!("email=ann%40example.com&{phone}"));
    site.deliver("guide", &format!("email=bob%40example.com&{phone}"));
    assert_eq!(site.story().len(), 2);
    assert_eq!(leads(&site.order("access", &ann())).len(), 1, "an address shows its owner's lead alone");
    assert_eq!(leads(&site.order("access", &json!({ "phone": "+46701740605" }))).len(), 2);
    assert_eq!(erase(&site, ann())["ledgers"][0]["submissions"], 1);
    assert_eq!(site.states(), counts(&[("erased", 1), ("delivered", 1)]));
    assert_eq!(erase(&site, json!({ "phone": "+46701740605" }))["ledgers"][0]["submissions"], 1);
}

#[test]
fn of_two_leads_each_identifier_reaches_what_it_posted() {
    let phone = json!({ "phone": "+46701740605" });
    let both = json!({ "email": "ann@example.com", "phone": "+46701740605" });
    for (person, leads, left) in [(ann(), 1, 1), (phone, 1, 1), (both, 2, 0)] {
        let site = Site::new(&[guide_with(json!({ "dedupe": { "by": ["email", "phone"] } }))]);
        site.deliver("guide", ANN);
        site.deliver("guide", "phone=0701740605&consent.newsletter=on");
        site.deliver("guide", &format!("{ANN}&phone=0701740605"));
        let erased = erase(&site, person.clone());
        assert_eq!(erased["ledgers"][0]["leads"].as_array().map(Vec::len), Some(leads), "{person}");
        assert_eq!(erased["ledgers"][0]["submissions"], 3 - left, "{person}");
        assert_eq!(site.states().get("erased"), Some(&(3 - left)), "{person}");
        site.adds_up(LEDGER);
    }
}

#[test]
fn a_person_who_asked_and_was_never_confirmed_sees_what_waits() {
    let site = Site::new(&[confirmed_guide(json!({}))]);
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    let shown = leads(&site.order("access", &ann()));
    assert_eq!(shown.len(), 1);
    assert_eq!(shown[0]["submissions"][0]["data"]["lead"]["answers"], json!({ "name": "Ann" }));
    assert_eq!(shown[0]["submissions"][0]["waits_until"], "2026-11-25T14:00:00.000Z");
    assert_eq!(shown[0]["recipients"][0]["event"], "confirmation.requested");
}
