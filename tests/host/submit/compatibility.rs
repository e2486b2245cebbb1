//! Compatibility with what browsers, frameworks, mail programs and people in a hurry send.

use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::testing::world::{PUBLIC_URL, request};
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=2026-11";

fn asking_for_html(path: &str) -> RawRequest {
    let accept = Some("text/html,application/xhtml+xml,*/*;q=0.8".to_owned());
    RawRequest { accept, ..request(Method::Get, path, "", "") }
}

fn leads_to(response: &Response) -> (u16, Option<&str>) {
    (response.status, response.header("location"))
}

#[test]
fn a_browser_finds_the_form_however_its_address_is_written() {
    let site = Site::new(&[guide()]);
    for path in ["/f/Guide", "/f/guide/", "/f/guide.", "/f/GUIDE)%22", "/f/guide%E2%80%9D", "/f/guide,"] {
        assert_eq!(leads_to(&site.send(&asking_for_html(path))), (303, Some("/f/guide")), "{path}");
    }
    let told = asking_for_html("/f/Guide?utm_source=x&y=%26");
    assert_eq!(leads_to(&site.send(&told)), (303, Some("/f/guide?utm_source=x&y=%26")));
    let endpoint = site.send(&asking_for_html("/c/guide?utm_source=x"));
    assert_eq!(leads_to(&endpoint), (303, Some("/f/guide?utm_source=x")));
    assert_eq!(
        site.send(&request(Method::Get, "/c/guide", "", "")).status,
        200,
        "a program wants the criteria"
    );
    assert_eq!(site.send(&asking_for_html("/c/nothing")).status, 404);
    assert_eq!(site.send(&asking_for_html("/f/nothing")).status, 404);
    let text_alone =
        RawRequest { accept: Some("text/*".to_owned()), ..request(Method::Post, "/c/guide", FORM, ANN) };
    assert_eq!(leads_to(&site.send(&text_alone)), (303, Some("/c/guide/thanks")));
}

#[test]
fn a_link_works_with_what_programs_take_for_a_part_of_it() {
    let magnet = json!({ "title": "Guide", "url": "https://www.example.com/g.pdf" });
    let site = Site::new(&[guide_with(json!({ "magnet": magnet }))]);
    let posted = body(&site.post("guide", ANN));
    site.ring();
    let path = |url: &Value| url.as_str().expect("a link").strip_prefix(PUBLIC_URL).expect("ours").to_owned();
    let download = path(&posted["download"]["url"]);
    let withdraw = path(&site.received()[0].body["data"]["consent"][0]["withdraw_url"]);
    for tail in [".", ")", "%3E", ">", "%22", "'", ".%22", "%E2%80%9D", ",", ").", "%C2%BB", ";", "!", "*"] {
        for link in [&download, &withdraw, &format!("{withdraw}/receipt")] {
            let page = site.send(&request(Method::Get, &format!("{link}{tail}"), "", ""));
            assert_eq!(page.status, 200, "{link}{tail}");
        }
    }
    let given = site.send(&request(Method::Post, &format!("{download}."), FORM, ""));
    assert_eq!(leads_to(&given), (303, Some("https://www.example.com/g.pdf")));
    assert_eq!(site.send(&request(Method::Post, &format!("{withdraw})."), FORM, "")).status, 200);
    assert_eq!(site.send(&request(Method::Get, &format!("{download}x"), "", "")).status, 410);
}

#[test]
fn what_is_not_decoded_is_415() {
    let site = Site::new(&[guide()]);
    let packed = |coding: &str, path: &str, method| {
        let content_encoding = Some(coding.to_owned());
        site.send(&RawRequest { content_encoding, ..request(method, path, FORM, "\u{1f}\0\0") }).status
    };
    for coding in ["gzip", "br", "deflate", "zstd", "identity, gzip"] {
        assert_eq!(packed(coding, "/c/guide", Method::Post), 415, "{coding}");
        assert_eq!(packed(coding, "/admin/api/campaigns/guide", Method::Put), 415, "{coding}");
    }
    let plain = RawRequest {
        content_encoding: Some("identity".to_owned()),
        ..request(Method::Post, "/c/guide", FORM, ANN)
    };
    assert_eq!(site.send(&plain).status, 202);
    let part = "--b\r\nContent-Disposition: form-data; name=email\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--b--\r\n";
    let coded = request(Method::Post, "/c/guide", "multipart/form-data; boundary=b", part);
    assert_eq!(site.send(&coded).status, 415);
    let latin = request(Method::Post, "/c/guide", FORM, "_charset_=x-unknown&email=a");
    assert_eq!(site.send(&latin).status, 415);
}

#[test]
fn a_page_in_an_old_charset_says_so() {
    let site = Site::new(&[guide_with(json!({ "unknown_fields": "refuse" }))]);
    site.deliver("guide", &format!("{ANN}&_charset_=windows-1252&name=%C5sa+%93%96%94"));
    assert_eq!(site.received()[0].body["data"]["answers"], json!({ "name": "Åsa “–”" }));
    site.deliver("guide", "email=bob%40example.com&consent.newsletter=on&_charset_=UTF-8&name=%C3%85sa");
    assert_eq!(site.received()[1].body["data"]["answers"], json!({ "name": "Åsa" }));
}

#[test]
fn half_a_character_costs_no_lead() {
    let site = Site::new(&[guide()]);
    let sent = r#"{"email":"ann@example.com","consent":{"newsletter":true,"call":null},"name":"Ann \ud83d","utm_source":"a\udc4d","phone":null}"#;
    assert_eq!(site.send(&request(Method::Post, "/c/guide", "application/json", sent)).status, 202);
    site.ring();
    assert_eq!(site.received()[0].body["data"]["answers"], json!({ "name": "Ann \u{fffd}" }));
}

#[test]
fn a_page_is_not_changed_on_its_way() {
    let site = Site::new(&[guide()]);
    for path in ["/f/guide", "/c/guide/thanks", "/f/nothing"] {
        let response = site.send(&asking_for_html(path));
        assert!(
            response.header("cache-control").is_some_and(|caching| caching.contains("no-transform")),
            "{path}"
        );
    }
}

#[test]
fn a_number_in_no_plan_is_a_sign_and_costs_no_lead() {
    let strict = json!([
        { "name": "email", "kind": "email", "required": true },
        { "name": "phone", "kind": "phone", "strict": true },
    ]);
    let site = Site::new(&[guide(), guide_with(json!({ "id": "strict", "field": strict, "score": null }))]);
    let form = format!("{ANN}&phone=%2B1+436+555+0100");
    site.deliver("guide", &form);
    let data = &site.received()[0].body["data"];
    assert_eq!(data["contact"]["phone"], "+14365550100");
    let signals: Vec<_> = data["signals"].as_array().expect("signals").iter().map(|s| &s["signal"]).collect();
    assert!(signals.contains(&&json!("phone_unlisted")), "{signals:?}");
    assert_eq!(problems(&site.post("strict", &form)), ["phone invalid_phone"]);
    assert_eq!(site.post("strict", &format!("{ANN}&phone=070-174+06+05")).status, 202);
}

#[test]
fn names_in_other_letters_are_read_where_none_is_exact() {
    let site = Site::new(&[guide_with(json!({ "unknown_fields": "refuse" }))]);
    site.deliver(
        "guide",
        "Email=ann%40example.com&Consent.Newsletter=on&UTM_Source=x&utm_source=y&Page_Url=https://a.example/b?c&name=&Name=Ann",
    );
    let data = &site.received()[0].body["data"];
    assert_eq!(data["attribution"], json!({ "utm_source": "y", "page_url": "https://a.example/b" }));
    assert_eq!(data["answers"], json!({ "name": "Ann" }));
    let sent = r#"{"EMAIL":"bob@example.com","Consent":{"Newsletter":1.0,"call":0.0}}"#;
    assert_eq!(site.send(&request(Method::Post, "/c/guide", "application/json", sent)).status, 202);
}

#[test]
fn a_text_that_is_far_too_long_is_not_composed() {
    let site = Site::new(&[guide()]);
    // To compose so many marks takes time by the square of their number.
    let marks = "%CC%81%CC%A3".repeat(1_500);
    let response = site.post("guide", &format!("{ANN}&name=a{marks}&size=a{marks}&utm_source=a{marks}"));
    assert_eq!(problems(&response), ["name too_long", "size not_a_choice"]);
    let blanks = "+".repeat(5_000);
    site.deliver("guide", &format!("{ANN}&name={blanks}Ann{blanks}"));
    assert_eq!(site.received()[0].body["data"]["answers"], json!({ "name": "Ann" }));
}

#[test]
fn a_path_is_decoded_before_it_is_cut() {
    let site = Site::new(&[guide(), guide_with(json!({ "id": "guide-two" }))]);
    for (path, to) in [
        ("/f/guide%2Dtwo", "/f/guide-two"),
        ("/f/%67uide", "/f/guide"),
        ("/c/Guide", "/f/guide"),
        ("/c/guide/", "/f/guide"),
        ("/c/guide)", "/f/guide"),
    ] {
        assert_eq!(leads_to(&site.send(&asking_for_html(path))), (303, Some(to)), "{path}");
    }
    assert_eq!(site.send(&asking_for_html("/c/guide/thanks.")).status, 200);
    assert_eq!(
        site.send(&request(Method::Get, "/c/Guide", "", "")).status,
        404,
        "a program means what it says"
    );
}
