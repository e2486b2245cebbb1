//! The admin API: its token, its numbers and lists, and publications that it refuses.

use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::settings::admin_tokens::AdminTokens;
use leadhook::testing::world::{KvMode, LedgerMode, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on&utm_source=partner";
const BOB: &str = "email=bob%40example.com&consent.newsletter=on";

fn put(site: &Site, id: &str, file: &Value) -> Response {
    let path = format!("/admin/api/campaigns/{id}");
    site.send(&request(Method::Put, &path, "application/json", &file.to_string()))
}

fn refusal(response: &Response) -> Vec<(String, String)> {
    assert_eq!(response.status, 422, "{}", text(response));
    let errors = body(response)["errors"].as_array().expect("errors").clone();
    let word = |error: &Value, key: &str| error[key].as_str().expect(key).to_owned();
    assert!(errors.iter().all(|error| error["code"] == "campaign_invalid"));
    errors.iter().map(|error| (word(error, "field"), word(error, "detail"))).collect()
}

fn deliveries(site: &Site, query: &str) -> Vec<Value> {
    let page = site.admin(Method::Get, &format!("deliveries?{query}"));
    page["deliveries"].as_array().expect("deliveries").clone()
}

#[test]
fn nobody_is_let_in_without_the_token() {
    let mut site = Site::new(&[guide()]);
    let with = |site: &Site, authorization: Option<&str>, path: &str| {
        let authorization = authorization.map(str::to_owned);
        site.send(&RawRequest { authorization, ..request(Method::Get, path, "", "") })
    };
    for wrong in [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer memory-admin-toke"),
        Some("Basic memory-admin-token"),
    ] {
        for path in ["/admin/api/counters", "/admin/api/nothing"] {
            let response = with(&site, wrong, path);
            assert_eq!(
                (response.status, response.header("www-authenticate")),
                (401, Some("Bearer")),
                "{wrong:?}"
            );
            assert_eq!(body(&response)["title"], "Not authorised");
        }
    }
    assert_eq!(with(&site, Some("bearer memory-admin-token"), "/admin/api/counters").status, 200);
    assert_eq!(with(&site, Some("Bearer memory-admin-token"), "/admin/api/nothing").status, 404);
    site.set_settings(|settings| settings.admin = AdminTokens::default());
    assert_eq!(with(&site, Some("Bearer "), "/admin/api/counters").status, 401);
    assert!(!format!("{:?}", site.log()).contains("memory-admin"));
}

#[test]
fn counters_add_up_by_hour_and_campaign() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "other", "ledger": "other-ab" }))]);
    site.deliver("guide", ANN);
    site.deliver("guide", ANN);
    // Another isolate, to which KV does not tell anything.
    site.new_isolate();
    site.deliver("guide", ANN);
    site.pass(HOUR);
    site.accept("guide", BOB);
    site.post("guide", "email=no");
    site.accept("other", BOB);
    let states = |pending: i64, delivered: i64| {
        json!({
            "pending": pending, "delivered": delivered, "dead": 0, "held": 0, "duplicate": 0, "suppressed": 0,
            "quarantined": 0, "unconfirmed": 0, "withdrawn": 0, "discarded": 0, "expired": 0, "erased": 0,
        })
    };
    let bucket = |hour: &str, repeats: i64, states: Value| json!({ "campaign": "guide", "hour": hour, "accepted": 1, "repeats": repeats, "states": states });
    let rejected =
        |field: &str, code: &str| json!({ "campaign": "guide", "field": field, "code": code, "count": 1 });
    assert_eq!(
        site.admin(Method::Get, "counters?campaign=guide"),
        json!({
            "accepted": 2,
            "repeats": 1,
            "states": states(1, 1),
            "approximate": {
                "kv_repeats": 1,
                "rejections": [
                    rejected("consent.newsletter", "consent_required"),
                    rejected("email", "invalid_email"),
                ],
            },
            "buckets": [
                bucket("2026-11-22T14:00:00.000Z", 1, states(0, 1)),
                bucket("2026-11-22T15:00:00.000Z", 0, states(1, 0)),
            ],
        })
    );
    let accepted = |query: &str| site.admin(Method::Get, &format!("counters{query}"))["accepted"].clone();
    assert_eq!(accepted(""), 3, "of all ledgers");
    assert_eq!(accepted("?from=2026-11-22T15:00:00Z"), 2);
    assert_eq!(accepted("?from=2026-11-22T16:00:00%2B01:00&to=2026-11-22T16:00:00Z&campaign=guide"), 1);
    assert_eq!(accepted("?to=2026-11-22T15:00:00Z"), 1);
    for (path, status) in [("counters?from=yesterday", 422), ("counters?campaign=nobody", 404)] {
        assert_eq!(site.send(&request(Method::Get, &format!("/admin/api/{path}"), "", "")).status, status);
    }
}

#[test]
fn deliveries_come_in_pages_over_all_ledgers() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "other", "ledger": "other-ab" }))]);
    for n in 0..5 {
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
        site.accept("other", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
    for limit in [1, 2, 3, 5, 7, 200] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = site.admin(Method::Get, &format!("deliveries?state=pending&limit={limit}{cursor}"));
            let ids = page["deliveries"].as_array().expect("deliveries");
            assert!(ids.len() <= limit);
            found.extend(ids.iter().map(|delivery| delivery["delivery_id"].clone()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&after={next}");
        }
        let all = found.len();
        found.sort_by_key(Value::to_string);
        found.dedup();
        assert_eq!((all, found.len()), (10, 10), "limit {limit}");
    }
    assert_eq!(deliveries(&site, "campaign=other").len(), 5);
    assert_eq!(deliveries(&site, "state=dead").len(), 0);
    for query in ["state=gone", "limit=0", "limit=x", "after=x"] {
        let path = format!("/admin/api/deliveries?{query}");
        assert_eq!(site.send(&request(Method::Get, &path, "", "")).status, 422, "{query}");
    }
}

#[test]
fn a_delivery_is_shown_with_its_attempts() {
    let site = Site::new(&[guide()]);
    site.set_receiver(ReceiverMode::Refuses(500));
    let submission_id = site.deliver("guide", ANN);
    site.set_receiver(ReceiverMode::Up);
    site.pass(MINUTE);
    let listed = deliveries(&site, "")[0].clone();
    let id = listed["delivery_id"].as_str().expect("an id");
    let attempts = json!([
        { "attempt": 1, "at": "2026-11-22T14:00:00.000Z", "outcome": "status 500", "ms": 1 },
        { "attempt": 2, "at": listed["settled_at"], "outcome": "status 200", "ms": 1 },
    ]);
    assert_eq!(
        site.admin(Method::Get, &format!("deliveries/{id}")),
        json!({
            "delivery_id": site.received()[0].id, "lead_id": site.received()[0].body["data"]["lead_id"],
            "submission_id": submission_id, "campaign": "guide", "destination": "crm",
            "event": "lead.qualified", "state": "delivered", "reason": null, "attempt_count": 2,
            "due_at": null, "created_at": "2026-11-22T14:00:00.000Z", "settled_at": listed["settled_at"],
            "attempts": attempts,
        })
    );
    assert_eq!(
        edited(site.admin(Method::Get, &format!("deliveries/{id}")), json!({ "attempts": null })),
        listed
    );
    let status =
        |method, path: &str| site.send(&request(method, &format!("/admin/api/{path}"), "", "")).status;
    assert_eq!(status(Method::Post, &format!("deliveries/{id}/replay")), 409, "it is not dead");
    assert_eq!(status(Method::Post, "deliveries/msg_none/replay"), 404);
    assert_eq!(status(Method::Get, "deliveries/msg_none"), 404);
    assert_eq!(status(Method::Post, "deliveries/replay"), 422, "of which campaign?");
    assert_eq!(status(Method::Post, "deliveries/replay?campaign=nobody"), 404);
    assert_eq!(status(Method::Get, "campaigns/guide/destinations/crm/enable"), 405);
    assert_eq!(status(Method::Post, "counters"), 405);
}

#[test]
fn campaigns_are_published_and_shown() {
    let site = Site::new(&[]);
    let response = put(&site, "guide", &guide());
    let revision = campaign(&guide()).revision;
    assert_eq!(
        (response.status, body(&response)),
        (200, json!({ "published": "guide", "revision": revision, "warnings": [] }))
    );
    let listed = json!({ "id": "guide", "title": "The <b>guide</b>", "ledger": "example-ab", "revision": revision, "time_zone": "UTC" });
    assert_eq!(site.admin(Method::Get, "campaigns"), json!({ "campaigns": [listed] }));
    assert_eq!(site.admin(Method::Get, "campaigns/guide"), guide());
    assert_eq!(site.send(&request(Method::Get, "/admin/api/campaigns/nobody", "", "")).status, 404);
    site.deliver("guide", ANN);
    assert_eq!(put(&site, "guide", &guide_with(json!({ "title": "New" }))).status, 200);
    let told = site.send(&request(Method::Get, "/c/guide", "", ""));
    assert_eq!(body(&told)["title"], "New", "the isolate that published serves it at once");
}

#[test]
fn publishing_refuses_what_would_break_a_promise() {
    let site = Site::new(&[guide()]);
    let before = site.kv_contents();
    let mut wording = guide();
    wording["purpose"][0]["text"] = json!("Yes, send me everything.");
    let mut controller = guide_with(json!({ "id": "second" }));
    controller["controller"]["name"] = json!("Another AB");
    let mut broken = guide_with(json!({ "id": "Broken!", "colour": "red" }));
    broken["destination"][0]["url"] = json!("http://crm.example.com/");
    let mut local = guide();
    local["destination"][0]["url"] = json!("http://127.0.0.1:8788/crm");
    let controller_reason = "the ledger belongs to another controller: one ledger, one controller";
    for (id, file, expected) in [
        (
            "guide",
            wording.clone(),
            vec![("purpose[0].text", "has changed under version 2026-11: give it a new version")],
        ),
        (
            "guide",
            guide_with(json!({ "ledger": "else" })),
            vec![("ledger", "cannot change once the campaign is published")],
        ),
        (
            "guide",
            guide_with(json!({ "ledger": null })),
            vec![("ledger", "cannot change once the campaign is published")],
        ),
        ("second", controller, vec![("controller.name", controller_reason)]),
        ("other", guide(), vec![("id", "is not the one of the address")]),
        ("guide", local, vec![("destination[0].url", "http to a loopback address is for development only")]),
    ] {
        let refused = refusal(&put(&site, id, &file));
        let expected: Vec<_> = expected.into_iter().map(|(f, d)| (f.to_owned(), d.to_owned())).collect();
        assert_eq!(refused, expected);
    }
    let fields: Vec<_> =
        refusal(&put(&site, "Broken!", &broken)).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["colour", "id", "destination[0].url"]);
    assert_eq!(
        site.send(&request(Method::Put, "/admin/api/campaigns/guide", "application/json", "{")).status,
        400
    );
    assert_eq!(site.kv_contents(), before, "nothing was written");

    wording["purpose"][0]["version"] = json!("2026-12");
    assert_eq!(put(&site, "guide", &wording).status, 200);
    assert_eq!(put(&site, "guide", &guide()).status, 200, "back to words that are kept under their version");
    for key in before.keys() {
        assert!(site.kv_contents().contains_key(key), "{key}");
    }
}

#[test]
fn faults_of_kv_and_of_a_ledger_are_503_to_an_operator() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    let status =
        |method, path: &str| site.send(&request(method, &format!("/admin/api/{path}"), "", "")).status;
    site.with_ledger(LedgerMode::LosesRequests, || {
        assert_eq!(status(Method::Get, "counters"), 503);
        assert_eq!(status(Method::Post, "deliveries/replay?campaign=guide"), 503);
    });
    site.set_kv(KvMode::Failing);
    assert_eq!(status(Method::Get, "deliveries"), 503);
    assert_eq!(put(&site, "guide", &guide()).status, 503);
    site.set_kv(KvMode::RefusingWrites);
    assert_eq!(put(&site, "guide", &guide()).status, 503, "what KV refused is not published");
}
