//! Invariants: they hold after every operation.

use std::collections::{BTreeMap, BTreeSet};

use leadhook::app::ports::Ports as _;
use leadhook::base::sealing::Sealer;
use leadhook::contact::Email;
use leadhook::ledger::State;
use leadhook::ledger::api::{Checkup, Request as _};
use leadhook::ledger::wire::Reply;
use leadhook::pipeline::consent::{Act, Standing, Verdict, follow, verify};
use leadhook::pipeline::lead::{Identifier, Identity};
use leadhook::testing::world::Received;
use pollster::block_on;
use serde_json::{Value, json};

use super::operators::identifier;
use super::people::{People, Who};
use super::posts::{CAMPAIGNS, MARK};
use crate::support::Site;

pub const LEDGERS: [&str; 2] = ["shared", "chat"];
/// The states in which a submission keeps what it says.
const WAITING: [State; 5] =
    [State::Pending, State::Dead, State::Held, State::Unconfirmed, State::Quarantined];

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

/// Checks the submissions, deliveries and counters of every ledger.
pub fn ledgers(site: &Site, people: &People, deliveries: &mut BTreeSet<String>, forwarded: &mut Forwarded) {
    for ledger in LEDGERS {
        let rows = site.rows(
            ledger,
            "SELECT lead_id, campaign, state, payload IS NOT NULL, submission_id FROM submission",
        );
        let (mut by_lead, mut by_state) = (BTreeMap::new(), BTreeMap::new());
        for row in &rows {
            let state = State::parse(&text(&row[2])).expect("a state");
            let keeps = WAITING.contains(&state);
            assert_eq!(row[3] == json!(1), keeps, "a payload is kept while somebody waits for it: {state:?}");
            by_lead.entry(text(&row[0])).or_insert_with(BTreeSet::new).insert(text(&row[4]));
            *by_state.entry((text(&row[1]), state.as_str())).or_insert(0_i64) += 1;
        }
        for (lead_id, ids) in people.living(ledger, site.now_ms()) {
            assert_eq!(by_lead.get(&lead_id), Some(&ids), "{lead_id}: every accepted post is in one state");
        }
        quarantine(site, ledger, people);
        counters(site, ledger, people, &by_state);
        milestones(site, ledger, forwarded);
        states_follow_deliveries(site, ledger);
        doctor(site, ledger);
        let twice = "SELECT lead_id, campaign, destination FROM delivery
                     WHERE event = 'lead.qualified' AND state NOT IN ('expired', 'withdrawn') GROUP BY 1, 2, 3 HAVING count(*) > 1";
        assert_eq!(site.rows(ledger, twice), [[Value::Null; 0]; 0], "a destination gets a lead once");
        let ids = site.rows(ledger, "SELECT delivery_id FROM delivery");
        deliveries.extend(ids.iter().map(|row| text(&row[0])));
    }
}

/// Checks that quarantined submissions are nobody's: only their own rows and the campaigns that were shown tell of
/// them.
fn quarantine(site: &Site, ledger: &str, people: &People) {
    let mut predicted = people.all_quarantined(ledger);
    let sql = "SELECT s.lead_id, s.submission_id, s.state, s.quarantine IS NOT NULL, r.stored IS NOT NULL
               FROM submission s LEFT JOIN revision r ON r.revision = json_extract(s.quarantine, '$.revision')
               WHERE s.lead_id LIKE 'quarantine_%' OR s.state IN ('quarantined', 'discarded')";
    for row in site.rows(ledger, sql) {
        let (lead_id, state) = (text(&row[0]), text(&row[2]));
        assert_eq!(lead_id, format!("quarantine_{}", text(&row[1])), "what waits is under nobody's lead");
        let waits = predicted.remove(&lead_id);
        assert!(waits.is_some(), "{lead_id} is {state}, and nobody quarantined it");
        assert_eq!(state, if waits == Some(true) { "quarantined" } else { "discarded" }, "{lead_id}");
        assert_eq!(row[3] == json!(1), waits == Some(true), "{lead_id}: why it waits, and for no longer");
        assert_eq!(row[4], row[3], "{lead_id}: the campaign that was shown is kept");
    }
    assert!(predicted.is_empty(), "gone without a word: {predicted:?}");
    for (table, column) in [
        ("fingerprint", "lead_id"),
        ("carried", "lead_id"),
        ("request", "lead_id"),
        ("lead", "lead_id"),
        ("act", "lead_id"),
        ("delivery", "lead_id"),
        ("alias", "is_now"),
    ] {
        let sql = format!("SELECT * FROM {table} WHERE {column} LIKE 'quarantine_%'");
        assert_eq!(
            site.rows(ledger, &sql),
            [[Value::Null; 0]; 0],
            "{table} tells of a quarantined submission"
        );
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
            if WAITING.contains(state) {
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

/// By ledger and campaign: leads that were followed up, and by which submissions, as deliveries tell.
pub type Forwarded = BTreeSet<(&'static str, String, String, String)>;

/// No step of the funnel is wider than the one before it, and each is counted once.
fn milestones(site: &Site, ledger: &'static str, forwarded: &mut Forwarded) {
    let rows = "SELECT DISTINCT campaign, lead_id, submission_id FROM delivery WHERE submission_id <> ''";
    let of_row = |row: &Vec<Value>| (ledger, text(&row[0]), text(&row[1]), text(&row[2]));
    forwarded.extend(site.rows(ledger, rows).iter().map(of_row));
    let accepted = State::ALL.map(State::as_str).join(" + ");
    let sql = format!(
        "SELECT campaign, sum({accepted}), sum(fresh), sum(qualified), sum(arrived), min(min(fresh, qualified, arrived)),
           sum((SELECT sum(value) FROM json_each(scores))) FROM counter GROUP BY campaign"
    );
    let wider = format!(
        "SELECT campaign, hour, source, {accepted}, fresh, qualified, arrived FROM counter
         WHERE NOT ({accepted} >= fresh AND fresh >= qualified AND qualified >= arrived)"
    );
    assert_eq!(site.rows(ledger, &wider), Vec::<Vec<Value>>::new(), "in each hour and of each source");
    for row in site.rows(ledger, &sql) {
        let campaign = text(&row[0]);
        let steps: Vec<i64> = row[1..5].iter().map(number).collect();
        assert!(steps.is_sorted_by(|wider, narrower| wider >= narrower), "{campaign}: {steps:?}");
        assert!(number(&row[5]) >= 0, "{campaign}: a milestone was taken back");
        assert_eq!(row[6].as_i64().unwrap_or(0), steps[1], "{campaign}: each new lead has a score");
        let of = || forwarded.iter().filter(|(_, of, ..)| *of == campaign);
        let leads: BTreeSet<_> = of().map(|(_, _, lead, _)| lead).collect();
        let submissions: BTreeSet<_> = of().map(|(_, _, _, submission)| submission).collect();
        // A post that comes again, and is another person's by then, is counted already.
        let (moved, qualified) = (of().count() - submissions.len(), usize::try_from(steps[2]));
        let expected = leads.len() - moved..=leads.len();
        assert!(expected.contains(&qualified.expect("a count")), "{campaign}: each lead qualifies once");
    }
    for (state, fitting) in [("held", "1, 4"), ("unconfirmed", "0, 1, 2, 3, 4"), ("quarantined", "0")] {
        let sql = format!(
            "SELECT submission_id, milestone FROM submission WHERE state = '{state}' AND milestone NOT IN ({fitting})"
        );
        assert_eq!(site.rows(ledger, &sql), [[Value::Null; 0]; 0], "{state}");
    }
}

/// The ledger's own check sees nothing else than what receivers and the operator have not done yet.
fn doctor(site: &Site, ledger: &str) {
    let open = ["dead_letters", "destination_paused", "overdue"];
    let check = Checkup { after: None }.into_call(None);
    // Where its faults keep it from answering, the next operation's check sees it.
    let Ok(Reply::Report(report)) = block_on(site.ask(ledger, &check)) else {
        return;
    };
    let findings = report["findings"].as_array().expect("findings").iter();
    let wrong: Vec<_> =
        findings.filter(|one| !open.contains(&one["problem"].as_str().expect("a code"))).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn states_follow_deliveries(site: &Site, ledger: &str) {
    let lost = "SELECT d.delivery_id, d.state, s.state FROM delivery d LEFT JOIN submission s
                  ON s.lead_id = d.lead_id AND s.submission_id = d.submission_id
                WHERE d.submission_id <> '' AND d.state IN ('pending', 'paused', 'dead') AND s.payload IS NULL";
    assert_eq!(site.rows(ledger, lost), [[Value::Null; 0]; 0], "a delivery has lost its payload");
    let sql = "SELECT s.state, group_concat(DISTINCT d.state) FROM submission s JOIN delivery d
                 ON d.lead_id = s.lead_id AND d.submission_id = s.submission_id
               GROUP BY s.lead_id, s.submission_id";
    for row in site.rows(ledger, sql) {
        let deliveries = text(&row[1]);
        let any = |state: &str| deliveries.split(',').any(|one| one == state);
        let expected = match () {
            () if any("pending") || any("paused") => "pending",
            () if any("dead") => "dead",
            // It may have come again after a withdrawal, and nothing more went out.
            () => {
                let state = text(&row[0]);
                assert!(!["pending", "dead"].contains(&state.as_str()), "{state} of {deliveries}");
                assert!(state != "delivered" || any("delivered"), "{state} of {deliveries}");
                continue;
            }
        };
        assert_eq!(text(&row[0]), expected, "of {deliveries}");
    }
}

/// Checks what receivers have taken: one id is about one thing; signatures and links are by the keys that wrote last.
pub fn webhooks(site: &Site) -> BTreeSet<String> {
    let mut known = BTreeMap::new();
    for received in site.received() {
        let body = &received.body;
        let of = ["/type", "/data/lead_id", "/data/campaign", "/To"];
        let about = of.map(|pointer| body.pointer(pointer).cloned());
        let contact = body.pointer("/data/contact").and_then(Value::as_object).cloned().unwrap_or_default();
        let (before, had) =
            known.entry(received.id.clone()).or_insert_with(|| (about.clone(), contact.clone()));
        assert_eq!(*before, about, "{}: one thing an id", received.id);
        // What it has taken up of an erased submission does not go out again.
        for (name, identifier) in &contact {
            assert_eq!(had.get(name), Some(identifier), "{}: one person's {name} an id", received.id);
        }
        *had = contact;
    }
    known.into_keys().collect()
}

/// A lead arrives with the consents that its destination needs, and only while the person agrees.
pub fn consents(received: &Received, people: &People, now: i64) {
    let body = &received.body;
    let event = body["type"].as_str().unwrap_or_default();
    if !["lead.qualified", "lead.updated", "lead.engaged"].contains(&event) {
        return;
    }
    let data = &body["data"];
    if data.get("erased").or(data.get("withdrawn")).is_some() {
        return;
    }
    let lead_id = text(&data["lead_id"]);
    let calls = received.url.ends_with("calls").then_some("call");
    let needed = || ["newsletter"].into_iter().chain(calls);
    if event == "lead.engaged" {
        assert_eq!(data["engagement"]["title"], "The guide");
        for purpose in needed() {
            assert!(
                people.agrees(&lead_id, None, purpose, now),
                "nobody of {lead_id} agrees to {purpose}: {body}"
            );
        }
        return;
    }
    let email = data["contact"]["email"].as_str().and_then(Email::parse);
    let email = email.map(|email| email.fingerprint_form(true));
    let whose = email.unwrap_or_else(|| text(&data["contact"]["phone"]));
    let consent = body["data"]["consent"].as_array().expect("consent").clone();
    let granted = |purpose: &str| consent.iter().any(|c| c["purpose"] == purpose && c["granted"] == true);
    for purpose in needed() {
        assert!(granted(purpose), "without {purpose}: {body}");
        assert!(
            people.agrees(&lead_id, Some(&whose), purpose, now),
            "{whose} of {lead_id} does not agree to {purpose}: {body}"
        );
    }
    let is_customer = body["data"].get("existing_customer").is_some();
    assert_eq!(received.url.ends_with("demo-sales"), is_customer, "customers go where they are looked after");
}

/// Checks that what was erased is nowhere until it comes again.
pub fn erased(site: &Site, people: &People) {
    for ledger in LEDGERS {
        let ids = "SELECT submission_id, 'submission', lead_id, state FROM submission
                     WHERE lead_id NOT LIKE 'suppressed_%'
                   UNION SELECT submission_id, 'request', lead_id, '' FROM request
                   UNION SELECT submission_id, 'delivery', lead_id, state FROM delivery
                   UNION SELECT submission_id, 'engagement', lead_id, '' FROM engagement
                   UNION SELECT submission_id, 'idempotency', '', '' FROM idempotency";
        let ids = site.rows(ledger, ids);
        let is_left = |row: &&Vec<Value>| {
            let (id, lead_id) = (text(&row[0]), text(&row[2]));
            if lead_id.is_empty() {
                return people.erased.contains(&id);
            }
            people.erased_from.contains(&(lead_id, id))
        };
        let left: Vec<_> = ids.iter().filter(is_left).collect();
        assert!(left.is_empty(), "the id of a submission outlived its person: {left:?}");
    }
}

/// Nothing leads to somebody who was erased just now, whose names as a subject these are, and of whole leads
/// nothing is left.
pub fn forgotten(site: &Site, ledger: &str, who: &Who, names: &BTreeSet<String>, leads: &[String]) {
    let identity = Identity::new(site.settings(), ledger);
    let theirs = [&who.0, &who.1].into_iter().flatten();
    let tags: Vec<String> = theirs.flat_map(|one| identity.fingerprints_of(&identifier(one))).collect();
    for table in ["fingerprint", "carried", "request", "mentioned"] {
        let rows = site.rows(ledger, &format!("SELECT tag, lead_id FROM {table}"));
        let kept: Vec<_> = rows.iter().filter(|row| tags.contains(&text(&row[0]))).collect();
        assert!(kept.is_empty(), "a fingerprint outlived its person in {table}: {kept:?}");
    }
    let sql = "SELECT 'submission', s.lead_id, j.value FROM submission s, json_each(s.subjects) j
               UNION ALL SELECT 'first', lead_id, first FROM submission WHERE first IS NOT NULL
               UNION ALL SELECT 'act', a.lead_id, j.value FROM act a, json_each(a.subjects) j
               UNION ALL SELECT 'delivery', lead_id, subject FROM delivery WHERE subject IS NOT NULL
               UNION ALL SELECT 'founder', lead_id, founder FROM lead
               UNION ALL SELECT 'standing', lead, subject FROM standing
               UNION ALL SELECT 'with', s.lead, w.value FROM standing s, json_each(s.consents) c,
                 json_each(c.value, '$.by.with') w WHERE json_type(s.consents) = 'array'";
    let rows = site.rows(ledger, sql);
    let kept: Vec<_> = rows.iter().filter(|row| names.contains(&text(&row[2]))).collect();
    assert!(kept.is_empty(), "the name of a subject outlived its person: {kept:?}");
    let sql = "SELECT lead_id FROM submission UNION SELECT lead_id FROM fingerprint
               UNION SELECT lead_id FROM carried UNION SELECT lead_id FROM mentioned
               UNION SELECT lead_id FROM lead UNION SELECT is_now FROM alias
               UNION SELECT lead_id FROM request WHERE refused_ms IS NULL
               UNION SELECT lead_id FROM act WHERE personal IS NOT NULL
               UNION SELECT lead_id FROM engagement
               UNION SELECT lead_id FROM delivery WHERE submission_id <> ''";
    // That somebody refused is remembered under their own address.
    let kept = site.rows(ledger, sql).into_iter().map(|row| text(&row[0])).find(|id| leads.contains(id));
    assert_eq!(kept, None, "something of an erased lead is left");
}

/// Checks that access to a lead shows no other address or number, but where the person's own post says it.
pub fn shows_nobody_else(lead: &Value, who: &Who) {
    let mut lead = lead.clone();
    for one in lead["submissions"].as_array_mut().expect("submissions") {
        if let Some(lead) = one.pointer_mut("/data/lead").and_then(Value::as_object_mut) {
            lead.remove("attribution");
        }
        for part in one.pointer_mut("/data/taken_up").and_then(Value::as_array_mut).into_iter().flatten() {
            part["lead"].as_object_mut().expect("a lead").remove("attribution");
        }
    }
    let shown = lead.to_string().to_lowercase();
    let asked: Vec<_> = [&who.0, &who.1].into_iter().flatten().map(|one| identifier(one)).collect();
    let words = shown.split(|c: char| !c.is_alphanumeric() && !"@.+".contains(c));
    for word in words.filter(|word| word.contains('@') || word.starts_with("+46")) {
        let is_asked = asked.iter().any(|one| match (one, identifier(word)) {
            (Identifier::Email(one), Identifier::Email(other)) => {
                one.fingerprint_form(true) == other.fingerprint_form(true)
            }
            (Identifier::Phone(one), Identifier::Phone(other)) => *one == other,
            _ => false,
        });
        assert!(is_asked, "{word} is shown to {who:?}: {lead}");
    }
}

/// Checks that deliveries have stopped that needed a consent which a subject, of these names, has just withdrawn. Every
/// destination needs the newsletter's.
pub fn nothing_waits(site: &Site, lead_id: &str, names: &[String], purpose: &str) {
    let whose = if purpose == "call" { "AND destination = 'calls'" } else { "" };
    let names = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(",");
    let sql = format!(
        "SELECT delivery_id FROM delivery WHERE lead_id = '{lead_id}' AND submission_id <> ''
           AND subject IN ({names}) AND state IN ('pending', 'paused', 'dead') {whose}"
    );
    for ledger in LEDGERS {
        assert_eq!(site.rows(ledger, &sql), [[Value::Null; 0]; 0], "{purpose} was withdrawn");
    }
}

/// Checks that the columns which spare a look at acts and deliveries say the same as these.
pub fn what_is_known(site: &Site) {
    for ledger in LEDGERS {
        for row in site.rows(ledger, "SELECT lead_id, seq, mac, number, had FROM lead") {
            let lead_id = text(&row[0]);
            let sql = format!("SELECT 1 FROM submission WHERE lead_id = '{lead_id}' AND act IS NOT NULL");
            assert_eq!(site.rows(ledger, &sql), [[Value::Null; 0]; 0], "{lead_id}: all acts lie together");
            let (mut last, mut said) = (None, BTreeMap::<String, Vec<Standing>>::new());
            let sql = format!("SELECT act, subjects FROM act WHERE lead_id = '{lead_id}' ORDER BY seq");
            for row in site.rows(ledger, &sql) {
                let act: Act = serde_json::from_str(&text(&row[0])).expect("an act");
                if let Some(subjects) = row[1].as_str() {
                    let subjects: Vec<String> = serde_json::from_str(subjects).expect("subjects");
                    follow(said.entry(subjects[0].clone()).or_default(), &act, &subjects[1..]);
                }
                last = Some((act.seq, act.mac));
            }
            assert_eq!(last, Some((number(&row[1]), text(&row[2]))), "{lead_id}: the head of its history");
            let sql = format!(
                "SELECT subject, consents FROM standing WHERE lead = {} AND json_type(consents) = 'array'",
                row[3]
            );
            let read =
                |row: &Vec<Value>| (text(&row[0]), serde_json::from_str(&text(&row[1])).expect("standings"));
            let kept: BTreeMap<String, Vec<Standing>> = site.rows(ledger, &sql).iter().map(read).collect();
            assert_eq!(kept, said, "{lead_id}: where consents stand");
            let Some(had) = row[4].as_str() else { continue };
            let sql = format!(
                "SELECT json_object('campaign', campaign, 'destination', destination, 'receiver', receiver,
                   'counts', json(iif(max(state NOT IN ('expired', 'withdrawn')), 'true', 'false')))
                 FROM delivery WHERE lead_id = '{lead_id}' AND submission_id <> '' GROUP BY campaign, destination, receiver"
            );
            let sort = |mut all: Vec<Value>| {
                all.sort_by_key(Value::to_string);
                all
            };
            let rows = site.rows(ledger, &sql);
            let sent = rows.iter().map(|row| serde_json::from_str(&text(&row[0])).expect("JSON")).collect();
            assert_eq!(
                sort(serde_json::from_str(had).expect("JSON")),
                sort(sent),
                "{lead_id}: who has had it"
            );
        }
    }
}

/// Every living history is as it was written.
pub fn histories(site: &Site) {
    for ledger in LEDGERS {
        let (sealer, identity) =
            (Sealer::new(&site.settings().sealing, ledger), Identity::new(site.settings(), ledger));
        let all = "(SELECT lead_id, act, consent AS personal FROM submission WHERE act IS NOT NULL
                    UNION ALL SELECT lead_id, act, personal FROM act)";
        let sealed = site.sealed(ledger, &format!("SELECT personal FROM {all}"));
        let mut histories = BTreeMap::<String, Vec<(Act, Option<String>)>>::new();
        let rows = site.rows(ledger, &format!("SELECT lead_id, act FROM {all}"));
        for (row, sealed) in rows.into_iter().zip(sealed) {
            let lead_id = text(&row[0]);
            let act: Act = serde_json::from_str(&text(&row[1])).expect("an act");
            let place = format!("act/{lead_id}/{}", act.seq);
            let personal = sealed.map(|sealed| sealer.open(&sealed, &place).expect("it opens"));
            let personal = personal.map(|personal| String::from_utf8(personal).expect("UTF-8"));
            histories.entry(lead_id).or_default().push((act, personal));
        }
        for (lead_id, mut acts) in histories {
            acts.sort_by_key(|(act, _)| act.seq);
            let verdicts = verify(identity.history_keys(), &lead_id, &acts);
            let sound = verdicts.iter().all(|one| matches!(one, Verdict::Valid | Verdict::Erased));
            assert!(sound, "the history of {lead_id}: {verdicts:?}");
        }
    }
}

/// Nothing of anybody is left.
pub fn nobody(site: &Site) {
    for ledger in LEDGERS {
        for table in [
            "submission",
            "fingerprint",
            "carried",
            "mentioned",
            "lead",
            "standing",
            "act",
            "delivery",
            "request",
            "alias",
            "idempotency",
            "revision",
            "engagement",
        ] {
            let left = site.rows(ledger, &format!("SELECT * FROM {table} LIMIT 3"));
            assert!(left.is_empty(), "{ledger}: left in {table}: {left:?}");
        }
    }
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
