//! The paths of a write: no route, method or content type but the right ones writes anything, and nothing does before
//! the checks. Not in KV, not in a ledger, and no ledger comes into being.

use std::collections::{BTreeMap, BTreeSet};

use leadhook::app::output::After;
use leadhook::http::request::{Method, RawRequest, TooLarge};
use leadhook::settings::admin_tokens::AdminTokens;
use leadhook::testing::world::{ADMIN_TOKEN, request};
use pollster::block_on;
use serde_json::{Value, json};

use crate::support::*;

const METHODS: [Method; 5] = [Method::Get, Method::Post, Method::Put, Method::Options, Method::Other];
const MULTIPART: &str = "multipart/form-data; boundary=frontier";
const READER: &str = "reader-0123456789-abcdefg";
const OPERATOR: &str = "operator-0123456789-abcde";
const ERASER: &str = "eraser-0123456789-abcdefg";

/// Every content type that anybody may claim.
const TYPES: [Option<&str>; 9] = [
    Some(FORM),
    Some("application/x-www-form-urlencoded; charset=utf-16"),
    Some(MULTIPART),
    Some("multipart/form-data"),
    Some("application/json"),
    Some("text/plain"),
    Some("application/xml"),
    Some(";;=garbage/\u{7f}"),
    None,
];

/// Paths that are no address of ours, or nearly one.
const STRAY: &[&str] = &[
    "",
    "/",
    "//",
    "/c",
    "/c/",
    "/c/guide/",
    "//c/guide",
    "/c//guide",
    "/C/guide",
    "/c/GUIDE",
    "/c%2Fguide",
    "/c/guide%2F",
    "/c/%67uide",
    "/c/guide;a=b",
    "/c/guide/thanks/",
    "/c/guide/..",
    "/c/../c/guide",
    "/c/nobody",
    "/c/nobody/thanks",
    "/confirm",
    "/confirm/guide",
    "/confirm/guide/",
    "/withdraw/guide/x/receipt/",
    "/admin",
    "/admin/",
    "/admin/api",
    "/admin/api/",
    "/admin/api/nothing",
    "/admin/api/erase/",
    "/admin/api//erase",
    "/admin/api/campaigns/",
    "/admin/campaigns/guide",
    "/healthz/",
    "/index.php",
    "/.well-known/",
    "/.env",
];

/// A site with a campaign that has had a lead, and one whose ledger has never been asked.
fn site() -> Site {
    let quiet = guide_with(json!({ "id": "quiet", "ledger": "quiet-ab" }));
    let mut site = Site::new(&[guide(), quiet]);
    let named = format!("reader:read:{READER},operator:operate:{OPERATOR},eraser:erase:{ERASER}");
    site.set_settings(|settings| {
        settings.admin = AdminTokens::sole(ADMIN_TOKEN).and(&named).expect("tokens")
    });
    site.deliver("guide", "email=ann%40example.com&consent.newsletter=on");
    assert_eq!(site.ledgers(), ["example-ab"]);
    site
}

/// Bodies of every kind that a check refuses, and with them some that are right for one address.
fn bodies() -> Vec<Result<Vec<u8>, TooLarge>> {
    let part = "--frontier\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\neve@example.com\r\n";
    let deep = "[".repeat(10_000);
    let texts = [
        "",
        "email=eve%40example.com&consent.newsletter=on",
        "email=no&consent.newsletter=on",
        "email=eve%40example.com",
        r#"{"email":"eve@example.com","consent":{"newsletter":true}}"#,
        r#"{"email":"eve@example.com"}"#,
        r#"{"email":5,"consent":[]}"#,
        "{",
        "null",
        &deep,
        part,
        "--frontier--",
    ];
    let mut all: Vec<_> = texts.iter().map(|text| Ok(text.as_bytes().to_vec())).collect();
    all.extend([Ok(vec![0xff, 0xfe, 0x00, 0x3d]), Ok(vec![0; 4_096]), Err(TooLarge)]);
    all
}

/// The paths of the contract; each name is one of a thing that is there, where there is one.
fn paths(campaign: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(include_str!("../../../src/http/openapi.json")).expect("JSON");
    let fill = |path: &String| {
        let path = path
            .replace("{campaign}", campaign)
            .replace("{destination}", "crm")
            .replace("{list}", "suppressed");
        path.split('/')
            .map(|part| if part.starts_with('{') { "x.y.z" } else { part })
            .collect::<Vec<_>>()
            .join("/")
    };
    document["paths"].as_object().expect("paths").keys().map(fill).collect()
}

/// Returns what shows any write: KV as it is, and the number of rows that each ledger has ever changed.
fn trace(site: &Site) -> (BTreeMap<String, String>, Vec<(String, Value)>) {
    let changes = |ledger: String| {
        let count = site.rows(&ledger, "SELECT total_changes()")[0][0].clone();
        (ledger, count)
    };
    (site.kv_contents(), site.ledgers().into_iter().map(changes).collect())
}

/// Every cell of every ledger.
fn dump(site: &Site) -> String {
    let mut text = String::new();
    for ledger in site.ledgers() {
        for table in site.rows(&ledger, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") {
            let table = table[0].as_str().expect("a name");
            text.push_str(&format!(
                "{ledger} {table} {:?}\n",
                site.rows(&ledger, &format!("SELECT * FROM {table}"))
            ));
        }
    }
    text
}

/// Sends requests, each from a line of its own so that none has to wait, and sees that none writes.
struct Sender<'a> {
    site: &'a Site,
    sent: u32,
    statuses: BTreeMap<u16, usize>,
}

impl Sender<'_> {
    fn send(&mut self, asked: RawRequest) -> u16 {
        let before = trace(self.site);
        let what = format!(
            "{:?} {} {:?} {:?} {:?}",
            asked.method,
            asked.path,
            asked.content_type,
            asked.authorization,
            asked
                .body
                .as_ref()
                .map(|body| String::from_utf8_lossy(body.get(..80).unwrap_or(body)).into_owned())
        );
        self.sent += 1;
        let asked = RawRequest {
            client_address: Some(format!("2001:db8:{:x}:{:x}::1", self.sent >> 16, self.sent & 0xffff)),
            ..asked
        };
        // Not `World::serve`, which also does what comes after the answer.
        let output = block_on(self.site.handle(&asked));
        assert!(trace(self.site) == before, "{what} has written: {}", output.response.status);
        for after in &output.after {
            let After::Count { .. } = after else { panic!("{what} is remembered in KV") };
            assert!(
                [400, 413, 415, 422].contains(&output.response.status),
                "{what}: only what is refused is counted, and after the answer"
            );
        }
        *self.statuses.entry(output.response.status).or_default() += 1;
        output.response.status
    }

    /// Every method, content type and body at an address.
    fn storm(&mut self, path: &str, token: Option<&str>, is_door: bool) {
        for method in METHODS {
            for content_type in TYPES {
                for body in bodies() {
                    let valid = is_door && method == Method::Post && is_right(content_type, &body);
                    if valid {
                        continue;
                    }
                    let mut asked = request(method, path, "", "");
                    asked.content_type = content_type.map(str::to_owned);
                    asked.authorization = token.map(|token| format!("Bearer {token}"));
                    asked.body = body;
                    let status = self.send(asked);
                    assert!(
                        ![202, 303].contains(&status),
                        "{method:?} {path} {content_type:?} is a second door"
                    );
                    assert_ne!(status, 503, "{method:?} {path} {content_type:?}");
                }
            }
        }
    }
}

/// Tells whether a body may be written: it is valid, and of the type that it claims.
fn is_right(content_type: Option<&str>, body: &Result<Vec<u8>, TooLarge>) -> bool {
    let Ok(text) = body.as_deref().map(String::from_utf8_lossy) else { return false };
    match content_type {
        Some("application/json") => text.contains("\"newsletter\":true"),
        Some(FORM) => text == "email=eve%40example.com&consent.newsletter=on",
        _ => false,
    }
}

#[test]
fn no_route_method_or_content_type_writes_before_the_checks() {
    let site = site();
    let before = (site.kv_contents(), dump(&site));
    let mut sender = Sender { site: &site, sent: 0, statuses: BTreeMap::new() };
    for campaign in ["guide", "quiet", "nobody"] {
        for path in paths(campaign).iter().filter(|path| !path.starts_with("/admin/")) {
            sender.storm(path, None, path == "/c/guide" || path == "/c/quiet");
        }
    }
    for path in STRAY {
        sender.storm(path, None, false);
        sender.storm(path, Some(ADMIN_TOKEN), false);
    }
    assert_eq!((site.kv_contents(), dump(&site)), before);
    assert_eq!(site.ledgers(), ["example-ab"], "no ledger has come into being");
    // All kinds of refusal were there.
    for status in [400, 404, 405, 410, 413, 415, 422] {
        assert!(sender.statuses.contains_key(&status), "{:?}", sender.statuses);
    }
    assert!(sender.sent > 20_000, "{}", sender.sent);

    // The same, where it is right, is the one door.
    let form = "email=eve%40example.com&consent.newsletter=on";
    site.accept("quiet", form);
    assert_eq!(site.ledgers(), ["example-ab", "quiet-ab"]);
    assert_ne!((site.kv_contents(), dump(&site)), before);
}

#[test]
fn nobody_writes_by_the_admin_api_without_the_scope() {
    let site = site();
    let before = (site.kv_contents(), dump(&site));
    let mut sender = Sender { site: &site, sent: 0, statuses: BTreeMap::new() };
    let file = guide_with(json!({ "title": "Mine now" })).to_string();
    let tag = format!("email.k1.{}", "A".repeat(43));
    let right = [
        file,
        r#"{"email":"ann@example.com"}"#.to_owned(),
        json!({ "add": [tag] }).to_string(),
        r#"{"clear":true}"#.to_owned(),
        r#"{"campaign":"guide"}"#.to_owned(),
    ];
    for path in paths("guide").iter().filter(|path| path.starts_with("/admin/")) {
        for method in METHODS {
            for body in &right {
                let query = "campaign=guide&ledger=example-ab";
                for (token, scope) in [
                    (None, ""),
                    (Some("wrong"), ""),
                    (Some(READER), "read"),
                    (Some(OPERATOR), "operate"),
                    (Some(ERASER), "erase"),
                ] {
                    let mut asked = request(method, &format!("{path}?{query}"), "application/json", body);
                    asked.authorization = token.map(|token| format!("Bearer {token}"));
                    if wanted(path, method) == Some(scope) {
                        continue;
                    }
                    let status = sender.send(asked);
                    assert!([401, 403, 404, 405].contains(&status), "{method:?} {path} {scope}: {status}");
                }
            }
        }
    }
    assert_eq!((site.kv_contents(), dump(&site)), before);
    assert_eq!(site.ledgers(), ["example-ab"]);
    for status in [401, 403, 405] {
        assert!(sender.statuses.contains_key(&status), "{:?}", sender.statuses);
    }
}

/// The scope that the contract names.
fn wanted(path: &str, method: Method) -> Option<&'static str> {
    let parts: Vec<&str> = path.strip_prefix("/admin/api/")?.split('/').collect();
    leadhook::app::admin::routes::find(&parts, method).ok().map(|(route, _)| route.scope.name())
}

#[test]
fn who_may_act_still_writes_nothing_with_a_body_that_fails_the_checks() {
    let site = site();
    // An operator's look opens every ledger that is published to.
    site.admin(Method::Get, "counters");
    let before = (site.kv_contents(), dump(&site));
    let mut sender = Sender { site: &site, sent: 0, statuses: BTreeMap::new() };
    for path in paths("nobody").iter().filter(|path| path.starts_with("/admin/")) {
        for method in METHODS {
            for body in bodies() {
                // Whose data are asked for there is named by the body: that is an act.
                let names_somebody = ["/admin/api/access", "/admin/api/erase"].contains(&path.as_str())
                    && body.as_ref().is_ok_and(|body| String::from_utf8_lossy(body).contains(r#""eve@"#));
                if names_somebody {
                    continue;
                }
                let mut asked = request(method, path, "application/json", "");
                asked.body = body;
                let status = sender.send(asked);
                let expected = if method == Method::Get { 200..=422 } else { 400..=422 };
                assert!(expected.contains(&status), "{method:?} {path}: {status}");
            }
        }
    }
    assert_eq!((site.kv_contents(), dump(&site)), before);
    for status in [200, 400, 404, 405, 413, 422] {
        assert!(sender.statuses.contains_key(&status), "{:?}", sender.statuses);
    }
}

#[test]
fn what_is_not_valid_is_counted_after_the_answer_and_nothing_else_is() {
    let site = site();
    let tables = |site: &Site| -> BTreeMap<String, String> {
        let lines = dump(site);
        let table = |line: &str| line.split(' ').nth(1).unwrap_or_default().to_owned();
        lines.lines().map(|line| (table(line), line.to_owned())).collect()
    };
    let (kv, before) = (site.kv_contents(), tables(&site));
    assert_eq!(site.post("guide", "email=no&consent.newsletter=on").status, 422);
    let after = tables(&site);
    assert_eq!(site.kv_contents(), kv);
    for (table, rows) in &before {
        assert_eq!(after[table] == *rows, table != "tally", "{table}");
    }
    assert!(!after["tally"].contains("email=no"));
    // Of a post that cannot be read nothing is counted but that it came.
    for (content_type, body) in [("text/plain", "email=no"), ("application/json", "{")] {
        let response = site.send(&request(Method::Post, "/c/guide", content_type, body));
        assert!([400, 415].contains(&response.status), "{content_type}: {}", response.status);
    }
    let rejected = "SELECT sum(count) FROM tally WHERE field = '' AND code = 'rejected'";
    assert_eq!(site.rows("example-ab", rejected), [[json!(3)]]);
    let after = tables(&site);
    // What never was a post of a campaign is not even counted.
    for (path, content_type, body) in [("/c/nobody", FORM, "email=no"), ("/c/guide/", FORM, "email=no")] {
        let response = site.send(&request(Method::Post, path, content_type, body));
        assert_eq!(response.status, 404, "{path}");
    }
    assert_eq!(tables(&site), after);
}
