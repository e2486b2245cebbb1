//! Scopes: each address of the admin API under each of them, and the wait after wrong tokens.

use leadhook::app::admin::routes;
use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::settings::Settings;
use leadhook::settings::admin_tokens::{AdminTokens, Scope};
use leadhook::testing::world::request;
use serde_json::{Value, json};

use crate::support::*;

const READER: &str = "reader-0123456789-abcdefg";
const OPERATOR: &str = "operator-0123456789-abcde";
const PUBLISHER: &str = "publisher-0123456789-abcd";
const ERASER: &str = "eraser-0123456789-abcdefg";

/// Name, token and scope.
const HOLDERS: &[(&str, &str, Scope)] = &[
    ("reader", READER, Scope::Read),
    ("operator", OPERATOR, Scope::Operate),
    ("publisher", PUBLISHER, Scope::Publish),
    ("eraser", ERASER, Scope::Erase),
];

/// Every address of the admin API with its scope, written down once more. One alone has another for some of its
/// requests: taking somebody off the list of objections.
const TABLE: &[(&str, Method, Scope)] = &[
    ("counters", Method::Get, Scope::Read),
    ("deliveries", Method::Get, Scope::Operate),
    ("deliveries/replay", Method::Post, Scope::Operate),
    ("deliveries/{}", Method::Get, Scope::Operate),
    ("deliveries/{}/replay", Method::Post, Scope::Operate),
    ("access", Method::Post, Scope::Erase),
    ("erase", Method::Post, Scope::Erase),
    ("lists", Method::Get, Scope::Read),
    ("lists/{}", Method::Post, Scope::Operate),
    ("keys", Method::Get, Scope::Read),
    ("doctor", Method::Get, Scope::Read),
    ("quarantine", Method::Get, Scope::Operate),
    ("quarantine/release", Method::Post, Scope::Operate),
    ("quarantine/discard", Method::Post, Scope::Operate),
    ("quarantine/{}", Method::Get, Scope::Operate),
    ("campaigns", Method::Get, Scope::Read),
    ("campaigns/{}", Method::Get, Scope::Read),
    ("campaigns/{}", Method::Put, Scope::Publish),
    ("campaigns/{}/destinations/{}/enable", Method::Post, Scope::Operate),
    ("audit", Method::Get, Scope::Read),
    ("overview", Method::Get, Scope::Read),
    ("held", Method::Get, Scope::Operate),
    ("whoami", Method::Get, Scope::Read),
];

fn site() -> Site {
    let mut site = Site::new(&[guide()]);
    let tokens = HOLDERS.iter().map(|(name, token, scope)| format!("{name}:{}:{token}", scope.name()));
    let named = tokens.collect::<Vec<_>>().join(",");
    site.set_settings(|settings| settings.admin = AdminTokens::sole("admin").and(&named).expect("tokens"));
    site
}

fn ask(site: &Site, token: Option<&str>, from: Option<&str>, method: Method, path: &str) -> Response {
    site.send(&RawRequest {
        authorization: token.map(|token| format!("Bearer {token}")),
        client_address: from.map(str::to_owned),
        ..request(method, &format!("/admin/api/{path}"), "application/json", "")
    })
}

#[test]
fn each_address_wants_its_scope_and_no_scope_holds_another() {
    let declared: Vec<_> =
        routes::all().iter().map(|route| (route.path, route.method, route.scope)).collect();
    assert_eq!(declared, TABLE);
    let others = routes::all().iter().filter_map(|route| Some((route.path, route.exception?.scope)));
    assert_eq!(others.collect::<Vec<_>>(), [("lists/{}", Scope::Erase)]);
    let site = site();
    for (path, method, scope) in TABLE {
        let path = path.replace("{}", "nothing");
        for (name, token, held) in HOLDERS {
            let response = ask(&site, Some(token), None, *method, &path);
            let case = format!("{method:?} {path} with {}", held.name());
            if *held == *scope {
                assert!(![401, 403, 405, 429].contains(&response.status), "{case}: {}", response.status);
                continue;
            }
            assert_eq!(response.status, 403, "{case}");
            let challenge = format!(r#"Bearer error="insufficient_scope", scope="{}""#, scope.name());
            assert_eq!(response.header("www-authenticate"), Some(challenge.as_str()), "{case}");
            assert_eq!(response.header("content-type"), Some("application/problem+json"), "{case}");
            let log = site.log().last().expect("a line").clone();
            assert_eq!((&log["actor"], &log["status"]), (&json!(name), &json!(403)), "{case}");
        }
        assert!(![401, 403].contains(&ask(&site, Some("admin"), None, *method, &path).status));
        assert_eq!(ask(&site, None, None, *method, &path).status, 401);
    }
}

#[test]
fn the_document_names_the_scope_of_every_address() {
    let document: Value = serde_json::from_str(include_str!("../../../src/http/openapi.json")).expect("JSON");
    let mut told = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(path) = path.strip_prefix("/admin/api/") else { continue };
        let names = |part: &str| if part.starts_with('{') { "{}".to_owned() } else { part.to_owned() };
        let path = path.split('/').map(names).collect::<Vec<_>>().join("/");
        for (method, operation) in item.as_object().expect("an item") {
            if method == "parameters" {
                continue;
            }
            told.push(format!(
                "{} {path} {}",
                method.to_uppercase(),
                operation["security"][0]["adminToken"][0]
            ));
            for status in ["401", "403", "429"] {
                assert!(operation["responses"][status].is_object(), "{method} {path} tells of no {status}");
            }
        }
    }
    let mut known: Vec<_> = TABLE
        .iter()
        .map(|(path, method, scope)| format!("{} {path} \"{}\"", method.name(), scope.name()))
        .collect();
    told.sort();
    known.sort();
    assert_eq!(told, known);
}

#[test]
fn what_is_not_there_is_told_to_holders_alone() {
    let site = site();
    for (path, method, status, allow) in [
        ("nothing", Method::Get, 404, None),
        ("", Method::Get, 404, None),
        ("counters/", Method::Get, 404, None),
        ("deliveries/", Method::Get, 404, None),
        ("counters", Method::Post, 405, Some("GET")),
        ("counters", Method::Other, 405, Some("GET")),
        ("counters", Method::Options, 405, Some("GET")),
        ("deliveries/replay", Method::Get, 405, Some("POST")),
        ("quarantine/release", Method::Get, 405, Some("POST")),
        ("campaigns/guide", Method::Post, 405, Some("GET, PUT")),
        ("campaigns/guide/destinations/crm/enable", Method::Get, 405, Some("POST")),
        ("erase", Method::Get, 405, Some("POST")),
    ] {
        let response = ask(&site, Some(READER), None, method, path);
        assert_eq!((response.status, response.header("allow")), (status, allow), "{method:?} {path}");
        assert_eq!(ask(&site, None, None, method, path).status, 401, "{method:?} {path}");
    }
}

#[test]
fn ten_wrong_tokens_of_a_minute_close_the_door_to_their_address() {
    let site = site();
    let (guesser, other) = (Some("192.0.2.7"), Some("192.0.2.8"));
    let counters = |token: Option<&str>, from| ask(&site, token, from, Method::Get, "counters");
    for n in 0..20 {
        assert_eq!(counters(None, guesser).status, 401, "a request without a token is no attempt");
        if n < 10 {
            assert_eq!(counters(Some(&format!("guess-{n}")), guesser).status, 401);
        }
    }
    for token in ["guess", READER, "admin"] {
        let response = counters(Some(token), guesser);
        assert_eq!((response.status, response.header("retry-after")), (429, Some("60")), "{token}");
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
    }
    assert_eq!(counters(Some(READER), other).status, 200);
    assert_eq!(counters(Some(READER), None).status, 200);
    site.pass(59_000);
    assert_eq!(counters(Some(READER), guesser).header("retry-after"), Some("1"));
    site.pass(1_000);
    assert_eq!(counters(Some(READER), guesser).status, 200);
    assert_eq!(counters(Some("guess"), guesser).status, 401, "and a minute begins anew");
    // Without an address they are one.
    for _ in 0..10 {
        assert_eq!(counters(Some("guess"), None).status, 401);
    }
    assert_eq!(counters(Some(READER), None).status, 429);
    let log = format!("{:?}", site.log());
    assert!(!log.contains("guess") && !log.contains("192.0.2") && !log.contains(READER), "{log}");
}

#[test]
fn settings_are_refused_by_name() {
    let key = |byte: &str| format!("k1:{}", leadhook::base::crypto::base64(byte.repeat(32).as_bytes()));
    let read = |tokens: &str| {
        Settings::read(|name| match name {
            "LEADHOOK_PEPPERS" => Some(key("p")),
            "LEADHOOK_SEALING_KEYS" => Some(key("s")),
            "LEADHOOK_ADMIN_TOKENS" => Some(tokens.to_owned()),
            _ => None,
        })
    };
    let settings = read(&format!("reader:read:{READER}")).expect("settings");
    assert_eq!(settings.admin.holder(READER).map(|actor| actor.name.as_str()), Some("reader"));
    let refused = read("reader:write:top-secret-0123456789-abcdef").expect_err("refused").to_string();
    assert!(refused.starts_with("LEADHOOK_ADMIN_TOKENS: "), "{refused}");
    assert!(!refused.contains("secret"), "{refused}");
}
