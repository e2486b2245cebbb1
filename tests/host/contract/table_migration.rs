//! Migration of the table of submissions in steps, while people come, are delivered, withdraw and are erased, and the
//! object stops between any two.

use leadhook::base::crypto::base64url;
use leadhook::http::request::Method;
use leadhook::testing::world::ReceiverMode;
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const COLUMNS: &str = "lead_id, submission_id, format, campaign, source, hour, state, at_ms, known_until_ms, payload,
  consent, act, until_ms, consent_until_ms, record_until_ms, quarantine, milestone, subjects, stands_by, first";
/// Between two steps.
const PAUSE: i64 = 15 * MINUTE;

/// `guide`, and `later`, which holds whoever tells too little.
fn site() -> Site {
    let later = guide_with(json!({ "id": "later", "qualify": { "forward_at": 20 } }));
    Site::new(&[guide(), later])
}

fn person(n: usize) -> String {
    format!("email=p{n}%40example.com&consent.newsletter=on&consent.call=on")
}

fn address(n: usize) -> Value {
    json!({ "email": format!("p{n}@example.com") })
}

/// Puts back the table of the version before: without rowids, and with texts where bytes are now.
fn age(site: &Site) {
    site.execute(
        LEDGER,
        &format!(
            "CREATE TABLE older (
               lead_id TEXT NOT NULL, submission_id TEXT NOT NULL, format INTEGER NOT NULL,
               campaign TEXT NOT NULL, source TEXT NOT NULL, hour INTEGER NOT NULL, state TEXT NOT NULL,
               at_ms INTEGER NOT NULL, known_until_ms INTEGER NOT NULL, payload TEXT, consent TEXT NOT NULL,
               act TEXT, until_ms INTEGER, consent_until_ms INTEGER, record_until_ms INTEGER NOT NULL DEFAULT 0,
               quarantine TEXT, milestone INTEGER NOT NULL DEFAULT 0, subjects TEXT, stands_by INTEGER,
               first TEXT, PRIMARY KEY (lead_id, submission_id)) WITHOUT ROWID;
             INSERT INTO older SELECT {COLUMNS} FROM submission;
             DROP TABLE submission;
             ALTER TABLE older RENAME TO submission;
             CREATE INDEX submission_held ON submission (lead_id, submission_id) WHERE state = 'held';
             CREATE INDEX submission_held_first ON submission (lead_id, first) WHERE state = 'held';
             UPDATE delivery SET due_ms = created_ms WHERE due_ms = 0;
             DROP INDEX delivery_due;
             CREATE INDEX delivery_due ON delivery (receiver, due_ms) WHERE state = 'pending';
             DELETE FROM meta WHERE key = 'sent';
             DELETE FROM migration WHERE version >= 7"
        ),
    );
    for column in ["payload", "consent"] {
        let of = format!("FROM submission WHERE typeof({column}) = 'blob'");
        let ids = site.rows(LEDGER, &format!("SELECT submission_id {of}"));
        let sealed = site.sealed(LEDGER, &format!("SELECT {column} {of}"));
        for (id, sealed) in ids.iter().zip(sealed) {
            let sealed = sealed.expect("bytes");
            let text = format!("2.k1.{}", base64url(sealed.strip_prefix(b"2.k1.").expect("a head")));
            let id = id[0].as_str().expect("an id");
            let sql = format!("UPDATE submission SET {column} = '{text}' WHERE submission_id = '{id}'");
            site.execute(LEDGER, &sql);
        }
    }
    site.evict();
}

/// So many whose leads were delivered, ahead of all others and behind them.
fn fill(site: &Site, people: usize) {
    let now = site.now_ms();
    site.execute(
        LEDGER,
        &format!(
            "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {people})
             INSERT INTO submission (lead_id, submission_id, format, campaign, source, hour, state, at_ms,
               known_until_ms, consent, milestone)
             SELECT iif(n % 3 = 0, 'lead_z', 'lead_0') || n, 'sub_' || n, 4, 'guide', 'filled', 0,
               'delivered', {now}, {now} + 1000 * {DAY}, '', 3 FROM number;
             INSERT INTO counter (campaign, hour, source, delivered) VALUES ('guide', 0, 'filled', {people})"
        ),
    );
}

fn count(site: &Site, sql: &str) -> usize {
    site.rows(LEDGER, sql).len()
}

fn has_table(site: &Site, name: &str) -> bool {
    count(site, &format!("SELECT 1 FROM sqlite_master WHERE name = '{name}'")) > 0
}

/// Checks that rows which were moved say the same, and that none is in neither table.
fn is_sound(site: &Site) {
    site.adds_up(LEDGER);
    let (next, before) = (has_table(site, "submission_next"), has_table(site, "submission_before"));
    assert!(!(next && before));
    for (is_there, table) in [(next, "submission_next"), (before, "submission_before")] {
        if is_there {
            let sql = format!("SELECT {COLUMNS} FROM {table} EXCEPT SELECT {COLUMNS} FROM submission");
            assert_eq!(site.rows(LEDGER, &sql), Vec::<Vec<Value>>::new(), "{table}");
        }
    }
    if next {
        let place = site.rows(LEDGER, "SELECT value FROM meta WHERE key = 'moving'")[0][0].clone();
        let place = place.as_str().expect("a text").split(' ').skip(2).collect::<Vec<_>>();
        if let [lead_id, submission_id] = place[..] {
            let missing = format!(
                "SELECT lead_id, submission_id FROM submission
                 WHERE (lead_id, submission_id) <= ('{lead_id}', '{submission_id}')
                 EXCEPT SELECT lead_id, submission_id FROM submission_next"
            );
            assert_eq!(count(site, &missing), 0);
        }
    }
    let mut after = String::new();
    loop {
        let doctor = site.admin(Method::Get, &format!("doctor?ledger={LEDGER}{after}"));
        let findings = doctor["findings"].as_array().expect("findings");
        let wrong: Vec<_> = findings.iter().filter(|one| one["is_wrong"] == true).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let Some(next) = doctor["next"].as_str() else { return };
        after = format!("&after={next}");
    }
}

fn is_moving(site: &Site) -> bool {
    count(site, "SELECT 1 FROM meta WHERE key = 'moving'") > 0
}

#[test]
fn a_large_ledger_is_moved_in_steps_while_everything_goes_on() {
    const OLD: usize = 60;
    let site = site();
    for n in 0..OLD {
        site.deliver(if n % 3 == 0 { "later" } else { "guide" }, &person(n));
    }
    // They have a second post, so a row of their own.
    for n in (0..OLD).step_by(5) {
        site.deliver("guide", &format!("{}&seats=3", person(n)));
    }
    site.set_receiver(ReceiverMode::Refuses(500));
    for n in OLD..OLD + 10 {
        site.deliver("guide", &person(n));
    }
    age(&site);
    fill(&site, 3_000);
    site.set_receiver(ReceiverMode::Up);
    site.accept("guide", &person(100));
    assert!(is_moving(&site) && has_table(&site, "submission_next"), "not at once");
    let (mut steps, mut erased) = (0, 0);
    while is_moving(&site) {
        is_sound(&site);
        // Somebody new, and one of before each time.
        site.deliver("guide", &person(200 + steps));
        let n = steps * 2 % OLD;
        match steps % 4 {
            0 => {
                site.order("erase", &address(n));
                erased += 1;
                assert_eq!(leads(&site.order("access", &address(n))).len(), 0, "{n}");
            }
            1 => {
                assert_eq!(site.click(&site.withdrawal_of(&format!("p{n}@example.com"), "call")), 200);
            }
            2 => drop(site.deliver("later", &format!("{}&name=Ann&size=51%2B", person(n)))),
            _ => drop(site.deliver("guide", &format!("{}&seats={n}1", person(n)))),
        }
        is_sound(&site);
        if steps % 2 == 0 {
            site.evict();
        }
        site.pass(PAUSE);
        steps += 1;
        assert!(steps < 100);
    }
    assert!((20..40).contains(&steps), "{steps} steps");
    for name in ["submission_next", "submission_before", "moved_insert", "moved_update", "moved_delete"] {
        assert!(!has_table(&site, name), "{name}");
    }
    assert_eq!(count(&site, "SELECT 1 FROM submission WHERE source = 'filled'"), 3_000);
    assert_eq!(count(&site, "SELECT 1 FROM submission WHERE state = 'pending'"), 0, "all have arrived");
    assert!(erased > 4);
    is_sound(&site);
    // What was held before, and is still, goes on.
    let held = "SELECT lead_id FROM submission WHERE state = 'held' AND typeof(payload) = 'text'";
    assert!(count(&site, held) > 0);
    site.pass(DAY);
    site.evict();
    is_sound(&site);
    site.pass(4 * 365 * DAY);
    assert_eq!(site.count("submission"), 0);
    assert_eq!(site.rows(LEDGER, "SELECT 1 FROM sqlite_master WHERE name LIKE 'moved%'").len(), 0);
}

#[test]
fn who_is_forgotten_meanwhile_is_in_no_table() {
    for steps in [0, 3, 8, 14, 18, 23] {
        let site = site();
        let ids: Vec<_> = (0..3).map(|n| site.deliver("guide", &person(n))).collect();
        age(&site);
        fill(&site, 3_000);
        site.accept("guide", &person(9));
        site.pass(steps * PAUSE);
        assert!(is_moving(&site), "after {steps} steps");
        let tags = site.tags_of("p1@example.com");
        site.order("erase", &address(1));
        let dump = site.dump(LEDGER);
        assert!(!dump.contains(&ids[1]) && tags.iter().all(|tag| !dump.contains(tag)), "after {steps} steps");
        assert!(dump.contains(&ids[0]));
        is_sound(&site);
    }
}

#[test]
fn a_small_ledger_is_moved_when_it_is_opened() {
    let site = site();
    (0..4).for_each(|n| drop(site.deliver(if n == 0 { "later" } else { "guide" }, &person(n))));
    age(&site);
    fill(&site, 900);
    site.deliver("guide", &person(5));
    assert!(!is_moving(&site) && !has_table(&site, "submission_before"));
    assert_eq!(count(&site, "SELECT rowid FROM submission"), 905);
    is_sound(&site);
    site.deliver("later", &format!("{}&name=Ann&size=51%2B", person(0)));
    assert_eq!(site.last_decision(), "pending");
    is_sound(&site);
}
