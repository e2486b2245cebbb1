//! A second object over the database of a site's ledger, whose claims and outcomes are the tests' to decide.

use leadhook::app::ports::Ports as _;
use leadhook::campaign::Campaign;
use leadhook::ledger::api::{Enable, Request};
use leadhook::ledger::wire::{Call, MESSAGE_FORMAT, Message, Reply};
use leadhook::ledger::{Attempt, Claim, Ledger};
use leadhook::pipeline::webhook::Outcome;
use leadhook::testing::world::{SECRET, SqliteStore};
use serde_json::json;

use crate::support::*;

pub const LEDGER: &str = "example-ab";
pub const URL: &str = "https://crm.example.com/";

/// A second look at the site's ledger: an object of its own over the same database.
pub struct Object(pub Ledger<SqliteStore>);

impl Object {
    pub fn open(site: &Site) -> Self {
        // What the site's own object would send at once has its entry then.
        site.evict();
        pollster::block_on(site.ask(LEDGER, &Call::Wake)).expect("an answer");
        let store = SqliteStore::new(site.database(LEDGER).expect("a database"));
        let opened = Ledger::open(store, LEDGER, site.settings(), site.now_ms());
        Self(opened.expect("a ledger"))
    }

    pub fn claim(&self, site: &Site) -> Vec<Claim> {
        self.0.claim(&site.moment()).expect("claims")
    }

    pub fn settle(&self, site: &Site, claim: &Claim, status: u16) {
        self.settle_as(site, claim, &Outcome::Responded { status, retry_after_s: None });
    }

    pub fn settle_as(&self, site: &Site, claim: &Claim, outcome: &Outcome) {
        self.settle_after(site, claim, outcome, 1);
    }

    pub fn settle_after(&self, site: &Site, claim: &Claim, outcome: &Outcome, took_ms: i64) {
        let events = self.0.settle(&[Attempt { claim, outcome, took_ms }], &site.moment());
        assert!(events.len() == 1 && events[0].is_ok(), "settled");
    }

    /// Learns what is due: what the site accepts reaches another object over the same database.
    pub fn look_again(&self, site: &Site) {
        site.evict();
        pollster::block_on(site.ask(LEDGER, &Call::Wake)).expect("an answer");
        let enable = Enable { campaign: "guide".to_owned(), destination: "none".to_owned() };
        assert_eq!(self.ask(site, enable), Reply::Done(0));
    }

    /// Its origins answer whatever waits.
    pub fn answer_all(&self, site: &Site) {
        loop {
            let claims = self.claim(site);
            if claims.is_empty() {
                return;
            }
            for claim in claims {
                self.settle(site, &claim, 200);
            }
        }
    }

    /// Lets attempts time out.
    pub fn hang(&self, site: &Site, claims: Vec<Claim>) {
        site.set_clock(site.now_ms() + 15_000);
        for claim in claims {
            self.settle_after(site, &claim, &Outcome::TimedOut, 15_000);
        }
    }

    pub fn ask(&self, site: &Site, request: impl Request) -> Reply {
        let call = request.into_call(None);
        let message = Message { format: MESSAGE_FORMAT, ledger: LEDGER.to_owned(), call };
        self.0.call(message, &site.moment()).expect("an answer").reply
    }

    pub fn webhook(&self, site: &Site, claim: &Claim, campaign: &Campaign) -> (String, Vec<u8>) {
        let prepared = self.0.prepare(claim).unwrap_or_else(|outcome| panic!("{outcome:?}"));
        let secret = |_: &str| Some(SECRET.to_owned());
        let dispatch = self.0.dispatch(claim, &prepared, Some(campaign), secret, &[], &site.moment());
        let dispatch = dispatch.unwrap_or_else(|outcome| panic!("{outcome:?}"));
        (dispatch.headers[1].1.clone(), dispatch.body)
    }
}

pub fn posts(site: &Site, count: usize) {
    for n in 0..count {
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
}

pub fn with_destinations(names: &[&str]) -> serde_json::Value {
    let all: Vec<_> = names.iter().map(|name| destination(name, &format!("{URL}{name}"))).collect();
    guide_with(json!({ "destination": all }))
}

/// Destinations that are an origin each.
pub fn with_origins(names: &[&str]) -> serde_json::Value {
    let url = |name: &str| format!("https://{name}.example.com/hooks");
    let all: Vec<_> = names.iter().map(|name| destination(name, &url(name))).collect();
    guide_with(json!({ "destination": all }))
}

/// A campaign for each of these origins.
pub fn campaigns_of(names: &[&str]) -> Vec<serde_json::Value> {
    let one = |name: &&str| {
        let to = destination(name, &format!("https://{name}.example.com/hooks"));
        guide_with(json!({ "id": name, "destination": [to] }))
    };
    names.iter().map(one).collect()
}

/// Somebody new, a moment later.
pub fn post(site: &Site, campaign: &str) {
    site.set_clock(site.now_ms() + 1);
    let random = u64::from_be_bytes(site.moment().random::<8>("person", 0));
    site.accept(campaign, &format!("email=p{random}%40example.com&consent.newsletter=on"));
}

/// Somebody else's lead has shown that the receiver answers, and two wait for it.
pub fn with_two_waiting() -> (Site, Object) {
    let other = guide_with(json!({ "id": "other", "destination": [destination("o", &format!("{URL}o"))] }));
    let site = Site::new(&[with_destinations(&["a"]), other]);
    let object = Object::open(&site);
    post(&site, "other");
    object.look_again(&site);
    object.answer_all(&site);
    posts(&site, 2);
    object.look_again(&site);
    (site, object)
}

pub fn payloads(site: &Site) -> usize {
    site.rows(LEDGER, "SELECT 1 FROM submission WHERE payload IS NOT NULL").len()
}
