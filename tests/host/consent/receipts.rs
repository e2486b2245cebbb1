//! Consent receipts and the links beside them.

use leadhook::pipeline::lead::subject;
use leadhook::testing::world::{PUBLIC_URL, ReceiverMode};
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const BOTH: &str = "email=ann%40example.com&consent.newsletter=2026-11&consent.call=2";

#[test]
fn a_granted_purpose_has_a_receipt_that_anybody_can_verify_and_a_refused_one_has_none() {
    let partner = destination_with("partner", CALLS, json!({ "third_party": true }));
    let site = Site::new(&[guide_with(json!({ "destination": [destination("crm", CRM), partner] }))]);
    let id = site.deliver("guide", &format!("{ANN}&page_url=https%3A%2F%2Fwww.example.com%2Fa"));
    let data = site.newest("lead.qualified");
    let refused = consent(&data, "call");
    assert_eq!((refused.get("receipt"), refused.get("withdraw_url")), (None, None));
    let given = consent(&data, "newsletter");
    let (payload, kid) = site.verified(&receipt(&given));
    assert_eq!(kid, "s1");

    let record = &payload["record"];
    assert_eq!(payload["piiPrincipalId"], json!(subject(&site.tags_of("ann@example.com")[0])));
    assert_eq!(
        record["pii_processing"]["purposes"][0]["wording"],
        json!({ "version": "2026-11", "sha256": given["text_sha256"], "version_shown": "2026-11" })
    );
    assert_eq!(payload["services"][0]["purposes"][0]["termination"], given["withdraw_url"]);
    assert_eq!(payload["services"][0]["purposes"][0]["purpose"], "Yes, send me <i>news</i>.");
    let third = &payload["services"][0]["purposes"][0];
    assert_eq!((&third["thirdPartyDisclosure"], &third["thirdPartyName"]), (&json!(true), &json!("partner")));
    let recipients = &record["pii_processing"]["purposes"][0]["recipient_third_parties"];
    let told: Vec<_> =
        recipients.as_array().expect("recipients").iter().map(|one| one["third_party"].clone()).collect();
    assert_eq!(told, [false, true]);
    assert_eq!((&record["page"], &record["submission_id"]), (&given["page"], &json!(id)));
    let act = &site.lead_of("ann@example.com")["history"][0]["act"];
    assert_eq!(record["history"], json!({ "seq": 1, "head": act["mac"] }));
}

#[test]
fn every_attempt_of_a_delivery_has_the_same_bytes_and_an_evicted_object_makes_the_same_receipt() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::LosesAnswers);
    site.deliver("guide", BOTH);
    site.pass(MINUTE);
    site.restart();
    site.pass(HOUR);
    site.set_receiver(ReceiverMode::Up);
    site.restart();
    site.pass(DAY);
    let received = site.received();
    assert!(received.len() > 3);
    assert!(received.iter().all(|one| *one == received[0]));
    for purpose in ["newsletter", "call"] {
        site.verified(&receipt(&consent(&received[0].body["data"], purpose)));
    }
}

#[test]
fn without_a_signing_key_there_are_no_receipts_and_all_else_works() {
    let mut site = Site::new(&[guide()]);
    site.set_settings(|settings| settings.signing = None);
    site.deliver("guide", BOTH);
    let given = consent(&site.newest("lead.qualified"), "newsletter");
    assert_eq!(given.get("receipt"), None);
    let keys = body(&site.get(&format!("{PUBLIC_URL}/.well-known/jwks.json")));
    assert_eq!(keys, json!({ "keys": [] }));
    let url = given["withdraw_url"].as_str().expect("a link");
    let shown = body(&site.get(&format!("{url}/receipt")));
    assert_eq!(shown["consents"][0]["receipt"], Value::Null);
    assert_eq!(site.click(url), 200);
    let expected = ["newsletter=given call=given valid", "newsletter=withdrawn valid"];
    assert_eq!(site.history_of("ann@example.com"), expected);
    let erased = site.order("erase", &json!({ "email": "ann@example.com" }));
    assert_eq!(erased["receipt"], Value::Null);
}

#[test]
fn without_a_public_url_there_are_no_links_and_all_else_works() {
    let mut site = Site::new(&[guide()]);
    site.set_settings(|settings| settings.public_url = None);
    site.deliver("guide", ANN);
    let given = consent(&site.newest("lead.qualified"), "newsletter");
    assert_eq!(given.get("withdraw_url"), None);
    site.verified(&receipt(&given));
}

#[test]
fn a_person_sees_by_the_link_what_was_agreed_to() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", BOTH);
    let data = site.newest("lead.qualified");
    let before = site.dump(LEDGER);
    let url = site.withdraw_url("call");
    let page = site.get(&url);
    assert_eq!(page.status, 200);
    assert!(text(&page).contains("Yes, call me.") && text(&page).contains("method=\"post\""));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let shown = body(&site.get(&format!("{url}/receipt")));
    assert_eq!(shown["consents"].as_array().map(Vec::len), Some(1), "the link is about one purpose");
    assert_eq!(shown["consents"][0]["receipt"], consent(&data, "call")["receipt"]);
    assert_eq!(site.dump(LEDGER), before, "to look changes nothing");
}
