//! The conductor of a ledger's deliveries: the requests of one event, and the alarm after it.

use std::rc::Rc;

use leadhook::app::conductor::{Conductor, Exchange, RETRY_MS};
use leadhook::app::ports::Ports as _;
use leadhook::base::fault::Fault;
use leadhook::ledger::wire::{Call, MESSAGE_FORMAT, Message};
use leadhook::ledger::{Claim, Ledger};
use leadhook::pipeline::webhook::Outcome;
use leadhook::testing::world::SqliteStore;

use crate::support::*;

const LEDGER: &str = "example-ab";
const MAX_REQUESTS: usize = 36;
const NET_MS: i64 = 5_000;
const CRON_EVERY_MS: i64 = 5 * MINUTE;

/// Returns a site with leads to deliver, and a conductor over its ledger's database.
fn with_leads(count: usize) -> (Site, Rc<Conductor<SqliteStore>>) {
    let site = Site::new(&[guide()]);
    for n in 0..count {
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
    // An object that starts again reads all leads from its rows.
    site.evict();
    pollster::block_on(site.ask(LEDGER, &Call::Wake)).expect("a reply");
    let store = SqliteStore::new(site.database(LEDGER).expect("a database"));
    let ledger = Ledger::open(store, LEDGER, site.settings(), site.now_ms()).expect("a ledger");
    (site, Conductor::new(ledger))
}

fn next_claim(site: &Site, conductor: &Conductor<SqliteStore>) -> Option<Claim> {
    conductor.next_claim(|| Ok(site.moment())).expect("the database works")
}

fn exchange(more_requests: usize) -> Exchange {
    let outcome = Outcome::Responded { status: 200, retry_after_s: None };
    Exchange { outcome, took_ms: 1, more_requests }
}

fn settle(site: &Site, conductor: &Conductor<SqliteStore>) {
    assert!(conductor.settle(|| Ok(site.moment())).iter().all(Result::is_ok));
}

/// Makes every attempt that the current event may begin, and returns their number.
fn deliver_all(site: &Site, conductor: &Conductor<SqliteStore>, more_requests: usize) -> usize {
    let mut attempts = 0;
    loop {
        let claims: Vec<_> = std::iter::from_fn(|| next_claim(site, conductor)).collect();
        if claims.is_empty() {
            return attempts;
        }
        attempts += claims.len();
        claims.into_iter().for_each(|claim| conductor.keep(claim, exchange(more_requests)));
        settle(site, conductor);
    }
}

fn alarm_in_ms(site: &Site, conductor: &Conductor<SqliteStore>) -> i64 {
    conductor.alarm_at_ms(site.now_ms()) - site.now_ms()
}

#[test]
fn one_event_makes_36_requests_and_the_next_one_follows_at_once() {
    let (site, conductor) = with_leads(MAX_REQUESTS + 4);
    assert_eq!(deliver_all(&site, &conductor, 0), MAX_REQUESTS);
    assert_eq!(alarm_in_ms(&site, &conductor), 0);
    assert!(next_claim(&site, &conductor).is_none(), "the clock alone begins no event");
    conductor.ring(&site.moment()).expect("the database works");
    assert_eq!(deliver_all(&site, &conductor, 0), 4);
    assert_eq!(conductor.alarm_at_ms(site.now_ms()), i64::MAX);
}

#[test]
fn a_message_begins_an_event() {
    let (site, conductor) = with_leads(MAX_REQUESTS + 4);
    assert_eq!(deliver_all(&site, &conductor, 0), MAX_REQUESTS);
    let message = Message { format: MESSAGE_FORMAT, ledger: LEDGER.to_owned(), call: Call::Wake };
    conductor.call(message, &site.moment()).expect("a reply");
    assert_eq!(deliver_all(&site, &conductor, 0), 4);
}

#[test]
fn requests_beside_an_attempts_own_count_too() {
    let (site, conductor) = with_leads(MAX_REQUESTS);
    assert_eq!(deliver_all(&site, &conductor, 2), MAX_REQUESTS / 3);
    assert_eq!(alarm_in_ms(&site, &conductor), 0);
}

#[test]
fn nothing_is_begun_after_a_failure_until_the_next_event() {
    let (site, conductor) = with_leads(1);
    site.execute(LEDGER, "ALTER TABLE delivery RENAME TO lost");
    assert!(conductor.next_claim(|| Ok(site.moment())).is_err());
    site.execute(LEDGER, "ALTER TABLE lost RENAME TO delivery");
    assert!(next_claim(&site, &conductor).is_none());
    assert_eq!(alarm_in_ms(&site, &conductor), RETRY_MS);
    assert_eq!(RETRY_MS, 10_000);

    conductor.ring(&site.moment()).expect("the database works");
    assert!(conductor.next_claim(|| Err(Fault::new("no randomness"))).is_err());
    assert!(next_claim(&site, &conductor).is_none());
    assert_eq!(alarm_in_ms(&site, &conductor), RETRY_MS);

    conductor.ring(&site.moment()).expect("the database works");
    assert_eq!(deliver_all(&site, &conductor, 0), 1);
    assert_eq!(conductor.alarm_at_ms(site.now_ms()), i64::MAX);
}

#[test]
fn an_attempt_under_way_keeps_an_alarm_as_a_net() {
    for leads in [1, 2] {
        let (site, conductor) = with_leads(leads);
        let claim = next_claim(&site, &conductor).expect("a claim");
        assert!(next_claim(&site, &conductor).is_none(), "a new receiver has one connection");
        assert_eq!(alarm_in_ms(&site, &conductor), NET_MS, "{leads}");
        conductor.keep(claim, exchange(0));
        assert_eq!(alarm_in_ms(&site, &conductor), NET_MS, "{leads}: its outcome is not written");
        settle(&site, &conductor);
        deliver_all(&site, &conductor, 0);
        assert_eq!(conductor.alarm_at_ms(site.now_ms()), i64::MAX, "{leads}");
    }
}

#[test]
fn house_work_beyond_two_runs_of_the_cron_gets_no_alarm() {
    let (site, conductor) = with_leads(0);
    let sweep_ms = conductor.ledger().keeps_house_at_ms();
    assert!(sweep_ms > site.now_ms() + 2 * CRON_EVERY_MS);
    assert_eq!(conductor.alarm_at_ms(site.now_ms()), i64::MAX);
    assert_eq!(conductor.alarm_at_ms(sweep_ms - 2 * CRON_EVERY_MS), i64::MAX);
    assert_eq!(conductor.alarm_at_ms(sweep_ms - 2 * CRON_EVERY_MS + 1), sweep_ms);
    assert_eq!(conductor.alarm_at_ms(sweep_ms + 1), sweep_ms + 1, "overdue work is done now");
}
