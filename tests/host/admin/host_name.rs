//! The host name of operators: nothing of theirs is answered elsewhere, and nothing of visitors' there.

use leadhook::base::crypto::base64;
use leadhook::http::request::{Method, RawRequest};
use leadhook::settings::Settings;
use leadhook::testing::world::{PUBLIC_HOST, request};

use crate::support::*;

const ADMIN_HOST: &str = "admin.example.com";
const OPERATORS: &[(Method, &str)] = &[
    (Method::Get, "/admin"),
    (Method::Get, "/admin.html"),
    (Method::Get, "/admin.js"),
    (Method::Get, "/admin.css"),
    (Method::Get, "/admin/api/counters"),
    (Method::Get, "/admin/api/campaigns/guide"),
    (Method::Post, "/admin/api/access"),
];
const VISITORS: &[(Method, &str)] = &[
    (Method::Get, "/c/guide"),
    (Method::Post, "/c/guide"),
    (Method::Options, "/c/guide"),
    (Method::Get, "/c/guide/thanks"),
    (Method::Get, "/f/guide"),
    (Method::Get, "/d/guide/x"),
    (Method::Get, "/confirm/guide/x"),
    (Method::Get, "/withdraw/guide/x"),
    (Method::Post, "/withdraw/guide/x"),
    (Method::Get, "/withdraw/guide/x/receipt"),
    (Method::Get, "/openapi.json"),
    (Method::Get, "/.well-known/jwks.json"),
];

fn status(site: &Site, host: &str, (method, path): (Method, &str)) -> u16 {
    let asked = request(method, path, "application/json", r#"{"email":"ann@example.com"}"#);
    let response = site.send(&RawRequest { host: host.to_owned(), ..asked });
    // The platform has the files, which are not in memory.
    if response.is_asset { 200 } else { response.status }
}

#[test]
fn operators_have_a_host_of_their_own_and_visitors_the_others() {
    let mut site = Site::new(&[guide()]);
    for asked in OPERATORS.iter().chain(VISITORS) {
        let [one, other] = [PUBLIC_HOST, ADMIN_HOST].map(|host| status(&site, host, *asked));
        assert_eq!(one, other, "without a host of their own every host answers: {asked:?}");
        assert_ne!(one, 404, "{asked:?}");
    }
    site.set_settings(|settings| settings.admin_host = Some(ADMIN_HOST.to_owned()));
    for asked in OPERATORS {
        assert_ne!(status(&site, ADMIN_HOST, *asked), 404, "{asked:?}");
        for host in [PUBLIC_HOST, "leadhook.account.workers.dev", "admin.example.com:8443", ""] {
            assert_eq!(status(&site, host, *asked), 404, "{asked:?} at {host}");
        }
    }
    for asked in VISITORS {
        assert_eq!(status(&site, ADMIN_HOST, *asked), 404, "{asked:?}");
        for host in [PUBLIC_HOST, "leadhook.account.workers.dev"] {
            assert_ne!(status(&site, host, *asked), 404, "{asked:?} at {host}");
        }
    }
    for host in [PUBLIC_HOST, ADMIN_HOST] {
        assert_eq!(status(&site, host, (Method::Get, "/healthz")), 200);
        assert_eq!(status(&site, host, (Method::Get, "/adminx")), 404);
        assert_eq!(status(&site, host, (Method::Get, "/")), 404);
    }
}

#[test]
fn the_page_is_read_and_nothing_else() {
    let site = Site::new(&[guide()]);
    let response = site.send(&request(Method::Post, "/admin", FORM, "token=x"));
    assert_eq!((response.status, response.header("allow")), (405, Some("GET")));
    assert!(!site.send(&request(Method::Get, "/admin/", "", "")).is_asset);
}

#[test]
fn what_is_no_host_counts_as_not_set_and_keeps_no_lead_out() {
    let read = |host: &str| {
        Settings::read(|name| match name {
            "LEADHOOK_PEPPERS" | "LEADHOOK_SEALING_KEYS" => Some(format!("k1:{}", base64(&[7; 32]))),
            "LEADHOOK_PUBLIC_URL" => Some("https://leads.example.com/".to_owned()),
            "LEADHOOK_ADMIN_HOST" => Some(host.to_owned()),
            _ => None,
        })
    };
    for (given, host) in [
        ("admin.example.com", Some("admin.example.com")),
        ("Admin.Example.COM:443", Some("admin.example.com")),
        ("127.0.0.1:8787", Some("127.0.0.1:8787")),
        ("", None),
    ] {
        assert_eq!(read(given).expect("settings").admin_host.as_deref(), host, "{given}");
    }
    for wrong in [
        "https://admin.example.com",
        "admin.example.com/admin",
        "me@admin.example.com",
        "admin example.com",
        "leads.example.com",
        "LEADS.example.com:443",
    ] {
        let settings = read(wrong).expect("settings");
        assert_eq!((settings.admin_host, settings.is_admin_host_wrong), (None, true), "{wrong}");
    }
    let mut site = Site::new(&[guide()]);
    site.set_settings(|settings| settings.is_admin_host_wrong = true);
    let told = site.admin(Method::Get, "doctor")["findings"].to_string();
    assert!(told.contains("admin_host_wrong"), "{told}");
}
