//! Formats that are persisted or go over a wire, literally. A change here breaks what lies in somebody's KV or ledger,
//! or what another version of the code says: raise the format number.

use leadhook::app::ports::Ports as _;
use leadhook::campaign::{Signal, WeighedSignal};
use leadhook::ledger::wire::{Admit, Call, Message, OperationWire, Reply, Tally, Verb};
use leadhook::pipeline::abuse::{Evidence, Sender, UsedToken};
use leadhook::pipeline::intake::{accept, decode};
use leadhook::pipeline::lead::{Identity, Lead};
use leadhook::testing::world::{LedgerMode, START_MS};
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on";
const LEDGER: &str = "example-ab";
/// By HKDF and HMAC of the peppers `[1; 32]`, as another implementation computed them.
const ANN_TAG: &str = "email.k1.dEP9EbQtZD2CjjzrI0WEfrFjQAMyzwuHYHXULMY2h_M";
const ANN_ID: &str = "sub_lHoxQntBqQ-5nZ4rCfe68fhM";
/// By SHA-256 of that, as another implementation computed it.
const ANN_SUBJECT: &str = "k1.b_eSiqwq_PAf7e6AOvnecEe_3X_ynghcHKhzy874kf0";
const ANN_LEAD: &str = "lead_1k81osvo00nidep61va7ao5og";

#[test]
fn what_publishing_writes_to_kv() {
    let site = Site::new(&[guide()]);
    let contents = site.kv_contents();
    let keys: Vec<_> = contents.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "campaign/v1/guide",
            "ledger/v1/example-ab",
            "version/v1/guide/call/2",
            "version/v1/guide/newsletter/2026-11",
            "wording/v1/a95566039296e10e2e48e4fde9ec0ce4dcb0a836988e9761948fbd906ad2fbb6",
            "wording/v1/c8dc1fe276eaaafab0db6c3c49176bf17426bc6f8a2ad665000f2e35129a39c1",
            "wording/v1/e00e7c9b42e427a1630c85be8812f8399c6d959bed62843b3d17ffb574a3091d",
        ]
    );
    let campaign = format!(r#"{{"format":1,"campaign":{}}}"#, guide());
    assert_eq!(contents["campaign/v1/guide"], campaign);
    assert_eq!(contents["ledger/v1/example-ab"], r#"{"controller":"Example AB","format":1}"#);
    assert_eq!(
        contents["version/v1/guide/call/2"],
        r#"{"format":1,"sha256":"a95566039296e10e2e48e4fde9ec0ce4dcb0a836988e9761948fbd906ad2fbb6"}"#
    );
    assert_eq!(
        contents["wording/v1/a95566039296e10e2e48e4fde9ec0ce4dcb0a836988e9761948fbd906ad2fbb6"],
        r#"{"format":1,"text":"Yes, call me."}"#
    );
    let notice = json!({
        "email": "privacy@example.com", "name": "Example AB",
        "privacy_notice": "https://www.example.com/privacy", "privacy_notice_version": "3",
    });
    assert_eq!(
        contents["wording/v1/e00e7c9b42e427a1630c85be8812f8399c6d959bed62843b3d17ffb574a3091d"],
        json!({ "format": 1, "text": notice.to_string() }).to_string()
    );
}

#[test]
fn what_kv_remembers_of_a_person() {
    let site = Site::new(&[guide()]);
    assert_eq!(site.accept("guide", ANN), ANN_ID);
    site.new_isolate();
    assert_eq!(site.accept("guide", ANN), ANN_ID);
    let contents = site.kv_contents();
    let (key, value) = contents.iter().find(|(key, _)| key.starts_with("seen/")).expect("a value");
    assert_eq!(*key, format!("seen/v1/example-ab/{ANN_TAG}"));
    assert_eq!(*value, format!(r#"{{"format":1,"submissions":[["{ANN_ID}",{START_MS}]]}}"#));
}

/// The tables with their columns.
const TABLES: [(&str, &str); 22] = [
    ("campaign", "id TEXT key 1, revision TEXT, stored TEXT"),
    (
        "counter",
        "campaign TEXT key 1, hour INTEGER key 2, source TEXT key 3, repeats INTEGER, pending INTEGER, \
         delivered INTEGER, dead INTEGER, held INTEGER, duplicate INTEGER, suppressed INTEGER, \
         quarantined INTEGER, unconfirmed INTEGER, withdrawn INTEGER, discarded INTEGER, \
         expired INTEGER, erased INTEGER, fresh INTEGER, qualified INTEGER, arrived INTEGER, scores TEXT",
    ),
    (
        "delivery",
        "delivery_id TEXT key 1, format INTEGER, lead_id TEXT, submission_id TEXT, campaign TEXT, \
         destination TEXT, receiver TEXT, event TEXT, state TEXT, due_ms INTEGER, \
         attempt_count INTEGER, attempts TEXT, reason TEXT?, created_ms INTEGER, settled_ms INTEGER?, \
         notice TEXT?, subject TEXT?, beside TEXT?",
    ),
    (
        "act",
        "lead_id TEXT key 1, seq INTEGER key 2, format INTEGER, act TEXT, personal TEXT?, \
         consent_until_ms INTEGER?, record_until_ms INTEGER, subjects TEXT?",
    ),
    (
        "lead",
        "number INTEGER? key 1, lead_id TEXT, format INTEGER, seq INTEGER, mac TEXT, founder TEXT, \
         last_ms INTEGER, known_until_ms INTEGER, record_until_ms INTEGER, had TEXT?",
    ),
    ("standing", "lead INTEGER key 1, subject TEXT key 2, consents TEXT"),
    ("carried", "tag TEXT key 1, lead_id TEXT key 2"),
    ("mentioned", "tag TEXT key 1, lead_id TEXT key 2, submission_id TEXT key 3"),
    ("alias", "lead_id TEXT key 1, is_now TEXT"),
    ("listed", "tag TEXT key 1, list TEXT key 2, at_ms INTEGER, asked_ms INTEGER?"),
    (
        "request",
        "tag TEXT key 1, submission_id TEXT key 2, lead_id TEXT, campaign TEXT, mails INTEGER, \
         mailed_ms INTEGER, expires_ms INTEGER, confirmed_ms INTEGER?, mailbox TEXT?, stem TEXT?, \
         refused_ms INTEGER?",
    ),
    ("terms", "digest TEXT key 1, terms TEXT"),
    ("disabled", "campaign TEXT key 1, destination TEXT key 2, at_ms INTEGER"),
    ("fingerprint", "tag TEXT key 1, lead_id TEXT key 2"),
    ("idempotency", "tag TEXT key 1, submission_id TEXT, expires_ms INTEGER"),
    ("meta", "key TEXT key 1, value TEXT"),
    ("migration", "version INTEGER? key 1"),
    (
        "submission",
        "lead_id TEXT key 1, submission_id TEXT key 2, format INTEGER, campaign TEXT, source TEXT, \
         hour INTEGER, state TEXT, at_ms INTEGER, known_until_ms INTEGER, until_ms INTEGER?, \
         consent_until_ms INTEGER?, record_until_ms INTEGER, milestone INTEGER, stands_by INTEGER?, \
         first TEXT?, subjects TEXT?, quarantine TEXT?, act TEXT?, consent BLOB, payload BLOB?",
    ),
    (
        "audit",
        "seq INTEGER? key 1, at_ms INTEGER, actor TEXT, act TEXT, campaign TEXT?, destination TEXT?, \
         delivery_id TEXT?, list TEXT?, count INTEGER?, outcome TEXT, changes TEXT?",
    ),
    ("revision", "revision TEXT key 1, stored TEXT"),
    (
        "engagement",
        "submission_id TEXT key 1, lead_id TEXT, campaign TEXT, until_ms INTEGER, downloads INTEGER, \
         first_ms INTEGER?",
    ),
    ("tally", "campaign TEXT key 1, hour INTEGER key 2, field TEXT key 3, code TEXT key 4, count INTEGER"),
];

#[test]
fn the_tables_of_a_ledger() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    let columns = |table: &str| {
        let rows = site.rows(LEDGER, &format!("PRAGMA table_info({table})"));
        let word = |value: &Value| value.as_str().expect("a text").to_owned();
        let column = |row: &Vec<Value>| {
            let suffix = if row[5] == json!(0) { String::new() } else { format!(" key {}", row[5]) };
            let null = if row[3] == json!(1) { "" } else { "?" };
            format!("{} {}{null}{suffix}", word(&row[1]), word(&row[2]))
        };
        rows.iter().map(column).collect::<Vec<_>>().join(", ")
    };
    for (table, expected) in TABLES {
        assert_eq!(columns(table), expected, "{table}");
    }
    let tables = site.rows(LEDGER, "SELECT count(*) FROM sqlite_master WHERE type = 'table'");
    assert_eq!(tables, [[json!(22)]], "a new table belongs above");
}

#[test]
fn the_rows_of_a_lead() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    assert_eq!(site.rows(LEDGER, "SELECT * FROM fingerprint"), [[json!(ANN_TAG), json!(ANN_LEAD)]]);
    let rows = site.rows(
        LEDGER,
        "SELECT lead_id, submission_id, format, campaign, source, hour, state, at_ms, known_until_ms,
           substr(payload, 1, 5), substr(consent, 1, 5), subjects, stands_by, first FROM submission",
    );
    let until = START_MS + 180 * DAY;
    assert_eq!(
        Value::from_iter(rows),
        json!([[
            ANN_LEAD,
            ANN_ID,
            4,
            "guide",
            "direct",
            START_MS,
            "pending",
            START_MS,
            until,
            "2.k1.",
            "2.k1.",
            json!([ANN_SUBJECT]).to_string(),
            null,
            ANN_SUBJECT,
        ]])
    );
    let row = site.rows(LEDGER, "SELECT * FROM delivery");
    assert_eq!(
        Value::from_iter(row),
        json!([[
            "msg_1k81osvo00nidep61va7ao5og_lHoxQntBd7c735e6",
            4,
            ANN_LEAD,
            ANN_ID,
            "guide",
            "crm",
            "6e3dc7030a11f597.9a0bceeab5def971",
            "lead.qualified",
            "pending",
            // It goes out at once.
            0,
            0,
            "[]",
            null,
            START_MS,
            null,
            null,
            ANN_SUBJECT,
            null,
        ]])
    );
    let meta = site.rows(LEDGER, "SELECT * FROM meta");
    let sweep = (START_MS + DAY).to_string();
    assert_eq!(Value::from_iter(meta), json!([["ledger", "example-ab"], ["next_sweep_ms", sweep]]));
}

#[test]
fn the_rows_of_somebody_who_posts_again() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    let nothing: [Vec<Value>; 0] = [];
    assert_eq!(site.rows(LEDGER, "SELECT * FROM lead"), nothing, "nearly everybody posts once");
    site.accept("guide", &format!("{ANN}&name=Ann"));
    let mac = site.rows(LEDGER, "SELECT json_extract(act, '$.mac') FROM act")[0][0].clone();
    let (until, record) = (START_MS + 180 * DAY, START_MS + 1_095 * DAY);
    let had = r#"[{"campaign":"guide","counts":true,"destination":"crm","receiver":"6e3dc7030a11f597.9a0bceeab5def971"}]"#;
    let lead = json!([[1, ANN_LEAD, 4, 1, mac, ANN_SUBJECT, START_MS, until, record, had]]);
    assert_eq!(Value::from_iter(site.rows(LEDGER, "SELECT * FROM lead")), lead);
    let rows = site.rows(LEDGER, "SELECT lead, subject, consents FROM standing");
    assert_eq!(rows[0][..2], [json!(1), json!(ANN_SUBJECT)]);
    let consents: Value = serde_json::from_str(rows[0][2].as_str().expect("a text")).expect("JSON");
    let terms = consents[0]["by"]["terms"].clone();
    assert_eq!(
        consents[0],
        json!({
            "purpose": "newsletter", "state": "given", "since_ms": START_MS, "was_given": true,
            "by": { "seq": 1, "at_ms": START_MS, "campaign": "guide", "terms": terms },
        })
    );
    let rows = site.rows(LEDGER, "SELECT submission_id, act, consent, stands_by, subjects FROM submission");
    assert!(rows.iter().all(|row| row[1..4] == [Value::Null, json!(""), json!(1)]), "{rows:?}");
}

fn admit() -> Admit {
    let site = Site::new(&[guide()]);
    let campaign = campaign(&guide());
    let body = b"email=ann@example.com&phone=0701740605&name=Ann&consent.newsletter=on&utm_source=x";
    let submission = accept(decode(Some(FORM), body).expect("fields"), &campaign).expect("a submission");
    let identity = Identity::new(site.settings(), &campaign.ledger);
    Admit {
        campaign: campaign.id.clone(),
        revision: "0123456789abcdef".to_owned(),
        stored: None,
        submission_id: identity.submission_id(&submission, &campaign, Some("k")).into(),
        idempotency_tag: Some(identity.idempotency_tag(&campaign, "k")),
        source: "x".to_owned(),
        fingerprints: identity.fingerprints(&submission, &campaign),
        list_tags: Vec::new(),
        evidence: Evidence::default(),
        by: campaign.dedupe.by.clone(),
        lead: Lead::new(submission, &campaign, START_MS),
    }
}

#[test]
fn the_message_that_admits_a_lead() {
    let message = Message { format: 1, ledger: LEDGER.to_owned(), call: Call::Admit(Box::new(admit())) };
    let consent = |purpose: &str, more: Value| {
        let base = json!({
            "purpose": purpose, "language": "sv", "at": "2026-11-22T14:00:00.000Z", "method": "form",
            "version_shown": "unstated",
            "notice": {
                "url": "https://www.example.com/privacy", "version": "3",
                "sha256": "e00e7c9b42e427a1630c85be8812f8399c6d959bed62843b3d17ffb574a3091d",
            },
        });
        edited(base, more)
    };
    let newsletter = json!({
        "granted": true, "version": "2026-11", "channel": "email", "category": "marketing",
        "text_sha256": "c8dc1fe276eaaafab0db6c3c49176bf17426bc6f8a2ad665000f2e35129a39c1",
    });
    let call = json!({
        "granted": false, "version": "2", "channel": "phone", "category": "sales", "retention_days": 365,
        "text_sha256": "a95566039296e10e2e48e4fde9ec0ce4dcb0a836988e9761948fbd906ad2fbb6",
    });
    assert_eq!(
        serde_json::to_value(&message).expect("JSON"),
        json!({
            "format": 1,
            "ledger": "example-ab",
            "call": { "admit": {
                "campaign": "guide",
                "revision": "0123456789abcdef",
                "submission_id": "sub_Hs79MfY6lB2MaD7JJZ4Fhpvg",
                "idempotency_tag": "ccszqMFE-fIVaUZ5hEHA0JeWLSfHu2PomlSIg8BmU-8",
                "source": "x",
                "fingerprints": [
                    { "kind": "email", "tag": ANN_TAG, "current": true },
                    { "kind": "phone", "tag": "phone.k1.CuSIiIh0HzS2GMtziemvF8QPszLHapj9Gc6ka7tzn1s", "current": true },
                ],
                "by": ["email"],
                "lead": {
                    "contact": { "email": "ann@example.com", "phone": "+46701740605" },
                    "answers": { "name": "Ann" },
                    "attribution": { "utm_source": "x" },
                    "consent": [consent("newsletter", newsletter), consent("call", call)],
                    "country": "SE",
                    "email_kind": "business",
                    "submitted_at_ms": START_MS,
                },
            } },
        })
    );
}

#[test]
fn the_other_messages() {
    let written = |call: Call| serde_json::to_value(call).expect("JSON");
    let tally = Tally { campaign: "c".into(), hour: 0, field: "f".into(), code: "x".into(), count: 1 };
    let tallied = json!([{ "campaign": "c", "hour": 0, "field": "f", "code": "x", "count": 1 }]);
    assert_eq!(written(Call::Tally(vec![tally])), json!({ "tally": tallied }));
    assert_eq!(written(Call::Wake), json!("wake"));
    assert_eq!(written(Call::Operate(Box::default())), json!({ "operate": { "verb": "counters" } }));
    let word = |text: &str| Some(text.to_owned());
    let everything = OperationWire {
        verb: Verb::Deliveries,
        actor: word("o"),
        is_done: true,
        changes: word("{}"),
        tells_what_waits: true,
        campaign: word("c"),
        destination: word("d"),
        delivery_id: word("m"),
        delivery_ids: vec!["n".to_owned()],
        state: word("s"),
        after: word("a"),
        limit: Some(1),
        from_ms: Some(2),
        to_ms: Some(3),
        offsets: word("[]"),
        lead_id: word("l"),
        purpose: word("p"),
        subject: word("w"),
        submission_id: word("u"),
        submission_ids: vec!["v".to_owned()],
        method: word("h"),
        fingerprints: vec!["f".to_owned()],
        list: word("i"),
        list_tags: vec!["t".to_owned()],
    };
    assert_eq!(
        written(Call::Operate(Box::new(everything))),
        json!({ "operate": {
            "verb": "deliveries", "actor": "o", "is_done": true, "changes": "{}", "tells_what_waits": true, "campaign": "c", "destination": "d", "delivery_id": "m",
            "delivery_ids": ["n"], "state": "s",
            "after": "a", "limit": 1, "from_ms": 2, "to_ms": 3, "offsets": "[]", "lead_id": "l", "purpose": "p", "subject": "w",
            "submission_id": "u", "submission_ids": ["v"], "method": "h", "fingerprints": ["f"], "list": "i", "list_tags": ["t"],
        } })
    );
}

#[test]
fn the_verbs_of_operators() {
    use Verb::{
        Access, Audit, Confirm, Consents, Delivery, Discard, Enable, Erase, Keys, ListAdd, ListClear,
        ListRemove, Lists, Publish, Quarantine, Quarantined, Release, Replay, ReplayAll, Withdraw,
    };
    let verbs = [
        Delivery,
        Replay,
        ReplayAll,
        Enable,
        Confirm,
        Withdraw,
        Consents,
        Access,
        Erase,
        Lists,
        ListAdd,
        ListRemove,
        ListClear,
        Keys,
        Quarantine,
        Quarantined,
        Release,
        Discard,
        Publish,
        Audit,
    ];
    assert_eq!(
        serde_json::to_value(verbs).expect("JSON"),
        json!([
            "delivery",
            "replay",
            "replay_all",
            "enable",
            "confirm",
            "withdraw",
            "consents",
            "access",
            "erase",
            "lists",
            "list_add",
            "list_remove",
            "list_clear",
            "keys",
            "quarantine",
            "quarantined",
            "release",
            "discard",
            "publish",
            "audit",
        ])
    );
}

#[test]
fn the_answers_of_a_ledger() {
    for (answer, expected) in [
        (Reply::Admitted, json!("admitted")),
        (Reply::IdempotencyKeyReused, json!("idempotency_key_reused")),
        (
            Reply::Throttled { wait_s: 7, network: true },
            json!({ "throttled": { "wait_s": 7, "network": true } }),
        ),
        (Reply::CampaignUnknown, json!("campaign_unknown")),
        (Reply::Newer, json!("newer")),
        (Reply::NotFound, json!("not_found")),
        (Reply::Conflict, json!("conflict")),
        (Reply::Done(2), json!({ "done": 2 })),
        (Reply::Report(json!([])), json!({ "report": [] })),
    ] {
        assert_eq!(serde_json::to_value(answer).expect("JSON"), expected);
    }
}

#[test]
fn the_evidence_of_a_post() {
    let signal = WeighedSignal { signal: Signal::LinkInName, weight: 60, because: "b".to_owned() };
    let evidence = Evidence {
        signals: vec![signal],
        sender: Some(Sender { address: "a".to_owned(), network: "n".to_owned() }),
        token: Some(UsedToken { tag: "t".to_owned(), until_ms: 5 }),
        texts: Some("x".to_owned()),
        is_mail_limited: true,
    };
    let written = json!({
        "signs": [{ "signal": "link_in_name", "weight": 60, "because": "b" }],
        "sender": { "address": "a", "network": "n" },
        "token": { "tag": "t", "until_ms": 5 },
        "texts": "x",
        "is_mail_limited": true,
    });
    assert_eq!(serde_json::to_value(&evidence).expect("JSON"), written);
    assert_eq!(serde_json::from_value::<Evidence>(written).expect("evidence"), evidence);
}

#[test]
fn the_two_answers_that_people_program_against() {
    let site = Site::new(&[guide()]);
    let accepted = format!(r#"{{"status":"accepted","submission_id":"{ANN_ID}"}}"#);
    assert_eq!(text(&site.post("guide", ANN)), accepted);
    assert_eq!(
        text(&site.post("guide", "email=ann%40example.com")),
        r#"{"detail":"Correct the listed fields and send it again.","errors":[{"code":"consent_required","detail":"this consent is required","field":"consent.newsletter"}],"status":422,"title":"The submission is not valid","type":"about:blank"}"#
    );
    assert_eq!(
        text(&site.with_ledger(LedgerMode::LosesRequests, || site.post("guide", &format!("{ANN}&name=Ann")))),
        r#"{"detail":"Please try again: the same post counts once.","status":503,"title":"Not available now","type":"about:blank"}"#
    );
}
