//! Receipts and histories of the core, verified by the command line.

use leadhook::app::ports::Ports as _;
use leadhook::campaign::Campaign;
use leadhook::contact::Email;
use leadhook::http::request::Method;
use leadhook::ledger::api::{Access, Request as _};
use leadhook::ledger::wire::Reply;
use leadhook::pipeline::lead::{Identifier, Identity};
use leadhook::testing::world::{World, request, signing_key};
use serde_json::{Value, json};

use super::receipts::jwks;
use super::{done, folder, refused, ring, write};

const DEMO: &str = include_str!("../../examples/campaigns/demo-request.toml");

#[test]
fn a_receipt_and_a_history_of_the_core_are_verified() {
    let folder = folder("whole");
    let table: toml::Table = toml::from_str(DEMO).expect("TOML");
    let campaign = Campaign::accept(&serde_json::to_value(table).expect("JSON")).expect("a campaign");
    let mut world = World::new(1).expect("a world");
    world.set_settings(|settings| settings.development = true);
    world.publish(&campaign).expect("published");
    let post = json!({
        "email": "eva@acme.example", "name": "Eva", "company": "Acme", "role": "Management", "country": "SE",
        "company_size": "201+", "timeframe": "This month", "consent": { "contact": true },
    });
    let post = request(Method::Post, "/c/demo-request", "application/json", &post.to_string());
    assert_eq!(pollster::block_on(world.serve(&post)).response.status, 202);
    pollster::block_on(world.ring_alarms()).expect("alarms");

    let (peppers, signing) = (ring("k1", 1), signing_key("s1", [3; 32]));
    write(
        &folder,
        "leadhook.keys",
        &format!("LEADHOOK_PEPPERS=\"{peppers}\"\nLEADHOOK_SIGNING_KEYS=\"{signing}\"\n"),
    );
    write(&folder, "jwks.json", &jwks(&[("s1", 3)]).to_string());
    let body = world.received()[0].body.clone();
    write(&folder, "body.json", &body.to_string());
    let start = ["receipt", "verify", "body.json", "--jwks", "jwks.json", "--keys", "leadhook.keys"];
    let about =
        |email: &'static str| [&start[..], &["--ledger", &campaign.ledger, "--email", email]].concat();
    let said = done(&folder, &about("eva@acme.example"));
    assert!(said.contains("the person with that address"), "{said}");
    let wording = &campaign.purposes[0].wording;
    assert!(said.contains(&wording.text) && said.contains(&wording.sha256) && said.contains("given"));
    // The campaign may leave out an address; all else is stated.
    assert!(!said.contains("not stated"), "{said}");
    assert!(refused(&folder, &about("ada@acme.example")).contains("not about"));

    let receipt = body["data"]["consent"][0]["receipt"].as_str().expect("a receipt");
    write(&folder, "r.jws", receipt);
    let identity = Identity::new(world.settings(), &campaign.ledger);
    let person = Identifier::Email(Email::parse("eva@acme.example").expect("an address"));
    let fingerprints = identity.fingerprints_of(&person);
    let access = Access { fingerprints, list_tags: Vec::new(), after: None };
    let answer = pollster::block_on(world.ask(&campaign.ledger, &access.into_call(None))).expect("an answer");
    let Reply::Report(held) = answer else { panic!("a ledger says what it holds") };
    let mut held = json!({ "ledgers": [held] });
    write(&folder, "access.json", &held.to_string());
    let verify = ["consent", "verify", "access.json", "--keys", "leadhook.keys", "--receipt", "r.jws"];
    assert!(
        done(&folder, &verify)
            .contains("contact given, newsletter refused  valid\nthe history contains act 1")
    );
    held["ledgers"][0]["leads"][0]["history"][0]["act"]["consents"][0][1] = Value::from("refused");
    write(&folder, "access.json", &held.to_string());
    assert!(refused(&folder, &verify).contains("1 of 1 acts have been changed"));
}
