//! Upgrades: ledgers, leads and links that an older version has written.

use leadhook::app::ports::Ports as _;
use leadhook::base::sealing::Sealer;
use leadhook::pipeline::lead::{Identity, Link};
use leadhook::testing::world::{PUBLIC_URL, ReceiverMode};
use serde_json::{Value, json};

use crate::support::person::{confirmed_guide, consent, leads, told};
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on";
const BOB: &str = "email=bob%40example.com&consent.newsletter=on";
const LEDGER: &str = "example-ab";

/// Brings a ledger with one undelivered lead back to what the code before wrote: the consents lie
/// sealed beside the payload, and nothing is chained.
fn age(site: &Site) {
    let row = &site.rows(LEDGER, "SELECT lead_id, submission_id FROM submission")[0];
    let [lead_id, submission_id] = [0, 1].map(|column| row[column].as_str().expect("a text"));
    let payload = site.sealed(LEDGER, "SELECT payload FROM submission")[0].clone().expect("bytes");
    let sealer = Sealer::new(&site.settings().sealing, LEDGER);
    let place = format!("payload/{lead_id}/{submission_id}");
    let opened = sealer.open(&payload, &place).expect("a payload");
    let mut payload: Value = serde_json::from_slice(&opened).expect("JSON");
    for key in ["acts", "subjects"] {
        payload.as_object_mut().expect("an object").remove(key).expect(key);
    }
    let payload = sealer.seal_text(payload.to_string().as_bytes(), &place, [1; 12]).expect("sealed");
    let consent = json!([{
        "purpose": "newsletter", "granted": true, "version": "2026-11", "version_shown": "unstated",
        "text_sha256": "x", "language": "sv", "channel": "email", "category": "marketing",
        "notice": { "url": "https://www.example.com/privacy", "sha256": "y" },
        "at": "2026-11-22T14:00:00.000Z", "method": "form",
    }]);
    let place = format!("consent/{lead_id}/{submission_id}");
    let consent = sealer.seal_text(consent.to_string().as_bytes(), &place, [2; 12]).expect("sealed");
    site.execute(
        LEDGER,
        &format!(
            "CREATE TABLE older (
               lead_id TEXT NOT NULL, submission_id TEXT NOT NULL, format INTEGER NOT NULL,
               campaign TEXT NOT NULL, source TEXT NOT NULL, hour INTEGER NOT NULL, state TEXT NOT NULL,
               at_ms INTEGER NOT NULL, known_until_ms INTEGER NOT NULL, payload TEXT, consent TEXT NOT NULL,
               PRIMARY KEY (lead_id, submission_id)) WITHOUT ROWID;
             INSERT INTO older SELECT lead_id, submission_id, 1, campaign, source, hour, state, at_ms,
               known_until_ms, '{payload}', '{consent}' FROM submission;
             DROP TABLE submission;
             ALTER TABLE older RENAME TO submission;
             ALTER TABLE delivery DROP COLUMN notice;
             DROP INDEX delivery_dead; DROP INDEX delivery_paused;
             ALTER TABLE counter DROP COLUMN fresh;
             ALTER TABLE counter DROP COLUMN qualified;
             ALTER TABLE counter DROP COLUMN arrived;
             ALTER TABLE counter DROP COLUMN scores;
             DROP TABLE revision; DROP TABLE audit; DROP TABLE engagement;
             ALTER TABLE delivery DROP COLUMN subject;
             ALTER TABLE delivery DROP COLUMN beside;
             INSERT INTO fingerprint SELECT * FROM carried;
             DROP TABLE lead; DROP TABLE standing; DROP TABLE carried; DROP TABLE mentioned;
             DROP TABLE act; DROP TABLE terms; DROP TABLE listed; DROP TABLE request; DROP TABLE alias;
             DROP INDEX delivery_due;
             CREATE INDEX delivery_due ON delivery (due_ms) WHERE state = 'pending';
             ALTER TABLE delivery ADD COLUMN leased INTEGER NOT NULL DEFAULT 0;
             UPDATE delivery SET leased = 1, due_ms = due_ms + 1000000, format = 1;
             DELETE FROM meta WHERE key = 'sent';
             DELETE FROM migration WHERE version >= 2"
        ),
    );
}

#[test]
fn a_ledger_of_an_older_code_is_brought_up_to_date_and_its_leads_go_out() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(500));
    site.deliver("guide", ANN);
    age(&site);
    site.evict();
    site.set_receiver(ReceiverMode::Up);
    site.accept("guide", BOB);
    site.pass(1);
    let received = site.received();
    assert_eq!(received.len(), 2, "what was in flight when the older code stopped is due");
    assert_eq!(site.rows(LEDGER, "SELECT 1 FROM delivery WHERE state = 'delivered'").len(), 2);
    let consents = |at: usize| &received[at].body["data"]["consent"][0];
    assert!(consents(0)["granted"] == true && consents(1)["granted"] == true);
    let chained = [0, 1].map(|at| consents(at)["receipt"].is_string());
    assert!(chained.contains(&true) && chained.contains(&false), "what was not chained has no receipt");
    let milestones = "SELECT sum(fresh), sum(qualified), sum(arrived) FROM counter";
    assert_eq!(site.rows(LEDGER, milestones), [[json!(2), json!(2), json!(2)]], "each is counted once");
}

/// A ledger of an older code with one lead of Ann's that nobody has received.
fn aged(campaigns: &[Value], form: &str) -> Site {
    let site = Site::new(campaigns);
    site.set_receiver(ReceiverMode::Refuses(500));
    site.deliver("guide", form);
    age(&site);
    site.evict();
    site
}

#[test]
fn a_person_of_an_older_code_sees_what_is_held() {
    let site = aged(&[guide()], "email=ann%40example.com&phone=0701740605&name=Ann&consent.newsletter=on");
    let shown = leads(&site.order("access", &json!({ "email": "ann@example.com" })));
    assert_eq!(shown.len(), 1);
    let submission = &shown[0]["submissions"][0];
    assert_eq!(submission["data"]["lead"]["answers"], json!({ "name": "Ann" }));
    assert_eq!(submission["consent"][0]["purpose"], "newsletter");
    assert_eq!(
        (&shown[0]["history"], &shown[0]["recipients"][0]["destination"]),
        (&json!([]), &json!("crm"))
    );
}

#[test]
fn a_person_of_an_older_code_is_erased() {
    let site = aged(&[guide()], "email=ann%40example.com&phone=0701740605&name=Ann&consent.newsletter=on");
    let erased = site.order("erase", &json!({ "email": "ann@example.com" }));
    assert_eq!(erased["ledgers"][0]["submissions"], 1);
    site.set_receiver(ReceiverMode::Up);
    site.pass(2 * DAY);
    let kinds: Vec<_> = site.events().into_iter().map(|event| event.0).collect();
    assert_eq!(kinds, ["lead.erased"]);
    let tables = ["submission", "fingerprint", "act"];
    assert_eq!(tables.map(|table| site.count(table)), [0; 3]);
    assert_eq!(site.states(), counts(&[("erased", 1)]));
}

#[test]
fn a_withdrawal_reaches_what_an_older_code_has_kept() {
    let site = aged(&[guide()], ANN);
    let link = |purpose: &str| site.withdrawal_of("ann@example.com", purpose);
    assert_eq!(site.click(&link_of_old(&site)), 200);
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(site.click(&link("newsletter")), 200);
    site.set_receiver(ReceiverMode::Up);
    site.pass(2 * DAY);
    let kinds: Vec<_> = site.events().into_iter().map(|event| event.0).collect();
    assert_eq!(kinds, ["consent.withdrawn"]);
    assert_eq!(site.states(), counts(&[("withdrawn", 1), ("duplicate", 1)]));
    site.adds_up(LEDGER);
}

/// The link that a receipt of the older lead would have had.
fn link_of_old(site: &Site) -> String {
    let shown = leads(&site.order("access", &json!({ "email": "ann@example.com" })));
    let lead_id = shown[0]["lead_id"].as_str().expect("an id");
    let token =
        Identity::new(site.settings(), LEDGER).link(Link::Withdraw, None, None, &[lead_id, "newsletter"]);
    format!("{PUBLIC_URL}/withdraw/guide/{token}")
}

#[test]
fn a_held_lead_of_an_older_code_is_merged_without_what_was_withdrawn_since() {
    let optional = json!([{ "id": "newsletter", "text": "News?", "version": "2026-11" }]);
    let crm = destination_with("crm", "https://crm.example.com/crm", json!({ "needs": [] }));
    let file = guide_with(json!({
        "purpose": optional, "destination": [crm], "qualify": { "forward_at": 20 },
    }));
    let site = aged(&[file], &format!("{ANN}&name=Ann"));
    site.deliver("guide", &format!("{ANN}&seats=3"));
    assert_eq!(site.states(), counts(&[("held", 1), ("duplicate", 1)]));
    site.click(&site.withdrawal_of("ann@example.com", "newsletter"));
    site.set_receiver(ReceiverMode::Up);
    site.deliver("guide", "email=ann%40example.com&size=51%2B");
    let data = site.newest("lead.qualified");
    assert_eq!(data["answers"], json!({ "name": "Ann", "seats": 3, "size": "51+" }));
    assert_eq!(consent(&data, "newsletter")["granted"], false);
    let lead = site.lead_of("ann@example.com");
    assert_eq!(told(&lead)[1], "newsletter=withdrawn valid");
}

#[test]
fn a_dead_lead_of_an_older_code_is_not_replayed_with_what_was_withdrawn_since() {
    let crm = destination_with("crm", "https://crm.example.com/crm", json!({ "needs": [] }));
    let optional = json!([{ "id": "newsletter", "text": "News?", "version": "2026-11" }]);
    let site = aged(&[guide_with(json!({ "purpose": optional, "destination": [crm] }))], ANN);
    site.deliver("guide", &format!("{ANN}&seats=3"));
    site.click(&site.withdrawal_of("ann@example.com", "newsletter"));
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    assert_eq!(consent(&site.newest("lead.qualified"), "newsletter")["granted"], false);
}

#[test]
fn a_person_of_an_older_code_is_asked_where_the_campaign_asks_now() {
    let site = aged(&[guide()], ANN);
    site.set_receiver(ReceiverMode::Up);
    site.pass(DAY);
    let known = site.newest("lead.qualified")["lead_id"].clone();
    site.republish(&confirmed_guide(json!({})));
    site.deliver("guide", ANN);
    assert_eq!(site.mails().len(), 1);
    assert_eq!(site.click(&site.mails()[0].1), 200);
    site.ring();
    assert_eq!(site.lead_of("ann@example.com")["lead_id"], known);
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.pass(400 * DAY);
    assert_eq!(site.count("submission"), 0);
}
