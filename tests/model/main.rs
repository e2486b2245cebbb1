//! A model test: random operations on the world in memory, and after each of them the invariants
//! of the design. `LEADHOOK_MODEL_SEEDS=1000` runs more; seeds that once failed are kept in
//! `tests/data/model_seeds.txt` and always run.
#![cfg(feature = "cli")]
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod checks;
#[path = "../common/mod.rs"]
mod common;
mod people;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use leadhook::ledger::Ledger;
use leadhook::memory::{KvMode, LedgerMode, ReceiverMode, SqliteStore, request};
use leadhook::ports::Ports as _;
use leadhook::request::{Method, RawRequest};
use people::{CAMPAIGNS, Dice, Expected, People, Post};
use serde_json::{Value, json};

const OPERATIONS: usize = 250;
const DEFAULT_SEEDS: u64 = 40;
/// Looking through all that was sent and kept takes time.
const LOOK_EVERY: usize = 50;
const URL: &str = "https://crm.example.com/";
const DESTINATIONS: [&str; 4] = ["crm", "calls", "sales", "extra"];

/// One of the campaigns; `variant` is what a marketer has changed.
fn file(campaign: usize, variant: u64) -> Value {
    let (id, ledger, days, both) = CAMPAIGNS[campaign];
    let by = if both { json!(["email", "phone"]) } else { json!(["email"]) };
    let on_repeat = if (variant & 1 == 1) == (id == "demo") { "ignore" } else { "update" };
    let crm = if variant & 2 == 0 { "crm" } else { "crm-moved" };
    let calls = json!({ "needs": ["newsletter", "call"] });
    let sales = json!({ "forward_at": 50, "when": { "field": "size", "is": "51+" } });
    let mut destinations = vec![
        destination("crm", &format!("{URL}{crm}")),
        destination_with("calls", &format!("{URL}{id}-calls"), calls),
        destination_with("sales", &format!("{URL}{id}-sales"), sales),
    ];
    if variant & 4 == 0 {
        destinations.push(destination("extra", &format!("{URL}{id}-extra")));
    }
    let forward_at = if id == "guide" { Value::Null } else { json!(if variant & 8 == 0 { 10 } else { 60 }) };
    guide_with(json!({
        "id": id, "ledger": ledger, "destination": destinations,
        "qualify": edited(json!({}), json!({ "forward_at": forward_at })),
        "dedupe": { "by": by, "window_days": days, "on_repeat": on_repeat },
    }))
}

/// Prints what led to a failure.
struct Journal {
    seed: u64,
    lines: Vec<String>,
}

impl Drop for Journal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} failed after:\n{}", self.seed, self.lines.join("\n"));
        }
    }
}

struct Run {
    journal: Journal,
    dice: Dice,
    site: Site,
    people: People,
    deliveries: BTreeSet<String>,
    posts: Vec<Post>,
    kv: KvMode,
}

impl Run {
    fn new(seed: u64) -> Self {
        let site = Site::seeded(seed, &[file(0, 0), file(1, 0), file(2, 0)]);
        let journal = Journal { seed, lines: Vec::new() };
        let dice = Dice(seed);
        let mut run = Self {
            journal,
            dice,
            site,
            people: People::default(),
            deliveries: BTreeSet::new(),
            posts: Vec::new(),
            kv: KvMode::Fresh,
        };
        run.read_campaigns();
        run
    }

    fn note(&mut self, what: String) {
        let n = self.journal.lines.len();
        self.journal.lines.push(format!("{n:>4} at {}: {what}", self.site.now_ms()));
    }

    /// Whatever KV does, it costs nothing once a campaign has been read.
    fn read_campaigns(&mut self) {
        self.site.set_kv(KvMode::Fresh);
        for (campaign, ..) in CAMPAIGNS {
            let reply = self.site.send(&request(Method::Get, &format!("/c/{campaign}"), "", ""));
            assert_eq!(reply.status, 200);
        }
        self.site.set_kv(self.kv);
    }

    fn step(&mut self) {
        let pause = 1 + i64::try_from(self.dice.roll(3_000)).expect("small");
        self.site.set_clock(self.site.now_ms() + pause);
        match self.dice.roll(100) {
            0..48 => self.post(LedgerMode::Up),
            48..54 => self.invalid(),
            54..64 => {
                let modes =
                    [LedgerMode::LosesRequests, LedgerMode::LosesAnswers, LedgerMode::RefusesStatements];
                let mode = *self.dice.of(&modes);
                self.post(mode);
            }
            64..78 => self.pass_time(),
            78..83 => {
                let modes =
                    [KvMode::Fresh, KvMode::Stale, KvMode::Empty, KvMode::Failing, KvMode::RefusingWrites];
                self.kv = *self.dice.of(&modes);
                self.note(format!("KV {:?}", self.kv));
                self.site.set_kv(self.kv);
            }
            83..89 => {
                let modes = [
                    ReceiverMode::Up,
                    ReceiverMode::Up,
                    ReceiverMode::Down,
                    ReceiverMode::LosesAnswers,
                    ReceiverMode::Refuses(500),
                    ReceiverMode::Refuses(410),
                ];
                let mode = *self.dice.of(&modes);
                self.note(format!("receiver {mode:?}"));
                self.site.set_receiver(mode);
            }
            89..91 => {
                self.note("the objects stop, with deliveries in flight".to_owned());
                checks::LEDGERS.iter().for_each(|ledger| self.claim(ledger));
                self.site.evict();
            }
            91..93 => {
                self.note("restart".to_owned());
                self.site.restart();
                self.read_campaigns();
            }
            93..95 => self.replay_all(),
            95..97 => self.enable_all(),
            _ => {
                let (campaign, variant) = (self.dice.roll(3), self.dice.roll(16));
                self.note(format!("publish campaign {campaign} as variant {variant}"));
                self.site.republish(&file(usize::try_from(campaign).expect("a place"), variant));
                self.read_campaigns();
            }
        }
        if self.dice.one_in(2) {
            self.site.ring();
        }
    }

    /// Takes what is due, and never says what became of it.
    fn claim(&self, ledger: &str) {
        if let Some(database) = self.site.database(ledger) {
            let object =
                Ledger::open(SqliteStore::new(database), ledger, self.site.settings(), self.site.now_ms());
            object.and_then(|object| object.claim(&self.site.moment())).expect("claims");
        }
    }

    fn pass_time(&mut self) {
        let unit = *self.dice.of(&[MINUTE, MINUTE, HOUR, HOUR, DAY]);
        let count = if unit == DAY && self.dice.one_in(6) { 31 } else { 1 + self.dice.roll(8) };
        let ms = unit * i64::try_from(count).expect("small");
        self.note(format!("{ms} ms pass"));
        self.site.pass(ms);
    }

    fn invalid(&mut self) {
        let post = Post::random(&mut self.dice);
        let bad =
            *self.dice.of(&["consent.newsletter=off", "email=zqxjkvw", "phone=1", "seats=0", "size=zqxjkvw"]);
        let form = format!("{}&{bad}", post.form(&mut self.dice));
        self.note(format!("invalid {form}"));
        let reply = self.send(&post, &form);
        assert_eq!(reply.status, 422);
        assert!(!text(&reply).contains("zqxjkvw"));
    }

    fn post(&mut self, mode: LedgerMode) {
        let again = !self.posts.is_empty() && self.dice.one_in(3);
        let post = if again { self.dice.of(&self.posts).clone() } else { Post::random(&mut self.dice) };
        self.posts.push(post.clone());
        let form = post.form(&mut self.dice);
        self.note(format!("post {mode:?} {} {form}", post.content()));
        self.site.set_ledger(mode);
        self.submit(&post, &form, mode);
        self.site.set_ledger(LedgerMode::Up);
        if mode != LedgerMode::Up && !self.dice.one_in(3) {
            self.note("the client tries again".to_owned());
            self.submit(&post, &form, LedgerMode::Up);
        }
    }

    fn send(&self, post: &Post, form: &str) -> leadhook::reply::Reply {
        let path = format!("/c/{}", CAMPAIGNS[post.campaign].0);
        let idempotency_key = post.key.clone();
        self.site.send(&RawRequest { idempotency_key, ..request(Method::Post, &path, FORM, form) })
    }

    fn submit(&mut self, post: &Post, form: &str, mode: LedgerMode) {
        let now = self.site.now_ms();
        let (_, ledger, ..) = CAMPAIGNS[post.campaign];
        let rows = |site: &Site| {
            let sql = "SELECT lead_id, submission_id FROM submission WHERE at_ms = (SELECT max(at_ms) FROM submission)";
            let count =
                site.rows(ledger, "SELECT count(*) FROM submission").first().map(|row| row[0].clone());
            (count.and_then(|count| count.as_i64()).unwrap_or(0), site.rows(ledger, sql))
        };
        let taken = self.people.key_is_taken(post, now);
        let expected = self.people.expected(post, now);
        let before = rows(&self.site).0;
        let reply = self.send(post, form);
        let (after, newest) = rows(&self.site);
        match (reply.status, mode) {
            (202, _) => {
                let id = body(&reply)["submission_id"].as_str().expect("an id").to_owned();
                if mode != LedgerMode::Up || taken {
                    assert!(self.people.kv_may_answer(post, now), "202 without the ledger");
                }
                self.people.answer(post, &id, now);
            }
            (422, LedgerMode::Up) => {
                assert!(taken, "{}", text(&reply));
                assert_eq!(problems(&reply), ["Idempotency-Key idempotency_key_reused"]);
            }
            (503, LedgerMode::LosesRequests | LedgerMode::LosesAnswers | LedgerMode::RefusesStatements) => {}
            (status, mode) => panic!("{status} while {mode:?}: {}", text(&reply)),
        }
        let must_admit = mode == LedgerMode::Up && !taken && expected != Expected::Repeat;
        let may_admit = mode == LedgerMode::LosesAnswers && !taken && expected != Expected::Repeat;
        assert!(after == before + 1 || !must_admit, "a post that was accepted was not stored");
        assert!(after == before || must_admit || may_admit, "a post was stored that should not have been");
        if after == before + 1 {
            let lead_id = newest[0][0].as_str().expect("a lead");
            self.people.admit(post, &expected, lead_id, now);
        }
    }

    fn replay_all(&mut self) {
        self.note("replay all".to_owned());
        for (campaign, ..) in CAMPAIGNS {
            self.site.admin(Method::Post, &format!("deliveries/replay?campaign={campaign}"));
        }
    }

    fn enable_all(&mut self) {
        self.note("enable all".to_owned());
        for (campaign, ..) in CAMPAIGNS {
            for destination in DESTINATIONS {
                self.site
                    .admin(Method::Post, &format!("campaigns/{campaign}/destinations/{destination}/enable"));
            }
        }
    }

    /// Everything heals: then nothing waits any more, and what counts as delivered has arrived.
    fn end(&mut self) {
        self.kv = KvMode::Fresh;
        self.site.set_receiver(ReceiverMode::Up);
        for campaign in 0..CAMPAIGNS.len() {
            self.site.republish(&file(campaign, 0));
        }
        self.read_campaigns();
        for _ in 0..2 {
            self.enable_all();
            self.replay_all();
            self.site.pass(2 * DAY);
        }
        checks::ledgers(&self.site, &self.people, &mut self.deliveries);
        checks::secrecy(&self.site);
        let received = checks::webhooks(&self.site);
        assert!(received.is_subset(&self.deliveries), "somebody heard of what nobody wrote");
        for event in self.site.log().iter().filter(|event| event["state"] == "delivered") {
            let id = event["delivery_id"].as_str().expect("an id");
            assert!(received.contains(id), "{id} counts as delivered and never arrived");
        }
        let states = self.site.states();
        assert!(!states.contains_key("pending") && !states.contains_key("dead"), "{states:?}");
        for state in ["pending", "paused", "dead"] {
            let waiting = self.site.admin(Method::Get, &format!("deliveries?state={state}"));
            assert_eq!(waiting["deliveries"], json!([]));
        }
    }
}

fn run(seed: u64) {
    let mut run = Run::new(seed);
    for n in 1..=OPERATIONS {
        run.step();
        checks::ledgers(&run.site, &run.people, &mut run.deliveries);
        if n % LOOK_EVERY == 0 {
            checks::webhooks(&run.site);
            checks::secrecy(&run.site);
        }
    }
    run.end();
}

#[test]
fn whatever_happens_the_invariants_hold() {
    let kept = include_str!("../data/model_seeds.txt").lines();
    let kept = kept.filter_map(|line| line.split('#').next()?.trim().parse().ok());
    let wanted = std::env::var("LEADHOOK_MODEL_SEEDS").ok().and_then(|text| text.parse().ok());
    let seeds: Vec<u64> = kept.chain(1..=wanted.unwrap_or(DEFAULT_SEEDS)).collect();
    let (next, workers) = (AtomicUsize::new(0), std::thread::available_parallelism().map_or(2, usize::from));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(*seed);
                }
            });
        }
    });
}
