//! `leadhook consent verify`: each act of a history is judged anew.

use std::path::Path;

use ed25519_dalek::SigningKey;
use leadhook::base::crypto::base64;
use leadhook::base::keyring::Keyring;
use leadhook::base::time::rfc3339;
use leadhook::pipeline::consent::{Act, ConsentState, Head, Personal};
use serde_json::{Value, json};

use super::receipts::signed;
use super::{done, folder, keys_file, read, refused, ring, write};

const LEDGER: &str = "example-ab";
const VERIFY: [&str; 5] = ["consent", "verify", "access.json", "--keys", "leadhook.keys"];

fn history() -> Value {
    use ConsentState::{Confirmed, Given, Requested, Withdrawn};
    let ring = Keyring::parse(&ring("p1", 1)).expect("a ring");
    let key = ("p1".to_owned(), ring.current().derive("leadhook/history/v1/", LEDGER));
    let mut acts = Vec::<(Act, String)>::new();
    for (at, state) in (0..).zip([Requested, Confirmed, Withdrawn]) {
        let personal = Personal { salt: format!("salt{at}"), ..Personal::default() }.text();
        let consents = [("newsletter", state), ("call", Given)];
        let consents =
            consents.map(|(purpose, state)| (purpose.to_owned(), state, "terms".to_owned())).to_vec();
        let previous = acts.last().map(|(act, _)| Head::from(act));
        let when = (1_795_356_000_000 + at * 60_000, "guide");
        acts.push((Act::after(previous.as_ref(), "lead_1", when, consents, &personal, &key), personal));
    }
    let shown = acts.iter().map(|(act, personal)| {
        json!({ "at": rfc3339(act.at_ms), "act": act, "personal": personal, "verdict": "valid" })
    });
    let leads = json!([{ "lead_id": "lead_1", "history": shown.collect::<Vec<_>>(), "submissions": [] }]);
    json!({ "ledgers": [{ "ledger": LEDGER, "leads": leads, "lists": [] }] })
}

fn acts(held: &mut Value) -> &mut Vec<Value> {
    held["ledgers"][0]["leads"][0]["history"].as_array_mut().expect("a history")
}

fn verdicts(folder: &Path, held: &Value, expected: &[&str]) {
    write(folder, "access.json", &held.to_string());
    let output = super::leadhook(folder, &VERIFY);
    let said = super::text(&output.stdout);
    let found: Vec<_> = said.lines().skip(1).filter_map(|line| line.rsplit("  ").next()).collect();
    assert_eq!(found, expected, "{said}");
    let is_good = expected.iter().all(|verdict| ["valid", "erased"].contains(verdict));
    assert_eq!(output.status.success(), is_good, "{}", super::text(&output.stderr));
}

#[test]
fn each_act_of_a_history_is_judged_anew() {
    let folder = folder("history");
    keys_file(&folder);
    let held = history();
    write(&folder, "access.json", &serde_json::to_string_pretty(&held).expect("JSON"));
    assert_eq!(
        done(&folder, &VERIFY),
        "lead_1 in example-ab\n  \
         1  2026-11-22T14:00:00.000Z  guide  newsletter requested, call given  valid\n  \
         2  2026-11-22T14:01:00.000Z  guide  newsletter confirmed, call given  valid\n  \
         3  2026-11-22T14:02:00.000Z  guide  newsletter withdrawn, call given  valid\n"
    );
    let changed = |change: &dyn Fn(&mut Vec<Value>), expected: &[&str]| {
        let mut held = history();
        change(acts(&mut held));
        verdicts(&folder, &held, expected);
    };
    changed(&|acts| acts[1]["personal"] = Value::Null, &["valid", "erased", "valid"]);
    changed(&|acts| acts[1]["personal"] = json!("{}"), &["valid", "CHANGED", "valid"]);
    changed(&|acts| acts[2]["act"]["consents"][0][1] = json!("given"), &["valid", "valid", "CHANGED"]);
    changed(&|acts| acts[0]["verdict"] = json!("changed"), &["valid", "valid", "valid"]);
    changed(&|acts| drop(acts.remove(1)), &["valid", "CHANGED"]);
    changed(&|acts| drop(acts.remove(0)), &["CHANGED", "valid"]);
    changed(&|acts| acts.swap(0, 1), &["CHANGED", "CHANGED", "CHANGED"]);
    // An act that is another person's is not shown, and its MAC says what the next one is chained to.
    let behind = |acts: &mut Vec<Value>, at: usize, mac: Option<&str>| {
        let hidden = acts.remove(at);
        acts[at]["follows"] = mac.map_or_else(|| hidden["act"]["mac"].clone(), |mac| json!(mac));
    };
    changed(&|acts| behind(acts, 1, None), &["valid", "valid"]);
    changed(&|acts| behind(acts, 0, None), &["valid", "valid"]);
    changed(&|acts| behind(acts, 1, Some("p1.x")), &["valid", "CHANGED"]);
    changed(&|acts| acts[1]["follows"] = acts[0]["act"]["mac"].clone(), &["valid", "valid", "valid"]);
    changed(&|acts| acts[1]["follows"] = json!("p1.x"), &["valid", "CHANGED", "valid"]);
    changed(&|acts| acts[0]["follows"] = acts[2]["act"]["mac"].clone(), &["CHANGED", "valid", "valid"]);
    // What the MAC would not see: a part that no act has, the time beside it, and what is missing.
    changed(&|acts| acts[1]["act"]["note"] = json!("by phone"), &["valid", "CHANGED", "valid"]);
    changed(&|acts| acts[1]["at"] = json!("2020-01-01T00:00:00.000Z"), &["valid", "CHANGED", "valid"]);
    for part in ["seq", "at_ms", "campaign", "consents", "commitment", "mac"] {
        let cut = |acts: &mut Vec<Value>| drop(acts[2]["act"].as_object_mut().expect("an act").remove(part));
        changed(&cut, &["valid", "valid", "CHANGED"]);
    }
    changed(&|acts| acts[2]["act"]["mac"] = json!("p9.AAAA"), &["valid", "valid", "unknown key"]);

    let mut other = history();
    other["ledgers"][0]["leads"][0]["lead_id"] = json!("lead_2");
    verdicts(&folder, &other, &["CHANGED", "CHANGED", "CHANGED"]);
    other = history();
    other["ledgers"][0]["ledger"] = json!("other");
    verdicts(&folder, &other, &["CHANGED", "CHANGED", "CHANGED"]);
    write(&folder, "access.json", "{}");
    assert!(refused(&folder, &VERIFY).contains("is not the output of leadhook access"));
}

#[test]
fn a_receipt_shows_that_a_history_was_cut() {
    let folder = folder("cut");
    keys_file(&folder);
    let mut held = history();
    let head = acts(&mut held)[1]["act"]["mac"].clone();
    let payload = json!({ "record": { "history": { "seq": 2, "head": head } } });
    write(&folder, "r.jws", &signed("r1", 1, &payload));
    let verify = [&VERIFY[..], &["--receipt", "r.jws"]].concat();
    write(&folder, "access.json", &held.to_string());
    let output = super::leadhook(&folder, &verify);
    assert!(output.status.success());
    assert!(super::text(&output.stderr).contains("signature was not verified"));

    let pair = SigningKey::from_bytes(&[1; 32]).to_keypair_bytes();
    let lines = format!("{}LEADHOOK_SIGNING_KEYS=\"r1:{}\"\n", read(&folder, "leadhook.keys"), base64(&pair));
    write(&folder, "leadhook.keys", &lines);
    assert!(done(&folder, &verify).ends_with("the history contains act 2, which the receipt was made for\n"));

    acts(&mut held).truncate(1);
    write(&folder, "access.json", &held.to_string());
    assert!(done(&folder, &VERIFY).ends_with("valid\n"), "by itself the rest looks whole");
    assert!(refused(&folder, &verify).contains("does not contain act 2 of the receipt: it was truncated"));

    write(&folder, "access.json", &history().to_string());
    write(&folder, "r.jws", &signed("r1", 2, &payload));
    assert!(refused(&folder, &verify).contains("the signature is invalid"));
    write(&folder, "r.jws", &signed("r1", 1, &json!({ "type": "erasure" })));
    assert!(refused(&folder, &verify).contains("names no act"));
}
