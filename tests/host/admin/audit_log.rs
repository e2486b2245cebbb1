//! The audit log: every change by an operator has its entry, no entry says whom it was about, and none can be
//! changed.

use leadhook::base::crypto::sha256_hex;
use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::settings::admin_tokens::AdminTokens;
use leadhook::testing::world::{ADMIN_TOKEN, KvMode, LedgerMode, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::*;

const LEDGER: &str = "example-ab";
const ANN: &str = "email=ann%40example.com&phone=%2B46701740605&consent.newsletter=on";
const ALICE: &str = "alice-0123456789-abcdefgh";
const EVERYTHING: &str = "alice:read+operate+publish+erase:alice-0123456789-abcdefgh";

fn site() -> Site {
    let mut site = Site::new(&[guide()]);
    site.set_settings(|settings| {
        settings.admin = AdminTokens::sole(ADMIN_TOKEN).and(EVERYTHING).expect("tokens")
    });
    site
}

fn act(site: &Site, method: Method, path: &str, value: &Value) -> Response {
    let body = if value.is_null() { String::new() } else { value.to_string() };
    let request = request(method, &format!("/admin/api/{path}"), "application/json", &body);
    site.send(&RawRequest { authorization: Some(format!("Bearer {ALICE}")), ..request })
}

fn done(site: &Site, method: Method, path: &str, value: &Value) -> Value {
    let response = act(site, method, path, value);
    assert_eq!(response.status, 200, "{path}: {}", text(&response));
    body(&response)
}

fn entries(site: &Site, query: &str) -> Vec<Value> {
    let page = done(site, Method::Get, &format!("audit?limit=200{query}"), &Value::Null);
    page["entries"].as_array().expect("entries").clone()
}

/// `act outcome count` of every entry, the oldest first.
fn story(site: &Site) -> Vec<String> {
    let line = |entry: &Value| {
        let word = |key: &str| entry[key].as_str().expect(key).to_owned();
        format!("{} {} {}", word("act"), word("outcome"), entry["count"])
    };
    entries(site, "").iter().rev().map(line).collect()
}

/// The delivery of a lead whose receiver has refused it until it was given up.
fn dead_delivery(site: &Site) -> String {
    site.set_receiver(ReceiverMode::Refuses(500));
    site.accept("guide", ANN);
    site.pass(5 * DAY);
    site.set_receiver(ReceiverMode::Up);
    let dead = done(site, Method::Get, "deliveries?state=dead", &Value::Null);
    dead["deliveries"][0]["delivery_id"].as_str().expect("a dead delivery").to_owned()
}

#[test]
fn every_act_has_its_entry_and_no_look_has_one() {
    let site = site();
    let dead = dead_delivery(&site);
    let tag = format!("email.k1.{}", "A".repeat(43));
    for path in
        ["counters", "deliveries", "lists", "keys", "campaigns", "campaigns/guide", "quarantine", "audit"]
    {
        done(&site, Method::Get, path, &Value::Null);
    }
    assert_eq!(story(&site), Vec::<String>::new());
    let none = &Value::Null;
    done(&site, Method::Post, &format!("deliveries/{dead}/replay"), none);
    assert_eq!(act(&site, Method::Post, &format!("deliveries/{dead}/replay"), none).status, 409);
    assert_eq!(act(&site, Method::Post, "deliveries/msg_none/replay", none).status, 404);
    done(&site, Method::Post, "deliveries/replay?campaign=guide", none);
    done(&site, Method::Post, "campaigns/guide/destinations/crm/enable", none);
    done(&site, Method::Post, "lists/customers?ledger=example-ab", &json!({ "add": [tag] }));
    done(&site, Method::Post, "lists/customers?ledger=example-ab", &json!({ "remove": [tag] }));
    done(&site, Method::Post, "lists/customers?ledger=example-ab", &json!({ "clear": true }));
    done(&site, Method::Post, "access", &json!({ "email": "ann@example.com" }));
    done(&site, Method::Post, "erase", &json!({ "email": "ann@example.com" }));
    done(&site, Method::Put, "campaigns/guide", &guide_with(json!({ "title": "New" })));
    assert_eq!(act(&site, Method::Put, "campaigns/guide", &json!({ "id": "guide" })).status, 422);
    assert_eq!(
        story(&site),
        [
            "replay done 1",
            "replay refused null",
            "replay_all done 0",
            "enable done 0",
            "list_add done 1",
            "list_remove done 1",
            "list_clear done 0",
            "access done 1",
            "erase done 1",
            "publish begun null",
            "publish done null",
        ]
    );
    let all = entries(&site, "");
    assert!(all.iter().all(|entry| entry["actor"] == "alice" && entry["ledger"] == LEDGER));
    let entry = |act: &str| all.iter().rfind(|entry| entry["act"] == act).expect(act).clone();
    assert_eq!(
        entry("replay"),
        json!({
            "at": "2026-11-27T14:00:00.000Z", "ledger": LEDGER, "actor": "alice", "act": "replay",
            "campaign": "guide", "destination": null, "delivery_id": dead, "list": null, "count": 1,
            "outcome": "done", "changes": null,
        })
    );
    assert_eq!(
        (&entry("enable")["destination"], &entry("list_add")["list"]),
        (&json!("crm"), &json!("customers"))
    );
    for act in ["access", "erase", "list_add"] {
        assert_eq!(entry(act)["campaign"], Value::Null, "{act}");
    }
    assert_eq!(entry("publish")["campaign"], "guide");
}

#[test]
fn the_quarantine_has_entries_without_ids_of_submissions() {
    let site = site();
    let junk = |who: &str| {
        format!(
            "email={who}%40example.com&name=www.spam.example&contact_website=x&consent.newsletter=2026-11"
        )
    };
    let ids: Vec<String> = ["a", "b", "c"].iter().map(|who| site.accept("guide", &junk(who))).collect();
    assert_eq!(site.states(), counts(&[("quarantined", 3)]));
    done(&site, Method::Get, &format!("quarantine/{}", ids[0]), &Value::Null);
    done(&site, Method::Post, "quarantine/release", &json!({ "submission_ids": [ids[0]] }));
    done(&site, Method::Post, "quarantine/discard", &json!({ "campaign": "guide" }));
    done(&site, Method::Post, "quarantine/discard", &json!({ "submission_ids": [ids[0]] }));
    assert_eq!(
        story(&site),
        ["quarantine_show done null", "quarantine_release done 1", "quarantine_discard done 2"]
    );
    let all = json!(entries(&site, "")).to_string();
    assert!(ids.iter().all(|id| !all.contains(id)), "a submission's id is a hash of what the person said");
}

#[test]
fn no_entry_tells_who_it_was_about() {
    let site = site();
    site.deliver("guide", ANN);
    let phone = json!({ "email": "ann@example.com", "phone": "+46701740605" });
    done(&site, Method::Post, "access", &phone);
    let held = done(&site, Method::Post, "access", &phone).to_string();
    let tag = format!("email.k1.{}", "B".repeat(43));
    done(&site, Method::Post, "lists/suppressed?ledger=example-ab", &json!({ "add": [tag] }));
    done(&site, Method::Post, "erase", &phone);
    let rows = json!(site.rows(LEDGER, "SELECT * FROM audit")).to_string();
    assert_eq!(site.rows(LEDGER, "SELECT seq FROM audit").len(), 4);
    // Every text that the system knows the person by, in whatever form.
    let fingerprints = site.rows(LEDGER, "SELECT tag FROM listed");
    let mut forbidden: Vec<String> =
        fingerprints.iter().map(|row| row[0].as_str().expect("a tag").to_owned()).collect();
    assert!(forbidden.len() >= 3, "{forbidden:?}");
    for known in ["ann@example.com", "+46701740605"] {
        forbidden.extend([known.to_owned(), sha256_hex(known), known.replace(['@', '+'], "")]);
    }
    let held: Value = serde_json::from_str(&held).expect("JSON");
    let lead = &held["ledgers"][0]["leads"][0];
    forbidden.push(lead["lead_id"].as_str().expect("a lead").to_owned());
    forbidden.push(lead["submissions"][0]["submission_id"].as_str().expect("an id").to_owned());
    for word in forbidden {
        let hash = word.rsplit('.').next().expect("a part");
        assert!(!rows.contains(hash), "{word} is in the audit log: {rows}");
    }
    assert!(!rows.contains(ALICE) && rows.contains("alice"));
}

#[test]
fn sqlite_refuses_to_change_an_entry_or_to_take_one_away() {
    let site = site();
    done(&site, Method::Post, "campaigns/guide/destinations/crm/enable", &Value::Null);
    let before = site.rows(LEDGER, "SELECT * FROM audit");
    assert_eq!(before.len(), 1);
    let database = site.database(LEDGER).expect("a ledger");
    for (sql, reason) in [
        ("UPDATE audit SET actor = 'bob'", "not changed"),
        ("UPDATE audit SET seq = 9", "not changed"),
        ("DELETE FROM audit", "not deleted"),
        ("DELETE FROM audit WHERE seq = 1", "not deleted"),
        (
            "INSERT OR REPLACE INTO audit (seq, at_ms, actor, act, outcome) VALUES (1, 0, 'bob', 'x', 'done')",
            "not replaced",
        ),
        (
            "INSERT INTO audit (seq, at_ms, actor, act, outcome) VALUES (1, 0, 'bob', 'x', 'done')
             ON CONFLICT (seq) DO UPDATE SET actor = 'bob'",
            "not replaced",
        ),
    ] {
        let refused = database.execute_batch(sql).expect_err(sql).to_string();
        assert!(refused.contains(reason), "{sql}: {refused}");
    }
    assert_eq!(site.rows(LEDGER, "SELECT * FROM audit"), before);
    // No sweep takes it away either.
    site.pass(10 * 365 * DAY);
    assert_eq!(site.rows(LEDGER, "SELECT * FROM audit"), before);
}

/// An audit log that takes no entry: what the act would have done is not done.
const NO_ENTRY: &str = "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END";

#[test]
fn an_act_without_its_entry_is_not_done_and_memory_follows() {
    let site = site();
    let dead = dead_delivery(&site);
    let tag = format!("email.k1.{}", "C".repeat(43));
    done(&site, Method::Post, "lists/suppressed?ledger=example-ab", &json!({ "add": [tag] }));
    site.execute(LEDGER, NO_ENTRY);
    let dump = || site.everything_at_rest(&[LEDGER]).split("\"event\"").next().expect("a dump").to_owned();
    let before = dump();
    let none = &Value::Null;
    for (method, path, value) in [
        (Method::Post, format!("deliveries/{dead}/replay"), none.clone()),
        (Method::Post, "deliveries/replay?campaign=guide".to_owned(), none.clone()),
        (Method::Post, "campaigns/guide/destinations/crm/enable".to_owned(), none.clone()),
        (Method::Post, "lists/suppressed?ledger=example-ab".to_owned(), json!({ "remove": [tag] })),
        (Method::Post, "erase".to_owned(), json!({ "email": "ann@example.com" })),
        (Method::Post, "access".to_owned(), json!({ "email": "ann@example.com" })),
        (Method::Put, "campaigns/guide".to_owned(), guide_with(json!({ "title": "New" }))),
    ] {
        let response = act(&site, method, &path, &value);
        assert_eq!(response.status, 503, "{path}: {}", text(&response));
        assert_eq!(dump(), before, "{path}");
    }
    site.execute(LEDGER, "DROP TRIGGER full");
    // Nothing was sent of what was rolled back, and what is suppressed still is.
    site.ring();
    assert_eq!(site.received().len(), 0);
    assert_eq!(done(&site, Method::Get, "lists", none)["lists"][0]["entries"], 1);
    done(&site, Method::Post, &format!("deliveries/{dead}/replay"), none);
    site.ring();
    assert_eq!(site.received().len(), 1);
}

#[test]
fn an_act_that_fails_has_no_entry_that_says_it_was_done() {
    let site = site();
    site.deliver("guide", ANN);
    site.execute(
        LEDGER,
        "CREATE TRIGGER stuck BEFORE INSERT ON listed BEGIN SELECT RAISE(ABORT, 'stuck'); END",
    );
    assert_eq!(act(&site, Method::Post, "erase", &json!({ "email": "ann@example.com" })).status, 503);
    assert_eq!(story(&site), Vec::<String>::new());
    site.set_kv(KvMode::RefusingWrites);
    let file = guide_with(json!({ "title": "New" }));
    assert_eq!(act(&site, Method::Put, "campaigns/guide", &file).status, 503);
    assert_eq!(story(&site), ["publish begun null"], "begun, and not done");
    site.set_kv(KvMode::Fresh);
    site.with_ledger(LedgerMode::LosesRequests, || {
        assert_eq!(act(&site, Method::Put, "campaigns/guide", &file).status, 503);
    });
    assert_ne!(done(&site, Method::Get, "campaigns/guide", &Value::Null)["title"], "New");
}

#[test]
fn pages_run_through_all_ledgers_by_time_the_newest_first() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "other", "ledger": "other-ab" }))]);
    let mut site = site;
    site.set_settings(|settings| {
        settings.admin = AdminTokens::sole(ADMIN_TOKEN).and(EVERYTHING).expect("tokens")
    });
    let none = &Value::Null;
    for at in 0..9 {
        let campaign = if at % 3 == 0 { "other" } else { "guide" };
        done(&site, Method::Post, &format!("campaigns/{campaign}/destinations/d{at}/enable"), none);
        // Some happen at the same time, in one ledger and in two.
        if at % 2 == 0 {
            site.pass(MINUTE);
        }
    }
    done(&site, Method::Post, "access", &json!({ "email": "nobody@example.com" }));
    let all = entries(&site, "");
    assert_eq!(all.len(), 11, "the access is an entry of each ledger");
    let times: Vec<_> = all.iter().map(|entry| entry["at"].to_string()).collect();
    assert!(times.is_sorted_by(|left, right| left >= right), "{times:?}");
    for limit in [1, 2, 3, 4, 7, 11] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = done(&site, Method::Get, &format!("audit?limit={limit}{cursor}"), none);
            let entries = page["entries"].as_array().expect("entries");
            assert!(entries.len() <= limit);
            found.extend(entries.iter().cloned());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&after={next}");
        }
        assert_eq!(found, all, "limit {limit}");
    }
    let of = |query: &str| entries(&site, query).len();
    assert_eq!(of("&campaign=guide"), 7, "six of the campaign, and one that is about none");
    assert_eq!(of("&from=2026-11-22T14:01:00Z&to=2026-11-22T14:02:00Z"), 2);
    let status = |query: &str| act(&site, Method::Get, &format!("audit?{query}"), none).status;
    for (query, expected) in [
        ("after=x", 422),
        ("after=1.2", 422),
        ("limit=0", 422),
        ("from=yesterday", 422),
        ("campaign=nobody", 404),
        ("after=-1.1.zzz", 200),
    ] {
        assert_eq!(status(query), expected, "{query}");
    }
}
