//! The doctor: it finds what is broken in a ledger by hand, says so in words, and finds nothing else.

use leadhook::http::request::Method;
use leadhook::ledger::CHECKUP_ROWS;
use leadhook::testing::world::{KvMode, LedgerMode, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::*;

const LEDGER: &str = "example-ab";
const SECOND: i64 = 1_000;

fn form(n: usize) -> String {
    format!("email=p{n}%40example.com&consent.newsletter=on")
}

/// Returns what the doctor finds wrong, by the ledger's chunks, each as `problem about count`.
fn wrong(site: &Site) -> Vec<String> {
    findings(site).iter().filter(|one| one["is_wrong"] == true).map(shown).collect()
}

fn notes(site: &Site) -> Vec<String> {
    findings(site).iter().filter(|one| one["is_wrong"] == false).map(shown).collect()
}

fn shown(finding: &Value) -> String {
    for key in ["says", "advice"] {
        let words = finding[key].as_str().expect("words");
        assert!(words.len() > 15 && words.contains(' '), "{words}");
        assert_ne!(words, "The ledger found a problem that this version cannot describe", "{finding}");
    }
    let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    format!("{} {} {}", text("problem"), text("about"), finding["count"])
}

fn findings(site: &Site) -> Vec<Value> {
    let worker = site.admin(Method::Get, "doctor");
    let mut all = worker["findings"].as_array().expect("findings").clone();
    for ledger in worker["ledgers"].as_array().expect("ledgers") {
        chunks(site, ledger.as_str().expect("a name"), |answer| {
            all.extend(answer["findings"].as_array().expect("findings").clone());
        });
    }
    all
}

/// Each chunk's answer; how many there were.
fn chunks(site: &Site, ledger: &str, mut each: impl FnMut(&Value)) -> usize {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let answer = site.admin(Method::Get, &format!("doctor?ledger={ledger}{cursor}"));
        count += 1;
        each(&answer);
        let Some(next) = answer["next"].as_str() else { return count };
        cursor = format!("&after={next}");
    }
}

/// A site with a delivered, a held, a dead and a pending lead, and a duplicate.
fn busy() -> Site {
    let destination = destination("crm", "https://crm.example.com/hooks/guide");
    let held = json!({ "id": "held", "qualify": { "forward_at": 40 }, "destination": [destination] });
    let site = Site::new(&[guide(), guide_with(held)]);
    site.deliver("guide", &form(1));
    site.deliver("guide", &format!("{}&seats=3", form(1)));
    site.accept("held", &form(2));
    site.set_receiver(ReceiverMode::Refuses(500));
    site.deliver("guide", &form(3));
    site.pass(5 * DAY);
    site.deliver("guide", &form(4));
    site
}

#[test]
fn a_system_with_a_lead_in_every_state_is_well() {
    let site = busy();
    let states = [("delivered", 1), ("duplicate", 1), ("held", 1), ("dead", 1), ("pending", 1)];
    assert_eq!(site.states(), counts(&states));
    assert_eq!(wrong(&site), ["dead_letters guide/crm: status 500 1"], "what was given up is for a person");
    site.set_receiver(ReceiverMode::Up);
    site.send(&request(Method::Post, "/admin/api/deliveries/replay?campaign=guide", "", ""));
    site.pass(DAY);
    assert_eq!(wrong(&site), [""; 0]);
    assert_eq!(notes(&site), [""; 0]);
}

#[test]
fn what_is_broken_in_a_ledger_is_named() {
    let dead = "dead_letters guide/crm: status 500 1";
    let cases: &[(&str, &[&str])] = &[
        (
            "UPDATE counter SET pending = pending + 1 WHERE pending = 1",
            &["counters_differ pending: 2 counted, 1 in rows 1"],
        ),
        (
            "UPDATE counter SET held = held + 1 WHERE held = 1",
            &["counters_differ held: 2 counted, 1 in rows 1"],
        ),
        ("UPDATE counter SET delivered = 0", &["counters_differ delivered: 0 counted, 1 in rows 1"]),
        (
            "UPDATE counter SET erased = -1 WHERE held = 1",
            &["counter_negative held 1", "counters_differ erased: -1 counted, 0 in rows 1"],
        ),
        ("DELETE FROM delivery WHERE state = 'pending'", &["no_delivery guide 1"]),
        (
            "UPDATE delivery SET state = 'pending' WHERE state = 'delivered'",
            &["overdue guide/crm 1", "state_behind guide 1"],
        ),
        ("UPDATE delivery SET state = 'delivered' WHERE state = 'dead'", &["state_behind guide 1", "-dead"]),
        ("UPDATE submission SET payload = NULL WHERE state = 'pending'", &["payload_missing guide 1"]),
        ("UPDATE submission SET payload = NULL WHERE state = 'held'", &["payload_missing held 1"]),
        ("UPDATE submission SET payload = 'x' WHERE state = 'delivered'", &["payload_left guide 1"]),
        (
            "UPDATE submission SET state = 'elsewhere' WHERE state = 'held'",
            &["state_unknown  1", "payload_left held 1", "counters_differ held: 1 counted, 0 in rows 1"],
        ),
        (
            "DELETE FROM submission WHERE state = 'pending'",
            &["no_submission guide/crm 1", "counters_differ pending: 1 counted, 0 in rows 1"],
        ),
        ("UPDATE delivery SET due_ms = due_ms - 3600000 WHERE state = 'pending'", &["overdue guide/crm 1"]),
        (
            "UPDATE delivery SET due_ms = due_ms + 864000000 WHERE state = 'pending'",
            &["due_too_late guide/crm 1"],
        ),
        ("INSERT INTO disabled VALUES ('guide', 'crm', 1)", &["destination_paused guide/crm 1"]),
    ];
    for (breaks, expected) in cases {
        let site = busy();
        site.execute(LEDGER, breaks);
        let mut found = wrong(&site);
        let mut expected: Vec<_> = expected.iter().map(|one| (*one).to_owned()).collect();
        match expected.iter().position(|one| one == "-dead") {
            Some(at) => drop(expected.remove(at)),
            None => expected.push(dead.to_owned()),
        }
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{breaks}");
    }
}

/// Makes the held lead so many more.
fn held_copies(site: &Site, copies: i64) {
    let row = "format, campaign, source, hour, state, at_ms, known_until_ms, payload, consent, act, until_ms,
               consent_until_ms, record_until_ms";
    site.execute(
        LEDGER,
        &format!(
            "INSERT INTO submission (lead_id, submission_id, {row})
               WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {copies})
               SELECT printf('lead_z%08d', i), submission_id, {row} FROM submission, n WHERE state = 'held';
             UPDATE counter SET held = held + {copies} WHERE held = 1"
        ),
    );
}

#[test]
fn a_large_ledger_is_walked_in_chunks_that_add_up() {
    let site = busy();
    let copies = CHECKUP_ROWS + CHECKUP_ROWS / 2;
    held_copies(&site, copies);
    assert_eq!(chunks(&site, LEDGER, |_| ()), 2);
    assert_eq!(wrong(&site), ["dead_letters guide/crm: status 500 1"]);
    site.execute(LEDGER, "UPDATE submission SET payload = NULL WHERE lead_id LIKE 'lead_z%'");
    let (mut missing, mut chunk) = (0, 0);
    chunks(&site, LEDGER, |answer| {
        chunk += 1;
        let found = answer["findings"].as_array().expect("findings");
        let of_payload = found.iter().filter(|one| one["problem"] == "payload_missing");
        missing += of_payload.map(|one| one["count"].as_i64().expect("a count")).sum::<i64>();
    });
    assert_eq!((missing, chunk), (copies, 2));
}

#[test]
fn what_moves_during_a_check_is_not_called_wrong() {
    let site = busy();
    assert_eq!(site.admin(Method::Get, &format!("doctor?ledger={LEDGER}"))["next"], Value::Null);
    held_copies(&site, CHECKUP_ROWS);
    let first = site.admin(Method::Get, &format!("doctor?ledger={LEDGER}"));
    site.accept("held", &form(5));
    let next = first["next"].as_str().expect("another chunk");
    let answer = site.admin(Method::Get, &format!("doctor?ledger={LEDGER}&after={next}"));
    let found: Vec<_> = answer["findings"].as_array().expect("findings").iter().map(shown).collect();
    assert_eq!(found, ["dead_letters guide/crm: status 500 1", "moving  1"]);
}

#[test]
fn a_cursor_of_ones_own_making_counts_nobody() {
    let site = busy();
    let counts = ["0"; 12].join("_");
    for place in ["", "lead_", "suppressed_", "lead_1k81osvo00nidep61va7ao5og"] {
        for cursor in [
            format!("leads.{place}.{counts}.{counts}."),
            format!("leads.{place}.{counts}.{counts}"),
            format!(
                "2.k1.{}",
                leadhook::base::crypto::base64url(format!("leads.{place}.{counts}.{counts}.").as_bytes())
            ),
        ] {
            let path = format!("/admin/api/doctor?ledger={LEDGER}&after={cursor}");
            assert_eq!(site.send(&request(Method::Get, &path, "", "")).status, 422, "{cursor}");
        }
    }
    held_copies(&site, CHECKUP_ROWS);
    let next = site.admin(Method::Get, &format!("doctor?ledger={LEDGER}"))["next"].clone();
    let next = next.as_str().expect("another chunk");
    assert!(!next.contains("lead") && !next.contains("0_0"), "it says nothing: {next}");
}

#[test]
fn a_ledger_of_many_campaigns_compares_its_copies_some_at_a_time() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", &form(1));
    site.execute(
        LEDGER,
        "INSERT INTO campaign (id, revision, stored) WITH RECURSIVE n(i) AS
           (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
         SELECT printf('gone-%03d', i), 'x', 'x' FROM n",
    );
    let mut gone = Vec::new();
    let chunks = chunks(&site, LEDGER, |answer| {
        gone.extend(answer["findings"].as_array().expect("findings").iter().map(shown));
        assert!(site.last_requests() <= 40, "{}", site.last_requests());
    });
    let expected: Vec<_> = (1..100).map(|n| format!("campaign_gone gone-{n:03} 1")).collect();
    assert_eq!((chunks, gone), (4, expected));
}

#[test]
fn a_clock_that_went_ahead_and_back_keeps_nobody_waiting() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Down);
    let now_ms = site.now_ms();
    site.set_clock(now_ms + 90 * DAY);
    site.deliver("guide", &form(1));
    site.set_clock(now_ms);
    assert_eq!(wrong(&site), ["due_too_late guide/crm 1"]);
    site.set_receiver(ReceiverMode::Up);
    site.evict();
    site.pass(SECOND);
    assert_eq!((site.received().len(), wrong(&site)), (1, Vec::new()));
}

#[test]
fn what_is_wrong_with_the_worker_is_named() {
    let site = Site::new(&[guide(), person::confirmed_guide(json!({ "id": "asks" }))]);
    site.deliver("guide", &form(1));
    assert_eq!((wrong(&site), notes(&site)), (Vec::new(), Vec::new()));
    site.unset_secret("CRM_SECRET");
    assert!(
        wrong(&site).contains(&"secret_missing guide/crm (CRM_SECRET) 1".to_owned()),
        "{:?}",
        wrong(&site)
    );

    let mut site = Site::new(&[guide(), person::confirmed_guide(json!({ "id": "asks" }))]);
    site.set_settings(|settings| {
        (settings.signing, settings.lists, settings.public_url) = (None, None, None);
        settings.development = true;
    });
    assert_eq!(wrong(&site), ["public_url_needed asks 1"]);
    let missing = ["development", "signing_keys_missing", "list_keys_missing", "public_url_missing"];
    assert_eq!(notes(&site), missing.map(|problem| format!("{problem}  1")));
}

#[test]
fn campaigns_that_cannot_be_read_or_differ_are_named() {
    let site = Site::new(&[guide()]);
    site.deliver("guide", &form(1));
    site.set_kv_value("campaign/v1/guide", "no JSON");
    assert_eq!(wrong(&site), ["campaign_unreadable guide 1"]);
    site.set_kv_value("campaign/v1/guide", r#"{"format":99,"campaign":{}}"#);
    assert_eq!(wrong(&site), ["campaign_newer guide 1"]);
    site.republish(&guide_with(json!({ "title": "Another" })));
    assert_eq!((wrong(&site), notes(&site)), (Vec::new(), vec!["campaign_older guide 1".to_owned()]));
    site.execute(LEDGER, "UPDATE campaign SET id = 'gone'");
    assert_eq!(wrong(&site), ["campaign_gone gone 1"]);
}

#[test]
fn a_ledger_that_is_silent_and_kv_that_is_down_are_named() {
    let site = busy();
    for mode in [LedgerMode::LosesRequests, LedgerMode::LosesAnswers, LedgerMode::RefusesStatements] {
        site.with_ledger(mode, || assert_eq!(wrong(&site), ["ledger_silent  1"], "{mode:?}"));
    }
    site.set_kv(KvMode::Failing);
    assert_eq!(wrong(&site), ["kv_down  1"]);
}

#[test]
fn only_what_is_there_is_asked_and_only_by_its_cursor() {
    let site = busy();
    let status = |path: &str| site.send(&request(Method::Get, &format!("/admin/api/{path}"), "", "")).status;
    assert_eq!(status("doctor?ledger=nobody"), 404);
    for cursor in ["x", "leads", "leads.a.1.2", "leads.a.1_2_3.1_2_3", "rows.a.0.0"] {
        assert_eq!(status(&format!("doctor?ledger={LEDGER}&after={cursor}")), 422, "{cursor}");
    }
    assert!(site.database("nobody").is_none(), "asking makes no ledger");
}
