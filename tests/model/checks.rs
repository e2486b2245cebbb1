//! What must hold after every operation.

use std::collections::{BTreeMap, BTreeSet};

use leadhook::ledger::State;
use serde_json::{Value, json};

use crate::common::Site;
use crate::people::{CAMPAIGNS, MARK, People};

pub const LEDGERS: [&str; 2] = ["shared", "chat"];

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

/// What every ledger holds of submissions, deliveries and counters.
pub fn ledgers(site: &Site, people: &People, deliveries: &mut BTreeSet<String>) {
    for ledger in LEDGERS {
        let rows = site.rows(ledger, "SELECT lead_id, campaign, state, payload IS NOT NULL FROM submission");
        let (mut by_lead, mut by_state) = (BTreeMap::new(), BTreeMap::new());
        for row in &rows {
            let state = State::parse(&text(&row[2])).expect("a state");
            let keeps = matches!(state, State::Pending | State::Dead | State::Held);
            assert_eq!(row[3] == json!(1), keeps, "a payload is kept while somebody waits for it: {state:?}");
            *by_lead.entry(text(&row[0])).or_insert(0_usize) += 1;
            *by_state.entry((text(&row[1]), state.as_str())).or_insert(0_i64) += 1;
        }
        for (lead_id, count) in people.living(ledger, site.now_ms()) {
            assert_eq!(by_lead.get(&lead_id), Some(&count), "{lead_id}: every accepted post is in one state");
        }
        counters(site, ledger, people, &by_state);
        states_follow_deliveries(site, ledger);
        let twice = "SELECT lead_id, campaign, destination FROM delivery
                     WHERE event = 'lead.qualified' AND state <> 'expired' GROUP BY 1, 2, 3 HAVING count(*) > 1";
        assert_eq!(site.rows(ledger, twice), [[Value::Null; 0]; 0], "a destination gets a lead once");
        let ids = site.rows(ledger, "SELECT delivery_id FROM delivery");
        deliveries.extend(ids.iter().map(|row| text(&row[0])));
    }
}

fn counters(site: &Site, ledger: &str, people: &People, by_state: &BTreeMap<(String, &str), i64>) {
    let sums = State::ALL.map(|state| format!("sum({0}), min({0})", state.as_str())).join(", ");
    let mut counted = BTreeMap::new();
    for row in site.rows(ledger, &format!("SELECT campaign, {sums} FROM counter GROUP BY campaign")) {
        let campaign = text(&row[0]);
        let mut sum = 0;
        for (state, cells) in State::ALL.iter().zip(row[1..].chunks(2)) {
            let (count, least) = (number(&cells[0]), number(&cells[1]));
            assert!(least >= 0, "{campaign}: {} is negative", state.as_str());
            let rows = by_state.get(&(campaign.clone(), state.as_str())).copied().unwrap_or(0);
            if matches!(state, State::Pending | State::Dead | State::Held) {
                assert_eq!(count, rows, "{campaign}: {} by counter and by row", state.as_str());
            } else {
                assert!(count >= rows, "{campaign}: {} by counter and by row", state.as_str());
            }
            sum += count;
        }
        counted.insert(campaign, sum);
    }
    for (campaign, of_ledger, ..) in CAMPAIGNS {
        if of_ledger == ledger {
            let admitted = people.admitted.get(campaign).copied().unwrap_or(0);
            assert_eq!(
                counted.get(campaign).copied().unwrap_or(0),
                admitted,
                "{campaign}: the counters add up"
            );
        }
    }
}

fn states_follow_deliveries(site: &Site, ledger: &str) {
    let sql = "SELECT s.state, group_concat(DISTINCT d.state) FROM submission s JOIN delivery d
                 ON d.lead_id = s.lead_id AND d.submission_id = s.submission_id
               GROUP BY s.lead_id, s.submission_id";
    for row in site.rows(ledger, sql) {
        let deliveries = text(&row[1]);
        let any = |state: &str| deliveries.split(',').any(|one| one == state);
        let expected = match () {
            () if any("pending") || any("paused") => "pending",
            () if any("dead") => "dead",
            () if any("delivered") => "delivered",
            () => "expired",
        };
        assert_eq!(text(&row[0]), expected, "of {deliveries}");
    }
}

/// What receivers have taken: one body an id, and nothing without the consent that it needs.
pub fn webhooks(site: &Site) -> BTreeSet<String> {
    let mut bodies = BTreeMap::new();
    for received in site.received() {
        let consent = received.body["data"]["consent"].as_array().expect("consent").clone();
        let granted = |purpose: &str| consent.iter().any(|c| c["purpose"] == purpose && c["granted"] == true);
        assert!(granted("newsletter"), "{}", received.body);
        assert!(!received.url.ends_with("calls") || granted("call"), "{}", received.body);
        let body = bodies.entry(received.id.clone()).or_insert_with(|| received.body.clone());
        assert_eq!(*body, received.body, "{}: one body an id", received.id);
    }
    bodies.into_keys().collect()
}

/// Nobody can be read where things are kept.
pub fn secrecy(site: &Site) {
    let everything = site.everything_at_rest(&LEDGERS).to_lowercase();
    for secret in [MARK, "07017406", "467017406"] {
        if let Some(at) = everything.find(secret) {
            let around: String = everything.chars().skip(at.saturating_sub(200)).take(400).collect();
            panic!("{secret} lies in the open: {around}");
        }
    }
}
