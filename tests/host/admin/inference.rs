//! Inference by a reader: an attacker with a token of the scope `read` posts in somebody's name, with a source that
//! nobody else has, and asks for everything that the scope allows. Each answer is the same whatever the person is to the
//! company, but for sums over many posts.

use std::collections::BTreeMap;

use leadhook::app::admin::routes;
use leadhook::app::ports::Ports as _;
use leadhook::base::time::rfc3339;
use leadhook::contact::Email;
use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::pipeline::lead::{Identifier, list_tag};
use leadhook::settings::admin_tokens::{AdminTokens, Scope};
use leadhook::testing::world::{ADMIN_TOKEN, KvMode, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const READER: &str = "reader-0123456789-abcdefg";
const VICTIM: &str = "victim@example.com";
const SOURCE: &str = "probe-one";

/// A person, by what they are to a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Person {
    Stranger,
    Known,
    Held,
    Customer,
    Suppressed,
}

const ALL: [Person; 5] =
    [Person::Stranger, Person::Known, Person::Held, Person::Customer, Person::Suppressed];

/// Sums that one more post moves whatever it is counted as. With few posts in them they tell what it was: the
/// page for the data protection officer says so.
const SUMS: &[&str] = &[
    "/states/",
    "/buckets/*/states/",
    "/funnel/",
    "/timeline/",
    "/scores/bins/",
    "/destinations/",
    "/deliveries_counted",
    "/sources/other/",
    "/ledgers/*/in_use/",
];

fn campaigns() -> [Value; 2] {
    let lists = json!([{ "name": "customers", "then": "existing_customer", "send_to": ["care"] }]);
    let care = destination_with("care", "https://crm.example.com/care/s3cret", json!({}));
    let crm = destination("crm", "https://crm.example.com/hooks/s3cret?key=s3cret");
    let changes = json!({ "list": lists, "destination": [crm, care], "qualify": { "forward_at": 10 } });
    [guide_with(changes.clone()), guide_with(edited(changes, json!({ "id": "other", "ledger": "other-ab" })))]
}

fn put_on(site: &Site, list: &str, email: &str) {
    let ring = site.settings().lists.clone().expect("list keys");
    let person = Identifier::Email(Email::parse(email).expect("an address"));
    let tag = list_tag(&ring, LEDGER, &person);
    site.order(&format!("lists/{list}?ledger={LEDGER}"), &json!({ "add": [tag] }));
}

fn form(email: &str, name: &str, source: &str) -> String {
    let name = if name.is_empty() { String::new() } else { format!("&name={name}") };
    format!("email={}{name}&consent.newsletter=on&utm_source={source}", email.replace('@', "%40"))
}

/// A world in which people post, and the victim is what he is. Somebody else stands in for him wherever he is not.
fn world(victim: Person) -> Site {
    let mut site = Site::new(&campaigns());
    let named = format!("rita:read:{READER}");
    site.set_settings(|settings| {
        settings.admin = AdminTokens::sole(ADMIN_TOKEN).and(&named).expect("tokens");
    });
    let who = |person: Person, otherwise: &'static str| if victim == person { VICTIM } else { otherwise };
    put_on(&site, "customers", who(Person::Customer, "cid@example.com"));
    put_on(&site, "suppressed", who(Person::Suppressed, "sue@example.com"));
    site.deliver("guide", &form(who(Person::Known, "ken@example.com"), "Known", "google"));
    site.deliver("guide", &form(who(Person::Held, "hal@example.com"), "", "google"));
    for n in 0..8 {
        site.deliver("guide", &form(&format!("g{n}@example.org"), "Guest", "google"));
        site.deliver("guide", &form(&format!("n{n}@example.org"), "Guest", "newsletter"));
        site.deliver("other", &form(&format!("o{n}@example.org"), "Guest", "google"));
        site.pass(HOUR / 4);
    }
    // The hour of the attack has its visitors too.
    for n in 0..6 {
        site.deliver("guide", &form(&format!("late{n}@example.org"), "Guest", "google"));
    }
    site
}

/// He posts in the victim's name; the id that he is told.
fn attack(site: &Site) -> String {
    site.set_kv(KvMode::Empty);
    let id = site.deliver("guide", &form(VICTIM, "Attacker", SOURCE));
    site.set_kv(KvMode::Fresh);
    id
}

fn ask(site: &Site, path: &str) -> Response {
    let authorization = Some(format!("Bearer {READER}"));
    site.send(&RawRequest { authorization, ..request(Method::Get, &format!("/admin/api/{path}"), "", "") })
}

/// Everything that he may ask for, in every way that he can think of: the answers by their addresses.
fn everything(site: &Site, posted_ms: i64, submission_id: &str) -> BTreeMap<String, Response> {
    let (second, hour) = (1_000, posted_ms - posted_ms % HOUR);
    let periods = [
        String::new(),
        format!("from={}&to={}", rfc3339(hour), rfc3339(hour + HOUR)),
        format!("from={}&to={}", rfc3339(posted_ms), rfc3339(posted_ms + second)),
        format!("from={}&to={}", rfc3339(posted_ms - second), rfc3339(posted_ms + second)),
        format!("from={}", rfc3339(posted_ms)),
        format!("to={}", rfc3339(hour)),
    ];
    let mut all = BTreeMap::new();
    for route in routes::all().iter().filter(|route| route.method == Method::Get) {
        for name in ["guide", "other", submission_id, &submission_id.replace("sub_", "msg_")] {
            let path = route.path.replace("{}", name);
            for campaign in ["", "campaign=guide&", "campaign=other&", "ledger=example-ab&"] {
                for period in &periods {
                    let path = format!("{path}?{campaign}{period}");
                    let response = ask(site, &path);
                    if route.scope != Scope::Read {
                        assert_eq!(response.status, 403, "{path}");
                        continue;
                    }
                    all.insert(path, response);
                }
            }
        }
    }
    assert!(all.len() > 100, "{}", all.len());
    all
}

/// The places in which two answers differ, lists by position.
fn differences(one: &Value, other: &Value, at: &str, into: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let side = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                differences(&side(one), &side(other), &format!("{at}/{key}"), into);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (one, other) in one.iter().zip(other) {
                differences(one, other, &format!("{at}/*"), into);
            }
        }
        _ if one == other => {}
        _ => into.push(at.to_owned()),
    }
}

#[test]
fn a_reader_of_numbers_learns_nobodys_state_but_from_sums() {
    let mut answers = BTreeMap::new();
    for victim in ALL {
        let site = world(victim);
        let posted_ms = site.now_ms();
        let submission_id = attack(&site);
        let told = everything(&site, posted_ms, &submission_id);
        for (path, response) in &told {
            let text = text(response);
            for word in [SOURCE, "victim", submission_id.as_str(), "lead_", "msg_", "s3cret"] {
                assert!(!text.contains(word), "{path} says {word} of a {victim:?}: {text}");
            }
        }
        // His post is not what is left beside those that are named.
        let shown = body(&told["overview?campaign=guide&"])["sources"].clone();
        let names: Vec<_> = shown.as_object().expect("sources").keys().collect();
        assert_eq!(names, ["google", "other"], "the newsletter's eight are with his");
        answers.insert(format!("{victim:?}"), told);
    }
    let strangers = answers.remove("Stranger").expect("the stranger's");
    for (victim, told) in answers {
        assert_eq!(told.keys().collect::<Vec<_>>(), strangers.keys().collect::<Vec<_>>());
        for (path, response) in told {
            let (one, other) = (&strangers[&path], &response);
            assert_eq!((one.status, headers(one)), (other.status, headers(other)), "{path}: {victim}");
            let mut found = Vec::new();
            differences(&body(one), &body(other), "", &mut found);
            found.retain(|place| !SUMS.iter().any(|sum| place.starts_with(sum)));
            if victim == "Held" {
                // A held lead that a later post takes up is counted with that post from then on.
                found.retain(|place| !place.starts_with("/sources/google/"));
            }
            assert_eq!(found, Vec::<String>::new(), "{path} tells a {victim} from a stranger");
        }
    }
}

#[test]
fn between_two_times_of_ones_own_nothing_is_counted() {
    for victim in ALL {
        let site = world(victim);
        site.pass(MINUTE);
        let posted_ms = site.now_ms();
        attack(&site);
        let period = format!("from={}&to={}", rfc3339(posted_ms - 1_000), rfc3339(posted_ms + 1_000));
        for campaign in ["", "&campaign=guide"] {
            let overview = body(&ask(&site, &format!("overview?{period}{campaign}")));
            assert_eq!(
                (
                    &overview["accepted"],
                    &overview["deliveries_counted"],
                    &overview["timeline"],
                    &overview["sources"]
                ),
                (&json!(0), &json!(0), &json!({}), &json!({})),
                "{victim:?}"
            );
            assert_eq!(body(&ask(&site, &format!("counters?{period}{campaign}")))["accepted"], 0);
        }
    }
}

#[test]
fn what_waits_is_told_by_the_five_minutes() {
    let site = world(Person::Stranger);
    site.set_receiver(ReceiverMode::Down);
    site.pass(4 * MINUTE + 321);
    attack(&site);
    let shown = body(&ask(&site, "overview?campaign=guide"));
    let crm = shown["destinations"].as_array().expect("destinations").iter().find(|one| one["pending"] == 1);
    let oldest = crm.expect("it waits")["oldest_pending_at"].as_str().expect("a time").to_owned();
    assert!(oldest.ends_with("00.000Z") || oldest.ends_with(":00Z"), "{oldest}");
    assert_eq!(oldest[14..16].parse::<u8>().expect("minutes") % 5, 0, "{oldest}");
}

#[test]
fn the_doctor_names_no_delivery_to_a_reader() {
    let site = world(Person::Stranger);
    site.set_receiver(ReceiverMode::Refuses(500));
    attack(&site);
    site.pass(5 * DAY);
    let path = format!("doctor?ledger={LEDGER}");
    let dead = |report: Value| {
        let findings = report["findings"].as_array().expect("findings").clone();
        findings.into_iter().find(|one| one["problem"] == "dead_letters").expect("it is dead")
    };
    let (told, whole) = (dead(body(&ask(&site, &path))), dead(site.admin(Method::Get, &path)));
    assert!(whole["example"].as_str().expect("an id").starts_with("msg_"), "{whole}");
    let mut masked = whole;
    masked["example"] = Value::Null;
    assert_eq!(told, masked);
}

#[test]
fn where_leads_go_is_for_those_who_may_say_so() {
    let mut site = Site::new(&campaigns());
    let named = format!("rita:read:{READER},eve:read+operate:everybody-0123456789-abcd");
    site.set_settings(|settings| {
        settings.admin = AdminTokens::sole(ADMIN_TOKEN).and(&named).expect("tokens");
    });
    let shown = body(&ask(&site, "campaigns/guide"));
    let urls: Vec<_> =
        shown["destination"].as_array().expect("destinations").iter().map(|one| &one["url"]).collect();
    assert_eq!(urls, ["https://crm.example.com/…", "https://crm.example.com/…"]);
    let [guide, _] = campaigns();
    let mut unmasked = shown;
    for (at, one) in unmasked["destination"].as_array_mut().expect("destinations").iter_mut().enumerate() {
        one["url"] = guide["destination"][at]["url"].clone();
    }
    assert_eq!(unmasked, guide, "nothing else is left out");
    assert_eq!(site.admin(Method::Get, "campaigns/guide"), guide);
    let eve = Some("Bearer everybody-0123456789-abcd".to_owned());
    let asked = request(Method::Get, "/admin/api/campaigns/guide", "", "");
    assert_eq!(body(&site.send(&RawRequest { authorization: eve, ..asked })), guide);
}
