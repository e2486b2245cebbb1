//! Lead magnets: their links, their downloads, and the events about them.

use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::testing::world::{LedgerMode, PUBLIC_URL, ReceiverMode, request};
use serde_json::{Value, json};

use crate::support::person::*;
use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";
const GUIDE: &str = "https://www.example.com/spring.pdf";

fn by_url() -> Value {
    json!({ "magnet": { "title": "The spring guide", "url": GUIDE } })
}

fn by_file() -> Value {
    json!({ "magnet": { "title": "The spring guide", "file": "guides/spring.pdf", "valid_days": 2 } })
}

/// The path of the link that a post is answered with.
fn link(response: &Response) -> String {
    assert_eq!(response.status, 202, "{}", text(response));
    let url = body(response)["download"]["url"].as_str().expect("a link").to_owned();
    url.strip_prefix(PUBLIC_URL).expect("a link of ours").to_owned()
}

fn at(site: &Site, method: Method, path: &str) -> Response {
    site.send(&request(method, path, FORM, ""))
}

fn engaged(site: &Site) -> Vec<Value> {
    let sent = site.received().into_iter().map(|received| received.body);
    sent.filter(|body| body["type"] == "lead.engaged").collect()
}

fn downloads(site: &Site) -> Vec<Vec<Value>> {
    site.rows(LEDGER, "SELECT downloads FROM engagement")
}

#[test]
fn a_download_is_recorded_each_time_and_told_once() {
    let site = Site::new(&[guide_with(by_url())]);
    let response = site.post("guide", ANN);
    assert_eq!(body(&response)["download"]["expires_at"], "2026-11-29T15:00:00.000Z");
    let path = link(&response);
    site.ring();

    let page = at(&site, Method::Get, &path);
    assert_eq!(page.status, 200);
    assert!(
        text(&page).contains(
            "<p dir=\"auto\">Varsågod: The spring guide</p><form method=\"post\"><button>Ladda ner"
        )
    );
    assert!(text(&page).contains("Länken gäller till 2026-11-29."));
    assert!(!text(&page).contains(GUIDE));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("form-action 'self' https:;"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(downloads(&site), [[json!(0)]], "a page that is opened does nothing");

    for count in 1..=3 {
        let given = at(&site, Method::Post, &path);
        assert_eq!((given.status, given.header("location")), (303, Some(GUIDE)));
        assert_eq!(downloads(&site), [[json!(count)]]);
        site.pass(MINUTE);
    }
    let lead_id = site.received()[0].body["data"]["lead_id"].clone();
    assert_eq!(
        engaged(&site),
        [json!({
            "type": "lead.engaged", "timestamp": "2026-11-22T14:00:00.000Z",
            "data": { "lead_id": lead_id, "campaign": "guide", "engagement": {
                "kind": "download", "title": "The spring guide", "at": "2026-11-22T14:00:00.000Z",
            } },
        })]
    );
    assert_eq!(site.states(), counts(&[("delivered", 1)]));
    site.adds_up(LEDGER);
}

#[test]
fn a_file_is_named_by_the_campaign_alone_and_given_as_one() {
    let site = Site::new(&[guide_with(by_file())]);
    let path = link(&site.post("guide", ANN));
    let missing = at(&site, Method::Post, &path);
    assert_eq!((missing.status, missing.header("retry-after")), (503, Some("5")));
    assert!(text(&missing).contains("Filen finns inte just nu."), "{}", text(&missing));
    assert_eq!(downloads(&site), [[json!(0)]]);

    site.put_file("guides/spring.pdf");
    let given = at(&site, Method::Post, &format!("{path}?file=other"));
    assert_eq!((given.status, given.file.as_deref()), (200, Some("guides/spring.pdf")));
    let disposition = given.header("content-disposition").expect("a disposition");
    assert!(disposition.starts_with("attachment; filename=\"spring.pdf\""), "{disposition}");
    assert_eq!(
        (given.header("cache-control"), given.header("x-content-type-options")),
        (Some("no-store"), Some("nosniff"))
    );
    assert_eq!(downloads(&site), [[json!(1)]]);
}

#[test]
fn a_link_ends_and_opens_nothing_else() {
    let other = guide_with(json!({ "id": "other", "ledger": "elsewhere", "magnet": by_url()["magnet"] }));
    let sibling = guide_with(json!({ "id": "sibling", "magnet": by_url()["magnet"] }));
    let site = Site::new(&[guide_with(by_file()), other, sibling, guide_with(json!({ "id": "bare" }))]);
    site.put_file("guides/spring.pdf");
    let path = link(&site.post("guide", ANN));
    let token = path.rsplit('/').next().expect("a token");
    let parts: Vec<&str> = token.split('.').collect();
    let [format, key, sealed] = parts[..] else { panic!("{token}") };
    let other = if sealed.starts_with('A') { "B" } else { "A" };
    let forged = [
        format!("/d/guide/{format}.{key}.{other}{}", &sealed[1..]),
        format!("/d/guide/{format}.{key}.{}", &sealed[1..]),
        format!("/d/guide/{format}.other.{sealed}"),
        format!("/d/guide/1.{key}.{sealed}"),
        format!("/d/guide/3.{key}.{sealed}"),
        format!("/d/guide/{key}.{sealed}"),
        format!("/d/guide/{sealed}"),
        format!("/d/other/{token}"),
        format!("/d/sibling/{token}"),
        format!("/d/bare/{token}"),
    ];
    for method in [Method::Get, Method::Post] {
        for path in &forged {
            assert_eq!(at(&site, method, path).status, 410, "{path}");
        }
    }
    assert_eq!(at(&site, Method::Get, &format!("/d/nothing/{token}")).status, 404);
    for method in [Method::Put, Method::Options, Method::Other] {
        let response = at(&site, method, &path);
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, POST")));
    }
    site.pass(2 * DAY);
    assert_eq!(at(&site, Method::Post, &path).status, 200);
    site.pass(HOUR);
    for method in [Method::Get, Method::Post] {
        assert_eq!(at(&site, method, &path).status, 410);
    }
    assert_eq!(downloads(&site), [[json!(1)]]);
}

#[test]
fn a_browser_finds_the_button_on_the_thanks_page() {
    let site = Site::new(&[guide_with(by_url())]);
    let chrome = |body: &str| RawRequest {
        accept: Some("text/html".to_owned()),
        ..request(Method::Post, "/c/guide", FORM, body)
    };
    let response = site.send(&chrome(ANN));
    let to = response.header("location").expect("a page").to_owned();
    let page = text(&at(&site, Method::Get, &to));
    let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a button");
    assert_eq!(at(&site, Method::Post, action).status, 303);
    // What somebody else has put into the address is not shown.
    for wrong in ["/c/guide/thanks?d=%22%3E%3Cscript%3E", "/c/guide/thanks?d=sub_x.1.k1.x", "/c/guide/thanks"]
    {
        let page = text(&at(&site, Method::Get, wrong));
        assert!(!page.contains("<form") && !page.contains("<script"), "{page}");
    }
    // A page of the company's own gets nothing that could be passed on.
    site.republish(&guide_with(json!({
        "id": "own", "magnet": by_url()["magnet"], "thanks_url": "https://www.example.com/thanks",
    })));
    let response = site.send(&RawRequest { path: "/c/own".to_owned(), ..chrome(ANN) });
    assert_eq!(response.header("location"), Some("https://www.example.com/thanks"));
}

/// Returns a response without the ids, which follow from the content.
fn shape(response: &Response) -> (u16, Vec<String>, Value, usize) {
    let answer = body(response);
    let keys = answer.as_object().expect("an object").keys().cloned().collect();
    let expires_at = answer["download"]["expires_at"].clone();
    (response.status, keys, expires_at, link(response).len())
}

#[test]
fn the_link_does_not_tell_whether_somebody_is_known() {
    let site = Site::new(&[guide_with(by_url())]);
    site.accept("guide", "email=sue%40example.com&consent.newsletter=2026-11");
    site.order("erase", &json!({ "email": "sue@example.com" }));
    let fresh = site.post("guide", ANN);
    let known = site.post("guide", &format!("{ANN}&name=Ann"));
    let repeat = site.post("guide", ANN);
    let suppressed = site.post("guide", "email=sue%40example.com&consent.newsletter=2026-11");
    let junk = site.post(
        "guide",
        "email=eve%40example.com&name=www.spam.example&contact_website=x&consent.newsletter=2026-11",
    );
    site.ring();
    assert_eq!(
        site.states(),
        counts(&[("delivered", 1), ("duplicate", 1), ("erased", 1), ("suppressed", 1), ("quarantined", 1)])
    );
    for response in [&known, &repeat, &suppressed, &junk] {
        assert_eq!(shape(response), shape(&fresh));
    }
    // It opens the same for each of them, and nothing is kept of those of whom nothing may be.
    for response in [&suppressed, &junk, &fresh, &known] {
        let given = at(&site, Method::Post, &link(response));
        assert_eq!((given.status, given.header("location")), (303, Some(GUIDE)));
    }
    site.ring();
    let lead_id = site.received()[0].body["data"]["lead_id"].clone();
    assert!(engaged(&site).iter().all(|event| event["data"]["lead_id"] == lead_id));
    assert_eq!(downloads(&site).len(), 2);
}

#[test]
fn a_destination_hears_of_it_once_whatever_it_was_known_by_before() {
    let site = Site::new(&[guide_with(edited(by_url(), json!({ "dedupe": { "on_repeat": "update" } })))]);
    let response = site.post("guide", ANN);
    site.ring();
    site.execute(LEDGER, "UPDATE delivery SET receiver = substr(receiver, instr(receiver, '.') + 1)");
    site.deliver("guide", &format!("{ANN}&name=Ann"));
    assert_eq!(at(&site, Method::Post, &link(&response)).status, 303);
    site.ring();
    assert_eq!(engaged(&site).len(), 1);
}

#[test]
fn what_is_released_is_recognised_by_the_link_that_it_got() {
    let site = Site::new(&[guide_with(by_url())]);
    let junk = "email=eve%40example.com&name=www.spam.example&contact_website=x&consent.newsletter=2026-11";
    let response = site.post("guide", junk);
    let id = body(&response)["submission_id"].clone();
    site.order("quarantine/release", &json!({ "submission_ids": [id] }));
    site.ring();
    assert_eq!(at(&site, Method::Post, &link(&response)).status, 303);
    site.ring();
    assert_eq!(site.story(), ["qualified guide of 1", "engaged guide of 1"]);
}

#[test]
fn with_double_opt_in_the_link_is_behind_the_confirmation() {
    let site = Site::new(&[confirmed_guide(by_url())]);
    let response = site.post("guide", ANN);
    assert!(body(&response)["download"].is_null());
    site.ring();
    let (_, confirm, _) = site.mails()[0].clone();
    let path = confirm.strip_prefix(PUBLIC_URL).expect("a link of ours").to_owned();
    assert!(!text(&at(&site, Method::Get, &path)).contains("/d/guide/"));
    let page = text(&at(&site, Method::Post, &path));
    let action = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a button");
    site.ring();
    assert_eq!(at(&site, Method::Post, action).status, 303);
    site.ring();
    assert_eq!(engaged(&site).len(), 1);
}

#[test]
fn nobody_hears_of_it_without_the_consent_that_they_need() {
    let site = Site::new(&[guide_with(by_url())]);
    let response = site.post("guide", ANN);
    site.ring();
    let lead_id = site.received()[0].body["data"]["lead_id"].as_str().expect("an id").to_owned();
    let withdraw = site.received()[0].body["data"]["consent"][0]["withdraw_url"].clone();
    // The event waits while the receiver is down, and the consent goes meanwhile.
    site.set_receiver(ReceiverMode::Down);
    assert_eq!(at(&site, Method::Post, &link(&response)).status, 303);
    site.ring();
    let path = withdraw.as_str().and_then(|url| url.strip_prefix(PUBLIC_URL)).expect("a link").to_owned();
    assert_eq!(at(&site, Method::Post, &path).status, 200);
    site.set_receiver(ReceiverMode::Up);
    site.pass(HOUR);
    assert_eq!(engaged(&site), Vec::<Value>::new());
    let kinds: Vec<_> = site.received().iter().map(|one| one.body["type"].clone()).collect();
    assert_eq!(kinds, ["lead.qualified", "consent.withdrawn"], "{lead_id}");

    // Downloaded again by another submission after the withdrawal: nothing goes out either.
    site.adds_up(LEDGER);
}

#[test]
fn who_is_erased_leaves_no_download_behind_and_whoever_asks_sees_theirs() {
    let site = Site::new(&[guide_with(by_url())]);
    let path = link(&site.post("guide", ANN));
    site.ring();
    at(&site, Method::Post, &path);
    let held = site.order("access", &json!({ "email": "ann@example.com" }));
    let shown = &held["ledgers"][0]["leads"][0]["downloads"];
    assert_eq!(shown[0]["downloads"], 1, "{held}");
    site.order("erase", &json!({ "email": "ann@example.com" }));
    assert_eq!(downloads(&site), Vec::<Vec<Value>>::new());
    assert_eq!(at(&site, Method::Post, &path).status, 303, "the link tells nothing");
    site.ring();
    assert_eq!(engaged(&site).len(), 0);
    site.adds_up(LEDGER);
}

#[test]
fn what_cannot_be_recorded_is_not_given() {
    let site = Site::new(&[guide_with(by_url())]);
    let path = link(&site.post("guide", ANN));
    let response = site.with_ledger(LedgerMode::LosesRequests, || at(&site, Method::Post, &path));
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
    assert_eq!(at(&site, Method::Post, &path).status, 303);
}

#[test]
fn who_is_known_no_more_leaves_no_row() {
    let site = Site::new(&[guide_with(by_url())]);
    site.accept("guide", ANN);
    site.ring();
    assert_eq!(downloads(&site).len(), 1);
    site.pass(200 * DAY);
    site.ring();
    assert_eq!(downloads(&site), Vec::<Vec<Value>>::new());
}

#[test]
fn a_magnet_is_a_file_or_an_address() {
    let problems = |magnet: Value| -> Vec<String> {
        let file = guide_with(json!({ "magnet": magnet }));
        let refused = leadhook::campaign::Campaign::accept(&file).err().unwrap_or_default();
        refused.iter().map(ToString::to_string).collect()
    };
    assert_eq!(problems(json!({ "title": "A", "file": "a/b.pdf" })), Vec::<String>::new());
    let neither = "magnet: needs file or url, and not both";
    assert_eq!(problems(json!({ "title": "A" })), [neither]);
    assert_eq!(problems(json!({ "title": "A", "file": "a", "url": GUIDE })), [neither]);
    for key in ["", "/a", "a//b", "../a", "a/./b", "a\nb", "a/"] {
        let told = problems(json!({ "title": "A", "file": key }));
        assert_eq!(
            told,
            ["magnet.file: must be the key of a file in the bucket, as in guides/spring.pdf"],
            "{key:?}"
        );
    }
    assert_eq!(
        problems(json!({ "url": "http://example.com/x", "valid_days": 0, "size": 1 })),
        [
            "magnet.size: is unknown; known are title, file, url, valid_days",
            "magnet.title: is required: one line of up to 200 characters",
            "magnet.url: must be https",
            "magnet.valid_days: must be 1 to 90",
        ]
    );
}
