//! Rate limits: by campaign and by network, never by person.

use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::testing::world::{LedgerMode, request};
use serde_json::{Value, json};

use crate::support::*;

fn limited(changes: Value) -> Site {
    Site::new(&[guide_with(json!({ "limits": changes })), guide_with(json!({ "id": "other" }))])
}

fn somebody(number: usize) -> String {
    format!("email=p{number}%40example.com&consent.newsletter=on")
}

fn from_address(site: &Site, campaign: &str, address: &str, form: &str) -> Response {
    let client_address = Some(address.to_owned());
    site.send(&RawRequest { client_address, ..request(Method::Post, &format!("/c/{campaign}"), FORM, form) })
}

fn wait(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.header("retry-after"))
}

#[test]
fn a_campaign_takes_so_many_a_minute_and_says_when_it_takes_more() {
    let site = limited(json!({ "per_minute": 3 }));
    site.pass(20_500);
    for number in 0..3 {
        site.accept("guide", &somebody(number));
    }
    let refused = site.post("guide", &somebody(3));
    assert_eq!(wait(&refused), (429, Some("40")));
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(body(&refused)["status"], 429);
    // The isolate knows it now, and does not ask the ledger.
    site.with_ledger(LedgerMode::LosesRequests, || {
        assert_eq!(wait(&site.post("guide", &somebody(4))), (429, Some("40")));
        assert_eq!(
            wait(&site.post("guide", &somebody(0))),
            (429, Some("40")),
            "who is known is told the same"
        );
        assert_eq!(wait(&site.post("guide", "email=x")), (429, Some("40")), "before anything is read");
    });
    let chrome = Some("text/html,*/*;q=0.8".to_owned());
    let browser = RawRequest { accept: chrome, ..request(Method::Post, "/c/guide", FORM, &somebody(5)) };
    let page = site.send(&browser);
    assert_eq!(
        (wait(&page), page.header("content-type")),
        ((429, Some("40")), Some("text/html; charset=utf-8"))
    );
    site.accept("other", &somebody(6));
    assert_eq!(site.admin(Method::Get, "counters?campaign=guide")["accepted"], 3);
    site.pass(40_000);
    site.accept("guide", &somebody(3));
    let counters = site.admin(Method::Get, "counters?campaign=guide");
    let throttled = counters["approximate"]["rejections"].as_array().expect("rejections").clone();
    assert_eq!(
        throttled,
        [json!({ "campaign": "guide", "field": "", "code": "throttled", "count": 2 })],
        "but for the lost ones"
    );
}

#[test]
fn a_network_takes_its_share_and_leaves_the_rest_to_others() {
    let site = limited(json!({ "network_per_minute": 3 }));
    for (number, address) in ["203.0.113.1", "203.0.113.200", "::ffff:203.0.113.9"].into_iter().enumerate() {
        assert_eq!(from_address(&site, "guide", address, &somebody(number)).status, 202, "{address}");
    }
    assert_eq!(wait(&from_address(&site, "guide", "203.0.113.4", &somebody(3))), (429, Some("60")));
    for (number, address) in
        ["203.0.114.1", "2001:db8::1", "2001:db8:0:ffff::1", "2001:db8::2", "2001:db8::3"]
            .into_iter()
            .enumerate()
    {
        let status = from_address(&site, "guide", address, &somebody(10 + number)).status;
        assert_eq!(status, if number == 4 { 429 } else { 202 }, "{address}");
    }
    assert_eq!(from_address(&site, "guide", "2001:db8:1::1", &somebody(20)).status, 202);
    assert_eq!(from_address(&site, "other", "203.0.113.4", &somebody(21)).status, 202, "another campaign");
    site.accept("guide", &somebody(22));
}

#[test]
fn what_is_no_address_of_the_internet_is_no_network() {
    let site = limited(json!({ "network_per_minute": 1 }));
    for (number, address) in
        ["127.0.0.1", "::1", "10.1.2.3", "100.64.0.1", "fd00::1", "fe80::1", "", "nonsense"]
            .into_iter()
            .enumerate()
    {
        for more in [0, 100] {
            assert_eq!(
                from_address(&site, "guide", address, &somebody(number + more)).status,
                202,
                "{address}"
            );
        }
    }
}

#[test]
fn the_platforms_limit_is_asked_first_and_one_that_fails_keeps_nobody_out() {
    let site = limited(json!({}));
    site.set_within_limits(Some(false));
    site.with_ledger(LedgerMode::LosesRequests, || {
        assert_eq!(wait(&site.post("guide", &somebody(1))), (429, Some("60")));
    });
    site.set_within_limits(None);
    site.accept("guide", &somebody(1));
    site.set_within_limits(Some(true));
    site.accept("guide", &somebody(2));
}
