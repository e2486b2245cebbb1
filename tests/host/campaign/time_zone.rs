//! The time zone of a campaign: dates on pages, days of the overview.

use leadhook::http::request::{Method, RawRequest};
use leadhook::testing::world::{PUBLIC_URL, START_MS, request};
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";

fn asking_for_html(path: &str) -> RawRequest {
    let accept = Some("text/html,application/xhtml+xml,*/*;q=0.8".to_owned());
    RawRequest { accept, ..request(Method::Get, path, "", "") }
}

#[test]
fn dates_on_pages_are_the_campaigns() {
    let magnet = json!({ "title": "Guide", "url": "https://www.example.com/g.pdf", "valid_days": 1 });
    for (zone, until, since) in [
        (json!("Europe/Stockholm"), "2026-11-24", "2026-11-23"),
        (json!("America/New_York"), "2026-11-23", "2026-11-22"),
        (Value::Null, "2026-11-24", "2026-11-22"),
    ] {
        let mut changes = json!({ "magnet": magnet });
        if zone.is_string() {
            changes["time_zone"] = zone.clone();
        }
        let site = Site::new(&[guide_with(changes)]);
        // In Stockholm half an hour past midnight.
        site.set_clock(START_MS - START_MS.rem_euclid(24 * HOUR) + 23 * HOUR + HOUR / 2 - HOUR);
        site.pass(HOUR);
        let posted = body(&site.post("guide", ANN));
        site.ring();
        let path =
            |url: &Value| url.as_str().expect("a link").strip_prefix(PUBLIC_URL).expect("ours").to_owned();
        let page = text(&site.send(&asking_for_html(&path(&posted["download"]["url"]))));
        assert!(page.contains(until), "{zone}: {until} is not in {page}");
        let withdraw = path(&site.received()[0].body["data"]["consent"][0]["withdraw_url"]);
        let page = text(&site.send(&asking_for_html(&format!("{withdraw}/receipt"))));
        assert!(page.contains(since), "{zone}: {since} is not in {page}");
    }
}

#[test]
fn a_day_of_the_dashboard_is_the_campaigns() {
    let site = Site::new(&[guide_with(json!({ "time_zone": "Europe/Stockholm" }))]);
    let posts = [
        // Two days of 25 and 24 hours: the clocks go back on 25 October at 01:00 UTC.
        "2026-10-24T21:30:00Z",
        "2026-10-24T22:30:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T22:30:00Z",
        "2026-10-25T23:30:00Z",
    ];
    for (n, at) in posts.into_iter().enumerate() {
        site.set_clock(leadhook::base::time::parse_rfc3339(at).expect("a time"));
        site.accept("guide", &format!("email=p{n}%40example.com&consent.newsletter=on"));
    }
    let shown =
        site.admin(Method::Get, "overview?campaign=guide&from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z");
    assert_eq!((&shown["step"], &shown["time_zone"]), (&json!("day"), &json!("Europe/Stockholm")));
    let days: Vec<_> = shown["timeline"]
        .as_object()
        .expect("days")
        .iter()
        .map(|(day, counts)| (day.as_str(), &counts["accepted"]))
        .collect();
    assert_eq!(
        days,
        [
            ("2026-10-23T22:00:00Z", &json!(1)),
            ("2026-10-24T22:00:00Z", &json!(4)),
            ("2026-10-25T23:00:00Z", &json!(1)),
        ]
    );
    let all = site.admin(Method::Get, "overview?from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z");
    assert_eq!(
        (&all["time_zone"], &all["timeline"]["2026-10-24T00:00:00Z"]["accepted"]),
        (&json!("UTC"), &json!(2))
    );
}
