//! One post through the whole pipeline: the exact response, then the exact webhook.

use leadhook::http::request::Method;
use leadhook::testing::world::{PUBLIC_URL, Received, START_MS, request};
use serde_json::{Value, json};

use crate::support::*;

const GOOD: &str = "email=+Kari.N%40Example.COM&phone=070-174+06+05&name=+Ka%CC%8Ari+&size=51%2B&seats=12\
    &remote=off&remote=on&country=no&site=https%3A%2F%2Fexample.org%2Fa%3Fb&consent.newsletter=2026-11\
    &consent.call=on&utm_source=Partner&utm_medium=mail&gclid=abc\
    &page_url=https%3A%2F%2Fwww.example.com%2Fp%3Femail%3Dkari%40example.com%23top\
    &referrer=https%3A%2F%2Fsearch.example%2F%3Fq%3Dkari&unknown=gone&consent.other=on";

const GOOD_ID: &str = "sub_3meHou6V21dpeuAUmCjr8ISZ";

// By `printf '%s' TEXT | sha256sum`.
const NEWSLETTER_SHA256: &str = "c8dc1fe276eaaafab0db6c3c49176bf17426bc6f8a2ad665000f2e35129a39c1";
const CALL_SHA256: &str = "a95566039296e10e2e48e4fde9ec0ce4dcb0a836988e9761948fbd906ad2fbb6";

fn good_json() -> Value {
    json!({
        "email": " Kari.N@Example.COM", "phone": "070-174 06 05", "name": " Ka\u{30a}ri ", "size": "51+",
        "seats": 12, "remote": true, "country": "no", "site": "https://example.org/a?b",
        "consent": { "newsletter": "2026-11", "call": true, "other": true },
        "utm_source": "Partner", "utm_medium": "mail", "gclid": "abc",
        "page_url": "https://www.example.com/p?email=kari@example.com#top",
        "referrer": "https://search.example/?q=kari", "unknown": { "deep": ["gone"] },
    })
}

fn good_multipart() -> String {
    let mut body = String::new();
    for (name, value) in form_urlencoded::parse(GOOD.as_bytes()) {
        body.push_str("--b\r\nContent-Disposition: form-data; name=\"");
        body.push_str(&format!("{name}\"\r\n\r\n{value}\r\n"));
    }
    body + "--b--\r\n"
}

fn webhook(method: &str) -> Value {
    let consent = |purpose: &str, version: &str, shown: &str, sha256: &str| {
        json!({
            "purpose": purpose, "granted": true, "version": version, "version_shown": shown,
            "text_sha256": sha256, "language": "sv", "channel": "email", "category": "marketing",
            "notice": {
                "url": "https://www.example.com/privacy", "version": "3",
                "sha256": "e00e7c9b42e427a1630c85be8812f8399c6d959bed62843b3d17ffb574a3091d",
            },
            "at": "2026-11-22T14:00:00.000Z", "page": "https://www.example.com/p", "method": method,
        })
    };
    let newsletter = consent("newsletter", "2026-11", "2026-11", NEWSLETTER_SHA256);
    let call = edited(
        consent("call", "2", "unstated", CALL_SHA256),
        json!({ "channel": "phone", "category": "sales", "retention_days": 365 }),
    );
    json!({
        "type": "lead.qualified",
        "timestamp": "2026-11-22T14:00:00.000Z",
        "data": {
            "lead_id": "lead_1k81osvo00nidep61va7ao5og",
            "campaign": "guide",
            "contact": { "email": "kari.n@example.com", "phone": "+46701740605" },
            "answers": {
                "name": "K\u{e5}ri", "size": "51+", "seats": 12, "remote": true, "country": "NO",
                "site": "https://example.org/a?b",
            },
            "attribution": {
                "utm_source": "Partner", "utm_medium": "mail", "gclid": "abc",
                "page_url": "https://www.example.com/p", "referrer": "https://search.example/",
            },
            "consent": [newsletter, call],
            "score": {
                "total": 60, "temperature": "hot", "stage": "SQL",
                "reasons": [
                    { "rule": "gave a name", "points": 10, "because": "name was given" },
                    {
                        "rule": "large", "points": 50,
                        "because": "size is 51+ and kind of e-mail address is business",
                    },
                ],
            },
            "submitted_at": "2026-11-22T14:00:00.000Z",
        },
    })
}

#[test]
fn a_good_post_is_answered_and_delivered_alike_in_every_encoding() {
    let bodies = [
        (FORM, GOOD.to_owned(), "form"),
        ("multipart/form-data; boundary=b", good_multipart(), "form"),
        ("application/json", good_json().to_string(), "json"),
        ("application/vnd.example+json; charset=UTF-8", format!("\u{feff}{}", good_json()), "json"),
    ];
    for (content_type, sent, method) in bodies {
        let site = Site::new(&[guide()]);
        let response = site.send(&request(Method::Post, "/c/guide", content_type, &sent));
        assert_eq!(response.status, 202, "{content_type}: {}", text(&response));
        assert_eq!(body(&response), json!({ "submission_id": GOOD_ID, "status": "accepted" }));
        assert_eq!(
            Value::from(headers(&response)),
            json!({
                "content-type": "application/json", "cache-control": "no-store",
                "x-content-type-options": "nosniff", "vary": "Origin",
            })
        );
        assert_eq!(site.received(), [], "nothing is sent before the answer");
        site.ring();
        let expected = Received {
            id: "msg_1k81osvo00nidep61va7ao5og_3meHou6Vd7c735e6".to_owned(),
            url: "https://crm.example.com/hooks/guide".to_owned(),
            body: webhook(method),
        };
        let mut received = site.received();
        // A form that is no page's says so, and a script's says nothing.
        let data = received[0].body["data"].as_object_mut().expect("data");
        let signals = data.remove("signals").map(|signals| signals.as_array().expect("a list").len());
        assert_eq!(signals, (method == "form").then_some(2), "{content_type}");
        for consent in received[0].body["data"]["consent"].as_array_mut().expect("consents") {
            let consent = consent.as_object_mut().expect("a record");
            assert!(consent.remove("receipt").is_some_and(|receipt| receipt.is_string()));
            let url = format!("{PUBLIC_URL}/withdraw/guide/lead_1k81osvo00nidep61va7ao5og.");
            let withdraw = consent.remove("withdraw_url").expect("a link");
            assert!(withdraw.as_str().expect("a text").starts_with(&url), "{withdraw}");
        }
        assert_eq!(received, [expected], "{content_type}");
        assert_eq!(site.states(), counts(&[("delivered", 1)]));
    }
}

#[test]
fn every_problem_is_told_at_once_and_no_value_is_echoed() {
    let site = Site::new(&[guide_with(json!({ "unknown_fields": "refuse" }))]);
    let sent = "email=zzz&phone=zzz&name=z&size=zzz&seats=0&remote=zzz&country=ZZ&site=ftp%3A%2F%2Fzzz\
        &zzz=zzz&consent.call=zzz";
    let response = site.post("guide", sent);
    let error =
        |field: &str, code: &str, detail: &str| json!({ "field": field, "code": code, "detail": detail });
    assert_eq!(response.status, 422);
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        body(&response),
        json!({
            "type": "about:blank",
            "title": "The submission is not valid",
            "status": 422,
            "detail": "Correct the listed fields and send it again.",
            "errors": [
                error("email", "invalid_email", "must be an e-mail address, as in name@example.com"),
                error("phone", "invalid_phone", "must be a phone number, best with its country code"),
                error("name", "too_short", "must have at least 2 characters"),
                error("size", "not_a_choice", "must be one of 1-10, 11-50, 51+"),
                error("seats", "too_small", "must be at least 1"),
                error("remote", "invalid_boolean", "must be true or false"),
                error("country", "invalid_country", "must be a country by ISO 3166-1, as in SE"),
                error("site", "invalid_url", "must be an address, as in https://example.com"),
                error("consent.newsletter", "consent_required", "this consent is required"),
                error("consent.call", "wording_outdated", "is not the version that is in force"),
                error("", "unknown_field", "the submission has a field that the campaign does not declare"),
            ],
        })
    );
    assert!(!text(&response).contains("zzz"));
    assert_eq!(site.states(), counts(&[]));
    let counters = site.admin(Method::Get, "counters?campaign=guide");
    let rejections = counters["approximate"]["rejections"].as_array().expect("a list").clone();
    assert_eq!(rejections.len(), 11);
    let first = json!({ "campaign": "guide", "field": "", "code": "unknown_field", "count": 1 });
    assert_eq!(rejections[0], first);
    assert!(!site.everything_at_rest(&["example-ab"]).contains("zzz"));
}

#[test]
fn each_kind_says_what_is_wrong_with_a_value() {
    let site = Site::new(&[guide()]);
    let consent = "\"consent\":{\"newsletter\":true}";
    let long = "x".repeat(21);
    for (fields, expected) in [
        ("\"email\":5", "email wrong_type"),
        ("\"email\":{\"a\":1}", "email wrong_type"),
        ("\"email\":\"\"", "email required"),
        ("\"email\":null", "email required"),
        ("\"email\":[\"a@example.com\",\"b@example.com\"]", "email repeated"),
        ("\"phone\":\"1\"", "phone invalid_phone"),
        (&format!("\"email\":\"a@example.com\",\"name\":\"{long}\""), "name too_long"),
        ("\"email\":\"a@example.com\",\"seats\":\"many\"", "seats invalid_number"),
        ("\"email\":\"a@example.com\",\"seats\":501", "seats too_large"),
        ("\"email\":\"a@example.com\",\"seats\":true", "seats wrong_type"),
        ("\"email\":\"a@example.com\",\"remote\":2", "remote invalid_boolean"),
        ("\"email\":\"a@example.com\",\"site\":\"example\"", "site invalid_url"),
    ] {
        let sent = format!("{{{fields},{consent}}}");
        let response = site.send(&request(Method::Post, "/c/guide", "application/json", &sent));
        assert_eq!(problems(&response), [expected], "{sent}");
    }
    let twice = "email=a%40example.com&email=a%40example.com&consent.newsletter=on";
    assert_eq!(site.post("guide", twice).status, 202, "the same value twice is one value");
}

#[test]
fn a_consent_is_given_by_word_or_by_version_and_any_yes_counts() {
    let base = "email=a%40example.com&consent.newsletter=";
    for (sent, shown) in [
        ("on", "unstated"),
        ("true", "unstated"),
        ("2026-11", "2026-11"),
        ("off&consent.newsletter=on", "unstated"),
        ("on&consent.newsletter=false", "unstated"),
        ("2026-11&consent.newsletter=false", "2026-11"),
        ("Yes", "unstated"),
    ] {
        let site = Site::new(&[guide()]);
        site.deliver("guide", &format!("{base}{sent}"));
        let consent = &site.received()[0].body["data"]["consent"];
        assert_eq!(consent[0]["version_shown"], shown, "{sent}");
        assert_eq!(consent[0]["granted"], true);
        assert_eq!((&consent[1]["purpose"], &consent[1]["granted"]), (&json!("call"), &json!(false)));
    }
    let site = Site::new(&[guide()]);
    for (sent, code) in [
        ("", "consent_required"),
        ("off", "consent_required"),
        ("No", "consent_required"),
        ("2026-10", "wording_outdated"),
        ("ja", "wording_outdated"),
        ("2026-11&consent.newsletter=2026-10", "wording_outdated"),
    ] {
        assert_eq!(
            problems(&site.post("guide", &format!("{base}{sent}"))),
            [format!("consent.newsletter {code}")]
        );
    }
    assert_eq!(
        problems(&site.post("guide", "email=a%40example.com")),
        ["consent.newsletter consent_required"]
    );
}

#[test]
fn a_lead_goes_nowhere_without_the_consent_that_the_destination_needs() {
    let destinations = json!([
        destination("crm", "https://crm.example.com/crm"),
        destination_with(
            "phones",
            "https://crm.example.com/phones",
            json!({ "needs": ["newsletter", "call"] })
        ),
        destination_with("open", "https://crm.example.com/open", json!({ "needs": [] })),
    ]);
    let site = Site::new(&[guide_with(json!({ "destination": destinations }))]);
    let reached = |form: &str| {
        let before = site.received().len();
        site.deliver("guide", form);
        let mut places: Vec<_> =
            site.events().split_off(before).into_iter().map(|(_, _, place)| place).collect();
        places.sort();
        places.join(" ")
    };
    assert_eq!(reached("email=a%40example.com&consent.newsletter=on"), "crm open");
    assert_eq!(reached("email=b%40example.com&consent.newsletter=on&consent.call=2"), "crm open phones");
}

#[test]
fn what_is_not_declared_is_dropped_or_refused_and_never_stored() {
    let secret = "email=a%40example.com&consent.newsletter=on&zqxnote=zqxvalue";
    let site = Site::new(&[guide()]);
    site.deliver("guide", secret);
    assert_eq!(site.received()[0].body["data"]["answers"], json!({}));
    let with = site.accept("guide", secret);
    let without = site.accept("guide", "email=a%40example.com&consent.newsletter=on&utm_source=other");
    assert_eq!(with, without, "the id is of declared fields alone");
    let strict = guide_with(json!({ "id": "strict", "unknown_fields": "refuse" }));
    site.republish(&strict);
    assert_eq!(problems(&site.post("strict", secret)), [" unknown_field"]);
    assert!(!site.everything_at_rest(&["example-ab"]).contains("zqx"));
    assert!(!format!("{:?}", site.received()).contains("zqx"));
}

#[test]
fn attribution_is_cut_and_never_rejects() {
    let site = Site::new(&[guide_with(json!({ "unknown_fields": "refuse" }))]);
    let long = "x".repeat(600);
    let sent = json!({
        "email": "a@example.com", "consent": { "newsletter": true },
        "utm_term": long, "utm_content": ["first", "second"], "utm_id": 7, "fbclid": "  ",
        "page_url": "https://www.example.com/a#token?x", "referrer": "?only=query",
    });
    let response = site.send(&request(Method::Post, "/c/guide", "application/json", &sent.to_string()));
    assert_eq!(response.status, 202, "{}", text(&response));
    site.ring();
    assert_eq!(
        site.received()[0].body["data"]["attribution"],
        json!({ "utm_term": "x".repeat(500), "utm_content": "first", "utm_id": "7", "page_url": "https://www.example.com/a" })
    );
}

#[test]
fn a_source_is_counted_by_name_unless_it_could_be_somebody() {
    let site = Site::new(&[guide()]);
    for (n, (source, counted)) in [
        ("", "direct"),
        ("News_letter-7", "news_letter-7"),
        ("kari%40example.com", "other"),
        ("from-kari", "other"),
        ("0701740605", "other"),
        ("a12345", "other"),
        (&"x".repeat(33), "other"),
    ]
    .into_iter()
    .enumerate()
    {
        let hour = START_MS + i64::try_from(n).expect("few") * HOUR;
        site.set_clock(hour);
        site.accept(
            "guide",
            &format!("email=p{n}%40example.com&name=Kari&consent.newsletter=on&utm_source={source}"),
        );
        let counter = site.rows("example-ab", &format!("SELECT source FROM counter WHERE hour = {hour}"));
        assert_eq!(counter, [[counted]], "{source}");
    }
}

#[test]
fn a_source_is_nobody_by_a_part_of_a_word() {
    let site = Site::new(&[guide_with(json!({
        "field": [
            { "name": "email", "kind": "email" }, { "name": "name", "kind": "text" },
            { "name": "heard", "kind": "text" },
            { "name": "size", "kind": "choice", "choices": ["Partner", "51+"] },
        ],
        "score": [{ "rule": "r", "points": 1, "when": { "attribution": "utm_source", "is": "LinkedIn" } }],
    }))]);
    for (n, (form, counted)) in [
        ("email=ann%40example.org&utm_source=organic", "organic"),
        ("email=ann%40example.com&utm_source=community", "community"),
        ("email=ann%40example.com&utm_source=an", "an"),
        ("email=ann%40example.net&name=Bing+Crosby&utm_source=bing-ads", "other"),
        ("email=anna.berg%40example.net&utm_source=annaberg", "other"),
        ("email=a%40example.net&name=Anna+Berg&utm_source=from-anna-berg", "other"),
        ("email=a%40example.net&name=Annabella&utm_source=anna", "anna"),
        ("email=a%40example.net&heard=linkedin&utm_source=linkedin", "linkedin"),
        ("email=a%40example.net&size=Partner&utm_source=partner", "partner"),
        ("email=a%40gmail.com&utm_source=gmail", "gmail"),
        ("email=a%40firma.se&utm_source=firma", "other"),
    ]
    .into_iter()
    .enumerate()
    {
        let hour = START_MS + i64::try_from(n).expect("few") * HOUR;
        site.set_clock(hour);
        site.accept("guide", &format!("{form}&consent.newsletter=on"));
        let counter = site.rows("example-ab", &format!("SELECT source FROM counter WHERE hour = {hour}"));
        assert_eq!(counter, [[counted]], "{form}");
    }
}
