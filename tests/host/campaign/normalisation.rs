//! Normalisation: addresses, versions and answers are kept and sent as they were parsed, and what publishing refuses
//! does no harm where it lies in KV already.

use leadhook::app::ports::Ports as _;
use leadhook::base::crypto::sha256_hex;
use leadhook::campaign::{Campaign, Source};
use leadhook::http::request::{Method, RawRequest};
use leadhook::http::response::Response;
use leadhook::settings::Settings;
use leadhook::testing::world::request;
use pollster::block_on;
use serde_json::{Value, json};

use crate::support::*;

const ANN: &str = "email=ann%40example.com&consent.newsletter=on";

/// The places of a file's problems, each once.
fn refused(file: &Value) -> Vec<String> {
    let problems = Campaign::accept(file).err().unwrap_or_default();
    problems.into_iter().map(|problem| problem.path).collect()
}

/// A site on which a campaign lies in KV that nobody would publish any more.
fn stored(file: &Value) -> Site {
    let site = Site::new(&[guide()]);
    let text = json!({ "format": 1, "campaign": file }).to_string();
    block_on(site.kv_put("campaign/v1/guide", &text)).expect("KV");
    site.pass(MINUTE);
    site
}

fn get(site: &Site, path: &str) -> Response {
    site.send(&request(Method::Get, path, "", ""))
}

fn browsers_post(site: &Site, form: &str) -> Response {
    let accept = Some("text/html,*/*;q=0.8".to_owned());
    site.send(&RawRequest { accept, ..request(Method::Post, "/c/guide", FORM, form) })
}

fn controller(changes: Value) -> Value {
    edited(guide()["controller"].clone(), changes)
}

#[test]
fn a_file_with_every_such_mistake_is_told_all_of_them() {
    let file = json!({
        "id": "guide", "title": "x\ny", "origins": ["https://a;script-src", "https://ok.example.com", "https://*.example.com"],
        "thanks_url": "https://www.example.com/ok\nset-cookie: a=b", "default_country": "SE\n",
        "controller": {
            "name": "A\u{1b}[2J", "email": "a@b.example\nx", "privacy_notice": "https://a,b.example.com/",
            "privacy_notice_version": " 1", "phone": "1\n2", "address": "Street 1\n12345 Town", "country": " SE",
        },
        "field": [
            { "name": "email", "kind": "email", "required": true, "label": "E\u{202e}liam" },
            { "name": "size", "kind": "choice", "choices": ["1", "2\n"] },
        ],
        "purpose": [
            { "id": "n", "text": "Yes\u{0}", "version": "1\n2", "channel": "email ", "category": "a\u{85}b" },
            { "id": "m", "text": "Yes,\n\tboth.\r\n", "version": "1 " },
        ],
        "page": { "logo": "https://x.example.com'/l.svg", "intro": "One.\n\nTwo.", "thanks": "\u{7f}", "button": "a\tb" },
        "magnet": { "title": "x", "url": "https://www.example.com/\u{0}" },
        "score": [{ "rule": "a\nb", "points": 1, "when": { "field": "email", "is": "a\u{9b}b" } }],
        "destination": [
            { "name": "crm", "url": "https://crm$.example.com/", "secret": "CRM_SECRET" },
            { "name": "long", "url": format!("https://crm.example.com/{}", "å".repeat(400)), "secret": "CRM_SECRET" },
            { "name": "mail", "kind": "email", "url": "https://mail.example.com/", "secret": "TOKEN",
              "body": { "to": "{to}", "text": "{text}\n", "bad\u{1}": "b\u{2}" } },
        ],
        "double_opt_in": { "destination": "mail", "subject": "S", "text": "{confirm_link}\n{withdraw_link}\u{1b}" },
    });
    let mut paths = refused(&file);
    paths.sort();
    let mut expected = [
        "title",
        "origins[0]",
        "origins[2]",
        "thanks_url",
        "controller.name",
        "controller.email",
        "controller.privacy_notice",
        "controller.phone",
        "field[0].label",
        "purpose[0].text",
        "purpose[0].version",
        "purpose[0].category",
        "page.logo",
        "page.thanks",
        "page.button",
        "magnet.url",
        "score[0].rule",
        "score[0].when.is",
        "destination[0].url",
        "destination[1].url",
        "destination[2].body.bad\u{1}",
        "double_opt_in.text",
    ];
    expected.sort_unstable();
    assert_eq!(paths, expected);
}

#[test]
fn an_address_of_the_controller_is_one_as_it_is_written() {
    let email =
        |email: &str| refused(&guide_with(json!({ "controller": controller(json!({ "email": email })) })));
    for good in ["Privacy@Example.com", "info@blåbär.example", " a@example.com", "a@example.com\n"] {
        assert_eq!(email(good), [""; 0], "{good}");
    }
    for bad in [
        "a@b",
        "a b@example.com",
        "@@@@",
        "a@exam\u{ad}ple.com",
        "A <a@example.com>",
        "a@exa\u{200b}mple.com",
    ] {
        assert_eq!(email(bad), ["controller.email"], "{bad:?}");
    }
}

#[test]
fn blanks_around_an_address_are_no_part_of_it() {
    let around = |url: &str| format!("\n  {url}\u{a0}\r\n");
    let file = guide_with(json!({
        "origins": [around("https://www.example.com")], "thanks_url": around("https:www.example.com"),
        "controller": controller(json!({ "privacy_notice": around("https://www.example.com/pri vacy") })),
        "page": { "logo": around("HTTPS://CDN.example.com:443/l.svg") },
        "magnet": { "title": "x", "url": around("https://www.example.com/vår.pdf") },
        "destination": [destination("crm", &around("https://crm.example.com/a b"))],
    }));
    let campaign = campaign(&file);
    assert_eq!(campaign.origins, ["https://www.example.com"]);
    assert_eq!(campaign.thanks_url.as_deref(), Some("https://www.example.com/"));
    assert_eq!(campaign.privacy_notice, "https://www.example.com/pri%20vacy");
    let logo = campaign.page.logo.as_ref().expect("a logo");
    assert_eq!((&*logo.url, &*logo.origin), ("https://cdn.example.com/l.svg", "https://cdn.example.com"));
    let source = &campaign.magnet.as_ref().expect("a magnet").source;
    assert_eq!(*source, Source::Url("https://www.example.com/v%C3%A5r.pdf".to_owned()));
    assert_eq!(campaign.destinations[0].url, "https://crm.example.com/a%20b");

    let site = Site::new(&[file]);
    let response = browsers_post(&site, ANN);
    assert_eq!((response.status, response.header("location")), (303, Some("https://www.example.com/")));
    let criteria = body(&get(&site, "/c/guide"));
    assert_eq!(criteria["thanks_url"], "https://www.example.com/");
    assert_eq!(criteria["privacy_notice"], "https://www.example.com/pri%20vacy");
    site.ring();
    let received = &site.received()[0];
    assert_eq!(received.url, "https://crm.example.com/a%20b");
    assert_eq!(received.body["data"]["consent"][0]["notice"]["url"], "https://www.example.com/pri%20vacy");
}

#[test]
fn what_was_published_keeps_its_digests() {
    // Bare hosts get a slash from a parser; digests are of what was written.
    let bare = json!({
        "controller": controller(json!({ "privacy_notice": "https://www.example.com" })),
        "destination": [destination("crm", "https://crm.example.com")],
    });
    let site = Site::new(&[guide_with(bare)]);
    site.deliver("guide", ANN);
    let written = r#"{"email":"privacy@example.com","name":"Example AB","privacy_notice":"https://www.example.com","privacy_notice_version":"3"}"#;
    let consent = site.received()[0].body["data"]["consent"][0].clone();
    assert_eq!(
        consent["notice"],
        json!({ "url": "https://www.example.com", "version": "3", "sha256": sha256_hex(written) })
    );
    let receiver = site.rows("example-ab", "SELECT receiver FROM delivery").remove(0).remove(0);
    let digest = sha256_hex("https://crm.example.com")[..16].to_owned();
    assert_eq!(receiver, json!(format!("{digest}.{digest}")), "its origin and its address");
    let terms = site.rows("example-ab", "SELECT digest FROM terms ORDER BY digest");
    assert_eq!(
        json!(terms),
        json!([
            ["QbQPvLBRKabtovpargS_yPnIMtbxLSoEf65CsKt-Gf8"],
            ["uZjJXEoP5ZmCpmrYA8Qj0NHkHWOrPH7GjfqT90hwVvA"]
        ])
    );
}

#[test]
fn a_line_break_that_lies_in_kv_sets_no_header() {
    for (thanks_url, location) in [
        ("https://www.example.com/thanks\n", "https://www.example.com/thanks"),
        (
            "https://www.example.com/ok\nset-cookie\npwn=1; Path=/\nx-red\ninjected",
            "https://www.example.com/okset-cookiepwn=1;%20Path=/x-redinjected",
        ),
        ("https://www.example.com/ok\r\nset-cookie: a=b", "https://www.example.com/okset-cookie:%20a=b"),
        ("https://www.example.com/ok\tq", "https://www.example.com/okq"),
        ("https:host", "https://host/"),
        ("https://www.example.com/\u{0}\u{7f}✓", "https://www.example.com/%00%7F%E2%9C%93"),
    ] {
        let site = stored(&guide_with(json!({ "thanks_url": thanks_url })));
        let response = browsers_post(&site, ANN);
        assert_eq!((response.status, response.header("location")), (303, Some(location)));
        let names: Vec<_> = response.headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["content-type", "cache-control", "x-content-type-options", "location", "vary"]);
    }
    let site = stored(&guide_with(
        json!({ "magnet": { "title": "x", "url": "https://www.example.com/f\nset-cookie\na=1" } }),
    ));
    let link = body(&site.post("guide", ANN))["download"]["url"].as_str().expect("a link").to_owned();
    let path = link.strip_prefix("https://leads.example.com").expect("ours");
    let given = site.send(&request(Method::Post, path, FORM, ""));
    assert_eq!(
        (given.status, given.header("location")),
        (303, Some("https://www.example.com/fset-cookiea=1"))
    );
}

#[test]
fn a_host_that_lies_in_kv_changes_no_policy() {
    let page = |changes: Value| {
        let response = get(&stored(&guide_with(changes)), "/f/guide");
        assert_eq!(response.status, 200);
        let policy = response.header("content-security-policy").expect("a policy").to_owned();
        (policy, text(&response))
    };
    let (plain, _) = page(json!({ "origins": [] }));
    for host in ["a;script-src", "*.example.com", "x.example.com'", "a,b.example.com", "a\"b", "(a)"] {
        let (policy, _) = page(json!({ "origins": [format!("https://{host}")] }));
        assert_eq!(policy, plain, "{host}");
        let (policy, _) = page(json!({ "origins": [], "page": { "logo": format!("https://{host}/l.svg") } }));
        assert_eq!(policy, plain, "{host}");
        let good = ["https://www.example.com", "https://[2606:4700::1111]:8443"];
        let (policy, _) = page(json!({ "origins": [good[0], format!("https://{host}"), good[1]] }));
        assert!(
            policy.ends_with("frame-ancestors 'self' https://www.example.com https://[2606:4700::1111]:8443"),
            "{policy}"
        );
    }
    let (_, html) = page(json!({
        "controller": controller(json!({ "privacy_notice": "https://www.example.com/ok\njavascript:alert(1)" })),
    }));
    assert!(html.contains("<a href=\"https://www.example.com/okjavascript:alert(1)\">"), "{html}");
}

#[test]
fn a_version_that_lies_in_kv_with_line_breaks_is_named_by_its_form() {
    for (version, sent) in
        [("1\n", "1%0D%0A"), (" 2026-11 ", "2026-11"), ("1\n2", "1%0D%0A2"), ("Nov 2026", "Nov+2026")]
    {
        let purpose = json!([{ "id": "newsletter", "text": "Yes.", "version": version, "required": true }]);
        let site = stored(&guide_with(json!({ "purpose": purpose })));
        site.deliver("guide", &format!("email=ann%40example.com&consent.newsletter={sent}"));
        let consent = &site.received()[0].body["data"]["consent"][0];
        assert_eq!((&consent["version"], &consent["version_shown"]), (&json!(version), &json!(version)));
        assert_eq!(site.post("guide", "email=bob%40example.com&consent.newsletter=3").status, 422);
    }
}

#[test]
fn a_web_address_is_kept_as_it_was_read() {
    let answer = |typed: &str| {
        let site = Site::new(&[guide_with(json!({ "score": null }))]);
        let typed: String = form_urlencoded::byte_serialize(typed.as_bytes()).collect();
        let response = site.post("guide", &format!("{ANN}&site={typed}"));
        if response.status != 202 {
            return Err(problems(&response));
        }
        site.ring();
        Ok(site.received()[0].body["data"]["answers"]["site"].clone())
    };
    for (typed, kept) in [
        ("https://www.example.com/a?b#c", "https://www.example.com/a?b#c"),
        (" HTTPS://Example.COM:443 ", "https://example.com/"),
        ("https:\\\\www.example.com\\x", "https://www.example.com/x"),
        ("https:example.com", "https://example.com/"),
        ("https://exa\nmple.com/\t\u{1b}[2J", "https://example.com/%1B[2J"),
        ("//example.com", "https://example.com/"),
        ("www.example.com", "https://www.example.com/"),
        ("https://blåbär.example/å b", "https://xn--blbr-noae.example/%C3%A5%20b"),
        ("http://127.1/", "http://127.0.0.1/"),
        ("https://my_shop.example.com/", "https://my_shop.example.com/"),
    ] {
        assert_eq!(answer(typed), Ok(json!(kept)), "{typed:?}");
    }
    for typed in [
        "javascript:alert(1)",
        "ftp://example.com/",
        "https://www.bank.example@evil.example/",
        "https://a:b@example.com/",
        "https://a;b/",
        "https://*.example.com/",
        "//example",
        "www.example.com@evil.example",
    ] {
        assert_eq!(answer(typed), Err(vec!["site invalid_url".to_owned()]), "{typed}");
    }
    // Its length is that of what was typed.
    let at_most = |end: &str| format!("https://example.com/{}{end}", "å".repeat(2_028));
    assert!(answer(&at_most("")).is_ok());
    assert_eq!(answer(&at_most("å")), Err(vec!["site too_long".to_owned()]));
}

#[test]
fn a_condition_compares_web_addresses_as_they_are_kept() {
    let when = json!({ "field": "site", "is_one_of": ["https://Example.com", " https://example.org/å "] });
    let file = guide_with(json!({ "score": [{ "rule": "ours", "points": 5, "when": when }] }));
    for site in
        ["https%3A%2F%2Fexample.com", "HTTPS%3A%2F%2FEXAMPLE.COM%2F", "https%3A%2F%2Fexample.org%2F%C3%A5"]
    {
        let world = Site::new(std::slice::from_ref(&file));
        world.deliver("guide", &format!("{ANN}&site={site}"));
        assert_eq!(world.received()[0].body["data"]["score"]["total"], 5, "{site}");
    }
}

#[test]
fn where_a_visitor_came_from_is_kept_without_credentials_and_line_breaks() {
    for (sent, kept) in [
        ("https://www.example.com/prices?token=1#x", Some("https://www.example.com/prices")),
        ("https://www.google.com", Some("https://www.google.com")),
        ("android-app://com.google.android.gm/", Some("android-app://com.google.android.gm/")),
        ("https://ann:secret@www.example.com/a", Some("https://www.example.com/a")),
        ("https:\\\\ann@www.example.com\\a", Some("https://www.example.com/a")),
        ("https://www.example.com/a\nSet-Cookie: b", Some("https://www.example.com/aSet-Cookie:%20b")),
        ("mailto:ann@example.com", None),
        ("ann@example.com", None),
    ] {
        let site = Site::new(&[guide()]);
        let sent: String = form_urlencoded::byte_serialize(sent.as_bytes()).collect();
        site.deliver("guide", &format!("{ANN}&page_url={sent}&first_referrer={sent}"));
        let data = &site.received()[0].body["data"];
        assert_eq!(data["attribution"]["page_url"].as_str(), kept, "{sent}");
        assert_eq!(data["attribution"]["first_referrer"].as_str(), kept, "{sent}");
        assert_eq!(data["consent"][0]["page"].as_str(), kept, "{sent}");
    }
}

#[test]
fn the_public_url_is_read_and_one_that_is_none_counts_as_not_set() {
    let read = |url: &str| {
        let settings = Settings::read(|name| match name {
            "LEADHOOK_PEPPERS" | "LEADHOOK_SEALING_KEYS" => {
                Some("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned())
            }
            "LEADHOOK_PUBLIC_URL" => Some(url.to_owned()),
            _ => None,
        });
        let settings = settings.expect("settings");
        (settings.public_url, settings.is_public_url_wrong)
    };
    for (url, known) in [
        ("https://leads.example.com", "https://leads.example.com"),
        (" HTTPS://Leads.Example.com:443//\n", "https://leads.example.com"),
        ("https://www.example.com/leads/", "https://www.example.com/leads"),
        ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
    ] {
        assert_eq!(read(url), (Some(known.to_owned()), false));
    }
    for url in [
        "leads.example.com",
        "ftp://leads.example.com",
        "https://a:b@leads.example.com",
        "https://a;b",
        "https://leads.example.com/?a",
        "https://leads.example.com/#a",
        "-",
    ] {
        assert_eq!(read(url), (None, true), "{url}");
    }
    assert_eq!(read(""), (None, false));

    let mut site = Site::new(&[guide()]);
    site.set_settings(|settings| (settings.public_url, settings.is_public_url_wrong) = (None, true));
    let findings = site.admin(Method::Get, "doctor")["findings"].clone();
    let told: Vec<_> = findings.as_array().expect("findings").iter().map(|found| &found["problem"]).collect();
    assert_eq!(told, ["public_url_wrong"]);
}

#[test]
fn what_is_refused_only_since_is_served_where_it_lies_in_kv() {
    let never = |when: Value| json!({ "rule": "r", "points": 1, "when": when });
    let file = guide_with(json!({
        "time_zone": "Europe/Stokholm", "language": "svenska", "origins": ["https://*.example.com"],
        "purpose": [{ "id": "newsletter", "text": "Yes.", "version": "yes", "required": true }],
        "score": [
            never(json!({ "about": "country", "is_one_of": ["Sweden", "UK"] })),
            never(json!({ "field": "size", "is": "99+" })),
            never(json!({ "field": "seats", "at_least": 5_000 })),
            never(json!({ "field": "name", "is": "" })),
        ],
    }));
    assert!(!refused(&file).is_empty());
    let site = stored(&file);
    site.deliver("guide", "email=ann%40example.com&consent.newsletter=yes&size=51%2B&country=SE");
    let data = &site.received()[0].body["data"];
    assert_eq!((&data["score"]["total"], &data["consent"][0]["version_shown"]), (&json!(0), &json!("yes")));
}
