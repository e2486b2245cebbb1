//! HTTP around a post: browsers, CORS, idempotency keys, refusals, and faults of ours.

use leadhook::http::request::{Method, RawRequest, TooLarge};
use leadhook::http::response::Response;
use leadhook::testing::world::{KvMode, LedgerMode, request};
use serde_json::json;

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on";
const BOB: &str = "email=bob%40example.com&consent.newsletter=on";
const CHROME: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

fn form(body: &str) -> RawRequest {
    request(Method::Post, "/c/guide", FORM, body)
}

fn browser(body: &str) -> RawRequest {
    RawRequest { accept: Some(CHROME.to_owned()), ..form(body) }
}

fn with_key(body: &str, key: &str) -> RawRequest {
    RawRequest { idempotency_key: Some(key.to_owned()), ..form(body) }
}

fn id(response: &Response) -> String {
    assert_eq!(response.status, 202, "{}", text(response));
    body(response)["submission_id"].as_str().expect("an id").to_owned()
}

fn assert_unavailable(response: &Response) {
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(body(response)["status"], 503);
}

#[test]
fn a_browser_is_sent_to_the_thanks_page() {
    let site = Site::new(&[guide()]);
    let response = site.send(&browser(ANN));
    assert_eq!((response.status, response.header("location")), (303, Some("/c/guide/thanks")));
    assert_eq!(text(&response), "");
    let again = site.send(&browser(ANN));
    assert_eq!(again, response, "someone who is known sees the same");
    let thanks = site.send(&request(Method::Get, "/c/guide/thanks", "", ""));
    assert_eq!((thanks.status, thanks.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(text(&thanks).contains("<html lang=\"sv\">"));
    assert!(
        text(&thanks).contains("<h1 dir=\"auto\">The &lt;b&gt;guide&lt;/b&gt;</h1><p dir=\"auto\">Tack!")
    );

    site.republish(&guide_with(json!({ "id": "own", "thanks_url": "https://www.example.com/thanks" })));
    let response = site.send(&RawRequest { path: "/c/own".to_owned(), ..browser(ANN) });
    assert_eq!((response.status, response.header("location")), (303, Some("https://www.example.com/thanks")));
}

#[test]
fn a_browser_gets_a_readable_page_with_nothing_echoed_and_everything_escaped() {
    let site = Site::new(&[guide()]);
    let response = site.send(&browser("email=%3Cscript%3Ezzz&name=z"));
    assert_eq!((response.status, response.header("content-type")), (422, Some("text/html; charset=utf-8")));
    let policy = response.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = text(&response);
    for line in [
        "<h1 dir=\"auto\">The &lt;b&gt;guide&lt;/b&gt;</h1>",
        "<li><strong dir=\"auto\">email</strong> Ange en e-postadress, till exempel namn@example.com.</li>",
        "<li><strong dir=\"auto\">Your &lt;name&gt;</strong> Skriv minst 2 tecken.</li>",
        "<li><strong dir=\"auto\">Yes, send me &lt;i&gt;news&lt;/i&gt;.</strong> Vi behöver ditt samtycke för att gå vidare.</li>",
    ] {
        assert!(page.contains(line), "{line} is not in {page}");
    }
    assert!(!page.contains("script") && !page.contains("zzz"), "{page}");
}

#[test]
fn a_script_that_posts_json_gets_json_whatever_it_accepts() {
    let site = Site::new(&[guide()]);
    let sent = json!({ "email": "ann@example.com", "consent": { "newsletter": true } }).to_string();
    let mut json = request(Method::Post, "/c/guide", "application/json", &sent);
    json.accept = Some(CHROME.to_owned());
    assert_eq!(site.send(&json).status, 202);
    json.body = Ok(b"{}".to_vec());
    assert_eq!(problems(&site.send(&json)), ["email required", "consent.newsletter consent_required"]);
}

#[test]
fn a_known_origin_may_read_every_answer_and_a_foreign_one_none() {
    let site = Site::new(&[guide()]);
    let from = |origin: &str, request: RawRequest| {
        site.send(&RawRequest { origin: Some(origin.to_owned()), ..request })
    };
    let preflight = || request(Method::Options, "/c/guide", "", "");
    let response = from("https://www.example.com", preflight());
    assert_eq!(response.status, 204);
    assert_eq!(
        serde_json::Value::from(headers(&response)),
        json!({
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": "Content-Type, Idempotency-Key",
            "access-control-max-age": "86400",
            "access-control-allow-origin": "https://www.example.com",
            "access-control-allow-credentials": "true",
            "vary": "Origin",
        })
    );
    let asking = |headers: &str| {
        let requested_headers = Some(headers.to_owned());
        from("https://www.example.com", RawRequest { requested_headers, ..preflight() })
    };
    let traced = "content-type,idempotency-key,sentry-trace,baggage,traceparent";
    let allowed = format!("Content-Type, Idempotency-Key, {traced}");
    assert_eq!(asking(traced).header("access-control-allow-headers"), Some(allowed.as_str()));
    for strange in ["x\ny: z", "x;y", "å", "*", &"x".repeat(3_000)] {
        let allowed = asking(strange);
        assert_eq!(allowed.header("access-control-allow-headers"), Some("Content-Type, Idempotency-Key"));
    }
    let posts = [form(ANN), browser(ANN), form("email=no"), request(Method::Get, "/c/guide", "", "")];
    for (post, status) in posts.into_iter().zip([202, 303, 422, 200]) {
        let known = from("https://www.example.com", post.clone());
        assert_eq!(known.status, status);
        assert_eq!(known.header("access-control-allow-origin"), Some("https://www.example.com"));
        assert_eq!(known.header("access-control-allow-credentials"), Some("true"));
        for foreign in ["https://evil.example", "https://www.example.com.evil.example", "null", "*"] {
            let response = from(foreign, post.clone());
            assert_eq!(
                (response.status, response.header("access-control-allow-origin")),
                (status, None),
                "{foreign}"
            );
            assert_eq!(response.header("vary"), Some("Origin"));
        }
    }
    let foreign = from("https://evil.example", preflight());
    assert_eq!(serde_json::Value::from(headers(&foreign)), json!({ "vary": "Origin" }));
    site.set_ledger(LedgerMode::LosesRequests);
    let fault = from("https://www.example.com", form(BOB));
    assert_eq!(
        (fault.status, fault.header("access-control-allow-origin")),
        (503, Some("https://www.example.com"))
    );
    assert_eq!(fault.header("access-control-expose-headers"), Some("Retry-After"));
}

#[test]
fn an_idempotency_key_is_the_same_quoted_and_bare() {
    let site = Site::new(&[guide()]);
    let first = id(&site.send(&with_key(ANN, "8e03978e-40d5")));
    assert_eq!(id(&site.send(&with_key(ANN, "\"8e03978e-40d5\""))), first);
    assert_eq!(id(&site.send(&with_key(ANN, " 8e03978e-40d5 "))), first);
    assert_ne!(id(&site.send(&form(ANN))), first, "the key is part of what was posted");
    assert_eq!(site.states(), counts(&[("pending", 1), ("duplicate", 1)]));
}

#[test]
fn a_key_that_is_used_again_for_something_else_is_refused_for_a_day() {
    let site = Site::new(&[guide()]);
    site.accept("guide", BOB);
    id(&site.send(&with_key(ANN, "k")));
    let changed = format!("{ANN}&name=Ann");
    for other in [changed.as_str(), BOB] {
        let response = site.send(&with_key(other, "\"k\""));
        assert_eq!(problems(&response), ["Idempotency-Key idempotency_key_reused"]);
    }
    assert_eq!(site.states(), counts(&[("pending", 2)]));
    site.republish(&guide_with(json!({ "id": "other" })));
    let elsewhere = RawRequest { path: "/c/other".to_owned(), ..with_key(BOB, "k") };
    assert_eq!(site.send(&elsewhere).status, 202, "a key belongs to its campaign");

    site.pass(DAY - 1);
    assert_eq!(site.send(&with_key(&changed, "k")).status, 422);
    site.pass(1);
    assert_eq!(site.send(&with_key(&changed, "k")).status, 202);
    assert_eq!(site.send(&with_key(ANN, "k")).status, 422, "the key has gone over to the other post");
}

#[test]
fn an_invalid_post_claims_no_key_and_an_invalid_key_is_told_with_the_rest() {
    let site = Site::new(&[guide()]);
    assert_eq!(
        problems(&site.send(&with_key("email=ann%40example.com", "k"))),
        ["consent.newsletter consent_required"]
    );
    id(&site.send(&with_key(ANN, "k")));
    for bad in ["", "\"\"", "a b", "\u{e5}", "a\"b", "\"open", &"x".repeat(256)] {
        let response = site.send(&with_key("email=ann%40example.com", bad));
        let expected = ["consent.newsletter consent_required", "Idempotency-Key idempotency_key_invalid"];
        assert_eq!(problems(&response), expected, "{bad:?}");
    }
    id(&site.send(&with_key(ANN, &"x".repeat(255))));
    assert!(!site.everything_at_rest(&["example-ab"]).contains("xxxx"), "only the key's hash is kept");
}

#[test]
fn what_cannot_be_read_has_its_own_status() {
    let site = Site::new(&[guide()]);
    let status = |request: &RawRequest| {
        let response = site.send(request);
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
        assert_eq!(body(&response)["status"], response.status);
        assert_eq!(body(&response)["type"], "about:blank");
        response.status
    };
    for (method, path, expected) in [
        (Method::Post, "/c/nobody", 404),
        (Method::Get, "/", 404),
        (Method::Get, "/c/guide/else", 404),
        (Method::Get, "/admin", 404),
        (Method::Put, "/c/guide", 405),
        (Method::Other, "/c/guide", 405),
        (Method::Post, "/c/guide/thanks", 405),
        (Method::Post, "/healthz", 405),
    ] {
        assert_eq!(status(&request(method, path, FORM, ANN)), expected, "{method:?} {path}");
    }
    let not_allowed = site.send(&request(Method::Put, "/c/guide", FORM, ANN));
    assert_eq!(not_allowed.header("allow"), Some("GET, POST, OPTIONS"));

    let json = |text: &str| request(Method::Post, "/c/guide", "application/json", text);
    for malformed in ["", "{", "[]", "null", "\"a\"", "{\"a\":1}x", &"[".repeat(1000), "{\"a\":\u{1}1}"] {
        assert_eq!(status(&json(malformed)), 400, "{malformed}");
    }
    assert_eq!(status(&form(&"a=1&".repeat(101))), 400);
    assert_eq!(site.send(&form(&format!("{ANN}{}", "&a=1".repeat(98)))).status, 202);
    for media_type in ["text/plain", "application/xml", "application/json; charset=utf-16", ""] {
        assert_eq!(status(&request(Method::Post, "/c/guide", media_type, ANN)), 415, "{media_type}");
    }
    assert_eq!(status(&RawRequest { content_type: None, ..form(ANN) }), 415);
    assert_eq!(status(&form(&format!("a={}", "x".repeat(65_536)))), 413);
    assert_eq!(status(&RawRequest { body: Err(TooLarge), ..form(ANN) }), 413);
    assert_eq!(site.states(), counts(&[("pending", 1)]));
}

#[test]
fn a_form_can_ask_what_is_accepted_and_a_monitor_whether_it_lives() {
    let site = Site::new(&[guide()]);
    let response = site.send(&request(Method::Get, "/c/guide", "", ""));
    let told = body(&response);
    assert_eq!(told["endpoint"], "https://leads.example.com/c/guide");
    assert_eq!(told["double_opt_in"], false);
    assert_eq!(
        told["fields"][2],
        json!({
            "name": "name", "kind": "text", "required": false, "label": "Your <name>",
            "min_length": 2, "max_length": 20,
        })
    );
    assert_eq!(told["purposes"][0]["field"], "consent.newsletter");
    assert_eq!(told["purposes"][0]["text"], "Yes, send me <i>news</i>.");
    assert!(!text(&response).contains("CRM_SECRET") && !text(&response).contains("crm.example.com"));
    let health = site.send(&request(Method::Get, "/healthz", "", ""));
    assert_eq!((health.status, text(&health).as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(body(&site.send(&request(Method::Get, "/openapi.json", "", "")))["openapi"], "3.1.0");
}

#[test]
fn a_ledger_that_is_down_answers_503_and_stores_nothing() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    let count = |site: &Site| site.rows("example-ab", "SELECT * FROM submission").len();
    for mode in [LedgerMode::LosesRequests, LedgerMode::RefusesStatements] {
        site.with_ledger(mode, || {
            assert_unavailable(&site.post("guide", BOB));
            let page = site.send(&browser(BOB));
            assert_eq!((page.status, page.header("retry-after")), (503, Some("5")));
            assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        });
        assert_eq!(count(&site), 1, "{mode:?}");
    }
    site.with_ledger(LedgerMode::LosesAnswers, || assert_unavailable(&site.post("guide", BOB)));
    site.accept("guide", BOB);
    let counters = site.admin(Method::Get, "counters");
    assert_eq!((&counters["accepted"], &counters["repeats"]), (&json!(2), &json!(1)));
}

#[test]
fn a_write_that_fails_half_way_leaves_nothing() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    let tables = ["fingerprint", "submission", "delivery", "counter", "idempotency"];
    let dump = || tables.map(|table| site.rows("example-ab", &format!("SELECT * FROM {table}")));
    let before = dump();
    for (table, event) in
        [("submission", "INSERT"), ("counter", "UPDATE"), ("delivery", "INSERT"), ("idempotency", "INSERT")]
    {
        let trigger =
            format!("CREATE TRIGGER no BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END");
        site.execute("example-ab", &trigger);
        assert_unavailable(&site.send(&with_key(BOB, "k")));
        assert_eq!(dump(), before, "{table}");
        site.execute("example-ab", "DROP TRIGGER no");
    }
    id(&site.send(&with_key(BOB, "k")));
    assert_eq!(site.states(), counts(&[("pending", 2)]));
}

#[test]
fn a_campaign_is_served_from_its_last_good_copy_while_kv_fails() {
    let site = Site::new(&[guide()]);
    site.set_kv(KvMode::Failing);
    assert_unavailable(&site.post("guide", ANN));
    assert_unavailable(&site.send(&request(Method::Get, "/c/guide", "", "")));
    site.set_kv(KvMode::Fresh);
    site.accept("guide", ANN);
    for broken in ["", "{}", "{\"format\":1,\"campaign\":{}}", "{\"format\":2,\"campaign\":{}}"] {
        site.set_kv_value("campaign/v1/guide", broken);
        site.pass(2 * MINUTE);
        site.accept("guide", ANN);
    }
    site.set_kv(KvMode::Failing);
    site.pass(DAY);
    site.accept("guide", BOB);
    site.restart();
    assert_unavailable(&site.post("guide", BOB));
}

#[test]
fn a_campaign_that_has_been_read_is_served_though_kv_says_that_there_is_none() {
    let site = Site::new(&[guide()]);
    site.accept("guide", ANN);
    site.set_kv(KvMode::Empty);
    site.pass(2 * MINUTE);
    site.accept("guide", BOB);
}

#[test]
fn an_address_that_no_campaign_can_have_is_neither_looked_up_nor_logged() {
    let site = Site::new(&[guide()]);
    site.set_kv(KvMode::Failing);
    for path in ["/c/ann@example.com", &format!("/c/{}", "x".repeat(600)), "/c/", "/c/%2e"] {
        assert_eq!(site.send(&request(Method::Post, path, FORM, ANN)).status, 404, "{path}");
    }
    assert!(!site.everything_at_rest(&[]).contains("ann@"), "{:?}", site.log());
}
