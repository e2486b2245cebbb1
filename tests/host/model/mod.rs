//! The model test: random operations on the world in memory, and after each of them the invariants of the design.
//! `LEADHOOK_MODEL_SEEDS=1000` runs more. A failure is printed as a list of operations, made as short as it can be; lists
//! that once failed are kept in `tests/data/model/` and always run.

mod checks;
mod operations;
mod operators;
mod people;
mod posts;
mod quarantine;

use std::collections::BTreeSet;

use leadhook::http::request::{Method, RawRequest};
use leadhook::testing::world::{KvMode, LedgerMode, ReceiverMode, request};
use serde_json::{Value, json};

use self::operations::Step;
use self::people::{Expected, People, Row};
use self::posts::{CALL_DAYS, CAMPAIGNS, CONFIRMED, Dice, Post, QUARANTINE_DAYS, RECORD_DAYS};
use crate::support::*;

/// Looking through all that was sent and kept takes time.
const LOOK_EVERY: usize = 50;
const URL: &str = "https://crm.example.com/";
const DESTINATIONS: [&str; 5] = ["crm", "calls", "sales", "extra", "post"];
const RINGS: [&str; 3] = ["peppers", "sealing", "signing"];
/// The address of the magnet, and the days for which its links are good.
const GUIDE: &str = "https://www.example.com/guide.pdf";
const LINK_DAYS: i64 = 3;
/// The beginning of every link.
const PUBLIC_URL: &str = leadhook::testing::world::PUBLIC_URL;

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
    let mut base = json!({
        "retention": { "consents_days": RECORD_DAYS, "quarantine_days": QUARANTINE_DAYS },
        "purpose": guide()["purpose"],
    });
    base["purpose"][1]["retention_days"] = json!(CALL_DAYS);
    if id == "demo" {
        base["list"] = json!([{ "name": "customers", "then": "existing_customer", "send_to": ["sales"] }]);
    }
    if has_magnet(id) {
        base["magnet"] = json!({ "title": "The guide", "url": GUIDE, "valid_days": LINK_DAYS });
    }
    if id == CONFIRMED {
        base["field"] = guide()["field"].clone();
        base["field"][0]["required"] = json!(true);
        base["double_opt_in"] = json!({
            "destination": "post", "subject": "{title} by {controller}",
            "text": "{confirm_link}\n{withdraw_link}\n{title} by {controller}",
        });
        destinations.push(json!({
            "name": "post", "kind": "email", "url": format!("{URL}mails"), "secret": "MAIL_SECRET",
            "body": { "To": "{to}", "Text": "{text}" },
        }));
    }
    if variant & 4 == 0 {
        destinations.push(destination("extra", &format!("{URL}{id}-extra")));
    }
    let title =
        if variant & 16 == 0 { format!("The {id}") } else { format!("The {id}{}", quarantine::RETITLED) };
    let forward_at = if id == "guide" { Value::Null } else { json!(if variant & 8 == 0 { 10 } else { 60 }) };
    let file = guide_with(json!({
        "id": id, "ledger": ledger, "title": title, "destination": destinations,
        "qualify": edited(json!({}), json!({ "forward_at": forward_at })),
        "dedupe": { "by": by, "window_days": days, "on_repeat": on_repeat },
    }));
    edited(file, base)
}

/// A post as it is sent.
struct Sent {
    form: String,
    /// It shows enough signs to be quarantined.
    is_junk: bool,
}

struct Run {
    /// Of the operation that is under way.
    dice: Dice,
    site: Site,
    people: People,
    deliveries: BTreeSet<String>,
    forwarded: checks::Forwarded,
    posts: Vec<Post>,
    kv: KvMode,
    /// By ring: the numbers of the living keys, the newest first.
    keys: [Vec<u8>; 3],
    /// The paths of links that somebody has got.
    links: Vec<String>,
    /// Those of links to the magnet, and until when each is good.
    downloads: Vec<(String, i64)>,
    /// The time at which the operation began: what arrived since has no time of its own.
    began: i64,
    /// Of what was received, so much has been looked at.
    seen: usize,
    /// The submissions that were written, each with its time.
    written: BTreeSet<(i64, String)>,
}

const ROWS: &str = "SELECT count(*) FROM submission";

fn count_of(site: &Site, ledger: &str, sql: &str) -> i64 {
    site.rows(ledger, sql).first().and_then(|row| row[0].as_i64()).unwrap_or(0)
}

/// The mails that were decided on, each with its request's lead.
fn mails_of(site: &Site) -> BTreeSet<(String, String)> {
    let sql = "SELECT delivery_id, lead_id FROM delivery WHERE event = 'confirmation.requested'";
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    site.rows("shared", sql).iter().map(|row| (text(&row[0]), text(&row[1]))).collect()
}

/// Returns the row that was written just now.
fn newest(site: &Site, ledger: &str, now: i64) -> Option<Row> {
    let sql = format!(
        "SELECT lead_id, submission_id, state, act IS NOT NULL OR stands_by IS NOT NULL FROM submission
         WHERE at_ms = {now}"
    );
    let rows = site.rows(ledger, &sql);
    let row = rows.first()?;
    assert_eq!(rows.len(), 1, "one post, one row");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (lead_id, submission_id, state) = (text(&row[0]), text(&row[1]), text(&row[2]));
    Some(Row { lead_id, submission_id, state, is_act: row[3] == json!(1) })
}

/// With double opt-in the link comes after the confirmation, which has no address of its own to follow.
fn has_magnet(campaign: &str) -> bool {
    !["demo", CONFIRMED].contains(&campaign)
}

impl Run {
    fn new() -> Self {
        let site = Site::new(&[file(0, 0), file(1, 0), file(2, 0), file(3, 0)]);
        let mut run = Self {
            dice: Dice(0),
            site,
            people: People::default(),
            deliveries: BTreeSet::new(),
            forwarded: BTreeSet::new(),
            posts: Vec::new(),
            kv: KvMode::Fresh,
            keys: [vec![1], vec![1], vec![1]],
            links: Vec::new(),
            downloads: Vec::new(),
            began: 0,
            seen: 0,
            written: BTreeSet::new(),
        };
        run.set_keys();
        run.read_campaigns();
        run
    }

    fn note(&self, what: String) {
        operations::note(format!("     {} {what}", self.site.now_ms()));
    }

    /// Has the isolate read every campaign, after which KV may do anything without a cost.
    fn read_campaigns(&mut self) {
        self.site.set_kv(KvMode::Fresh);
        for (campaign, ..) in CAMPAIGNS {
            let response = self.site.send(&request(Method::Get, &format!("/c/{campaign}"), "", ""));
            assert_eq!(response.status, 200);
        }
        self.site.set_kv(self.kv);
    }

    fn step(&mut self, step: &Step) {
        self.dice = Dice(step.seed);
        let pause = 1 + i64::try_from(self.dice.roll(3_000)).expect("small");
        self.site.set_clock(self.site.now_ms() + pause);
        self.began = self.site.now_ms();
        step.apply(self);
        if self.dice.one_in(2) {
            self.site.ring();
        }
        self.look();
    }

    /// At what has arrived, and at the links in it.
    fn look(&mut self) {
        let received = self.site.received();
        for one in &received[self.seen..] {
            checks::consents(one, &self.people, self.began);
            let body = one.body.to_string();
            let links = body.split(PUBLIC_URL).skip(1);
            let path = |rest: &str| rest.split(['"', '\\']).next().unwrap_or_default().to_owned();
            self.links.extend(links.map(path));
        }
        self.seen = received.len();
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
        let bad = *self.dice.of(&[
            "consent.newsletter=2019-01",
            "email=zqxjkvw",
            "phone=1",
            "seats=0",
            "size=zqxjkvw",
        ]);
        let form = format!("{}&{bad}", post.form(&mut self.dice, false));
        self.note(format!("invalid {form}"));
        let response = self.send(&post, &form);
        assert_eq!(response.status, 422);
        assert!(!text(&response).contains("zqxjkvw"));
    }

    fn change_kv(&mut self) {
        let modes = [KvMode::Fresh, KvMode::Stale, KvMode::Empty, KvMode::Failing, KvMode::RefusingWrites];
        self.kv = *self.dice.of(&modes);
        self.note(format!("KV {:?}", self.kv));
        self.site.set_kv(self.kv);
    }

    fn change_receiver(&mut self) {
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

    fn stop_objects(&mut self) {
        self.note("the objects stop, with deliveries in flight".to_owned());
        checks::LEDGERS.iter().for_each(|ledger| self.claim(ledger));
        self.site.evict();
    }

    fn restart(&mut self) {
        self.note("restart".to_owned());
        self.site.restart();
        self.read_campaigns();
    }

    fn publish(&mut self) {
        let (campaign, variant) = (self.dice.roll(CAMPAIGNS.len() as u64), self.dice.roll(32));
        self.note(format!("publish campaign {campaign} as variant {variant}"));
        self.site.republish(&file(usize::try_from(campaign).expect("a place"), variant));
        self.read_campaigns();
    }

    fn post_without_answer(&mut self) {
        let modes = [LedgerMode::LosesRequests, LedgerMode::LosesAnswers, LedgerMode::RefusesStatements];
        let mode = *self.dice.of(&modes);
        self.post(mode);
    }

    fn post(&mut self, mode: LedgerMode) {
        let again = !self.posts.is_empty() && self.dice.one_in(3);
        let mut post = if again { self.dice.of(&self.posts).clone() } else { Post::random(&mut self.dice) };
        post.pepper = self.pepper();
        self.posts.push(post.clone());
        let is_trapped = if post.has_link() { !self.dice.one_in(4) } else { self.dice.one_in(8) };
        let form = post.form(&mut self.dice, is_trapped);
        let sent = Sent { form, is_junk: is_trapped && post.has_link() };
        self.note(format!("post {mode:?} {} {}", post.content(), sent.form));
        self.site.set_ledger(mode);
        self.submit(&post, &sent, mode);
        self.site.set_ledger(LedgerMode::Up);
        if mode != LedgerMode::Up && !self.dice.one_in(3) {
            self.note("the client tries again".to_owned());
            self.submit(&post, &sent, LedgerMode::Up);
        }
    }

    fn send(&self, post: &Post, form: &str) -> leadhook::http::response::Response {
        let path = format!("/c/{}", CAMPAIGNS[post.campaign].0);
        let idempotency_key = post.key.clone();
        self.site.send(&RawRequest { idempotency_key, ..request(Method::Post, &path, FORM, form) })
    }

    fn submit(&mut self, post: &Post, sent: &Sent, mode: LedgerMode) {
        let now = self.site.now_ms();
        let (_, ledger, ..) = CAMPAIGNS[post.campaign];
        self.forget_what_has_ended();
        let taken = self.people.key_is_taken(post, now);
        let expected = Expected { is_junk: sent.is_junk, ..self.people.expected(post, now) };
        let had_answered = self.people.kv_may_answer(post, now);
        let (rows, mails) = (count_of(&self.site, ledger, ROWS), mails_of(&self.site));
        let response = self.send(post, &sent.form);
        let is_new = count_of(&self.site, ledger, ROWS) - rows;
        match (response.status, mode) {
            (202, _) => {
                let answer = body(&response);
                let id = answer["submission_id"].as_str().expect("an id").to_owned();
                let mut told = json!({ "status": "accepted", "submission_id": id });
                if has_magnet(CAMPAIGNS[post.campaign].0) {
                    let link = answer["download"]["url"].as_str().expect("a link");
                    let until = now - now % HOUR + HOUR + LINK_DAYS * DAY;
                    self.downloads.push((link.strip_prefix(PUBLIC_URL).expect("ours").to_owned(), until));
                    told["download"] = answer["download"].clone();
                }
                assert_eq!(answer, told, "it never tells");
                if mode != LedgerMode::Up || taken {
                    assert!(self.people.kv_may_answer(post, now), "202 without the ledger");
                }
                let may_have_been_kv = self.people.kv_may_answer(post, now);
                assert!(is_new == 1 || expected.is_repeat || may_have_been_kv, "a post was not stored");
                self.people.answer(post, &id, now);
            }
            (422, LedgerMode::Up) => {
                assert!(taken, "{}", text(&response));
                assert_eq!(problems(&response), ["Idempotency-Key idempotency_key_reused"]);
            }
            (503, LedgerMode::LosesRequests | LedgerMode::LosesAnswers | LedgerMode::RefusesStatements) => {}
            (status, mode) => panic!("{status} while {mode:?}: {}", text(&response)),
        }
        let may_write = matches!(mode, LedgerMode::Up | LedgerMode::LosesAnswers) && !taken;
        assert!(is_new == 0 || is_new == 1 && may_write && !expected.is_repeat, "{is_new} new rows");
        let written = newest(&self.site, ledger, now).filter(|_| may_write);
        let written =
            written.filter(|row| is_new == 1 || !self.written.contains(&(now, row.submission_id.clone())));
        let is_let_in =
            expected.is_quarantined && self.people.must_be_quarantined(post, &expected) == Some(false);
        if is_let_in && mode == LedgerMode::Up && !taken {
            assert!(written.is_some() || had_answered, "what shows no sign any more is let in");
        }
        if let Some(row) = written {
            self.note(format!("{} is {} under {}", row.submission_id, row.state, row.lead_id));
            self.people.admit(post, &expected, &row, now);
            self.quarantine(post, &row, ledger);
            self.written.insert((now, row.submission_id));
        }
        for lead_id in mails_of(&self.site).difference(&mails).map(|(_, lead_id)| lead_id) {
            self.people.ask_again(post, lead_id, now);
            self.people.mail(post, lead_id, now);
        }
    }

    /// Somebody follows a link to the magnet, which gives it as long as it is good, whatever is kept of them.
    fn download(&mut self) {
        let links = &self.downloads;
        if links.is_empty() {
            return;
        }
        // Those of the last posts are followed most.
        let from = if self.dice.one_in(4) { 0 } else { links.len().saturating_sub(6) };
        let (path, until_ms) = self.dice.of(&links[from..]).clone();
        self.note(format!("download {path}"));
        let token = path.rsplit('/').next().unwrap_or_default();
        let is_good = self.is_pepper(token.split('.').nth(1)) && self.site.now_ms() < until_ms;
        for _ in 0..1 + self.dice.roll(2) {
            let response = self.site.send(&request(Method::Post, &path, FORM, ""));
            assert_eq!(response.status, if is_good { 303 } else { 410 });
            assert_eq!(response.header("location"), is_good.then_some(GUIDE));
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

    /// Checks the invariants.
    fn check(&mut self, n: usize) {
        self.forget_what_has_ended();
        checks::ledgers(&self.site, &self.people, &mut self.deliveries, &mut self.forwarded);
        if n.is_multiple_of(LOOK_EVERY) {
            checks::webhooks(&self.site);
            checks::secrecy(&self.site);
            checks::erased(&self.site, &self.people);
            checks::histories(&self.site);
            checks::what_is_known(&self.site);
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
            self.began = self.site.now_ms();
            self.site.pass(2 * DAY);
            self.look();
        }
        self.forget_what_has_ended();
        checks::ledgers(&self.site, &self.people, &mut self.deliveries, &mut self.forwarded);
        checks::secrecy(&self.site);
        let received = checks::webhooks(&self.site);
        assert!(received.is_subset(&self.deliveries), "somebody heard of what nobody wrote");
        for event in self.site.log().iter().filter(|event| event["state"] == "delivered") {
            let id = event["delivery_id"].as_str().expect("an id");
            assert!(received.contains(id), "{id} counts as delivered and never arrived");
        }
        // What nobody agrees to any more waits until it expires.
        for ledger in checks::LEDGERS {
            let sql = "SELECT * FROM delivery WHERE state IN ('pending', 'paused', 'dead')
                       AND coalesce(reason, '') <> 'consent_missing'";
            let left = self.site.rows(ledger, sql);
            assert!(left.is_empty(), "{left:?}");
        }
        self.site.pass(4 * RECORD_DAYS * DAY);
        self.look();
        self.forget_what_has_ended();
        checks::ledgers(&self.site, &self.people, &mut self.deliveries, &mut self.forwarded);
        checks::nobody(&self.site);
    }
}
